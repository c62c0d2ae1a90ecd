"""The command `svbench caption`, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from svbench.captioning import settings
from svbench.cli import caption
from tests.factories.chat_models import write_llava
from tests.factories.clips import make_clip, write_clip
from tests.factories.commands import Command


@pytest.fixture(scope="module")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_llava(tmp_path_factory.mktemp("models") / "llava")


def test_clips_are_captioned_and_their_list_is_read_by_score(
    svbench: Command, llava: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "clips"
    for name in ("a b", "c,d"):
        write_clip(folder / f"{name}.mp4", make_clip(1))
    (folder / "notes.txt").write_text("mine")
    out = tmp_path / "lists" / "captions.csv"
    words = ("caption", folder, "--model", llava, "--out", out, "--frames", 2, "--seconds", 1)
    done = svbench(*words, "--max-new-tokens", 3, "--workers", 1, "--device", "cpu")
    assert done.code == 0, done.err
    assert done.out.splitlines() == [
        f"captions of 2 clips, 2 of them new: {out}",
        f"how they were made: {out}.json",
    ]
    passed, prompt = done.notes
    assert passed == "clips: passed over 1 of other endings (notes.txt)"
    assert prompt.endswith(settings.PAPER_PROMPT)
    again = svbench(*words, "--max-new-tokens", 3, "--device", "cpu")
    assert again.out.startswith("captions of 2 clips, 0 of them new")
    assert json.loads(Path(f"{out}.json").read_text())["settings"]["max_new_tokens"] == 3
    other = svbench(*words, "--prompt", "What?", "--max-new-tokens", 3, "--device", "cpu")
    assert "made with prompt What is being hit" in other.problem(2)
    scored = svbench(
        *(
            "score",
            folder,
            "--reference",
            folder,
            "--captions",
            out,
            "--metrics",
            "av-align-corrected",
        ),
        *("--frames", 8, "--size", 32, "--out", tmp_path / "run", "--workers", 1),
    )
    assert scored.code == 0, scored.err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ((), "CLIPS, --dataset: found neither, expected one of them"),
        (("clips", "--dataset", "landscape"), "CLIPS, --dataset: found both"),
        (("clips", "--split", "train"), "--split: found it where it has no effect"),
        (("--dataset", "landscape", "--seconds", 2), "--seconds: found it where it has no effect"),
        (("--dataset", "landscape"), "--data-root: not given"),
        (("clips", "--prompt", " "), "--prompt: found an empty text"),
        (("clips", "--frames", 0), "--frames: found '0', expected a whole number, 1 to 256"),
        (("clips", "--dtype", "int8"), "dtype: found 'int8'"),
    ],
)
def test_wrong_options_are_one_line(
    words: tuple[object, ...], line: str, svbench: Command, tmp_path: Path
) -> None:
    found = svbench("caption", *words, "--out", tmp_path / "list.csv").problem(2)
    assert line in found
    assert not list(tmp_path.iterdir())


def test_a_missing_model_is_one_line_before_any_clip_is_read(
    svbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.mp4").write_bytes(b"no video")
    line = svbench("caption", tmp_path / "clips", "--out", tmp_path / "a.csv").problem(3)
    assert line.endswith(f"get it by: hf download {settings.PAPER_MODEL}")


def test_the_defaults_are_those_of_python() -> None:
    usual = settings.CaptionSettings()
    made = caption.ModelOptions().settings()
    assert (made.model, made.prompt) == (usual.model, usual.prompt)
    assert (made.frames, made.max_new_tokens, made.batch) == (usual.frames, usual.max_new_tokens, 1)
