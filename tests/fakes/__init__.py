"""In-memory neighbours: one a port, held to the same contract suite as the real driver."""
