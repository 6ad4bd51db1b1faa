"""Loops that compare desired with observed and apply the difference."""
