"""Engines map a function over shards; they know nothing of clips or models."""
