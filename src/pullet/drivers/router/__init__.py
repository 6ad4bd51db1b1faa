"""Caddy with one constant configuration; routes are files."""
