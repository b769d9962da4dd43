/** Sites and their rules: made, changed, published. */

import { FIRST_RULES } from "./core/presets";
import { compileRules } from "./core/rules";
import { insertRules, insertSite, type Site, type SiteRules, updateSite } from "./db/sites";
import type { Deps } from "./deps";
import { Failure } from "./failure";

export interface NewSite {
  name: string;
  origins: string[];
  writeKey?: string | undefined;
  respectGpc?: boolean | undefined;
}

/** Makes a site with rules to start from. The identity secret is shown only now. */
export async function createSite(deps: Deps, wanted: NewSite): Promise<Site> {
  const site: Site = {
    id: `site_${deps.newId()}`,
    name: wanted.name,
    writeKey: wanted.writeKey ?? deps.newId(),
    origins: wanted.origins,
    identitySecret: `${deps.newId()}${deps.newId()}`,
    respectGpc: wanted.respectGpc ?? true,
    rulesVersion: 1,
    createdAt: deps.clock(),
  };
  if (await deps.sites.find(site.writeKey)) throw taken(site.writeKey);
  if (!(await insertSite(deps.db, site, JSON.stringify(FIRST_RULES)))) throw taken(site.writeKey);
  deps.sites.forget();
  return site;
}

const taken = (key: string) => new Failure("conflict", `A site with the write key "${key}" exists already.`);

/** Changes a site and returns it as it now is. */
export async function changeSite(
  deps: Deps,
  site: SiteRules,
  changes: Partial<Pick<Site, "name" | "origins" | "respectGpc">>,
): Promise<Site> {
  await updateSite(deps.db, site.id, changes);
  deps.sites.forget();
  return { ...site, ...changes };
}

/**
 * Publishes a document as the site's next version. `expected` is the version that the publisher saw, where they say
 * so. Throws `invalid_rules` with everything wrong, and `stale` when somebody else published.
 */
export async function publishRules(
  deps: Deps,
  siteId: string,
  inForce: number,
  document: unknown,
  expected: number | null,
): Promise<number> {
  const result = compileRules(document);
  if ("errors" in result) {
    throw new Failure(
      "invalid_rules",
      "The rules in force are unchanged; see errors for what is wrong.",
      result.errors,
    );
  }
  const stale = new Failure("stale", `Version ${inForce} or later is in force; read it again before you publish.`);
  if (expected !== null && expected !== inForce) throw stale;
  if (!(await insertRules(deps.db, siteId, inForce, JSON.stringify(document), deps.clock()))) throw stale;
  deps.sites.forget();
  return inForce + 1;
}
