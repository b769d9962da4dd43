/**
 * Hono with the one router that it would choose for our routes, without those that it would fall back to. A route that
 * this one cannot tell from others has every request fail, so no test passes with it.
 */
import { HonoBase } from "hono/hono-base";
import { RegExpRouter } from "hono/router/reg-exp-router";

export class Hono extends HonoBase {
  constructor() {
    super({ router: new RegExpRouter() });
  }
}
