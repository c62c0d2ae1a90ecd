"""Files: how they are named and read; one boundary for each kind."""
