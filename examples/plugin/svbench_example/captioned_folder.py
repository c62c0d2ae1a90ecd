"""A data set: a folder of clips with their captions in `captions.csv`.

`--data-root` is the folder, or `--captions` another list. Each line of the list is `FILE,CAPTION`,
without a header; its order is that of the clips.
"""

from __future__ import annotations

import csv
from pathlib import Path

import svbench

SPEC = svbench.ClipSpec(frames=16, fps=8, size=(128, 128), sample_rate=16000)  # 2 s


def load(
    root: Path, config: svbench.RunConfig
) -> tuple[tuple[svbench.Example, ...], tuple[str, ...]]:
    """Return the clips of a folder, and notes for the table.

    Raises
    ------
    DataError
        if the list is absent, malformed or empty, or a clip of it is not there
    """
    listing = config.captions or root / "captions.csv"
    try:
        lines = list(csv.reader(listing.read_text(encoding="utf-8").splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise svbench.DataError(f"{listing}: cannot be read, expected FILE,CAPTION") from error
    examples = []
    for number, line in enumerate(lines, 1):
        if len(line) != 2 or not (root / line[0]).is_file():
            raise svbench.DataError(
                f"{listing}, line {number}: found {','.join(line)!r:.80}, expected FILE,CAPTION "
                f"of a file in {root}"
            )
        file, caption = line
        recording = svbench.Recording(root / file)
        examples.append(svbench.Example(Path(file).stem, caption, recording))
    return tuple(examples), (f"captions of {listing.name}",)


ENTRY = svbench.Dataset(
    title="Captioned folder",
    about="A folder of clips with captions.csv",
    spec=SPEC,
    captions="captions.csv, or --captions",
    load=load,
    splits=("test",),
    metrics=("silence",),
)
