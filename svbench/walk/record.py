"""`run.json`: what a run folder was asked for, and what it may be asked for next.

A run grows. The same folder may be asked for more clips, repeats, metrics, systems, gammas or
folders to score, or for fewer: what is there is used again, what is not asked for stays where it
is, and `run.json` holds the latest settings. Refused is only what would change clips or scores
that are there already:

- settings that decide every clip or score (`seed`, `dataset`, `frame_choice` …);
- settings of sampling, for systems of which the folder holds clips that were made by others;
- captions, for requests that the folder answers with other ones.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from svbench.config import RunConfig, ScoreConfig
from svbench.errors import ConfigError
from svbench.files.results import load_settings
from svbench.files.store import Store
from svbench.files.text import shown
from svbench.files.writing import write_text
from svbench.protocols import System
from svbench.types import Example

# What is asked for, and how it is reported. Intervals (`resamples`) are computed anew each time.
GROWS: Final = frozenset(
    {"limit", "repeats", "systems", "metrics", "gamma", "generated", "resamples"}
    | {"allow_missing", "strict"}
)
# What decides the clips of a joint model beside its gamma, which is part of its name.
SAMPLING: Final = ("preset", "steps", "guidance", "dtype", "batch", "compile", "weights", "device")
CODEC: Final = ("weights", "device")  # what decides the row of coded clips of these
SCORING: Final = frozenset({"device"})  # and what decides scores as well
CAPTIONS: Final = "captions"  # of `run`: they are compared clip by clip
MADE: Final = "made"  # of run.json: by system, the settings that its clips were made by
RECORDED_VERSIONS: Final = (
    "svbench",
    "numpy",
    "scipy",
    "librosa",
    "opencv-python-headless",
    "av",
    "torch",
)

Settings = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RunRecord:
    """The record of a run: the settings asked for now, and what the folder says of former ones."""

    out: Path
    command: str
    config: Settings
    before: Settings | None  # the former settings; None in a new folder
    made: Mapping[str, Settings]  # by system, as in run.json

    def check(self, systems: Sequence[System], examples: Iterable[Example], store: Store) -> None:
        """Refuse what would change clips that are there; ConfigError names the setting."""
        for system in systems:
            before = self.made.get(system.name, {})
            if changed := _changed(before, self._sampling(system), before):
                raise ConfigError(
                    f"--out {self.out}: its clips of {system.name} were made otherwise "
                    f"({changed}); choose another --out"
                )
        if self.before is not None and self.before.get(CAPTIONS) != self.config.get(CAPTIONS):
            self._check_captions(systems, examples, store)

    def _check_captions(
        self, systems: Sequence[System], examples: Iterable[Example], store: Store
    ) -> None:
        now = {example.id: example.caption for example in examples}
        for system in systems:
            for request, caption in store.captions(system.name).items():
                example = request.rpartition("/")[0]
                if now.get(example, caption) != caption:
                    raise ConfigError(
                        f"--captions: found {now[example]!r:.80} for {example}, expected "
                        f"{caption!r:.80}, by which {system.name} is in {self.out}; "
                        "choose another --out"
                    )

    def write(self, systems: Sequence[System]) -> None:
        """Write run.json: the latest settings, and by which the clips of each system are made."""
        sampling = {system.name: self._sampling(system) for system in systems}
        made = {name: settings for name, settings in sampling.items() if settings}
        versions = {name: version(name) for name in RECORDED_VERSIONS}
        record = {
            "command": self.command,
            "config": self.config,
            "versions": {"python": platform.python_version(), **versions},
            MADE: {**self.made, **made},
        }
        write_text(self.out / "run.json", json.dumps(record, indent=2) + "\n")

    def _sampling(self, system: System) -> Settings:
        """Return the settings that decide a system's clips, of those of the configuration."""
        if not system.made_of_real_clips:
            names: Sequence[str] = SAMPLING
        else:
            names = CODEC if "weights" in system.settings else ()
        return {name: self.config[name] for name in names if name in self.config}


def open_record(config: RunConfig | ScoreConfig, out: Path) -> RunRecord:
    """Return the record of a run folder, after seeing that it holds no run of other settings.

    It is written once the plan stands, so that a mistyped name does not claim the folder.
    """
    command = "run" if isinstance(config, RunConfig) else "score"
    now = json.loads(config.model_dump_json())
    if not (out / "run.json").exists():
        return RunRecord(out, command, now, None, {})
    there = load_settings(out)
    before = {**_defaults(config), **there["config"]}
    made = there.get(MADE)
    if isinstance(made, dict) and not all(isinstance(of, dict) for of in made.values()):
        made = None  # damaged, or of another version
    free = set(GROWS)
    if command == "run" and isinstance(made, dict):
        free |= set(SAMPLING) - SCORING
    if command == there["command"] == "score" and not (out / "results.json").exists():
        free |= now.keys()  # a first try that came to no table; features are known by their clips
    if command == "run":
        free.add(CAPTIONS)
    was, asked = ({"command": c, **s} for c, s in ((there["command"], before), (command, now)))
    if changed := _changed(was, asked, (was.keys() | asked.keys()) - free):
        raise ConfigError(f"--out {out}: it holds another run ({changed}); choose another --out")
    return RunRecord(out, command, now, before, made if isinstance(made, dict) else {})


def _defaults(config: RunConfig | ScoreConfig) -> dict[str, Any]:
    """Return the defaults, as run.json has them, of what an older version did not record."""
    fields = type(config).model_fields
    usual = {name: field.default for name, field in fields.items() if not field.is_required()}
    return dict(json.loads(json.dumps(usual, default=str)))


def _changed(before: Settings, now: Settings, names: Iterable[str]) -> str:
    """Return in words which of these settings are other ones; nothing if none is."""
    changed = (name for name in sorted(names) if not _alike(name, before.get(name), now.get(name)))
    return ", ".join(f"{shown(n)} was {before.get(n)!r:.80}, is {now.get(n)!r}" for n in changed)


def _alike(name: str, before: Any, now: Any) -> bool:
    """Return whether a setting is as before; folders of weights may join others, or go."""
    if name == "weights" and before and now:
        return set(before) <= set(now) or set(now) <= set(before)
    return bool(before == now)
