/** Of Node's, what the flag `nodejs_als` brings. */
declare module "node:async_hooks" {
  export class AsyncLocalStorage<Store> {
    run<Result>(store: Store, work: () => Result): Result;
    getStore(): Store | undefined;
  }
}

/** What tools/build.ts has made: paths of the files beside the Worker. */
declare module "*/dist/files.js" {
  const paths: Record<
    | "tag"
    | "dashboardStyle"
    | "dashboardScript"
    | "referenceStyle"
    | "referenceScript"
    | "errorsStyle"
    | "freeMail"
    | "referrers"
    | "presets"
    | "openapi"
    | "rulesSchema"
    | "docs"
    | "errors",
    string
  >;
  export default paths;
}
