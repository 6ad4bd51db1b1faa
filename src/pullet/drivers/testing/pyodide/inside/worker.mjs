// A session in a worker, of a page or of Node. It hears by waiting on shared memory, as Python holds the thread.

import { boot } from "./boot.mjs";

const node = globalThis.process?.versions?.node;
const port = node ? (await import("node:worker_threads")).parentPort : globalThis;

async function read(base, name) {
  if (!node) {
    const answer = await fetch(base[name]);
    if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
    return new Uint8Array(await answer.arrayBuffer());
  }
  return new Uint8Array(await (await import("node:fs/promises")).readFile(base[name]));
}

function hearing({ state, answer }) {
  return () => {
    Atomics.wait(state, 0, 0);
    // A copy: TextDecoder refuses shared memory.
    const text = new TextDecoder().decode(new Uint8Array(answer, 0, Atomics.load(state, 1)).slice());
    Atomics.store(state, 0, 0);
    return text;
  };
}

async function begin({ plan, base, shared }) {
  const gone = await boot({
    plan,
    base,
    read: (name) => read(base, name),
    say: (text) => port.postMessage({ word: text }),
    hear: hearing(shared),
    leave: (why) => port.postMessage({ gone: why }),
    interrupts: shared.interrupts,
  });
  port.postMessage({ gone });
}

if (node) port.once("message", begin);
else globalThis.addEventListener("message", (event) => begin(event.data), { once: true });
