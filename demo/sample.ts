/**
 * `npm run sample`: a second site full of invented people, for whoever wants to see the dashboard and the reports at
 * work before they have visitors. Through the public API, as anybody imports history. Always the same people under the
 * same ids of messages, only their times go by the clock; so whatever is sent again counts once.
 */
import { Random } from "../bench/random.ts";
import { optionsOf } from "../tools/options.ts";
import { adminKey } from "./admin-key.ts";
import { COMPANIES, NAMES, SOURCES, STORIES, type Story, TEMPERATURES } from "./sample-people.ts";
import { StartError } from "./start-error.ts";

type Json = Record<string, unknown>;

const HELP = `npm run sample

Makes a second site "Sample" with invented leads, in the Kelvin that \`npm start\` runs. Run again, it changes nothing.
Calls must say then which of the sites they mean: ?site=demo or ?site=sample.

  PORT              where Kelvin runs, 8787 where left out
  KELVIN_ADMIN_KEY  its key; where left out that of .dev.vars
  --help            this text`;

const SITE = { name: "Sample", writeKey: "sample", origins: ["https://sample.example"], preset: "b2b" };
/** Fewer than may come at once: a body may have 500 kB. */
const BATCH = 500;
const SEED = 43;
const DAY_MS = 86_400_000;
const FILES = ["buyers-checklist.pdf", "dock-scheduling-guide.pdf", "savings-calculator.xlsx"] as const;
const COUNTRIES = ["US", "US", "GB", "DE", "NL", "SE", "CA", "BR"] as const;
const INDUSTRIES = ["Logistics", "Manufacturing", "Retail", "Wholesale"] as const;

const port = process.env.PORT?.trim() || "8787";

async function call(method: string, path: string, body: Json | null = null): Promise<{ status: number; body: Json }> {
  const headers = { authorization: `Bearer ${adminKey()}`, "content-type": "application/json" };
  // By address: a machine may resolve `localhost` to ::1 first.
  const request = { method, headers, body: body && JSON.stringify(body) };
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, request).catch(() => {
    throw new StartError(`nothing answers at http://localhost:${port}; run \`npm start\` first, with the same PORT.`);
  });
  const text = await answer.text();
  if (answer.ok) return { status: answer.status, body: JSON.parse(text) };
  throw new StartError(`${method} ${path} was answered with ${answer.status}: ${text}`);
}

/** What one of them did, and what came of it. Whoever has no name stays unknown. */
function historyOf(story: Story, name: string | null, visitor: string, random: Random, now: number): Json[] {
  const messages: Json[] = [];
  const country = random.pick(COUNTRIES);
  const heldOut = random.isLucky(0.3);
  const traits = name && traitsOf(story, name, random);
  let at = now;
  const say = (type: string, more: Json, context: Json = {}) => {
    const timestamp = new Date(at).toISOString();
    messages.push({ type, anonymousId: visitor, timestamp, ...more, context: { location: { country }, ...context } });
  };
  const track = (event: string, properties: Json, context: Json = {}) => say("track", { event, properties }, context);

  const [from, to] = [random.between(...story.from), random.between(...story.to)];
  const visits = random.between(...story.visits);
  for (let i = 0; i < visits; i++) {
    // Who is about to decide comes more often. The last visit ends an hour ago at the latest.
    const daysAgo = i === visits - 1 ? to : from - (from - to) * (i / visits) ** 0.7;
    at = now - daysAgo * DAY_MS - random.between(60, 600) * 60_000;
    const isByMail = i > 0 && traits !== null && random.isLucky(0.4);
    const campaign = `newsletter-${14 - Math.ceil(daysAgo / 7)}`;
    if (isByMail) {
      track("Email Opened", { campaign });
      at += random.between(5, 60) * 1000;
      track("Email Link Clicked", { campaign, url: "https://sample.example/" });
    }
    const mail = { referrer: "", campaign: { source: "newsletter", medium: "email", name: campaign } };
    const source = isByMail ? mail : i === 0 ? random.pick(SOURCES) : { referrer: "" };
    const temperature = TEMPERATURES[Math.min(i, story.heat)] ?? "cold";
    const shown = { cta: "hero", variant: heldOut ? "cold" : temperature, temperature };
    const pages = random.between(...story.pages);
    for (let n = 0; n < pages; n++) {
      const path = i === 0 && n === 0 ? story.landing : random.pick(story.paths);
      const properties = { path, url: `https://sample.example${path}`, referrer: n === 0 ? source.referrer : "" };
      say("page", { properties }, n === 0 && "campaign" in source ? { campaign: source.campaign } : {});
      const seconds = random.between(8, 150);
      at += seconds * 1000;
      track("Page Engaged", { path, seconds, scroll: random.between(20, 100) }, { heldOut, shown: [shown] });
      if (random.isLucky(heldOut ? 0.05 : story.clicks)) track("CTA Clicked", { path, ...shown }, { heldOut });
      if (path.startsWith("/resources")) track("File Downloaded", { path, file: random.pick(FILES) });
    }
    const form = i === 0 ? story.forms[0] : i === visits - 1 ? story.forms[1] : undefined;
    if (!form || !traits) continue;
    track("Form Submitted", { path: `/${form}`, form });
    say("identify", { traits });
  }
  for (const [days, event, properties] of story.sales) {
    at += days * DAY_MS;
    const value = properties.outcome === "won" ? { value: random.between(8, 60) * 500 } : {};
    if (at < now) track(event, { ...properties, ...value }, { active: false });
  }
  return messages;
}

function traitsOf(story: Story, name: string, random: Random): Json {
  const company = COMPANIES[NAMES.indexOf(name) % COMPANIES.length] ?? "";
  const domain = story.domain ?? `${company.toLowerCase().replaceAll(/[^a-z0-9]/g, "")}.example`;
  const email = `${name.toLowerCase().replaceAll(" ", ".")}@${domain}`;
  // Of those whom sales may want more is known.
  const firm = { industry: random.pick(INDUSTRIES), employees: random.between(20, 1_500) };
  return { name, title: random.pick(story.titles), company, email, ...(story.heat === 2 ? firm : {}) };
}

/** What all of them did, in the order in which it happened. */
function history(now: number): Json[] {
  const random = new Random(SEED);
  const names = NAMES.values();
  const all = STORIES.flatMap((story, no) =>
    Array.from({ length: story.leads }, (_, i) => {
      const name = story.forms.length > 0 ? (names.next().value ?? null) : null;
      return historyOf(story, name, `sample-${no}-${i}`, random, now);
    }),
  ).flat();
  return all
    .map((message, i): Json => ({ messageId: `sample-${i}`, ...message }))
    .sort((a, b) => String(a.timestamp).localeCompare(String(b.timestamp)));
}

async function main(): Promise<void> {
  optionsOf(HELP, {});
  const { body } = await call("GET", "/v1/sites");
  const known = (body.data as Json[]).find(({ writeKey }) => writeKey === SITE.writeKey);
  if (known && known.name !== SITE.name)
    throw new StartError(`the write key "${SITE.writeKey}" is that of another site, ${known.name}; nothing was sent.`);
  if (!known) await call("POST", "/v1/sites", SITE);
  const messages = history(Date.now());
  for (let i = 0; i < messages.length; i += BATCH) {
    await call("POST", "/v1/batch", { writeKey: SITE.writeKey, batch: messages.slice(i, i + BATCH) });
  }
  const leads = STORIES.reduce((sum, story) => sum + story.leads, 0);
  const { length } = messages;
  console.log(known ? "it is there already" : `${leads} invented leads, ${length.toLocaleString("en")} events`);
  console.log(`dashboard http://localhost:${port}/dashboard?site=${SITE.writeKey}`);
}

main().catch((error: unknown) => {
  console.error(error instanceof StartError ? `sample: ${error.message}` : error);
  process.exit(1);
});
