"""The miniature networks: I3D, VGGish and ImageBind at small widths, with their weights.

They are the classes of `i3d`, `vggish` and `imagebind`, trained by `svbench train-extractors` on
drawn clips of the miniature Greatest Hits, so that every column of a miniature table is filled
without a network connection. What they know is drumsticks: their figures say how a score behaves
and are not comparable with those of the published networks. The folder `scenes` holds an ImageBind
that knows what the miniatures of Landscape and VGGSound show, and what it is called.

Beside this file lie `i3d.safetensors`, `vggish.safetensors`, `imagebind.safetensors`,
`imagebind.json` (its sizes and words) and `MADE.json`: the command, the version of svbench, what
was learned, and the sha256 of each file, which is verified before a file is used.

The protocols (which windows, which frames, which sound) are those of the published networks; a
name gets `+miniature` behind its protocol.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from svbench.compute import CPU, Machine, digest_file
from svbench.errors import ConfigError, DataError
from svbench.files.text import REASON, read_object, shown
from svbench.files.weights.loading import WeightFile
from svbench.metrics import fad as fads
from svbench.metrics import fvd as fvds
from svbench.metrics.frechet import Frechet
from svbench.metrics.fvd import FVD
from svbench.metrics.imagebind_scores import IB, IBKind, ImageBindEmbeddings, read_small
from svbench.metrics.networks.imagebind_inputs import PROTOCOLS as IB_PROTOCOLS

FOLDER: Final = Path(__file__).parent
SCENES: Final = FOLDER / "scenes"
IB_FOLDERS: Final = {"landscape": SCENES, "vggsound": SCENES}  # by data set; else FOLDER
RECORD: Final = "MADE.json"
FILES: Final = {
    "i3d": "i3d.safetensors",
    "vggish": "vggish.safetensors",
    "imagebind": "imagebind.safetensors",
    "imagebind-sizes": "imagebind.json",
}
SUFFIX: Final = "+miniature"

# Chosen so that all three together stay below 3 MB and a clip takes a tenth of a second.
I3D_WIDTH: Final = 1 / 8
I3D_CLASSES: Final = 24  # fewer than the 32 clips of half a miniature run: a full-rank covariance
I3D_SIZE: Final = 64  # px, the side of a miniature clip
VGGISH_WIDTH: Final = 1 / 20

# The protocols of the paper, which a title need not name.
FVD_USUAL: Final = "stylegan-v-16f"
FAD_USUAL: Final = "audioldm-eval"
IB_USUAL: Final = "published"


def weight_file(name: str, folder: Path = FOLDER) -> WeightFile:
    """Give one of `FILES`, after comparing its bytes with the record."""
    if name not in FILES:
        raise ConfigError(f"miniature networks: found {name!r}, expected one of {', '.join(FILES)}")
    path = folder / FILES[name]
    record = read_object(folder / RECORD, "the sha256 of the networks' files")
    try:
        wanted = record["sha256"][path.name]
        found = digest_file(path)
    except (OSError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: cannot be verified ({shown(repr(error), REASON)}), expected the file and "
            f"its sha256 in {RECORD}; install svbench again or run: svbench train-extractors"
        ) from error
    if found != wanted:
        raise DataError(f"{path}: found sha256 {found}, expected {shown(wanted)} as in {RECORD}")
    return WeightFile(f"miniature-{name}", path, found)


def fvd(
    protocol: str,
    *,
    machine: Machine = CPU,
    resamples: int = 200,
    seed: int = 0,
    folder: Path = FOLDER,
) -> FVD:
    """Build FVD on the small I3D."""
    if protocol not in fvds.PROTOCOLS:
        raise ConfigError(
            f"fvd: found protocol {protocol!r}, expected one of {', '.join(fvds.PROTOCOLS)}"
        )
    weights = weight_file("i3d", folder)
    metric = fvds.fvd(
        replace(fvds.PROTOCOLS[protocol], weights=weights.name),
        weights,
        machine=machine,
        width=I3D_WIDTH,
        classes=I3D_CLASSES,
        size=I3D_SIZE,
        resamples=resamples,
        seed=seed,
    )
    return replace(
        metric, name=f"fvd@{protocol}{SUFFIX}", title=_title("FVD", "I3D", protocol, FVD_USUAL)
    )


def fad(
    protocol: str,
    *,
    machine: Machine = CPU,
    resamples: int = 200,
    seed: int = 0,
    folder: Path = FOLDER,
) -> Frechet:
    """Build FAD on the small VGGish."""
    metric = fads.fad(
        protocol,
        weight_file("vggish", folder),
        machine=machine,
        width=VGGISH_WIDTH,
        resamples=resamples,
        seed=seed,
    )
    return replace(
        metric, name=f"fad@{protocol}{SUFFIX}", title=_title("FAD", "VGGish", protocol, FAD_USUAL)
    )


def ib(
    kind: IBKind,
    protocol: str,
    *,
    machine: Machine = CPU,
    folder: Path = FOLDER,
) -> IB:
    """Build IB-AV, IB-TA or IB-TV on the small ImageBind; the three share their embeddings."""
    if protocol not in IB_PROTOCOLS:
        raise ConfigError(
            f"{kind}: found protocol {protocol!r}, expected one of {', '.join(IB_PROTOCOLS)}"
        )
    config, words = read_small(weight_file("imagebind-sizes", folder).path)
    extractor = ImageBindEmbeddings(
        weight_file("imagebind", folder), IB_PROTOCOLS[protocol], words, config, machine
    )
    return IB(kind, extractor, network="miniature")


def _title(score: str, network: str, protocol: str, usual: str) -> str:
    """Name a column."""
    told = "" if protocol == usual else f", {protocol}"
    return f"{score} (miniature {network}{told})"
