/** Addresses that an event names: found wherever they stand, compared in one form, and no more than a bounded number. */
import { expect, test } from "vitest";
import { ADDRESSES_MAX, namedAddresses } from "../../worker/core/addresses";
import type { LoggedEvent } from "../../worker/core/event";

const event = (more: Partial<LoggedEvent>): LoggedEvent => ({
  messageId: "m",
  type: "track",
  timestamp: 0,
  visitor: "v",
  ...more,
});
const inText = (text: string) => namedAddresses(event({ properties: { text } }));

test.each([
  ["ann@acme.example", ["ann@acme.example"]],
  ["  Ann@ACME.example ", ["ann@acme.example"]],
  ["mailto:ann+news@acme.example?subject=x", ["ann+news@acme.example"]],
  ["https://shop.example/?mail=ann%40acme.example&b=1#c", ["ann@acme.example"]],
  ['"Ann" <ann@acme.example>, bob@b.example.', ["ann@acme.example", "bob@b.example"]],
  ["https://shop.example/?mail=o'brien%2Bnews%40acme.example", ["o'brien+news@acme.example"]],
  ["100%, says ann%40acme.example", ["ann@acme.example"]],
  ["o'brien@acme.example", ["o'brien@acme.example"]],
  ["sales/uk=eu@acme.example", ["sales/uk=eu@acme.example", "eu@acme.example"]],
  ["/posts/@ann", []],
  ["no address", []],
  ["@ann at @acme", []],
  ["a@b@c", []],
  ["https://social.example/@ann", []],
])("in %j: %j", (text, addresses) => expect(inText(text)).toEqual(addresses));

test("in every part of the event, names of members included", () => {
  const parts: Partial<LoggedEvent>[] = [
    { userId: "a@b.example" },
    { previousId: "a@b.example" },
    { visitor: "a@b.example" },
    { messageId: "a@b.example" },
    { event: "a@b.example" },
    { groupId: "a@b.example" },
    { traits: { deep: [{ er: "a@b.example" }] } },
    { properties: { "a@b.example": 1 } },
    { context: { page: { title: "a@b.example" } } },
  ];
  for (const part of parts) expect(namedAddresses(event(part)), JSON.stringify(part)).toEqual(["a@b.example"]);
});

test("who the event is of, and at most ten others, however many there are and long the text", () => {
  const many = Array.from({ length: 2_000 }, (_, i) => `n${i}@b.example`).join(" ");
  const found = namedAddresses(
    event({ properties: { many }, traits: { email: "mine@b.example" }, userId: "u@b.example" }),
  );
  expect(found).toHaveLength(1 + ADDRESSES_MAX);
  expect(found.slice(0, 3)).toEqual(["u@b.example", "mine@b.example", "n0@b.example"]);
  const began = performance.now();
  for (const text of ["@".repeat(32_000), "a".repeat(32_000), `${"a.".repeat(16_000)}@`]) inText(text);
  expect(performance.now() - began).toBeLessThan(1_000);
});
