/** Processor time of a warm beacon outside D1: bench/cpu.ts does the work, /proc says what it took, less what sending took. */
import { processorMs, startEntry } from "../host.ts";
import { Client, median } from "../load.ts";

/** Runs before those that count: V8 goes on compiling for some thousand beacons, which an isolate at work has long behind it. */
const WARM_UP = [false, false, false];

export async function measureCpu({ beacons, rounds }: { beacons: number; rounds: number }): Promise<number | null> {
  const host = await startEntry("bench/cpu.ts");
  const client = new Client(host.url, 1);
  try {
    const run = async (isNothing: boolean): Promise<number | null> => {
      const before = processorMs(host.pid);
      const { status, body } = await client.send({ path: `/run?beacons=${beacons}${isNothing ? "&nothing" : ""}` });
      const after = processorMs(host.pid);
      const { writes } = JSON.parse(body) as { writes: number };
      if (status !== 200 || writes !== (isNothing ? 0 : beacons))
        throw new Error(`${beacons} beacons wrote ${writes} times: ${body}`);
      return before === null || after === null ? null : (after - before) / beacons;
    };
    for (const isNothing of [...WARM_UP, true]) await run(isNothing);
    const costs: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const [all, nothing] = [await run(false), await run(true)];
      if (all === null || nothing === null) return null;
      costs.push(all - nothing);
    }
    return median(costs);
  } finally {
    client.close();
    await host.stop();
  }
}
