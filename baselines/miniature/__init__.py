"""The miniature's joint models: the classes of this room at small widths, with their weights.

`svbench train-systems` makes every file beside this one from scratch: it draws a miniature data
set, and trains the two codecs, the text encoder, and one joint model per mixer. `MADE.json` records
how, and holds the sha256 of each file, which is checked before a file is loaded. Their clips are
drumsticks of 64 x 64 px; figures of the paper are not comparable.

    video.safetensors, audio.safetensors    codecs
    frames.safetensors                      head of the video codec's decoder
    captions.safetensors, captions.json     text encoder and its vocabulary
    design.json                             how the networks are built (`design.Design`)
    <mixer>.safetensors                     a whole joint model, in eight bits a weight

The files of the miniature Greatest Hits lie here, those of other data sets in folders of their own.

The networks are imported where they are built: a run whose clips are all made reads digests alone,
and diffusers and transformers take longer to import than all the rest of such a run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from svbench.baselines.joint.mixers import MIXERS, MixerKind
from svbench.baselines.joint.model import JointModel
from svbench.baselines.joint.pair import Pair
from svbench.baselines.miniature.design import Design
from svbench.compute import CPU, Machine, digest_file, load_weights
from svbench.errors import DataError
from svbench.files.text import REASON, read_json, read_object, shown
from svbench.files.weights.loading import load_state
from svbench.files.writing import write_text

if TYPE_CHECKING:
    from torch import Tensor, nn

FOLDER: Final = Path(__file__).parent
RECORD: Final = "MADE.json"
VIDEO: Final = "video.safetensors"
FRAMES: Final = "frames.safetensors"
AUDIO: Final = "audio.safetensors"
ENCODER: Final = "captions.safetensors"
WORDS: Final = "captions.json"
GUIDANCE: Final = Pair(audio=1.0, video=1.0)  # the paper's 2.5 and 7.5 are far too strong here
SCALE: Final = ".scale"
EIGHT_BITS: Final = 127
DESIGN: Final = "design.json"
ENCODERS: Final = (VIDEO, AUDIO, ENCODER, WORDS)  # of latents and text embeddings
SHARED: Final = (*ENCODERS, FRAMES, DESIGN)
# Raise it when the same weights give other clips. 2: Griffin-Lim begins with sinusoids.
# 3: frames are decoded by a head.
CODE_VERSION: Final = "3"


@dataclass(frozen=True)
class Shipped:
    """A trained miniature on disk."""

    mixer: MixerKind
    folder: Path = FOLDER

    @property
    def files(self) -> tuple[str, ...]:
        """Return the names of its files."""
        return *SHARED, f"{self.mixer}.safetensors"

    @cached_property
    def _weights(self) -> Mapping[str, str]:
        return self._digests()

    def _digests(self) -> Mapping[str, str]:
        return {**verified(self.files, self.folder), "code": CODE_VERSION}

    def weights(self) -> Mapping[str, str]:
        """Return `code` and the digests of its files, checked once for all its rows."""
        return self._weights

    def load_codecs(self, machine: Machine = CPU) -> Pair[Any]:
        """Load the codecs of sound and video; they are a small part, and come with the rest."""
        model = self.load(machine)
        return Pair(model.audio, model.video)

    def load(self, machine: Machine = CPU) -> JointModel:
        """Load it onto a machine; the codecs and the text encoder stay on the CPU, in float32."""
        digests = self._digests()  # perhaps replaced since they were asked for
        model = assemble(self.mixer, self.folder)
        put(model.joint, self.folder / f"{self.mixer}.safetensors", machine)
        return JointModel(
            model.joint, model.schedules, model.audio, model.video, model.text_encoder, digests
        )


def shipped(folder: Path = FOLDER) -> tuple[MixerKind, ...]:
    """Return the mixers that have trained weights in a folder."""
    return tuple(mixer for mixer in MIXERS if (folder / f"{mixer}.safetensors").is_file())


def verified(names: Iterable[str], folder: Path = FOLDER) -> dict[str, str]:
    """Return the digests of files; raise DataError for one that differs from the record."""
    path = folder / RECORD
    wanted = read_object(path, "a record of weights").get("sha256")
    if not isinstance(wanted, dict):
        raise DataError(f"{path}: found no digests of weights, expected `sha256`")
    names = tuple(names)
    if FRAMES in names and FRAMES not in wanted:
        raise DataError(
            f"{path}: found weights of an older svbench, expected {FRAMES} among them: "
            "train again (the same svbench train-systems --out adds it alone)"
        )
    found = {}
    for name in names:
        file = folder / name
        found[name] = digest_file(file) if file.is_file() else "no file"
        if found[name] != wanted.get(name):
            raise DataError(
                f"{file}: found {found[name]}, expected {shown(wanted.get(name))} as in {RECORD}"
            )
    return found


def assemble(mixer: MixerKind, folder: Path = FOLDER) -> JointModel:
    """Build a fresh joint model with the trained codecs and text encoder of a folder."""
    import torch

    from svbench.baselines.miniature.audio_codec import AudioCodec
    from svbench.baselines.miniature.nets import SCHEDULES, joint_unet
    from svbench.baselines.miniature.text_encoder import TextEncoder
    from svbench.baselines.miniature.video_codec import codec_for

    design = read_design(folder)
    audio, video = AudioCodec(), codec_for(design.motion)
    put(audio.codec, folder / AUDIO)
    put(video.codec, folder / VIDEO)
    put(video.head, folder / FRAMES)
    # A third faster for images of few channels.
    decoder: Any = video.codec.get_submodule("autoencoder.decoder")
    decoder.to(memory_format=torch.channels_last)
    text = TextEncoder(read_words(folder / WORDS))
    put(text.encoder, folder / ENCODER)
    schedules = SCHEDULES.map(lambda schedule, by: replace(schedule, clearer=by), design.clearer)
    digests = {name: digest_file(folder / name) for name in ENCODERS}
    joint = joint_unet(mixer, design.widths)
    return JointModel(joint, schedules, audio, video, text, digests)


def read_words(path: Path) -> list[str]:
    """Load the vocabulary of a text encoder."""
    expected = "a list of words"
    words = read_json(path, expected)
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise DataError(f"{path}: found {type(words).__name__}, expected {expected}")
    return words


def write_design(design: Design, folder: Path) -> None:
    """Write how the networks of a folder of weights are built."""
    record = {**asdict(design), "clearer": design.clearer._asdict()}
    write_text(folder / DESIGN, json.dumps(record) + "\n")


def read_design(folder: Path) -> Design:
    """Load how the networks of a folder of weights are built."""
    path = folder / DESIGN
    record = read_object(path, "what svbench train-systems wrote")
    try:
        clearer, widths = Pair(**record.pop("clearer")), tuple(record.pop("widths"))
        return Design(**record, clearer=clearer, widths=widths)
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: cannot be read ({shown(repr(error), REASON)}), "
            "expected what svbench train-systems wrote"
        ) from error


def put(network: nn.Module, path: Path, machine: Machine = CPU) -> None:
    """Load the weights that `write` wrote into a network, for inference on a machine."""
    load_weights(network, _dequantised(load_state(path)), path, machine=machine)


def write(network: nn.Module, path: Path, *, bits: int = 16) -> None:
    """Write a network's weights, quantised so that they fit into the package.

    With 16 bits they are in half precision. With 8, each row of a matrix or kernel becomes integers
    of -127 to 127 beside its scale (`<name>` and `<name>.scale`); vectors stay in half precision.
    """
    from safetensors.torch import save_file

    save_file(_quantised(network, bits), path)
    path.chmod(0o644)  # safetensors writes files that only their owner may read


def rounded(network: nn.Module, bits: int) -> None:
    """Round a network's weights as `write` and `put` would."""
    network.load_state_dict(_dequantised(_quantised(network, bits)))


def _quantised(network: nn.Module, bits: int) -> dict[str, Tensor]:
    state = {}
    for name, weight in network.state_dict().items():
        plain = weight.detach().cpu().contiguous()
        if not plain.is_floating_point():
            state[name] = plain
        elif bits == 16 or plain.ndim < 2:
            state[name] = plain.half()
        else:
            state[name], state[name + SCALE] = _eight_bits(plain)
    return state


def _eight_bits(weight: Tensor) -> tuple[Tensor, Tensor]:
    import torch

    rows = weight.flatten(1)
    scale = rows.abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / EIGHT_BITS
    return (rows / scale).round().to(torch.int8).view(weight.shape), scale


def _dequantised(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Undo `_quantised`, but for the rounding."""
    weights = {}
    for name, weight in state.items():
        if name.endswith(SCALE):
            continue
        scale = state.get(name + SCALE)
        weights[name] = weight
        if scale is not None:
            weights[name] = (weight.flatten(1) * scale).view(weight.shape)
    return weights
