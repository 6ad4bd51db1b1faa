// Node as the place of sessions: the talk is JSON lines on standard input and output.

import { createInterface } from "node:readline";
import { Worker } from "node:worker_threads";
import { Hub, inWorker } from "./hub.mjs";

function make(onMessage, onEnd) {
  const worker = new Worker(new URL("./worker.mjs", import.meta.url), { stdin: true, stdout: true, stderr: true });
  let printed = "";
  for (const stream of [worker.stdout, worker.stderr]) {
    stream.on("data", (chunk) => (printed = (printed + chunk).slice(-16000)));
  }
  worker.on("message", onMessage);
  worker.on("error", (error) => onEnd(`${error?.message ?? error}\n${printed}`.trim()));
  worker.on("exit", (code) => onEnd(`the thread ended with ${code}\n${printed}`.trim()));
  return worker;
}

const hub = new Hub(
  (control, on) => {
    if (control.main) throw new Error("there is no page in Node");
    return inWorker(make, control, on);
  },
  (told) => process.stdout.write(JSON.stringify(told) + "\n"),
);

process.stdout.write(JSON.stringify({ runtime: `Node ${process.versions.node}` }) + "\n");
const lines = createInterface({ input: process.stdin, crlfDelay: Infinity });
lines.on("line", (line) => hub.receive(JSON.parse(line)));
lines.on("close", () => process.exit(0));
