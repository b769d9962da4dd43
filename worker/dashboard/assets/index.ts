/** The pages' style and script: files of ours under names that change with their content, so browsers keep them. */
import { digest } from "../../core/text";
import base from "./base.css.txt";
import complete from "./complete.js.txt";
import controls from "./controls.css.txt";
import editor from "./editor.css.txt";
import editorScript from "./editor.js.txt";
import frame from "./frame.css.txt";
import lead from "./lead.css.txt";
import leads from "./leads.css.txt";
import narrow from "./narrow.css.txt";
import parts from "./parts.css.txt";
import reports from "./reports.css.txt";
import rules from "./rules.css.txt";
import script from "./script.js.txt";
import setup from "./setup.css.txt";

export interface Asset {
  path: string;
  type: string;
  text: string;
}

function asset(name: string, extension: string, type: string, text: string): Asset {
  return { path: `/dashboard/assets/${name}-${digest(text)}.${extension}`, type, text };
}

export const STYLE = asset(
  "style",
  "css",
  "text/css; charset=utf-8",
  [base, frame, controls, parts, leads, lead, rules, editor, reports, setup, narrow].join("\n"),
);
export const SCRIPT = asset(
  "script",
  "js",
  "text/javascript; charset=utf-8",
  [script, complete, editorScript].join("\n"),
);
