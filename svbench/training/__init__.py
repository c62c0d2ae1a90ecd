"""Training entry points: the joint model, the detectors of AV-Align, the miniature's networks."""
