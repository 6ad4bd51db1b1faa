// The sessions of one page or one Node, and what passes between them and Pullet.
//
// Pullet tells {"session", "do": "open" | "tell" | "end", …}; it is told {"session", "word"} and, once,
// {"session", "gone": why}.

const ALARM = 14; // SIGALRM
const LONGEST = 64 << 20; // bytes of an answer

/** What a session and the thread that looks after it share. */
export function sharedMemory() {
  return {
    state: new Int32Array(new SharedArrayBuffer(8)), // whether an answer is there, and its length
    answer: new SharedArrayBuffer(1 << 16, { maxByteLength: LONGEST }),
    interrupts: new Uint8Array(new SharedArrayBuffer(2)), // the signal; whether the test knows already
  };
}

/** Writes an answer where a waiting worker finds it. */
export function answer({ state, answer: room }, text) {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > room.byteLength) room.grow(bytes.length);
  new Uint8Array(room).set(bytes);
  Atomics.store(state, 1, bytes.length);
  Atomics.store(state, 0, 1);
  Atomics.notify(state, 0);
}

/** Tells a running test again and again that its time is up: it may swallow the first. */
export class Alarm {
  constructor(interrupts) {
    this.interrupts = interrupts;
  }
  set(seconds) {
    this.clear();
    Atomics.store(this.interrupts, 1, 0);
    this.timer = setInterval(() => {
      if (!Atomics.load(this.interrupts, 1)) Atomics.store(this.interrupts, 0, ALARM);
    }, seconds * 1000);
  }
  clear() {
    clearInterval(this.timer);
  }
}

/** `open(control, on)` makes a session: { answer(text), arm(seconds), disarm(), end() }; it calls on.word(text)
 * and on.gone(why). `send` takes what Pullet is told. */
export class Hub {
  constructor(open, send) {
    this.open = open;
    this.send = send;
    this.sessions = new Map();
  }

  receive(control) {
    const session = this.sessions.get(control.session);
    if (control.do === "open") this.begin(control);
    else if (!session) return;
    else if (control.do === "tell") session.answer(JSON.stringify(control.word));
    else if (control.do === "end") this.finish(control.session, "ended");
  }

  begin(control) {
    const number = control.session;
    const on = {
      word: (text) => this.passOn(number, text, control.plan.limit),
      gone: (why) => this.finish(number, why),
    };
    try {
      this.sessions.set(number, this.open(control, on));
    } catch (error) {
      this.finish(number, String(error));
    }
  }

  passOn(number, text, limit) {
    const session = this.sessions.get(number);
    if (!session) return;
    const word = JSON.parse(text);
    if (word.say === "start") session.arm(limit);
    else if (word.say === "result") session.disarm();
    this.send({ session: number, word });
  }

  finish(number, why) {
    const session = this.sessions.get(number);
    this.sessions.delete(number);
    session?.disarm();
    session?.end();
    this.send({ session: number, gone: String(why ?? "") });
  }
}

/** A session in a worker; `make` starts one. */
export function inWorker(make, control, on) {
  const shared = sharedMemory();
  const alarm = new Alarm(shared.interrupts);
  const worker = make((data) => ("word" in data ? on.word(data.word) : on.gone(data.gone)), on.gone);
  worker.postMessage({ plan: control.plan, base: control.base, shared });
  return {
    answer: (text) => answer(shared, text),
    arm: (seconds) => alarm.set(seconds),
    disarm: () => alarm.clear(),
    end: () => worker.terminate(),
  };
}
