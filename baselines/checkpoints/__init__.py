"""Joint models on disk: the forms of a folder, and its components."""
