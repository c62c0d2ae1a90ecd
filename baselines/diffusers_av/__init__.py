"""Pipelines of diffusers as systems: joint audio-video models, and unaligned pairs."""
