"""Composition root: settings -> drivers -> loops. The only place that names concrete drivers."""
