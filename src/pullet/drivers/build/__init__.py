"""Builds with uv: content-addressed Python environments, compiled once."""
