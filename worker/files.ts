/** The files beside the Worker (tools/build.ts): what pages load, and what is too large to be carried about. */
import paths from "../dist/files.js";
import { isFreeMailKnown, learnFreeMail } from "./core/mail";
import { areReferrersKnown, learnReferrers } from "./core/referrers";
import { Failure } from "./failure";

/** Answers a file by its path. */
export type Files = (path: string) => Promise<Response>;

export function filesOf(assets: Fetcher | undefined): Files {
  return async (path) => {
    if (!assets) throw new Error("there is no binding ASSETS, by which the files beside the Worker are read");
    // The host is nobody's: only the path counts.
    return await assets.fetch(`https://files.invalid${path}`);
  };
}

/** A file that is to be there; throws `busy` where it cannot be had. */
export async function readFile(files: Files, path: string): Promise<Response> {
  const answer = await files(path);
  if (answer.ok) return answer;
  throw new Failure("busy", "The files beside the Worker cannot be read at the moment. Try again.");
}

/**
 * Reads the lists, once in the life of an isolate. Whoever comes while they are read reads them too: no request may wait
 * for what another one has begun, for that may be cut off.
 */
export async function readLists(files: Files): Promise<void> {
  if (isFreeMailKnown() && areReferrersKnown()) return;
  const [domains, hosts] = await Promise.all([readFile(files, paths.freeMail), readFile(files, paths.referrers)]);
  learnFreeMail(await domains.arrayBuffer());
  learnReferrers(await hosts.json());
}
