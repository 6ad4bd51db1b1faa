"""Frozen values, enums, identities, conditions and errors. Standard library only, no I/O."""
