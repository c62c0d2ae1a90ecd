"""Builders of columns, a file for each kind of network."""
