"""Run the study of docs/miniature-study.md, and write its tables and figures.

    python docs/make_miniature_study.py --systems DIR --out runs/study [--only seeds,gamma]

DIR is the output of `svbench train-systems --out DIR --seeds 0,1,2`. Every number comes from
svbench's own commands: this script calls them, one run folder each (complete ones are not made
again), and writes their results into the blocks between `<!-- begin NAME -->` and
`<!-- end NAME -->` of the page.

Requests of the study are drawn with `SEED`; no setting of the miniature was chosen on them.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from svbench.catalog.systems import JOINT
from svbench.files.results import load_table
from svbench.reports.analysis.paired import paired_runs
from svbench.reports.tables.numbers import number
from svbench.types import ResultTable, Row, Score

PAGE: Final = Path(__file__).with_name("miniature-study.md")
SEED: Final = 40
CLIPS: Final = 64  # requests of the comparison of mixers
CAPTIONED: Final = 128  # of that of captions
SWEPT: Final = 48  # of the sweeps
SEEDS: Final = (0, 1, 2)
GAMMAS: Final = "0.5,1,1.25,1.5,1.75,2,3"
FEW_GAMMAS: Final = "0.5,1,1.5,2"  # of further training seeds
GUIDANCES: Final = ("1,1", "1.5,1.5", "2.5,7.5")
LEVELS: Final = (0.1, 0.03, 0.01)  # of the loss over time steps
AV_ALIGN: Final = "av-align-corrected@miniature"


@dataclass(frozen=True)
class Study:
    """The folders of the trained systems and of the runs."""

    systems: Path
    out: Path

    def weights(self, seed: int) -> Path:
        """Return the folder of the weights of a training seed."""
        return self.systems / ("weights" if seed == 0 else f"weights-seed-{seed}")

    def run(self, name: str, *arguments: object) -> Path:
        """Call svbench, and return the run folder; a complete one is not made again."""
        folder = self.out / name
        if not (folder / "results.json").is_file():
            command = [sys.executable, "-m", "svbench", *map(str, arguments), "--out", str(folder)]
            print(" ".join(command[1:]), flush=True)
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return folder


# --- blocks --------------------------------------------------------------------------------------


def seeds(study: Study) -> str:
    """Compare the mixers over training seeds."""
    lines = [_head("mixer", "training seed", *COLUMNS.values(), "AV-Align, CMC-PE minus this")]
    for mixer in JOINT:
        for seed in SEEDS:
            if not (study.weights(seed) / f"{mixer}.safetensors").is_file():
                continue
            folder = _compared(study, seed)
            name = f"{mixer}-gamma1"
            cells = [_cell(_row(load_table(folder), name), metric) for metric in COLUMNS]
            less = "" if mixer == "cmc-pe" else _difference(folder, "cmc-pe-gamma1", name)
            lines.append(_line(mixer, seed, *cells, less))
    for name in ("real", "codec", "shuffled"):
        row = _row(load_table(_compared(study, 0)), name)
        lines.append(_line(row.title, "–", *(_cell(row, m) for m in COLUMNS), ""))
    return "\n".join(lines)


def untrained(study: Study) -> str:
    """Compare every trained system with one that was trained for a single step."""
    base = study.out / "untrained-systems"
    if not (base / "weights" / "MADE.json").is_file():
        for part in ("data", "latents"):
            shutil.copytree(study.systems / part, base / part, dirs_exist_ok=True)
        (base / "weights").mkdir(parents=True, exist_ok=True)
        for name in ("video", "audio", "captions"):
            for file in (study.systems / "weights").glob(f"{name}.*"):
                shutil.copyfile(file, base / "weights" / file.name)
        once = ("--base-audio-steps", 1, "--base-video-steps", 1, "--steps", 1)
        arguments = ("train-systems", "--out", base, *once, "--mixers", "cmc-pe")
        command = [sys.executable, "-m", "svbench", *map(str, arguments)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    folder = study.run(
        "untrained", "run", "--dataset", "greatesthits", "--weights", base / "weights",
        "--systems", "cmc-pe", "--gamma", 1, "--limit", CLIPS, "--seed", SEED,
    )  # fmt: skip
    lines = [_head("system", "FVD", "untrained / it", "FAD", "untrained / it")]
    raw = _row(load_table(folder), "cmc-pe-gamma1")
    lines.append(_line("untrained", _cell(raw, "fvd"), "", _cell(raw, "fad"), ""))
    for mixer in JOINT:
        row = _row(load_table(_compared(study, 0)), f"{mixer}-gamma1")
        cells = []
        for metric in ("fvd", "fad"):
            ratio = _score(raw, metric).value / _score(row, metric).value
            cells += [_cell(row, metric), f"{ratio:.0f}"]
        lines.append(_line(mixer, *cells))
    return "\n".join(lines)


def captions(study: Study) -> str:
    """Score clips with their own captions and with those of other requests."""
    folder = study.run(
        "captioned", "run", "--dataset", "greatesthits", "--weights", study.weights(0),
        "--systems", "cmc-pe", "--gamma", 1, "--metrics", "ib-ta,ib-tv",
        "--limit", CAPTIONED, "--seed", SEED,
    )  # fmt: skip
    lists = study.out / "captions"
    lists.mkdir(exist_ok=True)
    made = [json.loads(line) for line in _manifest(folder, "cmc-pe-gamma1")]
    own = [sample["caption"] for sample in made]
    for name, texts in (("own", own), ("other", own[1:] + own[:1])):
        lines = []
        for sample, caption in zip(made, texts, strict=True):
            file = folder / "samples" / "cmc-pe-gamma1" / sample["file"]
            record = {"file": str(file.resolve()), "id": sample["id"], "system": name}
            lines.append(json.dumps({**record, "caption": caption}))
        (lists / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    metrics = "ib-ta@+miniature,ib-tv@+miniature"
    spec = ("--size", 64, "--frames", 32, "--fps", 8)
    scored = study.run(
        "captions-scored", "score", lists / "own.jsonl", lists / "other.jsonl",
        "--reference", lists / "own.jsonl", "--metrics", metrics, *spec, "--seed", SEED,
    )  # fmt: skip
    table = load_table(scored)
    rows = [_head("captions", "IB-TA", "IB-TV")]
    for name in ("own", "other"):
        row = _row(table, name)
        rows.append(_line(name, _cell(row, "ib-ta"), _cell(row, "ib-tv")))
    return "\n".join(rows)


def gamma(study: Study) -> str:
    """Sweep gamma for CMC-PE, for each training seed."""
    return _swept(study, "gamma", study.weights, SEEDS)


def clearer(study: Study) -> str:
    """Sweep gamma where the video becomes clear earlier."""
    folder = study.systems.with_name(study.systems.name + "-clearer")
    return _swept(study, "clearer", lambda _seed: folder / "weights", (0,))


def _swept(study: Study, name: str, weights: Callable[[int], Path], seeds: Sequence[int]) -> str:
    lines = [_head("training seed", "gamma", *COLUMNS.values(), "AV-Align minus that at gamma 1")]
    for seed in seeds:
        if not (weights(seed) / "cmc-pe.safetensors").is_file():
            continue
        folder = study.run(
            f"{name}-{seed}", "sweep-gamma", "--dataset", "greatesthits",
            "--gammas", GAMMAS if seed == 0 else FEW_GAMMAS, "--weights", weights(seed),
            "--limit", SWEPT, "--seed", SEED,
        )  # fmt: skip
        shutil.copyfile(folder / "gamma.svg", _picture(f"{name}-{seed}"))
        table = load_table(folder)
        for row in table.rows:
            if "gamma" in row.settings:
                at_one = row.settings["gamma"] == "1"
                less = "" if at_one else _difference(folder, row.system, "cmc-pe-gamma1")
                cells = [_cell(row, metric) for metric in COLUMNS]
                lines.append(_line(seed, row.settings["gamma"], *cells, less))
    return "\n".join(lines)


def guidance(study: Study) -> str:
    """Compare several scales of guidance."""
    lines = [_head("guidance (sound, video)", *COLUMNS.values())]
    for scale in GUIDANCES:
        folder = study.run(
            f"guidance-{scale.replace(',', '-')}", "run", "--dataset", "greatesthits",
            "--systems", "cmc-pe", "--gamma", 1, "--guidance", scale,
            "--weights", study.weights(0), "--limit", SWEPT, "--seed", SEED,
        )  # fmt: skip
        row = _row(load_table(folder), "cmc-pe-gamma1")
        lines.append(_line(scale.replace(",", ", "), *(_cell(row, m) for m in COLUMNS)))
    return "\n".join(lines)


def levels(study: Study) -> str:
    """Draw the loss over time steps of both modalities; tabulate when each reaches some levels."""
    import pandas as pd

    out = study.out / "levels"
    picture = out / "loss-over-time.svg"
    if not picture.is_file():
        joint = study.systems / "cmc-pe" / "joint"
        arguments = ("loss-over-time", "--dataset", "greatesthits", "--gamma", 2, "--clips", 64)
        command = [sys.executable, "-m", "svbench", *map(str, (*arguments, "--out", out, joint))]
        subprocess.run(command, check=True)
    shutil.copyfile(picture, _picture("levels"))
    curves = pd.read_csv(picture.with_suffix(".csv"), index_col="global_time")
    lines = [_head("curve", *(f"global time at which its loss is {level}" for level in LEVELS))]
    for name in curves:
        decay = -np.log(curves[name])  # rises with time
        times = (np.interp(-np.log(level), decay, curves.index) for level in LEVELS)
        lines.append(_line(name, *(f"{time:.0f}" for time in times)))
    return "\n".join(lines)


def scenes(study: Study) -> str:
    """Score the models of the other data sets, whose weights come with svbench."""
    metrics = ("fvd", "ib-tv", "fad", "ib-ta", "ib-av")
    lines = [_head("data set", "row", *(COLUMNS[metric] for metric in metrics))]
    for name in ("landscape", "vggsound"):
        folder = study.run(
            name, "run", "--dataset", name, "--systems", "real,codec,shuffled,cmc-pe",
            "--limit", CLIPS, "--seed", SEED,
        )  # fmt: skip
        for row in load_table(folder).rows:
            lines.append(_line(name, row.title, *(_cell(row, metric) for metric in metrics)))
    return "\n".join(lines)


def losses(study: Study) -> str:
    """Draw the loss curves of the trainings; tabulate the final losses."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    curves: dict[str, Mapping[str, Any]] = {}
    for seed in SEEDS:
        record = study.weights(seed) / "MADE.json"
        if record.is_file():
            losses_of = json.loads(record.read_text(encoding="utf-8"))["losses"]
            curves |= {
                name if name.startswith("base") else f"{name}, seed {seed}": curve
                for name, curve in losses_of.items()
            }
    with mpl.rc_context({"svg.hashsalt": "svbench"}):
        figure = Figure(figsize=(9, 3.4), layout="constrained")
        for axis, part in zip(figure.subplots(1, 2), ("audio", "video"), strict=True):
            for name, curve in curves.items():
                if part in curve:
                    axis.plot(curve["step"], curve[part], label=name, linewidth=1)
            axis.set(title=f"loss of the {part}", xlabel="step")
        axis.legend(fontsize=6)
        figure.savefig(_picture("losses"), format="svg", metadata={"Date": None})
    lines = [_head("training", "steps", "loss of sound", "loss of video")]
    for name, curve in curves.items():
        last = (f"{curve[part][-1]:.3f}" if part in curve else "" for part in ("audio", "video"))
        lines.append(_line(name, f"{curve['step'][-1]:.0f}", *last))
    return "\n".join(lines)


BLOCKS: Final[Mapping[str, Callable[[Study], str]]] = {
    "losses": losses,
    "levels": levels,
    "seeds": seeds,
    "untrained": untrained,
    "captions": captions,
    "guidance": guidance,
    "gamma": gamma,
    "clearer": clearer,
    "scenes": scenes,
}
COLUMNS: Final = {
    AV_ALIGN: "AV-Align ↑",
    "fvd": "FVD ↓",
    "fad": "FAD ↓",
    "ib-av": "IB-AV ↑",
    "ib-ta": "IB-TA ↑",
    "ib-tv": "IB-TV ↑",
}


# --- pieces --------------------------------------------------------------------------------------


def _compared(study: Study, seed: int) -> Path:
    mixers = [m for m in JOINT if (study.weights(seed) / f"{m}.safetensors").is_file()]
    return study.run(
        f"seed-{seed}", "run", "--dataset", "greatesthits", "--weights", study.weights(seed),
        "--systems", ",".join(("real", "codec", "shuffled", *mixers)), "--gamma", 1,
        "--limit", CLIPS, "--seed", SEED,
    )  # fmt: skip


def _manifest(folder: Path, system: str) -> Iterator[str]:
    path = folder / "samples" / system / "manifest.jsonl"
    return (line for line in path.read_text(encoding="utf-8").splitlines() if '"file"' in line)


def _row(table: ResultTable, system: str) -> Row:
    return next(row for row in table.rows if row.system == system)


def _score(row: Row, metric: str) -> Score:
    """Return the score of a metric, whatever its preset."""
    found = [s for name, s in row.scores.items() if name == metric or name.startswith(f"{metric}@")]
    return found[0]


def _cell(row: Row, metric: str) -> str:
    if not any(name == metric or name.startswith(f"{metric}@") for name in row.scores):
        return "–"
    score = _score(row, metric)
    bounds = score.interval
    between = "" if bounds is None else f" [{number(bounds[0])}, {number(bounds[1])}]"
    return number(score.value) + between


def _difference(folder: Path, first: str, second: str) -> str:
    found = paired_runs(folder, AV_ALIGN, first, second)
    low, high = found.interval or (float("nan"), float("nan"))
    return f"{found.value:+.3f} [{low:+.3f}, {high:+.3f}]"


def _head(*cells: str) -> str:
    return _line(*cells) + "\n" + _line(*["---"] * len(cells))


def _line(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def _picture(name: str) -> Path:
    return PAGE.with_name(f"miniature-study-{name}.svg")


def main() -> None:
    """Run what is missing, and rewrite the page's blocks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--systems", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("runs/study"))
    shown = re.findall("<!-- begin (\\w+) -->", PAGE.read_text(encoding="utf-8"))
    parser.add_argument("--only", default=",".join(shown), help=", ".join(BLOCKS))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    study = Study(arguments.systems, arguments.out)
    for name in arguments.only.split(","):
        block = BLOCKS[name](study)
        page = PAGE.read_text(encoding="utf-8")
        between = re.compile(f"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
        if not between.search(page):
            raise SystemExit(f"{PAGE}: found no block {name!r}")
        page = between.sub(lambda m: f"{m[1]}\n{block}\n\n{m[2]}", page)  # noqa: B023
        PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
