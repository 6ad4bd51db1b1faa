"""Runs an app's tests in Pyodide: Python in WebAssembly, in a browser or in Node, offline.

`distribution` has Pyodide itself, `dependencies` what the app's lock names,
`files` the suite: archives of bytecode.
A host (`inside/node.mjs`, or `inside/serving.py` with a browser) holds the sessions of one run inside the sandbox, and
`venue` talks with it in lines of JSON.
"""
