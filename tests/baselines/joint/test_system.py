"""The joint model as a system: seeds, batches, memory, settings, and the walk on real files."""

from __future__ import annotations

import json
import logging
import pickle
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from svbench.baselines.checkpoints import find as released
from svbench.baselines.joint import sampling
from svbench.baselines.joint.model import JointModel
from svbench.baselines.joint.pair import Pair
from svbench.baselines.joint.sampler_settings import SamplerSettings
from svbench.baselines.joint.system import Joint, Recipe, recipe
from svbench.compute import Machine
from svbench.datasets import greatesthits
from svbench.errors import ConfigError, DataError, StoppedError
from svbench.types import Clip, ClipSpec, Request
from tests.factories.clips import make_clip, write_clip
from tests.factories.commands import Command
from tests.factories.model_folders import SPEC, write_parts

QUICK = Recipe(SamplerSettings(steps=2), "")
REQUESTS = [Request(f"e{i}/0", caption, 100 + i) for i, caption in enumerate(("a", "log", "cup"))]


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Use one core: networks this small only wait for each other on more."""
    usual = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(usual)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_parts(tmp_path_factory.mktemp("model"))


def system(
    folder: Path,
    batch: int = 1,
    made: Recipe = QUICK,
    *,
    compiled: bool = False,
    **machine: Any,
) -> Joint:
    where = Machine(**{"device": "cpu", "batch": batch, **machine})
    return Joint("cmc-pe", released.find_model(folder), made, where, compiled=compiled)


def made(by: Joint, requests: Sequence[Request] = REQUESTS, spec: ClipSpec = SPEC) -> list[Clip]:
    return list(by.generate(requests, spec))


def same(one: Clip, other: Clip) -> bool:
    return np.array_equal(one.video, other.video) and np.array_equal(one.audio, other.audio)


@pytest.mark.parametrize("batch", [1, 2])
def test_a_clip_depends_on_its_request_alone(folder: Path, batch: int) -> None:
    by = system(folder, batch)
    together = made(by)
    again = [made(by, [request])[0] for request in reversed(REQUESTS)]
    assert all(same(a, b) for a, b in zip(together, reversed(again), strict=True))
    assert not same(together[0], together[1])
    other = made(by, [replace(REQUESTS[0], seed=7)])[0]
    assert not same(together[0], other)
    recaptioned = made(by, [replace(REQUESTS[0], caption="drum")])[0]
    assert not same(together[0], recaptioned)


def test_batches_are_made_when_they_are_consumed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    sample = sampling.sample

    def recorded(joint: Any, start: Any, *others: Any, **how: Any) -> Any:
        sizes.append(len(start.audio))
        return sample(joint, start, *others, **how)

    monkeypatch.setattr(sampling, "sample", recorded)
    clips = system(folder, 2).generate(REQUESTS, SPEC)
    next(clips)
    assert sizes == [2]
    assert len(list(clips)) == 2
    assert sizes == [2, 2]  # the last is padded


def test_short_memory_halves_the_batch_with_a_warning(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sampling, "sample", _holding(1, sampling.sample))
    by = system(folder, 4)
    with caplog.at_level(logging.WARNING):
        clips = made(by)
    assert all(same(a, b) for a, b in zip(clips, made(system(folder)), strict=True))
    assert [r.getMessage().partition(", which")[0].rpartition(" ")[2] for r in caplog.records] == [
        "2",
        "1",
    ]


def test_no_memory_at_all_is_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "sample", _holding(0, sampling.sample))
    with pytest.raises(StoppedError, match=r"one clip at a time does not fit .*bfloat16") as caught:
        made(system(folder))
    assert "\n" not in str(caught.value)


def test_a_model_that_does_not_fit_is_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(released.Found, "load", full)
    with pytest.raises(StoppedError, match="the model does not fit into the memory of cpu"):
        made(system(folder, 8))


def _holding(most: int, sample: Callable[..., Any]) -> Callable[..., Any]:
    def short(joint: Any, start: Any, *others: Any, **how: Any) -> Any:
        if len(start.audio) > most:
            raise torch.OutOfMemoryError("out of memory\ntried to allocate")
        return sample(joint, start, *others, **how)

    return short


def test_guidance_takes_the_negative_caption(folder: Path) -> None:
    negative = Recipe(QUICK.sampler, "bad quality")
    assert not same(made(system(folder))[0], made(system(folder, made=negative))[0])
    unguided = replace(QUICK.sampler, guidance=Pair(1.0, 1.0))
    one, other = (Recipe(unguided, negative) for negative in ("", "bad quality"))
    assert same(made(system(folder, made=one))[0], made(system(folder, made=other))[0])


def test_the_two_presets_differ_as_paper_and_code_do() -> None:
    paper, code = recipe("paper"), recipe("official-code")
    assert (paper.sampler.steps, paper.sampler.timestep_map, paper.negative) == (25, "eq8", "")
    assert (code.sampler.steps, code.sampler.timestep_map) == (50, "official")
    assert code.negative == "bad quality, worse quality"
    for preset in (paper, code):
        assert preset.sampler.gamma == 1.5
        assert preset.sampler.guidance == Pair(2.5, 7.5)
    changed = recipe("official-code", steps=7, gamma=1.0).sampler
    assert (changed.steps, changed.gamma, changed.timestep_map) == (7, 1.0, "official")
    with pytest.raises(ConfigError, match="--preset: found 'x', expected one of paper, official"):
        recipe("x")


def test_the_settings_hold_all_that_the_clips_depend_on(folder: Path) -> None:
    by = system(folder, 2)
    assert (by.name, by.title, by.made_of_real_clips) == (
        "cmc-pe-gamma1.5",
        "CMC-PE, gamma 1.5",
        False,
    )
    usual = dict(by.settings)
    assert usual["mixer"] == "cmc-pe"
    assert usual["guidance"] == "sound 2.5, video 7.5"
    assert all(isinstance(value, str | int | float) for value in usual.values())
    others = [
        system(folder, 3),
        system(folder, 2, dtype="bfloat16"),
        system(folder, 2, compiled=True),
        system(folder, 2, Recipe(SamplerSettings(3), "")),
        system(folder, 2, Recipe(SamplerSettings(2, 1.25), "")),
        system(folder, 2, Recipe(SamplerSettings(2, timestep_map="official"), "")),
        system(folder, 2, Recipe(SamplerSettings(2, guidance=Pair(3.0, 7.5)), "")),
        system(folder, 2, Recipe(SamplerSettings(2), "bad")),
    ]
    assert all(dict(other.settings) != usual for other in others)


def test_the_settings_follow_the_weights(folder: Path, tmp_path: Path) -> None:
    other = write_parts(tmp_path, seed=1)
    assert system(folder).settings["weights"] != system(other).settings["weights"]


def test_nothing_is_loaded_before_it_is_needed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads = []
    load = released.Found.load

    def counted(self: released.Found, *arguments: Any) -> JointModel:
        loads.append(self)
        return load(self, *arguments)

    monkeypatch.setattr(released.Found, "load", counted)
    by = system(folder)
    assert by.settings
    assert not loads
    (first, *_) = made(by)
    made(by)
    assert len(loads) == 1
    by.release()
    assert same(made(by)[0], first)
    assert len(loads) == 2


def test_weights_that_were_replaced_meanwhile_are_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "model")
    by = system(tmp_path / "model")
    assert by.settings
    with (tmp_path / "model" / "joint" / "config.json").open("a") as file:
        file.write("\n")
    with pytest.raises(DataError, match="found other weights than when the work began"):
        made(by)


def test_it_is_pickled_without_what_was_loaded(folder: Path) -> None:
    by = system(folder)
    clips = made(by, REQUESTS[:1])
    pickled = pickle.dumps(by)
    assert len(pickled) < 100_000
    assert same(made(pickle.loads(pickled), REQUESTS[:1])[0], clips[0])


def test_half_precision_gives_nearly_the_same_clip(folder: Path) -> None:
    (exact,), (rough,) = (
        made(system(folder, dtype=dtype), REQUESTS[:1]) for dtype in ("float32", "bfloat16")
    )
    off = np.abs(exact.video.astype(float) - rough.video).mean()
    assert 0 < off < 8


def test_compiled_blocks_are_still_conditioned(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = []

    def traced(forward: Callable[..., Any]) -> Callable[..., Any]:
        compiled.append(forward)
        return forward

    plain = made(system(folder), REQUESTS[:1])
    monkeypatch.setattr(torch, "compile", traced)
    assert same(made(system(folder, compiled=True), REQUESTS[:1])[0], plain[0])
    assert len(compiled) == 2 * 5 + 2 + 2 * 4  # blocks of both U-Nets, connectors, mixers


def test_a_device_that_is_not_there_is_one_line(folder: Path) -> None:
    with pytest.raises(ConfigError, match="--device: found 'gpu'"):
        system(folder, device="gpu")


# --- the walk ----------------------------------------------------------------------------------


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Write two segments in the form of the Greatest Hits."""
    root = tmp_path / "data"
    lines = []
    for number in range(2):
        name = f"2015-02-16-16-49-0{number}_denoised_thumb-000.mp4"
        write_clip(root / name, make_clip(number, replace(greatesthits.SPEC, size=(64, 64))))
        lines.append(f"{name},a person is hitting a log\n")
    (root / "flist_test.csv").write_text("".join(lines))
    return root


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Score the data set at 64 x 64 px, in a sixteenth of the time."""
    monkeypatch.setattr(greatesthits, "SPEC", replace(greatesthits.SPEC, size=(64, 64)))


def words(data: Path, out: Path, *more: object) -> tuple[object, ...]:
    usual = ("run", "--dataset", "greatesthits", "--scale", "paper", "--data-root", data)
    metrics = ("--metrics", "av-align-corrected@published", "--workers", 2)
    return (*usual, *metrics, "--steps", 2, "--device", "cpu", "--out", out, *more)


@pytest.mark.usefixtures("small")
def test_the_walk_ends_in_a_table(
    svbench: Command, data: Path, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    command = words(data, out, "--weights", folder)
    outcome = svbench(*command)
    assert outcome.code == 0, outcome.err
    table = json.loads((out / "results.json").read_text())
    assert [row["system"] for row in table["rows"]] == [
        *("real", "shuffled", "lagged"),
        *(f"cmc-pe-gamma{gamma}" for gamma in ("1", "1.25", "1.5", "1.75", "2")),
    ]
    assert table["rows"][-1]["settings"]["steps"] == "2"
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*.mkv")}
    assert len(before) == 8 * 2
    assert svbench(*command).code == 0
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*.mkv")} == before
    assert svbench(*command, "--gamma", "1.25").code == 0  # a smaller table, from what is there
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*.mkv")} == before
    changed = svbench(*command, "--steps", "3").problem(2)
    assert "its clips of cmc-pe-gamma1 were made otherwise (steps was 2, is 3)" in changed


def test_without_weights_the_error_names_what_to_download(
    svbench: Command, data: Path, tmp_path: Path
) -> None:
    command = words(data, tmp_path / "run", "--systems", "cmc-pe,real")
    problem = svbench(*command).problem(3)
    assert problem.startswith("--systems cmc-pe: found no weights of it, expected --weights FOLDER")
    assert problem.endswith(
        "hf download cvssp/audioldm-m-full; hf download SG161222/Realistic_Vision_V5.1_noVAE; "
        "hf download guoyww/animatediff-motion-adapter-v1-5-2"
    )


def test_weights_of_the_other_mixer_are_refused(
    svbench: Command, data: Path, folder: Path, tmp_path: Path
) -> None:
    more = ("--systems", "cross-attention", "--weights", folder)
    problem = svbench(*words(data, tmp_path / "run", *more)).problem(3)
    assert problem.startswith("--systems cross-attention: found no weights")
    more = ("--weights", f"cross-attention={folder}")
    problem = svbench(*words(data, tmp_path / "run", *more)).problem(3)
    assert problem.endswith("found a joint model of cmc-pe, expected cross-attention")


def test_the_miniature_takes_weights_of_its_own_alone(svbench: Command, tmp_path: Path) -> None:
    command = ("run", "--dataset", "greatesthits", "--out", tmp_path, "--weights", "folder")
    problem = svbench(*command).problem(3)
    assert problem.startswith("--weights folder: found no joint weights of the miniature")


def test_an_absent_folder_is_named_before_clips_are_read(
    svbench: Command, data: Path, tmp_path: Path
) -> None:
    command = words(data, tmp_path / "run", "--weights", tmp_path / "nowhere")
    assert "found no joint model" in svbench(*command).problem(3)
    with pytest.raises(DataError):
        released.find_model(tmp_path / "nowhere")
