/** What beacons cost on D1: round trips and rows, counted at the binding, over visits like people's. */

import type { Meter } from "../../test/support/faults.ts";
import b2b from "../../worker/core/presets/b2b.json" with { type: "json" };
import type { Average, Cost } from "../figures.ts";
import { startEntry } from "../host.ts";
import { Sessions } from "../sessions.ts";
import { type BenchSite, countsOf, makeSite, send } from "./site.ts";

interface Counted {
  isNew: boolean;
  messages: number;
  meter: Meter;
}

const DAY_MS = 86_400_000;
const document = JSON.stringify(b2b);
/** Over how long the visits are spread: scores fade and visits end in between. */
const SPREAD_MS = 20 * DAY_MS;

export async function measureCost(visits: number): Promise<Cost> {
  const host = await startEntry("bench/entry.ts");
  try {
    const site = await makeSite(host);
    const { client } = site;
    let at = Date.now() - SPREAD_MS;
    const sessions = new Sessions(3, "cost", () => at);
    const counted: Counted[] = [];
    const seen = new Set<string>();
    let messagesOfAll = 0;
    // So that what is counted below is of beacons, and not of the first look at the site.
    await send(client, site.beacon([sessions.page("first", "/")]));
    for (let visit = 0; visit < visits; visit++) {
      at += SPREAD_MS / (visits + 1);
      for (const { visitor, messages } of sessions.visit()) {
        at += 20_000;
        const timed = messages.map((message) => ({
          ...message,
          timestamp: new Date(Math.min(at, Date.now())).toISOString(),
        }));
        const before = (await countsOf(client)).meter;
        await send(client, site.beacon(timed));
        const after = (await countsOf(client)).meter;
        counted.push({ isNew: !seen.has(visitor), messages: messages.length, meter: difference(before, after) });
        seen.add(visitor);
        messagesOfAll += messages.length;
      }
    }
    const database = await host.database();
    const { results, meta } = await database.prepare("SELECT * FROM leads").all<Record<string, unknown>>();
    const looks = await looksOf(results);
    const furtherEventRowsWritten = await measureFurther(site, sessions);
    client.close();
    return {
      ...summary(counted, visits, messagesOfAll),
      furtherEventRowsWritten,
      knownShare: results.filter(({ known }) => known === 1).length / results.length,
      bytesPerLead: meta.size_after / seen.size,
      looksPerLead: looks.reduce((sum, [count]) => sum + count, 0) / looks.length,
      lookRowsPerLead: looks.reduce((sum, [, written]) => sum + written, 0) / looks.length,
    };
  } finally {
    await host.stop();
  }
}

async function looksOf(rows: unknown[]): Promise<[looks: number, rowsWritten: number][]> {
  const host = await startEntry("bench/looks.ts", { migrates: false });
  try {
    const answer = await fetch(host.url, { method: "POST", body: JSON.stringify({ document, rows }) });
    return (await answer.json()) as [number, number][];
  } finally {
    await host.stop();
  }
}

/** Visitors of the measurement below, and messages of their longer beacons. */
const FURTHER_VISITORS = 12;
const FURTHER_MESSAGES = 11;

/** Rows that a page view more in a beacon writes: long beacons of known visitors beside short ones. */
async function measureFurther(site: BenchSite, sessions: Sessions): Promise<number> {
  const visitors = Array.from({ length: FURTHER_VISITORS }, (_, i) => `further-${i}`);
  const written = async (messages: number) => {
    const before = (await countsOf(site.client)).meter;
    for (const visitor of visitors) {
      await send(
        site.client,
        site.beacon(Array.from({ length: messages }, (_, i) => sessions.page(visitor, `/docs/${i}`))),
      );
    }
    return difference(before, (await countsOf(site.client)).meter).rowsWritten / FURTHER_VISITORS;
  };
  // So that the visit itself earns nothing more, and the log is not moved in between: that is a row in 32 events.
  await written(FURTHER_MESSAGES);
  return ((await written(FURTHER_MESSAGES)) - (await written(1))) / (FURTHER_MESSAGES - 1);
}

type Summary = Omit<
  Cost,
  "furtherEventRowsWritten" | "knownShare" | "bytesPerLead" | "looksPerLead" | "lookRowsPerLead"
>;

function summary(counted: readonly Counted[], visits: number, messages: number): Summary {
  const singles = counted.filter((one) => one.messages === 1);
  const one = average(singles);
  const several = counted.filter((one) => one.messages > 1);
  const further = several.reduce((sum, { messages }) => sum + messages - 1, 0);
  // Of beacons of known visitors alone, lest a new visitor's first be taken for a further event.
  const known = average(singles.filter(({ isNew }) => !isNew));
  const fresh = average(singles.filter(({ isNew }) => isNew));
  const extra = several.reduce(
    (sum, { isNew, meter }) => sum + meter.rowsWritten - (isNew ? fresh : known).rowsWritten,
    0,
  );
  return {
    visits,
    beacons: counted.length,
    messages,
    leads: counted.filter(({ isNew }) => isNew).length,
    all: average(counted),
    one,
    newVisitor: fresh,
    knownVisitor: known,
    furtherOfMixRowsWritten: further === 0 ? 0 : extra / further,
  };
}

function average(counted: readonly Counted[]): Average {
  const mean = (of: (meter: Meter) => number) =>
    counted.reduce((sum, { meter }) => sum + of(meter), 0) / Math.max(1, counted.length);
  return {
    beacons: counted.length,
    trips: mean(({ trips }) => trips),
    rowsRead: mean(({ rowsRead }) => rowsRead),
    rowsWritten: mean(({ rowsWritten }) => rowsWritten),
  };
}

export function difference(before: Meter, after: Meter): Meter {
  return {
    trips: after.trips - before.trips,
    statements: after.statements - before.statements,
    rowsRead: after.rowsRead - before.rowsRead,
    rowsWritten: after.rowsWritten - before.rowsWritten,
  };
}
