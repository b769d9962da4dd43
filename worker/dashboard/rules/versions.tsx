/** The versions of a site's rules: who is under them already, what changed, and the way back. */
import type { FC } from "hono/jsx";
import type { Frame, Version } from "../data";
import { plural, Time } from "../format";
import { link, Scroll } from "../layout";
import { Diff } from "./diff";
import { RulesFrame } from "./document";

export interface VersionsProps {
  frame: Frame;
  versions: Version[];
  inForce: number;
  /** Cursor of the older ones: they are before this version. */
  older: number | null;
}

export const VersionsPage: FC<VersionsProps> = (props) => {
  const { frame, versions, inForce, older } = props;
  return (
    <RulesFrame
      frame={frame}
      title="Versions of the rules"
      tab="Versions"
      lead="Every version is kept as it was published."
    >
      <VersionTable {...props} />
      {versions.length > 1 && (
        <form class="card narrow" method="get" action="/dashboard/rules/diff">
          {frame.sites.length > 1 && <input type="hidden" name="site" value={frame.site?.id} />}
          <label>
            <span>Compare version</span>
            <input type="number" name="from" min="1" max={inForce} required value={versions[1]?.version} />
          </label>
          <label>
            <span>with version</span>
            <input type="number" name="to" min="1" max={inForce} required value={versions[0]?.version} />
          </label>
          <button type="submit">Show the differences</button>
        </form>
      )}
      {older !== null && (
        <nav class="pager" aria-label="Pages">
          <a class="onward" href={link(frame, "/rules/versions", { before: older })}>
            Older versions
          </a>
        </nav>
      )}
    </RulesFrame>
  );
};

/** Looks again by itself while a version is still being brought to its leads. */
export const VersionTable: FC<VersionsProps> = ({ frame, versions, inForce }) => {
  const running = versions.some(({ version, finishedAt }) => version === inForce && finishedAt === null);
  return (
    <div class="card flush" data-part data-poll={running ? link(frame, "/rules/versions") : undefined}>
      <Scroll label="Versions">
        <table class="plain-table stacks">
          <caption class="unseen">Versions, newest first</caption>
          <thead>
            <tr>
              <th scope="col">Version</th>
              <th scope="col">Published</th>
              <th scope="col">Leads</th>
              <th scope="col">
                <span class="unseen">What can be done</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {versions.map((one) => (
              <tr>
                <th scope="row">
                  {one.version} {one.version === inForce && <span class="flag good">in force</span>}
                </th>
                <td>
                  <Time at={new Date(one.publishedAt).toISOString()} now={frame.now} />
                </td>
                <td>
                  <Progress version={one} inForce={inForce} />
                </td>
                <td class="row-actions">
                  {one.version > 1 && (
                    <a href={link(frame, "/rules/diff", { from: one.version - 1, to: one.version })}>
                      What changed<span class="unseen"> in version {one.version}</span>
                    </a>
                  )}
                  {one.version !== inForce && frame.mayWrite && <RollBack frame={frame} version={one.version} />}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </div>
  );
};

const Progress: FC<{ version: Version; inForce: number }> = ({ version, inForce }) => {
  const { leads, refolded, finishedAt } = version;
  if (version.version !== inForce) return <span class="muted">past</span>;
  if (finishedAt !== null) return <span class="muted">all under it</span>;
  return (
    <>
      <progress max={Math.max(leads, 1)} value={refolded} aria-label={`Leads under version ${version.version}`} />{" "}
      <span class="muted">
        {refolded} of {plural(leads, "lead")}
      </span>
    </>
  );
};

const RollBack: FC<{ frame: Frame; version: number }> = ({ frame, version }) => (
  <a href={link(frame, "/rules/rollback", { version })}>
    Roll back<span class="unseen"> to version {version}</span>…
  </a>
);

export interface DiffProps {
  frame: Frame;
  from: { version: number; text: string };
  to: { version: number; text: string };
  inForce: number;
}

export const DiffPage: FC<DiffProps> = ({ frame, from, to, inForce }) => (
  <RulesFrame
    frame={frame}
    title={`Version ${from.version} and ${to.version}`}
    tab="Versions"
    lead={`From version ${from.version} to version ${to.version}.`}
  >
    <div class="card">
      <Diff before={from.text} after={to.text} label={`From version ${from.version} to version ${to.version}`} />
    </div>
    <div class="editor-actions">
      {from.version !== inForce && frame.mayWrite && <RollBack frame={frame} version={from.version} />}
      <a href={link(frame, "/rules/versions")}>All versions</a>
    </div>
  </RulesFrame>
);
