/** The figures of a run as a table for people. */
import { type Average, type Figures, GOALS, type LeadFigures } from "./figures.ts";

type Row = [what: string, figure: string, goal?: string, isMet?: boolean];

const whole = (value: number) => Math.round(value).toLocaleString("en-US");
const fixed = (value: number, digits = 2) => value.toFixed(digits);
const kb = (bytes: number) => `${fixed(bytes / 1_000, 1)} kB`;

export function report(figures: Figures): string {
  const { machine } = figures;
  const rows = [...speedRows(figures), ...costRows(figures), ...figures.leads.flatMap(leadRows), ...otherRows(figures)];
  return [
    `Kelvin ${figures.commit}, ${figures.at}${figures.isQuick ? ", quick: rough" : ""}`,
    `${machine.processor}, ${machine.cores} cores, ${machine.memoryGb} GB, load ${fixed(machine.loadAverage)}; Node ${machine.node}, workerd ${machine.workerd}, Miniflare ${machine.miniflare}`,
    "",
    ...table(rows),
    "",
    `What weighs what in the bundle, before compression (${kb(figures.size.rawBytes)}):`,
    ...figures.size.parts.slice(0, 14).map(({ name, bytes }) => `  ${name.padEnd(28)} ${kb(bytes).padStart(10)}`),
  ].join("\n");
}

function speedRows({ speed, imported, cpuMsPerBeacon, startMs, size }: Figures): Row[] {
  const { floor, warm, newVisitors } = speed;
  const times = (load: { p50Ms: number; p99Ms: number }) => `p50 ${fixed(load.p50Ms)} ms, p99 ${fixed(load.p99Ms)} ms`;
  const failed = [floor, warm, newVisitors].flatMap(({ others }) => Object.entries(others));
  return [
    ["floor: one row written", `${whole(floor.perSecond)}/s, ${times(floor)}`],
    ["warm beacons of one event", `${whole(warm.perSecond)}/s, ${times(warm)}`],
    ["  of the floor's rate", fixed(speed.ratio), `>= ${GOALS.ratio}`, speed.ratio >= GOALS.ratio],
    ["  times the floor's p99", fixed(speed.p99Ratio), `<= ${GOALS.p99Ratio}`, speed.p99Ratio <= GOALS.p99Ratio],
    [
      "page views of new visitors",
      `${whole(newVisitors.perSecond)}/s, ${times(newVisitors)}`,
      `>= ${GOALS.newVisitorsPerSecond}/s`,
      newVisitors.perSecond >= GOALS.newVisitorsPerSecond,
    ],
    ...failed.map(([status, count]): Row => [`  answered ${status}`, `${count} times`, "0", false]),
    [
      "import, 1,000 messages a batch",
      `${whole(imported.eventsPerSecond)} events/s`,
      `>= ${whole(GOALS.importedPerSecond)}/s`,
      imported.eventsPerSecond >= GOALS.importedPerSecond,
    ],
    [
      "processor, a warm beacon outside D1",
      cpuMsPerBeacon === null ? "not told by this system" : `${fixed(cpuMsPerBeacon, 3)} ms`,
      `<= ${GOALS.cpuMsPerBeacon} ms`,
      (cpuMsPerBeacon ?? 0) <= GOALS.cpuMsPerBeacon,
    ],
    ["start to first answer", `${whole(startMs)} ms`],
    ["bundle, gzip", kb(size.gzipBytes), `<= ${kb(GOALS.gzipBytes)}`, size.gzipBytes <= GOALS.gzipBytes],
  ];
}

function costRows({ cost }: Figures): Row[] {
  const shown = ({ trips, rowsRead, rowsWritten }: Average) =>
    `${fixed(trips)} trips, ${fixed(rowsRead)} read, ${fixed(rowsWritten)} written`;
  const { one, furtherEventRowsWritten } = cost;
  return [
    [`visits of the mix: ${cost.visits}`, `${cost.beacons} beacons, ${cost.messages} messages`],
    ["beacon of one event", shown(one)],
    [
      "  rows written",
      fixed(one.rowsWritten),
      `<= ${GOALS.rowsWrittenPerBeacon}`,
      one.rowsWritten <= GOALS.rowsWrittenPerBeacon,
    ],
    ["  rows read", fixed(one.rowsRead), `<= ${GOALS.rowsReadPerBeacon}`, one.rowsRead <= GOALS.rowsReadPerBeacon],
    ["  of a visitor never seen", shown(cost.newVisitor)],
    ["  of a known visitor", shown(cost.knownVisitor)],
    [
      "a page view more in a beacon",
      `${fixed(furtherEventRowsWritten)} written`,
      `<= ${GOALS.rowsWrittenPerFurtherEvent}`,
      // To a tenth: the log is moved once in 32 events, the day's events are noted once in 100.
      Math.round(furtherEventRowsWritten * 10) / 10 <= GOALS.rowsWrittenPerFurtherEvent,
    ],
    ["  a message more, of the mix", `${fixed(cost.furtherOfMixRowsWritten)} written, with crossings and keys`],
    ["looks at a fading score, a lead", `${fixed(cost.looksPerLead)}, ${fixed(cost.lookRowsPerLead)} rows written`],
    ["database, a lead of the mix", kb(cost.bytesPerLead)],
    ["leads of the mix that somebody knows", `${fixed(cost.knownShare * 100)} %`],
  ];
}

function leadRows({
  leads,
  calls,
  idleRunRowsRead,
  sweepRowsReadPerCrossing,
  sweepRowsWrittenPerCrossing,
}: LeadFigures): Row[] {
  return [
    [`with ${whole(leads)} leads`, ""],
    ...calls.map(({ name, rowsShown, rowsRead, p50Ms }): Row => {
      const figure = `${fixed(p50Ms, 1)} ms, ${whole(rowsRead)} rows read for ${rowsShown}`;
      // Of so few leads a list may have none to show.
      if (!name.startsWith("list") || rowsShown === 0) return [`  ${name}`, figure];
      const isMet = rowsRead / rowsShown <= GOALS.rowsReadPerListedLead;
      return [`  ${name}`, figure, `<= ${GOALS.rowsReadPerListedLead} a lead`, isMet];
    }),
    ["  run of a minute, nothing due", `${whole(idleRunRowsRead)} rows read`],
    [
      "  sweep, a crossing",
      `${fixed(sweepRowsReadPerCrossing)} rows read, ${fixed(sweepRowsWrittenPerCrossing)} written`,
    ],
  ];
}

function otherRows({ refold, fold }: Figures): Row[] {
  return [
    ["leads under new rules", `${whole(refold.leadsPerSecond)}/s of ${refold.leads}`],
    ...fold.map(
      ({ events, replayPerSecond }): Row => [
        `fold of ${whole(events)} events`,
        `${whole(replayPerSecond)} events/s`,
        `>= ${whole(GOALS.foldedPerSecond)}/s`,
        replayPerSecond >= GOALS.foldedPerSecond,
      ],
    ),
  ];
}

function table(rows: readonly Row[]): string[] {
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => String(row[column]).length)));
  return rows.map(([what, figure, goal, isMet]) =>
    `${what.padEnd(widths[0] ?? 0)}  ${figure.padEnd(widths[1] ?? 0)}${goal ? `  ${goal}${isMet ? "" : "  MISSED"}` : ""}`.trimEnd(),
  );
}
