/** What the documents cite is there: files, headings, scripts; and what they ask people to paste is the tag's own. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { CSS_LINE, INLINE_SCRIPT } from "../support/collector.ts";

const ROOT = join(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(ROOT, path), "utf8");
const DOCUMENTS = [
  "README.md",
  ...readdirSync(join(ROOT, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];
/** Rooms of the project: a name in code that begins with one, or with one of its files, is a path. */
const ROOMS = "worker snippet demo docs test migrations bench .ci".split(" ");

/** A document without what stands in its code blocks. */
const prose = (path: string) => read(path).replace(/^```.*?^```$/gms, "");

function anchors(path: string): string[] {
  return [...prose(path).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\w\s-]/g, "")
      .replaceAll(" ", "-"),
  );
}

test("there are documents", () => expect(DOCUMENTS.length).toBeGreaterThan(4));

describe.each(DOCUMENTS)("%s", (path) => {
  test("links lead somewhere", () => {
    for (const [, target = ""] of prose(path).matchAll(/\]\(([^)]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [file = "", anchor] = target.split("#");
      const found = file === "" ? path : join(dirname(path), file);
      expect(existsSync(join(ROOT, found)), `${target} is there`).toBe(true);
      if (anchor !== undefined) expect(anchors(found), target).toContain(anchor);
    }
  });

  test("paths cited exist", () => {
    for (const [, cited = ""] of prose(path).matchAll(/`([\w.@-]+\/[\w./@-]*)`/g)) {
      if (!ROOMS.includes(cited.split("/")[0] ?? "")) continue;
      expect(existsSync(join(ROOT, cited)), `${cited} is there`).toBe(true);
    }
  });

  test("scripts cited exist", () => {
    const { scripts } = JSON.parse(read("package.json"));
    for (const [, name = ""] of read(path).matchAll(/npm run ([\w:-]+)/g)) expect(scripts).toHaveProperty(name);
  });
});

test("docs/api.md has every route of the API", () => {
  const text = read("docs/api.md");
  for (const file of ["public", "leads", "rules", "sites", "keys", "webhooks", "reports", "dead", "status"]) {
    // All but what is added to a new app of its own, which is no call of the API.
    const routes = [
      ...read(`worker/http/${file}.ts`).matchAll(
        /(?:(?<!\(\))\.|\[")(get|post|put|patch|delete)(?:\(|",)\s*"(\/[^"]+)"/g,
      ),
    ];
    expect(routes.length, file).toBeGreaterThan(0);
    for (const [, method = "", path = ""] of routes) {
      const shown = path.replace(":id", "{id}").replace("{version}", "{n}");
      expect(text).toMatch(
        new RegExp(`(^### |, )${method.toUpperCase()} /v1${shown.replace(/[.{}]/g, "\\$&")}(,|$)`, "m"),
      );
    }
  }
});

describe("what is to be pasted", () => {
  test("the line of CSS and the inline script are those that the tag's tests use", () => {
    expect(CSS_LINE).not.toBe("");
    for (const path of ["README.md", "docs/tag.md", "worker/dashboard/layout.tsx"]) {
      expect(read(path)).toContain(`<style>${CSS_LINE}</style>`);
    }
    expect(INLINE_SCRIPT).not.toBe("");
    expect(read("docs/tag.md")).toContain(INLINE_SCRIPT);
  });

  test("the hashes for a content security policy are those of the lines", () => {
    const text = read("docs/tag.md");
    const lines = [...text.matchAll(/^<(style|script)>(.+)<\/\1>$/gm)].map((found) => found[2] ?? "");
    const hashes = lines.map((line) => `'sha256-${createHash("sha256").update(line).digest("base64")}'`);
    expect(hashes).toHaveLength(3);
    for (const hash of hashes) expect(text).toContain(hash);
  });
});
