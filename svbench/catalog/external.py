"""External systems by name, and their rows: see `svbench.baselines.external`.

    NAME             one that comes with svbench, in its usual mode
    NAME@MODE        in another mode
    external:PATH    of a description of one's own, a YAML file; external:PATH@MODE in another mode
    audio-of:ROW>S   S, one of these, completes the audio of each row of the system ROW
    picture-of:ROW>S likewise, of the pictures

A system that needs one half and is named alone is given that of the real clips.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from svbench.baselines.external.places import Lack, Place, own_place, shipped, shipped_place
from svbench.catalog.external_names import EXTERNAL
from svbench.compute import Machine
from svbench.errors import ConfigError, DataError
from svbench.files.known_files import KnownFiles
from svbench.limits import CORES
from svbench.types import Clip, ClipSpec, Sample, SampleSet

if TYPE_CHECKING:
    from svbench.config import RunConfig
    from svbench.protocols import RealClips, System

OWN: Final = "external:"  # begins the name of a description of one's own
KNOWN: Final = "known-files.json"  # digests of weights, beside them
HALVES: Final[Mapping[str, str]] = {"audio-of": "a2v", "picture-of": "v2a"}  # -> task that fits


Build = Callable[["RealClips"], "System"]


@dataclass(frozen=True, slots=True)
class Named:
    """A system as it is named on the command line: what it is, where it lies, and its mode."""

    name: str
    place: Place
    mode: str

    @property
    def made_of_real_clips(self) -> bool:
        """Return whether it completes real clips where nothing else is said."""
        return self.task in HALVES.values()

    @property
    def task(self) -> str:
        """Return what it makes, of what."""
        return self.place.description.task

    def title(self, given: str = "") -> str:
        """Return the title of its row, where it completes clips with whose they are."""
        from svbench.baselines.external.system import title_of

        real = "real clips" if self.made_of_real_clips else ""
        return title_of(self.place.description, self.mode, given or real)


def find_system(name: str, taken: Collection[str] = ()) -> Named:
    """Return the external system of a name.

    Parameters
    ----------
    name : str
        as above
    taken : collection of str
        rows beside those of shipped systems, by whose names one's own may not be called (Default
        value = ())

    Raises
    ------
    ConfigError
        for an unknown name or mode, and a description of one's own under a name that is taken
    DataError
        for a description that is wrong
    """
    plain, mode = _split(name)
    if plain.startswith(OWN):
        place = own_place(Path(plain.removeprefix(OWN)).expanduser())
        _check_own(place, {*taken, *(shown.replace("@", "-") for shown in EXTERNAL)})
    elif plain in shipped():
        place = shipped_place(plain)
    else:
        names = ", ".join([*shipped(), f"{OWN}PATH"])
        raise ConfigError(f"{name}: found no such external system, expected one of {names}")
    place.description.check_mode(mode or place.description.usual_mode, name)
    return Named(name, place, mode or place.description.usual_mode)


def _check_own(place: Place, taken: Collection[str]) -> None:
    """Raise ConfigError where a row of one's own would be called as a system of svbench is."""
    described = place.description
    for mode in described.modes:
        row = described.name if mode == described.usual_mode else f"{described.name}-{mode}"
        if row in taken:
            raise ConfigError(
                f"{place.file}: found a row called {row!r:.80}, as one that comes with svbench, "
                "expected a name of its own"
            )


def _split(name: str) -> tuple[str, str]:
    """Return a name and its mode, "" where none is named; a path may hold an @ itself."""
    plain, at, mode = name.rpartition("@")
    if not at or Path(name.removeprefix(OWN)).expanduser().exists():
        return name, ""
    return plain, mode


def lacks(named: Named) -> list[Lack]:
    """Return all that is missing of a system, or wrong; its weights are read where their digest is.

    What was read before, and did not change, is not read again.
    """
    found = named.place.lacks(named.mode)
    if not any(weight.sha256 for weight in named.place.description.weights_of(named.mode)):
        return found
    digests = _digests(named, absent_ok=True)
    for weight in named.place.description.weights_of(named.mode):
        digest = digests.get(weight.file, weight.sha256)
        if weight.sha256 and digest != weight.sha256:
            file = named.place.weight(weight)
            expected = f"expected {weight.sha256[:12]}"
            found.append(Lack(f"{file}: found the SHA-256 {digest[:12]}, {expected}"))
    return found


def _digests(named: Named, *, absent_ok: bool = False) -> dict[str, str]:
    """Return the SHA-256 of each file of weights, by its name; absent ones may be left out."""
    index = named.place.root / "weights" / KNOWN
    known = KnownFiles.load(index)
    files = {w.file: named.place.weight(w) for w in named.place.description.weights_of(named.mode)}
    found = {
        name: known.digest(path) for name, path in files.items() if path.is_file() or not absent_ok
    }
    if found:
        with suppress(OSError):  # a folder that others wrote: they are read again the next time
            known.save(index)
    return found


# --- rows --------------------------------------------------------------------------------------


def external_rows(named: Named, config: RunConfig) -> Sequence[Build]:
    """Return the row of an external system, which is given real halves if it needs any.

    Raises DataError, one line for each thing, where something of it is missing.
    """
    make = _ready(named, config)

    def build(clips: RealClips) -> System:
        from svbench.baselines.external.given import OfRealClips

        return make(given=OfRealClips(clips) if named.made_of_real_clips else None)

    return [build]


def relay_rows(
    named: Named, half: str, parents: Sequence[Build], config: RunConfig
) -> Sequence[Build]:
    """Return a row for each row of another system, one half of whose clips is completed."""
    if named.place.description.task != HALVES[half]:
        raise ConfigError(
            f"--systems {half}: {named.name} is of task {named.place.description.task}, expected "
            f"a system of task {HALVES[half]}"
        )
    make = _ready(named, config)

    def build(parent: Build, clips: RealClips) -> System:
        from svbench.baselines.external.given import OfOtherSystem

        other = parent(clips)
        return make(OfOtherSystem(_read_stored, other.made_of_real_clips), other.name)

    return [partial(build, parent) for parent in parents]


def _ready(named: Named, config: RunConfig) -> Callable[..., System]:
    """Return what makes the system of clips that it is given, once all that it needs is there."""
    missing = lacks(named)
    if missing:
        raise DataError.of([f"--systems {named.name}: {lack}" for lack in missing])
    from svbench.baselines.external.system import External
    from svbench.files import media
    from svbench.files.store import file_name

    machine = Machine(config.device)
    if machine.kind == "cpu":  # how sums are rounded depends on threads, which are on record then
        machine = Machine(config.device, threads=CORES)
    return partial(External, named.place, named.mode, machine, media, _digests(named), file_name)


def _read_stored(sample: Sample, spec: ClipSpec) -> Clip:
    """Return a clip of the store; raise DataError where it is not as it was stored."""
    from svbench.files.store import read_sample

    return read_sample(sample, SampleSet("", spec, (), "", stored=True), "conformed")
