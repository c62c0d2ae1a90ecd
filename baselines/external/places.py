"""Where an external system lies on this machine, and what of it is missing.

    <SVBENCH_SYSTEMS>/<name>/checkout    its repository, at the commit of its description
    <SVBENCH_SYSTEMS>/<name>/env         its environment
    <SVBENCH_SYSTEMS>/<name>/weights     its weights

Without SVBENCH_SYSTEMS that is ~/.cache/svbench/systems. A description of one's own may name other
places, relative to its file. Nothing is downloaded: whatever is missing comes with the command that
brings it.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from svbench.baselines.external.description import (
    DESCRIPTION,
    Description,
    Weight,
    read_description,
)
from svbench.errors import ConfigError, DataError
from svbench.files.text import is_plain

FOLDER: Final = Path(__file__).parent  # of the descriptions that come with svbench
VARIABLE: Final = "SVBENCH_SYSTEMS"


@dataclass(frozen=True, slots=True)
class Lack:
    """What is missing, or other than described, and the command that mends it."""

    what: str  # one line: found, expected
    command: str = ""

    def __str__(self) -> str:
        """Return both in one line."""
        return f"{self.what}; get it by: {self.command}" if self.command else self.what


@dataclass(frozen=True, slots=True)
class Place:
    """A described system on this machine.

    Parameters
    ----------
    description : Description
        what it is
    file : Path
        the description; its driver lies beside it
    root : Path
        the folder that its checkout, environment and weights lie in
    """

    description: Description
    file: Path
    root: Path

    @property
    def checkout(self) -> Path:
        """Return the folder of its code, in which the driver runs."""
        return self._placed(self.description.checkout)

    @property
    def python(self) -> Path:
        """Return its Python."""
        return self._placed(self.description.environment.python)

    @property
    def driver(self) -> Path:
        """Return the driver, beside the description."""
        return self.file.parent / self.description.driver

    def code(self) -> str:
        """Return what its code is known by: its commit, or a digest of all its Python files."""
        repository = self.description.repository
        if repository is not None:
            return repository.commit
        whole = hashlib.sha256()
        for file in _python_files(self.checkout):
            whole.update(f"{file.relative_to(self.checkout).as_posix()}\n".encode())
            whole.update(file.read_bytes())
        return f"none, but a digest of its code: {whole.hexdigest()[:12]}"

    def weight(self, weight: Weight) -> Path:
        """Return the path of a file of weights."""
        return self.root / "weights" / weight.file

    def _placed(self, path: str) -> Path:
        return Path(os.path.normpath(self.root / Path(path).expanduser()))

    def lacks(self, mode: str) -> list[Lack]:
        """Return all that is missing for a mode; [] if it is ready."""
        return [*self._code(), *self._environment(), *self._weights(mode)]

    def _code(self) -> Iterator[Lack]:
        if not self.driver.is_file():
            yield Lack(f"{self.driver}: found no driver, expected the script that runs the system")
        repository, folder = self.description.repository, shlex.quote(str(self.checkout))
        if not self.checkout.is_dir():
            if repository is None:
                yield Lack(f"{self.checkout}: found nothing there, expected the system's code")
                return
            clone = f"git clone {repository.url} {folder}"
            checkout = f"git -C {folder} checkout --detach {repository.commit}"
            found = "found nothing there, expected the system's repository"
            yield Lack(f"{self.checkout}: {found}", f"{clone} && {checkout}")
            return
        if repository is not None:
            yield from self._commit(repository.commit, folder)

    def _commit(self, expected: str, folder: str) -> Iterator[Lack]:
        """Yield what differs from the commit of the description."""
        found = _git(self.checkout, "rev-parse", "HEAD")
        if not found.startswith(expected):
            reset = f"git -C {folder} fetch && git -C {folder} checkout --detach {expected}"
            shown = f"commit {found[:12]}" if found else "no commit"
            yield Lack(f"{self.checkout}: found {shown}, expected {expected[:12]}", reset)
        elif _git(self.checkout, "status", "--porcelain", "--untracked-files=no"):
            yield Lack(
                f"{self.checkout}: found changed files, expected those of commit {expected[:12]}",
                f"git -C {folder} stash",
            )

    def _environment(self) -> Iterator[Lack]:
        if os.access(self.python, os.X_OK) and self.python.is_file():
            return
        steps = self.description.environment.make
        folder = shlex.quote(str(self.root))
        command = f"cd {folder} && {' && '.join(steps)}" if steps else ""
        yield Lack(f"{self.python}: found no such program, expected the system's Python", command)

    def _weights(self, mode: str) -> Iterator[Lack]:
        for weight in self.description.weights_of(mode):
            path = self.weight(weight)
            try:
                size = path.stat().st_size if path.is_file() else None
            except OSError as error:
                yield Lack(f"{path}: cannot be read ({error.strerror}), expected weights")
                continue
            if size is None:
                found = f"found nothing there, expected weights (licence: {weight.licence})"
                yield Lack(f"{path}: {found}", _command(weight, path))
            elif weight.size is not None and size != weight.size:
                found = f"found {size:,} bytes, expected {weight.size:,}"
                yield Lack(f"{path}: {found}", _command(weight, path))


def _python_files(folder: Path) -> Iterator[Path]:
    """Yield the Python files below a folder, in order, but those of environments."""
    for place, below, names in os.walk(folder):
        if "pyvenv.cfg" in names:
            below.clear()
            continue
        below[:] = sorted(name for name in below if not name.startswith((".", "__pycache__")))
        yield from (Path(place) / name for name in sorted(names) if name.endswith(".py"))


def _command(weight: Weight, path: Path) -> str:
    """Return the command that brings a file of weights; "" where none is known."""
    if weight.get:
        return weight.get.replace("{file}", shlex.quote(str(path)))
    if not weight.url:
        return ""
    return f"curl -L --create-dirs -o {shlex.quote(str(path))} {shlex.quote(weight.url)}"


def _git(folder: Path, *words: str) -> str:
    """Return what git prints of a checkout; "" if there is no git, or no repository."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words],
            capture_output=True,
            text=True,
            check=True,
            # of a folder above it, a repository is not the system's
            env={**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)},
        )
    except (OSError, subprocess.CalledProcessError, UnicodeDecodeError):
        return ""
    return done.stdout.strip()


def systems_folder() -> Path:
    """Return the folder of external systems, whether it exists or not."""
    named = os.environ.get(VARIABLE)
    if named and not (named.strip() and is_plain(named)):
        raise ConfigError(f"{VARIABLE}: found {named!r:.80}, expected the path of a folder")
    folder = Path(named).expanduser() if named else Path.home() / ".cache" / "svbench" / "systems"
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{VARIABLE} {folder}: found a file, expected a folder")
    return Path(os.path.abspath(folder))  # noqa: PTH100 (links stay as they are)


def shipped() -> list[str]:
    """Return the names of the systems whose descriptions come with svbench."""
    return sorted(path.parent.name for path in FOLDER.glob(f"*/{DESCRIPTION}"))


def shipped_place(name: str) -> Place:
    """Return a system whose description comes with svbench; see `shipped`."""
    file = FOLDER / name / DESCRIPTION
    return Place(read_description(file), file, systems_folder() / name)


def own_place(file: Path) -> Place:
    """Return a system of a description of one's own.

    Its checkout, environment and weights lie beside the file, or in the folder of its name of
    SVBENCH_SYSTEMS if there is one. Raises DataError for what is wrong with the file.
    """
    file = Path(os.path.abspath(file))  # noqa: PTH100
    if file.is_dir():
        raise DataError(f"{file}: found a folder, expected the description of a system in YAML")
    description = read_description(file)
    root = systems_folder() / description.name
    return Place(description, file, root if root.is_dir() else file.parent)
