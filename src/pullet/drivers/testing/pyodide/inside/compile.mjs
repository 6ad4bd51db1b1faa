// node compile.mjs PYODIDE OUT [FOLDER]: bytecode of Pyodide's own library, or of what is installed in FOLDER.

import { readFileSync } from "node:fs";

const [pyodide, out, folder] = process.argv.slice(2);
const { loadPyodide } = await import(`${pyodide}/pyodide.mjs`);
const python = await loadPyodide({ indexURL: pyodide, ...(folder ? { stdLibURL: `${pyodide}/library.zip` } : {}) });
python.FS.mkdirTree("/mnt/pyodide");
python.FS.mkdirTree("/mnt/out");
python.FS.mkdirTree("/mnt/in");
python.mountNodeFS("/mnt/pyodide", pyodide);
python.mountNodeFS("/mnt/out", out);
if (folder) python.mountNodeFS("/mnt/in", folder);
python.FS.writeFile("/tmp/pullet_compile.py", readFileSync(new URL("./pullet_compile.py", import.meta.url)));
python.runPython(`import sys; sys.path.append("/tmp"); import pullet_compile as c`);
if (folder) python.runPython(`c.packages("/mnt/in", "/mnt/out/packages.zip", "/mnt/out/unpacked.zip")`);
else python.runPython(`c.library("/mnt/pyodide/python_stdlib.zip", "/mnt/out/library.zip")`);
