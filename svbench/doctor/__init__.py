"""What a machine has, and what a planned run needs of it: `svbench doctor`."""
