"""The command `caption`: captions of clips by a video chat model."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from svbench.captioning import settings as ours
from svbench.cli import common as options
from svbench.cli.output import print_note
from svbench.cli.parsing import number, path_argument, path_option
from svbench.cli.progress import progress_bars
from svbench.errors import ConfigError
from svbench.files.destinations import check_file

if TYPE_CHECKING:
    from svbench.captioning.clips import Clips


@dataclass(frozen=True, kw_only=True)
class ClipOptions:
    """What is captioned: clips of one's own, or a data set."""

    clips: Annotated[Path | None, path_argument("Folder, list or video; or name a --dataset.")] = (
        None
    )
    dataset: Annotated[
        str | None, typer.Option(help="In place of CLIPS: a data set of svbench list datasets.")
    ] = None
    data_root: options.DataRoot = None
    split: Annotated[str | None, typer.Option(help="train or test; default: test.")] = None
    captions: Annotated[
        Path | None, path_option("Of --dataset: list of the clips to caption; default: its own.")
    ] = None
    seconds: Annotated[
        float | None, number("seconds", "Of CLIPS: length captioned; default: 4.", ours.SECONDS)
    ] = None
    limit: options.Limit = None
    allow_missing: Annotated[bool, typer.Option(help="Leave out clips that cannot be read.")] = (
        False
    )
    plugin: options.Plugin = None

    def found(self) -> Clips:
        """Return the clips; raise ConfigError for options that go with the other kind alone."""
        from svbench.captioning.clips import USUAL_SECONDS, of_dataset, of_folder

        if (self.clips is None) == (self.dataset is None):
            named = "neither" if self.clips is None else "both"
            raise ConfigError(f"CLIPS, --dataset: found {named}, expected one of them")
        if self.clips is not None:
            for name in ("data_root", "split", "captions", "plugin"):
                flag = f"--{name.replace('_', '-')}"
                options.check_together(flag, bool(getattr(self, name)), "beside --dataset")
            seconds = USUAL_SECONDS if self.seconds is None else self.seconds
            return of_folder(self.clips, seconds=seconds, limit=self.limit)
        options.check_together("--seconds", self.seconds is not None, "beside CLIPS")
        return of_dataset(
            str(self.dataset),
            data_root=self.data_root,
            split=self.split or "test",
            captions=self.captions,
            limit=self.limit,
            allow_missing=self.allow_missing,
            plugins=tuple(self.plugin or ()),
        )


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """What captions them, and how."""

    model: Annotated[
        str, typer.Option(help="Folder, or name in the hub's cache, of a video chat model.")
    ] = ours.PAPER_MODEL
    prompt: Annotated[
        str | None, typer.Option(help="What the model is asked; default: the paper's prompt.")
    ] = None
    frames: Annotated[
        int, number("frames", "Shown to the model, evenly spaced over a clip.", ours.FRAMES)
    ] = ours.USUAL_FRAMES
    max_new_tokens: Annotated[
        int, number("max_new_tokens", "Length of a caption at most, in tokens.", ours.TOKENS)
    ] = ours.USUAL_TOKENS
    pad: Annotated[bool, typer.Option(help="Repeat the last frame of clips too short.")] = False
    batch: Annotated[int, number("batch", "Clips that are captioned together.")] = 1
    device: options.Device = "auto"
    dtype: Annotated[str, typer.Option(help="Of the model: float32, bfloat16 or float16.")] = (
        "float32"
    )

    def settings(self) -> ours.CaptionSettings:
        """Return the settings; raise ConfigError for wrong ones."""
        from svbench.compute import Machine

        return ours.CaptionSettings(
            model=self.model,
            prompt=ours.PAPER_PROMPT if self.prompt is None else self.prompt,
            frames=self.frames,
            max_new_tokens=self.max_new_tokens,
            pad=self.pad,
            machine=Machine(self.device, self.dtype, batch=self.batch),  # type: ignore[arg-type]
        )


def caption(
    clips: ClipOptions,
    model: ModelOptions,
    engine: options.EngineOptions,
    out: Annotated[Path, path_option("The list: .csv; of CLIPS also .jsonl.")],
) -> None:
    """Write captions of clips by a video chat model, in the form that --captions reads.

    The same command goes on where it was interrupted, and extends a list by further clips. How
    captions were made is written beside the list, to OUT.json.

    Example: svbench caption --dataset greatesthits --data-root vis-data-256 --out flist_test.csv
    """
    check_file(out, "--out")
    settings = model.settings()
    found = clips.found()
    for note in found.notes:
        print_note(note)
    if model.prompt is None:
        print_note(f"the model is asked, as by the paper of Greatest Hits: {ours.PAPER_PROMPT}")
    from svbench.captioning.write import write_captions

    with (
        closing(engine.choice().start(device=model.device)) as started,
        progress_bars() as progress,
    ):
        written = write_captions(
            found, settings, out, started, allow_missing=clips.allow_missing, progress=progress
        )
    for line in written.left_out:
        print_note(f"left out: {line}")
    typer.echo(f"captions of {written.listed} clips, {written.captioned} of them new: {out}")
    typer.echo(f"how they were made: {out}.json")
