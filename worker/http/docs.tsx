/** Pages for whoever meets the API without its manual: the reference of its calls, and what an error means. */
import { html } from "hono/html";
import type { Child, FC, PropsWithChildren } from "hono/jsx";
import paths from "../../dist/files.js";
import { ERRORS, type ErrorCode } from "./errors";
import type { Description } from "./openapi";
import { Reference } from "./reference";

/** What an error means, and what mends it. */
const MEANING: Record<ErrorCode, { means: string; mend: string }> = {
  invalid_json: {
    means: "The body is not one JSON document in UTF-8, plain or gzip.",
    mend: "Look at what is really sent: an empty body, single quotes and a comma at the end are the usual finds.",
  },
  invalid_request: {
    means: "A parameter or a part of the body is missing, unknown or not of the kind it should be.",
    mend: "Read detail, and errors where there is one: each has a pointer to the place and says what would be right. Parameters that a call does not know are refused too.",
  },
  unauthorized: {
    means: "There is no key, or nobody has this one.",
    mend: "Events take the site's write key, all other calls a secret key: Authorization: Bearer <key>.",
  },
  forbidden: {
    means:
      "The key is right, but not for this: events came from a page whose origin is not one of the site's, or the key lacks the scope.",
    mend: "Add the origin to the site, exactly as browsers send it (scheme, host and port, nothing after it), in the dashboard under Set-up or with PATCH /v1/sites. A key has the scopes it was made with: make another that has the one named in detail.",
  },
  not_found: {
    means: "There is no such address, site, lead or version of the rules.",
    mend: "Look at the address, and at ?site= where there is more than one site. A visitor has no lead before the first event.",
  },
  wrong_method: {
    means: "There is something at this path, but not for this method.",
    mend: "Use one of the methods that the Allow header names.",
  },
  conflict: {
    means:
      "What is to be made exists already, such as a site with this write key, or there are as many as there may be; or an address to be written is suppressed.",
    mend: "Choose another name, or use the one that exists. Of a person who asked not to be kept, write nothing.",
  },
  stale: {
    means: "The version in If-Match is not the one in force: somebody published in between.",
    mend: "Read the rules again, bring your change into them, and send that with their ETag.",
  },
  too_large: {
    means:
      "The body or the batch is over a limit: 500,000 bytes after inflating, 100 messages with a write key, 1,000 with a secret one.",
    mend: "Send several smaller ones. None of it was counted.",
  },
  invalid_rules: {
    means: "The document cannot be published; the rules in force are as they were.",
    mend: "errors lists everything that is wrong at once, each with a pointer to the place and what would be right.",
  },
  rate_limited: {
    means: "More requests a minute came from this address, or for this visitor, than are let through.",
    mend: "Send the same again after the seconds in Retry-After. Servers that send for many visitors use a secret key, which is free of these limits, and batches.",
  },
  over_budget: {
    means: "More events came under the site's write key today (UTC) than its dailyEvents lets through.",
    mend: "Raise dailyEvents of the site with PATCH /v1/sites if the traffic is rightful. Retry-After says when the next day begins.",
  },
  internal_error: {
    means: "A mistake in Kelvin. It has been logged.",
    mend: "Send the same again, with the same messageIds: what counted once is not counted twice. If it stays, look into the Worker's log.",
  },
  moving: {
    means:
      "The site is on its way from one database to another (docs/scale.md). Reading goes on, nothing can be written.",
    mend: "Send the same again after the seconds in Retry-After, with the same messageIds. The tag and the usual clients do so by themselves.",
  },
  busy: {
    means: "The database is busy, or did not answer in time.",
    mend: "Send the same again after the seconds in Retry-After, with the same messageIds: what counted once is not counted twice.",
  },
};

const Document: FC<PropsWithChildren<{ title: string }>> = ({ title, children }) => (
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="robots" content="noindex" />
      <title>{`${title} · Kelvin`}</title>
      <link rel="stylesheet" href={paths.errorsStyle} />
    </head>
    <body>
      <main>
        <h1>{title}</h1>
        {children}
      </main>
    </body>
  </html>
);

const Errors: FC = () => (
  <Document title="Errors">
    <p>
      An error is a JSON document (RFC 9457, <code>application/problem+json</code>): <code>type</code> leads to this
      page, <code>detail</code> says what is wrong this time, and <code>errors</code>, where it is there, names every
      place that is. <a href="/docs">About the API</a>
    </p>
    {Object.entries(ERRORS).map(([code, { status, title }]) => (
      <section>
        <h2 id={code}>
          {status} {title} <code>{code}</code>
        </h2>
        <p>{MEANING[code as ErrorCode].means}</p>
        <p>
          <strong>What to do:</strong> {MEANING[code as ErrorCode].mend}
        </p>
      </section>
    ))}
  </Document>
);

async function page(content: Child): Promise<string> {
  return String(await html`<!doctype html>${content}`);
}

/** The reference of the API as it is described, for whoever reaches it under an origin. */
export async function referencePage(description: Description, origin: string): Promise<string> {
  return await page(<Reference description={description} origin={origin} />);
}

export async function errorsPage(): Promise<string> {
  return await page(<Errors />);
}
