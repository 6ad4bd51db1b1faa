// A page as the place of sessions: workers, and frames for what needs a document. The talk is a WebSocket.

import { Hub, inWorker, sharedMemory } from "./hub.mjs";

const socket = new WebSocket(`ws://${location.host}/talk${location.search}`);

function make(onMessage, onEnd) {
  const worker = new Worker(new URL("./worker.mjs", import.meta.url), { type: "module" });
  worker.addEventListener("message", (event) => onMessage(event.data));
  worker.addEventListener("error", (event) => onEnd(event.message || "the worker failed"));
  return worker;
}

/** A document of its own, on this thread: what runs there holds the page, so a second thread watches its time. */
function inFrame(control, on) {
  const { interrupts } = sharedMemory();
  const watch = new Worker(new URL("./watch.mjs", import.meta.url), { type: "module" });
  watch.postMessage({ interrupts });
  let resolve;
  const frame = document.createElement("iframe");
  frame.sandbox = "allow-scripts allow-same-origin allow-forms allow-modals allow-popups"; // not to leave the page itself
  frame.src = "frame.html";
  frame.pulletSession = {
    plan: control.plan,
    base: control.base,
    interrupts,
    say: on.word,
    hear: () => new Promise((done) => (resolve = done)),
    gone: on.gone,
  };
  document.body.append(frame);
  return {
    answer: (text) => resolve?.(text),
    arm: (seconds) => watch.postMessage({ arm: seconds }),
    disarm: () => watch.postMessage({ arm: 0 }),
    end: () => {
      watch.terminate();
      frame.remove();
    },
  };
}

const hub = new Hub(
  (control, on) => (control.main ? inFrame(control, on) : inWorker(make, control, on)),
  (told) => socket.send(JSON.stringify(told)),
);
socket.addEventListener("open", () => socket.send(JSON.stringify({ runtime: navigator.userAgent })));
socket.addEventListener("message", (event) => hub.receive(JSON.parse(event.data)));
