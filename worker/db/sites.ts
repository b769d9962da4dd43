/** Sites and their rules. Held in the isolate for a short while, so that a warm beacon reads neither. */
import { and, asc, eq, isNotNull, lt, or, sql } from "drizzle-orm";
import { type DrizzleD1Database, drizzle } from "drizzle-orm/d1";
import { compileRules } from "../core/compile";
import type { RuleSet } from "../core/rules";
import { beforeDeadline, DEADLINE_MS } from "./deadline";
import { entryQuery, MAIN, siteNames } from "./directory";
import { isNotFenced, unlessFencedIn } from "./fences";
import { refusalOf } from "./refusal";
import { readVersion } from "./rules";
import { directory, ruleVersions, sites } from "./schema";

export type Site = typeof sites.$inferSelect;
/** What administrators decide of a site. */
export type SiteSettings = Pick<
  Site,
  | "name"
  | "origins"
  | "respectGpc"
  | "jwksUrl"
  | "jwksAudience"
  | "dailyEvents"
  | "retentionDays"
  | "anonymousRetentionDays"
>;

/** Longest that an isolate goes on with what it read, ms: how late a change made elsewhere may be noticed. */
export const SITE_MAX_AGE_MS = 30_000;
/** Longest that it goes on with it where the database does not answer, ms: beacons then wait in the queue. */
const SITE_KEPT_MS = 600_000;
/** How long it waits for an answer before it does so, ms; where it has nothing to go on with, DEADLINE_MS. */
const SITE_DEADLINE_MS = 1_000;
/** Longest that it goes by which names there are: whoever just made a site does not wait long. */
const NAMES_MAX_AGE_MS = 3_000;
/** Most sites whose names are held, two of each, about 2 MB; past it every unknown name is looked up by itself. */
const NAMES_MAX_SITES = 10_000;
/** Longest id or write key that a site can have. */
const NAME_MAX_CHARS = 64;
/** Most sites that an isolate holds. */
const SITES_MAX = 500;
/** Most compiled rule sets that it holds. */
const RULE_SETS_MAX = 500;

/** A site with the rules in force. */
export interface SiteRules extends Site {
  /** Binding of the database that it lives in. */
  database: string;
  /** Whether it came there so lately that copies of that database may not have all of it. */
  hasJustMoved: boolean;
  rules: RuleSet;
  /** When they were published, ms. */
  rulesSince: number;
  /** Whether levels crossed because of them are announced. */
  announcesRules: boolean;
}

interface Held {
  site: SiteRules | null;
  /** When it is to be read again, ms. */
  until: number;
}

/** All ids and write keys; `null`: too many. */
interface Names {
  all: ReadonlySet<string> | null;
  until: number;
}

/** Sites by id or write key, with their rules compiled; and what names there are, so that made-up ones cost no trip. */
export class SiteStore {
  private readonly held = new Map<string, Held>();
  /** Counts the changes made in this isolate. */
  private changes = 0;
  private names: Names | null = null;
  private namesBeingRead: Promise<void> | null = null;
  private readonly compiledSets = new Map<string, RuleSet>();

  constructor(
    private readonly clock: () => number,
    private readonly dbOf: (database: string) => D1Database,
    /** Reads what rules go by besides: nobody gets rules before it is there. */
    private readonly readLists: () => Promise<void>,
  ) {}

  /** The site that an id or a write key names, as known a moment ago: for beacons. */
  async find(name: string): Promise<SiteRules | null> {
    const known = this.held.get(name);
    if (known && known.until > this.clock()) return known.site;
    if (!known && (await this.isNobodys(name))) return null;
    const site = await this.readOrKeep(name, known);
    // Whoever asks for one name that nobody has may ask for many.
    if (!site) await this.readNames();
    return site;
  }

  private async readOrKeep(name: string, known: Held | undefined): Promise<SiteRules | null> {
    const kept = known && known.until + SITE_KEPT_MS >= this.clock() ? known.site : null;
    try {
      return await beforeDeadline(kept ? SITE_DEADLINE_MS : DEADLINE_MS, () => this.read(name));
    } catch (error) {
      if (!kept || refusalOf(error) === null) throw error;
      return kept;
    }
  }

  /** Whether a name is known to be no site's. Names are read for it once somebody has asked for an unknown one. */
  private async isNobodys(name: string): Promise<boolean> {
    if (name.length > NAME_MAX_CHARS) return true;
    const isUnknown = () => this.names?.all?.has(name) === false;
    if (isUnknown()) await this.readNames();
    return isUnknown();
  }

  /** Reads which names there are, unless it was done just now; many who ask at once wait for the same reading. */
  private async readNames(): Promise<void> {
    if (this.names && this.names.until > this.clock()) return;
    this.namesBeingRead ??= this.loadNames();
    const reading = this.namesBeingRead;
    try {
      // Whoever began it may be cut off, and then it never ends.
      await beforeDeadline(DEADLINE_MS, () => reading);
    } finally {
      if (this.namesBeingRead === reading) this.namesBeingRead = null;
    }
  }

  private async loadNames(): Promise<void> {
    const { changes } = this;
    const rows = await siteNames(this.dbOf(MAIN), NAMES_MAX_SITES + 1);
    if (changes !== this.changes) return;
    const isWhole = rows.length <= NAMES_MAX_SITES;
    this.names = {
      all: isWhole ? new Set(rows.flatMap(({ id, writeKey }) => [id, writeKey])) : null,
      // So many are not counted anew all the time.
      until: this.clock() + (isWhole ? NAMES_MAX_AGE_MS : SITE_MAX_AGE_MS),
    };
  }

  /** The same read afresh: for people, who expect to see what was published elsewhere just now. */
  async read(name: string): Promise<SiteRules | null> {
    const { changes } = this;
    const site = await this.load(name);
    // Read before a change that was made meanwhile: good for this call, not to be kept.
    if (changes !== this.changes) return site;
    if (this.held.size >= SITES_MAX) this.held.clear();
    this.held.set(name, { site, until: this.clock() + (site ? SITE_MAX_AGE_MS : NAMES_MAX_AGE_MS) });
    return site;
  }

  /** The same of a site that was found to be out of date, so that the next beacon finds it as it is. */
  async lookAgain({ id, writeKey }: Site): Promise<SiteRules | null> {
    this.held.delete(id);
    return await this.read(writeKey);
  }

  /** Rules of a version that is no longer in force, as they once ruled. */
  async rulesOf({ id: siteId, database }: SiteRules, version: number): Promise<RuleSet | null> {
    const name = `${siteId} ${version}`;
    const known = this.compiledSets.get(name);
    if (known) return known;
    const found = await readVersion(this.dbOf(database), siteId, version);
    if (!found) return null;
    return this.compiledOnce(siteId, version, found.document);
  }

  /** Makes the next `find` read again, after a change. */
  forget(): void {
    this.changes++;
    this.held.clear();
    this.names = null;
  }

  private async load(name: string): Promise<SiteRules | null> {
    const main = drizzle(this.dbOf(MAIN));
    const [[[here], [entry]]] = await Promise.all([
      main.batch([siteQuery(main, name), entryQuery(main, name)]),
      this.readLists(),
    ]);
    const database = entry?.database ?? MAIN;
    const found = entry && database !== MAIN ? await siteQuery(drizzle(this.dbOf(database)), entry.siteId).get() : here;
    if (!found) return null;
    const { site, document, rulesSince, announcesRules } = found;
    const rules = this.compiledOnce(site.id, site.rulesVersion, document);
    return { ...site, database, hasJustMoved: entry?.step === "clearing", rulesSince, announcesRules, rules };
  }

  private compiledOnce(siteId: string, version: number, document: string): RuleSet {
    const name = `${siteId} ${version}`;
    const rules = this.compiledSets.get(name) ?? compiled(document);
    if (this.compiledSets.size >= RULE_SETS_MAX) this.compiledSets.clear();
    this.compiledSets.set(name, rules);
    return rules;
  }
}

/** A site with its rules in force. The columns of both have names of their own, without which a batch would mix them up. */
function siteQuery(d1: DrizzleD1Database, name: string) {
  return d1
    .select({
      site: sites,
      document: ruleVersions.document,
      rulesSince: ruleVersions.publishedAt,
      announcesRules: ruleVersions.notify,
    })
    .from(sites)
    .innerJoin(ruleVersions, and(eq(ruleVersions.siteId, sites.id), eq(ruleVersions.version, sites.rulesVersion)))
    .where(or(eq(sites.id, name), eq(sites.writeKey, name)));
}

/** Rules that were published, and so once passed validation. */
export function compiled(document: string): RuleSet {
  const result = compileRules(JSON.parse(document));
  if ("rules" in result) return result.rules;
  throw new Error(`published rules do not compile: ${JSON.stringify(result.errors)}`);
}

/** The sites of one database, those included that live elsewhere now or not yet here. */
export async function listSites(db: D1Database): Promise<Site[]> {
  return await drizzle(db).select().from(sites).orderBy(sites.createdAt).all();
}

/** Makes a site with its first rules; `false` when its write key is taken. */
export async function insertSite(db: D1Database, site: Site, document: string): Promise<boolean> {
  const d1 = drizzle(db);
  try {
    await d1.batch([
      // Refused where a site of another database has the key.
      d1.insert(directory).select(d1.select().from(directory).where(eq(directory.writeKey, site.writeKey))),
      d1.insert(sites).values(site),
      d1.insert(ruleVersions).values({
        siteId: site.id,
        version: site.rulesVersion,
        document,
        publishedAt: site.createdAt,
        notify: false,
        leads: 0,
        refolded: 0,
        cursor: "",
        finishedAt: site.createdAt,
      }),
    ]);
    return true;
  } catch (error) {
    const said = `${error} ${(error as Error).cause}`;
    if (["sites.write_key", "directory."].some((name) => said.includes(name))) return false;
    throw error;
  }
}

/** Takes back a site that was made a moment ago, and nobody has heard of. */
export async function removeSite(db: D1Database, id: string): Promise<void> {
  const d1 = drizzle(db);
  await d1.batch([
    d1.delete(ruleVersions).where(eq(ruleVersions.siteId, id)),
    d1.delete(sites).where(eq(sites.id, id)),
  ]);
}

export async function updateSite(db: D1Database, id: string, changes: SiteSettings): Promise<void> {
  // Something is kept for another time from now on: what is older is not left until tomorrow.
  const unless = <T>(column: T, anew: string | number) =>
    sql`CASE WHEN ${areKept(changes)} THEN ${column} ELSE ${anew} END`;
  const d1 = drizzle(db);
  await d1.batch([
    unlessFencedIn(d1, id),
    d1
      .update(sites)
      .set({ ...changes, prunedTo: unless(sites.prunedTo, ""), prunedAt: unless(sites.prunedAt, 0) })
      .where(eq(sites.id, id)),
  ]);
}

/** How long events are kept, and leads that nobody knows. */
type Retention = Pick<Site, "retentionDays" | "anonymousRetentionDays">;

/** SQL: whether a site keeps what it keeps for so long. */
const areKept = ({ retentionDays, anonymousRetentionDays }: Retention) =>
  sql`(${sites.retentionDays} IS ${retentionDays} AND ${sites.anonymousRetentionDays} IS ${anonymousRetentionDays})`;

/** How far the run that sees to a site's retention has come. */
export type Pruning = Retention & Pick<Site, "id" | "prunedTo" | "prunedAt">;

/** Sites that keep something for a time and whose last run was through before an instant: the longest ago first. */
export async function sitesToPrune(db: D1Database, before: number, limit: number): Promise<Pruning[]> {
  const { id, retentionDays, anonymousRetentionDays, prunedTo, prunedAt } = sites;
  return await drizzle(db)
    .select({ id, retentionDays, anonymousRetentionDays, prunedTo, prunedAt })
    .from(sites)
    .where(and(or(isNotNull(retentionDays), isNotNull(anonymousRetentionDays)), lt(prunedAt, before), isNotFenced(id)))
    .orderBy(asc(prunedAt), asc(id))
    .limit(limit)
    .all();
}

/** Notes progress; `false` where another run noted some since `from` was read, or the site now keeps what it keeps longer or shorter. */
export async function notePruning(db: D1Database, from: Pruning, to: Pick<Pruning, "prunedTo" | "prunedAt">) {
  const { meta } = await drizzle(db)
    .update(sites)
    .set({ prunedTo: to.prunedTo, prunedAt: to.prunedAt })
    .where(
      and(
        eq(sites.id, from.id),
        eq(sites.prunedTo, from.prunedTo),
        eq(sites.prunedAt, from.prunedAt),
        areKept(from),
        isNotFenced(sites.id),
      ),
    )
    .run();
  return meta.changes > 0;
}

/** Puts a new identity secret in the place of `before`; `false` where that is no longer the one in force. */
export async function replaceIdentitySecret(
  db: D1Database,
  id: string,
  before: string,
  after: { identitySecret: string; identityPreviousUntil: number },
): Promise<boolean> {
  const d1 = drizzle(db);
  const [, { meta }] = await d1.batch([
    unlessFencedIn(d1, id),
    d1
      .update(sites)
      .set({ ...after, identityPrevious: before })
      .where(and(eq(sites.id, id), eq(sites.identitySecret, before))),
  ]);
  return meta.changes === 1;
}

/** Whether the database answers, in time. */
export async function ping(db: D1Database): Promise<boolean> {
  const asked = beforeDeadline(DEADLINE_MS, () => db.prepare("SELECT 1 FROM sites LIMIT 1").run());
  return await asked.then(
    () => true,
    () => false,
  );
}
