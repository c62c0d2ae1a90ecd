"""Measure the validity of scores of synchrony, for docs/av-align.md.

    python docs/make_synchrony.py --annotated FOLDER [--and CLIP.mp4 HITS.json] \
        --real FOLDER --generated FOLDER

Annotated clips are those of make_impacts.py; clips of `--real` that are annotated are not used
twice. Scores based on impacts use for an annotated clip the model that was fitted without it, and
for all others the pretrained one, which was fitted on none of them.

- true and shuffled: the mean over clips, and over all pairs of a picture with another clip's sound;
  p, the share of random assignments of sounds to pictures that score as high as the true one.
- people: the mean score at each circular shift of the sound, and its Spearman
  correlation with the mean ratings of PEAVS at these shifts, 95 % by a bootstrap over clips.
- generated: value, lag and p of every clip, and a picture of both trajectories.

Conformed clips are the first 4 s (or all, if they are shorter), 8 frames/s, 256 x 256 px.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from make_impacts import PAGE, Source, add_annotated, annotated, fitted_on
from numpy.typing import NDArray
from page_blocks import head, line, load, put, save
from scipy.stats import spearmanr

from svbench.datasets import greatesthits
from svbench.errors import DataError
from svbench.files import media
from svbench.metrics.avalign import impact_fit, synchrony, trajectories
from svbench.metrics.avalign.events import DETECTORS, AVEvents, Detectors, Kind
from svbench.metrics.avalign.impact_model import IMPACT_MODEL
from svbench.metrics.avalign.impacts import ImpactModel
from svbench.metrics.avalign.onsets import onset_times
from svbench.metrics.avalign.score import AVAlign
from svbench.types import Clip, Features, Recording

NAME: Final = "synchrony"
COMMAND: Final = (
    "python docs/make_synchrony.py --annotated FOLDER --and CLIP.mp4 HITS.json --real FOLDER "
    "--generated FOLDER"
)
PICTURE: Final = Path(__file__).parent / "synchrony-generated.svg"
# Shift (s, negative: the sound is late) -> mean rating of 5 (PEAVS, condition audio_shift).
RATED: Final = {
    **{1.0: 1.695, 0.5: 1.869, 0.125: 4.138, -0.045: 4.613, -0.1: 4.619},
    **{-0.125: 4.566, -0.25: 4.078, -0.5: 1.868, -1.0: 1.640, -2.0: 1.596},
}
DRAWS: Final = 2000
ASSIGNMENTS: Final = 20000

Block = NDArray[np.float64]
Sound = Callable[[NDArray[np.float32], int], Block]  # rows of a sound


@dataclass(frozen=True)
class Form:
    """A score with its extractor."""

    title: str
    metric: AVAlign | synchrony.Synchrony
    extractor: Callable[[ImpactModel], AVEvents | trajectories.Trajectories]
    sound: Sound  # extracts the rows of a sound
    kind: int  # of these rows

    def value(self, block: Block) -> float:
        """Return the score of one clip."""
        features = Features("", block, np.zeros(len(block), np.int64), ("clip",))
        return self.metric.score(features).score.value


def main() -> None:
    """Measure, write the data, and rewrite the page's blocks and picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_annotated(parser)
    parser.add_argument("--real", type=Path, required=True)
    parser.add_argument("--generated", type=Path, required=True)
    options = parser.parse_args()
    sources = list(annotated(options))
    left_out = impact_fit.left_out(fitted_on(sources))
    sets = {
        "annotated hits": [_both(_path(options, s), left_out[s.id]) for s in sources],
        "other real clips": list(_others(options.real, {s.id for s in sources})),
    }
    sets["all of these"] = [clip for clips in sets.values() for clip in clips]
    measured = {
        name: {form.title: _measured(form, clips) for form in FORMS} for name, clips in sets.items()
    }
    counts = {name: len(clips) for name, clips in sets.items()}
    made = [_both(path, IMPACT_MODEL) for path in sorted(options.generated.glob("*.mp4"))]
    save(NAME, COMMAND, {"believe": {"clips": counts, "forms": measured}, "generated": _each(made)})
    for block in BLOCKS:
        put(PAGE, block, rendered(block))
    _draw(made)


@dataclass(frozen=True)
class Viewed:
    """A clip in both views, and the model of impacts to use for it."""

    id: str
    views: Mapping[str, Clip]
    model: ImpactModel


def _path(options: argparse.Namespace, source: Source) -> Path:
    return next(
        path
        for path in (options.annotated / f"{source.id}.mp4", *(clip for clip, _ in options.more))
        if path.stem == source.id and path.exists()
    )


def _both(path: Path, model: ImpactModel) -> Viewed:
    native = media.read_native(Recording(path))
    seconds = min(4.0, float(native.frame_times[-1]), native.audio.size / native.spec.sample_rate)
    spec = replace(greatesthits.SPEC, frames=int(seconds * greatesthits.SPEC.fps))
    return Viewed(
        path.stem, {"native": native, "conformed": media.read(Recording(path), spec)}, model
    )


def _others(folder: Path, known: set[str]) -> Iterator[Viewed]:
    for path in sorted(folder.glob("*.mp4")):
        try:
            if path.stem not in known:
                yield _both(path, IMPACT_MODEL)
        except DataError as error:
            print(f"left out: {str(error).replace(str(folder), '').lstrip('/')}")


# --- scores --------------------------------------------------------------------------------------


def _onset_rows(detectors: Detectors, audio: NDArray[np.float32], rate: int) -> Block:
    times, strengths = onset_times(audio, rate, detectors.onsets)
    return np.column_stack([np.full(len(times), float(Kind.ONSET)), times, strengths])


def _events(detectors: Detectors, model: ImpactModel) -> AVEvents:
    return AVEvents(detectors if detectors.impacts is None else replace(detectors, impacts=model))


def _forms() -> Iterator[Form]:
    for adjusted, preset in ((False, "published"), (True, "published"), (True, "tuned-2")):
        detectors = DETECTORS[preset]
        metric = AVAlign("corrected", detectors, adjusted=adjusted)
        extractor, sound = partial(_events, detectors), partial(_onset_rows, detectors)
        yield Form(f"`{metric.name}`", metric, extractor, sound, Kind.ONSET)
    for view in ("conformed", "native"):
        judge = synchrony.Synchrony(view)
        extractor = partial(trajectories.Trajectories, view=view)
        kind = trajectories.Kind.RISE
        yield Form(f"`{judge.name}`", judge, extractor, trajectories.rise_rows, kind)


FORMS: Final = tuple(_forms())


def _measured(form: Form, clips: Sequence[Viewed]) -> dict[str, Any]:
    """Evaluate one form on one set."""
    views = [clip.views[form.metric.view] for clip in clips]
    extractors = [form.extractor(clip.model) for clip in clips]
    blocks = [np.asarray(of([clip], [""])[0]) for of, clip in zip(extractors, views, strict=True)]
    pairs = np.array(
        [
            [form.value(np.asarray(of.joined(picture, sound))) for sound in blocks]
            for of, picture in zip(extractors, blocks, strict=True)
        ]
    )
    shifted = np.array(
        [
            [form.value(_shifted(form, block, clip, shift)) for shift in RATED]
            for block, clip in zip(blocks, views, strict=True)
        ]
    )
    true, n = float(np.diag(pairs).mean()), len(clips)
    rng = np.random.default_rng(0)
    assigned = np.array(
        [pairs[np.arange(n), rng.permutation(n)].mean() for _ in range(ASSIGNMENTS)]
    )
    drawn = [_agreement(shifted[rng.integers(0, n, n)]) for _ in range(DRAWS)]
    return {
        "true": true,
        "shuffled": float(pairs[~np.eye(n, dtype=bool)].mean()),
        "p": float((assigned >= true - 1e-12).mean()),
        "rank": 1 + len([k for k in range(1, n) if _turned(pairs, k) > true]),
        "shifts": dict(zip(map(str, RATED), shifted.mean(axis=0).tolist(), strict=True)),
        "spearman": _agreement(shifted),
        "interval": np.nanquantile(drawn, [0.025, 0.975]).tolist(),
    }


def _turned(pairs: NDArray[np.float64], places: int) -> float:
    """Return the mean over pictures, each with the sound some places further in the list."""
    order = np.arange(len(pairs))
    return float(pairs[order, (order + places) % len(pairs)].mean())


def _shifted(form: Form, block: Block, clip: Clip, shift: float) -> Block:
    rate = clip.spec.sample_rate
    sound = form.sound(np.roll(clip.audio, -round(shift * rate)), rate)
    return np.concatenate([block[block[:, 0] != form.kind], sound])


def _agreement(shifted: NDArray[np.float64]) -> float:
    """Return the Spearman correlation of the means over clips with the mean ratings."""
    return float(spearmanr(shifted.mean(axis=0), list(RATED.values()))[0])


def _rows(clip: Viewed) -> Block:
    return np.asarray(
        trajectories.Trajectories(clip.model, "native")([clip.views["native"]], [""])[0]
    )


def _each(clips: Sequence[Viewed]) -> list[dict[str, Any]]:
    """Score generated clips one by one, in the native view."""
    found = []
    for clip in clips:
        rows = _rows(clip)
        features = Features("", rows, np.zeros(len(rows), np.int64), (clip.id,))
        (judged,) = synchrony.Synchrony("native").score(features).clips
        found.append({"clip": clip.id, "value": judged.value, **judged.detail})
    return found


# --- the page ------------------------------------------------------------------------------------

BLOCKS: Final = ("believe", "people", "generated")


def rendered(block: str) -> str:
    """Return a block of the page, from the data."""
    found = load(NAME)
    if block == "generated":
        return "\n".join(_generated(found["generated"]["measured"]))
    return "\n".join({"believe": _believe, "people": _people}[block](found["believe"]["measured"]))


def _believe(found: Mapping[str, Any]) -> Iterator[str]:
    for name, forms in found["forms"].items():
        yield f"**{name}** ({found['clips'][name]} clips)"
        yield ""
        yield from head("score", "true", "shuffled", "p", "rank", "follows people (Spearman)")
        for title, of in forms.items():
            low, high = of["interval"]
            follows = f"{of['spearman']:.2f} [{low:.2f}, {high:.2f}]"
            p = f"{of['p']:.4f}" if of["p"] >= 1e-4 else "< 0.0001"
            rank = f"{of['rank']} of {found['clips'][name]}"
            yield line(title, f"{of['true']:.3f}", f"{of['shuffled']:.3f}", p, rank, follows)
        yield ""


def _people(found: Mapping[str, Any]) -> Iterator[str]:
    order = sorted(RATED, reverse=True)
    labels = [f"{abs(s):g} {'early' if s > 0 else 'late'}" for s in order]
    yield from head("", *labels)
    yield line("people, of 5", *(f"{RATED[s]:.2f}" for s in order))
    for name, forms in found["forms"].items():
        for title, of in forms.items():
            yield line(f"{title}, {name}", *(f"{of['shifts'][str(s)]:.2f}" for s in order))


def _generated(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from head("clip", "synchrony", "p", "sound is late by, s", "90 % interval")
    for of in found:
        lag, low, high = (of.get(name, float("nan")) for name in ("lag", "lag_low", "lag_high"))
        yield line(
            of["clip"],
            f"{of['value']:.3f}",
            f"{of['p']:.3f}",
            f"{lag:+.2f}",
            f"{low:+.2f} to {high:+.2f}",
        )


def _draw(clips: Sequence[Viewed]) -> None:
    """Draw both trajectories of every generated clip."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "svbench"
    figure = Figure(figsize=(9, 1.5 * len(clips)), layout="constrained")
    axes = figure.subplots(len(clips), 1, squeeze=False)[:, 0]
    for axis, clip, of in zip(axes, clips, load(NAME)["generated"]["measured"], strict=True):
        rows = _rows(clip)
        for kind, colour, label in (
            (trajectories.Kind.IMPACT, "tab:red", "impacts, log odds"),
            (trajectories.Kind.RISE, "tab:blue", "onset strength"),
        ):
            times, values = rows[rows[:, 0] == kind, 1:].T
            axis.plot(
                times, (values - values.mean()) / (values.std() + 1e-9), color=colour, label=label
            )
        axis.set_title(f"{clip.id}: synchrony {of['value']:.2f}, p {of['p']:.2f}", fontsize=9)
        axis.set_yticks([])
    axes[0].legend(fontsize=7, loc="upper right")
    axes[-1].set_xlabel("s")
    figure.savefig(PICTURE, metadata={"Date": None})


if __name__ == "__main__":
    main()
