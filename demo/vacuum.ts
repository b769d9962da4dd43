/**
 * Overwrites what was deleted from the local database. SQLite leaves it in free pages and in the write-ahead log, and
 * D1 itself lets nobody run what clears them. The files are ours here, so they are opened beside workerd, whose locks
 * they share.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";

/** How long to wait for a beacon that is just being written, ms. */
const BUSY_TIMEOUT_MS = 2_000;

/** Where Miniflare keeps D1's files, in the state folder. */
const D1_FOLDER = "v3/d1/miniflare-D1DatabaseObject";

let hasWarned = false;

/** Rewrites the database files of a state folder without what was deleted from them. */
export async function vacuum(state: string): Promise<void> {
  const sqlite = await import("node:sqlite").catch(() => null);
  if (!sqlite) {
    if (!hasWarned)
      console.error("kelvin: this Node has no node:sqlite; what was erased stays in free pages of the file");
    hasWarned = true;
    return;
  }
  const folder = join(state, D1_FOLDER);
  for (const name of readdirSync(folder)) {
    if (!name.endsWith(".sqlite") || name === "metadata.sqlite") continue;
    const database = new sqlite.DatabaseSync(join(folder, name));
    try {
      database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}; PRAGMA secure_delete = ON; VACUUM`);
      const left = database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
      if (left?.busy !== 0) throw new Error("the write-ahead log is in use");
    } finally {
      database.close();
    }
  }
}
