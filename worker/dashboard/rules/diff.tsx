/** Two documents beside each other: what goes and what comes. */
import type { FC } from "hono/jsx";
import { Scroll } from "../layout";
import { type DiffLine, diff, hunks } from "./text";

const SIGNS: Record<DiffLine["kind"], string> = { same: " ", gone: "−", new: "+" };
const SAID: Record<DiffLine["kind"], string> = { same: "", gone: "removed: ", new: "added: " };

export const Diff: FC<{ before: string; after: string; label: string }> = ({ before, after, label }) => {
  const found = hunks(diff(before, after));
  if (found.length === 0) return <p class="muted">They are the same.</p>;
  return (
    <Scroll class="diff" label={label}>
      {found.map((lines) => (
        <div class="hunk">
          {lines.map(({ kind, text }) => (
            <div class={kind}>
              <span class="sign" aria-hidden="true">
                {SIGNS[kind]}
              </span>
              <span class="unseen">{SAID[kind]}</span>
              <code>{text}</code>
            </div>
          ))}
        </div>
      ))}
    </Scroll>
  );
};
