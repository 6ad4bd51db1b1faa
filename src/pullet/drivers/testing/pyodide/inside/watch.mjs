// A thread that can still tell the page's own thread that its time is up when a test holds that one.

import { Alarm } from "./hub.mjs";

let alarm;
globalThis.addEventListener("message", ({ data }) => {
  if (data.interrupts) alarm = new Alarm(data.interrupts);
  else if (data.arm) alarm.set(data.arm);
  else alarm.clear();
});
