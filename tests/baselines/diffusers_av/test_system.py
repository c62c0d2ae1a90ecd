"""Pipelines as rows, at tiny size with random weights: saved, loaded, generated, resumed.

Every joint family that svbench knows is built; those of one class's kin by one of them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest

from svbench.baselines.diffusers_av.folder import Folder, find_folders
from svbench.baselines.diffusers_av.pipelines import Asked, Pipeline
from svbench.baselines.diffusers_av.system import DiffusersSystem
from svbench.compute import Machine, digest_file
from svbench.engines.local import Local
from svbench.errors import DataError, StoppedError
from svbench.files.media.picture import cover
from svbench.files.store import Store
from svbench.protocols import BatchedSystem
from svbench.types import Clip, ClipSpec, NotMade, Request, SampleSet
from svbench.walk.generate import generate

SPEC = ClipSpec(frames=4, fps=8.0, size=(32, 32), sample_rate=16000)  # 0.5 s
REQUESTS = [Request(f"c{n}/0", f"a dog barks{' twice' * n}", 5 + 1000 * n) for n in range(3)]
JOINT = (
    *("LTX2Pipeline", "LTX25ModularPipeline", "EchoModularPipeline", "Kandinsky6TI2VAPipeline"),
    *("Cosmos3OmniPipeline", "MiniMaxH3ModularPipeline"),
)
BATCHED = ("LTX2Pipeline", "Kandinsky6TI2VAPipeline")

Tiny = Callable[[str], Path]


def digests(folder: Folder) -> Mapping[str, str]:
    return {file.name: digest_file(file) for file in folder.files()}


def system(argument: str, batch: int | None = None) -> DiffusersSystem:
    """Return the row of pipelines, with two steps where these can be chosen."""
    folders = find_folders(argument)
    asked = tuple(Asked(2 if folder.family.steps_argument else None) for folder in folders)
    machine = Machine("cpu", threads=1, batch=batch)
    return DiffusersSystem(folders, asked, machine, digests, cover, trained_sizes=False)


def made(of: DiffusersSystem, requests: Sequence[Request] = REQUESTS) -> list[Clip]:
    found = list(of.generate(requests, SPEC))
    of.release()
    assert not [one for one in found if isinstance(one, NotMade)], found
    return [one for one in found if isinstance(one, Clip)]


def equal(a: Clip, b: Clip) -> bool:
    return np.array_equal(a.video, b.video) and np.array_equal(a.audio, b.audio)


@pytest.mark.parametrize("kind", JOINT)
def test_a_joint_family_through_the_walk_resumes_to_equal_bytes(
    kind: str, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted behind the first clip; the rest is made by the row that another process gets."""
    row = system(f"{kind}={tiny(kind)}")

    def walk(folder: str, of: DiffusersSystem) -> SampleSet:
        (found,) = generate([(of, REQUESTS)], SPEC, 0, Store(tmp_path / folder), Local(1))
        return found

    whole = walk("whole", row)
    make, made_of = Pipeline.make, list[str]()

    def interrupted(self: Pipeline, prompts: Sequence[str], *others: Any) -> Any:
        if made_of:
            raise KeyboardInterrupt
        made_of.extend(prompts)
        return make(self, prompts, *others)

    with monkeypatch.context() as patch:
        patch.setattr(Pipeline, "make", interrupted)
        with pytest.raises(KeyboardInterrupt):
            walk("stopped", row)
    files = sorted((tmp_path / "stopped").rglob("*.m*"))
    assert len(files) == 1
    before = files[0].stat().st_mtime_ns
    resumed = walk("stopped", cloudpickle.loads(cloudpickle.dumps(row)))
    assert files[0].stat().st_mtime_ns == before  # not made again
    assert [one.digest for one in resumed.samples] == [one.digest for one in whole.samples]
    assert len({one.digest for one in whole.samples}) == len(REQUESTS)
    for one, other in zip(whole.samples, resumed.samples, strict=True):
        assert one.recording.path.read_bytes() == other.recording.path.read_bytes()


@pytest.mark.parametrize("kind", BATCHED)
def test_a_clip_does_not_depend_on_its_batch(kind: str, tiny: Tiny) -> None:
    """Nor on how many it is made with; the size of batches decides the last bits alone."""
    argument = f"{kind}={tiny(kind)}"
    alone = made(system(argument))
    together = made(system(argument, 2))
    assert equal(made(system(argument, 2), REQUESTS[2:])[0], together[2])  # a padded batch
    assert equal(made(system(argument, 2), REQUESTS[1:])[1], together[2])  # another neighbour
    for a, b in zip(alone, together, strict=True):
        assert np.abs(a.video.astype(int) - b.video).max() <= 1  # rounded to 1/255
        assert np.abs(a.audio - b.audio).max() < 1e-6


def test_two_pipelines_make_one_clip(tiny: Tiny) -> None:
    seen, heard = tiny("AnimateDiffPipeline"), tiny("StableAudioPipeline")
    row = system(f"AnimateDiffPipeline={seen}+StableAudioPipeline={heard}")
    first, *_ = made(row, REQUESTS[:1])
    other, *_ = made(row, [Request("c9/0", REQUESTS[0].caption, 77)])
    assert not np.array_equal(first.video, other.video)
    assert not np.array_equal(first.audio, other.audio)
    assert row.title == (
        "AnimateDiff (tiny-AnimateDiffPipeline) + StableAudio (tiny-StableAudioPipeline)"
    )
    assert row.settings["pipeline of picture"] == "AnimateDiffPipeline"
    assert row.settings["native of sound"] == "as long as asked for"


def test_the_row_is_named_and_on_record(tiny: Tiny) -> None:
    row = system(f"LTX2Pipeline={tiny('LTX2Pipeline')}")
    assert isinstance(row, BatchedSystem)
    assert (row.name, row.title) == (
        "LTX2Pipeline-tiny-LTX2Pipeline",
        "LTX2 (tiny-LTX2Pipeline)",
    )
    settings = dict(row.settings)
    assert settings["native"] == (
        "24 frames/s, 8k+1 frames; short side at least 1 px, sides of multiples of 32 px"
    )
    assert settings["sampler"] == "2 steps, its own guidance"
    assert {"weights", "dtype", "device", "threads", "batch", "diffusers"} <= settings.keys()
    assert row.decided_by(REQUESTS[0])["caption"] == "a dog barks"


def test_other_weights_make_other_clips_and_are_noticed(tiny: Tiny, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(tiny("EchoModularPipeline"), folder)
    row = system(f"EchoModularPipeline={folder}")
    before = row.decided_by(REQUESTS[0])
    config = folder / "vocoder" / "config.json"
    config.write_text(config.read_text() + "\n")
    assert system(f"EchoModularPipeline={folder}").decided_by(REQUESTS[0]) != before
    with pytest.raises(DataError, match="found other weights than when the work began"):
        made(row)


def test_what_cannot_be_loaded_is_one_line(tiny: Tiny, tmp_path: Path) -> None:
    for kind, part in (("LTX2Pipeline", "vae"), ("EchoModularPipeline", "transformer")):
        folder = tmp_path / kind
        shutil.copytree(tiny(kind), folder)
        (folder / part / "diffusion_pytorch_model.safetensors").write_bytes(b"half a file")
        with pytest.raises(DataError, match=r"cannot load it \(.*\), expected a") as caught:
            made(system(f"{kind}={folder}"))
        assert "\n" not in str(caught.value)
        shutil.rmtree(folder / part)
    with pytest.raises(DataError, match="found no folder transformer, expected one there"):
        made(system(f"EchoModularPipeline={tmp_path / 'EchoModularPipeline'}"))


def test_a_clip_that_cannot_be_made_is_named_and_the_others_are_made(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Pipeline.make

    def refuse(self: Pipeline, prompts: Sequence[str], *others: Any) -> Any:
        if prompts[0] == REQUESTS[1].caption:
            raise ValueError("unsafe text\nin the prompt")
        return make(self, prompts, *others)

    monkeypatch.setattr(Pipeline, "make", refuse)
    found = list(
        system(f"EchoModularPipeline={tiny('EchoModularPipeline')}").generate(REQUESTS, SPEC)
    )
    assert [isinstance(one, Clip) for one in found] == [True, False, True]
    assert found[1] == NotMade("c1/0", "ValueError: unsafe text in the prompt")


def test_a_batch_that_memory_cannot_hold_is_halved(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, sizes, room = Pipeline.make, list[int](), [1]

    def crowded(self: Pipeline, prompts: Sequence[str], *others: Any) -> Any:
        sizes.append(len(prompts))
        if len(prompts) > room[0]:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to")
        return make(self, prompts, *others)

    monkeypatch.setattr(Pipeline, "make", crowded)
    row = system(f"LTX2Pipeline={tiny('LTX2Pipeline')}", 4)
    assert len(made(row, REQUESTS[:2])) == 2
    assert sizes == [4, 2, 1, 1]
    room[0] = 0
    with pytest.raises(StoppedError, match="one clip at a time does not fit into the memory"):
        made(row)
