"""The clips of `svbench score`: a reference if any, sets of generated clips, and their captions.

Captions
--------
A clip without a caption takes that of the clips of its id in the other sets, if those agree: it
answers the same request. `missing_captions` counts and names those that still have none.

Categories
----------
A real clip has the categories of its list; those of kinds that it lacks come from the first clip of
its id in another set that has them.

Ids
---
Rows are compared in pairs by id. Where the ids of a set are derived from its paths, and match no
clip of another set or clips of other captions, the k-th clip of a caption is paired with the k-th
clip of that caption in the reference, or else in the first set that has it: it gets that clip's id.
A note reports the pairing, or why there is none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from svbench.datasets.captions import read_captions
from svbench.datasets.manifest import find
from svbench.errors import ConfigError
from svbench.files.text import shown
from svbench.types import Example

REFERENCE: Final = "the reference"
RESERVED: Final = ("real", "reference")  # names of rows
NAMED: Final = 5  # clips in a note

Set = tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Scored:
    """The sets of clips to score, and the path where each generated set was found.

    Without a reference there are no real clips.
    """

    real: Set
    folders: dict[str, Set]
    places: dict[str, Path]
    notes: tuple[str, ...]


def load_scored(
    generated: Sequence[Path],
    reference: Path | None,
    captions: Path | None,
    out: Path | None = None,
    reference_clips: Path | None = None,
) -> Scored:
    """Load all sets of clips, with shared captions and paired ids.

    Parameters
    ----------
    generated : sequence of Path
        folders, lists or files of generated clips
    reference : Path or None
        folder, list or file of real clips
    captions : Path or None
        list of captions, of every generated clip
    out : Path, optional
        folder of this run, which holds no clips to score
    reference_clips : Path, optional
        folder of the clips that `reference` lists (Default value = that of the list)

    Raises
    ------
    ConfigError
        where sets have the same name, or the reference holds several
    DataError
        where a list or folder cannot be read
    """
    real, notes = Set(), dict[str, None]()
    if reference is not None:
        real_found = find(reference, out=out, clips=reference_clips)
        _, real = real_found.only(f"--reference {reference}")
        notes = dict.fromkeys(real_found.notes)
    if captions is not None:  # real clips of the same ids have the same captions
        listed = read_captions(captions)
        real = tuple(replace(e, caption=listed.get(e.id, e.caption)) for e in real)
    folders, places = dict[str, Set](), dict[str, Path]()
    unnamed = set[str]()
    for path in generated:
        found = find(path, captions, out)
        notes |= dict.fromkeys(found.notes)
        unnamed |= found.sets.keys() - found.named
        for name, examples in found.sets.items():
            _check_new(name, path, folders)
            folders[name], places[name] = examples, path
    real, *sets = _shared_captions([real, *folders.values()])
    folders = dict(zip(folders, sets, strict=True))
    notes |= dict.fromkeys(pair_by_caption(real, folders, unnamed))
    real = _with_categories(real, folders.values())
    return Scored(real, folders, places, tuple(notes))


def missing_captions(sets: Mapping[str, Sequence[Example]]) -> str:
    """Return a text on the clips without caption of each set; "" without such clips."""
    parts = []
    for name, examples in sets.items():
        bare = [example.id for example in examples if not example.caption.strip()]
        if bare:
            parts.append(f"{len(bare)} of {len(examples)} clips of {name} ({named(bare)})")
    return f"no caption of {' and '.join(parts)}" if parts else ""


def _check_new(name: str, path: Path, folders: Mapping[str, Set]) -> None:
    if name in folders or name in RESERVED:
        raise ConfigError(
            f"{path}: found a second set of clips called {name!r}, expected distinct names (a "
            "folder's own name, or `system` in a list), none of them `real` or `reference`"
        )


# --- captions ----------------------------------------------------------------------------------


def _shared_captions(sets: Sequence[Set]) -> list[Set]:
    """Return the sets, a missing caption filled from clips of the same id where those agree."""
    by_id: dict[str, set[str]] = {}
    for example in (e for examples in sets for e in examples if e.caption.strip()):
        by_id.setdefault(example.id, set()).add(example.caption)
    agreed = {name: next(iter(found)) for name, found in by_id.items() if len(found) == 1}

    def filled(example: Example) -> Example:
        if example.caption.strip() or example.id not in agreed:
            return example
        return replace(example, caption=agreed[example.id])

    return [tuple(map(filled, examples)) for examples in sets]


def _with_categories(real: Set, sets: Iterable[Set]) -> Set:
    """Return the real clips with the categories that lists of other sets have of their ids."""
    of_id: dict[str, Mapping[str, str]] = {}
    for example in (e for examples in sets for e in examples if e.categories):
        of_id[example.id] = {**example.categories, **of_id.get(example.id, {})}
    return tuple(replace(e, categories={**of_id.get(e.id, {}), **e.categories}) for e in real)


# --- ids ---------------------------------------------------------------------------------------


def pair_by_caption(
    real: Set, folders: dict[str, Set], unnamed: Iterable[str], called: str = REFERENCE
) -> list[str]:
    """Pair the ids of sets in place where they are derived from paths; return notes on it.

    Parameters
    ----------
    real : tuple of Example
        with which sets are paired
    folders : dict of str to tuple of Example
        the sets, which are changed in place
    unnamed : iterable of str
        the sets whose ids are derived from paths alone
    called : str
        what notes call `real` (Default value = "the reference")
    """
    notes = []
    bases = {called: real}
    for name, examples in folders.items():
        others = [base for base in bases.values() if _meet(base, examples)]
        clashes = [base for base in others if _clash(base, examples)]
        if name in unnamed and (clashes or not others):
            folders[name], note = _renamed(name, examples, bases)
            notes += [note] if note else []
        elif clashes:
            ids = sorted(_clash(clashes[0], examples))
            notes.append(
                f"{shown(name)}: {len(ids)} clips have other captions than clips of the same ids "
                f"in another set ({named(ids)}); they are paired by id all the same"
            )
        bases[name] = folders[name]
    return notes


def _renamed(name: str, examples: Set, bases: Mapping[str, Set]) -> tuple[Set, str]:
    keys = _ranks(examples)
    for base, others in bases.items():
        ids = {key: example.id for key, example in zip(_ranks(others), others, strict=True) if key}
        new = tuple(
            replace(example, id=ids[key]) if key in ids else example
            for example, key in zip(examples, keys, strict=True)
        )
        count = sum(key in ids for key in keys)
        if not count:
            continue
        if len({example.id for example in new}) == len(new):
            return new, (
                f"{shown(name)}: {count} of {len(new)} clips paired with those of {shown(base)} by "
                "caption and place (the k-th clip of a caption), as their ids are paths alone"
            )
        return examples, (
            f"{shown(name)}: not paired with {shown(base)} by caption, as its other clips have ids "
            "of clips there; give each clip an `id` in a list"
        )
    if len(bases) == 1:
        return examples, ""  # nothing to be paired with but real clips
    return examples, (
        f"{shown(name)}: no clip has an id or a caption of another set, so nothing of it is "
        "paired; give each clip an `id` in a list"
    )


def _ranks(examples: Set) -> list[tuple[str, int] | None]:
    """Return for each clip its caption and its rank among clips of it; None without caption."""
    counts: Counter[str] = Counter()
    keys: list[tuple[str, int] | None] = []
    for example in examples:
        caption = example.caption.strip()
        keys.append((caption, counts[caption]) if caption else None)
        counts[caption] += 1
    return keys


def _meet(one: Set, other: Set) -> bool:
    return not {e.id for e in one}.isdisjoint(e.id for e in other)


def _clash(one: Set, other: Set) -> set[str]:
    """Return the ids whose captions differ between two sets."""
    captions = {e.id: e.caption.strip() for e in one}
    return {
        e.id
        for e in other
        if e.caption.strip() and captions.get(e.id, "") not in ("", e.caption.strip())
    }


def named(ids: Sequence[str]) -> str:
    """Return the first few ids as text, and how many more there are."""
    more = [f"and {len(ids) - NAMED} more"] if len(ids) > NAMED else []
    return ", ".join([*map(shown, ids[:NAMED]), *more])
