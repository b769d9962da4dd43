/** Ends every run with `N passed, N failed` alone on a line, counted from the runner's own results. */
import type { Reporter, SerializedError, TestModule, TestRunEndReason } from "vitest/node";

export default class ClosingLine implements Reporter {
  onTestRunEnd(
    modules: ReadonlyArray<TestModule>,
    unhandledErrors: ReadonlyArray<SerializedError>,
    reason: TestRunEndReason,
  ): void {
    let passed = 0;
    // An error outside all tests belongs to none of them, but the run failed by it.
    let failed = unhandledErrors.length;
    for (const module of modules) {
      // So does a file that could not be loaded, or whose hooks failed.
      failed += module.errors().length;
      for (const suite of module.children.allSuites()) failed += suite.errors().length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "passed") passed++;
        if (state === "failed") failed++;
      }
    }
    // A run that was cut short, found no tests or could not be set up must not read as "0 failed".
    if (failed === 0 && (reason !== "passed" || passed === 0)) failed = 1;
    process.stdout.write(`${passed} passed, ${failed} failed\n`);
  }
}
