/** The editor of rules: a draft comes with every form, is changed, judged or tried as the button says, and goes back. */
import type { Context } from "hono";
import * as z from "zod/mini";
import { PRESET_NAMES } from "../../core/presets";
import { tooDeep } from "../../core/read";
import { readStory } from "../../core/story";
import type { Finding } from "../../dashboard/data";
import { leadName } from "../../dashboard/format";
import { EditorPage, type EditorProps, type Outcome } from "../../dashboard/rules/editor";
import { isPart, itemsOf } from "../../dashboard/rules/form/json";
import { addRule, moveRule, readForm } from "../../dashboard/rules/form/read";
import type { Review } from "../../dashboard/rules/review";
import { pretty } from "../../dashboard/rules/text";
import { type Judged, type Verdict, VerdictNotice, type ViewName } from "../../dashboard/rules/verdict";
import { readingAgain } from "../../db/refusal";
import { Failure } from "../../failure";
import { pageOfLeads } from "../../leads";
import { presets } from "../../presets";
import { refoldAndTell } from "../../refold";
import { checkRules, previewRules, publishRules, rulesInForce, seenOn } from "../../rules";
import { type Trial, tryLead, tryStory } from "../../trial";
import type { Api } from "../context";
import type { Hono } from "../hono";
import { checked } from "../input";
import { later } from "../later";
import { draftReview, reviewOf } from "./review";
import { enter, type Fields, page, signedForm, type Visit } from "./visit";

export function draftPages(app: Hono, api: Api): void {
  app.get("/rules/edit", async (c) => {
    const visit = await enter(api, c);
    const { version, document } = await rulesInForce(visit.deps, visit.site.id);
    const shown = { draft: draftOf(JSON.parse(document), "table"), expected: version, notify: false, isChanged: false };
    return await editor(c, visit, shown);
  });

  app.post("/rules/edit", async (c) => {
    // Publishing takes more than trying out.
    const wanted = ({ action = "" }: Fields) => (["review", "publish"].includes(action) ? "write" : "read");
    const fields = await signedForm(api, c, wanted, (sent) => readDraft(sent).text);
    const { action, expected, notify, who, story } = checked(editForm, fields);
    const visit = await enter(api, c);
    const { draft, open } = await changed(visit, readDraft(fields, action), action);
    const result = await attempt(c, visit, { action, draft, expected, notify, who, story });
    if (typeof result === "number") return published(c, result);
    if (result?.kind === "reviewed")
      return await draftReview(c, visit, result, { expected, view: draft.view, document: draft.text, notify });
    const inForce = JSON.parse((await rulesInForce(visit.deps, visit.site.id)).document);
    return await editor(c, visit, {
      draft,
      open,
      isChanged: pretty(draft.document) !== pretty(inForce),
      outcome: result,
      expected: result?.kind === "stale" ? result.inForce.version : expected,
      notify,
      tried: { who, story },
    });
  });

  // What the script asks while one types: a part of the page, and 200 whatever is wrong with the draft.
  app.post("/rules/lint", async (c) => {
    const fields = await signedForm(api, c, "read");
    const visit = await enter(api, c);
    const draft = readDraft(fields);
    return c.html(<VerdictNotice verdict={await judge(visit, draft)} judged={draft} />);
  });
}

/** Leads offered for a test. */
const HOTTEST = 8;

type Shown = Pick<EditorProps, "draft" | "expected" | "notify" | "isChanged"> & Partial<EditorProps>;

async function editor(c: Context, { frame, site, deps }: Visit, shown: Shown) {
  const [{ events }, hottest] = await Promise.all([
    seenOn(deps, site),
    readingAgain(() =>
      pageOfLeads(deps, site, { levels: {}, disqualified: false }, { sort: "-score", limit: HOTTEST, after: null }),
    ),
  ]);
  const help = {
    events,
    hottest: hottest.data.map((lead) => ({ id: lead.id, name: leadName(lead), score: lead.score })),
    presets: PRESET_NAMES,
  };
  const rest = { outcome: null, tried: { who: "", story: "" }, open: [], ...shown };
  return await page(c, <EditorPage frame={frame} help={help} {...rest} />, STATUS[rest.outcome?.kind ?? "checked"]);
}

const STATUS = {
  unreadable: 400,
  invalid: 422,
  checked: 200,
  previewed: 200,
  tried: 200,
  untried: 422,
  stale: 412,
} as const;

const version = z.pipe(
  z.coerce.number("must be a version's number"),
  z.int("must be a version's number").check(z.gte(1)),
);
const text = z._default(z.string(), "");
const editForm = z.object({
  action: text,
  expected: version,
  notify: z.pipe(
    z.optional(z.string()),
    z.transform((value) => value === "true"),
  ),
  who: z.pipe(text, z.string().check(z.trim(), z.maxLength(300, "must be at most 300 characters"))),
  // Text areas send CRLF, whatever was put into them.
  story: z.pipe(
    text,
    z.transform((story) => story.replaceAll("\r\n", "\n")),
  ),
});
type EditForm = z.output<typeof editForm>;

/** Levels that a draft may nest: all that can be in a document has far fewer, and what looks at it goes by levels. */
const DRAFT_MAX_DEPTH = 64;

/** A draft, and why its text is no JSON where it is none. */
type Draft = Judged & { unreadable?: string };

function draftOf(document: unknown, view: ViewName): Draft {
  return { document, view, text: pretty(document) };
}

/** The draft of a form: its text, or the table's document with what was changed in its fields. */
function readDraft(fields: Fields, action = ""): Draft {
  const typed = (fields.document ?? "").replaceAll("\r\n", "\n");
  const view: ViewName = fields.view === "table" ? "table" : "json";
  let document: unknown;
  try {
    document = JSON.parse(typed);
  } catch (error) {
    const unreadable = error instanceof Error ? error.message : String(error);
    return { view: "json", text: typed, document: null, unreadable };
  }
  if (tooDeep(document, DRAFT_MAX_DEPTH)) {
    const unreadable = `It nests deeper than ${DRAFT_MAX_DEPTH} levels.`;
    return { view: "json", text: typed, document: null, unreadable };
  }
  if (view === "json") return { view, text: typed, document };
  return draftOf(readForm(document, fields, /^drop (.+)$/.exec(action)?.[1]), view);
}

/** Does what a button of the form says to the draft; `open`: the rules that it changed. */
async function changed({ site, deps }: Visit, draft: Draft, action: string): Promise<{ draft: Draft; open: number[] }> {
  const { view, document, unreadable } = draft;
  const [verb = "", subject = ""] = action.split(" ");
  const preset = PRESET_NAMES.find((name) => name === subject);
  if (verb === "preset" && preset) return { draft: draftOf((await presets(deps.files))[preset], view), open: [] };
  if (verb === "restart") {
    return { draft: draftOf(JSON.parse((await rulesInForce(deps, site.id)).document), view), open: [] };
  }
  if (unreadable !== undefined || !isPart(document)) return { draft, open: [] };
  const index = Number(/^rules\/(\d+)/.exec(subject)?.[1] ?? Number.NaN);
  switch (verb) {
    case "table":
    case "json":
      return { draft: verb === view ? draft : { ...draftOf(document, verb) }, open: [] };
    case "up":
    case "down": {
      const by = verb === "up" ? -1 : 1;
      return { draft: draftOf(moveRule(document, index, by), view), open: [] };
    }
    case "add": {
      const open = [itemsOf(document.rules).length];
      return { draft: draftOf(addRule(document, subject === "state" ? "state" : "event"), view), open };
    }
    default:
      // A row of a rule was dropped: its details stay open.
      return { draft, open: Number.isNaN(index) || /^rules\/\d+$/.test(subject) ? [] : [index] };
  }
}

/** Does what a button says with the draft as it is, and tells what came of it; a number is the version published. */
async function attempt(
  c: Context,
  visit: Visit,
  { action, draft, expected, notify, who, story }: EditForm & { draft: Draft },
): Promise<Outcome | Reviewed | null | number> {
  const { site, deps } = visit;
  if (draft.unreadable !== undefined) return { kind: "unreadable", detail: draft.unreadable };
  switch (action) {
    case "check":
      return await judge(visit, draft);
    case "preview": {
      const verdict = await judge(visit, draft);
      if (verdict.kind !== "checked") return verdict;
      return { kind: "previewed", verdict, preview: await previewRules(deps, site, draft.document) };
    }
    case "review": {
      const verdict = await judge(visit, draft);
      if (verdict.kind !== "checked") return verdict;
      const review = await reviewOf(visit, draft.document);
      if (review.inForce.version !== expected) return { kind: "stale", inForce: review.inForce };
      return { kind: "reviewed", findings: verdict.findings, ...review };
    }
    case "publish":
      return await telling(async () => {
        const done = await publishRules(deps, site.id, { document: draft.document, expected, notify });
        later(c, refoldAndTell(deps));
        return done;
      }, visit);
    case "try-lead":
    case "try-story":
      return await telling(async () => tried(visit, draft, action === "try-lead" ? { who } : { story }), visit);
    default:
      return null;
  }
}

type Reviewed = Review & { kind: "reviewed"; findings: Finding[] };

async function judge({ site, deps }: Visit, draft: Draft): Promise<Verdict> {
  if (draft.unreadable !== undefined) return { kind: "unreadable", detail: draft.unreadable };
  try {
    return { kind: "checked", findings: await checkRules(deps, site, draft.document) };
  } catch (error) {
    if (error instanceof Failure && error.code === "invalid_rules")
      return { kind: "invalid", problems: error.errors ?? [] };
    throw error;
  }
}

/** Turns failures that the editor has words for into outcomes. */
async function telling<T>(work: () => Promise<T>, { site, deps }: Visit): Promise<T | Outcome> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.code === "invalid_rules") return { kind: "invalid", problems: error.errors ?? [] };
    if (error.code !== "stale") throw error;
    const { version, document } = await rulesInForce(deps, site.id);
    return { kind: "stale", inForce: { version, text: pretty(JSON.parse(document)) } };
  }
}

async function tried(
  { site, deps }: Visit,
  { document }: Draft,
  whom: { who: string } | { story: string },
): Promise<Outcome> {
  try {
    if ("who" in whom) return { kind: "tried", trial: await tryLead(deps, site, document, idOf(whom.who)) };
    const story = readStory(whom.story);
    if ("detail" in story) return { kind: "untried", detail: `Line ${story.line}: ${story.detail}` };
    if (story.told.length === 0)
      return { kind: "untried", detail: 'Say what the visitor does, for instance "page /pricing".' };
    const trial: Trial = tryStory(deps, site, document, story.told);
    return { kind: "tried", trial };
  } catch (error) {
    const isToldOf = error instanceof Failure && (error.code === "not_found" || error.code === "invalid_request");
    if (isToldOf) return { kind: "untried", detail: error.message };
    throw error;
  }
}

/** An address alone is that of a lead. */
function idOf(who: string): string {
  return who.includes("@") && !who.includes(":") ? `email:${who}` : who;
}

/** To the page of the rules in force, so that reloading it does not publish again. */
export function published(c: Context, version: number): Response {
  const site = c.req.query("site");
  const query: Fields = { published: String(version), ...(site === undefined ? {} : { site }) };
  return c.redirect(`/dashboard/rules?${new URLSearchParams(query)}`, 303);
}
