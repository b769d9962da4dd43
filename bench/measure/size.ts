/** How large the Worker is that is uploaded, and what weighs what in it. */
import { gzipSync } from "node:zlib";
import type { Size } from "../figures.ts";
import type { Built } from "../host.ts";

export function measureSize({ files, metafile }: Built): Size {
  const parts = new Map<string, number>();
  const add = (name: string, bytes: number) => parts.set(name, (parts.get(name) ?? 0) + bytes);
  for (const { inputs } of Object.values(metafile.outputs)) {
    for (const [path, { bytesInOutput }] of Object.entries(inputs)) add(partOf(path), bytesInOutput);
  }
  return {
    rawBytes: files.reduce((sum, { contents }) => sum + Buffer.byteLength(contents), 0),
    // All together, as wrangler tells it.
    gzipBytes: gzipSync(files.map(({ contents }) => contents).join("\n")).length,
    parts: [...parts].map(([name, bytes]) => ({ name, bytes })).sort((a, b) => b.bytes - a.bytes),
  };
}

/** A package, or a room of ours. */
function partOf(path: string): string {
  const inPackage = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1];
  if (inPackage) return inPackage;
  return /(?:^|\/)(worker\/core\/lists|worker\/[^/.]+)(?:\/|$)/.exec(path)?.[1] ?? "worker (verbs)";
}
