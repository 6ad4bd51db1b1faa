"""Text -> models: pullet.toml and fleet files, with errors that name the line and the nearest key."""
