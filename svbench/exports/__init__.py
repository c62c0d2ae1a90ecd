"""Exports: clips of a run or a folder as other benchmarks read them, for cross-checks."""
