"""Drawn renditions of the data sets, in the real sets' forms on disk."""
