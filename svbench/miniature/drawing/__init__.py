"""Shapes, sounds and scenes of the drawn data sets."""
