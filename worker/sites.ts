/** Sites: made and changed. */

import { FIRST_PRESET, PRESETS, type PresetName } from "./core/presets";
import { insertSite, type Site, type SiteRules, updateSite } from "./db/sites";
import type { Deps } from "./deps";
import { Failure } from "./failure";

export interface NewSite {
  name: string;
  origins: string[];
  writeKey?: string | undefined;
  respectGpc?: boolean | undefined;
  /** The rules to start from; `b2b` where left out. */
  preset?: PresetName | undefined;
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
  if (!(await insertSite(deps.db, site, JSON.stringify(PRESETS[wanted.preset ?? FIRST_PRESET]))))
    throw taken(site.writeKey);
  deps.sites.forget();
  return site;
}

const taken = (key: string) => new Failure("conflict", `A site with the write key "${key}" exists already.`);

/** Changes a site and returns it as it now is. */
export async function changeSite(
  deps: Deps,
  site: SiteRules,
  wanted: { [K in "name" | "origins" | "respectGpc"]?: Site[K] | undefined },
): Promise<Site> {
  const { name = site.name, origins = site.origins, respectGpc = site.respectGpc } = wanted;
  await updateSite(deps.db, site.id, { name, origins, respectGpc });
  deps.sites.forget();
  return { ...site, name, origins, respectGpc };
}
