/** Secret keys, for administrators: who has which, a new one, and taking one away. */
import type { FC } from "hono/jsx";
import type { Frame, Problem } from "./data";
import { Time } from "./format";
import { Copy, Heading, link, Notice, Page, Scroll, Token } from "./layout";
import { Problems, wrong } from "./problem";
import { SetupTabs } from "./setup-tabs";

export interface KeyEntry {
  id: string;
  name: string;
  scopes: readonly string[];
  /** ms */
  createdAt: number;
  lastUsedAt: number | null;
}

export interface KeysProps {
  frame: Frame;
  keys: KeyEntry[];
  /** What each scope opens. */
  scopes: readonly string[];
  form: { name: string; scopes: readonly string[] };
  problems: Problem[];
  deleted: boolean;
}

const OPENS: Record<string, string> = {
  read: "leads, rules, reports, this dashboard",
  write: "events as proved, changing and erasing leads, outcomes, publishing rules, e-mail links, webhooks",
  admin: "sites and keys",
};

export const KeysPage: FC<KeysProps> = ({ frame, keys, scopes, form, problems, deleted }) => (
  <Page frame={frame} title="Keys" section="setup">
    <Heading title="Keys" lead="One for each program and person, with what it needs. They are for all sites.">
      <SetupTabs frame={frame} tab="Keys" />
    </Heading>
    {deleted && <Notice tone="good" title="The key is gone, and with it every session begun with it" />}
    <section class="card flush" aria-label="Keys">
      {keys.length === 0 ? (
        <p class="muted pad">No keys yet: everybody uses the admin key. Make one below.</p>
      ) : (
        <Scroll label="Keys">
          <table class="stacks">
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col">Opens</th>
                <th scope="col">Made</th>
                <th scope="col">Last used</th>
                <th scope="col">
                  <span class="unseen">Delete</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {keys.map((key) => (
                <Row frame={frame} entry={key} />
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </section>
    <section class="card narrow-card" aria-labelledby="new-key">
      <h2 id="new-key">A new key</h2>
      {problems.length > 0 && (
        <Notice tone="bad" title="Not made">
          <Problems problems={problems} labels={{ name: "Name", scopes: "What it opens:" }} />
        </Notice>
      )}
      <form method="post" action={link(frame, "/setup/keys")} class="fields">
        <Token frame={frame} />
        <label for="name">Name</label>
        <input
          id="name"
          name="name"
          required
          maxlength={200}
          value={form.name}
          placeholder="CRM"
          aria-invalid={wrong(problems, "name")}
        />
        {scopes.map((scope) => (
          <label class="tick">
            <input
              type="checkbox"
              name={scope}
              value="true"
              checked={form.scopes.includes(scope)}
              aria-invalid={wrong(problems, "scopes")}
            />
            <span>
              <code>{scope}</code> {OPENS[scope]}
            </span>
          </label>
        ))}
        <button type="submit" class="primary">
          Make it
        </button>
      </form>
    </section>
  </Page>
);

const Row: FC<{ frame: Frame; entry: KeyEntry }> = ({ frame, entry }) => (
  <tr>
    <th scope="row" class="address">
      {entry.name}
    </th>
    <td data-label="Opens">{entry.scopes.join(", ")}</td>
    <td data-label="Made">
      <Time at={new Date(entry.createdAt).toISOString()} now={frame.now} />
    </td>
    <td data-label="Last used">
      {entry.lastUsedAt === null ? (
        <span class="muted">never</span>
      ) : (
        <Time at={new Date(entry.lastUsedAt).toISOString()} now={frame.now} />
      )}
    </td>
    <td>
      <Delete frame={frame} entry={entry} />
    </td>
  </tr>
);

const Delete: FC<{ frame: Frame; entry: KeyEntry }> = ({ frame, entry }) => (
  <details>
    <summary>
      Delete<span class="unseen"> the key {entry.name}</span>
    </summary>
    <form method="post" action={link(frame, "/setup/keys/delete")} class="fields">
      <Token frame={frame} />
      <input type="hidden" name="id" value={entry.id} />
      <p class="muted">Whatever uses it is turned away then. It cannot be undone.</p>
      <button type="submit" class="danger">
        Delete<span class="unseen"> the key {entry.name} for good</span>
      </button>
    </form>
  </details>
);

/** Something secret, shown by the answer to the form that made it and never again. */
export const SecretPage: FC<{ frame: Frame; title: string; lead: string; secret: string; back: string }> = (props) => (
  <Page frame={props.frame} title={props.title} section="setup">
    <Heading title={props.title} lead={props.lead} />
    <section class="card" aria-label={props.title}>
      <Copy id="secret" text={props.secret} label="it" />
    </section>
    <p>
      <a class="button primary" href={link(props.frame, props.back)}>
        I have it
      </a>
    </p>
  </Page>
);
