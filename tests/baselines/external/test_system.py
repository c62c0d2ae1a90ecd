"""External systems as rows: clips in order, faults named, nothing lost, nothing left."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest

from svbench.baselines.external import driver_process
from svbench.baselines.external.given import OfOtherSystem, OfRealClips
from svbench.baselines.external.places import own_place
from svbench.baselines.external.system import External
from svbench.compute import CPU
from svbench.errors import ConfigError
from svbench.files import media
from svbench.files.store import file_name
from svbench.protocols import BatchedSystem, CompletingSystem
from svbench.types import Clip, ClipSpec, NotMade, Recording, Request, Sample
from tests.factories.clips import SPEC, make_clip
from tests.factories.external_systems import traced, write_system
from tests.factories.processes import PATIENCE, lives, until

REQUESTS = [Request(f"c{n}/0", f"caption {n}", 5 + 1000 * n) for n in range(6)]


class RealOnes:
    """Real clips c0 to c5."""

    examples = tuple(request.example for request in REQUESTS)

    def read(self, example: str, spec: ClipSpec) -> Clip:
        return make_clip(int(example[1:]), spec)

    def digest(self, example: str) -> str:
        return f"digest of {example}"


def system(path: Path, mode: str = "faithful", **changes: Any) -> External:
    return External(own_place(path), mode, CPU, media, {}, file_name, **changes)


def made(of: External, requests: Sequence[Request] = REQUESTS) -> list[Clip | NotMade]:
    try:
        return list(of.generate(requests, SPEC))
    finally:
        of.release()


def levels(found: Sequence[Clip | NotMade]) -> list[int | None]:
    """Return the brightness of the first frame of each clip; None where there is none."""
    return [None if isinstance(one, NotMade) else int(one.video[0, 0, 0, 0]) for one in found]


def reasons(found: Sequence[Clip | NotMade]) -> dict[str, str]:
    return {one.request_id: one.reason for one in found if isinstance(one, NotMade)}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[int | None]:
    """Return what a system without faults makes."""
    found = levels(made(system(write_system(tmp_path_factory.mktemp("whole")))))
    assert None not in found
    assert len(set(found)) == len(REQUESTS)
    return found


def test_a_model_is_loaded_once_however_many_shards_there_are(tmp_path: Path) -> None:
    path = write_system(tmp_path)
    one = system(path)
    assert isinstance(one, BatchedSystem)
    assert isinstance(one, CompletingSystem)
    for request in REQUESTS:
        clips = one.generate([request], SPEC)
        assert next(clips)  # and no further, as the walk does
        del clips
    assert len(traced(path, "start")) == 1
    one.release()
    assert not lives(int(traced(path, "start")[0]))
    assert len(made(one)) == len(REQUESTS)  # it is started again where more is asked for
    assert len(traced(path, "start")) == 2


def test_a_clip_does_not_depend_on_its_batch(tmp_path: Path, whole: list[int | None]) -> None:
    for batch in (2, 4, 8):
        assert levels(made(system(write_system(tmp_path, batch=batch)))) == whole


FAULTS = {
    "crash": r"its driver ended with exit code 11 \(Segmentation fault \(for show\)\)",
    "killed": "its driver was killed by signal 9",
    "hang": r"its driver showed no progress for 1 s",
    "garbage": "its driver wrote '100%.*' as a reply, expected a JSON object",
    "escape": "its driver named .* as video, expected a file below out",
    "raise": "^ValueError: no peaks in this sound$",
    "half": r"c2_0-\w+.y4m: found no video frames, expected 8",
    "empty": r"c2_0-\w+.y4m: found an empty file \(0 bytes\), expected a clip",
    "short": r"c2_0-\w+.y4m: video ends at 0.250 s, expected 1.000 s",
}


def wait_for_hangs_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the time of a driver be over as soon as it hangs, and not before, however slow it is."""
    wait, over = driver_process._wait, list[float]()

    def hangs() -> bool:
        return len(traced(path, "hang")) > len(over)

    def patient(file: Any, event: int, limit: float) -> bool:
        until(lambda: wait(file, event, 0.01) or hangs())
        ready = wait(file, event, 0.0)
        if not ready:
            over.append(limit)
        return ready

    monkeypatch.setattr(driver_process, "_wait", patient)


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_costs_the_sample_that_has_it_alone(
    fault: str,
    batch: int,
    tmp_path: Path,
    whole: list[int | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits = {"start": PATIENCE, "sample": 1.0 if fault == "hang" else PATIENCE}
    settings = {"fault": fault, "at": "c2"}
    path = write_system(tmp_path, batch=batch, limits=limits, settings=settings)
    if fault == "hang":
        wait_for_hangs_alone(path, monkeypatch)
    found = made(system(path))
    assert levels(found) == [None if n == 2 else level for n, level in enumerate(whole)]
    (reason,) = reasons(found).values()
    assert re.search(FAULTS[fault], reason), reason
    assert str(tmp_path) not in reason
    assert not any(lives(int(process)) for process in traced(path, "start"))
    tries = [line for line in traced(path, "make") if "c2/0" in line.split()]
    assert len(tries) <= 2


def test_a_crash_that_does_not_come_again_costs_nothing(
    tmp_path: Path, whole: list[int | None]
) -> None:
    path = write_system(tmp_path, batch=4, settings={"fault": "once", "at": "c2"})
    assert levels(made(system(path))) == whole
    assert len(traced(path, "start")) == 2


def test_fewer_samples_are_asked_for_where_memory_is_short(
    tmp_path: Path, whole: list[int | None]
) -> None:
    path = write_system(tmp_path, batch=6, settings={"fault": "memory", "room": 2})
    assert levels(made(system(path))) == whole
    assert [len(line.split()) for line in traced(path, "make")] == [6, 3, 1, 1, 1, 1, 1, 1]


def test_a_sample_for_which_memory_is_short_by_itself_is_named(tmp_path: Path) -> None:
    path = write_system(tmp_path, settings={"fault": "memory", "room": 0})
    found = reasons(made(system(path), REQUESTS[:2]))
    assert set(found.values()) == {"its driver was short of memory (exit code 75)"}


@pytest.mark.parametrize("fault", ["no start", "no torch", "hang at start"])
def test_a_driver_that_does_not_start_is_tried_twice(fault: str, tmp_path: Path) -> None:
    limits = {"start": 0.3 if fault == "hang at start" else PATIENCE}
    path = write_system(tmp_path, limits=limits, settings={"fault": fault})
    one = system(path)
    found = [made_of for request in REQUESTS for made_of in one.generate([request], SPEC)]
    one.release()
    (reason,) = set(reasons(found).values())
    assert reason.startswith("its driver ")
    assert reason.endswith("before it was ready")
    assert len(found) == len(REQUESTS)


def test_a_driver_that_fails_with_sample_after_sample_is_given_up(tmp_path: Path) -> None:
    requests = [Request(f"c{n}/0", "", n) for n in range(9)]
    path = write_system(tmp_path, settings={"fault": "crash", "at": "c"})
    found = reasons(made(system(path), requests))
    assert len(found) == len(requests)
    assert "given up after 5 samples in a row" in found["c8/0"]
    assert len(traced(path, "start")) == 10


def test_threads_take_turns_and_it_can_be_sent_to_another_process(
    tmp_path: Path, whole: list[int | None]
) -> None:
    path = write_system(tmp_path)
    one: External = cloudpickle.loads(cloudpickle.dumps(system(path)))
    found: dict[int, list[Clip | NotMade]] = {}

    def work(n: int) -> None:
        found[n] = list(one.generate([REQUESTS[n]], SPEC))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(len(REQUESTS))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    one.release()
    assert levels([clip for n in range(len(REQUESTS)) for clip in found[n]]) == whole
    assert len(traced(path, "start")) == 1


# --- what it is given --------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["a2v", "v2a"])
def test_one_half_is_made_and_the_other_kept_bit_for_bit(task: str, tmp_path: Path) -> None:
    path = write_system(tmp_path, task=task, given={"length": 2.0})
    one = system(path, given=OfRealClips(RealOnes()))
    assert one.made_of_real_clips
    for request, clip in zip(REQUESTS, made(one), strict=True):
        assert isinstance(clip, Clip)
        real = make_clip(int(request.example[1:]))
        kept, own = ("audio", "video") if task == "a2v" else ("video", "audio")
        assert np.array_equal(getattr(clip, kept), getattr(real, kept))
        assert not np.array_equal(getattr(clip, own), getattr(real, own))
    assert len(traced(path, "given")) == len(REQUESTS)


def test_clips_of_another_system_are_completed(tmp_path: Path) -> None:
    given = Sample("c1/0", "caption", Recording(Path("c1.mkv")), "digest of another's clip")
    other = make_clip(7)

    def read(sample: Sample, _spec: ClipSpec) -> Clip:
        assert sample is given
        return other

    path = write_system(tmp_path, task="a2v")
    one = system(path, given=OfOtherSystem(read), given_by="cmc-pe-gamma1")
    assert (one.name, one.title) == ("stub-audio-of-cmc-pe-gamma1", "Stub, audio of cmc-pe-gamma1")
    assert (one.completes, one.made_of_real_clips) == ("cmc-pe-gamma1", False)
    request = Request("c1/0", "caption", 5, given)
    (clip,) = made(one, [request])
    assert isinstance(clip, Clip)
    assert np.array_equal(clip.audio, other.audio)
    assert one.decided_by(request)["given clip"] == given.digest


# --- what decides a clip -----------------------------------------------------------------------


def changed_driver(path: Path) -> None:
    (path.parent / "driver.py").write_text("# another\n")


def changed_setting(path: Path) -> None:
    write_system(path.parent, settings={"steps": 50})


def changed_duration(path: Path) -> None:
    write_system(path.parent, duration={"policy": "loop", "because": "it is"})


def changed_code(path: Path) -> None:
    (path.parent / "checkout" / "deeper").mkdir()
    (path.parent / "checkout" / "deeper" / "model.py").write_text("# another\n")


CHANGES = [changed_driver, changed_setting, changed_duration, changed_code]


@pytest.mark.parametrize("change", CHANGES)
def test_what_decides_a_clip_is_on_record(change: Callable[[Path], None], tmp_path: Path) -> None:
    path = write_system(tmp_path)
    before = system(path).decided_by(REQUESTS[0])
    assert system(path).decided_by(REQUESTS[1]) == before  # it reads no caption
    change(path)
    assert system(path).decided_by(REQUESTS[0]) != before


def test_a_caption_decides_where_it_is_read(tmp_path: Path) -> None:
    one = system(write_system(tmp_path, task="t2av"))
    assert one.decided_by(REQUESTS[0]) != one.decided_by(REQUESTS[1])


def test_modes_and_weights_are_on_record(tmp_path: Path) -> None:
    modes = {"faithful": "as published", "fixed": "with its pitch mended"}
    path = write_system(tmp_path, modes=modes)
    usual, fixed = system(path), system(path, "fixed")
    assert (usual.name, fixed.name, fixed.title) == ("stub", "stub-fixed", "Stub (fixed)")
    assert fixed.settings["mode"] == "fixed: with its pitch mended"
    one = External(own_place(path), "fixed", CPU, media, {"a.pt": "0123456789abcdef"}, file_name)
    assert one.settings["weights a.pt"] == "0123456789ab"
    assert one.decided_by(REQUESTS[0]) != fixed.decided_by(REQUESTS[0])


def test_a_format_that_its_clips_do_not_fill_is_refused(tmp_path: Path) -> None:
    native = {"fps": 8, "size": [32, 32], "sample_rate": 16000, "length": 0.5}
    path = write_system(tmp_path, native=native)
    with pytest.raises(ConfigError, match=r"its clips last 0.5 s and are to be trimmed"):
        made(system(path))
    assert not traced(path, "start")
