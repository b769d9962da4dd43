/** What publishing would change, shown first: of a draft, and of an earlier version. */
import type { Context } from "hono";
import type { Finding } from "../../dashboard/data";
import { link } from "../../dashboard/layout";
import { type Review, ReviewPage } from "../../dashboard/rules/review";
import { pretty } from "../../dashboard/rules/text";
import { previewRules, rulesInForce } from "../../rules";
import { page, type Visit } from "./visit";

/** What publishing a document would do: to the rules in force, and to the leads. */
export async function reviewOf({ site, deps }: Visit, document: unknown): Promise<Review> {
  const [inForce, preview] = await Promise.all([rulesInForce(deps, site.id), previewRules(deps, site, document)]);
  const { version } = inForce;
  return { inForce: { version, text: pretty(JSON.parse(inForce.document)) }, text: pretty(document), preview };
}

/** Before a draft is published: it goes along as the editor's form had it, either way. */
export async function draftReview(
  c: Context,
  { frame }: Visit,
  review: Review & { findings: Finding[] },
  { notify, ...fields }: { expected: number; view: string; document: string; notify: boolean },
): Promise<Response> {
  const shown = { ...review, frame, notify, fields, what: "Your draft", action: link(frame, "/rules/edit") };
  return await page(
    c,
    <ReviewPage tab="Edit" isDraft submit={`Publish version ${fields.expected + 1}`} {...shown}>
      <button type="submit" name="action" value="check">
        Back to the draft
      </button>
    </ReviewPage>,
  );
}

/** Before an earlier version comes back. */
export async function rollbackReview(c: Context, { frame }: Visit, review: Review, version: number): Promise<Response> {
  const fields = { version, expected: review.inForce.version };
  const shown = { ...review, frame, fields, what: `Version ${version}`, action: link(frame, "/rules/rollback") };
  return await page(
    c,
    <ReviewPage tab="Versions" submit={`Roll back to version ${version}`} {...shown}>
      <a href={link(frame, "/rules/versions")}>All versions</a>
    </ReviewPage>,
  );
}
