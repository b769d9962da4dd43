/**
 * Leads that this isolate wrote last, so that the next beacon of a visitor needs no read. A row may be out of date:
 * the write carries its version and is refused then.
 */
import { LEAD_KEY } from "../core/identity";
import type { LeadRow } from "./leads";

/** Most characters of rows held, about 32 MB of an isolate's 128. */
const CACHE_MAX_CHARS = 16_000_000;

export class LeadCache {
  /** In order of use, oldest first. */
  private readonly rows = new Map<string, LeadRow>();
  private readonly owners = new Map<string, string>();
  private chars = 0;

  get(siteId: string, key: string): LeadRow | undefined {
    const id = this.owners.get(`${siteId} ${key}`);
    const row = id === undefined ? undefined : this.rows.get(id);
    // Under another key it may have been read again since, after another isolate gave this one away.
    if (!row || !isFoundUnder(key, row)) return undefined;
    this.rows.delete(row.id);
    this.rows.set(row.id, row);
    return row;
  }

  set(key: string, row: LeadRow): void {
    this.drop(row.id);
    this.rows.set(row.id, row);
    this.chars += size(row);
    this.owners.set(`${row.site_id} ${key}`, row.id);
    for (const [id] of this.rows) {
      if (this.chars <= CACHE_MAX_CHARS) break;
      this.drop(id);
    }
    // Owners of rows long gone are only names: begin anew when they outnumber the rows by far.
    if (this.owners.size > 4 * this.rows.size + 1_000) this.clear();
  }

  drop(id: string): void {
    const row = this.rows.get(id);
    if (!row) return;
    this.rows.delete(id);
    this.chars -= size(row);
  }

  clear(): void {
    this.rows.clear();
    this.owners.clear();
    this.chars = 0;
  }
}

/** Whether a key is among those of a row: as in hasKey of implied.ts. */
function isFoundUnder(key: string, { id, keys }: LeadRow): boolean {
  const quoted = JSON.stringify(key);
  return key === LEAD_KEY + id || keys.startsWith(`[${quoted}`) || keys.includes(`,${quoted}`);
}

function size(row: LeadRow): number {
  return row.state.length + row.told.length + row.tail.length + 200;
}
