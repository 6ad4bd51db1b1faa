"""Engine `live`: checks against a running instance. `scan` runs in the sandbox and is all that reads its answers."""
