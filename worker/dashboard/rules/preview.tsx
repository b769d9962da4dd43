/** What a draft would do to the stored leads: how many stand where, before and after, and who moves because of what. */
import type { FC } from "hono/jsx";
import type { Counts, Frame, Mover, Preview } from "../data";
import { number, plural, points } from "../format";
import { link, Scroll } from "../layout";

/** Movers whose scores do not look the same before and after. */
const visible = ({ movers }: Preview) =>
  movers.filter(({ before, after }) => number(before.score) !== number(after.score));

/** `isAnswer`: in the editor, where whoever pressed a key for it goes on from here. */
export const PreviewResult: FC<{ frame: Frame; preview: Preview; isAnswer?: boolean }> = ({
  frame,
  preview,
  isAnswer = false,
}) => (
  <section class="card" aria-labelledby="preview">
    <h2 id="preview" tabindex={-1} autofocus={isAnswer}>
      What it would do
    </h2>
    <p>
      {preview.sampled === 0 ? (
        `There is no lead yet to try it on.${isAnswer ? " Make up a visitor below to see what the rules give." : ""}`
      ) : (
        <>
          <strong>{preview.moved === 0 ? "No lead" : plural(preview.moved, "lead")}</strong> of {preview.sampled} would
          stand on another level; nothing was written.
        </>
      )}
    </p>
    <div class="columns">
      {Object.keys({ ...preview.before, ...preview.after }).map((ladder) => (
        <LevelCounts ladder={ladder} before={preview.before} after={preview.after} />
      ))}
    </div>
    <h3>Who moves furthest</h3>
    {visible(preview).length === 0 ? (
      <p class="muted">Nobody's score changes.</p>
    ) : (
      <Scroll label="Who moves furthest">
        <table class="plain-table stacks">
          <caption class="unseen">Leads whose score changes most</caption>
          <thead>
            <tr>
              <th scope="col">Lead</th>
              <th scope="col" class="amount">
                Before
              </th>
              <th scope="col" class="amount">
                After
              </th>
              <th scope="col">Levels</th>
              <th scope="col">Because of</th>
            </tr>
          </thead>
          <tbody>
            {visible(preview).map((mover) => (
              <MoverRow frame={frame} mover={mover} />
            ))}
          </tbody>
        </table>
      </Scroll>
    )}
  </section>
);

const LevelCounts: FC<{ ladder: string; before: Counts; after: Counts }> = ({ ladder, before, after }) => {
  const [was, will] = [before[ladder] ?? {}, after[ladder] ?? {}];
  return (
    <table class="plain-table counts">
      <caption>{ladder}</caption>
      <thead>
        <tr>
          <th scope="col">Level</th>
          <th scope="col" class="amount">
            Before
          </th>
          <th scope="col" class="amount">
            After
          </th>
          <th scope="col" class="amount">
            Change
          </th>
        </tr>
      </thead>
      <tbody>
        {Object.keys({ ...was, ...will }).map((level) => {
          const change = (will[level] ?? 0) - (was[level] ?? 0);
          return (
            <tr>
              <th scope="row">{level}</th>
              <td class="amount">{was[level] ?? "–"}</td>
              <td class="amount">{will[level] ?? "–"}</td>
              <td class={`amount ${change < 0 ? "down" : change > 0 ? "up" : "muted"}`}>{points(change)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
};

const MoverRow: FC<{ frame: Frame; mover: Mover }> = ({ frame, mover: { id, email, before, after, because } }) => (
  <tr>
    <th scope="row">
      <a href={link(frame, `/leads/${encodeURIComponent(id)}`)}>{email ?? `Anonymous ${id.slice(5, 11)}`}</a>
    </th>
    <td class="amount" data-label="Before">
      {number(before.score)}
    </td>
    <td class={`amount ${after.score < before.score ? "down" : "up"}`} data-label="After">
      {number(after.score)}
    </td>
    <td>
      {Object.keys(after.levels)
        .filter((ladder) => before.levels[ladder] !== after.levels[ladder])
        .map((ladder) => `${before.levels[ladder] ?? "none"} → ${after.levels[ladder]}`)
        .join(", ") || <span class="muted">the same</span>}
    </td>
    <td class="muted">{because.map((one) => `${one.id} ${points(one.after - one.before)}`).join(", ")}</td>
  </tr>
);
