/** The rules in force, in words and as they are written. */
import type { Child, FC, PropsWithChildren } from "hono/jsx";
import type { Frame } from "../data";
import { Copy, Heading, link, Notice, Page, Scroll } from "../layout";
import { conditionWords, counterWords, decayWords, ruleAnchor, ruleWords } from "../words";
import { pretty } from "./text";

type Part = Record<string, unknown>;

export interface RulesProps {
  frame: Frame;
  version: number;
  document: Part;
  /** Set when it has just been published. */
  published: boolean;
}

const TABS = [
  { path: "/rules", label: "In force" },
  { path: "/rules/edit", label: "Edit" },
  { path: "/rules/versions", label: "Versions" },
];

/** What all pages about rules have around them. */
export const RulesFrame: FC<PropsWithChildren<{ frame: Frame; title: string; tab: string; lead: Child }>> = (props) => (
  <Page frame={props.frame} title={props.title} section="rules">
    <Heading title="Rules" lead={props.lead}>
      <nav class="tabs" aria-label="Rules">
        {TABS.map(({ path, label }) => (
          <a href={link(props.frame, path)} aria-current={props.tab === label ? "page" : undefined}>
            {label}
          </a>
        ))}
      </nav>
    </Heading>
    {props.children}
  </Page>
);

const isPart = (value: unknown): value is Part => value !== null && typeof value === "object" && !Array.isArray(value);

function partsOf(value: unknown): [string, Part][] {
  return isPart(value) ? Object.entries(value).filter((entry): entry is [string, Part] => isPart(entry[1])) : [];
}

function listOf(value: unknown): Part[] {
  return Array.isArray(value) ? value.filter(isPart) : [];
}

export const RulesPage: FC<RulesProps> = ({ frame, version, document, published }) => (
  <RulesFrame frame={frame} title="Rules" tab="In force" lead={`Version ${version} is in force.`}>
    {published && (
      <Notice tone="good" title={`Version ${version} is published`}>
        <p>
          Every lead is brought under it now, those who are active first.{" "}
          <a href={link(frame, "/rules/versions")}>See how far it is</a>
        </p>
      </Notice>
    )}
    <section class="card flush" aria-labelledby="rules">
      <h2 id="rules">Rules</h2>
      <RuleTable rules={listOf(document.rules)} />
    </section>
    <div class="columns">
      <Ladders levels={document.levels} />
      <Dimensions document={document} />
    </div>
    <details class="card">
      <summary>As JSON</summary>
      <Copy id="document" text={pretty(document)} label="the rules" />
    </details>
  </RulesFrame>
);

const RuleTable: FC<{ rules: Part[] }> = ({ rules }) => (
  <Scroll label="All rules">
    <table class="plain-table rule-table stacks">
      <caption class="unseen">All rules, in their order</caption>
      <thead>
        <tr>
          <th scope="col">Rule</th>
          <th scope="col" class="amount">
            Effect
          </th>
          <th scope="col">When</th>
          <th scope="col">Bounds</th>
        </tr>
      </thead>
      <tbody>
        {rules.map((rule) => {
          const { when, effect, bounds } = ruleWords(rule);
          return (
            <tr id={ruleAnchor(String(rule.id))}>
              <th scope="row">
                <span class="rule-id">{String(rule.id)}</span>
                {rule.dimension !== undefined && <span class="under">{String(rule.dimension)}</span>}
              </th>
              <td class={`amount ${typeof rule.points === "number" ? (rule.points < 0 ? "down" : "up") : ""}`}>
                {effect}
              </td>
              <td>{when}</td>
              <td class="muted">{bounds}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  </Scroll>
);

const Ladders: FC<{ levels: unknown }> = ({ levels }) => (
  <section class="card" aria-labelledby="levels">
    <h2 id="levels">Levels</h2>
    <dl class="facts">
      {Object.entries(isPart(levels) ? levels : {}).flatMap(([ladder, steps]) =>
        listOf(steps)
          .filter(({ when }) => when !== undefined)
          .map(({ name, when }) => (
            <div>
              <dt>
                {String(name)} <span class="muted">({ladder})</span>
              </dt>
              <dd>{conditionWords(when)}</dd>
            </div>
          )),
      )}
    </dl>
  </section>
);

function ends({ min, max }: Part): string {
  const parts = [min === undefined ? "" : `at least ${String(min)}`, max === undefined ? "" : `at most ${String(max)}`];
  return parts.filter(Boolean).join(", ").replace("-", "−");
}

const Dimensions: FC<{ document: Part }> = ({ document }) => (
  <section class="card" aria-labelledby="dimensions">
    <h2 id="dimensions">Dimensions, groups and counters</h2>
    <dl class="facts">
      {partsOf(document.dimensions).map(([name, part]) => (
        <div>
          <dt>{name}</dt>
          <dd>
            {[isPart(part.decay) ? decayWords(part.decay) : "does not fade", ends(part)].filter(Boolean).join(", ")}
          </dd>
        </div>
      ))}
      {partsOf(document.groups).map(([name, part]) => (
        <div>
          <dt>
            {name} <span class="muted">(group)</span>
          </dt>
          <dd>{ends(part)}</dd>
        </div>
      ))}
      {partsOf(document.counters).map(([name, part]) => (
        <div>
          <dt>
            {name} <span class="muted">(counter)</span>
          </dt>
          <dd>{counterWords(part)}</dd>
        </div>
      ))}
    </dl>
  </section>
);
