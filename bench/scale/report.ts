/** The arithmetic for people. */
import { type Arithmetic, arithmetic, type Load, type Measured, warningsOf } from "./arithmetic.ts";
import { PRICES_OF } from "./prices.ts";

/** 1,234 · 12.3 M · 1.23 B */
export function short(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(2)} B`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)} M`;
  if (value >= 10) return Math.round(value).toLocaleString("en-US");
  return value.toFixed(value >= 1 ? 1 : 2);
}

const dollars = (value: number) => `$${value >= 10 ? Math.round(value).toLocaleString("en-US") : value.toFixed(2)}`;
const percent = (share: number) => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;

export function scaleReport(load: Load, { commit }: { commit: string }, found: Arithmetic): string {
  const { rowsWritten, databases, dollars: paid, free } = found;
  const lines: [string, string][] = [
    ["leads, new a month", short(found.leadsPerMonth)],
    ["requests a month", `${short(found.requests)}: beacons, and the tag once a visit`],
    ["beacons a second, at peak", short(found.beaconsPerSecondAtPeak)],
    [
      "rows written a month",
      `${short(rowsWritten.all)}: beacons ${short(rowsWritten.beacons)}, scores that fade ${short(rowsWritten.looks)}, going cold ${short(rowsWritten.goingCold)}, forgetting ${short(rowsWritten.forgotten)}`,
    ],
    ["rows read a month", short(found.rowsRead)],
    ["stored in the end", `${short(found.storedGb)} GB, of ${kept(load)}`],
    ["databases", `${databases.all}: for size ${databases.forSize}, for writing at peak ${databases.forWrites}`],
    ["a site, kept so long", `at most ${short(found.site.mostBeacons)} beacons a month: it lives in one database`],
    ["messages in the queue", short(found.queueMessages)],
    ["dollars a month", found.isFree ? "nothing, on the free plan" : `${dollars(paid.all)}: ${parts(paid)}`],
    [
      "of the free plan",
      `requests ${percent(free.requests)}, rows read ${percent(free.rowsRead)}, rows written ${percent(free.rowsWritten)}, storage ${percent(free.stored)}`,
    ],
  ];
  return [
    `${load.sites.toLocaleString("en-US")} sites, ${short(load.beacons)} beacons a month; figures measured at ${commit}, prices of ${PRICES_OF}`,
    "",
    ...lines.map(([what, value]) => `${what.padEnd(26)} ${value}`),
    "",
    "What ends first, as the load grows:",
    ...found.ends.map(({ what, used }) => `${percent(used).padStart(9)}  ${what}`),
    ...warningsOf(found).flatMap((warning) => ["", warning]),
  ].join("\n");
}

function kept({ months, anonymousMonths }: Load): string {
  return `${months} months${anonymousMonths < months ? `, ${anonymousMonths} of leads that nobody knows` : ""}`;
}

function parts({ all: _, ...each }: Arithmetic["dollars"]): string {
  const names = {
    plan: "plan",
    requests: "requests",
    cpu: "processor",
    rowsRead: "rows read",
    rowsWritten: "rows written",
    stored: "storage",
    queue: "queue",
  };
  return (Object.keys(names) as (keyof typeof names)[])
    .filter((name) => each[name] > 0)
    .map((name) => `${names[name]} ${dollars(each[name])}`)
    .join(", ");
}

/** The table of docs/scale.md. */
export function asTable(scenarios: readonly (Load & { name: string })[], measured: Measured): string {
  const rows = scenarios.map((load) => {
    const found = arithmetic(load, measured);
    return [
      load.name,
      short(load.beacons),
      short(found.leadsPerMonth),
      short(found.rowsWritten.all),
      `${short(found.storedGb)} GB`,
      short(found.beaconsPerSecondAtPeak),
      String(found.databases.all),
      found.isFree ? "$0" : dollars(found.dollars.all),
    ];
  });
  const head = [
    "",
    "beacons a month",
    "new leads a month",
    "rows written a month",
    "stored in the end",
    "beacons/s at peak",
    "databases",
    "dollars a month",
  ];
  return [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}
