/** Durations as the rules write them: a positive whole number and a unit, "45s" "30m" "12h" "7d" "4w". */

const UNIT_MS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

export const DAY_MS = 86_400_000;
export const HOUR_MS = 3_600_000;

/** Longest duration accepted, 100 years: past it dates no longer print and nobody means it. */
export const DURATION_MAX_MS = 36_525 * DAY_MS;

/** What a duration must look like, for error messages. */
export const DURATION_HINT = 'a duration above zero such as "45s", "30m", "12h", "7d" or "4w" (at most 100 years)';

/** Milliseconds of a duration, or `null` when the text is none (zero and over-long ones included). */
export function durationMs(text: unknown): number | null {
  if (typeof text !== "string") return null;
  const parts = /^(\d{1,12})([smhdw])$/.exec(text);
  if (!parts) return null;
  const ms = Number(parts[1]) * (UNIT_MS[parts[2] ?? ""] ?? 0);
  return ms > 0 && ms <= DURATION_MAX_MS ? ms : null;
}

/** A span of time in the rules' own notation, rounded down to the largest unit of which there are two or more. */
export function durationText(ms: number): string {
  const unit = (["w", "d", "h", "m"] as const).find((name) => ms >= 2 * (UNIT_MS[name] ?? 0)) ?? "s";
  return `${Math.floor(ms / (UNIT_MS[unit] ?? 1))}${unit}`;
}
