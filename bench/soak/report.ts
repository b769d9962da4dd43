/** What a soak tells in the end. */
import type { Soaked } from "./run.ts";

export function soakReport(soaked: Soaked): string {
  const { options, requests, statuses, mishaps, queue, webhooks, erasures, tokens, marketers, kills, verdict } = soaked;
  const list = (counts: Record<string, number>) =>
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(", ") || "none";
  const { leads, events, acknowledged, differences } = verdict;
  return [
    `soak of ${options.minutes} min, ${options.visitors} visitors, seed ${options.seed}`,
    `requests        ${requests}; answers: ${list(statuses)}`,
    `faults          ${list(mishaps)}; workerd killed ${kills} times`,
    `queue           ${queue.messages} messages answered 202; letters: ${list(queue.letters)}; ${queue.resent} beacons sent again after a kill`,
    `webhooks        ${list(webhooks)}`,
    `erasures        people: ${list(erasures)} messages`,
    `tokens          ${list(tokens)}`,
    `marketers       ${list(marketers)}`,
    `leads compared  ${leads}, with ${events} events; ${acknowledged} acknowledged messages looked for`,
    differences.length === 0 ? "differences     none" : `DIFFERENCES     ${differences.length} (the first of them)`,
    ...differences.map((one) => `  ${one}`),
  ].join("\n");
}
