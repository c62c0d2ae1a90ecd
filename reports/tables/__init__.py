"""Tables from result files, in every text format."""
