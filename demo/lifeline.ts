/** No workerd is left behind, however `npm start` ends. */
import { type ChildProcess, spawn } from "node:child_process";
import { subscribe } from "node:diagnostics_channel";

/**
 * workerd would outlive this process if it were killed outright, and keep the port and the database. So a shell waits at
 * the end of a pipe from us: whichever way we go, the pipe closes, and it kills the workerd that it was told of last.
 * Windows has no such shell; there workerd is only stopped in good order.
 */
export function endWorkerdWithUs(): () => void {
  if (process.platform === "win32") return () => {};
  const script = 'while read -r line; do pid="$line"; done; if [ -n "$pid" ]; then kill -9 "$pid"; fi';
  const watcher = spawn("/bin/sh", ["-c", script], { stdio: ["pipe", "ignore", "ignore"], detached: true });
  watcher.unref();
  watcher.on("error", () => {});
  watcher.stdin.on("error", () => {});
  const tell = (line: string | number) => watcher.stdin.write(`${line}\n`);
  subscribe("child_process", (message) => {
    const child = (message as { process: ChildProcess }).process;
    child.once("spawn", () => {
      if (child.spawnfile.includes("workerd")) tell(child.pid ?? "");
    });
  });
  return () => {
    tell("");
    watcher.stdin.end();
  };
}
