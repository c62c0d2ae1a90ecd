"""AV-Align and synchrony, with the events they compare."""
