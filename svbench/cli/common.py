"""Options that several commands have, each written once; where they come in sets, as objects.

`svbench.cli.options` spells the objects out for Typer. Fields are called as those of the
configurations in `svbench.config`, which validate what is given together.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from svbench.api.keywords import JudgingKeywords, SamplingKeywords
from svbench.cli.parsing import names, number, pair, path_argument, path_option, read_word, size
from svbench.cli.protocol_defaults import read_protocol
from svbench.engines.choice import EngineChoice
from svbench.errors import ConfigError
from svbench.limits import COUNT

if TYPE_CHECKING:
    from svbench.api.imported import Import
    from svbench.api.results import Results

# --- options -----------------------------------------------------------------------------------

Dataset = Annotated[str, typer.Option(help="A data set of svbench list datasets.")]
Scale = Annotated[str, typer.Option(help="mini (drawn data, a laptop) or paper.")]
DataRoot = Annotated[
    Path | None,
    path_option("Folder of the real data set, not at mini; default: SVBENCH_DATA, if it is set."),
]
RealRoot = Annotated[
    Path | None, path_option("Folder of the data set; default: SVBENCH_DATA, if it is set.")
]
Captions = Annotated[Path | None, path_option("Caption list (CSV: file, text); not at mini.")]
CaptionsById = Annotated[
    Path | None, path_option("Captions by id: .jsonl, CSV (file, text), or another list.")
]
ReferenceClips = Annotated[
    Path | None, path_option("Folder of the clips of a reference list; default: beside it.")
]
Limit = Annotated[int | None, number("limit", "Use only the first so many clips; default: all.")]
Metrics = Annotated[
    tuple[str, ...],
    names("metrics", "METRIC or METRIC@PRESET, comma-separated; see svbench list metrics."),
]
Columns = Annotated[
    tuple[str, ...], names("metrics", "Only these columns, comma-separated, in this order.")
]
Protocol = Annotated[
    str | None,
    typer.Option(
        help="Of another benchmark: its clip format and columns, unless others are given; see "
        "svbench list protocols.",
        callback=read_protocol,
        is_eager=True,
    ),
]
Frames = Annotated[int, number("frames", "Frames judged per clip.")]
Fps = Annotated[float, number("fps", "Frames per second judged.")]
SampleRate = Annotated[int, number("sample_rate", "Audio samples per second judged.")]
Pad = Annotated[bool, typer.Option(help="Fill up clips that are too short.")]
Size = Annotated[
    tuple[int, int], size("Pixels judged: 256, or HEIGHTxWIDTH [8 to 8192 each].", default="256")
]
Seed = Annotated[int, number("seed", "Decides draws, pairs, noise and intervals.")]
FrameChoice = Annotated[
    str, typer.Option(help="nearest, or official: late, as ffmpeg -r cut the paper's segments.")
]
Channels = Annotated[
    str, typer.Option(help="Of recorded sound: mean, or first, as ImageBind's own loader reads.")
]
AllowMissing = Annotated[
    bool, typer.Option(help="Leave out clips that cannot be judged; the table says how many.")
]
Strict = Annotated[
    bool, typer.Option(help="Fail where a column cannot be filled, say for want of weights.")
]
Repeats = Annotated[int, number("repeats", "Samples per caption.")]
Weights = Annotated[
    list[str] | None,
    typer.Option(
        help="Of joint models: FOLDER or SYSTEM=FOLDER; may be repeated.", parser=read_word
    ),
]
Preset = Annotated[str, typer.Option(help="paper, or official-code.")]
Steps = Annotated[int | None, number("steps", "Sampler steps; default: the preset's.")]
Guidance = Annotated[
    tuple[float, float] | None, pair("guidance", "Sound and video, 1 or more each: 2.5,7.5.")
]
Device = Annotated[str, typer.Option(help="Of all networks: auto, cpu, cuda:1.")]
Dtype = Annotated[str, typer.Option(help="Of the U-Nets: float32, bfloat16 or float16.")]
_OF_METRICS = "Of the networks of metrics: float32, bfloat16 or float16."
ScoringDtype = Annotated[str, typer.Option(help=_OF_METRICS)]
# Where no other network computes, the plain name is theirs too.
OnlyDtype = Annotated[str, typer.Option("--dtype", "--scoring-dtype", help=_OF_METRICS)]
Batch = Annotated[int | None, number("batch", "Clips that are sampled together.")]
_AT_ONCE = "Inputs of a network of metrics at a time; default: what suits network and device."
ScoringBatch = Annotated[int | None, number("scoring_batch", _AT_ONCE)]
OnlyBatch = Annotated[int | None, number("batch", _AT_ONCE, flags=("--batch", "--scoring-batch"))]
Compile = Annotated[bool, typer.Option(help="Compile the U-Nets by block.")]
Plugin = Annotated[
    list[str] | None,
    typer.Option(
        help="Module of metrics, systems or data sets beside installed packages; may be repeated."
    ),
]
Workers = Annotated[int, number("workers", "Threads; they never change the result.")]
ImportScores = Annotated[
    list[str] | None,
    typer.Option(
        help="[SYSTEM=]FILE: scores per clip of VBench, DOVER, AVGen-Bench or {id: value}, as "
        "columns marked as not computed here; may be repeated.",
        parser=read_word,
    ),
]
ImportBetter = Annotated[
    list[str] | None,
    typer.Option(
        help="COLUMN=higher or lower: of imported scores whose direction is not known; may be "
        "repeated.",
        parser=read_word,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print results.json instead of the table.")]

RunFolder = Annotated[Path, path_argument("A run folder, or its results.json.")]
TextOut = Annotated[
    Path | None, path_option("Write to this file instead (a folder, if it is a page).")
]

Base = Annotated[
    list[str] | None,
    typer.Option(
        help="audio=, video=, motion= FOLDER; default: the paper's, from the hub's cache.",
        parser=read_word,
    ),
]
Cpu = Annotated[bool, typer.Option("--cpu", help="Leave GPUs alone.")]


def count(setting: str, about: str) -> object:
    """Return an option that takes a number of training steps or epochs."""
    return number(setting, about, COUNT)


# --- option objects ----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """Which data set, and where it lies."""

    dataset: Dataset
    scale: Scale = "mini"
    data_root: DataRoot = None
    captions: Captions = None


@dataclass(frozen=True, kw_only=True)
class JudgingOptions:
    """By what clips are judged, and how they are read."""

    metrics: Metrics = ()
    seed: Seed = 0
    frame_choice: FrameChoice = "nearest"
    channels: Channels = "mean"
    allow_missing: AllowMissing = False
    strict: Strict = False
    device: Device = "auto"
    plugin: Plugin = None
    protocol: Protocol = None

    def judging(self) -> JudgingKeywords:
        """Return the keywords of `svbench.score`, and of every run, that these options make."""
        return JudgingKeywords(
            protocol=self.protocol,
            metrics=self.metrics,
            seed=self.seed,
            frame_choice=self.frame_choice,
            channels=self.channels,
            allow_missing=self.allow_missing,
            strict=self.strict,
            device=self.device,
            plugins=self.plugin or (),
        )


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """What computes, called as the keywords of `svbench.run`; none of it changes the result."""

    engine: Annotated[
        str, typer.Option(help="local, or ray: many GPUs and machines (extra: ray).")
    ] = "local"
    workers: Annotated[
        int | None, number("workers", "They never change the result; default: all cores or GPUs.")
    ] = None
    gpus_per_worker: Annotated[
        float | None,
        number("gpus_per_worker", "Of ray; below 1: shared; default: 1 if any."),
    ] = None
    cpus_per_worker: Annotated[
        float | None, number("cpus_per_worker", "Of ray; default: 1, or a GPU's share, at most 8.")
    ] = None
    ray_address: Annotated[
        str | None,
        typer.Option(help="HOST:PORT or auto: join this cluster; default: start one here."),
    ] = None

    def choice(self) -> EngineChoice:
        """Return the engine that was chosen."""
        return EngineChoice(**asdict(self))


@dataclass(frozen=True, kw_only=True)
class SamplingOptions(JudgingOptions, DataOptions):
    """What is sampled on a data set, and how it is judged: `run` and `sweep-gamma`."""

    limit: Limit = None
    repeats: Repeats = 1
    weights: Weights = None
    preset: Preset = "paper"
    steps: Steps = None
    guidance: Guidance = None
    dtype: Dtype = "float32"
    scoring_dtype: ScoringDtype = "float32"
    batch: Batch = None
    scoring_batch: ScoringBatch = None
    compile: Compile = False

    def sampling(self) -> SamplingKeywords:
        """Return the keywords of `svbench.run` and `svbench.sweep_gamma` that these options make.

        All but the data set, and what the two differ in.
        """
        return SamplingKeywords(
            **self.judging(),
            scale=self.scale,
            data_root=self.data_root,
            captions=self.captions,
            limit=self.limit,
            repeats=self.repeats,
            weights=self.weights or (),
            preset=self.preset,
            steps=self.steps,
            guidance=self.guidance,
            dtype=self.dtype,
            scoring_dtype=self.scoring_dtype,
            batch=self.batch,
            scoring_batch=self.scoring_batch,
            compile=self.compile,
        )


def read_imports(files: list[str] | None, better: list[str] | None) -> tuple[Import, ...]:
    """Load the files of `--import-scores`, before any other work."""
    check_together("--import-better", bool(better) and not files, "beside --import-scores")
    directions = {}
    for word in better or ():
        name, sign, direction = word.rpartition("=")
        if not sign or not name:
            raise ConfigError(
                f"--import-better: found {word!r:.80}, expected COLUMN=higher or COLUMN=lower"
            )
        directions[name] = direction
    if not files:
        return ()
    from svbench.api.imported import read_imports as read

    return read(files, directions)


def join_imports(results: Results, imports: tuple[Import, ...]) -> Results:
    """Return results with the columns of imported files, which are kept beside them."""
    if not imports:
        return results
    from svbench.api.imported import join_imports as join

    return join(results.path, imports)


def check_together(flag: str, given: bool, wanted: str) -> None:
    """Check that an option has an effect; `wanted` says beside what it has one."""
    if given:
        raise ConfigError(f"{flag}: found it where it has no effect, expected it only {wanted}")
