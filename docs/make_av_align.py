"""Measure the figures of docs/av-align.md, and draw its picture.

    python docs/make_av_align.py [--real FOLDER] [--out docs]

The miniature is drawn by svbench. FOLDER holds real clips with sound (at least 4 s each); without
it, only the miniature is measured, and the data of real clips stay. The output is
data/av-align.json, and from it the tables of the page and av-align-lag.svg.

Each clip's motion is measured once; its sound is shifted circularly by each lag, and its onsets are
detected again. "Shuffled" is every ordered pair of different clips:
the picture of one, the sound of the other.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from page_blocks import line, load, put, save

from svbench.datasets import greatesthits
from svbench.errors import DataError
from svbench.files import media
from svbench.metrics.avalign.events import DETECTORS, AVEvents, Detectors, Kind
from svbench.metrics.avalign.formulas import Variant
from svbench.metrics.avalign.onsets import onset_times
from svbench.metrics.avalign.score import SIGNIFICANT, AVAlign
from svbench.miniature import greatesthits as miniature
from svbench.types import Clip, Features, Recording

LAGS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # s
VARIANTS: tuple[Variant, ...] = ("corrected", "tempotokens-2023", "tempotokens-2025")
CLIPS = 64  # of the miniature
PAGE = Path(__file__).parent / "av-align.md"
BLOCK, NAME = "lags", "av-align"  # of the page, and of the data
FORMS = ("plain", "adjusted")
MOST_PAIRS = 1000  # shuffled pairs that are scored, evenly spread over all


Condition = dict[str, Any]  # the data of one lag, or of shuffled pairs, by variant
Curves = list[dict[str, Any]]  # tables of the page, one for each set and preset


def main() -> None:
    """Measure, write the data, and rewrite the page's block and picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    options = parser.parse_args()
    _keep("miniature", list(_miniature()), ("published", "miniature", "tuned"))
    if options.real:  # `miniature` detectors are made for drawings
        _keep("real clips", list(_real(options.real)), ("published", "tuned"))
    put(PAGE, BLOCK, rendered())
    _draw(_kept(), options.out / "av-align-lag.svg")


def _keep(name: str, clips: Sequence[Clip], presets: Sequence[str]) -> None:
    tables = [_measured(name, clips, DETECTORS[preset]) for preset in presets]
    save(NAME, "python docs/make_av_align.py --real FOLDER", {name: tables})


def _kept() -> Curves:
    return [table for of in load(NAME).values() for table in of["measured"]]


def rendered() -> str:
    """Return the block of the page, from the data."""
    return "\n\n".join(map(_table, _kept()))


def _miniature() -> Iterator[Clip]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "miniature"
        miniature.draw(root, seed=0, test=CLIPS)
        for example in greatesthits.load(root):
            yield media.read(example.recording, miniature.SPEC)


def _real(folder: Path) -> Iterator[Clip]:
    for path in sorted(folder.glob("*.mp4")):
        try:
            yield media.read(Recording(path), greatesthits.SPEC)
        except DataError as error:
            print(f"left out: {str(error).replace(str(folder), '').lstrip('/')}")


def _measured(name: str, clips: Sequence[Clip], detectors: Detectors) -> dict[str, Any]:
    """Score one set with one preset: every lag, then shuffled pairs, by variant."""
    with ThreadPoolExecutor() as pool:
        blocks = list(pool.map(lambda clip: AVEvents(detectors)([clip], [""])[0], clips))
        lagged = [
            list(pool.map(lambda pair, s=lag: _with_onsets(*pair, s, detectors), pairs))
            for lag in LAGS
            if (pairs := list(zip(clips, blocks, strict=True)))
        ]
    pairs = list(permutations(range(len(blocks)), 2))[:: 1 + len(blocks) ** 2 // MOST_PAIRS]
    shuffled = [_joined(blocks[a], blocks[b]) for a, b in pairs]
    labels = ["true", *(f"{lag:g} s late" for lag in LAGS[1:]), "shuffled"]
    conditions = {
        label: {variant: _score(variant, detectors, blocks) for variant in VARIANTS}
        for label, blocks in zip(labels, (*lagged, shuffled), strict=True)
    }
    counts = {"clips": len(clips), "pairs": len(pairs)}
    return {"set": name, "detectors": detectors.name, **counts, "conditions": conditions}


def _table(found: dict[str, Any]) -> str:
    """Return the table of one set and preset."""
    first, *others = VARIANTS
    named = [f"{variant}: plain | adjusted" for variant in VARIANTS]
    lines = [
        f"**{found['set']}, `{found['detectors']}` detectors** ({found['clips']} clips, "
        f"{found['pairs']} pairs)",
        "",
        f"| sound | {named[0]} | p < 0.05 | {' | '.join(named[1:])} |",
        "|---|" + "---|" * (1 + 2 * len(VARIANTS)),
    ]
    for label, of in found["conditions"].items():
        low, high = of[first]["interval"]
        cells = [
            f"{of[first]['plain']:.3f}",
            f"{of[first]['adjusted']:.3f} [{low:.3f}, {high:.3f}]",
        ]
        cells.append(f"{of[first]['significant']:.2f}")
        cells += [f"{of[variant][form]:.3f}" for variant in others for form in FORMS]
        lines.append(line(label, *cells))
    note = found["conditions"]["true"][first]["note"]
    return "\n".join([*lines, "", f"Adjusted {first}, true pairs: {note}."])


def _with_onsets(clip: Clip, block: np.ndarray, lag: float, detectors: Detectors) -> np.ndarray:
    """Return a clip's events with its sound shifted circularly by a lag (s)."""
    rate = clip.spec.sample_rate
    shifted = replace(clip, audio=np.roll(clip.audio, round(lag * rate)))
    times, strengths = onset_times(shifted.audio, rate, detectors.onsets)
    rows = np.column_stack([np.full(len(times), float(Kind.ONSET)), times, strengths])
    return np.concatenate([block[block[:, 0] != Kind.ONSET], rows])


def _joined(picture: np.ndarray, sound: np.ndarray) -> np.ndarray:
    """Return the events of one clip's picture with another's onsets."""
    return np.concatenate([picture[picture[:, 0] != Kind.ONSET], sound[sound[:, 0] == Kind.ONSET]])


def _score(variant: Variant, detectors: Detectors, blocks: Sequence[np.ndarray]) -> Condition:
    owner = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
    names = tuple(f"{i}/0" for i in range(len(blocks)))
    features = Features("events", np.concatenate(list(blocks)), owner, names)
    plain = AVAlign(variant, detectors).score(features).score
    adjusted = AVAlign(variant, detectors, adjusted=True).score(features)
    p = [clip.detail["p"] for clip in adjusted.clips]
    return {
        "plain": plain.value,
        "plain interval": plain.interval or (plain.value, plain.value),
        "adjusted": adjusted.score.value,
        "interval": adjusted.score.interval or (adjusted.score.value,) * 2,
        "significant": float(np.mean([isinstance(x, float) and x < SIGNIFICANT for x in p])),
        "note": adjusted.score.note,
    }


def _draw(tables: Curves, path: Path) -> None:
    """Draw plain and adjusted scores over the lag, with the shuffled pairs beside them."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "svbench"
    figure = Figure(figsize=(3.1 * len(tables), 3.2), layout="constrained")
    axes = figure.subplots(1, len(tables), sharey=True, squeeze=False)[0]
    ends = {"plain": "plain interval", "adjusted": "interval"}
    for axis, table in zip(axes, tables, strict=True):
        *lagged, shuffled = (of["corrected"] for of in table["conditions"].values())
        for form, colour in (("plain", "tab:orange"), ("adjusted", "tab:blue")):
            values = [condition[form] for condition in lagged]
            axis.plot(LAGS, values, "o-", color=colour, markersize=3, label=form)
            low, high = zip(*(condition[ends[form]] for condition in lagged), strict=True)
            axis.fill_between(LAGS, low, high, color=colour, alpha=0.2)
            axis.axhline(shuffled[form], color=colour, linestyle=":", label=f"{form}, shuffled")
        axis.axhline(0, color="0.7", linewidth=0.8)
        axis.set_title(f"{table['set']}, {table['detectors']} detectors", fontsize=9)
        axis.set_xlabel("sound late by, s")
    axes[0].set_ylabel("AV-Align (corrected)")
    axes[-1].legend(fontsize=7)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
