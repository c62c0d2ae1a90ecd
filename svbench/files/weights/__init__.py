"""Weights of published networks: where they come from, where they lie, whether they are right."""
