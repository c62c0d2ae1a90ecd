"""The commands `svbench list …`: what other commands take by name."""

from __future__ import annotations

import json as encoder
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from svbench.cli.common import Plugin

if TYPE_CHECKING:
    from svbench.catalog.listing import (
        ListedDataset,
        ListedMetric,
        ListedPreset,
        ListedProtocol,
        ListedSystem,
    )

app = typer.Typer(
    help="List the metrics, systems, data sets and protocols that other commands take by name.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Line = tuple[int, str]  # how deep it is indented, and its text


@app.command("metrics")
def metrics(plugin: Plugin = None, json: Json = False) -> None:
    """List what --metrics takes: METRIC, or METRIC@PRESET.

    Example: svbench list metrics
    """
    from svbench.catalog import listing
    from svbench.files.weights.folder import weights_folder

    found = listing.metrics(plugin or ())
    lines = [line for entry in found for line in _metric(entry)]
    where = f"weights lie in {weights_folder()}; get them by: svbench weights fetch NAME"
    _print(found, json, [*lines, (0, where)])


@app.command("systems")
def systems(plugin: Plugin = None, json: Json = False) -> None:
    """List what --systems of svbench run takes.

    Example: svbench list systems
    """
    from svbench.catalog import listing

    found = listing.systems(plugin or ())
    lines = [line for entry in found for line in _system(entry)]
    _print(found, json, [*lines, (0, "other people's systems: see svbench systems list")])


@app.command("datasets")
def datasets(plugin: Plugin = None, json: Json = False) -> None:
    """List what --dataset takes.

    Example: svbench list datasets
    """
    from svbench.catalog import listing

    found = listing.datasets(plugin or ())
    _print(found, json, [line for entry in found for line in _dataset(entry)])


@app.command("protocols")
def protocols(json: Json = False) -> None:
    """List what --protocol takes: how other benchmarks judge clips.

    Each column is named as --metrics takes it, and as the benchmark itself calls it.

    Example: svbench list protocols
    """
    from svbench.catalog import listing

    found = listing.protocols()
    _print(found, json, [line for entry in found for line in _protocol(entry)])


def _print(found: Sequence[Any], as_json: bool, lines: Sequence[Line]) -> None:
    """Print entries; a line that is too long goes on below, indented, and no name is broken."""
    if as_json:
        typer.echo(encoder.dumps([asdict(entry) for entry in found], indent=2, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console()
    for depth, text in lines:
        wrapped = Text(text, overflow="fold").wrap(console, console.width - 2 * depth - 2)
        for place, part in enumerate(wrapped):
            part.rstrip()
            console.print(
                Padding(part, (0, 0, 0, 2 * depth + (2 if place else 0))), highlight=False
            )


def _metric(entry: ListedMetric) -> Iterator[Line]:
    yield 0, f"{entry.name}: {entry.title}, {entry.better} is better"
    for preset in entry.presets:
        yield 1, f"@{preset.name}{''.join(f'; {part}' for part in _preset(preset))}"
    for name, meaning in entry.also.items():
        yield 1, f"{name}: {meaning}"
    yield from _origin(entry.origin)


def _origin(origin: str) -> Iterator[Line]:
    if origin:
        yield 1, f"plug-in {origin}"


def _preset(preset: ListedPreset) -> Iterator[str]:
    if preset.usual:
        yield "taken where none is named"
    if preset.default_of:
        yield f"default of {', '.join(preset.default_of)}"
    if preset.weights:
        yield f"weights {', '.join(f'{name} ({state})' for name, state in preset.weights.items())}"


def _system(entry: ListedSystem) -> Iterator[Line]:
    yield 0, f"{entry.name}: {entry.title}"
    yield from _origin(entry.origin)
    if entry.made_of_real_clips:
        yield 1, f"made of real clips; {'default' if entry.usual else 'made if named'}"
        return
    if not entry.usual:
        yield 1, "made if named"
        return
    yield 1, "a joint model; default where its weights are at hand"
    ships = ", ".join(entry.miniatures) or "no data set"
    yield 1, f"weights for --scale mini come with svbench for {ships}; else --weights"


def _protocol(entry: ListedProtocol) -> Iterator[Line]:
    yield 0, f"{entry.name}: {entry.title}, {entry.source}"
    yield 1, f"settings: {', '.join(entry.settings)}"
    width = max(len(column.metric) for column in entry.columns)
    yield 1, f"{'column':{width}}  as the benchmark prints it"
    for column in entry.columns:
        empty = f" (empty: {column.empty})" if column.empty else ""
        yield 1, f"{column.metric:{width}}  {column.printed}, {column.better} is better{empty}"


def _dataset(entry: ListedDataset) -> Iterator[Line]:
    yield 0, f"{entry.name}: {entry.title}"
    yield 1, f"splits: {', '.join(entry.splits)}; captions: {entry.captions}"
    yield 1, f"judged: {entry.format}"
    yield 1, f"miniature: {f'yes, {entry.miniature}' if entry.miniature else 'no'}"
    yield from _origin(entry.origin)
