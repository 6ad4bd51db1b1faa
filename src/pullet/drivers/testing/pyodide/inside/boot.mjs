// One Pyodide in which pytest runs once: the same in a worker of a page, on a page's main thread and in Node.

const PRINTED = 16000; // characters of what it prints beside the tests that are kept

/** Loads Pyodide and runs the plan. Resolves to why it ended, empty where pytest said all there is to say.
 *
 * `read(name)`: bytes of a file that Pullet made; `say(text)`: a word to the conductor; `hear()`: its answer, null once
 * there is none, or a promise of it; `leave(why)`: the end, from within; `interrupts`: shared bytes through which a running test is told that its time is up.
 */
export async function boot({ plan, base, read, say, hear, leave, interrupts }) {
  let printed = "";
  const print = (line) => {
    printed = (printed + line.slice(0, PRINTED) + "\n").slice(-PRINTED);
  };
  limitMemory(plan.memory);
  try {
    const [{ loadPyodide }, ...archives] = await Promise.all([
      import(base.pyodide + "pyodide.mjs"),
      ...["packages.zip", "unpacked.zip", "suite.zip"].map(read),
    ]);
    const python = await loadPyodide({
      indexURL: base.pyodide,
      stdLibURL: base.library,
      stdout: print,
      stderr: print,
      stdin: () => null,
      env: { HOME: "/home/pullet", PYTHONDONTWRITEBYTECODE: "1", ...plan.variables },
    });
    return await test(python, archives, { plan, say, hear, leave, interrupts });
  } catch (error) {
    return [describe(error), printed.trim()].filter(Boolean).join("\n") || "Pyodide ended";
  }
}

async function test(python, [packages, unpacked, suite], { plan, say, hear, leave, interrupts }) {
  python.FS.mkdirTree("/pullet");
  python.FS.writeFile("/pullet/packages.zip", packages);
  python.FS.writeFile("/pullet/unpacked.zip", unpacked);
  python.FS.writeFile("/pullet/suite.zip", suite);
  python.setInterruptBuffer(interrupts);
  const late = () => Atomics.store(interrupts, 1, 1);
  python.registerJsModule("pullet_host", { say, hear, leave, pause, late, plan: JSON.stringify(plan) });
  // A coroutine, so that tests may wait for promises: only below one the stack can be switched.
  await python.runPythonAsync("import sys; sys.path.append('/pullet/packages.zip'); import pullet_pyodide; pullet_pyodide.main()");
  return "";
}

const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

/** WebAssembly takes what it is given, up to 4 GB: over the limit there is a MemoryError instead. */
function limitMemory(bytes) {
  const grow = WebAssembly.Memory.prototype.grow;
  WebAssembly.Memory.prototype.grow = function (pages) {
    if (bytes && this.buffer.byteLength + pages * 65536 > bytes) {
      throw new RangeError("over the memory limit of a test session");
    }
    return grow.call(this, pages);
  };
}

function describe(error) {
  const text = String(error?.stack ?? error?.message ?? error);
  return text.includes(String(error?.message)) ? text : `${error.message}\n${text}`;
}
