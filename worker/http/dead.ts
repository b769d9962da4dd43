/** The dead-letter office: beacons that waited in the queue and could not be folded, to be looked at and replayed. */
import type { Context } from "hono";
import * as z from "zod/mini";
import { type DeadLetter, listDead } from "../db/dead";
import { REPLAYED_MAX, removeDead, replayDead } from "../dead";
import { type Api, SITE, siteOf, siteQuery } from "./context";
import { Hono } from "./hono";
import { cursor, decodeCursor, limit, pageOf } from "./input";
import { Calls } from "./route";

export function deadLetterRoutes(api: Api): Hono {
  const app = new Hono();
  const calls = new Calls(app, api, "Dead letters", (c, scope) => siteOf(api, c, scope));

  calls.get(
    "/dead-letters",
    { scope: "read", query: z.strictObject({ ...SITE, limit, cursor }) },
    async ({ deps, site, query }) => {
      const after = decodeCursor(query.cursor, z.object({ id: z.string() }))?.id ?? null;
      const rows = await listDead(deps.db, site.id, after, query.limit + 1);
      return pageOf(rows, query.limit, showDeadLetter, ({ id }) => ({ id }));
    },
  );

  calls.post(
    "/dead-letters/replay",
    { scope: "write", query: siteQuery, body: replay, emptyBody: {} },
    async ({ deps, site, body }) => await replayDead(deps, site, body.ids ?? null),
  );

  calls.delete(
    "/dead-letters/{id}",
    { scope: "write", query: siteQuery, status: 204 },
    async ({ c, deps, site }) => await removeDead(deps, site, idOf(c)),
  );
  return app;
}

const idOf = (c: Context) => c.req.param("id") ?? "";
const RIGHT_IDS = `must be an array of 1 to ${REPLAYED_MAX} ids of dead letters; left out: the oldest`;
const replay = z.strictObject({
  ids: z.optional(
    z.array(z.string(RIGHT_IDS), RIGHT_IDS).check(z.minLength(1, RIGHT_IDS), z.maxLength(REPLAYED_MAX, RIGHT_IDS)),
  ),
});

/** A dead letter on the wire. */
export function showDeadLetter({ id, reason, diedAt, events }: DeadLetter) {
  return {
    id,
    reason,
    diedAt: new Date(diedAt).toISOString(),
    visitor: events[0]?.visitor ?? null,
    messages: events.map(({ event: { messageId, type, event, timestamp } }) => ({
      messageId,
      type,
      ...(event === undefined ? {} : { event }),
      // Of what could not be folded not everything need be as it should.
      timestamp: Number.isFinite(timestamp) ? new Date(timestamp).toISOString() : null,
    })),
  };
}
