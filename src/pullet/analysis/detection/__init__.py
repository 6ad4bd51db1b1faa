"""What a repository is, found without running it: detectors give evidence, `decide` chooses, `explain` tells."""

from pullet.analysis.detection.decide import understand
from pullet.analysis.detection.explaining import explain
from pullet.analysis.detection.repository import files_to_read

__all__ = ["explain", "files_to_read", "understand"]
