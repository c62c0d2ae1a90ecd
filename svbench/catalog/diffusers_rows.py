"""Pipelines of diffusers by name, and their rows: see `svbench.baselines.diffusers_av`.

    diffusers:CLASS=FOLDER              makes picture and sound together
    diffusers:CLASS=FOLDER+CLASS=FOLDER one makes the picture, the other the sound, of one caption

A folder has the form of the Hugging Face hub, or is the name of a repository whose snapshot is in
the local cache. At `--scale mini` pictures are made as small as the run's, at `--scale paper` at
sizes that the pipelines were trained at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from svbench.baselines.diffusers_av.folder import Folder, find_folders
from svbench.baselines.external.places import systems_folder
from svbench.compute import Machine
from svbench.errors import ConfigError
from svbench.files.known_files import KnownFiles
from svbench.limits import CORES

if TYPE_CHECKING:
    from svbench.baselines.diffusers_av.pipelines import Asked
    from svbench.config import RunConfig
    from svbench.protocols import RealClips, System

Build = Callable[["RealClips"], "System"]


@dataclass(frozen=True, slots=True)
class Named:
    """Pipelines as they are named on the command line: one, or one for picture and one for sound.

    Raises, where it is made, ConfigError for a wrong name, DataError for a folder that is absent
    or holds another pipeline.
    """

    folders: tuple[Folder, ...]

    @property
    def title(self) -> str:
        """Return the title of the row."""
        from svbench.baselines.diffusers_av.system import title_of

        return title_of(self.folders)

    @property
    def reads(self) -> tuple[str, ...]:
        """Return the settings of a run that decide its clips."""
        families = [folder.family for folder in self.folders]
        found = {
            "steps": any(family.steps_argument for family in families),
            "guidance": any(family.guidance for family in families),
            "batch": self.batches,
        }
        return ("repeats", "dtype", *(name for name, reads in found.items() if reads))

    @property
    def batches(self) -> bool:
        """Return whether several clips can be made together."""
        return all(folder.family.batches for folder in self.folders)


def find_pipelines(argument: str) -> Named:
    """Return the pipelines of a name without `diffusers:`."""
    return Named(find_folders(argument))


def diffusers_rows(named: Named, config: RunConfig) -> Sequence[Build]:
    """Return the row of one pipeline or two.

    Raises ConfigError where guidance of sound and of video differ, and a pipeline has one for both.
    """
    from svbench.baselines.diffusers_av.system import DiffusersSystem
    from svbench.files.media.picture import cover

    batch = config.batch if named.batches else None
    machine = Machine(config.device, config.dtype, batch=batch)
    if machine.kind == "cpu":  # how sums are rounded depends on threads, which are on record then
        machine = Machine(config.device, config.dtype, threads=CORES, batch=batch)
    asked = tuple(_asked(folder, config) for folder in named.folders)
    trained = config.scale == "paper"
    system = DiffusersSystem(named.folders, asked, machine, digests, cover, trained)
    return [lambda _clips: system]


def _asked(folder: Folder, config: RunConfig) -> Asked:
    """Return what a run sets of a pipeline, as far as that takes it."""
    from svbench.baselines.diffusers_av.pipelines import Asked

    family = folder.family
    steps = config.steps if family.steps_argument else None
    if config.guidance is None or not family.guidance:
        return Asked(steps)
    sound, video = config.guidance
    scales = {"both": (video, sound), "picture": (video,), "sound": (sound,)}[family.makes]
    if len(scales) > len(family.guidance) and sound != video:
        raise ConfigError(
            f"--guidance: found {sound:g},{video:g}, expected one number twice: {folder.kind} has "
            "one for sound and video"
        )
    return Asked(steps, scales[: len(family.guidance)])


def digests(folder: Folder) -> Mapping[str, str]:
    """Return the SHA-256 of each file of a pipeline; what did not change is not read again."""
    from svbench.files.store import file_name

    index = systems_folder() / "diffusers" / f"{file_name(str(folder.path.resolve()))}.json"
    known = KnownFiles.load(index)
    found = {_below(folder, file): known.digest(file) for file in folder.files()}
    with suppress(OSError):  # where nothing can be written they are read again the next time
        known.save(index)
    return found


def _below(folder: Folder, file: Path) -> str:
    return file.relative_to(folder.path).as_posix()
