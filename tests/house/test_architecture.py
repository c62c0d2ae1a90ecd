"""The house rules: which room may import which, held by reading every import in the code.

An import counts wherever it stands: at the top, inside a function, or under `if TYPE_CHECKING`.
A room is a folder of `svbench` with all that lies below it, or a single module beside the folders.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BESIDE = ("metrics", "baselines", "reports")  # links in svbench/ to folders beside it
MOST_LINES = 400

# What numbers and messages are made of; every room may use it.
LEAVES = {
    *("_version", "compute", "errors", "early_stops", "first_import", "intervals", "limits"),
    *("pace", "power", "types"),
}
# Room -> the rooms that it may import, beside itself and the leaves. Nothing points upward.
MAY_IMPORT: Mapping[str, set[str]] = {
    **{leaf: {"errors"} for leaf in LEAVES},
    "protocols": set(),
    "config": set(),
    "files": set(),
    "engines": set(),
    "datasets": {"files"},
    "miniature": {"datasets", "files"},
    "metrics": {"protocols", "files"},
    "baselines": {"protocols", "files"},
    "reports": {"files"},
    "walk": {"protocols", "files", "engines"},
    # below the catalog, whose entries of data sets say how each is prepared
    "preparation": {"datasets", "engines", "files"},
    "catalog": {"baselines", "config", "datasets", "engines", "files", "metrics", "miniature"}
    | {"preparation", "protocols", "walk"},
    "training": {"baselines", "catalog", "config", "datasets", "engines", "files", "metrics"}
    | {"miniature", "protocols", "walk"},
    "captioning": {"baselines", "catalog", "config", "datasets", "engines", "files"},
    # looks at the data before a run does; catalog and walk do not know it
    "audit": {"catalog", "config", "datasets", "engines", "files", "metrics", "miniature"}
    | {"walk"},
    # distorts real clips and judges them; of the rooms above, the api alone knows it
    "validation": {"catalog", "config", "datasets", "engines", "files", "metrics", "protocols"}
    | {"walk"},
    "api": {"catalog", "config", "engines", "files", "reports", "validation", "walk"},
    # looks at what all others would need, and plans with them; none of them knows it
    "doctor": {"api", "baselines", "catalog", "config", "engines", "files", "protocols"}
    | {"training", "walk"},
    "exports": {"catalog", "datasets", "engines", "files", "walk"},
    # reads the clips of a run as exports do, and writes beside it what people said of them
    "study": {"engines", "exports", "files"},
    "cli": {"api", "audit", "captioning", "catalog", "config", "doctor", "engines", "exports"}
    | {"files", "reports", "study", "training", "walk"},
    "__main__": {"cli"},
    # itself: the public names, each loaded when it is used
    "svbench": {"api", "catalog", "config", "metrics", "protocols", "walk"},
}
# What the three rooms beside may not import of the rooms above: `files` and leaves have many users.
NOT_FOR: Mapping[str, set[str]] = {
    "metrics": {"files.media", "files.store", "files.feature_store", "files.results"},
    "baselines": {"files.media", "files.store", "files.feature_store", "files.results"},
    "reports": {"files.media", "files.store", "files.feature_store", "files.weights", "compute"},
}

NOWHERE = {
    "torchvision": "it has no build beside a CPU build of torch",
    "torchaudio": "it has no build beside a CPU build of torch",
    **{room: f"the room is called svbench.{room}" for room in BESIDE},
}
# what decodes, computes or draws: a reader of tables shall not wait for it
HEAVY = ("torch", "diffusers", "transformers", "librosa", "numba", "cv2", "av", "scipy")


@cache
def modules() -> Mapping[str, Path]:
    """Return every module of svbench by its dotted name."""
    found = {}
    for house in (ROOT / "svbench", *(ROOT / "svbench" / room for room in BESIDE)):
        for file in sorted(house.rglob("*.py")):  # does not follow links
            if file.match("baselines/external/*/driver.py"):
                continue  # runs in another environment, beside other people's code
            dotted = file.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
            found[dotted.removesuffix(".__init__")] = file
    return found


def imports(tree: ast.Module, package: str) -> Iterator[str]:
    """Yield the full name of everything that a module of a package imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            up = parts[: len(parts) - node.level + 1] if node.level else []
            base = ".".join([*up, node.module] if node.module else up)
            for alias in node.names:
                deeper = f"{base}.{alias.name}"
                yield deeper if deeper in modules() else base
        elif isinstance(node, ast.Call) and node.args:  # of importlib, by a name that is written
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if called in ("import_module", "__import__") and isinstance(node.args[0], ast.Constant):
                yield str(node.args[0].value)


@cache
def imported(name: str) -> frozenset[str]:
    """Return the full names of everything that a module imports."""
    file = modules()[name]
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    return frozenset(imports(ast.parse(file.read_text(encoding="utf-8")), package))


def own(name: str) -> set[str]:
    """Return the modules of svbench that a module imports, but itself."""
    return {n for n in imported(name) if n in modules() and n != name}


def room(name: str) -> str:
    return name if name == "svbench" else name.split(".")[1]


def folder(name: str) -> str:
    """Return the folder that a module lies in; a module beside the rooms is a room of its own."""
    package = name if modules()[name].name == "__init__.py" else name.rpartition(".")[0]
    return name if package == "svbench" else package


def circles(arrows: Mapping[str, set[str]]) -> Iterator[str]:
    """Yield every circle that a walk along the arrows meets."""
    done: set[str] = set()

    def follow(name: str, way: tuple[str, ...]) -> Iterator[str]:
        if name in way:
            yield " -> ".join([*way[way.index(name) :], name])
        elif name not in done:
            for following in sorted(arrows.get(name, ())):
                yield from follow(following, (*way, name))
            done.add(name)

    for name in arrows:
        yield from follow(name, ())


def test_imports_are_found_wherever_they_stand() -> None:
    text = """
import os.path
from svbench.files import media
from . import manifest
from .. import types
if TYPE_CHECKING:
    from svbench.types import Clip
def late():
    from ..engines.local import Local
    import_module("svbench.files.text")
"""
    assert set(imports(ast.parse(text), "svbench.datasets")) == {
        "os.path",
        "svbench.files.media",
        "svbench.datasets.manifest",
        "svbench.types",
        "svbench.engines.local",
        "svbench.files.text",
    }


def test_circles_are_found() -> None:
    assert list(circles({"a": {"b"}, "b": {"c"}, "c": {"a"}})) == ["a -> b -> c -> a"]
    assert not list(circles({"a": {"b", "c"}, "b": {"c"}}))


@pytest.mark.parametrize("name", sorted(modules()))
def test_a_room_imports_only_what_it_may(name: str) -> None:
    allowed = (
        MAY_IMPORT[room(name)] | {room(name)} | (LEAVES if room(name) not in LEAVES else set())
    )
    strangers = {n for n in own(name) if room(n) not in allowed}
    assert not strangers, f"{name} may not know {', '.join(sorted(strangers))}"
    unfit = {f"svbench.{part}" for part in NOT_FOR.get(room(name), ())}
    strangers = {n for n in own(name) if any(n == u or n.startswith(f"{u}.") for u in unfit)}
    if room(name) == "reports":  # they read result files only
        strangers |= {n for n in imported(name) if n.partition(".")[0] in HEAVY}
    assert not strangers, f"{name} may not know {', '.join(sorted(strangers))}"


def test_nothing_imports_itself_round_a_circle() -> None:
    arrows = {name: own(name) for name in modules()}
    assert not list(circles(arrows))
    between: dict[str, set[str]] = {}
    for name, others in arrows.items():
        between.setdefault(folder(name), set()).update(map(folder, others))
    assert not list(
        circles({name: to - {name} for name, to in between.items() if name != "svbench"})
    )


@pytest.mark.parametrize("name", sorted(modules()))
def test_some_things_are_imported_nowhere_or_in_one_place(name: str) -> None:
    for other in imported(name):
        top = other.partition(".")[0]
        assert top not in NOWHERE, f"{name} imports {other}: {NOWHERE[top]}"
        assert top != "av" or name.startswith("svbench.files.media"), f"{name}: only media may"


def test_the_rooms_are_links_to_the_folders_beside() -> None:
    for name in BESIDE:
        link = ROOT / "svbench" / name
        assert link.is_symlink()
        assert link.readlink() == Path("..") / name
        assert not (ROOT / name / name).exists()


def test_every_package_is_listed_so_that_a_wheel_holds_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders = {file.parent for file in modules().values()}
    packages = {folder.relative_to(ROOT).as_posix().replace("/", ".") for folder in folders}
    assert set(project["tool"]["setuptools"]["packages"]) == packages
    assert not [folder for folder in folders if not (folder / "__init__.py").exists()]


def test_no_file_is_longer_than_a_reader_can_bear() -> None:
    beside = (
        file for place in ("docs", "examples", "tests") for file in (ROOT / place).rglob("*.py")
    )
    files = [*modules().values(), *beside]
    lines = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    long = {str(file.relative_to(ROOT)): n for file, n in lines.items() if n > MOST_LINES}
    assert not long
