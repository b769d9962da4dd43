/**
 * SQLite leaves what was deleted in free pages and in its write-ahead log. On Cloudflare that is the platform's storage;
 * where the database is a file of our own, whoever runs it binds `VACUUM`, which overwrites them (demo/vacuum.ts).
 */
import type { Env } from "./env";

/** Overwrites what was deleted, where that can be done; throws where it failed. */
export async function overwriteDeleted({ VACUUM }: Pick<Env, "VACUUM">): Promise<void> {
  if (!VACUUM) return;
  const answer = await VACUUM.fetch("http://vacuum/", { method: "POST" });
  if (!answer.ok) throw new Error(`what was deleted is not overwritten: ${await answer.text()}`);
}
