/** What rules refer to, to edit: levels and their thresholds, dimensions, groups; counters in words. */
import type { FC } from "hono/jsx";
import { escapePointer as escaped } from "../../../core/problems";
import { counterWords } from "../../words";
import { Act, Condition, Fade, NO_FADE, Text } from "./controls";
import { entriesOf, isPart, itemsOf } from "./json";
import { type FormPart, Wrong } from "./rules";

export const Levels: FC<FormPart> = (props) => {
  const { document, values, problems } = props;
  return (
    <section class="card" aria-labelledby="levels-heading">
      <h2 id="levels-heading">Levels</h2>
      <p class="muted">Lowest first. A lead stands on the highest whose conditions hold.</p>
      <Wrong problems={problems.filter(({ pointer }) => pointer === "#/levels")} at="#/levels" />
      {entriesOf(document.levels).map(([ladder, levels], i) => (
        <fieldset class="ladder" id={`levels-${i}`}>
          <legend>{ladder}</legend>
          <ol>
            {itemsOf(levels).map((level, j) => (
              <Level {...props} ladder={ladder} level={level} at={`levels/${i}/${j}`} i={i} j={j} />
            ))}
            <li>
              <Text
                values={values}
                name={`levels/${i}/new/name`}
                label={`Name of a new level of ${ladder}`}
                placeholder="add a level"
              />
              <div class="condition">
                <div class="test new">
                  <Text
                    values={values}
                    name={`levels/${i}/new/when/new/field`}
                    label={`Field of a new level of ${ladder}`}
                    list="level-fields"
                  />
                  <span>
                    is at least
                    <input type="hidden" name={`levels/${i}/new/when/new/comparison`} value="gte" />
                  </span>
                  <Text
                    values={values}
                    name={`levels/${i}/new/when/new/value`}
                    label={`Value of a new level of ${ladder}`}
                    size={6}
                  />
                </div>
              </div>
            </li>
          </ol>
          <div class="bound">
            <span>Points by which one may fall below and stay</span>
            <Text
              values={values}
              name={`levels/${i}/hysteresis`}
              label={`Hysteresis of ${ladder}`}
              size={4}
              placeholder="0"
            />
          </div>
          <Wrong problems={problems} at={`#/hysteresis/${escaped(ladder)}`} />
          <Wrong
            problems={problems.filter(({ pointer }) => pointer === `#/levels/${escaped(ladder)}`)}
            at={`#/levels/${escaped(ladder)}`}
          />
        </fieldset>
      ))}
      <p class="muted small">Ladders are added in the JSON.</p>
    </section>
  );
};

interface LevelProps extends FormPart {
  ladder: string;
  level: unknown;
  at: string;
  i: number;
  j: number;
}

const Level: FC<LevelProps> = ({ values, problems, here, ladder, level, at, i, j }) => {
  if (!isPart(level)) return null;
  const of = typeof level.name === "string" ? level.name : `level ${j + 1}`;
  return (
    <li>
      <span class="level-line">
        <Text values={values} name={`${at}/name`} label={`Name of level ${of} of ${ladder}`} size={10} />
        {j > 0 && (
          <Act action={`drop ${at}`} to={`levels-${i}`} here={here} label={`Remove level ${of} of ${ladder}`}>
            ✕
          </Act>
        )}
      </span>
      {j === 0 && level.when === undefined ? (
        <span class="muted">where everybody begins</span>
      ) : (
        <Condition
          values={values}
          at={`${at}/when`}
          condition={level.when}
          scope="level"
          of={`${of} of ${ladder}`}
          here={here}
          anchor={`levels-${i}`}
        />
      )}
      <Wrong problems={problems} at={`#/levels/${escaped(ladder)}/${j}`} />
    </li>
  );
};

const WORDS = {
  dimensions: {
    title: "Dimensions",
    about: "Parts of the score that are kept apart. A rule that names none is of the first.",
    one: "dimension",
  },
  groups: { title: "Groups", about: "Rules of one group together give no more than its ends.", one: "group" },
} as const;

/** Dimensions or groups: how they fade, and between which ends they are held. */
export const Parts: FC<FormPart & { kind: "dimensions" | "groups" }> = (props) => {
  const { document, values, problems, here, kind } = props;
  const { title, about, one } = WORDS[kind];
  return (
    <section class="card" aria-labelledby={`${kind}-heading`} id={kind}>
      <h2 id={`${kind}-heading`}>{title}</h2>
      <p class="muted">{about}</p>
      <ul class="part-rows">
        {entriesOf(document[kind]).map(([name], i) => (
          <li>
            <span class="level-line">
              <strong>{name}</strong>
              <Act action={`drop ${kind}/${i}`} to={kind} here={here} label={`Remove ${one} ${name}`}>
                ✕
              </Act>
            </span>
            {kind === "dimensions" && <Fade values={values} at={`${kind}/${i}`} of={name} unsaid={NO_FADE} />}
            <Ends values={values} at={`${kind}/${i}`} of={name} />
            <Wrong problems={problems} at={`#/${kind}/${escaped(name)}`} />
          </li>
        ))}
        <li>
          <Text values={values} name={`${kind}/new/name`} label={`Name of a new ${one}`} placeholder={`add a ${one}`} />
          <Ends values={values} at={`${kind}/new`} of={`a new ${one}`} />
        </li>
      </ul>
    </section>
  );
};

const Ends: FC<Pick<FormPart, "values"> & { at: string; of: string }> = ({ values, at, of }) => (
  <span class="ends">
    at least <Text values={values} name={`${at}/min`} label={`Minimum of ${of}`} size={5} /> at most{" "}
    <Text values={values} name={`${at}/max`} label={`Maximum of ${of}`} size={5} />
  </span>
);

export const Counters: FC<Pick<FormPart, "document" | "problems">> = ({ document, problems }) => {
  const counters = entriesOf(document.counters);
  if (counters.length === 0) return null;
  return (
    <section class="card" aria-labelledby="counters-heading">
      <h2 id="counters-heading">Counters</h2>
      <p class="muted">They are edited as JSON.</p>
      <ul class="part-rows">
        {counters.map(([name, counter]) => (
          <li>
            <strong>{name}</strong> {isPart(counter) && counterWords(counter)}
            <Wrong problems={problems} at={`#/counters/${escaped(name)}`} />
          </li>
        ))}
      </ul>
    </section>
  );
};
