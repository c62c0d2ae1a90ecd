"""The table of families against the classes of diffusers: arguments and names that these have."""

from __future__ import annotations

import inspect
from typing import Any

import diffusers
import pytest

from svbench.baselines.diffusers_av.families import FAMILIES, Family, family_of, is_modular
from svbench.errors import ConfigError


def arguments(family: Family) -> set[str]:
    """Return the names of all arguments that a family may be called with."""
    named = {family.fps_argument, family.length_argument, family.steps_argument}
    picture = {"num_frames", "height", "width"} if family.makes != "sound" else set()
    asked = {"prompt", "generator", "output_type", *family.guidance, *family.arguments}
    return (named | picture | asked) - {""}


@pytest.mark.parametrize("kind", [kind for kind in FAMILIES if not is_modular(kind)])
def test_a_pipeline_takes_what_it_is_called_with(kind: str) -> None:
    taken = inspect.signature(getattr(diffusers, kind).__call__).parameters
    assert arguments(FAMILIES[kind]) <= set(taken)
    default = [taken[name].default for name in ("height", "width") if name in taken]
    if all(isinstance(side, int) for side in default) and default:
        assert min(default) == FAMILIES[kind].short_side


@pytest.mark.parametrize("kind", [kind for kind in FAMILIES if is_modular(kind)])
def test_a_modular_pipeline_takes_and_gives_what_is_named(kind: str) -> None:
    family, pipe = FAMILIES[kind], getattr(diffusers, kind)()
    whole: Any = pipe.blocks
    assert arguments(family) <= {one.name for one in whole.inputs}
    blocks: Any = whole.get_workflow(family.workflow) if family.workflow else whole
    assert {family.frames, family.sound} <= {one.name for one in blocks.intermediate_outputs}


def test_an_unknown_class_is_refused() -> None:
    with pytest.raises(ConfigError, match="FluxPipeline: found no such pipeline of sound or video"):
        family_of("FluxPipeline")
