"""The tables of data sets, systems and metrics by name, and the plans made from them."""
