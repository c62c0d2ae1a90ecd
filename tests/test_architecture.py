"""The house rules of DESIGN.md, held by reading every import in the code.

An import counts wherever it stands: at the top, inside a function, or under
`if TYPE_CHECKING`. What is imported for its type alone is still known by name, so it makes the
same arrow in the picture of the house; only what an `import` costs at run time differs, and
that is looked at in a process of its own.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("metrics", "baselines", "reports")  # links in svbench/ to folders beside it
# the nouns, and the leaves that every room reads its files by
NOUNS = {"svbench.types", "svbench.errors", "svbench.files.text", "svbench.files.endings"}
EVERYBODY = {"svbench.files.writing", "svbench.files.seals", "svbench.pace"}  # what all may use
MOST_LINES = 400

# What a module, or all modules of a package, may import of svbench beside their own package.
TRAINS_EXTRACTORS = NOUNS | {
    "svbench._version",
    "svbench.datasets",
    "svbench.learning",
    "svbench.limits",
    "svbench.media",
    "svbench.metrics",
    "svbench.weights",
}
# What commands share: how options are read, and the result files that most look at.
COMMANDS = NOUNS | {"svbench.cli_options", "svbench.limits", "svbench.reports", "svbench.results"}
CLI = ("listing", "pages", "progress", "reports", "stopping", "sweep", "training", "weights")
ALONE = ("svbench._version", "svbench.early_stops", "svbench.errors", "svbench.pace")
OF_NOUNS = ("svbench.clip_view", "svbench.engine", "svbench.learning", "svbench.media")
MAY_IMPORT: Mapping[str, set[str]] = {
    **{name: set() for name in (*ALONE, "svbench.cli_progress")},
    **dict.fromkeys(OF_NOUNS, NOUNS),
    "svbench": {"svbench._version"},
    "svbench.__main__": {"svbench.cli", "svbench.early_stops"},
    "svbench.types": {"svbench.errors"},
    "svbench.files": NOUNS,
    "svbench.protocols": {"svbench.types"},
    "svbench.limits": {"svbench.errors"},
    "svbench.processes": {"svbench.early_stops"},
    "svbench.config": NOUNS | {"svbench.limits"},
    "svbench.plan_checks": NOUNS
    | {
        "svbench.config",
        "svbench.datasets",
        "svbench.limits",
        "svbench.plans",
        "svbench.protocols",
    },
    "svbench.weights": NOUNS | {"svbench.files"},
    "svbench.results": NOUNS,
    "svbench.request_list": NOUNS | {"svbench.engine", "svbench.results"},
    # numbers from numbers: metrics bound scores by it, reports the differences between rows
    "svbench.intervals": {"svbench.errors"},
    "svbench.feature_store": NOUNS,
    "svbench.store": NOUNS | {"svbench.feature_store", "svbench.media"},
    "svbench.datasets": NOUNS
    | {"svbench.files.folders", "svbench.media", "svbench.store", "svbench.weights"},
    "svbench.generate": NOUNS
    | {"svbench.protocols", "svbench.store", "svbench.media", "svbench.engine"},
    "svbench.extract": NOUNS
    | {
        "svbench.engine",
        "svbench.feature_store",
        "svbench.media",
        "svbench.protocols",
        "svbench.store",
    },
    "svbench.plans": NOUNS | {"svbench.protocols"},
    "svbench.judging": NOUNS
    | {
        "svbench.config",
        "svbench.engine",
        "svbench.extract",
        "svbench.plans",
        "svbench.protocols",
        "svbench.shuffled_floor",
        "svbench.store",
    },
    "svbench.shuffled_floor": NOUNS | {"svbench.intervals", "svbench.protocols"},
    "svbench.run_record": NOUNS
    | {"svbench.config", "svbench.protocols", "svbench.results", "svbench.store"},
    "svbench.run": NOUNS
    | {
        "svbench.config",
        "svbench.engine",
        "svbench.feature_store",
        "svbench.files.holding",
        "svbench.generate",
        "svbench.judging",
        "svbench.plans",
        "svbench.protocols",
        "svbench.request_list",
        "svbench.results",
        "svbench.run_record",
        "svbench.store",
    },
    "svbench.tune": NOUNS
    | {
        "svbench.limits",
        "svbench.datasets",
        "svbench.engine",
        "svbench.media",
        "svbench.metrics.av_events",
        "svbench.metrics.impact_fit",
        "svbench.metrics.impacts",
        "svbench.metrics.tuning",
    },
    # they train the shipped networks, so they must know their classes and what feeds them
    "svbench.train_extractors": TRAINS_EXTRACTORS,
    "svbench.train_scenes": TRAINS_EXTRACTORS | {"svbench.train_extractors"},
    "svbench.latents": NOUNS
    | {"svbench.baselines", "svbench.engine", "svbench.media", "svbench.store"},
    # it trains a joint model, so it must know what a joint model is
    "svbench.train": NOUNS
    | {"svbench.baselines", "svbench.files.holding", "svbench.latents", "svbench.media"},
    "svbench.train_codecs": NOUNS
    | {"svbench.baselines", "svbench.datasets", "svbench.learning", "svbench.media"},
    "svbench.train_systems": NOUNS
    | {
        "svbench._version",
        "svbench.baselines",
        "svbench.datasets",
        "svbench.latents",
        "svbench.learning",
        "svbench.limits",
        "svbench.processes",
        "svbench.store",
        "svbench.train",
        "svbench.train_codecs",
        "svbench.weights",
    },
    "svbench.training_plans": NOUNS
    | {
        "svbench.baselines",
        "svbench.catalog",
        "svbench.config",
        "svbench.latents",
        "svbench.plan_checks",
        "svbench.reports",
        "svbench.store",
        "svbench.train",
        "svbench.train_systems",
    },
    "svbench.class_datasets": NOUNS | {"svbench.config", "svbench.datasets"},
    "svbench.hits_dataset": NOUNS
    | {
        "svbench.class_datasets",
        "svbench.config",
        "svbench.datasets",
        "svbench.plan_checks",
    },
    "svbench.joint_systems": NOUNS | {"svbench.baselines", "svbench.config", "svbench.protocols"},
    # it shows what was judged, so it must know where `score` found it and how events are kept
    "svbench.gallery": NOUNS
    | {
        "svbench.clip_view",
        "svbench.config",
        "svbench.datasets",
        "svbench.engine",
        "svbench.feature_store",
        "svbench.generate",
        "svbench.media",
        "svbench.metrics.av_events",
        "svbench.store",
        "svbench.results",
    },
    "svbench.cli_options": NOUNS | {"svbench.limits"},
    "svbench.cli_stopping": {"svbench.early_stops", "svbench.errors", "svbench.processes"},
    "svbench.cli_pages": COMMANDS | {"svbench.engine", "svbench.gallery"},
    "svbench.cli_reports": COMMANDS | {"svbench._version", "svbench.cli_pages"},
    "svbench.cli_sweep": COMMANDS | {"svbench.catalog", "svbench.config"},
    "svbench.cli_training": COMMANDS
    | {
        "svbench.baselines.mixers",
        "svbench.cli_progress",
        "svbench.train",
        "svbench.train_systems",
        "svbench.training_plans",
    },
    "svbench.cli_listing": {"svbench.listing", "svbench.weights"},
    "svbench.cli_weights": NOUNS | {"svbench.cli_options", "svbench.weights"},
    "svbench.metrics": NOUNS | {"svbench.intervals", "svbench.protocols", "svbench.weights"},
    "svbench.baselines": NOUNS | {"svbench.limits", "svbench.protocols", "svbench.weights"},
    "svbench.reports": NOUNS | {"svbench.clip_view", "svbench.intervals", "svbench.results"},
    "svbench.cli": COMMANDS
    | {f"svbench.cli_{part}" for part in CLI}
    | {
        "svbench._version",
        "svbench.catalog",
        "svbench.config",
        "svbench.early_stops",
        "svbench.engine",
        "svbench.plans",
        "svbench.run",
        "svbench.train_extractors",
        "svbench.train_scenes",
        "svbench.tune",
    },
}
# the one that knows all, and the one that lists what it knows
KNOWING = ("svbench.catalog", "svbench.listing")
ANYTHING_BUT = {name: {"svbench.cli", "svbench.__main__"} for name in KNOWING}

NOWHERE = {
    "torchvision": "it has no build beside a CPU build of torch",
    "torchaudio": "it has no build beside a CPU build of torch",
    "metrics": "the room is called svbench.metrics",
    "baselines": "the room is called svbench.baselines",
    "reports": "the room is called svbench.reports",
}
# what decodes, computes or draws: a reader of tables shall not wait for it
HEAVY = ("torch", "diffusers", "transformers", "librosa", "numba", "cv2", "av", "scipy")


@cache
def modules() -> Mapping[str, Path]:
    """Give every module of svbench by its dotted name, the rooms included."""
    houses = [ROOT / "svbench", *(ROOT / "svbench" / room for room in ROOMS)]
    found = {}
    for house in houses:
        for file in sorted(house.rglob("*.py")):  # does not follow links
            dotted = file.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
            found[dotted.removesuffix(".__init__")] = file
    return found


def imported(name: str) -> set[str]:
    """Give the full names of everything a module imports."""
    file = modules()[name]
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    return set(_imports(ast.parse(file.read_text(encoding="utf-8")), package))


def _imports(tree: ast.Module, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*up, base] if base else up)
            for alias in node.names:
                deeper = f"{base}.{alias.name}"
                yield deeper if deeper in modules() else base


def own(name: str) -> set[str]:
    """Give the modules of svbench that a module imports; importing the root says nothing."""
    return {n for n in imported(name) if n in modules() and n != "svbench"}


def ruled_by(name: str) -> str:
    """Give the rule for a module: its own, or its package's."""
    while name not in MAY_IMPORT and name not in ANYTHING_BUT:
        name = name.rpartition(".")[0]
    return name


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def test_imports_are_found_wherever_they_stand() -> None:
    text = """
import os.path
from typing import TYPE_CHECKING
from svbench import media
from svbench.media import read
from . import manifest
from .. import store
if TYPE_CHECKING:
    from svbench.types import Clip
def late():
    from ..engine import Local
"""
    assert set(_imports(ast.parse(text), "svbench.datasets")) == {
        "os.path",
        "typing",
        "svbench.media",
        "svbench.datasets.manifest",
        "svbench.store",
        "svbench.types",
        "svbench.engine",
    }


def test_the_reader_sees_all_four_rooms() -> None:
    seen = set(modules())
    assert {"svbench", "svbench.cli", "svbench.datasets.manifest"} <= seen
    named = ("metrics.av_align", "baselines.reference", "reports.text")
    assert {f"svbench.{name}" for name in named} <= seen


@pytest.mark.parametrize("name", sorted(modules()))
def test_a_module_imports_only_what_it_may(name: str) -> None:
    rule = ruled_by(name)
    assert rule != "svbench" or name == "svbench", (
        f"{name} is new in the harness: say in MAY_IMPORT what it may know"
    )
    if rule in ANYTHING_BUT:
        strangers = own(name) & ANYTHING_BUT[rule]
    else:
        family = {rule} if modules()[rule].name == "__init__.py" else set()
        allowed = MAY_IMPORT[rule] | EVERYBODY | family
        strangers = {n for n in own(name) if not any(within(n, a) for a in allowed)}
    assert not strangers, f"{name} may not know {', '.join(sorted(strangers))}"


def test_no_module_imports_itself_round_a_circle() -> None:
    arrows = {name: own(name) for name in modules()}
    done: set[str] = set()

    def follow(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join([*way[way.index(name) :], name])
        if name not in done:
            for following in sorted(arrows[name]):
                follow(following, (*way, name))
            done.add(name)

    for name in arrows:
        follow(name, ())


@pytest.mark.parametrize("name", sorted(modules()))
def test_some_things_are_imported_nowhere_or_in_one_place(name: str) -> None:
    for other in imported(name):
        top = other.partition(".")[0]
        assert top not in NOWHERE, f"{name} imports {other}: {NOWHERE[top]}"
        ours = within(name, "svbench.media")
        assert top != "av" or ours, f"{name} imports av: only media may"
        if within(name, "svbench.reports"):
            assert top not in HEAVY, f"{name} imports {other}: reports read result files only"


def test_builders_import_what_they_build_when_they_are_called() -> None:
    catalog = ast.parse(modules()["svbench.catalog"].read_text(encoding="utf-8"))
    at_once = ast.Module(
        [n for n in catalog.body if isinstance(n, ast.Import | ast.ImportFrom)], []
    )
    ours = {n for n in _imports(at_once, "svbench") if n in modules()}
    assert ours <= NOUNS


def test_the_rooms_are_links_to_the_folders_beside() -> None:
    for room in ROOMS:
        link = ROOT / "svbench" / room
        assert link.is_symlink()
        assert link.readlink() == Path("..") / room
        assert not (ROOT / room / room).exists()


def test_every_package_is_listed_so_that_a_wheel_holds_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders = {file.parent for file in modules().values()}
    packages = {folder.relative_to(ROOT).as_posix().replace("/", ".") for folder in folders}
    assert set(project["tool"]["setuptools"]["packages"]) == packages
    assert not [folder for folder in folders if not (folder / "__init__.py").exists()]


def test_no_file_is_longer_than_a_reader_can_bear() -> None:
    files = [*modules().values(), *(ROOT / "tests").rglob("*.py")]
    lines = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    long = {str(file.relative_to(ROOT)): n for file, n in lines.items() if n > MOST_LINES}
    assert not long
