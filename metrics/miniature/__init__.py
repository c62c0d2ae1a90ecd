"""The miniature networks: I3D, VGGish, ImageBind and Synchformer, small and pretrained.

They are instances of the classes of `networks`, trained by `svbench train-extractors` on drawn
clips of the miniature Greatest Hits, so that every column of a miniature table can be computed
offline. Their values show how a score behaves and are not comparable with those of the published
networks. The folder `scenes` holds an ImageBind trained on drawn clips and captions of the
miniature Landscape and VGGSound.

Conventions
-----------
The package holds `i3d.safetensors`, `vggish.safetensors`, `imagebind.safetensors`, `imagebind.json`
(configuration and vocabulary), `synchformer.safetensors` and `MADE.json`: of each network the
command, version of svbench and training figures, and the sha256 of each file, which is verified
before a file is used. Protocols (windows, frames, sound) are those of the published networks; a
name has `+miniature` after its protocol.

Metrics
-------
- :func:`fvd`, :func:`fad`, :func:`ib`, :func:`desync`: the metrics of `fvd`, `fad`,
  `imagebind_scores` and `desync` by these networks.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from svbench.compute import CPU, Machine, digest_file
from svbench.errors import ConfigError, DataError
from svbench.files.text import REASON, read_object, shown
from svbench.files.weights.loading import WeightFile
from svbench.metrics import desync as desyncs
from svbench.metrics import fad as fads
from svbench.metrics import fvd as fvds
from svbench.metrics.desync import DeSync
from svbench.metrics.desync_protocols import PROTOCOLS as DESYNC_PROTOCOLS
from svbench.metrics.frechet import Frechet
from svbench.metrics.fvd import FVD
from svbench.metrics.imagebind_scores import IB, IBKind, ImageBindEmbeddings, read_small
from svbench.metrics.networks.imagebind_inputs import PROTOCOLS as IB_PROTOCOLS
from svbench.metrics.networks.synchformer_config import Size, SynchformerConfig
from svbench.types import View

FOLDER: Final = Path(__file__).parent
RECORD: Final = "MADE.json"
FILES: Final = {
    "i3d": "i3d.safetensors",
    "vggish": "vggish.safetensors",
    "imagebind": "imagebind.safetensors",
    "imagebind-sizes": "imagebind.json",
    "synchformer": "synchformer.safetensors",
}
SUFFIX: Final = "+miniature"

# So that all together take less than 3.5 MB, and each network a tenth of a second of a clip.
I3D_WIDTH: Final = 1 / 8
I3D_CLASSES: Final = 24  # fewer than the 32 clips of half a miniature run: a full-rank covariance
I3D_SIZE: Final = 64  # px, the side of a miniature clip
VGGISH_WIDTH: Final = 1 / 20
# A window of 11 segments, 3.84 s, fits into the 4 s of a miniature clip.
SYNCHFORMER: Final = SynchformerConfig(
    width=32,
    video=Size(2, 4),
    audio=Size(2, 4),
    head=Size(3, 4),
    hidden=128,
    segments=11,
    image=64,
    bins=64,
)

# The protocols of the paper, which titles leave out.
FVD_USUAL: Final = "stylegan-v-16f"
FAD_USUAL: Final = "audioldm-eval"
IB_USUAL: Final = "published"


def weight_file(name: str, folder: Path = FOLDER) -> WeightFile:
    """Return one of `FILES` after verifying its sha256.

    Raises
    ------
    ConfigError
        if there is no such name
    DataError
        if the file is missing, or its sha256 differs from the record
    """
    if name not in FILES:
        raise ConfigError(f"miniature networks: found {name!r}, expected one of {', '.join(FILES)}")
    path = folder / FILES[name]
    record = read_object(folder / RECORD, "the sha256 of the networks' files")
    try:
        expected = record["sha256"][path.name]
        found = digest_file(path)
    except (OSError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: cannot be verified ({shown(repr(error), REASON)}), expected the file and "
            f"its sha256 in {RECORD}; install svbench again or run: svbench train-extractors"
        ) from error
    if found != expected:
        raise DataError(f"{path}: found sha256 {found}, expected {shown(expected)} as in {RECORD}")
    return WeightFile(f"miniature-{name}", path, found)


def fvd(
    protocol: str,
    *,
    machine: Machine = CPU,
    resamples: int = 200,
    seed: int = 0,
    folder: Path = FOLDER,
) -> FVD:
    """Build FVD on the small I3D; see `svbench.metrics.fvd.fvd`."""
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
    """Build FAD on the small VGGish; see `svbench.metrics.fad.fad`."""
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
    view: View | None = None,
) -> IB:
    """Build IB-AV, IB-TA or IB-TV on the small ImageBind; the three share their embeddings.

    The view is that of the protocol where none is given.
    """
    if protocol not in IB_PROTOCOLS:
        raise ConfigError(
            f"{kind}: found protocol {protocol!r}, expected one of {', '.join(IB_PROTOCOLS)}"
        )
    config, words = read_small(weight_file("imagebind-sizes", folder).path)
    inputs = IB_PROTOCOLS[protocol]
    weights = weight_file("imagebind", folder)
    seen = view or inputs.view
    extractor = ImageBindEmbeddings(weights, inputs, words, config, machine, seen)
    return IB(kind, extractor, network="miniature")


def desync(
    protocol: str,
    *,
    machine: Machine = CPU,
    folder: Path = FOLDER,
) -> DeSync:
    """Build DeSync on the small Synchformer; see `svbench.metrics.desync.desync`.

    Its window is 3.84 s, so that a miniature clip of 4 s holds one.
    """
    if protocol not in DESYNC_PROTOCOLS:
        raise ConfigError(
            f"desync: found protocol {protocol!r}, expected one of {', '.join(DESYNC_PROTOCOLS)}"
        )
    return desyncs.desync(
        DESYNC_PROTOCOLS[protocol],
        weight_file("synchformer", folder),
        config=SYNCHFORMER,
        machine=machine,
        network="miniature",
    )


def _title(score: str, network: str, protocol: str, usual: str) -> str:
    """Return the title of a column."""
    shown_protocol = "" if protocol == usual else f", {protocol}"
    return f"{score} (miniature {network}{shown_protocol})"
