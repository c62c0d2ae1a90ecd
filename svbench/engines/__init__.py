"""Engines map a function over shards of work."""
