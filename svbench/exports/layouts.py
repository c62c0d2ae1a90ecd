"""What each tool reads: names of files, its list of clips, and its command.

Every tool gets a folder per system with `NAME.mp4` and `NAME.wav`, and `reference` with the real
clips. A list in its own form lies in each folder of a system.

av-benchmark (hkchengrex/av-benchmark 050a5cd)
    `evaluate.py --gt_audio --pred_audio` lists `*.wav` and `*.flac` of a folder by stem
    (av_bench/extract.py), `extract_video.py --video_path` its `*.mp4`, and `extract_text.py
    --text_csv` reads columns `name` and `caption` by pandas. Clips are paired by stem. All
    resample: sound to 16, 32 and 48 kHz mono, frames to 25 / s (Synchformer) and 0.5 / s
    (ImageBind); a clip shorter than `--audio_length` is an error there. Rows without a caption, or
    with one that pandas reads as missing, are left out of the list: the tool pairs what there is.
JavisBench (JavisVerse/JavisDiT b505b37, eval/javisbench/main.py)
    `--infer_data_dir` holds `sample_%04d.mp4` and `.wav`, numbered from 0 in the order of the rows
    of `--input_file`, of which it reads `text`, `audio_text` (else `text`), `path` and `audio_path`
    (the real clips of FVD, KVD and FAD, unless `--fvd_avcache_path` is given), and the categories
    `cat0_ind` .. only with `--verbose`. Real paths are absolute: the tool runs in its own folder.
FastVideo (hao-ai-lab/FastVideo 2f3d407, fastvideo/eval/io/inputs.py)
    `samples_from` takes lists of paths: `video`, `audio`, `reference`, `reference_audio`, paired by
    place, and one text for each clip as `text_prompts`. References beyond the generated clips count
    for metrics of whole sets alone. The list holds these keywords, its paths are relative to the
    export.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from svbench.errors import ConfigError
from svbench.exports.names import READ_AS_OTHER, names_of
from svbench.exports.sources import REFERENCE, ExportClip, ExportSet
from svbench.files.text import csv_text

# What pandas.read_csv takes for a missing value beside READ_AS_OTHER, in lower case.
MISSING: Final = READ_AS_OTHER - {"true", "false"} | {
    *("", "#n/a", "#n/a n/a", "#na", "-1.#ind", "-1.#qnan", "1.#ind", "1.#qnan", "<na>"),
}


@dataclass(frozen=True, slots=True)
class Placed:
    """A set whose clips have names, in the folder that it is written to."""

    folder: str
    clips: Mapping[str, tuple[str, ExportClip]]  # by id: name, and the clip

    def files(self, identifier: str) -> tuple[str, str]:
        """Return the video and the sound of a clip, relative to the export."""
        name = f"{self.folder}/{self.clips[identifier][0]}"
        return f"{name}.mp4", f"{name}.wav"


@dataclass(frozen=True, slots=True)
class Layout:
    """How clips are exported for a tool.

    Parameters
    ----------
    name : callable
        ids of a set in order, and names by id -> names by id
    listing : str
        the name of its list in the folder of a system
    dump : callable
        a set, the reference or None, and the folder of the export -> the text of the list, and
        notes on what the tool will lack
    use : str
        how the tool is called: `{out}`, `{set}`
    """

    name: Callable[[Sequence[str], Mapping[str, str]], Mapping[str, str]]
    listing: str
    dump: Callable[[Placed, Placed | None, Path], tuple[str, list[str]]]
    use: str


def place(sets: Sequence[ExportSet], layout: Layout) -> list[Placed]:
    """Return all sets with names of folders and clips; equal ids have equal names in all of them.

    That is for tools that pair by name; numbered clips are paired by the list.
    """
    names = [one.name for one in sets]
    if len(set(names)) < len(names):
        raise ConfigError(f"{REFERENCE}: found a system of this name, expected others beside it")
    ids = names_of(clip.id for one in sets for clip in one.clips)
    folders = names_of(names)
    placed = []
    for one in sets:
        called = layout.name([clip.id for clip in one.clips], ids)
        clips = {clip.id: (called[clip.id], clip) for clip in one.clips}
        placed.append(Placed(folders[one.name], clips))
    return placed


def _by_id(ids: Sequence[str], names: Mapping[str, str]) -> Mapping[str, str]:
    return {one: names[one] for one in ids}


def _by_number(ids: Sequence[str], _names: Mapping[str, str]) -> Mapping[str, str]:
    return {one: f"sample_{number:04d}" for number, one in enumerate(ids)}


def _lacking(placed: Placed, reference: Placed | None) -> list[str]:
    """Return a note on clips without a real one of their id."""
    if reference is None:
        return [f"{placed.folder}: no real clips beside it; add --reference to compare with them"]
    count = len(placed.clips.keys() - reference.clips.keys())
    return [f"{placed.folder}: {count} clips have no real clip of their id"] if count else []


def _without_caption(placed: Placed, count: int) -> list[str]:
    return [f"{placed.folder}: {count} clips have no caption that the tool reads"] if count else []


def _av_benchmark(placed: Placed, reference: Placed | None, _out: Path) -> tuple[str, list[str]]:
    rows = [(name, clip.caption) for name, clip in placed.clips.values()]
    kept = [row for row in rows if row[1].strip().lower() not in MISSING]
    notes = [*_lacking(placed, reference), *_without_caption(placed, len(rows) - len(kept))]
    return csv_text([("name", "caption"), *kept], verbatim=True), notes


def _javisbench(placed: Placed, reference: Placed | None, out: Path) -> tuple[str, list[str]]:
    rows, bare = [], 0
    for identifier, (_, clip) in placed.clips.items():
        real = ("", "")
        if reference is not None and identifier in reference.clips:
            video, sound = reference.files(identifier)
            real = (str(out.resolve() / video), str(out.resolve() / sound))
        bare += clip.caption.strip().lower() in MISSING
        rows.append((*real, clip.caption, clip.caption, identifier))
    heading = ("path", "audio_path", "text", "audio_text", "id")
    notes = [*_lacking(placed, reference), *_without_caption(placed, bare)]
    return csv_text([heading, *rows], verbatim=True), notes


def _fastvideo(placed: Placed, reference: Placed | None, _out: Path) -> tuple[str, list[str]]:
    real = {} if reference is None else reference.clips
    paired = [one for one in placed.clips if one in real]
    order = [*paired, *(one for one in placed.clips if one not in real)]
    # behind clips without a real one, further real clips would be paired with these
    further = [one for one in real if one not in placed.clips] if order == paired else []
    keywords: dict[str, list[str]] = {
        "video": [placed.files(one)[0] for one in order],
        "audio": [placed.files(one)[1] for one in order],
        "text_prompts": [placed.clips[one][1].caption for one in order],
    }
    if reference is not None and paired:
        files = [reference.files(one) for one in (*paired, *further)]
        keywords["reference"] = [video for video, _ in files]
        keywords["reference_audio"] = [sound for _, sound in files]
    bare = sum(not clip.caption.strip() for _, clip in placed.clips.values())
    notes = [*_lacking(placed, reference), *_without_caption(placed, bare)]
    return json.dumps(keywords, indent=1, ensure_ascii=False) + "\n", notes


LAYOUTS: Final[Mapping[str, Layout]] = {
    "av-benchmark": Layout(
        _by_id,
        "av-benchmark.csv",
        _av_benchmark,
        "python evaluate.py --gt_audio {out}/reference --gt_cache {set}-real-cache "
        "--pred_audio {out}/{set} --pred_cache {set}-cache --audio_length SECONDS",
    ),
    "javisbench": Layout(
        _by_number,
        "javisbench.csv",
        _javisbench,
        "torchrun --nproc_per_node=1 -m eval.javisbench.main --metrics all "
        "--max_audio_len_s SECONDS --input_file {out}/{set}/javisbench.csv "
        "--infer_data_dir {out}/{set} --output_file results/{set}.json",
    ),
    "fastvideo": Layout(
        _by_id,
        "fastvideo.json",
        _fastvideo,
        "in {out}: create_evaluator(metrics=[...]).evaluate("
        "samples=samples_from(**json.load(open('{set}/fastvideo.json'))))",
    ),
}
