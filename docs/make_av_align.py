"""Measure the figures of docs/av-align.md, and draw its picture.

    python docs/make_av_align.py [--real FOLDER] [--out docs]

The miniature is drawn by svbench. FOLDER holds real clips with sound (at least 4 s each); without
it, only the miniature is measured, and the page is left as it is. Printed: the tables of the page,
as Markdown; with FOLDER they also go between `<!-- begin lags -->` and `<!-- end lags -->` of the
page. Written: av-align-lag.svg.

Each clip's motion is measured once; its sound is turned round the clip (its end comes first) by
each lag, and its onsets are found anew. "Shuffled" is every ordered pair of different clips:
the picture of one, the sound of the other.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path

import numpy as np

from svbench import media
from svbench.datasets import greatesthits, miniature
from svbench.errors import DataError
from svbench.metrics.adjusted import SIGNIFICANT, AdjustedAVAlign
from svbench.metrics.av_align import AVAlign, Variant
from svbench.metrics.av_events import DETECTORS, AVEvents, Detectors, Kind
from svbench.metrics.onsets import onset_times
from svbench.types import Clip, Features, Judgement, Recording

LAGS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # s
VARIANTS: tuple[Variant, ...] = ("corrected", "tempotokens-2023", "tempotokens-2025")
CLIPS = 64  # of the miniature
PAGE = Path(__file__).parent / "av-align.md"
BEGIN, END = "<!-- begin lags -->\n", "<!-- end lags -->"
MOST_PAIRS = 1000  # shuffled pairs judged, evenly spread over all


@dataclass(frozen=True)
class Measured:
    """Mean plain and adjusted score of one condition."""

    plain: Judgement
    adjusted: Judgement


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    asked = parser.parse_args()
    sets = {"miniature": list(_miniature())}
    if asked.real:
        sets["real clips"] = list(_real(asked.real))
    curves = {}
    tables = io.StringIO()
    with redirect_stdout(tables):
        for name, clips in sets.items():
            for preset in ("published", "miniature", "tuned"):
                if (name, preset) == ("real clips", "miniature"):
                    continue  # made for drawings
                curves[name, preset] = _table(name, clips, DETECTORS[preset])
    print(tables.getvalue())
    if asked.real:
        _set(PAGE, tables.getvalue().strip())
    _draw(curves, asked.out / "av-align-lag.svg")


def _set(page: Path, tables: str) -> None:
    """Put the tables between their marks."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}{tables}\n{END}{after}", encoding="utf-8")


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


def _table(name: str, clips: Sequence[Clip], detectors: Detectors) -> dict[str, list[Measured]]:
    """Print the table of one set and preset; give the measured conditions by variant."""
    with ThreadPoolExecutor() as pool:
        blocks = list(pool.map(lambda clip: AVEvents(detectors)([clip], [""])[0], clips))
        lagged = [
            list(pool.map(lambda pair, s=lag: _with_onsets(*pair, s, detectors), pairs))
            for lag in LAGS
            if (pairs := list(zip(clips, blocks, strict=True)))
        ]
    pairs = list(permutations(range(len(blocks)), 2))[:: 1 + len(blocks) ** 2 // MOST_PAIRS]
    shuffled = [_joined(blocks[a], blocks[b]) for a, b in pairs]
    found = {v: [_judge(v, detectors, kind) for kind in (*lagged, shuffled)] for v in VARIANTS}
    print(f"\n**{name}, `{detectors.name}` detectors** ({len(clips)} clips, {len(pairs)} pairs)\n")
    heads = [f"{v}: plain | adjusted" for v in VARIANTS]
    print(f"| sound | {heads[0]} | p < 0.05 | {' | '.join(heads[1:])} |")
    print("|---|" + "---|" * (1 + 2 * len(VARIANTS)))
    for i, label in enumerate([*(f"{lag:g} s late" for lag in LAGS), "shuffled"]):
        cells = [_cells(found[v][i], whole=v == VARIANTS[0]) for v in VARIANTS]
        print(f"| {'true' if i == 0 else label} | " + " | ".join(cells) + " |")
    for variant in VARIANTS[:1]:
        print(f"\nAdjusted {variant}, true pairs: {found[variant][0].adjusted.score.note}.")
    return found


def _cells(measured: Measured, *, whole: bool) -> str:
    """Give plain and adjusted score; on the whole also interval and share of p < 0.05."""
    score, plain = measured.adjusted.score, measured.plain.score.value
    if not whole:
        return f"{plain:.3f} | {score.value:.3f}"
    low, high = score.interval or (score.value, score.value)
    p = [clip.detail["p"] for clip in measured.adjusted.clips]
    share = np.mean([isinstance(x, float) and x < SIGNIFICANT for x in p])
    return f"{plain:.3f} | {score.value:.3f} [{low:.3f}, {high:.3f}] | {share:.2f}"


def _with_onsets(clip: Clip, block: np.ndarray, lag: float, detectors: Detectors) -> np.ndarray:
    """Give a clip's events with its sound turned by a lag."""
    rate = clip.spec.sample_rate
    turned = replace(clip, audio=np.roll(clip.audio, round(lag * rate)))
    times, strengths = onset_times(turned.audio, rate, detectors.onsets)
    rows = np.column_stack([np.full(len(times), float(Kind.ONSET)), times, strengths])
    return np.concatenate([block[block[:, 0] != Kind.ONSET], rows])


def _joined(seen: np.ndarray, heard: np.ndarray) -> np.ndarray:
    """Give the events of one clip's picture with another's sound."""
    return np.concatenate([seen[seen[:, 0] != Kind.ONSET], heard[heard[:, 0] == Kind.ONSET]])


def _judge(variant: Variant, detectors: Detectors, blocks: Sequence[np.ndarray]) -> Measured:
    owner = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
    names = tuple(f"{i}/0" for i in range(len(blocks)))
    features = Features("events", np.concatenate(list(blocks)), owner, names)
    plain = AVAlign(variant, detectors).score(features)
    return Measured(plain, AdjustedAVAlign(variant, detectors).score(features))


def _draw(curves: dict[tuple[str, str], dict[str, list[Measured]]], path: Path) -> None:
    """Draw plain and adjusted scores over the lag, with the shuffled pairs beside them."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "svbench"
    figure = Figure(figsize=(3.1 * len(curves), 3.2), layout="constrained")
    axes = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    for axis, ((name, preset), found) in zip(axes, curves.items(), strict=True):
        for form, colour in (("plain", "tab:orange"), ("adjusted", "tab:blue")):
            scores = [getattr(measured, form).score for measured in found["corrected"]]
            values = [score.value for score in scores]
            bounds = [score.interval for score in scores[:-1]]
            axis.plot(LAGS, values[:-1], "o-", color=colour, markersize=3, label=form)
            low, high = zip(*bounds, strict=True)
            axis.fill_between(LAGS, low, high, color=colour, alpha=0.2)
            axis.axhline(values[-1], color=colour, linestyle=":", label=f"{form}, shuffled")
        axis.axhline(0, color="0.7", linewidth=0.8)
        axis.set_title(f"{name}, {preset} detectors", fontsize=9)
        axis.set_xlabel("sound late by, s")
    axes[0].set_ylabel("AV-Align (corrected)")
    axes[-1].legend(fontsize=7)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
