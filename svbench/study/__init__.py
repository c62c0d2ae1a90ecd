"""Studies with people: blinded pairs of clips for raters, and what their answers say of systems."""
