/**
 * Which copy of a site's database marketers read (D1's Sessions API). Reads go to whichever is near, and that may be
 * some seconds behind. An answer carries a bookmark, how new what it saw was; who sends it along reads nothing older,
 * and so reads what was written before.
 *
 * Writes ask the primary only: one that is refused reads again, and a copy that is behind would have it refused again.
 */
import type { SiteRules } from "../db/sites";
import { type Deps, through } from "../deps";
import { Failure } from "../failure";
import { logError } from "./log";

export const BOOKMARK = "X-Kelvin-Bookmark";

/** A bookmark is one database's: its binding, and what D1 calls so. */
const FORM = /^(DB(?:_[1-9]\d?)?)\.([0-9a-f]{8}(?:-[0-9a-f]{8}){2}-[0-9a-f]{32})$/;

export const isBookmark = (text: string): boolean => FORM.test(text);

export interface Session {
  deps: Deps;
  /** To be sent along with what is asked next. */
  bookmark(): Promise<string | null>;
}

/** What there must be known of a site. */
export type ReadSite = Pick<SiteRules, "database" | "hasJustMoved">;

/** For reading of a site. Throws `invalid_request` for what is no bookmark of ours. */
export function reading(deps: Deps, site: ReadSite, stated: string | undefined): Session {
  const [, database, bookmark] = FORM.exec(stated ?? "") ?? [];
  if (stated !== undefined && bookmark === undefined)
    throw new Failure("invalid_request", `${BOOKMARK} must be what an answer had under that name.`);
  const isElsewhere = database !== undefined && database !== site.database;
  // What was copied a moment ago, or written where the site was, is in the primary for sure.
  const from = isElsewhere || (!bookmark && site.hasJustMoved) ? "first-primary" : (bookmark ?? "first-unconstrained");
  const here = deps.in(site);
  const session = here.db.withSession(from);
  const { db } = here;
  const near: D1Database = Object.create(db, {
    prepare: { value: (sql: string) => session.prepare(sql) },
    batch: { value: (statements: D1PreparedStatement[]) => session.batch(statements) },
  });
  return {
    deps: through(here, site.database, () => near),
    bookmark: async () => marked(site.database, session.getBookmark()),
  };
}

/** For writing of a site. */
export function writing(deps: Deps, site: { database: string }): Session {
  const here = deps.in(site);
  return { deps: here, bookmark: () => newest(here) };
}

/** As new as the database is now; `null` where it does not say: what was written is written. */
async function newest({ db, database }: Deps): Promise<string | null> {
  try {
    const session = db.withSession("first-primary");
    await session.prepare("SELECT 1").run();
    return marked(database, session.getBookmark());
  } catch (error) {
    logError({ work: "bookmark" }, error);
    return null;
  }
}

const marked = (database: string, bookmark: string | null) => (bookmark === null ? null : `${database}.${bookmark}`);
