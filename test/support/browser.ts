/**
 * Chromium for the browser tests. It is the one of the npm package @sparticuz/chromium, which needs no download of its
 * own, unless `CHROME` names another executable.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Browser, chromium, type Page } from "playwright-core";

/** The package's own arguments switch off web security, and with it the CORS and cookies that the tests are about. */
const ARGUMENTS = [
  "--no-sandbox",
  "--headless=shell",
  "--use-gl=angle",
  "--use-angle=swiftshader",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-default-apps",
  "--disable-sync",
  "--no-first-run",
  // Every host under `.test` is this machine.
  "--host-resolver-rules=MAP *.test 127.0.0.1",
];

/** Test workers that start together may find the executable half unpacked by another: it is there a moment later. */
const ATTEMPTS = 5;
const PAUSE_MS = 1500;

const HELP = `No Chromium could be started. The tests use the one of the npm package @sparticuz/chromium: run "npm ci"; it needs
the system libraries libnss3 and libnspr4 (Debian: apt-get install libnss3). An unpacked copy that is broken is
replaced when you delete it from the temp folder. Or set CHROME to the path of a Chrome or Chromium.`;

async function executable(): Promise<string> {
  if (process.env.CHROME) return process.env.CHROME;
  const { default: packaged } = await import("@sparticuz/chromium");
  return packaged.executablePath();
}

/** Starts a browser. Pages may go into its back/forward cache, where it has one: the headless shell of the package has not. */
export async function launch(): Promise<Browser> {
  let reason: unknown;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      return await chromium.launch({
        executablePath: await executable(),
        args: ARGUMENTS,
        ignoreDefaultArgs: ["--disable-back-forward-cache"],
      });
    } catch (error) {
      reason = error;
      await pause(PAUSE_MS);
    }
  }
  throw new Error(HELP, { cause: reason });
}

/**
 * Opens a page with no debugger attached, as that would keep it from being prerendered: the page has to act by itself.
 * Answers a function that ends it.
 */
export async function visit(url: string): Promise<() => Promise<void>> {
  const profile = mkdtempSync(join(tmpdir(), "kelvin-"));
  const args = [...ARGUMENTS, "--remote-debugging-port=0", `--user-data-dir=${profile}`, url];
  const child = spawn(await executable(), args, { stdio: "ignore" });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()).once("error", () => resolve()));
  return async () => {
    child.kill();
    await ended;
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  };
}

/** What a page complains of from now on: scripts, refused content, files that are not there, and dialogs, which are dismissed. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("dialog", (dialog) => {
    complaints.push(`dialog ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("console", (message) => {
    // The browser also reports our own answers of 4xx to forms, and those are meant.
    const answered = message.text().startsWith("Failed to load resource") && message.location().url === page.url();
    if (message.type() === "error" && !answered) complaints.push(message.text());
  });
  return complaints;
}
