"""Weights: the networks of metrics, base models of the joint model, and the hub's cache.

Nothing is hashed or downloaded. A file of weights counts as checked if it has the size and time of
change that it had when it passed the checks of `svbench.files.weights.folder`.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from svbench.baselines.checkpoints.base_models import PAPER_BASES, local_folder
from svbench.doctor.findings import Finding, gigabytes
from svbench.doctor.places import nearest
from svbench.errors import ConfigError, DataError
from svbench.files.weights import folder as store
from svbench.files.weights import published as catalogue
from svbench.files.weights.published import Published
from svbench.files.weights.random_files import any_random, is_random

SUBJECT: Final = "weights"
HUB: Final = "hub cache"
VERIFY: Final = "svbench weights verify"
RANDOM: Final = "random weights, for load tests only"


def networks() -> list[Finding]:
    """Return the folder of weights, and each published network of the metrics."""
    try:
        place = store.weights_folder()
    except ConfigError as error:
        mend = "set SVBENCH_WEIGHTS to a folder, or unset it"
        return [Finding(SUBJECT, "folder", "missing", str(error), mend)]
    there = nearest(place)
    free = shutil.disk_usage(there).free
    facts = {"path": str(place), "free": free}
    found = Finding(SUBJECT, "folder", "ok", f"{place}: {gigabytes(free)} free", facts=facts)
    return [found, *(_network(place / known.file, known) for known in catalogue.PUBLISHED.values())]


def _network(path: Path, known: Published) -> Finding:
    """Return whether a file is there, and whether it is the one that was checked."""
    fetch = f"svbench weights fetch {known.name}"
    facts = {"path": str(path), "size": known.size}
    if not path.is_file():
        found = f"absent: {known.what} ({gigabytes(known.size)}, {known.licence})"
        return Finding(SUBJECT, known.name, "missing", found, fetch, facts)
    size = path.stat().st_size
    facts["size"] = size
    text = f"{path}, {gigabytes(size)}"
    try:
        digest = store.recorded_digest(known.name)
    except DataError as error:
        return Finding(SUBJECT, known.name, "missing", str(error), VERIFY, facts)
    if digest is None:
        found = f"{text}: not checked yet, or changed since"
        return Finding(SUBJECT, known.name, "note", found, VERIFY, facts)
    if is_random(path):
        found = f"{text}: {RANDOM}"
        return Finding(SUBJECT, known.name, "note", found, mend_random(path), facts)
    return Finding(
        SUBJECT, known.name, "ok", f"{text}, sha256 {digest[:12]}", facts=facts | {"sha256": digest}
    )


def mend_random(path: Path) -> str:
    """Return how a file of random weights is replaced by the published one."""
    return f"for published numbers delete {path} and fetch it, or set SVBENCH_WEIGHTS elsewhere"


def base_models() -> list[Finding]:
    """Return the hub's cache, and the base models of the paper in it."""
    return [_cache(), *(_base(part, name) for part, name in PAPER_BASES.items())]


def _cache() -> Finding:
    from huggingface_hub import constants

    place = Path(constants.HF_HUB_CACHE)
    free = shutil.disk_usage(nearest(place)).free
    facts = {"path": str(place), "free": free, "offline": bool(constants.HF_HUB_OFFLINE)}
    text = f"{place}: {gigabytes(free)} free{', offline' if constants.HF_HUB_OFFLINE else ''}"
    if not place.is_dir():
        mend = "set HF_HOME to a shared folder, if there is one"
        return Finding(SUBJECT, HUB, "note", f"{text}; not made yet", mend, facts)
    return Finding(SUBJECT, HUB, "ok", text, facts=facts)


def _base(part: str, name: str) -> Finding:
    part, mend = f"{part} base", f"hf download {name}"
    try:
        place = local_folder(name)
    except DataError:
        found = f"absent: {name}, for --scale paper"
        return Finding(SUBJECT, part, "missing", found, mend, {"name": name})
    files = [path for path in place.rglob("*") if path.is_file()]  # links, to what is there
    size = sum(path.stat().st_size for path in files)
    facts = {"name": name, "path": str(place), "size": size}
    weights = [path for path in files if path.suffix in (".safetensors", ".bin")]
    if not weights:
        found = f"{place}: no file of weights in it"
        return Finding(SUBJECT, part, "missing", found, mend, facts)
    if any_random(weights):
        return Finding(SUBJECT, part, "note", f"{place}: {RANDOM}", mend, facts)
    return Finding(SUBJECT, part, "ok", f"{place}, {gigabytes(size)}", facts=facts)
