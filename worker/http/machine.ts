/**
 * Who sends: a person's browser, a program that calls an API as programs do, or a machine that looks at pages (crawler,
 * scanner, previewer, driven browser). What machines do is recorded and earns nothing.
 */
import { createIsbotFromList, list } from "isbot";
import type { JsonObject } from "../core/event";

export type AgentKind = "person" | "library" | "machine";

/** Longest part of a user agent that is looked at; a browser's has some 150 characters, with an app's around it 400. */
const AGENT_MAX_CHARS = 1_024;

/** In every browser's, and in those of machines that pass for one. */
const BROWSER = "Mozilla/";

/**
 * Agents of HTTP libraries. To isbot they are bots; servers call us with them. Patterns of its list that they match are
 * left out for agents that do not say they are a browser's.
 */
const LIBRARIES = [
  "curl/8.5.0",
  "Wget/1.21.3",
  "node",
  "undici",
  "node-fetch/1.0 (+https://github.com/bitinn/node-fetch)",
  "axios/1.7.2",
  "superagent/3.8.3",
  "@segment/analytics-node/2.1.0",
  "rudder-sdk-node/2.0.7",
  "python-requests/2.31.0",
  "Python/3.11 aiohttp/3.9.1",
  "Go-http-client/1.1",
  "okhttp/4.12.0",
  "Java-http-client/21.0.2",
  "Apache-HttpClient/4.5.14 (Java/17.0.1)",
  "Ruby",
  "http.rb/5.1.1 (Ruby/3.2.2)",
  "PHP/8.2.12",
  "Symfony HttpClient/Curl",
  "GuzzleHttp/7",
  "WordPress/6.4.2; https://www.shop.example",
  "libwww-perl/6.72",
  "RestSharp/110.2.0.0",
  "PostmanRuntime/7.36.1",
];

const isbot = createIsbotFromList(list);
const isMachineByName = createIsbotFromList(
  list.filter((pattern) => !LIBRARIES.some((agent) => new RegExp(pattern, "i").test(agent))),
);
/** A crawler's address, for those who wonder who visits them. Libraries give that of their source. */
const CONTACT = /[(+]https?:\/\/(?!github\.com\/)/i;

/** Scanners of mail, which isbot does not know: they look at no sites of their own accord. */
const MAIL_SCANNER = /barracuda|mimecast|proofpoint|messagelabs/i;

/** What drivers of browsers add to the agent. */
const DRIVEN = /headless|phantomjs|playwright|puppeteer|selenium|cypress\//gi;

/**
 * Tells by a user agent. Without one it is a library: servers send none. Locally driven browsers are people's, who look
 * at what their visitors will see.
 */
export function agentKind(userAgent: string, isLocal = false): AgentKind {
  const sent = userAgent.slice(0, AGENT_MAX_CHARS);
  const agent = isLocal ? sent.replace(DRIVEN, "") : sent;
  if (MAIL_SCANNER.test(agent)) return "machine";
  if (agent.includes(BROWSER)) return isbot(agent) ? "machine" : "person";
  return isMachineByName(agent) || CONTACT.test(agent) ? "machine" : "library";
}

/** What agents were, lately: a visitor's is the same in every beacon. */
const kinds = new Map<string, AgentKind>();
/** Most agents remembered; past it all are forgotten. */
const KINDS_MAX = 1_000;

/** Whether a message comes of a machine, by its context and, where it states no user agent, by that of the request. */
export function isMachine(context: JsonObject, requestAgent: string, isLocal: boolean): boolean {
  if (context.automated === true && !isLocal) return true;
  const agent = typeof context.userAgent === "string" ? context.userAgent : requestAgent;
  const name = `${isLocal} ${agent.slice(0, AGENT_MAX_CHARS)}`;
  let kind = kinds.get(name);
  if (kind === undefined) {
    kind = agentKind(agent, isLocal);
    if (kinds.size >= KINDS_MAX) kinds.clear();
    kinds.set(name, kind);
  }
  return kind === "machine";
}
