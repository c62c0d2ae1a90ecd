"""A metric, a system and a data set that svbench takes by name once this package is installed."""
