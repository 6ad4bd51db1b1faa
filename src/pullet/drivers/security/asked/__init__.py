"""Programs of Pullet's own that read hostile files: run in the sandbox by `Workbench.ask`, never in the daemon.

Each reads a question from standard input and writes the answer to standard output, as JSON. They import the standard
library and the pure layers only: a start takes some hundredths of a second.
"""
