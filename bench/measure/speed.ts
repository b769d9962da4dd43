/** How fast beacons are taken, beside the least that a collector on D1 can do, in turns so that noise hits both. */
import type { Speed } from "../figures.ts";
import { type Built, type Host, startBuilt, startFloor } from "../host.ts";
import { Client, type Load, load, median } from "../load.ts";
import { Sessions } from "../sessions.ts";
import { type BenchSite, makeSite, send } from "./site.ts";

const CONCURRENCY = 10;
/** Visitors of each connection: none waits for its own beacon before. */
const VISITORS = 20;
const PATHS = ["/", "/product", "/pricing", "/blog/one", "/blog/two", "/case-studies/acme", "/docs/start"];

export interface SpeedOptions {
  rounds: number;
  roundMs: number;
  importedBatches: number;
}

export interface Speeds {
  startMs: number;
  speed: Speed;
  imported: { eventsPerSecond: number; events: number };
}

export async function measureSpeed(built: Built, options: SpeedOptions): Promise<Speeds> {
  const [host, floor] = [await startBuilt(built), await startFloor()];
  try {
    const site = await makeSite(host, undefined, CONCURRENCY);
    const speed = await compare(site, floor, options);
    const imported = await measureImport(site, options.importedBatches);
    site.client.close();
    return { startMs: host.startMs, speed, imported };
  } finally {
    await host.stop();
    await floor.stop();
  }
}

async function compare(site: BenchSite, floor: Host, { rounds, roundMs }: SpeedOptions): Promise<Speed> {
  const sessions = new Sessions(1, "speed", Date.now);
  const floorClient = new Client(floor.url, CONCURRENCY);
  let n = 0;
  const path = () => PATHS[n++ % PATHS.length] ?? "/";
  const visitor = (connection: number) => `warm-${connection}-${n % VISITORS}`;
  const warm = (connection: number) => site.beacon([sessions.page(visitor(connection), path())]);
  const fresh = () => site.beacon([sessions.page(`new-${n++}`, path(), true)]);
  const least = (connection: number) => ({ path: `/${visitor(connection)}-${n++ % VISITORS}` });
  for (let connection = 0; connection < CONCURRENCY; connection++)
    for (let i = 0; i < VISITORS; i++) await send(site.client, warm(connection));
  const [floors, warms, news]: [Load[], Load[], Load[]] = [[], [], []];
  const settings = { concurrency: CONCURRENCY, ms: roundMs };
  // The first round only warms up: code is compiled, caches fill.
  for (let round = 0; round <= rounds; round++) {
    const [f, w, v] = [
      await load(floorClient, least, settings),
      await load(site.client, warm, settings),
      await load(site.client, fresh, settings),
    ];
    if (round === 0) continue;
    floors.push(f);
    warms.push(w);
    news.push(v);
  }
  floorClient.close();
  const ratios = floors.map(({ perSecond }, i) => (warms[i]?.perSecond ?? 0) / perSecond);
  const p99s = floors.map(({ p99Ms }, i) => (warms[i]?.p99Ms ?? 0) / p99Ms);
  return {
    concurrency: CONCURRENCY,
    floor: middle(floors),
    warm: middle(warms),
    newVisitors: middle(news),
    ratio: median(ratios),
    p99Ratio: median(p99s),
  };
}

/** The medians of several rounds; other answers are all counted. */
function middle(rounds: readonly Load[]): Load {
  const others: Record<string, number> = {};
  for (const round of rounds)
    for (const [status, count] of Object.entries(round.others)) others[status] = (others[status] ?? 0) + count;
  return {
    perSecond: median(rounds.map(({ perSecond }) => perSecond)),
    p50Ms: median(rounds.map(({ p50Ms }) => p50Ms)),
    p99Ms: median(rounds.map(({ p99Ms }) => p99Ms)),
    requests: rounds.reduce((sum, { requests }) => sum + requests, 0),
    others,
  };
}

const BATCH = 1_000;
const IMPORTED_VISITORS = 50;
const IMPORTERS = 2;

/** History with a secret key: batches as large as they may be, each of some visitors. */
async function measureImport(site: BenchSite, batches: number): Promise<Speeds["imported"]> {
  let at = Date.now() - 300 * 86_400_000;
  const sessions = new Sessions(2, "import", () => (at += 1_000));
  const bodies = Array.from({ length: batches }, (_, batch) =>
    site.imported(
      Array.from({ length: BATCH }, (_, i) =>
        sessions.page(`imported-${batch}-${i % IMPORTED_VISITORS}`, PATHS[i % PATHS.length] ?? "/"),
      ),
    ),
  );
  const start = performance.now();
  const importer = async () => {
    for (let body = bodies.pop(); body; body = bodies.pop()) await send(site.client, body);
  };
  await Promise.all(Array.from({ length: IMPORTERS }, importer));
  const events = batches * BATCH;
  return { eventsPerSecond: events / ((performance.now() - start) / 1_000), events };
}
