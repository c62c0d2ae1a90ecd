"""Training: the joint model on a data set, detectors of AV-Align, and the miniature."""
