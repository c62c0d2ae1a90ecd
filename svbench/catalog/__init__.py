"""Everything svbench knows by name: data sets, systems, metrics, and plans made of them."""
