"""What an app is, read from its files and never by running them.

`files_to_read` says which files are wanted, `understand` turns them into an AppSpec, `explain` into rows for people.
Detectors emit evidence; `decide` alone chooses.
"""

from pullet.analysis.detection.assemble import as_read
from pullet.analysis.detection.backing import services_beside
from pullet.analysis.detection.explain import Row, explain, lines_of
from pullet.analysis.detection.selection import files_to_read
from pullet.analysis.detection.understand import understand

__all__ = ["Row", "as_read", "explain", "files_to_read", "lines_of", "services_beside", "understand"]
