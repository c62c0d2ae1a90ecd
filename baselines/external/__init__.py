"""Other people's systems, run by their own code, in their own checkouts and environments."""
