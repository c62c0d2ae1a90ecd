"""svbench: the benchmark for sounding video generation.

    import svbench

    results = svbench.run("greatesthits", limit=4)
    results.to_pandas()

Functions do what the commands of the same names do (see `svbench.api`); beside them stand the
nouns (`svbench.types`) and protocols (`svbench.protocols`) that a metric or a system is written
with, the entries by which a plug-in offers them, and the errors. Importing the package loads none
of it: each name is loaded when it is used.

Rooms: `svbench` (the harness), `svbench.metrics` (scores), `svbench.baselines` (systems that
make clips) and `svbench.reports` (tables).
"""

from svbench._version import __version__

TYPE_CHECKING = False  # as `typing` has it, which takes longer to import than all else here
if TYPE_CHECKING:
    from svbench.api import compare, run, score, sweep_gamma, validate
    from svbench.api.imported import import_scores
    from svbench.api.results import Results, load_results
    from svbench.catalog.columns.entry import MetricEntry, MetricSettings
    from svbench.catalog.datasets import Dataset, Miniature
    from svbench.catalog.systems import SystemEntry
    from svbench.config import RunConfig
    from svbench.errors import (
        ConfigError,
        DataError,
        RegressionError,
        ScoreError,
        StoppedError,
        SvbenchError,
    )
    from svbench.metrics.per_clip import mean_of_clips
    from svbench.protocols import (
        BatchedSystem,
        Extractor,
        FrameByFrameExtractor,
        FrameReader,
        LightExtractor,
        Metric,
        PairedExtractor,
        RealClips,
        System,
    )
    from svbench.types import (
        Clip,
        ClipScore,
        ClipSpec,
        Column,
        Example,
        Features,
        Judgement,
        Recording,
        Request,
        ResultTable,
        Row,
        Sample,
        SampleSet,
        Score,
    )
    from svbench.walk.plan import Unavailable

__all__ = [
    "BatchedSystem",
    "Clip",
    "ClipScore",
    "ClipSpec",
    "Column",
    "ConfigError",
    "DataError",
    "Dataset",
    "Example",
    "Extractor",
    "Features",
    "FrameByFrameExtractor",
    "FrameReader",
    "Judgement",
    "LightExtractor",
    "Metric",
    "MetricEntry",
    "MetricSettings",
    "Miniature",
    "PairedExtractor",
    "RealClips",
    "Recording",
    "RegressionError",
    "Request",
    "ResultTable",
    "Results",
    "Row",
    "RunConfig",
    "Sample",
    "SampleSet",
    "Score",
    "ScoreError",
    "StoppedError",
    "SvbenchError",
    "System",
    "SystemEntry",
    "Unavailable",
    "__version__",
    "compare",
    "import_scores",
    "load_results",
    "mean_of_clips",
    "run",
    "score",
    "sweep_gamma",
    "validate",
]

# that names come from, cheapest first
_MODULES = (
    *(
        "errors",
        "api",
        "api.imported",
        "protocols",
        "types",
        "config",
        "walk.plan",
        "metrics.per_clip",
    ),
    *("catalog.columns.entry", "catalog.systems", "catalog.datasets"),
)


def __getattr__(name: str) -> object:
    """Import a public name when it is first used."""
    if name in __all__:
        from importlib import import_module

        for module in _MODULES:
            found = getattr(import_module(f"{__name__}.{module}"), name, None)
            if found is not None:
                globals()[name] = found
                return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names, loaded or not."""
    return sorted({*globals(), *__all__})
