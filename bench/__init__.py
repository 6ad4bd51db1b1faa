"""Benchmarks: every figure in docs/performance.md is printed by a command here."""
