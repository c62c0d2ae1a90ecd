"""Comparison of tables: several runs side by side, and a run against a golden table."""
