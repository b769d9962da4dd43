/** Addresses without what is in their query: what goes, what stays, and that nothing else does either. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bareAddress } from "../../worker/core/address.ts";
import type { LoggedEvent } from "../../worker/core/event.ts";
import { receive } from "../../worker/core/message.ts";
import { firstTouch } from "../../worker/core/source.ts";

const KEPT = [
  "utm_source",
  "utm_medium",
  "utm_campaign",
  "utm_term",
  "utm_content",
  "utm_id",
  "gclid",
  "gbraid",
].concat("wbraid dclid msclkid ttclid li_fat_id twclid yclid rdt_cid sccid qclid fbclid igshid".split(" "));

test.each([
  // What nobody asked for.
  ["https://shop.example/reset?token=s3cret&email=ann@acme.example", "https://shop.example/reset"],
  [
    "https://shop.example/a?q=x&utm_source=mail&kelvin=ticket&gclid=1#plans",
    "https://shop.example/a?utm_source=mail&gclid=1",
  ],
  ["https://shop.example/?mc_eid=1&_hsenc=2&utm_idea=3&xutm_id=4", "https://shop.example/"],
  ["https://ann:pass@shop.example/a", "https://shop.example/a"],
  ["https://ann@acme.example:p@ss@shop.example:8080/a@b", "https://shop.example:8080/a@b"],
  ["https:\\\\ann:pass@shop.example\\a", "https:\\\\shop.example\\a"],
  ["https:ann:pass@shop.example", "https:shop.example"],
  ["https://@/ann:pass@shop.example/", "https://shop.example/"],
  ["ht\ntps://ann:pass@shop.example/", "https://shop.example/"],
  ["//ann:pass@shop.example/a?b", "//shop.example/a"],
  ["ftp://ann:pass@files.example/", "ftp://files.example/"],
  ["mailto:sales@shop.example?body=secret", "mailto:sales@shop.example"],
  ["android-app://com.linkedin.android/", "android-app://com.linkedin.android/"],
  // As it was written: order, case, encoding.
  [
    "https://shop.example/a%20b/Ü?UTM_Source=A%20b&x=1&utm%5Fmedium=c+d",
    "https://shop.example/a%20b/Ü?UTM_Source=A%20b&utm%5Fmedium=c+d",
  ],
  [
    "https://shop.example/?utm_source=a&utm_source=b&utm_term=",
    "https://shop.example/?utm_source=a&utm_source=b&utm_term=",
  ],
  ["HTTPS://Shop.example:443/../a;b=1", "HTTPS://Shop.example:443/../a;b=1"],
  // Fragments: routes alone, and of them no parameters.
  ["https://shop.example/a#top", "https://shop.example/a"],
  ["https://shop.example/a#access_token=x", "https://shop.example/a"],
  ["https://shop.example/app?x=1#/users?name=ann", "https://shop.example/app#/users"],
  ["https://shop.example/app#!/users/7#detail", "https://shop.example/app#!/users/7"],
  ["https://shop.example/app#/access_token=x&state=y", "https://shop.example/app#/access_token"],
  // No absolute addresses.
  ["/pricing?plan=x&utm_campaign=spring#faq", "/pricing?utm_campaign=spring"],
  ["/app#/users?sort=name", "/app#/users"],
  ["shop.example/a?email=x", "shop.example/a"],
  ["?email=x", ""],
  ["/@ann/posts", "/@ann/posts"],
  ["not an address", "not an address"],
  ["", ""],
])("%s", (address, bare) => {
  expect(bareAddress(address)).toBe(bare);
});

const piece = fc.string({ unit: fc.constantFrom(..."aA1.-_%2 ?=;:@/\\+é"), maxLength: 8 });
const parameter = fc
  .tuple(fc.oneof(fc.constantFrom("email", "kelvin", "mc_eid", "_hsenc", "utm", "utm_x", ...KEPT), piece), piece)
  .map(([name, value]) => `${name}=${value}`);
const address = fc
  .record({
    base: fc.oneof(fc.webUrl(), piece, fc.constantFrom("https://ann:pw@shop.example/a", "//ann@x/", "/pricing", "")),
    query: fc.option(
      fc.array(parameter).map((parts) => `?${parts.join("&")}`),
      { nil: "" },
    ),
    fragment: fc.option(
      piece.chain((text) => fc.constantFrom(`#${text}`, `#/${text}`, `#!/${text}`)),
      { nil: "" },
    ),
  })
  .map(({ base, query, fragment }) => base + query + fragment);

describe("any address", () => {
  test("cut twice is cut once, and nothing is left but what is kept", () => {
    fc.assert(
      fc.property(address, (text) => {
        const bare = bareAddress(text);
        expect(bareAddress(bare)).toBe(bare);
        const [place = "", fragment] = bare.split("#");
        const mark = place.indexOf("?");
        const names = mark < 0 ? [] : [...new URLSearchParams(`?${place.slice(mark + 1)}`).keys()];
        for (const name of names) expect(KEPT).toContain(name.toLowerCase());
        expect(fragment ?? "/").toMatch(/^!?\/[^?&=]*$/);
        if (!URL.canParse(bare)) return;
        const { username, password } = new URL(bare);
        expect(username + password).toBe("");
      }),
      { numRuns: 2_000 },
    );
  });

  test("without query, fragment and user it stays what it was, to the letter", () => {
    fc.assert(
      fc.property(fc.oneof(fc.webUrl(), fc.webPath()), (text) => {
        fc.pre(!text.startsWith("//"));
        expect(bareAddress(text)).toBe(text);
      }),
    );
  });
});

function received(message: object, trusted = false): LoggedEvent {
  const common = { messageId: "m", anonymousId: "v" };
  const found = receive({ ...common, ...message }, 0, {
    now: 0,
    sentAt: null,
    trusted,
    isMachine: () => false,
    newId: () => "new",
  });
  if ("event" in found) return found.event;
  throw new Error(found.detail);
}

describe("a message", () => {
  const page = {
    path: "/a?secret=1",
    url: "https://shop.example/a?secret=1&utm_medium=cpc",
    referrer: "https://ann:secret@other.example/?secret=1#secret",
    search: "?secret=1&utm_medium=cpc",
    title: "What? #1",
  };
  const bare = {
    path: "/a",
    url: "https://shop.example/a?utm_medium=cpc",
    referrer: "https://other.example/",
    search: "?utm_medium=cpc",
    title: "What? #1",
  };

  test.each([
    ["with a write key", false],
    ["with a secret key", true],
  ])("%s keeps no query of the pages and links it names", (_, trusted) => {
    const event = received({ type: "page", properties: page, context: { page } }, trusted);
    expect(event.properties).toEqual(bare);
    expect(event.context).toEqual({ page: bare });
    const { url } = page;
    const click = received({ type: "track", event: "Link Clicked", properties: { url, link: url, n: 1 } }, trusted);
    expect(click.properties, "other texts are the site's own").toEqual({ url: bare.url, link: url, n: 1 });
    expect(received({ type: "page", properties: { search: "secret=1&gclid=2" } }).properties?.search).toBe("gclid=2");
    expect(received({ type: "page", properties: { search: "?secret=1" } }).properties?.search).toBe("");
  });

  test("what is no text stays what it is, but nothing that could hold an address unseen", () => {
    const properties = JSON.parse('{"url":7,"path":null,"referrer":{"a":"/?b"},"__proto__":{"url":"x"}}');
    const event = received({ type: "page", properties, context: { page: ["/?b"] } });
    expect(JSON.stringify(event.properties)).toBe('{"url":7,"path":null,"__proto__":{"url":"x"}}');
    expect(event.context).toEqual({ page: ["/?b"] });
  });

  test.each(["?utm_medium=email&x=1", "?GCLID=1&x=1", "?fbclid=1", "?utm_source=linkedin&email=x", "?x=1"])(
    "the channel of %s is told as before",
    (query) => {
      const properties = { url: `https://shop.example/${query}`, referrer: "https://news.example/?id=1" };
      const whole = firstTouch({ messageId: "m", type: "page", timestamp: 0, visitor: "v", properties });
      const { channel, referrer } = firstTouch(received({ type: "page", properties }));
      expect({ channel, referrer }).toEqual({ channel: whole.channel, referrer: "https://news.example/" });
    },
  );
});
