"""The validity of metrics: real clips are distorted in memory, extracted from, scored, compared."""
