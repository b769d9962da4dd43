/**
 * Keeps the database still while its file is rewritten (vacuum.ts): workerd does not wait for another's lock, it fails.
 * So calls of D1 that run are waited for, and new ones wait. No call needs another to end, so none waits for ever.
 */
import type { Env } from "../worker/env";

/** Longest wait for others, ms: their requests may have been cut off. */
const PATIENCE_MS = 3_000;

/** The same bindings, with calls of the databases and of VACUUM taking turns. */
export function takingTurns(env: Env): Env {
  const { VACUUM } = env;
  if (!VACUUM) return env;
  const running = new Set<Promise<unknown>>();
  let rewriting: Promise<unknown> | null = null;
  const query: Turn = async (work) => {
    if (rewriting) await patiently([rewriting]);
    const mine = work();
    running.add(mine);
    return await mine.finally(() => running.delete(mine));
  };
  const rewrite: Turn = async (work) => {
    const before = [...running, ...(rewriting ? [rewriting] : [])];
    const mine = patiently(before).then(work);
    rewriting = mine;
    return await mine.finally(() => {
      if (rewriting === mine) rewriting = null;
    });
  };
  const calls = ["batch", "exec", "all", "first", "raw", "run"];
  const inTurns = Object.entries(env).map(([name, binding]: [string, unknown]) =>
    /^DB(_\d+)?$/.test(name) ? [name, inTurn(binding as D1Database, calls, query)] : [name, binding],
  );
  return { ...Object.fromEntries(inTurns), VACUUM: inTurn(VACUUM, ["fetch"], rewrite) };
}

type Turn = <T>(work: () => Promise<T>) => Promise<T>;

async function patiently(work: Promise<unknown>[]): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, PATIENCE_MS);
  });
  // What fails is told to whoever asked for it.
  await Promise.race([Promise.allSettled(work), patience]);
  clearTimeout(timer);
}

/** Methods that make a statement or a session, which is to take turns as well. */
const MAKERS = ["prepare", "bind", "withSession"];

function inTurn<Binding extends object>(binding: Binding, calls: readonly string[], turn: Turn): Binding {
  return new Proxy(binding, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== "function") return method;
      if (calls.includes(String(name))) return (...args: unknown[]) => turn(() => method.apply(target, args));
      if (MAKERS.includes(String(name))) return (...args: unknown[]) => inTurn(method.apply(target, args), calls, turn);
      return method.bind(target);
    },
  });
}
