"""Options of a preparation that a data set does not read are refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from svbench.catalog.preparing import check_config
from svbench.errors import ConfigError
from svbench.preparation.settings import PrepareConfig

PLACES = {"data_root": Path("raw"), "out": Path("out")}


def test_only_what_differs_from_its_default_is_given() -> None:
    config = PrepareConfig(dataset="x", **PLACES, allow_missing=True)
    assert config.given == ()
    config = PrepareConfig(dataset="x", **PLACES, official=True, captions=(Path("a"),))
    assert config.given == ("captions", "official")


def test_an_option_that_is_not_read_is_refused() -> None:
    config = PrepareConfig(dataset="x", **PLACES, official=True)
    config.check_read({"official"})
    with pytest.raises(ConfigError, match="--official: found it beside --dataset x, which does"):
        config.check_read({"timing"})


def test_choices_are_checked_before_any_work() -> None:
    config = check_config(dataset="greatesthits", **PLACES, timing="official")
    assert config.timing == "official"
    with pytest.raises(ConfigError, match="--channels: found 'all', expected mean or first"):
        check_config(dataset="greatesthits", **PLACES, channels="all")
    with pytest.raises(ConfigError, match="--dataset: found 'x', expected one of greatesthits"):
        check_config(dataset="x", **PLACES)
