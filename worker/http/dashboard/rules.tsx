/** Pages about rules: those in force, the editor, the versions. */
import type { Context, Hono } from "hono";
import * as z from "zod";
import { RulesPage } from "../../dashboard/rules/document";
import { EditorPage, type Outcome } from "../../dashboard/rules/editor";
import { pretty } from "../../dashboard/rules/text";
import { DiffPage, VersionsPage } from "../../dashboard/rules/versions";
import { listVersions } from "../../db/rules";
import { Failure } from "../../failure";
import { refoldAndTell } from "../../refold";
import { checkRules, previewRules, publishRules, rulesInForce, rulesVersion } from "../../rules";
import type { Api } from "../context";
import { later } from "../context";
import { checked } from "../input";
import { enter, type Fields, filled, page, signedForm, type Visit } from "./visit";

const VERSIONS_LIMIT = 30;

export function rulesPages(app: Hono, api: Api): void {
  app.get("/rules", async (c) => {
    const { frame, site, deps } = await enter(api, c);
    const { version, document } = await rulesInForce(deps, site.id);
    const published = c.req.query("published") === String(version);
    return await page(
      c,
      <RulesPage frame={frame} version={version} document={JSON.parse(document)} published={published} />,
    );
  });

  app.get("/rules/edit", async (c) => {
    const { frame, site, deps } = await enter(api, c);
    const { version, document } = await rulesInForce(deps, site.id);
    const text = pretty(JSON.parse(document));
    return await page(c, <EditorPage frame={frame} text={text} expected={version} notify={false} outcome={null} />);
  });

  app.post("/rules/edit", async (c) => {
    // Publishing takes more than trying out.
    const fields = await signedForm(api, c, ({ action }) => (action === "publish" ? "write" : "read"));
    const form = checked(editForm, fields);
    const visit = await enter(api, c);
    const result = await attempt(c, visit, form);
    if ("published" in result) return published(c, result.published);
    const { outcome } = result;
    const expected = outcome.kind === "stale" ? outcome.inForce.version : form.expected;
    // Text areas send CRLF, whatever was put into them.
    const text = form.document.replaceAll("\r\n", "\n");
    const shown = (
      <EditorPage frame={visit.frame} text={text} expected={expected} notify={form.notify} outcome={outcome} />
    );
    return await page(c, shown, STATUS[outcome.kind]);
  });

  app.get("/rules/versions", async (c) => {
    const { frame, site, deps } = await enter(api, c);
    const { before } = checked(z.object({ before: number.optional() }), filled(c));
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

  app.post("/rules/rollback", async (c) => {
    const form = checked(z.object({ version: number, expected: number }), await signedForm(api, c, "write"));
    const { site, deps } = await enter(api, c);
    const { document } = await rulesVersion(deps, site.id, form.version);
    const publication = { document: JSON.parse(document), expected: form.expected, notify: false };
    const version = await publishRules(deps, site.id, publication);
    later(c, refoldAndTell(deps));
    return published(c, version);
  });
}

const number = z.coerce.number("must be a version's number").pipe(z.int("must be a version's number").min(1));
const editForm = z.object({
  action: z.enum(["check", "preview", "publish"]),
  document: z.string(),
  expected: number,
  notify: z
    .string()
    .optional()
    .transform((value) => value === "true"),
});

const STATUS = { unreadable: 400, invalid: 422, checked: 200, previewed: 200, stale: 412 } as const;

/** Does what the button says, and tells what came of it. */
async function attempt(
  c: Context,
  { site, deps }: Visit,
  { action, document: text, expected, notify }: z.output<typeof editForm>,
): Promise<{ outcome: Outcome } | { published: number }> {
  const read = parsed(text);
  if ("unreadable" in read) return { outcome: { kind: "unreadable", detail: read.unreadable } };
  try {
    if (action === "publish") {
      const version = await publishRules(deps, site.id, { document: read.document, expected, notify });
      later(c, refoldAndTell(deps));
      return { published: version };
    }
    const findings = await checkRules(deps, site, read.document);
    if (action === "check") return { outcome: { kind: "checked", findings } };
    return { outcome: { kind: "previewed", findings, preview: await previewRules(deps, site, read.document) } };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.code === "invalid_rules") return { outcome: { kind: "invalid", problems: error.errors ?? [] } };
    if (error.code !== "stale") throw error;
    const { version, document } = await rulesInForce(deps, site.id);
    return { outcome: { kind: "stale", inForce: { version, text: pretty(JSON.parse(document)) } } };
  }
}

function parsed(text: string): { document: unknown } | { unreadable: string } {
  try {
    return { document: JSON.parse(text) };
  } catch (error) {
    return { unreadable: error instanceof Error ? error.message : String(error) };
  }
}

/** To the page of the rules in force, so that reloading it does not publish again. */
function published(c: Context, version: number): Response {
  const site = c.req.query("site");
  const query: Fields = { published: String(version), ...(site === undefined ? {} : { site }) };
  return c.redirect(`/dashboard/rules?${new URLSearchParams(query)}`, 303);
}
