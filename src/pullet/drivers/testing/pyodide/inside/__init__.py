"""What runs in Pyodide, in the page or in Node, and the server beside the browser: nothing of it in Pullet itself."""

from pathlib import Path

FOLDER = Path(__file__).parent
IMPORTED = ("pullet_pyodide.py", "pullet_waiting.py", "pullet_missing.py")
"""Modules for the tests' interpreter."""
