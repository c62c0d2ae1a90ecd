"""Tables of results, in every text format."""
