/** Sealed claims are JWE as others make and read it, and nothing else opens. */
import { base64url, EncryptJWT, jwtDecrypt } from "jose";
import { describe, expect, test } from "vitest";
import { SEAL, seal, unseal } from "../../worker/sealed.ts";

const keyOf = (byte: number) =>
  crypto.subtle.importKey("raw", new Uint8Array(SEAL.length / 8).fill(byte), SEAL.name, false, ["encrypt", "decrypt"]);
const key = await keyOf(1);
const CLAIMS = { aud: "click", u: "https://shop.example/?q=größe", n: 1.5 };

test("what is sealed here, another library opens", async () => {
  const token = await seal(key, "site_1", CLAIMS);
  const { payload, protectedHeader } = await jwtDecrypt(token, key);
  expect(payload).toEqual(CLAIMS);
  expect(protectedHeader).toEqual({ alg: "dir", enc: "A128GCM", kid: "site_1" });
  expect(await seal(key, "site_1", CLAIMS)).not.toBe(token);
});

test("what another library has sealed, opens here", async () => {
  const token = new EncryptJWT(CLAIMS).setProtectedHeader({ alg: "dir", enc: "A128GCM", kid: "site_1" });
  expect(await unseal(key, await token.encrypt(key))).toEqual(CLAIMS);
});

describe("what does not open", async () => {
  const parts = (await seal(key, "site_1", CLAIMS)).split(".");
  const changed = (i: number, change: (part: string) => string) =>
    parts.map((part, n) => (n === i ? change(part) : part)).join(".");
  const flipped = (part: string) =>
    base64url.encode(base64url.decode(part).map((byte, i) => (i === 0 ? byte ^ 1 : byte)));
  const header = (members: object) => base64url.encode(JSON.stringify(members));

  test("the same under another key", async () => expect(await unseal(await keyOf(2), parts.join("."))).toBeNull());
  test("but unchanged it does", async () => expect(await unseal(key, parts.join("."))).toEqual(CLAIMS));
  test.each([
    ["an empty text", ""],
    ["four parts", parts.slice(1).join(".")],
    ["six parts", `${parts.join(".")}.`],
    ["a key within", changed(1, () => "AAAA")],
    ["another site's name", changed(0, () => header({ alg: "dir", enc: "A128GCM", kid: "site_2" }))],
    ["another algorithm", changed(0, () => header({ alg: "dir", enc: "A256GCM", kid: "site_1" }))],
    ["no JSON", changed(0, () => "e30x")],
    ["another vector", changed(2, flipped)],
    ["no vector", changed(2, () => "")],
    ["another text", changed(3, flipped)],
    ["another tag", changed(4, flipped)],
    ["a shorter tag", changed(4, (tag) => base64url.encode(base64url.decode(tag).subarray(0, 12)))],
    ["what is no base64url", changed(3, () => "+/=")],
  ])("%s", async (_, token) => expect(await unseal(key, token)).toBeNull());
});
