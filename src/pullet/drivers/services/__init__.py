"""Backing services: one `ServiceProvider` a type."""
