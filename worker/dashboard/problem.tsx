/** What went wrong, in place of a page. */
import type { FC } from "hono/jsx";
import type { Frame, Problem } from "./data";
import { Copy, Document, Heading, link, Page } from "./layout";

export interface ProblemProps {
  frame: Frame | null;
  title: string;
  detail: string;
  /** A text that was sent in vain, for its writer to take along. */
  kept?: string | undefined;
}

export const ProblemPage: FC<ProblemProps> = ({ frame, title, detail, kept }) => {
  if (!frame) {
    return (
      <Document title={title} class="door">
        <main>
          <div class="door-card">
            <h1>{title}</h1>
            <p>{detail}</p>
            <p>
              <a href="/dashboard">To the dashboard</a>
            </p>
            {kept && <Copy id="kept" text={kept} label="your text" />}
          </div>
        </main>
      </Document>
    );
  }
  return (
    <Page frame={frame} title={title} section={null}>
      <Heading title={title} lead={detail} />
      <p>
        <a href={link(frame, "")}>Back to the leads</a>
      </p>
    </Page>
  );
};

/** What is wrong with a document, each with its place. */
export const Problems: FC<{ problems: Problem[] }> = ({ problems }) => (
  <ul class="problems">
    {problems.map(({ pointer, detail }) => (
      <li>
        <code>{pointer}</code> {detail}
      </li>
    ))}
  </ul>
);
