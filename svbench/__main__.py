"""Let `python -m svbench` be `svbench`."""

from svbench.cli import main

main()
