"""Settings as they are served: read from the syntax tree, never by running it, and judged by framework."""
