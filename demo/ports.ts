/** The port that everything answers on: whether it is free, and both of the addresses that `localhost` may mean. */
import { connect, createServer, type Server, type Socket } from "node:net";
import { StartError } from "./start-error.ts";

export function busy(port: number): StartError {
  return new StartError(`port ${port} is taken; choose another, e.g. PORT=${port + 1} npm start.`);
}

/** The origin of a port as browsers send it: without the port where it is 80. */
export const originOf = (host: string, port: number) => new URL(`http://${host}:${port}`).origin;

/** Asks the system before anything is built, so that the answer comes at once. */
export async function refuseBusyPort(port: number): Promise<void> {
  const probe = await listen(port, "127.0.0.1");
  if (probe instanceof Error) {
    if (probe.code === "EADDRINUSE") throw busy(port);
    throw new StartError(`port ${port} cannot be opened (${probe.code}); choose another, e.g. PORT=8787 npm start.`);
  }
  await new Promise((resolve) => probe.close(resolve));
}

/**
 * workerd listens on 127.0.0.1 only, and clients that take `localhost` for ::1 would find nothing, or somebody else's
 * server. So what comes in there is passed on, where the machine has IPv6 at all.
 */
export async function forwardFromIpv6(port: number): Promise<Server | undefined> {
  const server = await listen(port, "::1");
  if (server instanceof Error) {
    if (server.code === "EADDRINUSE") throw busy(port);
    return undefined;
  }
  server.on("connection", (client: Socket) => {
    const worker = connect(port, "127.0.0.1");
    client.pipe(worker).pipe(client);
    client.on("error", () => worker.destroy());
    worker.on("error", () => client.destroy());
  });
  return server;
}

function listen(port: number, host: string): Promise<Server | NodeJS.ErrnoException> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", resolve);
    server.listen(port, host, () => resolve(server));
  });
}
