/** The rules as a table to edit: what one changes every day is in sight, the rest is a click away. */
import type { FC } from "hono/jsx";
import type { Problem } from "../../data";
import { ruleWords } from "../../words";
import { Act, Choice, Condition, Fade, type Option, Text } from "./controls";
import { conditionKey, EFFECTS, isLimit, PERIODS, type Values } from "./fields";
import { isPart, itemsOf, type Part } from "./json";
import { showText } from "./scalars";

export interface FormPart {
  document: Part;
  values: Values;
  problems: readonly Problem[];
  /** Rules whose details stand open. */
  open: readonly number[];
  /** Where the form is sent. */
  here: string;
}

/** What is wrong with a part, beside it; the rest of the pointer says where in it. */
export function problemsAt(problems: readonly Problem[], pointer: string): Problem[] {
  return problems.filter((one) => one.pointer === pointer || one.pointer.startsWith(`${pointer}/`));
}

export const Wrong: FC<{ problems: readonly Problem[]; at: string }> = ({ problems, at }) => {
  const found = problemsAt(problems, at);
  if (found.length === 0) return null;
  return (
    <ul class="wrong">
      {found.map(({ pointer, detail }) => (
        <li class="field-error">
          {pointer.slice(at.length + 1) && <strong>{decodeURI(pointer.slice(at.length + 1))}: </strong>}
          {detail}
        </li>
      ))}
    </ul>
  );
};

export const RulesTable: FC<FormPart> = (props) => {
  const rules = itemsOf(props.document.rules);
  return (
    <section class="card flush" aria-labelledby="rules-heading">
      <h2 id="rules-heading">Rules</h2>
      <Wrong problems={props.problems.filter(({ pointer }) => pointer === "#/rules")} at="#/rules" />
      {rules.length === 0 && (
        <p class="muted empty-note">There is no rule yet. Add one below, or begin from a preset.</p>
      )}
      <ol class="rule-rows">
        {rules.map((rule, index) => (isPart(rule) ? <RuleRow {...props} rule={rule} index={index} /> : null))}
      </ol>
      <p class="editor-actions add-rule" id="add-rule">
        Add a rule
        {(["event", "state"] as const).map((kind) => (
          <button type="submit" name="action" value={`add ${kind}`} formaction={`${props.here}#rules-${rules.length}`}>
            {kind === "event" ? "for something that happens" : "for something that is so"}
          </button>
        ))}
      </p>
    </section>
  );
};

const EFFECT_OPTIONS: Option[] = EFFECTS.map((name) => [
  name,
  { points: "gives points", disqualify: "disqualifies as", reset: "empties" }[name],
]);

const RuleRow: FC<FormPart & { rule: Part; index: number }> = (props) => {
  const { values, rule, index, here } = props;
  const at = `rules/${index}`;
  const anchor = `rules-${index}`;
  const of = typeof rule.id === "string" ? rule.id : `rule ${index + 1}`;
  const last = itemsOf(props.document.rules).length - 1;
  const wrong = problemsAt(props.problems, `#/${at}`).length > 0;
  return (
    <li id={anchor} class={wrong ? "is-wrong" : undefined}>
      <div class="rule-line">
        <Text values={values} name={`${at}/id`} label={`Name of ${of}`} size={18} />
        <span class="effect">
          <Choice values={values} name={`${at}/effect`} label={`Effect of ${of}`} options={EFFECT_OPTIONS} />
          {values.has(`${at}/value`) && (
            <Text values={values} name={`${at}/value`} label={`${valueLabel(rule)} of ${of}`} size={6} />
          )}
        </span>
        <span class="row-actions">
          {index > 0 && (
            <Act action={`up ${at}`} to={`rules-${index - 1}`} here={here} label={`Move ${of} up`}>
              ↑
            </Act>
          )}
          {index < last && (
            <Act action={`down ${at}`} to={`rules-${index + 1}`} here={here} label={`Move ${of} down`}>
              ↓
            </Act>
          )}
          <Act action={`drop ${at}`} to={`rules-${Math.max(0, index - 1)}`} here={here} label={`Remove ${of}`}>
            ✕
          </Act>
        </span>
      </div>
      <Wrong problems={props.problems} at={`#/${at}`} />
      <details open={wrong || props.open.includes(index)}>
        <summary>
          <RuleSummary rule={rule} />
        </summary>
        <RuleDetails {...props} at={at} anchor={anchor} of={of} />
      </details>
    </li>
  );
};

function valueLabel({ disqualify, reset }: Part): string {
  return disqualify !== undefined ? "Reason" : reset !== undefined ? "Dimensions" : "Points";
}

const RuleSummary: FC<{ rule: Part }> = ({ rule }) => {
  const { when, bounds } = ruleWords(rule);
  return (
    <>
      {when}
      {bounds && <span class="muted">; {bounds}</span>}
    </>
  );
};

const RuleDetails: FC<FormPart & { rule: Part; at: string; anchor: string; of: string }> = (props) => {
  const { document, values, rule, at, of } = props;
  const key = conditionKey(rule);
  const names = (part: unknown): Option[] =>
    Object.keys(isPart(part) ? part : {}).map((name) => [showText(name), name]);
  const first = names(document.dimensions)[0]?.[1];
  return (
    <div class="rule-details">
      {key === "where" && (
        <div class="bound">
          <span>When this happens</span>
          <Text values={values} name={`${at}/on`} label={`Event of ${of}`} list="events" />
        </div>
      )}
      <fieldset>
        <legend>{key === "where" ? "if all of this is so of it" : "For as long as all of this is so"}</legend>
        <Condition
          values={values}
          at={`${at}/${key}`}
          condition={rule[key]}
          scope={key === "where" ? "event" : "lead"}
          of={of}
          here={props.here}
          anchor={props.anchor}
        />
      </fieldset>
      <div class="bounds">
        <div class="bound">
          <span>Dimension</span>
          <Choice
            values={values}
            name={`${at}/dimension`}
            label={`Dimension of ${of}`}
            options={[["", `the first${first ? ` (${first})` : ""}`], ...names(document.dimensions)]}
          />
        </div>
        {key === "where" && <OnBounds {...props} groups={names(document.groups)} />}
      </div>
    </div>
  );
};

/** What only rules for events have. */
const OnBounds: FC<FormPart & { rule: Part; at: string; of: string; groups: Option[] }> = (props) => {
  const { values, rule, at, of, groups } = props;
  return (
    <>
      {(groups.length > 0 || rule.group !== undefined) && (
        <div class="bound">
          <span>Group</span>
          <Choice values={values} name={`${at}/group`} label={`Group of ${of}`} options={[["", "none"], ...groups]} />
        </div>
      )}
      <div class="bound">
        <span>At most</span>
        {isLimit(rule.limit) ? (
          <span class="limit">
            <Text values={values} name={`${at}/times`} label={`Times at most of ${of}`} size={3} placeholder="any" />
            times
            <Choice
              values={values}
              name={`${at}/per`}
              label={`Period of ${of}`}
              options={[["", "ever"], ...PERIODS.map((period) => [period, `a ${period}`] as const)]}
            />
            for each
            <Text values={values} name={`${at}/by`} label={`Limit of ${of} for each`} list="event-fields" size={14} />
          </span>
        ) : (
          <span class="muted">see JSON</span>
        )}
      </div>
      <div class="bound">
        <span>Points</span>
        <Fade values={values} at={at} of={of} unsaid="fade as the dimension does" />
      </div>
    </>
  );
};
