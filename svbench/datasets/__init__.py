"""Loaders of data sets: files on disk -> Examples."""
