"""Settings: validated once, with one line for what is wrong, and then unchangeable."""

from __future__ import annotations

import math
import re
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from svbench.config import RunConfig, ScoreConfig
from svbench.errors import ConfigError
from svbench.limits import (
    GIB,
    LEAST_SECONDS,
    MOST_BYTES,
    RANGES,
    TRAINING,
    Range,
    check,
    check_clip,
)
from svbench.types import ClipSpec

SCORE = {"generated": (Path("a"),), "reference": Path("b")}
USUAL = {RunConfig: {"dataset": "d"}, ScoreConfig: SCORE}
# Settings that are one number, and whose they are.
BOUNDED = [
    (kind, name)
    for kind in USUAL
    for name in kind.model_fields
    if name in RANGES and name not in ("size", "gamma", "guidance")
]


def test_the_defaults_of_a_run() -> None:
    config = RunConfig.of(dataset="greatesthits")
    assert (config.scale, config.seed, config.repeats, config.limit) == ("mini", 0, 1, None)
    assert (config.systems, config.metrics, config.split) == ((), (), "test")
    assert not config.allow_missing


def test_clips_are_judged_in_the_format_of_greatest_hits_unless_told_otherwise() -> None:
    assert ScoreConfig.of(**SCORE).spec == ClipSpec(32, 8.0, (256, 256), 16000)
    other = ScoreConfig.of(**SCORE, frames=8, fps=4, size=(32, 48), sample_rate=22050)
    assert other.spec == ClipSpec(8, 4.0, (32, 48), 22050)
    chosen = ScoreConfig.of(**SCORE, frame_choice="official", channels="first").spec
    assert chosen == ClipSpec(32, 8.0, (256, 256), 16000, "official", "first")


WRONG = [
    # setting, value -> the one line
    (RunConfig, "seed", "many", "--seed: found 'many', expected a whole number, 0 to 9223"),
    (RunConfig, "seed", 2**63, f"--seed: found {2**63}, expected a whole number, 0 to {2**63 - 1}"),
    (RunConfig, "limit", 1.5, "--limit: found 1.5, expected a whole number, 1 to"),
    (RunConfig, "steps", 1001, "--steps: found 1001, expected a whole number, 1 to 1000"),
    (RunConfig, "gamma", (1, math.nan), "--gamma: found nan, expected a number, 0.01 to 100"),
    (RunConfig, "gamma", (1.5, 1.50000001), "--gamma: found '1.5' twice, expected each once"),
    (RunConfig, "guidance", (0.5, 2), "--guidance: found 0.5, expected a number, 1 to 1000"),
    (RunConfig, "systems", ("real", "real"), "--systems: found 'real' twice, expected each once"),
    (RunConfig, "metrics", ("fvd", "fvd"), "--metrics: found 'fvd' twice, expected each once"),
    (ScoreConfig, "metrics", ("fvd", "fvd"), "--metrics: found 'fvd' twice, expected each once"),
    (RunConfig, "scale", "huge", "--scale: found 'huge', expected 'mini' or 'paper'"),
    (RunConfig, "frame_choice", "late", "--frame-choice: found 'late', expected 'nearest' or"),
    (ScoreConfig, "channels", "left", "--channels: found 'left', expected 'mean' or 'first'"),
    (RunConfig, "dtype", "int8", "--dtype: found 'int8', expected 'float32', 'bfloat16' or 'flo"),
    (RunConfig, "device", "meta", "--device: found 'meta', expected auto, cpu, mps, cuda, cuda:1"),
    (RunConfig, "data_root", 3, "--data-root: found 3, expected"),
    (RunConfig, "sede", 1, "--sede: found 1, expected no such setting"),
    (ScoreConfig, "size", (0, 9), "--size: found 0, expected a whole number, 8 to 8192"),
    (ScoreConfig, "size", (9, 10**9), "--size: found 1000000000, expected a whole number, 8 to"),
]


@pytest.mark.parametrize(("kind", "setting", "value", "line"), WRONG)
def test_a_wrong_setting_is_one_line_that_names_its_flag(
    kind: type[RunConfig | ScoreConfig], setting: str, value: object, line: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(line)) as caught:
        kind.of(**{**USUAL[kind], setting: value})
    assert "\n" not in str(caught.value)


def test_every_number_of_a_configuration_is_bounded() -> None:
    numbers = {
        name
        for kind in USUAL
        for name, field in kind.model_fields.items()
        if re.search(r"\b(int|float)\b", str(field.annotation)) and "bool" not in str(field)
    }
    assert numbers == {name for _, name in BOUNDED} | {"size", "gamma", "guidance"}


@pytest.mark.parametrize(("kind", "name"), BOUNDED)
def test_a_number_may_lie_on_its_bounds_and_not_beyond(
    kind: type[RunConfig | ScoreConfig], name: str
) -> None:
    allowed = RANGES[name]
    small = {"size": (8, 8), "frames": 8} if kind is ScoreConfig else {}
    for number in (allowed.low, allowed.high):
        long = {"frames": 100} if name == "fps" else {}
        assert getattr(kind.of(**{**USUAL[kind], **small, **long, name: number}), name) == number
    beyond = [allowed.low - 1, allowed.high + 1, math.inf, -math.inf, math.nan, "x", None]
    for number in beyond[: -1 if kind.model_fields[name].default is None else None]:
        with pytest.raises(ConfigError, match=f"^--{name.replace('_', '-')}: found .*, expected "):
            kind.of(**{**USUAL[kind], name: number})


@given(st.sampled_from([*RANGES.values(), *TRAINING.values()]), st.floats())
def test_a_range_holds_what_lies_between_its_ends(allowed: Range, number: float) -> None:
    inside = allowed.low <= number <= allowed.high and not (allowed.above and number == allowed.low)
    assert (number in allowed) == inside
    if inside and (not allowed.whole or number == int(number)):
        check("x", number, allowed)
        return
    with pytest.raises(ConfigError, match=r"^--x: found .*, expected a "):
        check("x", number, allowed)


@pytest.mark.parametrize("strange", ["2", True, [1], 1.5, b"1", 1j])
def test_what_is_no_number_lies_in_no_range(strange: object) -> None:
    with pytest.raises(ConfigError, match=r"^--limit: found .*, expected a whole number"):
        check("limit", strange)


@given(
    st.integers(2, 10_000),
    st.floats(0.1, 1000),
    st.tuples(st.integers(8, 8192), st.integers(8, 8192)),
    st.integers(1000, 384_000),
)
def test_a_clip_must_fit_into_memory(
    frames: int, fps: float, size: tuple[int, int], rate: int
) -> None:
    samples = ClipSpec(frames, fps, size, rate).samples
    small = max(frames * size[0] * size[1] * 3, 4 * samples) <= MOST_BYTES
    fits = small and frames / fps >= LEAST_SECONDS
    expectation = nullcontext() if fits else pytest.raises(ConfigError, match="--frames, ")
    with expectation:
        check_clip(frames, fps, size, rate)


def test_what_a_clip_would_take_is_said() -> None:
    line = "--frames, --size: found 10000 frames of 8192x8192 pixels, which take 1875.0 GiB a clip"
    with pytest.raises(ConfigError, match=f"^{line}, expected at most {MOST_BYTES // GIB} GiB$"):
        ScoreConfig.of(**SCORE, frames=10_000, size=(8192, 8192))
    with pytest.raises(ConfigError, match=r"^--frames, --fps, --sample-rate: found 100000 s at"):
        ScoreConfig.of(**SCORE, frames=10_000, fps=0.1, size=(8, 8), sample_rate=384_000)


def test_a_setting_that_must_be_there() -> None:
    with pytest.raises(ConfigError, match="--dataset: not given"):
        RunConfig.of()


def test_a_configuration_never_changes() -> None:
    config = RunConfig.of(dataset="d")
    with pytest.raises(ValidationError, match="frozen"):
        config.seed = 1


def test_a_configuration_comes_back_from_what_was_written() -> None:
    config = ScoreConfig.of(**SCORE, captions=Path("c.csv"), metrics=("m",), pad=True, seed=5)
    assert ScoreConfig.model_validate_json(config.model_dump_json()) == config
    run = RunConfig.of(dataset="d", limit=3, data_root=Path("/data"), systems=("real",))
    assert RunConfig.model_validate_json(run.model_dump_json()) == run
