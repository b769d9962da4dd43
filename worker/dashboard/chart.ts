/** Scales and paths of the charts, SVG's own words: the little of d3-scale and d3-shape that the dashboard needs. */

/** Both ends of something. */
export type Span = readonly [from: number, to: number];
/** Where a value is drawn. */
export type Scale = (value: number) => number;
export type Point = readonly [x: number, y: number];

/** Even distances stay even; all of a span without length lie in the middle. */
export function linear([from, to]: Span, [low, high]: Span): Scale {
  return (value) => low + (high - low) * (to === from ? 0.5 : (value - from) / (to - from));
}

/** Even ratios stay even. */
export function logarithmic([from, to]: Span, range: Span): Scale {
  const scale = linear([Math.log(from), Math.log(to)], range);
  return (value) => scale(Math.log(value));
}

/** What lies outside a span is taken for its end. */
export function clamped([from, to]: Span, scale: Scale): Scale {
  return (value) => scale(Math.min(to, Math.max(from, value)));
}

/** 1, 2, 5 or 10 times a power of ten, as a fraction of whole numbers: multiples of it come out as people write them. */
interface Step {
  over: number;
  under: number;
}

/** The step that comes nearest to so many in a span. */
function stepOf([from, to]: Span, count: number): Step {
  const wanted = (to - from) / count;
  const power = Math.floor(Math.log10(wanted));
  const rest = wanted / 10 ** power;
  // Half way in ratio from one to the next.
  const times = rest >= Math.sqrt(50) ? 10 : rest >= Math.sqrt(10) ? 5 : rest >= Math.sqrt(2) ? 2 : 1;
  return power < 0 ? { over: 1, under: 10 ** -power / times } : { over: times * 10 ** power, under: 1 };
}

const multiple = ({ over, under }: Step, n: number) => (n * over) / under;

/** About so many round values within a span. */
export function ticks([from, to]: Span, count: number): number[] {
  if (!(to > from)) return [from];
  const step = stepOf([from, to], count);
  // To the nearest and then back within: a quotient may miss a whole number by its last digit.
  const nearest = (end: number) => Math.round((end * step.under) / step.over);
  let first = nearest(from);
  let last = nearest(to);
  if (multiple(step, first) < from) first++;
  if (multiple(step, last) > to) last--;
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => multiple(step, first + i));
}

/** The span that reaches to the round values around it. */
export function nice(span: Span, count: number, before?: Step): Span {
  if (!(span[1] > span[0])) return span;
  const step = stepOf(span, count);
  const { over, under } = step;
  if (over === before?.over && under === before.under) return span;
  const [first, last] = [Math.floor((span[0] * under) / over), Math.ceil((span[1] * under) / over)];
  // A wider span may have wider steps, and then other ends.
  return nice([multiple(step, first), multiple(step, last)], count, step);
}

const at = ([x, y]: Point) => `${short(x)},${short(y)}`;
const short = (value: number) => Math.round(value * 1000) / 1000;

/** A path from point to point; a single one is a dot, where the line has round ends. */
export function line(points: readonly Point[]): string {
  return points.length === 0 ? "" : `M${points.map(at).join("L")}${points.length === 1 ? "Z" : ""}`;
}

/** What lies between two lines. */
export function area(top: readonly Point[], bottom: readonly Point[]): string {
  return top.length === 0 ? "" : `M${[...top, ...bottom.toReversed()].map(at).join("L")}Z`;
}

/**
 * A smooth line that rises and falls only where its points do (Steffen, M.: A Simple Method for Monotonic Interpolation
 * in One Dimension, 1990). Each stands to the right of the one before.
 */
export function smooth(points: readonly Point[]): string {
  if (points.length < 3) return line(points);
  const pieces = points.slice(1).map((to, i): Piece => {
    const from = points[i] ?? to;
    const width = to[0] - from[0];
    return { from, to, width, slope: (to[1] - from[1]) / width };
  });
  const curves = pieces.map((piece, i) => {
    const { from, to, width, slope } = piece;
    const [before, after] = [pieces[i - 1], pieces[i + 1]];
    // At the ends a parabola goes on from the slope beside them.
    const left = before ? slopeAt(before, piece) : (3 * slope - (after ? slopeAt(piece, after) : slope)) / 2;
    const right = after ? slopeAt(piece, after) : (3 * slope - left) / 2;
    const third = width / 3;
    const bends: Point[] = [[from[0] + third, from[1] + third * left], [to[0] - third, to[1] - third * right], to];
    return `C${bends.map(at).join(",")}`;
  });
  return `M${points.slice(0, 1).map(at)}${curves.join("")}`;
}

interface Piece {
  from: Point;
  to: Point;
  width: number;
  slope: number;
}

/** The slope between two pieces: that of the parabola through them, but flat at a turn, and never over twice the flatter. */
function slopeAt(before: Piece, after: Piece): number {
  const mean = (before.slope * after.width + after.slope * before.width) / (before.width + after.width);
  const most = Math.min(Math.abs(before.slope), Math.abs(after.slope), Math.abs(mean) / 2);
  return (Math.sign(before.slope) + Math.sign(after.slope)) * most;
}
