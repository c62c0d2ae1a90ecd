"""The driver's side of a job: a single file, of the standard library of Python 3.8 alone.

It is put on the path of every driver, whose environment has no svbench. A whole driver:

    from svbench_driver import Job
    from upstream import Model

    job = Job()
    model = Model(job.weights["model.pt"]).to(job.device)

    def make(sample):
        frames, sound = model(sample.prompt, seed=sample.seed32, steps=job.settings["steps"])
        write_video(sample.file(".mp4"), frames)
        write_wav(sample.file(".wav"), sound)
        return {"video": sample.file(".mp4"), "sound": sample.file(".wav")}

    job.run(make)

`make` is called once per sample. What it raises becomes the reason why that sample is not made; an
error of memory ends the driver with exit code 75, and svbench asks for fewer samples at a time.
`job.run_batches(make)` calls it with a list of samples, for a list of such dicts: a sample must not
depend on which others it is made with. What is printed goes to a log. To try a driver by hand, list
samples in job.json in place of null, and name a file as `replies`.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any, Callable, Dict, Iterator, List  # noqa: UP035 (Python 3.8)

OUT_OF_MEMORY = 75
Files = Dict[str, str]  # noqa: UP006 (evaluated by Python 3.8)


class Sample:
    """A sample to make.

    `id`, `prompt` (None unless the task is t2av), `seed` of 63 bits, and `video` or `sound`, the
    path of the half that is given (None unless the task is v2a or a2v).
    """

    def __init__(self, found: dict[str, Any], out: str) -> None:
        self.id, self.stem = found["id"], found["stem"]
        self.prompt, self.seed = found.get("prompt"), found["seed"]
        self.video, self.sound = found.get("video"), found.get("sound")
        self._out = out

    @property
    def seed32(self) -> int:
        """Return the seed in 32 bits, for libraries that take no more."""
        return int(self.seed) % 2**32

    def file(self, suffix: str) -> str:
        """Return the path of a file of this sample, for a suffix such as ".mp4"."""
        return os.path.join(self._out, self.stem + suffix)  # noqa: PTH118


class Job:
    """The job of this driver: its settings, and the samples to make.

    `system`, `task`, `mode`, `device`, `settings`; `weights`, paths by the name of the file;
    `length`, s that a clip shall last; `format` of the run; `out`, the folder of all files.
    """

    def __init__(self, path: str | None = None) -> None:
        with open(path or sys.argv[1], encoding="utf-8") as file:  # noqa: PTH123
            found = json.load(file)
        self.system, self.task, self.mode = found["system"], found["task"], found["mode"]
        self.device, self.out, self.length = found["device"], found["out"], found["length"]
        self.weights, self.settings = found["weights"], found["settings"]
        self.format = found["format"]
        self._listed = found["samples"]
        self._replies = open(found["replies"], "a", encoding="utf-8")  # noqa: PTH123, SIM115

    def run(self, make: Callable[[Sample], Files]) -> None:
        """Make each sample by `make`, which returns its files; return at the end of the job."""
        self._reply(status="ready")
        for samples in self._batches():
            for sample in samples:
                self._make(lambda one: [make(one[0])], [sample])

    def run_batches(self, make: Callable[[List[Sample]], List[Files]]) -> None:  # noqa: UP006
        """Make samples some at a time; where a batch fails, each of its samples alone."""
        self._reply(status="ready")
        for samples in self._batches():
            if not self._make(make, samples, last=len(samples) == 1):
                for sample in samples:
                    self._make(make, [sample])

    def alive(self) -> None:
        """Report that a sample is under way, where one takes longer than its time limit."""
        self._reply(status="alive")

    def _batches(self) -> Iterator[list[Sample]]:
        """Yield the samples that are asked for, some at a time."""
        if self._listed is not None:
            yield [Sample(found, self.out) for found in self._listed]
            return
        for line in sys.stdin:
            yield [Sample(found, self.out) for found in json.loads(line)["samples"]]

    def _make(
        self,
        make: Callable[[List[Sample]], List[Files]],  # noqa: UP006
        samples: list[Sample],
        last: bool = True,
    ) -> bool:
        """Make samples and reply; return False where they fail and it is not the `last` try."""
        try:
            made = [dict(files) for files in make(samples)]
            if len(made) != len(samples):
                raise ValueError(f"made {len(made)} samples, expected {len(samples)}")
        except Exception as error:
            traceback.print_exc()
            if _is_out_of_memory(error):
                sys.exit(OUT_OF_MEMORY)
            text = " ".join(f"{type(error).__name__}: {error}".split())
            for sample in samples if last else ():
                self._reply(id=sample.id, status="failed", error=text)
            return last
        for sample, files in zip(samples, made):  # noqa: B905 (Python 3.8)
            self._reply(id=sample.id, status="ok", **{key: str(v) for key, v in files.items()})
        return True

    def _reply(self, **reply: str) -> None:
        self._replies.write(json.dumps(reply) + "\n")
        self._replies.flush()


def _is_out_of_memory(error: Exception) -> bool:
    """Return whether an error is one of memory, of Python's or a device's."""
    return isinstance(error, MemoryError) or "out of memory" in str(error).lower()
