"""Builds: an app's tree and a Python environment that holds its dependencies, made with uv.

The road: `inputs` reads what the repository asks for, `resolve` turns it into a lock, `environments` installs a lock
once per box, `builder` tells the story and runs the app's own build commands. `uv` holds every command line as a value.
"""
