"""Scores, and the networks and detectors that describe clips by numbers."""
