"""The only code that touches the world: processes, git, uv, Caddy, files."""
