/** The files beside the Worker (tools/build.ts): what pages load, and the list of free mail domains. */
import paths from "../dist/files.json";
import { isFreeMailKnown, learnFreeMail } from "./core/mail";
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

/**
 * Reads the list, once in the life of an isolate. Whoever comes while it is read reads it too: no request may wait for
 * what another one has begun, for that may be cut off.
 */
export async function readFreeMail(files: Files): Promise<void> {
  if (isFreeMailKnown()) return;
  const answer = await files(paths.freeMail);
  if (!answer.ok) throw new Failure("busy", "The list of mail domains cannot be read at the moment. Try again.");
  learnFreeMail(await answer.arrayBuffer());
}
