/** One call of the reference: what it takes, what it answers, a line to copy and a form to try it with. */
import type { FC } from "hono/jsx";
import { ERRORS } from "../errors";
import type { Described, Parameter } from "../openapi";
import { boundsOf, Fields, nameOf, Type } from "./schema";

export interface CallProps {
  origin: string;
  path: string;
  method: string;
  call: Described;
}

export const Call: FC<CallProps> = (props) => {
  const { path, method, call } = props;
  const body = call.requestBody?.content["application/json"];
  return (
    <article id={call.operationId}>
      <header>
        <h3>{call.summary}</h3>
        <p class="line">
          <span class={`method ${method}`}>{method.toUpperCase()}</span> <code>{path}</code>
          <span class="scope">{scopeOf(call)}</span>
        </p>
      </header>
      <div class="columns">
        <div>
          {call.description ? <p>{call.description}</p> : null}
          <Parameters all={call.parameters} />
          {body ? (
            <section>
              <h4>
                Body{" "}
                <span class="type">
                  <Type schema={body.schema} />
                </span>
                {call.requestBody?.required ? null : <span class="optional"> optional</span>}
              </h4>
              <Fields schema={body.schema} />
            </section>
          ) : null}
          <Answers call={call} />
        </div>
        <div>
          <figure class="curl">
            <figcaption>
              <span>Shell</span>
              <button type="button" data-copy hidden>
                Copy
              </button>
            </figcaption>
            <pre tabindex={0}>{curlOf(props)}</pre>
          </figure>
          <TryIt {...props} />
        </div>
      </div>
    </article>
  );
};

function scopeOf({ security }: Described): string {
  if (security.some((one) => "writeKey" in one)) return "public, write key";
  return `scope ${security.flatMap(({ secretKey = [] }) => secretKey).join(", ")}`;
}

const Parameters: FC<{ all: Parameter[] }> = ({ all }) =>
  all.length === 0 ? null : (
    <section>
      <h4>Parameters</h4>
      <ul class="fields">
        {all.map((one) => (
          <li>
            <code class="name">{one.name}</code>{" "}
            <span class="type">
              <Type schema={one.schema} />
            </span>
            {one.in === "query" ? null : <span class="place"> in the {one.in}</span>}
            {one.required ? null : <span class="optional"> optional</span>}
            {boundsOf(one.schema) ? <span class="bounds"> · {boundsOf(one.schema)}</span> : null}
            {one.description ? <span class="says"> {one.description}</span> : null}
          </li>
        ))}
      </ul>
    </section>
  );

const Answers: FC<{ call: Described }> = ({ call }) => {
  const all = Object.entries(call.responses);
  const good = all.filter(([status]) => status.startsWith("2"));
  const codes = Object.entries(ERRORS).filter(([, { status }]) => all.some(([told]) => told === String(status)));
  const told = codes.filter(([code, { status }]) => call.responses[status]?.description.includes(`(${code})`));
  return (
    <section>
      <h4>Answers</h4>
      {good.map(([status, { content }]) => (
        <Answer status={status} content={content ?? {}} />
      ))}
      {told.length === 0 ? null : (
        <p class="errors">
          {told.map(([code, { status }]) => (
            <a href={`/docs/errors#${code}`}>
              <b>{status}</b> {code}
            </a>
          ))}
        </p>
      )}
    </section>
  );
};

const Answer: FC<{ status: string; content: NonNullable<Described["requestBody"]>["content"] }> = (props) => {
  const [type, shown] = Object.entries(props.content)[0] ?? [];
  const line = (
    <>
      <b>{props.status}</b> <span class="type">{shown ? <Type schema={shown.schema} /> : "no body"}</span>
      {type && type !== "application/json" ? <span class="place"> {type}</span> : null}
    </>
  );
  // What has a name is told under it.
  if (!shown || nameOf(shown.schema) !== null || type !== "application/json") return <p>{line}</p>;
  return (
    <details open>
      <summary>{line}</summary>
      <Fields schema={shown.schema} />
    </details>
  );
};

const PATH_VALUES: Record<string, string> = {
  leads: "email:ann@acme.example",
  sites: "demo",
  keys: "key_…",
  versions: "1",
};

/** A value for a parameter that a call cannot do without. */
function sampleOf(path: string, { name, in: place }: Parameter): string {
  const before =
    path
      .slice(0, path.indexOf(`/{${name}}`))
      .split("/")
      .at(-1) ?? "";
  if (place === "path") return PATH_VALUES[before] ?? name;
  return name === "writeKey" ? "demo" : name === "event" ? "page" : "";
}

/** Whether the write key has to stand in the query, for there is no body. */
const isKeyNeeded = ({ name }: Parameter, call: Described) => name === "writeKey" && !call.requestBody;

/** The call as a line for a shell. */
function curlOf({ origin, path, method, call }: CallProps): string {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name) =>
    sampleOf(path, { name, in: "path", required: true, schema: {} }),
  );
  const query = call.parameters
    .filter((one) => one.in === "query" && (one.required || isKeyNeeded(one, call)))
    .map((one) => `${one.name}=${sampleOf(path, one)}`);
  const address = `'${origin}${filled}${query.length > 0 ? `?${query.join("&")}` : ""}'`;
  const example = call.requestBody?.content["application/json"]?.example;
  const isDefault = method === (call.requestBody ? "post" : "get");
  const parts = [
    `curl ${isDefault ? "" : `-X ${method.toUpperCase()} `}${address}`,
    ...(call.security.some((one) => "writeKey" in one) ? [] : ['-H "Authorization: Bearer $KEY"']),
    ...(example === undefined ? [] : [`-d '${JSON.stringify(example, null, 2).replaceAll("'", "'\\''")}'`]),
  ];
  return parts.join(" \\\n  ");
}

/** Filled in by people, sent by script.js.txt; without script it is not there. */
const TryIt: FC<CallProps> = ({ path, method, call }) => {
  const example = call.requestBody?.content["application/json"]?.example;
  const isPublic = call.security.some((one) => "writeKey" in one);
  return (
    <details class="try" hidden>
      <summary>Try it</summary>
      <form data-method={method.toUpperCase()} data-path={path} data-public={isPublic ? "" : undefined}>
        {call.parameters.map((one) => (
          <Entry one={one} value={one.required || isKeyNeeded(one, call) ? sampleOf(path, one) : ""} />
        ))}
        {call.requestBody ? (
          <label class="whole">
            <span>body</span>
            <textarea name="body" rows={8} spellcheck={false}>
              {example === undefined ? "" : JSON.stringify(example, null, 2)}
            </textarea>
          </label>
        ) : null}
        <button type="submit">Send</button>
        <output aria-live="polite" />
      </form>
    </details>
  );
};

/** A parameter to fill in, or to choose where there are few. */
const Entry: FC<{ one: Parameter; value: string }> = ({ one, value }) => {
  const { enum: listed, type } = one.schema;
  const choices = type === "boolean" ? ["true", "false"] : Array.isArray(listed) ? listed.map(String) : null;
  const common = { name: one.name, "data-in": one.in, required: one.required };
  if (!choices)
    return (
      <label>
        <span>{one.name}</span>
        <input {...common} autocomplete="off" value={value} />
      </label>
    );
  return (
    <label>
      <span>{one.name}</span>
      <select {...common}>
        <option value="" />
        {choices.map((choice) => (
          <option>{choice}</option>
        ))}
      </select>
    </label>
  );
};
