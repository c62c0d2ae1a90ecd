"""Preparation of the Greatest Hits: recordings of `vis-data-256` cut into segments of 4 s.

Written are

- `<id>_denoised_thumb-KKK.mp4`, 32 frames of 256 x 256 px at 8 frames/s as H.264 (CRF 18), of
  every whole segment: frames are scaled to cover this size (those of `vis-data-256` have its
  height already) and centre-cropped. The names are those of the paper's authors, whose caption
  lists thereby fit;
- `train.txt`, `test.txt` and `<id>_times.txt` as in the archive;
- `flist_train.csv` and `flist_test.csv`: name and caption of each segment. Captions come from the
  lists that are given; without one all have `svbench.datasets.greatesthits.CAPTION`.

So the folder is a data folder of `svbench.datasets.greatesthits`.

Sound
-----
It is that of the recording between the segment's own time stamps, from the file that the loader
would read (`<id>_denoised.wav` at 96 kHz before the video's own), mono, at its own sample rate, and
written as FLAC. The authors copy the packets of the video's AAC, which can be cut only where a
packet ends, and which the WAV has not; encoding it as AAC would change what FAD compares.

Timing
------
nearest     (default) frame i is the one whose time stamp is nearest to i / 8 s.
official    as the authors' script takes them by `ffmpeg -r 8`, some 0.145 s late (see
            `svbench.files.media.official`), while the sound is not shifted.

The default is `nearest`: a delay of the picture behind the sound is what AV-Align measures. Once
cut, no `--frame-choice` can tell one from the other, so `prepared.json` holds the timing, and the
loader puts a note into the table.

Counts
------
A recording of D seconds has floor(D / 4) whole segments; over all 977 recordings these are 8,197.
The authors have 8,217 (6,177 train, 2,040 test): 20 recordings have one more. Their script deletes
a last segment unless ffprobe's duration of it, cut to whole seconds, is 4: what counts are the 32
frames that ffmpeg wrote. Output frame n is written if D >= (n - 1.1) / 8, and the last one of
segment K is n = 32 K + 31, so a segment counts if D >= 4 K + 3.7375 s. The lengths in the published
annotations are c = round(15 D) frames: of the 17 recordings with c mod 60 = 57, 58 or 59 all have
one segment more, of those with 55 and less none, and of the six with 56, which is 3.700 to 3.767 s,
three. Such segments are cut with `official` only; their sound ends early and is filled with
silence, as the authors' reader does.

References
----------
M. Ishii et al.: A simple but strong baseline for sounding video generation. arXiv:2409.17550, with
`script_create_segmented_mp4.sh` of SonyResearch/SVG_baseline.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from svbench.compute import digest_file, installed
from svbench.datasets.greatesthits import (
    CAPTION,
    SAFE_ID,
    SEGMENT,
    SPEC,
    VIDEOS,
    raw_recording,
    read_captions,
    read_ids,
)
from svbench.datasets.hits import read_events
from svbench.datasets.lists import SPLITS, is_there, names
from svbench.engines.protocol import Engine
from svbench.errors import ConfigError, DataError
from svbench.files import media
from svbench.files.text import csv_text
from svbench.pace import Progress
from svbench.preparation.cutting import Cutting, Source, cut_recordings
from svbench.preparation.folder import PreparedFolder, prepared_folder
from svbench.preparation.settings import Preparation, PrepareConfig, Report
from svbench.types import FrameChoice

CODE_VERSION: Final = "1"  # raised when the same archive gives other bytes
LISTS: Final = ("{}.txt".format, "flist_{}.csv".format)  # of a split
NAME: Final = "{id}_denoised_thumb-{number:03d}.mp4"

Splits = Mapping[str, Sequence[str]]  # ids of recordings by split


def prepare(config: PrepareConfig, engine: Engine, progress: Progress) -> Report:
    """Cut the recordings of the archive into segments, and write the lists of them.

    Raises
    ------
    ConfigError
        for `official` with another timing, and folders that `prepared_folder` refuses
    DataError
        where recordings are absent or broken, unless `config.allow_missing`
    """
    timing = _timing(config)
    splits = _splits(config.data_root)
    captions = _captions(config.captions, splits)
    spec = replace(SPEC, frame_choice=timing, channels=config.channels or "mean")
    settings = {
        "dataset": config.dataset,
        "timing": timing,
        "channels": spec.channels,
        "official": config.official,
    }
    with prepared_folder(config.data_root, config.out, settings, _versions()) as folder:
        ids = dict.fromkeys(name for split in splits.values() for name in split)
        raws = {name: raw_recording(config.data_root, name) for name in ids}
        sources = [Source(n, raw, folder.items.get(n)) for n, raw in raws.items() if raw]
        work = Cutting(config.out, NAME, spec, by_frames=config.official)
        cuts = cut_recordings(folder, sources, work, engine, progress)
        reasons = {n: cuts[n].problem if raw else "no video of it" for n, raw in raws.items()}
        problems = {name: reason for name, reason in reasons.items() if reason}
        if problems and not config.allow_missing:
            raise DataError(_refusal(config.data_root, problems))
        _keep_only(folder, {name for name, cut in cuts.items() if cut.item is not None})
        return _finish(folder, config, splits, captions, problems)


PREPARATION: Final = Preparation(prepare, frozenset({"captions", "timing", "channels", "official"}))


def _timing(config: PrepareConfig) -> FrameChoice:
    if config.official and config.timing == "nearest":
        raise ConfigError(
            "--timing: found 'nearest' beside --official, expected official: what --official "
            "counts are the frames of that timing"
        )
    return config.timing or ("official" if config.official else "nearest")


def _versions() -> dict[str, str]:
    """Return the versions of what decides the bytes of a segment."""
    packages = ("av", "opencv-python-headless")
    own = {"preparation": CODE_VERSION, "media": media.VERSION}
    return {**own, **{name: installed(name) for name in packages}}


# --- the archive -------------------------------------------------------------------------------


def _splits(root: Path) -> Splits:
    """Return the ids of each split that the archive lists."""
    there = [split for split in SPLITS if is_there(root / f"{split}.txt")]
    return {split: read_ids(root, split) for split in there or SPLITS[-1:]}


def _captions(lists: Sequence[Path], splits: Splits) -> dict[str, str] | None:
    """Return the captions by name of a segment, in the order of the lists; None without one."""
    if not lists:
        return None
    found: dict[str, str] = {}
    known = {name for ids in splits.values() for name in ids}
    for path in lists:
        for listed, caption in read_captions(path):
            match = SEGMENT.fullmatch(Path(listed).name)
            assert match is not None  # checked by read_captions
            name = NAME.format(id=match["id"], number=int(match["k"]))
            if match["id"] not in known or name in found:
                what = "twice" if name in found else "of no recording of train.txt and test.txt"
                raise DataError(f"{path}: found {names([listed])} {what}, expected each once")
            found[name] = caption
    return found


# --- the folder ----------------------------------------------------------------------------------


def _keep_only(folder: PreparedFolder, ids: Collection[str]) -> None:
    """Forget the items of other recordings, and delete segments that belong to no item."""
    for name in folder.items.keys() - set(ids):
        del folder.items[name]
    ours = {name for item in folder.items.values() for name in item["written"]}
    for path in folder.root.iterdir():
        if SEGMENT.fullmatch(path.name) and path.name not in ours:
            path.unlink(missing_ok=True)


def _remove_former(
    folder: PreparedFolder, splits: Splits, listed: Collection[str], annotations: Collection[str]
) -> None:
    """Delete lists and annotations of a former preparation that this one does not write."""
    gone = {f(split) for split in SPLITS if split not in splits for f in LISTS}
    gone |= {LISTS[1](split) for split in SPLITS if split not in listed}
    for path in folder.root.iterdir():
        times = path.name.endswith("_times.txt") and path.name not in annotations
        if times or path.name in gone:
            path.unlink(missing_ok=True)


def _refusal(root: Path, problems: Mapping[str, str]) -> str:
    name, reason = next(iter(problems.items()))
    return (
        f"{root}: {len(problems)} recordings cannot be cut to their end: {names(list(problems))} "
        f"({name}: {reason}); mend them and run the same command again, or leave them out by "
        "--allow-missing; all else is cut"
    )


# --- the lists ---------------------------------------------------------------------------------


def _finish(
    folder: PreparedFolder,
    config: PrepareConfig,
    splits: Splits,
    captions: Mapping[str, str] | None,
    problems: Mapping[str, str],
) -> Report:
    """Write the lists and annotations, and the record of a complete folder."""
    rows = {split: list(_rows(folder, ids, captions)) for split, ids in splits.items()}
    absent = _absent(folder, captions, rows)
    if absent and not config.allow_missing:
        raise DataError(
            f"--captions: found {len(absent)} segments listed that the recordings do not have: "
            f"{names(absent)}; expected those of the archive, or --allow-missing; all are cut"
        )
    annotations = [config.data_root / f"{name}_times.txt" for name in folder.items]
    malformed = _malformed(annotations)
    if malformed and not config.allow_missing:
        name, reason = next(iter(malformed.items()))
        raise DataError(
            f"{config.data_root}: {len(malformed)} annotations cannot be read: "
            f"{names(list(malformed))} ({name}: {reason}); mend them and run the same command "
            "again, or leave them out by --allow-missing; all segments are cut"
        )
    for split in splits:
        folder.copy(config.data_root / f"{split}.txt")
        if rows[split] or captions is None:
            folder.write(f"flist_{split}.csv", csv_text(rows[split], verbatim=True).encode())
    copied = [path for path in annotations if is_there(path) and path.name not in malformed]
    for path in copied:
        folder.copy(path)
    listed = [split for split in splits if rows[split] or captions is None]
    _remove_former(folder, splits, listed, {path.name for path in copied})
    counts = _counts(folder, splits, rows) | {
        "left_out": [*problems, *absent, *malformed],
        "captions": [digest_file(path) for path in config.captions],
    }
    folder.save(counts)
    strangers = len(
        _recordings(config.data_root) - {name for ids in splits.values() for name in ids}
    )
    ended = dict.fromkeys(absent, "listed, but the recording ends before it")
    reasons = {**problems, **ended, **malformed}
    return Report(
        tuple(_lines(counts, captions, strangers)), tuple(f"{n}: {r}" for n, r in reasons.items())
    )


def _malformed(annotations: Iterable[Path]) -> dict[str, str]:
    """Return why annotations cannot be read, by the names of their files."""
    found = {}
    for path in annotations:
        try:
            read_events(path)
        except DataError as error:
            found[path.name] = str(error).removeprefix(f"{path}: ")
    return found


def _recordings(root: Path) -> set[str]:
    """Return the ids of all recordings in the archive, listed or not."""
    found = {p.name.removesuffix(end) for end in VIDEOS for p in root.glob(f"*{end}")}
    return {name for name in found if SAFE_ID.fullmatch(name)}


def _rows(
    folder: PreparedFolder, ids: Iterable[str], captions: Mapping[str, str] | None
) -> Iterator[tuple[str, str]]:
    """Yield name and caption of the segments of a split: as listed, else in order of the ids."""
    items = (folder.items[name] for name in ids if name in folder.items)
    written = dict.fromkeys(name for item in items for name in item["written"])
    if captions is None:
        yield from ((name, CAPTION) for name in written)
        return
    yield from ((name, caption) for name, caption in captions.items() if name in written)


def _absent(
    folder: PreparedFolder,
    captions: Mapping[str, str] | None,
    rows: Mapping[str, Sequence[tuple[str, str]]],
) -> list[str]:
    """Return the listed segments that recordings which were cut do not have."""
    there = {name for listed in rows.values() for name, _ in listed}
    missing = [name for name in captions or () if name not in there]
    return [n for n in missing if (m := SEGMENT.fullmatch(n)) and m["id"] in folder.items]


def _counts(
    folder: PreparedFolder, splits: Splits, rows: Mapping[str, Sequence[tuple[str, str]]]
) -> dict[str, Any]:
    """Return how many recordings and segments there are."""
    lengths = {name: len(item["written"]) for name, item in folder.items.items()}
    listed = {name for listed in rows.values() for name, _ in listed}
    return {
        "recordings": {split: len(lengths.keys() & set(ids)) for split, ids in splits.items()},
        "segments": {split: len(listed) for split, listed in rows.items()},
        "shorter_than_a_segment": sum(not length for length in lengths.values()),
        "without_caption": sum(lengths.values()) - len(listed),
    }


def _lines(counts: Mapping[str, Any], captions: object, strangers: int) -> Iterator[str]:
    for split, recordings in counts["recordings"].items():
        segments = counts["segments"][split]
        if segments or captions is None:
            yield f"{split}: {segments:,} segments of {recordings:,} recordings, flist_{split}.csv"
        else:
            yield (
                f"{split}: no segment is captioned, so there is no flist_{split}.csv; --captions, "
                "here or of svbench run, names a list of this split"
            )
    if captions is None:
        yield f'captions: "{CAPTION}" for all, as in the protocol of ASVA (no --captions)'
    if counts["without_caption"]:
        number = counts["without_caption"]
        segments = "1 segment has" if number == 1 else f"{number:,} segments have"
        yield f"{segments} no caption, hence no line in a list (--captions may be repeated)"
    if counts["shorter_than_a_segment"]:
        yield f"{counts['shorter_than_a_segment']:,} recordings are shorter than a segment"
    if strangers:
        yield f"{strangers:,} recordings of the archive are in no split, and not cut"
