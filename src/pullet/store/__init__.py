"""SQLite: what was observed, deployments, events. A cache plus history: deleting it loses no desired state."""
