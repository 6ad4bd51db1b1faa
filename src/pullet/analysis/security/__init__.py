"""Security findings: what they mean, which are the same, which are new, which hold a release back. Pure."""
