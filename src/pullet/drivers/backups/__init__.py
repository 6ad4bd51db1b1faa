"""Backups by restic: encrypted, deduplicated, to a folder or an S3-compatible store. `ResticBackups` is the driver."""

from pullet.drivers.backups.backups import ResticBackups
from pullet.drivers.backups.credentials import read_credentials
from pullet.drivers.backups.program import find_restic

__all__ = ["ResticBackups", "find_restic", "read_credentials"]
