/** Load over HTTP: so many requests at once, each connection kept, and what that gave. */
import { Agent, request } from "node:http";

export interface Reply {
  status: number;
  body: string;
}

export interface Sent {
  method?: string;
  path: string;
  headers?: Record<string, string>;
  body?: string;
}

/** A client that keeps its connections; Node's own `fetch` costs several times as much. */
export class Client {
  private readonly agent: Agent;
  private readonly url: URL;

  constructor(url: URL, connections = 10) {
    this.url = url;
    this.agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  send({ method = "POST", path, headers = {}, body }: Sent): Promise<Reply> {
    const { hostname, port } = this.url;
    return new Promise((resolve, reject) => {
      const sent = request({ agent: this.agent, hostname, port, method, path, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") }),
        );
      });
      sent.on("error", reject);
      // The length is told, so that nothing is sent in chunks.
      if (body !== undefined) sent.setHeader("content-length", Buffer.byteLength(body));
      sent.end(body);
    });
  }

  close(): void {
    this.agent.destroy();
  }
}

export interface Load {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  requests: number;
  /** Answers that were not `200` or `204`, by status. */
  others: Record<string, number>;
}

/** Sends what `next` gives, `concurrency` at once, for a time or until there is nothing left (`null`). */
export async function load(
  client: Client,
  next: (connection: number) => Sent | null,
  { concurrency, ms }: { concurrency: number; ms: number },
): Promise<Load> {
  const times: number[] = [];
  const others: Record<string, number> = {};
  const start = performance.now();
  const connection = async (_: unknown, i: number) => {
    while (performance.now() - start < ms) {
      const sent = next(i);
      if (!sent) break;
      const from = performance.now();
      const { status } = await client.send(sent);
      times.push(performance.now() - from);
      if (status !== 200 && status !== 204) others[status] = (others[status] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, connection));
  const seconds = (performance.now() - start) / 1_000;
  return {
    perSecond: times.length / seconds,
    p50Ms: percentile(times, 50),
    p99Ms: percentile(times, 99),
    requests: times.length,
    others,
  };
}

/** The value that a share of all are not above, in percent; 0 of nothing. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? 0;
}

export const median = (values: readonly number[]) => percentile(values, 50);
