/** Pages about secret keys. */
import type { Context } from "hono";
import { type KeyEntry, KeysPage, SecretPage } from "../../dashboard/keys";
import { listKeys, SCOPES } from "../../db/keys";
import { Failure } from "../../failure";
import { createKey, removeKey } from "../../keys";
import type { Api } from "../context";
import type { Hono } from "../hono";
import { checked } from "../input";
import { newKey } from "../keys";
import { arrive, page, signedForm, unticked } from "./visit";

/** Keys on the page; there are as many as programs and people. */
const KEYS_LIMIT = 200;

export function keyPages(app: Hono, api: Api): void {
  const { deps } = api;

  app.get("/setup/keys", async (c) => {
    return await keysPage(c, api, { deleted: c.req.query("deleted") !== undefined });
  });

  app.post("/setup/keys", async (c) => {
    const { name = "", ...ticked } = await signedForm(api, c, "admin");
    const form = { name, scopes: SCOPES.filter((scope) => ticked[scope] === "true") };
    try {
      const { text } = await createKey(deps, checked(newKey, form));
      const { frame } = await arrive(api, c);
      const lead = "It is shown only now; keep it where you keep other secrets.";
      // By the answer itself and not after a redirect: it stands nowhere to be read again.
      const shown = <SecretPage frame={frame} title={`The key ${name}`} lead={lead} secret={text} back="/setup/keys" />;
      return await page(c, shown, 201);
    } catch (error) {
      if (!(error instanceof Failure && error.errors)) throw error;
      return await keysPage(c, api, { form, problems: unticked(error.errors, "scopes") }, 422);
    }
  });

  app.post("/setup/keys/delete", async (c) => {
    const { id = "" } = await signedForm(api, c, "admin");
    await removeKey(deps, id);
    const { site } = c.req.query();
    return c.redirect(`/dashboard/setup/keys?${new URLSearchParams({ deleted: "true", ...(site && { site }) })}`, 303);
  });
}

async function keysPage(
  c: Context,
  api: Api,
  {
    form = { name: "", scopes: ["read"] as string[] },
    problems = [] as NonNullable<Failure["errors"]>,
    deleted = false,
  },
  status: 200 | 422 = 200,
) {
  const { frame } = await arrive(api, c);
  if (!frame.mayAdminister) throw new Failure("forbidden", "Keys are for administrators; sign in with the admin key.");
  const keys: KeyEntry[] = await listKeys(api.deps.db, null, KEYS_LIMIT);
  const shown = { frame, keys, scopes: SCOPES, form, problems, deleted };
  return await page(c, <KeysPage {...shown} />, status);
}
