/** Of Node's, what the flag `nodejs_als` brings. */
declare module "node:async_hooks" {
  export class AsyncLocalStorage<Store> {
    run<Result>(store: Store, work: () => Result): Result;
    getStore(): Store | undefined;
  }
}

/** Files that wrangler.toml's `rules` make part of the Worker as text. */
declare module "*.txt" {
  const text: string;
  export default text;
}
