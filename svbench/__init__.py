"""svbench: the benchmark for sounding video generation.

Rooms: `svbench` (the harness), `svbench.metrics` (scores), `svbench.baselines` (systems that
make clips) and `svbench.reports` (tables). Importing this package loads none of them.
"""

from svbench._version import __version__

__all__ = ["__version__"]
