/** What the documents cite is there: files, headings, scripts; and what they ask people to paste is the tag's own. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
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

test("what the scope write opens is told in docs/api.md and where keys are made", () => {
  const opened = ["events", "leads", "erasing", "outcomes", "rules", "e-mail links", "webhooks"];
  const told = [
    /^\| `write` \| (.+) \|$/m.exec(read("docs/api.md")),
    /write: "(.+)",/.exec(read("worker/dashboard/keys.tsx")),
  ];
  for (const found of told) for (const word of opened) expect(found?.[1]).toContain(word);
});

test("the tag's size is what the build makes", () => {
  const tag = readFileSync(join(ROOT, "dist/k.js"));
  const kb = (bytes: Buffer) => (bytes.length / 1000).toFixed(1);
  const [gzip, brotli] = [kb(gzipSync(tag, { level: 9 })), kb(brotliCompressSync(tag))];
  expect(read("README.md")).toContain(`a tag of ${gzip} kB (gzip; brotli makes it ${brotli})`);
  expect(read("docs/tag.md")).toContain(
    `${brotli} kB with brotli at its best, ${gzip} kB with gzip, ${kb(tag)} kB before compression`,
  );
});

test("links to leads name the site: without, they lead nowhere where there are several", () => {
  const links = DOCUMENTS.flatMap((path) => read(path).match(/dashboard\/leads\/\$\{[^}]+\}[^|\s]*/g) ?? []);
  expect(links).not.toEqual([]);
  for (const link of links) expect(link).toContain("?site=");
});

describe("what is to be pasted", () => {
  test.each(["README.md", "docs/quick-start.md", "docs/api.md"])(
    "the key in %s is the one that npm start keeps",
    (path) => {
      const folder = mkdtempSync(join(tmpdir(), "kelvin-key-"));
      writeFileSync(join(folder, ".dev.vars"), "OTHER=1\nKELVIN_ADMIN_KEY=kelvin_admin_a-b_c=\n");
      const line = /^KEY=.+$/m.exec(read(path))?.[0];
      const said = execFileSync("/bin/sh", ["-euc", `${line}\nprintf %s "$KEY"`], { cwd: folder, encoding: "utf8" });
      rmSync(folder, { recursive: true });
      expect(said).toBe("kelvin_admin_a-b_c=");
    },
  );

  test("what is to be started has a port of its own", () => {
    const ports = ["docs/quick-start.md", "docs/personalisation.md"].flatMap((path) =>
      [...read(path).matchAll(/listen\((\d+)\)|PORT = "(\d+)"/g)].map(([, one, other]) => one ?? other),
    );
    expect(ports.length).toBeGreaterThan(2);
    expect(new Set(ports).size).toBe(ports.length);
  });

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
