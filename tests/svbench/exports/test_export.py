"""Exports: what tools find in them, what is kept, and what stands when one is stopped."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from svbench.engines.local import Local
from svbench.errors import ConfigError, DataError
from svbench.exports import clips as writing
from svbench.exports.clips import ClipWriter, Job
from svbench.exports.export import Exported, export
from svbench.exports.sources import ExportClip, find_source
from svbench.files import media
from svbench.types import Recording
from tests.factories import movies
from tests.factories.clip_lists import listed
from tests.factories.clips import SPEC, make_clip, write_clip
from tests.factories.commands import Command

IDS = ("-abc", "0001", "sub/d e,f", "Clip", "clip")
TOOLS = ("av-benchmark", "javisbench", "fastvideo")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of `mine` and `real`: the same ids, with captions; one sound lies apart."""
    root = tmp_path_factory.mktemp("clips")
    for number, name in enumerate(IDS):
        write_clip(root / "real" / f"{name}.mp4", make_clip(number))
        write_clip(root / "mine" / f"{name}.mp4", make_clip(50 + number), apart=number == 0)
    captions = ({"id": n, "caption": f'"{n}", {i}'} for i, n in enumerate(IDS))
    listed(root / "mine" / "captions.jsonl", *captions)
    return root


def run(source: Path, out: Path, tool: str, *, workers: int = 1, **more: Any) -> Exported:
    link = more.pop("link", False)
    found = find_source(source, Local(workers), **more)
    return export(found, out, tool, Local(workers), link=link)


def names(folder: Path) -> dict[str, str]:
    """Return the name of each id in a folder of an export."""
    lines = (folder / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    entries = map(json.loads, lines)
    return {e["id"]: e["file_name"].removesuffix(".mp4") for e in entries}


def bytes_of(out: Path) -> dict[str, bytes]:
    files = (p for p in out.rglob("*") if p.is_file() and p.name != ".lock")
    return {p.relative_to(out).as_posix(): p.read_bytes() for p in sorted(files)}


# --- what each tool finds ----------------------------------------------------------------------


def test_av_benchmark_pairs_sounds_videos_and_captions_by_stem(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(clips / "mine", out, "av-benchmark", reference=clips / "real")
    stems = [{f.stem for f in (out / s).glob("*.wav")} for s in ("mine", "reference")]
    videos = [{f.stem for f in (out / s).glob("*.mp4")} for s in ("mine", "reference")]
    assert stems[0] == stems[1] == videos[0] == videos[1] == set(names(out / "mine").values())
    rows = pd.read_csv(out / "mine" / "av-benchmark.csv").to_dict(orient="records")
    captions = {str(row["name"]): row["caption"] for row in rows}
    assert captions == {n: f'"{i}", {IDS.index(i)}' for i, n in names(out / "mine").items()}


def test_av_benchmarks_list_has_no_captions_that_pandas_takes_for_none(
    clips: Path, tmp_path: Path
) -> None:
    captions = tmp_path / "c.jsonl"
    texts = ("NA", "null", "-rain", "=1+1", " ")
    listed(captions, *({"id": i, "caption": t} for i, t in zip(IDS, texts, strict=True)))
    done = run(clips / "mine", tmp_path / "out", "av-benchmark", captions=captions)
    frame = pd.read_csv(tmp_path / "out" / "mine" / "av-benchmark.csv")
    assert sorted(frame["caption"]) == ["-rain", "=1+1"]
    assert "mine: 3 clips have no caption that the tool reads" in done.notes


def test_javisbench_finds_a_video_and_a_sound_for_each_row(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    # other ids in another order: real clips are found by id, not by number
    fewer = listed(
        tmp_path / "real.jsonl",
        *({"file": str(clips / "real" / f"{n}.mp4"), "id": n} for n in ("clip", "-abc")),
    )
    done = run(clips / "mine", out, "javisbench", reference=fewer)
    frame = pd.read_csv(out / "mine" / "javisbench.csv", dtype={"id": str})
    for i in range(len(frame)):
        assert (out / "mine" / f"sample_{i:04d}.mp4").is_file()
        assert (out / "mine" / f"sample_{i:04d}.wav").is_file()
    assert dict(zip(frame["id"], names(out / "mine").values(), strict=True)) == names(out / "mine")
    real = frame.set_index("id")["path"].dropna()
    assert {i: Path(p).stem for i, p in real.items()} == names(out / "reference")
    assert "mine: 3 clips have no real clip of their id" in done.notes


def test_fastvideo_pairs_by_place_and_further_real_clips_come_last(
    clips: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    rows = ({"file": f"mine/{n}.mp4", "id": n, "system": "some"} for n in ("Clip", "-abc"))
    some = listed(clips / "some.jsonl", *rows)
    run(some, out, "fastvideo", reference=clips / "real")
    found = json.loads((out / "some" / "fastvideo.json").read_text())
    assert all(
        (out / file).is_file() for key in found if key != "text_prompts" for file in found[key]
    )
    assert len(found["video"]) == len(found["audio"]) == len(found["text_prompts"]) == 2
    assert len(found["reference"]) == len(found["reference_audio"]) == 5
    stems = [[Path(f).stem for f in found[key]] for key in ("video", "reference")]
    assert stems[0] == stems[1][:2] == [names(out / "some")[n] for n in ("Clip", "-abc")]


def test_fastvideo_pairs_no_clip_with_a_real_one_of_another_id(clips: Path, tmp_path: Path) -> None:
    rows = ({"file": f"real/{n}.mp4", "id": n} for n in ("clip", "0001"))
    real = listed(clips / "two.jsonl", *rows)
    run(clips / "mine", tmp_path / "out", "fastvideo", reference=real)
    found = json.loads((tmp_path / "out" / "mine" / "fastvideo.json").read_text())
    pairs = zip(found["video"], found["reference"], strict=False)
    assert [Path(v).stem for v, _ in pairs] == [Path(r).stem for r in found["reference"]]
    assert len(found["reference"]) == 2
    assert len(found["video"]) == 5


# --- clips -------------------------------------------------------------------------------------


def test_files_in_the_right_form_are_copied_and_sounds_decoded(clips: Path, tmp_path: Path) -> None:
    done = run(clips / "mine", tmp_path / "out", "javisbench")
    assert done.ways == {"copied": 6, "encoded": 4}
    first = clips / "mine" / "-abc"
    for ending in (".mp4", ".wav"):
        copy = tmp_path / "out" / "mine" / f"sample_0000{ending}"
        assert copy.read_bytes() == first.with_suffix(ending).read_bytes()
    inside = Recording(clips / "mine" / "0001.mp4")
    apart = Recording(
        tmp_path / "out/mine/sample_0001.mp4", 0.0, tmp_path / "out/mine/sample_0001.wav"
    )
    one, other = media.read(inside, SPEC), media.read(apart, SPEC)
    np.testing.assert_allclose(other.audio, one.audio, atol=1 / 32768)


def test_links_lead_to_the_originals(clips: Path, tmp_path: Path) -> None:
    done = run(clips / "mine", tmp_path / "out", "fastvideo", link=True)
    assert done.ways == {"linked": 6, "encoded": 4}
    assert (tmp_path / "out" / "mine" / "-abc.mp4").resolve() == clips / "mine" / "-abc.mp4"


def test_the_command_of_a_tool_can_be_pasted(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "my export"
    (use,) = run(clips / "mine", out, "av-benchmark").use
    assert f"{out}/mine" in shlex.split(use)


def test_of_a_longer_file_the_judged_part_is_exported(tmp_path: Path) -> None:
    write_clip(tmp_path / "long.mp4", make_clip(0))
    clip = ExportClip("a", "", Recording(tmp_path / "long.mp4"), "", seconds=0.5)
    ClipWriter().write(Job(clip, tmp_path / "a"))
    assert media.duration(tmp_path / "a.mp4") == pytest.approx(0.5, abs=0.01)


def test_a_part_of_another_container_with_odd_sides_is_encoded(tmp_path: Path) -> None:
    sound = [(0.0, movies.sound(2.0, bursts=(0.5, 1.5)))]
    movies.write(tmp_path / "m.mkv", movies.frames(48, (97, 129)), audio=sound)
    source = listed(tmp_path / "m.jsonl", {"file": "m.mkv", "start": 1.0, "id": "a", "system": "s"})
    assert run(source, tmp_path / "out", "av-benchmark").ways == {"encoded": 2}
    clip = media.read_native(Recording(tmp_path / "out/s/a.mp4", 0.0, tmp_path / "out/s/a.wav"))
    assert clip.video.shape[1:] == (96, 128, 3)
    assert movies.numbers(clip.video) == list(range(24, 48))
    assert movies.burst_times(clip.audio, clip.spec.sample_rate) == [0.5]


def test_a_varying_frame_rate_becomes_even_and_frames_keep_their_times(tmp_path: Path) -> None:
    times = [0.0, 0.11, 0.26, 0.3, 0.42, 0.55, 0.69, 0.8]
    movies.write(
        tmp_path / "m.mkv", movies.frames(8), times=times, audio=[(0.0, movies.sound(1.0))], fps=10
    )
    source = listed(tmp_path / "m.jsonl", {"file": "m.mkv", "id": "a", "system": "s"})
    run(source, tmp_path / "out", "av-benchmark")
    before = media.read_native(Recording(tmp_path / "m.mkv"))
    after = media.read_native(Recording(tmp_path / "out/s/a.mp4", 0.0, tmp_path / "out/s/a.wav"))
    for time, picture in zip(after.frame_times, after.video, strict=True):
        nearest = int(np.argmin(np.abs(before.frame_times - time)))
        assert movies.number(picture) == movies.number(before.video[nearest])


def test_every_sample_rate_has_an_mp4(tmp_path: Path) -> None:
    for rate in (10000, 16000, 100000):
        spec = type(SPEC)(8, 8.0, (32, 32), rate)
        path = tmp_path / f"{rate}.mp4"
        writing.encode(path, make_clip(spec=spec))
        assert abs(media.duration(path) - 1) < 0.01


# --- runs --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judged(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of `svbench score` on the clips."""
    from svbench.api import score

    out = tmp_path_factory.mktemp("runs") / "run"
    metrics = ["av-align-corrected@published"]
    score(clips / "mine", reference=clips / "real", out=out, metrics=metrics, frames=8, fps=8.0,
          size=(32, 32), workers=1)  # fmt: skip
    return out


@pytest.mark.parametrize("tool", TOOLS)
def test_an_export_read_back_scores_as_its_run_did(
    tool: str, judged: Path, tmp_path: Path, svbench: Command
) -> None:
    out = tmp_path / "out"
    outcome = svbench("data", "export", judged, out, "--as", tool, "--workers", 1)
    assert outcome.code == 0, outcome.err
    assert f"10 clips in {out} (files: 11 copied, 9 encoded)" in outcome.out
    lists = [out / folder / "metadata.jsonl" for folder in ("mine", "reference")]
    metric = ("--metrics", "av-align-corrected@published")
    shape = ("--frames", 8, "--fps", 8, "--size", 32, "--workers", 1, "--out", tmp_path / "run")
    again = svbench("score", lists[0], "--reference", lists[1], *metric, *shape)
    assert again.code == 0, again.err
    before, after = (
        json.loads((r / "results.json").read_text()) for r in (judged, tmp_path / "run")
    )
    for one, other in zip(before["rows"], after["rows"], strict=True):
        assert one["system"] == other["system"]
        for name, score in one["scores"].items():
            assert other["scores"][name]["value"] == pytest.approx(score["value"], abs=0.05)
    requests = [
        {json.loads(line)["id"]: json.loads(line)["caption"] for line in text.splitlines()}
        for text in ((r / "requests.jsonl").read_text() for r in (judged, tmp_path / "run"))
    ]
    assert requests[0] == requests[1]


def test_clips_of_a_store_are_encoded_and_their_sound_is_kept_in_16_bits(
    tmp_path: Path, svbench: Command
) -> None:
    from svbench.files.results import load_table
    from svbench.files.store import Store

    words = (
        "--dataset",
        "greatesthits",
        "--limit",
        2,
        "--repeats",
        1,
        "--systems",
        "real,shuffled",
    )
    made = svbench(
        "run",
        *words,
        "--metrics",
        "av-align-corrected@published",
        "--workers",
        1,
        "--out",
        tmp_path / "run",
    )
    assert made.code == 0, made.err
    out = tmp_path / "out"
    run(tmp_path / "run", out, "javisbench")
    spec = load_table(tmp_path / "run").spec
    stored = Store(tmp_path / "run").load_set("shuffled", spec)
    record = json.loads((out / "export.json").read_text())
    assert record["source"]["settings"]["config"]["dataset"] == "greatesthits"
    assert [one["folder"] for one in record["sets"]] == ["shuffled", "reference"]
    for number, sample in enumerate(stored.samples):
        stem = out / "shuffled" / f"sample_{number:04d}"
        clip = media.read_lossless(sample.recording.path, spec)
        back = media.read(Recording(stem.with_suffix(".mp4"), 0.0, stem.with_suffix(".wav")), spec)
        np.testing.assert_allclose(back.audio, clip.audio, atol=0.51 / 32768)
        assert np.abs(back.video.astype(int) - clip.video).mean() < 4


# --- what stands -------------------------------------------------------------------------------


@pytest.mark.parametrize("tool", TOOLS)
def test_bytes_depend_on_no_number_of_workers(tool: str, clips: Path, tmp_path: Path) -> None:
    for workers in (1, 2, 3):
        run(clips / "mine", tmp_path / "out", tool, workers=workers, reference=clips / "real")
        (tmp_path / "out").rename(tmp_path / str(workers))
    assert bytes_of(tmp_path / "1") == bytes_of(tmp_path / "2") == bytes_of(tmp_path / "3")


def test_a_stopped_export_goes_on_and_a_deleted_file_is_made_again(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(clips / "mine", tmp_path / "whole", "fastvideo")
    out, encode = tmp_path / "out", media.write_wav
    calls: list[Path] = []

    def failing(path: Path, *rest: Any) -> None:
        calls.append(path)
        if len(calls) == 3:
            raise KeyboardInterrupt
        encode(path, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(media, "write_wav", failing)
        with pytest.raises(KeyboardInterrupt):
            run(clips / "mine", out, "fastvideo")
    assert json.loads((out / "export.json").read_text())["complete"] is False
    kept = {path: path.stat().st_mtime_ns for path in out.rglob("*.wav")}
    run(clips / "mine", out, "fastvideo")
    assert bytes_of(out) == bytes_of(tmp_path / "whole")
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    (out / "mine" / "-abc.mp4").unlink()
    run(clips / "mine", out, "fastvideo")
    assert bytes_of(out) == bytes_of(tmp_path / "whole")


def test_what_was_changed_is_refused_and_not_overwritten(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(clips / "mine", out, "av-benchmark")
    for name in ("-abc.wav", "av-benchmark.csv", "metadata.jsonl"):
        file = out / "mine" / name
        before = file.read_bytes()
        file.write_bytes(before + b"x")
        with pytest.raises(DataError, match=rf"mine/{name}: changed since the export; move it"):
            run(clips / "mine", out, "av-benchmark")
        assert file.read_bytes() == before + b"x"
        file.write_bytes(before)


def test_a_folder_that_holds_anything_else_is_refused(clips: Path, tmp_path: Path) -> None:
    (tmp_path / "taken" / "mine").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"OUT .*taken: found mine there, but no export\.json"):
        run(clips / "mine", tmp_path / "taken", "fastvideo")
    run(clips / "mine", tmp_path / "out", "fastvideo")
    with pytest.raises(ConfigError, match=r"differs in tool \(was 'fastvideo', is 'javisbench'\)"):
        run(clips / "mine", tmp_path / "out", "javisbench")
    with pytest.raises(ConfigError, match=r"differs in sets \(system was 'mine', is 'real'\)"):
        run(clips / "real", tmp_path / "out", "fastvideo")
    captions = listed(tmp_path / "c.jsonl", *({"id": i, "caption": "other"} for i in IDS))
    with pytest.raises(ConfigError, match=r"differs in sets \(digest was '"):
        run(clips / "mine", tmp_path / "out", "fastvideo", captions=captions)


def test_clips_that_fail_are_named_and_all_others_are_written(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = media.read_sound

    def failing(recording: Recording) -> Any:
        if recording.path.stem == "0001":
            raise DataError(f"{recording.path}: broken")
        return read(recording)

    monkeypatch.setattr(media, "read_sound", failing)
    with pytest.raises(DataError) as caught:
        run(clips / "mine", tmp_path / "out", "javisbench")
    assert str(caught.value).splitlines() == [
        f"{clips / 'mine' / '0001.mp4'}: broken",
        "1 of 5 clips are not exported; mend them, then run the same command again",
    ]
    assert len(list((tmp_path / "out" / "mine").glob("*.wav"))) == 4


BAD = {
    "no such tool": (["--as", "vbench"], 2, "--as: found 'vbench', expected av-benchmark or jav"),
    "no such system": (["--systems", "x"], 2, "--systems: found 'x', expected some of mine"),
    "no list": (["--reference-clips", "x"], 2, "--reference-clips: found it where it has no eff"),
    "no reference": (["--reference", "gone"], 3, "gone: found no such thing, expected a folder of"),
}


@pytest.mark.parametrize("kind", BAD)
def test_wrong_options_are_one_line(
    kind: str, clips: Path, tmp_path: Path, svbench: Command
) -> None:
    words, code, message = BAD[kind]
    where = (clips / "mine", tmp_path / "out", "--as", "fastvideo", "--workers", 1)
    assert svbench("data", "export", *where, *words).problem(code).startswith(message)
    assert not (tmp_path / "out").exists()


def test_an_export_is_not_written_among_the_clips(clips: Path, svbench: Command) -> None:
    for out in (clips / "mine", clips / "mine" / "sub", clips / "real" / "x"):
        words = (clips / "mine", out, "--as", "fastvideo", "--reference", clips / "real")
        message = svbench("data", "export", *words).problem(2)
        assert message.startswith(
            f"OUT {out}: found it inside {out if out.name == 'mine' else out.parent}"
        )
