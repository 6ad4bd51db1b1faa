"""HTTP+JSON over a unix socket, versioned /v1. Translates only."""
