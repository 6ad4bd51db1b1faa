"""Logs, metrics, traces, profiles."""
