/** What the form is made of: fields whose values come from `valuesOf`, so that what is shown and what is read agree. */
import type { Child, FC } from "hono/jsx";
import { EVENT_FIELDS, LEAD_FIELDS } from "../../../core/fields";
import { conditionWords, fieldLabel } from "../../words";
import { COMPARISONS, rowsOf } from "./conditions";
import { FADES, KEPT, type Values } from "./fields";

export type Option = readonly [value: string, label: string];

interface Field {
  values: Values;
  name: string;
  /** What it is, for who does not see where it stands. */
  label: string;
}

export const Text: FC<Field & { list?: string; size?: number; placeholder?: string }> = (props) => {
  const { values, name, label, ...others } = props;
  const value = values.get(name);
  if (value === undefined) return <span class="muted">see JSON</span>;
  return <input type="text" name={name} value={value} aria-label={label} autocomplete="off" {...others} />;
};

/** A list to choose from; what the document has and the list has not is offered too, so that nothing gets lost. */
export const Choice: FC<Field & { options: readonly Option[] }> = ({ values, name, label, options }) => {
  const value = values.get(name);
  if (value === undefined) return <span class="muted">see JSON</span>;
  const isKnown = options.some(([known]) => known === value);
  const all: readonly Option[] = isKnown ? options : [...options, [value, value === KEPT ? "as in the JSON" : value]];
  return (
    <select name={name} aria-label={label}>
      {all.map(([known, text]) => (
        <option value={known} selected={known === value}>
          {text}
        </option>
      ))}
    </select>
  );
};

/** A button of the form that changes the draft and comes back to where it was pressed. */
export const Act: FC<{ action: string; to: string; here: string; label: string; children?: Child }> = (props) => (
  <button
    type="submit"
    class="small"
    name="action"
    value={props.action}
    formaction={`${props.here}#${props.to}`}
    aria-label={props.label}
    title={props.label}
  >
    {props.children}
  </button>
);

export type Scope = "event" | "lead" | "level";

/** Rows of a condition, one more to add a test, and in words what only the JSON can say. */
export const Condition: FC<{
  values: Values;
  at: string;
  condition: unknown;
  scope: Scope;
  of: string;
  here: string;
  anchor: string;
}> = ({ values, at, condition, scope, of, here, anchor }) => {
  const { rows, kept } = rowsOf(condition);
  if (!values.has(`${at}/new/field`)) return <p class="muted">This condition is edited as JSON.</p>;
  return (
    <div class="condition">
      {[...rows.map((_, i) => String(i)), "new"].map((place, i) => {
        const which = place === "new" ? `new condition of ${of}` : `condition ${i + 1} of ${of}`;
        return (
          <div class={place === "new" ? "test new" : "test"}>
            <Text
              values={values}
              name={`${at}/${place}/field`}
              label={`Field, ${which}`}
              list={`${scope}-fields`}
              placeholder="add a field"
            />
            <Choice
              values={values}
              name={`${at}/${place}/comparison`}
              label={`Comparison, ${which}`}
              options={COMPARISONS.map(({ name, label }) => [name, label] as const)}
            />
            <Text values={values} name={`${at}/${place}/value`} label={`Value, ${which}`} />
            {place !== "new" && (
              <Act action={`drop ${at}/${place}`} to={anchor} here={here} label={`Remove ${which}`}>
                ✕
              </Act>
            )}
          </div>
        );
      })}
      {kept.map(([name, test]) => (
        <p class="kept">
          and {conditionWords({ [name]: test })} <span class="muted">(edit this part as JSON)</span>
        </p>
      ))}
    </div>
  );
};

const FADE_LABELS: Record<(typeof FADES)[number], string> = {
  halfLife: "halves every",
  linear: "fades evenly within",
  expires: "ends after",
  every: "loses a share every",
};

/** How something fades; `unsaid` is what it means that nothing is said. */
export const Fade: FC<{ values: Values; at: string; of: string; unsaid: string }> = ({ values, at, of, unsaid }) => {
  const fade = values.get(`${at}/fade`);
  const none: Option[] = unsaid === NO_FADE && fade !== "none" ? [] : [["none", NO_FADE]];
  return (
    <span class="fade">
      <Choice
        values={values}
        name={`${at}/fade`}
        label={`Fading of ${of}`}
        options={[["", unsaid], ...none, ...FADES.map((name) => [name, FADE_LABELS[name]] as const)]}
      />
      {values.has(`${at}/span`) && (
        <>
          <Text values={values} name={`${at}/span`} label={`Time of fading of ${of}`} size={5} placeholder="30d" />
          {/* Where a share is lost, or once that is chosen. */}
          <span class="share">
            <Text values={values} name={`${at}/percent`} label={`Share lost of ${of}, percent`} size={4} /> %
          </span>
        </>
      )}
    </span>
  );
};
export const NO_FADE = "does not fade";

/** Names that fields of the form complete. */
export const Lists: FC<{ events: readonly string[]; counters: readonly string[]; dimensions: readonly string[] }> = (
  props,
) => {
  const lead = [...LEAD_FIELDS, ...props.counters.map((name) => `counters.${name}`), "traits.title", "traits.company"];
  const lists: [string, readonly string[]][] = [
    ["event-fields", [...EVENT_FIELDS, "properties.form", "properties.file", "properties.seconds"]],
    ["lead-fields", lead],
    ["level-fields", ["score", ...props.dimensions.map((name) => `scores.${name}`), ...lead]],
  ];
  return (
    <>
      <datalist id="events">
        {["page", "screen", "identify", "group", ...props.events].map((name) => (
          <option value={name} />
        ))}
      </datalist>
      {lists.map(([id, fields]) => (
        <datalist id={id}>
          {fields.map((name) => (
            <option value={name}>{fieldLabel(name)}</option>
          ))}
        </datalist>
      ))}
    </>
  );
};
