"""`run.json`: the settings of a run, and which of them may change from one command to the next.

A run grows. The same folder may be asked for more clips, repeats, metrics, systems, gammas or
folders to score, or for fewer: what is there is used again, what is not asked for stays where it
is, and `run.json` holds the latest settings. Refused is only what would change clips or scores
that are there already:

- settings that decide every clip or score (`seed`, `dataset`, `frame_choice` …);
- settings of sampling, for systems of which the folder holds clips that were made by others;
- captions, for requests that the folder answers with other ones.

Which setting is of which kind is part of the plan: see `svbench.walk.plan.RunSettings`.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from svbench.compute import Machine
from svbench.errors import ConfigError
from svbench.files.results import load_settings
from svbench.files.store import Store
from svbench.files.text import shown
from svbench.files.writing import write_text
from svbench.protocols import System
from svbench.types import Example
from svbench.walk.plan import RunSettings

CAPTIONS: Final = "captions"  # may change where it is compared clip by clip
THREADS: Final = "threads"  # of the settings of a system
CPU_THREADS: Final = "CPU threads"  # of run.json
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
    """The record of a run: its settings now, and what the folder holds of former ones."""

    out: Path
    now: RunSettings
    before: Settings | None  # the former settings; None in a new folder
    made: Mapping[str, Settings]  # by system, as in run.json

    def check(self, systems: Sequence[System], examples: Iterable[Example], store: Store) -> None:
        """Raise ConfigError, which names the setting, where clips that are there would change."""
        for system in systems:
            before = self.made.get(system.name, {})
            if changed := _changed(before, self._deciding(system), before):
                raise ConfigError(
                    f"--out {self.out}: its clips of {system.name} were made otherwise "
                    f"({changed}); choose another --out"
                )
        if self.before is not None and self.before.get(CAPTIONS) != self.now.values.get(CAPTIONS):
            self._check_captions(systems, examples, store)

    def _check_captions(
        self, systems: Sequence[System], examples: Iterable[Example], store: Store
    ) -> None:
        captions = {example.id: example.caption for example in examples}
        for system in systems:
            for request, caption in store.captions(system.name).items():
                example = request.rpartition("/")[0]
                if captions.get(example, caption) != caption:
                    raise ConfigError(
                        f"--captions: found {captions[example]!r:.80} for {example}, expected "
                        f"{caption!r:.80}, by which {system.name} is in {self.out}; "
                        "choose another --out"
                    )

    def write(self, systems: Sequence[System], plugins: Mapping[str, str]) -> None:
        """Write run.json: the latest settings, and by which the clips of each system are made.

        `plugins` maps each name that a plug-in gave to name and version of the plug-in.
        """
        deciding = {system.name: self._deciding(system) for system in systems}
        made = {name: settings for name, settings in deciding.items() if settings}
        versions = {name: version(name) for name in RECORDED_VERSIONS}
        record = {
            "command": self.now.command,
            "config": self.now.values,
            "versions": {"python": platform.python_version(), **versions},
            MADE: {**self.made, **made},
            **({"plugins": plugins} if plugins else {}),
        }
        write_text(self.out / "run.json", json.dumps(record, indent=2) + "\n")

    def _deciding(self, system: System) -> Settings:
        """Return the settings of the run that decide a system's clips.

        Where a system names the threads of a CPU, these too: another number would make its clips
        anew, unasked.
        """
        threads = {CPU_THREADS: str(system.settings[THREADS])} if THREADS in system.settings else {}
        if not system.made_of_real_clips:
            names = self.now.sampling
        else:
            names = self.now.coding if "weights" in system.settings else ()
        return {**{n: self.now.values[n] for n in names if n in self.now.values}, **threads}


def open_record(now: RunSettings, out: Path) -> RunRecord:
    """Return the record of a run folder; raise ConfigError where it holds another run.

    It is written once the systems are built, so that a mistyped name does not claim the folder.
    """
    if not (out / "run.json").exists():
        return RunRecord(out, now, None, {})
    there = load_settings(out)
    before = {**now.defaults, **there["config"]}
    made = there.get(MADE)
    if isinstance(made, dict) and not all(isinstance(of, dict) for of in made.values()):
        made = None  # damaged, or of another version
    if there["command"] == now.command:
        names = before.keys() | now.values.keys()
        changed = _changed(before, now.values, names - _free(now, made, out))
    else:
        changed = _changed({"command": there["command"]}, {"command": now.command}, ["command"])
    if changed:
        raise ConfigError(f"--out {out}: it holds another run ({changed}); choose another --out")
    return RunRecord(out, now, before, made if isinstance(made, dict) else {})


def _free(now: RunSettings, made: object, out: Path) -> frozenset[str]:
    """Return the settings that may change, before the systems of the run are known."""
    if not now.sampling and not (out / "results.json").exists():
        # A first try that came to no table, and made no clips: features are known by their clips.
        return frozenset(now.values)
    if isinstance(made, dict):  # then what decides clips is compared system by system
        return now.growing.union(now.sampling, now.coding) - now.scores
    return now.growing


def _changed(before: Settings, now: Settings, names: Iterable[str]) -> str:
    """Return which of these settings changed, from what to what; "" if none did."""
    changed = (name for name in sorted(names) if not _alike(name, before.get(name), now.get(name)))
    return ", ".join(f"{shown(n)} was {before.get(n)!r:.80}, is {now.get(n)!r}" for n in changed)


def _alike(name: str, before: Any, now: Any) -> bool:
    """Check whether a setting is as before.

    Folders of weights may join others, or go; "auto" is the device that it finds here.
    """
    if before == now:
        return True
    if name == "weights" and before and now:
        return set(before) <= set(now) or set(now) <= set(before)
    if name == "device" and "auto" in (before, now):
        return _device(before) == _device(now)
    return False


def _device(name: Any) -> str:
    """Return the device of a name, or the name if there is none here."""
    try:
        return str(Machine(str(name)).place)
    except ConfigError:
        return str(name)
