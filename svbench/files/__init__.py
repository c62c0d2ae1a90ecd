"""Files: what every room of the house reads and writes them by."""
