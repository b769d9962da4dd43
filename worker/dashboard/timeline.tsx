/** What a lead did, latest first, with the points each event got. */
import type { FC } from "hono/jsx";
import { OUTCOME_RECORDED } from "../core/outcome";
import type { TimelineEvent } from "./data";
import { clock, date, exact, points } from "./format";

/** Properties worth a word beside an event's name, the first that is there. */
const TELLING = ["form", "file", "cta", "status", "feedback", "plan", "label", "href", "path", "url", "seconds"];
const TEXT_MAX = 120;

export const Timeline: FC<{ events: TimelineEvent[]; now: number }> = ({ events, now }) => {
  const days = Map.groupBy(events, ({ timestamp }) => timestamp.slice(0, 10));
  return (
    <div class="timeline">
      {[...days].map(([day, all]) => (
        <section aria-labelledby={`day-${day}`}>
          <h3 id={`day-${day}`}>{date(Date.parse(day), now)}</h3>
          <ol reversed>
            {all.map((event) => (
              <Entry event={event} />
            ))}
          </ol>
        </section>
      ))}
    </div>
  );
};

const Entry: FC<{ event: TimelineEvent }> = ({ event }) => {
  const { what, detail } = told(event);
  const at = Date.parse(event.timestamp);
  return (
    <li>
      <time datetime={event.timestamp} title={exact(at)}>
        {clock(at)}
      </time>
      <div class="what">
        <span>{what}</span>
        {detail && <span class="muted"> {cut(detail)}</span>}
        {event.machine && <span class="flag">machine</span>}
      </div>
      {event.awards.length > 0 && (
        <ul class="awards" aria-label="Points">
          {event.awards.map(({ id, points: given, cut: kept }) => (
            <li class={points(given) === "0" ? undefined : given < 0 ? "down" : "up"}>
              <b>{points(given)}</b>
              {kept !== undefined && ` of ${points(given + kept)}`} {id}
            </li>
          ))}
        </ul>
      )}
    </li>
  );
};

function cut(text: string): string {
  return text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX - 1)}…` : text;
}

const text = (value: unknown): string | null =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : null;

/** An event as a short sentence and what goes with it. */
function told(event: TimelineEvent): { what: string; detail: string } {
  const { type, properties = {}, traits = {} } = event;
  switch (type) {
    case "page":
    case "screen": {
      const path = text(properties.path) ?? text(properties.name) ?? event.name ?? text(properties.url);
      const campaign = campaignOf(event.context);
      const detail = [text(properties.title), campaign && `campaign ${campaign}`].filter(Boolean).join(" · ");
      return { what: `Viewed ${path ?? "a page"}`, detail };
    }
    case "identify":
      return {
        what: `Identified ${text(traits.email) ?? event.userId ?? ""}`.trim(),
        detail: [event.verified ? "verified" : "claimed", ...Object.keys(traits)].join(", "),
      };
    case "group":
      return { what: `Joined the group ${event.groupId ?? ""}`.trim(), detail: text(traits.name) ?? "" };
    case "alias":
      return { what: "Joined with", detail: event.previousId ?? "" };
    default: {
      if (event.event === OUTCOME_RECORDED) return { what: OUTCOME_RECORDED, detail: outcomeOf(properties) };
      const name = TELLING.find((one) => text(properties[one]) !== null);
      return { what: event.event ?? type, detail: name ? `${name} ${text(properties[name]) ?? ""}` : "" };
    }
  }
}

function outcomeOf({ outcome, value }: Record<string, unknown>): string {
  const worth = text(value);
  return [text(outcome), worth && `value ${worth}`].filter(Boolean).join(", ");
}

function campaignOf(context: Record<string, unknown> | undefined): string | null {
  const campaign = context?.campaign;
  if (campaign === null || typeof campaign !== "object") return null;
  const { name, source } = campaign as Record<string, unknown>;
  return text(name) ?? text(source);
}
