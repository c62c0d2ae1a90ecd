"""Preparation of data sets: from an archive as it is published to a folder that loaders read."""
