"""Networks that extract features from clips, one per file."""
