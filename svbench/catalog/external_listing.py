"""What `svbench systems list` and `show` print of external systems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from svbench.baselines.diffusers_av.families import FAMILIES, Makes
from svbench.baselines.external.description import TASKS
from svbench.baselines.external.places import shipped, systems_folder
from svbench.baselines.external.system import native_format
from svbench.catalog.external import Named, find_system

MADE: Final[Mapping[Makes, str]] = {
    "both": "picture and sound together",
    "picture": "the picture alone, one of a pair",
    "sound": "the sound alone, the other",
}


def lines_of_all() -> Iterator[str]:
    """Yield the lines that list systems of others, and which that svbench describes are ready."""
    yield f"systems in {systems_folder()} (or set SVBENCH_SYSTEMS)"
    for name in shipped():
        named = find_system(name)
        described = named.place.description
        missing = named.place.lacks(named.mode)
        here = f"{len(missing)} missing: svbench systems check {name}" if missing else "ready"
        yield ""
        yield f"{name}: {described.title}"
        yield f"  {described.task}: {TASKS[described.task]}; licence: {described.licence}"
        yield f"  modes: {', '.join(described.modes)}; {here}"
    yield ""
    yield "one of your own: --systems external:PATH, a description in YAML, under a name of its own"
    yield ""
    yield from _of_diffusers()


def _of_diffusers() -> Iterator[str]:
    """Yield which pipelines of diffusers are run, by what they make."""
    yield "pipelines of diffusers: --systems diffusers:CLASS=FOLDER, or CLASS=FOLDER+CLASS=FOLDER"
    for makes, words in MADE.items():
        yield f"  {words}"
        yield from (f"    {name}" for name, of in FAMILIES.items() if of.makes == makes)


def lines_of(named: Named) -> Iterator[str]:
    """Yield the lines that show all of a system."""
    place, described = named.place, named.place.description
    yield f"{described.name}: {described.title}"
    yield f"  task: {described.task}, {TASKS[described.task]}"
    yield f"  licence: {described.licence}"
    if described.repository is not None:
        yield f"  repository: {described.repository.url}, commit {described.repository.commit}"
    yield f"  checkout: {place.checkout}"
    yield f"  Python: {place.python}"
    yield f"  driver: {place.driver}"
    for weight in described.weights:
        size = "size not known" if weight.size is None else f"{weight.size / 1e6:,.1f} MB"
        modes = f", for {', '.join(weight.modes)}" if weight.modes else ""
        yield f"  weights: {place.weight(weight)}, {size}, licence: {weight.licence}{modes}"
    yield f"  makes: {native_format(described)}"
    if described.given is not None:
        given = described.given
        yield f"  is given: at least {given.length:g} s, by {given.policy}"
    yield f"  duration: {described.duration.policy}; {described.duration.because}"
    for mode, meaning in described.modes.items():
        yield f"  mode {mode}: {meaning}"
    for setting, value in described.settings.items():
        yield f"  setting {setting}: {value}"
    if described.published_in:
        tables = ", ".join(described.published_in)
        yield f"  in the paper's table of: {tables} (made at --scale paper if no system is named)"
    yield f"  samples at a time: {described.batch}"
    limits = described.limits
    yield f"  time limits: {limits.start:g} s to load, {limits.sample:g} s for a sample"
    for trap in described.traps:
        yield f"  trap: {trap}"
