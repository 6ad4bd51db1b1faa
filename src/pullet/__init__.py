"""Pullet: push to git, and it is live. See docs/design.md for the road of a commit and the layers."""

__version__ = "0.1.0"
