/**
 * Where the webhooks of a soak lead to: a server in this process that checks signatures, notes what it is told and fails
 * now and then, after it has read the call: with a `500`, or without an answer.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import type { BenchSite } from "../measure/site.ts";

/** Of so many calls one fails. */
const FAILING_EVERY = 8;

/** What webhooks of a site are told, each at a path of its own. */
export const HOOKS = {
  all: ["lead.level.changed", "lead.identified", "lead.merged", "lead.disqualified"],
  levels: ["lead.level.changed"],
} as const;
export type Hook = keyof typeof HOOKS;

export interface Told {
  type: string;
  data: Record<string, unknown> & { leadId: string; at: string };
}

export class Receiver {
  /** Whether calls fail. */
  isFailing = true;
  calls = 0;
  refused = 0;
  /** What is wrong with calls by themselves, in words. */
  readonly complaints: string[] = [];
  /** By webhook: what each id said when it came first, in the order in which they came. */
  private readonly heard = new Map<string, Map<string, Told>>();
  private readonly secrets = new Map<string, string>();
  private readonly server: Server;

  constructor() {
    this.server = createServer((request, response) => void this.answer(request, response));
  }

  /** Makes both webhooks of a site. */
  async listenTo(site: BenchSite): Promise<void> {
    if (!this.server.listening) await new Promise<void>((done) => this.server.listen(0, "127.0.0.1", done));
    const { port } = this.server.address() as AddressInfo;
    for (const [hook, events] of Object.entries(HOOKS)) {
      const path = `/${site.id}/${hook}`;
      const body = { url: `http://127.0.0.1:${port}${path}`, events };
      this.secrets.set(path, (await site.rest<{ secret: string }>("/v1/webhooks", "POST", body)).secret);
      this.heard.set(path, new Map());
    }
  }

  /** What a webhook of a site was told, each once, in the order in which it came first. */
  told(site: BenchSite, hook: Hook): Told[] {
    return [...(this.heard.get(`/${site.id}/${hook}`)?.values() ?? [])];
  }

  /** Announcements, each once a webhook. */
  get announcements(): number {
    return [...this.heard.values()].reduce((sum, { size }) => sum + size, 0);
  }

  stop(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    for await (const chunk of request.setEncoding("utf8")) text += chunk;
    this.calls++;
    this.note(request, text);
    const fails = this.isFailing && this.calls % FAILING_EVERY === 0;
    if (fails) this.refused++;
    if (fails && this.refused % 2 === 0) request.socket.destroy();
    else response.writeHead(fails ? 500 : 204).end();
  }

  private note({ url = "", headers }: IncomingMessage, text: string): void {
    const id = String(headers["webhook-id"]);
    const heard = this.heard.get(url);
    try {
      new Webhook(this.secrets.get(url) ?? "").verify(text, headers as Record<string, string>);
    } catch (error) {
      this.complaints.push(`a call of ${url} does not hold: ${(error as Error).message}`);
    }
    const before = heard?.get(id);
    if (before && JSON.stringify(before) !== text) this.complaints.push(`${id} said two things: ${text}`);
    if (!before) heard?.set(id, JSON.parse(text) as Told);
  }
}
