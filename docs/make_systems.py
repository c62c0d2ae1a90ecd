"""Write the tables of external systems and of diffusers' pipelines into docs/systems.md.

python docs/make_systems.py
"""

from __future__ import annotations

from pathlib import Path

from page_blocks import head, line, put

from svbench.baselines.diffusers_av.families import FAMILIES
from svbench.baselines.external.description import TASKS, Description, read_description
from svbench.baselines.external.places import FOLDER, shipped
from svbench.baselines.external.system import native_format

PAGE = Path(__file__).parent / "systems.md"
BLOCKS = ("external", "diffusers")


def rendered(block: str) -> str:
    """Return the table of a block."""
    return _external() if block == "external" else _diffusers()


def _external() -> str:
    found = [read_description(FOLDER / name / "system.yaml") for name in shipped()]
    rows = (
        line(
            *(f"`{one.name}`", one.title, TASKS[one.task], native_format(one)),
            *(f"{one.duration.policy}: {one.duration.because}", _modes(one), one.licence),
        )
        for one in found
    )
    headings = ("name", "system", "makes", "native format", "to the length judged", "modes", "code")
    return "\n".join([*head(*headings), *rows])


def _modes(one: Description) -> str:
    named = (f"`{mode}`: {meaning}" for mode, meaning in one.modes.items())
    return "; ".join(named)


def _diffusers() -> str:
    rows = (
        line(f"`{name}`", family.makes, f"{family.fps:g}" if family.makes != "sound" else "–")
        for name, family in FAMILIES.items()
    )
    return "\n".join([*head("class", "makes", "frames/s"), *rows])


if __name__ == "__main__":
    for name in BLOCKS:
        put(PAGE, name, rendered(name))
