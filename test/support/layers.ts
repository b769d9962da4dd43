/**
 * Which room of the source may import which, and what the pure core may not touch. Rules only; test/core/layers.test.ts
 * holds the tree against them.
 */
import { posix } from "node:path";
import ts from "typescript";

type Room = "wire" | "snippet" | "core" | "env" | "db" | "verbs" | "dashboard" | "http" | "app" | "index" | "built";

/** wire <- core <- db <- verbs <- http <- app <- index; whatever is not listed here is refused. */
const MAY_IMPORT: Record<Exclude<Room, "built">, { rooms: Room[]; packages: "any" | string[] }> = {
  wire: { rooms: [], packages: [] },
  snippet: { rooms: ["snippet", "wire"], packages: [] },
  core: { rooms: ["core", "wire"], packages: ["zod/mini", "zod/locales"] },
  env: { rooms: ["core", "wire"], packages: "any" },
  db: { rooms: ["db", "core", "wire"], packages: "any" },
  verbs: { rooms: ["verbs", "db", "core", "wire", "env", "built"], packages: "any" },
  // Plain data in, HTML out.
  dashboard: { rooms: ["dashboard", "core", "wire", "built"], packages: "any" },
  http: { rooms: ["http", "dashboard", "verbs", "db", "core", "wire", "env", "built"], packages: "any" },
  app: { rooms: ["http", "dashboard", "verbs", "db", "core", "wire", "env", "built"], packages: "any" },
  index: { rooms: ["app", "http", "dashboard", "verbs", "db", "core", "wire", "env", "built"], packages: "any" },
};

/** The room of a file, by its path from the project's root without extension; `null`: none of these rooms. */
function roomOf(path: string): Room | null {
  if (path === "snippet/wire") return "wire";
  if (path.startsWith("snippet/")) return "snippet";
  if (path.startsWith("dist/")) return "built";
  const inWorker = /^worker\/(?:(core|db|http|dashboard)\/|(index|app|env|reference)$|[^/]+$)/.exec(path);
  if (!inWorker) return null;
  // Made of all that there is, as the entry points are.
  if (inWorker[2] === "reference") return "index";
  return (inWorker[1] ?? inWorker[2] ?? "verbs") as Room;
}

const withoutExtension = (path: string) => path.replace(/(\/index)?\.tsx?$/, (_, index) => (index ? "/index" : ""));

/** What is wrong with the imports of the file at `path` (from the project's root, with forward slashes). */
export function wrongImports(path: string, source: string): string[] {
  const room = roomOf(withoutExtension(path));
  if (room === null) return [`${path} is in none of the rooms that test/support/layers.ts knows`];
  if (room === "built") return [];
  const may = MAY_IMPORT[room];
  return ts.preProcessFile(source, true, true).importedFiles.flatMap(({ fileName: to }) => {
    if (!to.startsWith(".")) {
      const known = may.packages === "any" || may.packages.includes(to);
      return known ? [] : [`${path} (${room}) imports the package ${to}`];
    }
    const target = roomOf(withoutExtension(posix.join(posix.dirname(path), to)));
    if (target && may.rooms.includes(target)) return [];
    return [`${path} (${room}) imports ${to} (${target ?? "outside"})`];
  });
}

/** Globals that hold a clock, chance, the outside world or configuration. */
const IMPURE_GLOBALS = new Set([
  ..."crypto fetch console performance process navigator caches env globalThis self".split(" "),
  ..."setTimeout setInterval queueMicrotask scheduler".split(" "),
]);
const IMPURE_CALLS = new Set(["Date.now", "Math.random"]);

/** Where a file of the core reaches outside: time, chance and the world come to it as arguments. */
export function impurities(path: string, source: string): string[] {
  const file = ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const report = (node: ts.Node, what: string) => {
    const { line } = file.getLineAndCharacterOfPosition(node.getStart());
    found.push(`${path}:${line + 1} uses ${what}`);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAccessExpression(node) && IMPURE_CALLS.has(node.getText().replaceAll(/\s/g, ""))) {
      report(node, node.getText());
    }
    const isDate = (ts.isNewExpression(node) || ts.isCallExpression(node)) && node.expression.getText() === "Date";
    if (isDate && !node.arguments?.length) report(node, "the present time (Date without arguments)");
    if (ts.isIdentifier(node) && IMPURE_GLOBALS.has(node.text) && isReference(node)) report(node, node.text);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

/** An identifier that stands for a value, not one that names a property, a member or a type's field. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node;
  return !(ts.isPropertySignature(parent) || ts.isPropertyDeclaration(parent) || ts.isMethodSignature(parent));
}
