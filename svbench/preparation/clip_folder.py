"""The folder of a data set of single clips: lists, and links to clips or clips that are cut.

Links are symbolic and absolute: the clips of the archive may not move, the prepared folder may.
With `config.cut`, the first 4 s of each clip are written as `svbench.preparation.cutting` writes
segments, at the frame rate and size of the data set, so that a training reads little.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from svbench.compute import installed
from svbench.datasets.lists import names
from svbench.engines.protocol import Engine
from svbench.errors import ConfigError, DataError
from svbench.files import media
from svbench.files.writing import replacing
from svbench.limits import flag
from svbench.pace import Progress
from svbench.preparation import selection
from svbench.preparation.cutting import Cutting, Source, cut_recordings
from svbench.preparation.folder import PreparedFolder, prepared_folder
from svbench.preparation.selection import LEFT_OUT, Clip, Selection
from svbench.preparation.settings import PrepareConfig, Report
from svbench.types import ClipSpec, Recording

CODE_VERSION: Final = "1"  # raised when the same lists and clips give other bytes
LISTS: Final = "lists"  # the item of the record that they are
CUTTING: Final = frozenset({"cut", "timing", "channels"})  # settings that `write` reads


def _by_id(clip: Clip) -> str:
    return clip.id


@dataclass(frozen=True, slots=True)
class Layout:
    """What the folder of a data set looks like.

    Parameters
    ----------
    folder : str
        where its clips lie
    spec : ClipSpec
        the format in which they are cut
    link : callable
        makes `folder`, or what is in it, out of links
    lists : callable
        clips -> the bytes of each list, by name
    stem : callable
        of a clip's file below `folder` (Default value = its id)
    """

    folder: str
    spec: ClipSpec
    link: Callable[[Path], None]
    lists: Callable[[Sequence[Clip]], Mapping[str, bytes]]
    stem: Callable[[Clip], str] = _by_id


def write(
    config: PrepareConfig,
    settings: Mapping[str, Any],
    chosen: Selection,
    recordings: Mapping[str, Recording],
    layout: Layout,
    engine: Engine,
    progress: Progress,
) -> Report:
    """Write the prepared folder of the chosen clips, and return a report of what is in it.

    Raises
    ------
    ConfigError
        for settings of cutting without `config.cut`, and a folder that cannot be written
    DataError
        for clips that cannot be cut, unless `config.allow_missing`
    """
    _check_cutting(config)
    spec = replace(
        layout.spec,
        frame_choice=config.timing or "nearest",
        channels=config.channels or "mean",
    )
    how = {"channels": spec.channels, "timing": spec.frame_choice}
    settings = {**settings, "cut": how if config.cut else False}
    versions = {"preparation": CODE_VERSION, **(_media_versions() if config.cut else {})}
    with prepared_folder(
        config.data_root, config.out, settings, versions, (layout.folder,)
    ) as folder:
        if config.cut:
            _cut(folder, config, chosen, recordings, layout, spec, engine, progress)
        else:
            layout.link(config.out / layout.folder)
        lists = layout.lists(chosen.clips)
        texts = {**lists, LEFT_OUT: chosen.table()}
        for name, data in texts.items():
            folder.write(name, data)
        written = {name: hashlib.sha256(data).hexdigest() for name, data in texts.items()}
        folder.items[LISTS] = {"read": {}, "written": written, "whole": True}
        folder.save(chosen.counts)
    return Report((f"{' and '.join(lists)}: {chosen.summary}",), chosen.reasons)


def link(path: Path, target: Path) -> None:
    """Make a symbolic link to the absolute path of a file or folder, in place of another link."""
    absolute = target.resolve()
    if path.is_symlink() and path.readlink() == absolute:
        return
    with replacing(path, "--out", wait=False) as temporary:
        temporary.symlink_to(absolute)


def _check_cutting(config: PrepareConfig) -> None:
    for name in ("timing", "channels"):
        if getattr(config, name) is not None and not config.cut:
            raise ConfigError(
                f"{flag(name)}: found it without --cut, expected both: clips that are not cut are "
                "read by the --frame-choice and --channels of svbench run"
            )


def _media_versions() -> dict[str, str]:
    """Return the versions of what decides the bytes of a clip that is cut."""
    packages = ("av", "opencv-python-headless")
    return {"media": media.VERSION, **{name: installed(name) for name in packages}}


def _cut(
    folder: PreparedFolder,
    config: PrepareConfig,
    chosen: Selection,
    recordings: Mapping[str, Recording],
    layout: Layout,
    spec: ClipSpec,
    engine: Engine,
    progress: Progress,
) -> None:
    """Cut the chosen clips; those that cannot be cut are left out."""
    place = folder.root / layout.folder
    if place.is_symlink():
        raise ConfigError(f"--out: found a link at {place}, expected a folder to write clips into")
    stems = {layout.stem(clip): clip for clip in chosen.clips}
    sources = [
        Source(stem, recordings[clip.id], folder.items.get(stem)) for stem, clip in stems.items()
    ]
    work = Cutting(folder.root, f"{layout.folder}/{{id}}.mp4", spec, count=1)
    cuts = cut_recordings(folder, sources, work, engine, progress)
    problems = {stem: cut.problem for stem, cut in cuts.items() if cut.problem}
    if problems and not config.allow_missing:
        raise DataError(_refusal(config.data_root, problems))
    chosen.apply(selection.broken({stems[stem].id: why for stem, why in problems.items()}))
    chosen.check(config.data_root)
    _keep_only(folder, stems.keys() - problems.keys())


def _keep_only(folder: PreparedFolder, stems: Collection[str]) -> None:
    """Forget clips of an earlier command that are left out now, and delete them."""
    for stem in folder.items.keys() - {*stems, LISTS}:
        for name in folder.items.pop(stem)["written"]:
            (folder.root / name).unlink(missing_ok=True)


def _refusal(root: Path, problems: Mapping[str, str]) -> str:
    """Return the message for clips that cannot be cut."""
    stem, reason = next(iter(problems.items()))
    clips = f"{len(problems):,} clip{'s' * (len(problems) > 1)}"
    return (
        f"{root}: {clips} cannot be cut: {names(list(problems))} ({stem}: {reason}); mend them and "
        "run the same command again, or leave them out with --allow-missing; the others are cut"
    )
