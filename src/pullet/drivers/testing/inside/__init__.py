"""Modules that run inside the interpreter that tests run in, never in Pullet's: Python 3.8 on and Pyodide, standard
library and pytest only. FOLDER is put on its path."""

from pathlib import Path

FOLDER = str(Path(__file__).parent)
