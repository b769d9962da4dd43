/** Pages about rules: those in force, and the versions. The editor is draft.tsx. */

import * as z from "zod/mini";
import { RulesPage } from "../../dashboard/rules/document";
import { pretty } from "../../dashboard/rules/text";
import { DiffPage, VersionsPage } from "../../dashboard/rules/versions";
import { listVersions } from "../../db/rules";
import { refoldAndTell } from "../../refold";
import { publishRules, rulesInForce, rulesVersion } from "../../rules";
import type { Api } from "../context";
import type { Hono } from "../hono";
import { checked } from "../input";
import { later } from "../later";
import { draftPages, published } from "./draft";
import { reviewOf, rollbackReview } from "./review";
import { enter, filled, page, signedForm } from "./visit";

const VERSIONS_LIMIT = 30;

export function rulesPages(app: Hono, api: Api): void {
  app.get("/rules", async (c) => {
    const { frame, site, deps } = await enter(api, c);
    const { version, document } = await rulesInForce(deps, site.id);
    const justPublished = c.req.query("published") === String(version);
    return await page(
      c,
      <RulesPage frame={frame} version={version} document={JSON.parse(document)} published={justPublished} />,
    );
  });

  draftPages(app, api);

  app.get("/rules/versions", async (c) => {
    const { frame, site, deps } = await enter(api, c);
    const { before } = checked(z.object({ before: z.optional(number) }), filled(c));
    const { version } = await rulesInForce(deps, site.id);
    const versions = await listVersions(deps.db, site.id, before ?? Number.MAX_SAFE_INTEGER, VERSIONS_LIMIT);
    const older = versions.length === VERSIONS_LIMIT ? (versions.at(-1)?.version ?? null) : null;
    return await page(c, <VersionsPage frame={frame} versions={versions} inForce={version} older={older} />);
  });

  app.get("/rules/diff", async (c) => {
    const { frame, site, deps } = await enter(api, c);
    const { from, to } = checked(z.object({ from: number, to: number }), filled(c));
    const [before, after, inForce] = await Promise.all([
      rulesVersion(deps, site.id, from),
      rulesVersion(deps, site.id, to),
      rulesInForce(deps, site.id),
    ]);
    const shown = (one: { version: number; document: string }) => ({
      version: one.version,
      text: pretty(JSON.parse(one.document)),
    });
    return await page(c, <DiffPage frame={frame} from={shown(before)} to={shown(after)} inForce={inForce.version} />);
  });

  app.get("/rules/rollback", async (c) => {
    const visit = await enter(api, c);
    const { version } = checked(z.object({ version: number }), filled(c));
    const { document } = await rulesVersion(visit.deps, visit.site.id, version);
    return await rollbackReview(c, visit, await reviewOf(visit, JSON.parse(document)), version);
  });

  app.post("/rules/rollback", async (c) => {
    const form = checked(rollbackForm, await signedForm(api, c, "write"));
    const { site, deps } = await enter(api, c);
    const { document } = await rulesVersion(deps, site.id, form.version);
    const publication = { document: JSON.parse(document), expected: form.expected, notify: form.notify === "true" };
    const version = await publishRules(deps, site.id, publication);
    later(c, refoldAndTell(deps));
    return published(c, version);
  });
}

const number = z.pipe(
  z.coerce.number("must be a version's number"),
  z.int("must be a version's number").check(z.gte(1)),
);
const rollbackForm = z.object({ version: number, expected: number, notify: z.optional(z.string()) });
