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

/** What is wrong with a document, each with its place; of a form, with the field's label. */
export const Problems: FC<{ problems: Problem[]; labels?: Record<string, string> }> = ({ problems, labels = {} }) => (
  <ul class="problems">
    {problems.map(({ pointer, detail }) => (
      <li>
        <Place pointer={pointer} labels={labels} /> {detail}
      </li>
    ))}
  </ul>
);

/** For `aria-invalid` of a form's field: whether something is wrong with what it stands for. */
export const wrong = (problems: Problem[], name: string) =>
  problems.some(({ pointer }) => fieldOf(pointer) === name) ? "true" : undefined;

const fieldOf = (pointer: string) => pointer.split("/")[1] ?? "";

const Place: FC<{ pointer: string; labels: Record<string, string> }> = ({ pointer, labels }) => {
  const label = labels[fieldOf(pointer)];
  return label === undefined ? <code>{pointer}</code> : <b>{label}</b>;
};
