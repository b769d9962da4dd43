/** Sites: made and changed. */

import { FIRST_PRESET, type PresetName } from "./core/presets";
import { enterSite, homes, MAIN } from "./db/directory";
import {
  insertSite,
  listSites,
  removeSite,
  replaceIdentitySecret,
  type Site,
  type SiteRules,
  type SiteSettings,
  updateSite,
} from "./db/sites";
import type { Deps } from "./deps";
import { Failure } from "./failure";
import { presets } from "./presets";

/** Settings, those that were stated. */
type Stated = { [Name in keyof SiteSettings]?: SiteSettings[Name] | undefined };

/** What holds for a site where nothing else is stated. */
export const SETTINGS: Omit<SiteSettings, "name" | "origins"> = {
  respectGpc: true,
  jwksUrl: null,
  jwksAudience: null,
  /** What a day may cost: about 4 million rows, a few dollars. */
  dailyEvents: 1_000_000,
  /** 13 months. */
  retentionDays: 396,
  anonymousRetentionDays: null,
};

export interface NewSite extends Stated {
  name: string;
  origins: string[];
  writeKey?: string | undefined;
  /** The rules to start from; `b2b` where left out. */
  preset?: PresetName | undefined;
  /** The database that it is to live in. */
  database?: string | undefined;
}

/** A site, and where it lives. */
export type PlacedSite = Site & Pick<SiteRules, "database">;

/** All sites of all databases, the oldest first. */
export async function allSites(deps: Deps): Promise<PlacedSite[]> {
  const isOne = deps.databases.length === 1;
  const [moved, ...lists] = await Promise.all([
    isOne ? new Map<string, string>() : homes(deps.db),
    ...deps.databases.map(async (database) => {
      const all = await listSites(deps.in({ database }).db);
      return all.map((site) => ({ ...site, database }));
    }),
  ]);
  const living = lists.flat().filter(({ id, database }) => (moved.get(id) ?? MAIN) === database);
  return living.toSorted((a, b) => a.createdAt - b.createdAt);
}

/** Makes a site with rules to start from. The identity secret is shown only now. */
export async function createSite(deps: Deps, wanted: NewSite): Promise<PlacedSite> {
  const database = knownDatabase(deps, wanted.database ?? deps.newSitesIn);
  const site: Site = {
    ...settled({ ...SETTINGS, name: wanted.name, origins: wanted.origins }, wanted),
    id: `site_${deps.newId()}`,
    writeKey: wanted.writeKey ?? deps.newId(),
    identitySecret: newSecret(deps),
    identityPrevious: null,
    identityPreviousUntil: null,
    secret: newSecret(deps),
    rulesVersion: 1,
    createdAt: deps.clock(),
    prunedTo: "",
    prunedAt: 0,
  };
  if (await deps.sites.find(site.writeKey)) throw taken(site.writeKey);
  const here = deps.in({ database });
  const { [wanted.preset ?? FIRST_PRESET]: document } = await presets(deps.files);
  if (!(await insertSite(here.db, site, JSON.stringify(document)))) throw taken(site.writeKey);
  if (database !== MAIN && !(await enterSite(deps.db, { ...site, database }))) {
    await removeSite(here.db, site.id);
    throw taken(site.writeKey);
  }
  deps.sites.forget();
  return { ...site, database };
}

/** The name of a database that there is; throws `invalid_request` for any other. */
export function knownDatabase({ databases }: Deps, database: string): string {
  if (databases.includes(database)) return database;
  throw new Failure(
    "invalid_request",
    `database: there is no "${database}"; it must be one of ${databases.join(", ")}.`,
  );
}

const taken = (key: string) => new Failure("conflict", `A site with the write key "${key}" exists already.`);

/** 256 random bits, as text. */
const newSecret = (deps: Deps) => `${deps.newId()}${deps.newId()}`;

/** Of a site what administrators decide. */
export function settingsOf({
  name,
  origins,
  respectGpc,
  jwksUrl,
  jwksAudience,
  dailyEvents,
  retentionDays,
  anonymousRetentionDays,
}: SiteSettings): SiteSettings {
  return {
    name,
    origins,
    respectGpc,
    jwksUrl,
    jwksAudience,
    dailyEvents,
    retentionDays,
    anonymousRetentionDays,
  };
}

/** Settings as they were, with those stated in their place. */
function settled(before: SiteSettings, stated: Stated): SiteSettings {
  const kept = settingsOf(before);
  const changes = Object.entries(stated).filter(([key, value]) => key in kept && value !== undefined);
  return { ...kept, ...Object.fromEntries(changes) };
}

/** Changes a site and returns it as it now is. */
export async function changeSite(deps: Deps, site: SiteRules, wanted: Stated): Promise<SiteRules> {
  const changes = settled(site, wanted);
  await updateSite(deps.db, site.id, changes);
  deps.sites.forget();
  return { ...site, ...changes };
}

/**
 * Gives a site a new identity secret, shown only now. Tokens signed with the one before are taken for `overlapMs` more;
 * of the one before that nothing is kept.
 */
export async function rotateIdentitySecret(deps: Deps, site: SiteRules, overlapMs: number) {
  const identitySecret = newSecret(deps);
  const identityPreviousUntil = deps.clock() + overlapMs;
  const before = site.identitySecret;
  if (!(await replaceIdentitySecret(deps.db, site.id, before, { identitySecret, identityPreviousUntil }))) {
    throw new Failure("conflict", "The identity secret was rotated at the same time. Read the site's answer to that.");
  }
  deps.sites.forget();
  return { identitySecret, identityPreviousUntil };
}
