"""Checks of data sets: what is wrong in lists, files and clips, and the identity of the whole."""
