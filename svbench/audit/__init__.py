"""Checks of data sets: what is amiss in lists, files and clips, and the identity of the whole."""
