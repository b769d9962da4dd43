/** Processor time of a warm beacon outside D1: bench/cpu.ts does the work, /proc says what it took. */
import { processorMs, startEntry } from "../host.ts";
import { Client, median } from "../load.ts";

export async function measureCpu({ beacons, rounds }: { beacons: number; rounds: number }): Promise<number | null> {
  const host = await startEntry("bench/cpu.ts");
  const client = new Client(host.url, 1);
  try {
    const run = async () => {
      const { status, body } = await client.send({ path: `/run?beacons=${beacons}` });
      const { writes } = JSON.parse(body) as { writes: number };
      if (status !== 200 || writes !== beacons) throw new Error(`${beacons} beacons wrote ${writes} times: ${body}`);
    };
    await run();
    const costs: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const before = processorMs(host.pid);
      await run();
      const after = processorMs(host.pid);
      if (before === null || after === null) return null;
      costs.push((after - before) / beacons);
    }
    return median(costs);
  } finally {
    client.close();
    await host.stop();
  }
}
