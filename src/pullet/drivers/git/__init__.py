"""Git repositories as sources: polled, mirrored, checked out. `GitSource` is the driver."""

from pullet.drivers.git.limits import GitLimits
from pullet.drivers.git.source import GitSource

__all__ = ["GitLimits", "GitSource"]
