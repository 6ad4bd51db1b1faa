"""Valkey: a server a service, under a shim, as a user of its own."""
