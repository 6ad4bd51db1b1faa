// A session on a page's main thread, in a document of its own.

import { boot } from "./boot.mjs";

const session = globalThis.frameElement.pulletSession;

async function read(name) {
  const answer = await fetch(session.base[name]);
  if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}

globalThis.addEventListener("pagehide", () => session.gone("a test left its document"));
session.gone(await boot({ ...session, read, leave: session.gone }));
