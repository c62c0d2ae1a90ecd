"""The folder of a pipeline, in the form of the hub: an index, and a folder for each component.

`model_index.json`, of a modular pipeline `modular_model_index.json`, names the class of the
pipeline and those of its components. Nothing is downloaded, and no code of the folder is run: a
pipeline or component of other classes than those of diffusers and transformers is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from svbench.baselines.checkpoints.base_models import local_folder
from svbench.baselines.diffusers_av.families import Family, family_of, is_modular
from svbench.errors import ConfigError, DataError
from svbench.files.text import read_object

INDEX: Final = "model_index.json"
MODULAR_INDEX: Final = f"modular_{INDEX}"
_PART: Final = re.compile(r"([A-Za-z0-9_]+)=(.+)", re.DOTALL)
_NEXT: Final = re.compile(r"\+(?=[A-Za-z0-9_]+Pipeline=)")  # a folder's name may hold a +
_ID: Final = re.compile(r"[\w.-]+/[\w.-]+")  # of a repository on the hub


@dataclass(frozen=True, slots=True)
class Folder:
    """A pipeline on disk.

    Parameters
    ----------
    kind : str
        the name of its class
    path : Path
        where it lies
    label : str
        what its row is called after: the folder's name, or that of the hub's repository
    """

    kind: str
    path: Path
    label: str

    @property
    def family(self) -> Family:
        """Return how it is called."""
        return family_of(self.kind)

    @property
    def index(self) -> Path:
        """Return the file that names its class and its components."""
        return self.path / (MODULAR_INDEX if is_modular(self.kind) else INDEX)

    def components(self) -> dict[str, Path]:
        """Return the folder of each component; raise DataError where the index is not one.

        Of a modular pipeline, some may be absent: a workflow needs part of them.
        """
        found = {}
        for name, value in read_object(self.index, f"the index of a {self.kind}").items():
            if isinstance(value, list) and len(value) >= 2 and isinstance(value[1], str):
                found[name] = self.path / _subfolder(name, value, self.index)
        return found

    def files(self) -> list[Path]:
        """Return all files that may decide its clips, in order: the index, and its components'."""
        found = [self.index]
        for folder in sorted(set(self.components().values())):
            files = (file for file in folder.rglob("*") if file.is_file())
            found += sorted(file for file in files if not file.name.startswith("."))
        return found


def _subfolder(name: str, value: list[Any], index: Path) -> str:
    """Return the folder of a component; raise DataError where it is not one beside the index."""
    form = value[2] if len(value) > 2 and isinstance(value[2], dict) else {}
    found = form.get("subfolder") or name
    if not isinstance(found, str) or not found.isidentifier():
        raise DataError(f"{index}: found the folder {found!r:.80}, expected a name beside it")
    return found


def find_folders(argument: str) -> tuple[Folder, ...]:
    """Return the pipelines of a name: one that makes both, or one for picture and one for sound.

    Parameters
    ----------
    argument : str
        CLASS=FOLDER, or CLASS=FOLDER+CLASS=FOLDER; a folder may be the name of a repository on the
        Hugging Face hub whose snapshot is in the local cache

    Raises
    ------
    ConfigError
        for another form, an unknown class, or halves that do not make a clip
    DataError
        where a folder is absent or holds another pipeline
    """
    folders = tuple(_folder(part) for part in _NEXT.split(argument))
    halves = sorted(folder.family.makes for folder in folders)
    if halves not in (["both"], ["picture", "sound"]):
        raise ConfigError(
            f"--systems diffusers:{argument}: found pipelines for {' and '.join(halves)}, expected "
            "one for both, or PICTURE=FOLDER+SOUND=FOLDER"
        )
    return tuple(sorted(folders, key=lambda folder: folder.family.makes))  # the picture first


def _folder(part: str) -> Folder:
    found = _PART.fullmatch(part)
    if found is None:
        raise ConfigError(
            f"--systems diffusers:{part}: expected diffusers:CLASS=FOLDER, such as "
            "diffusers:LTX2Pipeline=FOLDER"
        )
    kind, where = found.groups()
    family_of(kind)
    place = Path(where).expanduser()
    if place.exists() or not _ID.fullmatch(where):
        folder = Folder(kind, place, place.resolve().name)
    else:
        path = local_folder(where, f"the folder of a {kind}, as the hub has it")
        folder = Folder(kind, path, where)
    _check(folder)
    return folder


def _check(folder: Folder) -> None:
    """Raise DataError unless a folder holds a pipeline of its class, whole and without code."""
    if not folder.index.is_file():
        raise DataError(
            f"{folder.path}: found no {folder.index.name} there, expected the folder of a "
            f"{folder.kind}, as the hub has it"
        )
    index = read_object(folder.index, f"the index of a {folder.kind}")
    found = index.get("_class_name")
    if found != folder.kind:
        raise DataError(f"{folder.index}: found the class {found!r:.80}, expected {folder.kind}")
    for part in folder.components().values():
        if not part.is_dir() and not is_modular(folder.kind):
            raise DataError(f"{folder.path}: found no folder {part.name}, expected one there")
        if any(part.glob("*.py")):
            raise DataError(
                f"{part}: found code of its own, expected classes of diffusers and transformers"
            )
