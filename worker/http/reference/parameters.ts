/** Words on parameters, for all calls that take one of that name. */

export const IN_QUERY: Record<string, string> = {
  site: "The site, by id or write key; may be left out where there is only one.",
  at: "An instant from now on, at which nothing more will have happened.",
  cursor: "The nextCursor of the page before.",
  suppress: "Whether later messages that name their address are turned away.",
  temperature: "A level of that ladder.",
  stage: "A level of that ladder.",
  known: "Whether it has a userId or an address.",
  disqualified: "Whether disqualified leads are listed too.",
  account: "Domain of the address.",
  q: "Part of the address, a userId, name, firstName, lastName or company; no case.",
  dimension: "What minScore and maxScore are about, in place of the whole score.",
  sort: "-score, score, -lastSeen, -scores.<dimension> or id, by which a walk has every lead once.",
  notify: "Whether levels crossed because of it are announced.",
};

/** By a part of the path that they stand in. */
export const IN_PATH: Record<string, string> = {
  "/leads/{id}": "A lead: lead_…, email:…, user:… or visitor:….",
  "/sites/{id}": "A site: its id or write key.",
  "/rules/versions/{version}": "The number of a version.",
};
