"""Drawn renditions of the data sets, in the form on disk of the real ones."""
