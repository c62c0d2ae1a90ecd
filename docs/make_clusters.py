"""Write the tables of docs/clusters.md: what sampling takes on a GPU, and the paper's tables.

    docs/make_clusters.py          renders data/clusters.json
    docs/make_clusters.py REPORT   first takes the rows of a report of tests/bench_devices.py

A row holds clips in a batch, seconds of a joint step, its share of the ceiling of `torch.mm`, and
the peak of memory, bytes. The number of test clips are those of the official lists.

References
----------
M. Ishii et al., Tables 1 to 3. J. Owens et al.: Visually indicated sounds, CVPR 2016 (the released
list has 2,040 test segments). G. Yariv et al.: Diverse and aligned audio-to-video generation, 2023
(102 test clips of Landscape). H. Chen et al.: VGGSound, ICASSP 2020 (15,446 test clips).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from page_blocks import DOCS, head, line, load, put, save

from svbench.baselines.joint.sampler_settings import SamplerSettings
from svbench.catalog.datasets import DATASETS

PAGE: Final = DOCS / "clusters.md"
NAME: Final = "clusters"
BLOCK: Final = "sampling"
CLIPS: Final = {"greatesthits": 2040, "landscape": 102, "vggsound": 15_446}
STEPS: Final = SamplerSettings().steps


def sampling(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the table of what sampling takes."""
    yield from head(
        "device", "dtype", "batch", "s a step", "clips/s", "share of `torch.mm`", "peak"
    )
    for row in rows:
        share = f"{100 * row['share']:.0f} %"
        peak = f"{row['peak'] / 2**30:.1f} GiB"
        timed = (f"{row['seconds']:.3f}", f"{_speed(row):.3f}")
        yield line(row["device"], row["dtype"], row["batch"], *timed, share, peak)


def tables(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the hours of one GPU that the paper's tables take, at the fastest batch."""
    speed = max(_speed(row) for row in rows if row["dtype"] == "bfloat16")
    yield from head("table", "test clips", "rows of models", "clips sampled", "hours of one GPU")
    for name, clips in CLIPS.items():
        published = DATASETS[name].published
        gammas = max(1, len(published.gammas)) if published is not None else 1
        made = clips * (1 + gammas)  # cross-attention at gamma 1, and CMC-PE
        yield line(name, f"{clips:,}", 1 + gammas, f"{made:,}", f"{made / speed / 3600:.1f}")


def _speed(row: Mapping[str, Any]) -> float:
    """Return clips per second, of all steps."""
    return float(row["batch"] / row["seconds"] / STEPS)


def main() -> None:
    """Keep what a report has, and write the page."""
    if len(sys.argv) > 1:
        report = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
        rows = [row for b in report["benchmarks"] for row in b["extra_info"].get("rows", ())]
        command = "pytest --benchmark-only tests/bench_devices.py"
        save(NAME, command, {BLOCK: [row for row in rows if row["table"] == BLOCK]})
    rows = load(NAME)[BLOCK]["measured"]
    put(PAGE, "sampling", "\n".join(sampling(rows)))
    put(PAGE, "tables", "\n".join(tables(rows)))


if __name__ == "__main__":
    main()
