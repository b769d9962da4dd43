/** Lists of leads as CSV (RFC 4180), page by page: however long a list is, no more than a page of it is in memory. */
import type { LeadFilter, Position, Sort } from "./db/list";
import { readingAgain } from "./db/refusal";
import type { SiteRules } from "./db/sites";
import type { Deps } from "./deps";
import { pageOfLeads, type ShownLead } from "./leads";

/** Leads read at a time: few enough to hold, many enough that trips to the database do not matter. */
const PAGE_LEADS = 100;

type Column = [name: string, value: (lead: ShownLead) => string | number | boolean | null];

/** The columns of a site: its ladders and dimensions are those of the rules in force. */
function columnsOf({ rules }: SiteRules): Column[] {
  const ladders = rules.ladders.map(({ name }) => name).filter((name) => name !== "temperature");
  // The one that most have comes first, wherever it stands in the document.
  const ordered = ladders.toSorted((a, b) => Number(b === "stage") - Number(a === "stage"));
  return [
    ["id", ({ id }) => id],
    ["email", ({ email }) => email],
    ["score", ({ score }) => score],
    ["temperature", ({ temperature }) => temperature],
    ...ordered.map((name): Column => [name, ({ levels }) => levels[name] ?? null]),
    ["known", ({ known }) => known],
    ["status", ({ status }) => status],
    ["userIds", ({ userIds }) => userIds.join("; ")],
    ["firstSeen", ({ firstSeen }) => firstSeen],
    ["lastSeen", ({ lastSeen }) => lastSeen],
    ["visits", ({ visits }) => visits],
    ["pageviews", ({ pageviews }) => pageviews],
    ["channel", ({ source }) => source?.channel ?? null],
    ["campaign", ({ source }) => source?.campaign ?? null],
    ["account", ({ account }) => account],
    ...rules.dimensions.map(({ name }): Column => [`scores.${name}`, ({ scores }) => scores[name] ?? null]),
    // At the end, where columns may be added without moving others.
    ...TRAITS.map((name): Column => [name, ({ traits }) => textOf(traits[name])]),
  ];
}

/** Traits that most lists are read by, where they are texts. */
const TRAITS = ["name", "company", "title"] as const;

function textOf(trait: unknown): string | null {
  return typeof trait === "string" ? trait : null;
}

/**
 * What a spreadsheet would run as a formula where a text begins with it, the wide forms that some take for the same and
 * spaces that some leave out included. Where lists are separated by semicolons, as in half of Europe, a cell of its own
 * begins after one.
 */
const FORMULA = /(^|;)(?=\s*[=+\-@＝＋－＠])|^(?=[\t\r\n])/g;

/** A field. Texts are somebody else's and get a quote in front where they would be a formula; numbers are ours. */
function field(value: string | number | boolean | null): string {
  if (typeof value !== "string") return String(value ?? "");
  const text = value.replaceAll(FORMULA, "$1'");
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const line = (fields: (string | number | boolean | null)[]) => `${fields.map(field).join(",")}\r\n`;

/** The lines of a list with their header, a page of leads at a time. */
export async function* leadLines(
  deps: Deps,
  site: SiteRules,
  filter: LeadFilter,
  sort: Sort,
): AsyncGenerator<string, void> {
  const columns = columnsOf(site);
  let text = line(columns.map(([name]) => name));
  let after: Position | null = null;
  do {
    const paging = { sort, limit: PAGE_LEADS, after };
    const page: Awaited<ReturnType<typeof pageOfLeads>> = await readingAgain(() =>
      pageOfLeads(deps, site, filter, paging),
    );
    text += page.data.map((lead) => line(columns.map(([, value]) => value(lead)))).join("");
    if (text !== "") yield text;
    text = "";
    after = page.next;
  } while (after);
}
