"""Presets of training: what the paper and the released code state, and the page that lists both."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import pytest

from svbench.baselines.training.presets import PRESETS, Length, preset_settings, steps_of
from svbench.baselines.training.settings import TrainSettings
from svbench.catalog.datasets import DATASETS
from svbench.errors import ConfigError
from svbench.limits import flag
from tests.goldens.places import REPOSITORY

PAGE = (REPOSITORY / "docs" / "joint-model.md").read_text(encoding="utf-8")
# What decides no weights, or follows from batch and epochs.
NOT_LISTED = {"steps", "batch", "at_once", "checkpointing", "ema_on", "save_every"}
NOT_LISTED |= {"preview_every", "seed"}


def listed() -> dict[str, list[str]]:
    """Return the cells of the page's table of training presets, by the flag of a line."""
    section = PAGE.partition("## Training presets")[2].partition("\n## ")[0]
    lines = [
        [c.strip() for c in line.strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("|")
    ]
    return {m[0]: cells[1:] for cells in lines if (m := re.match(r"`--[a-z-]+`.*", cells[0]))}


def stated(dataset: str) -> Length | None:
    published = DATASETS[dataset].published
    return Length(published.batch, published.epochs) if published is not None else None


def shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).lower()


@pytest.mark.parametrize(
    ("dataset", "batch", "epochs"),
    [("greatesthits", 16, 1000), ("landscape", 16, 100), ("vggsound", 128, 30)],
)
def test_the_paper_s_preset_is_what_the_paper_states(dataset: str, batch: int, epochs: int) -> None:
    settings, found = preset_settings("paper", stated(dataset))
    assert (settings.batch, found) == (batch, epochs)
    assert (settings.optimizer, settings.rate, settings.timesteps) == ("adam", 1e-5, "independent")
    assert settings.weight_decay == 0  # Adam has none


def test_the_released_script_s_preset_is_what_it_does() -> None:
    settings, epochs = preset_settings("official-code", Length(128, 30))
    assert (settings.optimizer, settings.weight_decay, settings.clip) == ("adamw", 1e-2, 1.0)
    assert (settings.batch, epochs, settings.precision) == (16, 1000, "fp16")
    assert (settings.timesteps, settings.caption_drop) == ("shared", 0)
    assert (settings.ema_decay, settings.ema_of) == (0.9999, "joint")


@pytest.mark.parametrize("name", PRESETS)
def test_every_data_set_has_a_length_in_every_preset(name: str) -> None:
    for dataset in DATASETS:
        settings, epochs = preset_settings(name, stated(dataset))
        assert min(settings.batch, epochs) > 0


def test_a_preset_that_takes_what_the_paper_states_needs_a_statement() -> None:
    with pytest.raises(ConfigError, match="--preset paper: the paper states no batch"):
        preset_settings("paper", None)
    assert preset_settings("official-code", None)[1] == 1000


def test_another_preset_is_one_line() -> None:
    with pytest.raises(ConfigError, match="--preset: found 'mine', expected one of paper, off"):
        preset_settings("mine", None)


def test_epochs_are_whole_clips() -> None:
    assert steps_of(1000, 6177, 16) == TrainSettings().steps == 386_063
    assert [steps_of(1, 8, 4), steps_of(1, 9, 4), steps_of(3, 1, 4)] == [2, 3, 1]


def test_the_page_lists_every_setting_of_both_presets_as_the_code_has_it() -> None:
    names = [field.name for field in fields(TrainSettings) if field.name not in NOT_LISTED]
    wanted = {
        f"`{flag(name)}`": [shown(getattr(preset.settings, name)) for preset in PRESETS.values()]
        for name in names
    }
    for field in fields(Length):
        for dataset, entry in DATASETS.items():
            lengths = [preset.length or stated(dataset) for preset in PRESETS.values()]
            cells = [str(getattr(length, field.name)) for length in lengths]
            wanted[f"`{flag(field.name)}`, {entry.title}"] = cells
    assert {name: cells[:2] for name, cells in listed().items()} == wanted


def test_what_the_paper_does_not_state_is_marked_on_the_page_and_in_the_settings() -> None:
    code = (REPOSITORY / "baselines" / "training" / "settings.py").read_text(encoding="utf-8")
    unstated = {flag(n) for n in re.findall(r"^    (\w+): .*not in the paper", code, re.MULTILINE)}
    marked = {name.strip("`") for name, cells in listed().items() if "not stated" in cells[2]}
    assert unstated == marked
    assert "--clip" in unstated
