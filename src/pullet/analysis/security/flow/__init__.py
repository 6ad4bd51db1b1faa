"""Data followed from a visitor's request to where it does harm, function by function.

A trace must be right: what is not understood carries nothing on.
"""

from pullet.analysis.security.flow.following import Trace, traces

__all__ = ["Trace", "traces"]
