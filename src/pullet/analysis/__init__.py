"""Pure readings of source code and results: detection, findings, statistics."""
