/** `GET /docs`: the API as people read it, made on the server from the description that `GET /openapi.json` gives. */
import type { FC } from "hono/jsx";
import paths from "../../../dist/files.js";
import type { Described, Description } from "../openapi";
import { Call } from "./call";
import { Fields, Type } from "./schema";

interface Placed {
  path: string;
  method: string;
  call: Described;
}

export const Reference: FC<{ description: Description; origin: string }> = ({ description, origin }) => {
  const all = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, call]): Placed => ({ path, method, call })),
  );
  const tags = description.tags.map((tag) => ({
    ...tag,
    calls: all.filter(({ call }) => call.tags.includes(tag.name)),
  }));
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>API reference · Kelvin</title>
        <link rel="stylesheet" href={paths.referenceStyle} />
        <script defer src={paths.referenceScript} />
      </head>
      <body>
        <a class="skip" href="#main">
          Skip to the content
        </a>
        <nav aria-label="Calls">
          <details open>
            <summary>Kelvin's API</summary>
            {tags.map(({ name, calls }) => (
              <section>
                <h2>
                  <a href={`#${anchorOf(name)}`}>{name}</a>
                </h2>
                <ul>
                  {calls.map(({ path, method, call }) => (
                    <li>
                      <a href={`#${call.operationId}`}>
                        <span class={`method ${method}`}>{method}</span> <code>{path.replace(/^\/v1/, "")}</code>
                      </a>
                    </li>
                  ))}
                </ul>
              </section>
            ))}
            <h2>
              <a href="#schemas">Schemas</a>
            </h2>
          </details>
        </nav>
        <main id="main" tabindex={-1}>
          <Introduction origin={origin} />
          {tags.map(({ name, description: about, calls }) => (
            <section class="tag">
              <h2 id={anchorOf(name)}>{name}</h2>
              <p>{about}</p>
              {calls.map((one) => (
                <Call {...one} origin={origin} />
              ))}
            </section>
          ))}
          <Schemas description={description} />
        </main>
      </body>
    </html>
  );
};

const anchorOf = (tag: string) => `tag-${tag.toLowerCase().replaceAll(" ", "-")}`;

const Introduction: FC<{ origin: string }> = ({ origin }) => (
  <header class="introduction">
    <h1>Kelvin's API</h1>
    <p>
      Kelvin scores the visitors of marketing sites while they are there. <b>Sites</b> send events to it under their
      public write key and are told the visitor's temperature. <b>Marketers and their programs</b> read leads and
      publish rules with a secret key: <code>Authorization: Bearer &lt;key&gt;</code>. All of it is JSON at{" "}
      <code>{origin}</code>; where there is more than one site, <code>?site=</code> names it.
    </p>
    <ul class="links">
      <li>
        <a href="/openapi.json">OpenAPI description</a>, for generating clients
      </li>
      <li>
        <a href="/docs/errors">Errors</a>: what each code means and what to do
      </li>
      <li>
        <a href="/rules.schema.json">JSON Schema of the rules</a>, for editors
      </li>
      <li>
        <a href="/healthz">Health</a> · <a href="/dashboard">Dashboard</a>
      </li>
    </ul>
    <form class="key" hidden>
      <label>
        <span>Secret key for trying calls</span>
        <input type="password" id="key" autocomplete="off" spellcheck={false} placeholder="kelvin_…" />
      </label>
      <p>Stays on this page, in memory only. What is sent is real: calls that change something change it.</p>
    </form>
  </header>
);

const Schemas: FC<{ description: Description }> = ({ description: { components } }) => (
  <section class="tag">
    <h2 id="schemas">Schemas</h2>
    <p>What several calls take or answer.</p>
    {Object.entries(components.schemas).map(([name, schema]) => (
      <article id={`schema-${name}`} class="schema">
        <h3>
          {name} <span class="type">{schema.properties ? "object" : <Type schema={schema} />}</span>
        </h3>
        {typeof schema.description === "string" ? <p>{schema.description}</p> : null}
        <Fields schema={schema} />
      </article>
    ))}
  </section>
);
