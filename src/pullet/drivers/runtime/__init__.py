"""Processes of releases: shims, sandbox, limits, warm spares."""
