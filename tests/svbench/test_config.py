"""What a user asked for: checked once, in one line, and then unchangeable."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from svbench.config import RunConfig, ScoreConfig
from svbench.errors import ConfigError
from svbench.types import ClipSpec

SCORE = {"generated": (Path("a"),), "reference": Path("b")}


def test_the_defaults_of_a_run() -> None:
    config = RunConfig.of(dataset="greatesthits")
    assert (config.scale, config.seed, config.repeats, config.limit) == ("mini", 0, 1, None)
    assert (config.systems, config.metrics, config.split) == ((), (), "test")
    assert not config.allow_missing


def test_clips_are_judged_in_the_format_of_greatest_hits_unless_told_otherwise() -> None:
    assert ScoreConfig.of(**SCORE).spec == ClipSpec(32, 8.0, (256, 256), 16000)
    other = ScoreConfig.of(**SCORE, frames=8, fps=4, size=(32, 48), sample_rate=22050)
    assert other.spec == ClipSpec(8, 4.0, (32, 48), 22050)


WRONG = [
    # setting, value -> what the one line says
    (RunConfig, "seed", -1, "--seed: Input should be greater than or equal to 0, got -1"),
    (RunConfig, "seed", "many", "--seed: Input should be a valid integer, .*got 'many'"),
    (RunConfig, "limit", 0, "--limit: Input should be greater than or equal to 1, got 0"),
    (RunConfig, "repeats", 0, "--repeats: Input should be greater than or equal to 1, got 0"),
    (RunConfig, "resamples", 99, "--resamples: Input should be greater than or equal to 100"),
    (RunConfig, "scale", "huge", "--scale: Input should be 'mini' or 'paper', got 'huge'"),
    (RunConfig, "data_root", 3, "--data-root: .*got 3"),
    (RunConfig, "sede", 1, "--sede: Extra inputs are not permitted, got 1"),
    (ScoreConfig, "frames", 0, "--frames: Input should be greater than or equal to 1, got 0"),
    (ScoreConfig, "fps", 0.0, "--fps: Input should be greater than 0, got 0.0"),
    (ScoreConfig, "fps", float("nan"), "--fps: Input should be .*, got nan"),
    (ScoreConfig, "fps", float("inf"), "--fps: Input should be a finite number, got inf"),
    (ScoreConfig, "size", (0, 9), "--size: Input should be greater than or equal to 1, got 0"),
    (ScoreConfig, "sample_rate", 999, "--sample-rate: Input should be greater than or equal to"),
]


@pytest.mark.parametrize(("kind", "setting", "value", "line"), WRONG)
def test_a_wrong_setting_is_one_line_that_names_its_flag(
    kind: type[RunConfig | ScoreConfig], setting: str, value: object, line: str
) -> None:
    usual = {"dataset": "d"} if kind is RunConfig else SCORE
    with pytest.raises(ConfigError, match=line) as caught:
        kind.of(**{**usual, setting: value})
    assert "\n" not in str(caught.value)


def test_a_setting_that_must_be_there() -> None:
    with pytest.raises(ConfigError, match="--dataset: Field required"):
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
