/** Webhooks: made, taken away, and what failed of them tried anew. */
import type { AnnouncementType } from "./core/announce";
import { refusedTarget } from "./core/target";
import { retry } from "./db/outbox";
import type { SiteRules } from "./db/sites";
import { countWebhooks, deleteWebhook, insertWebhook, readWebhook, type Webhook } from "./db/webhooks";
import type { Deps } from "./deps";
import { Failure } from "./failure";

/** Most webhooks of a site: every crossing is written once for each. */
export const WEBHOOKS_MAX = 20;
/** Of the 24 to 64 bytes that Standard Webhooks allow. */
const SECRET_BYTES = 32;

/** Makes a webhook. Its secret is shown only now. */
export async function createWebhook(
  deps: Deps,
  site: SiteRules,
  { url, events }: { url: string; events: AnnouncementType[] },
): Promise<Webhook> {
  const wrong = refusedTarget(url, deps.isLocal);
  if (wrong) throw new Failure("invalid_request", `url: ${wrong}.`, [{ pointer: "#/url", detail: wrong }]);
  if ((await countWebhooks(deps.db, site.id)) >= WEBHOOKS_MAX) {
    throw new Failure("conflict", `A site has at most ${WEBHOOKS_MAX} webhooks; delete one first.`);
  }
  const webhook: Webhook = {
    siteId: site.id,
    id: `wh_${deps.newId()}`,
    url,
    events,
    secret: `whsec_${btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(SECRET_BYTES))))}`,
    createdAt: deps.clock(),
    failures: 0,
    failingSince: null,
    disabledAt: null,
    disabledReason: null,
  };
  await insertWebhook(deps.db, webhook);
  return webhook;
}

/** The webhook of an id; throws `not_found` where the site has none. */
export async function openWebhook(deps: Deps, site: SiteRules, id: string): Promise<Webhook> {
  const found = await readWebhook(deps.db, site.id, id);
  if (found) return found;
  throw noSuchWebhook(id);
}

function noSuchWebhook(id: string): Failure {
  return new Failure("not_found", `The site has no webhook "${id}".`);
}

/** Takes a webhook away, and what was to be told to it. */
export async function removeWebhook(deps: Deps, site: SiteRules, id: string): Promise<void> {
  if (!(await deleteWebhook(deps.db, site.id, id))) throw noSuchWebhook(id);
}

/** Has one delivery tried anew, or all that failed; returns how many. A webhook that was disabled is in use again. */
export async function redeliver(deps: Deps, webhook: Webhook, delivery: string | null): Promise<number> {
  const retried = await retry(deps.db, webhook, delivery, deps.clock());
  if (delivery !== null && retried === 0) {
    throw new Failure("not_found", `The webhook has no delivery "${delivery}"; they are kept for 30 days.`);
  }
  if (retried > 0) deps.outbox.note(deps.database);
  return retried;
}
