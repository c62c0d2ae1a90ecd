"""Whole joint models on disk: three forms of a folder, distinguished by their files.

released    as the authors' pipeline is saved: `model_index.json`, a folder for each component, and
            the joint weights in `unet_svg`. Their own classes are not imported.
ours        the same components without `unet_svg`; the joint weights lie in `joint`, as `ours`
            writes them.
joint alone `joint` (or its two files) without base models, see `base_models`. The video U-Net is
            Stable Diffusion's with the motion adapter.

A component has `config.json` and its weights, safetensors or torch's .bin; see `components`.

`find_model` reads names and configurations only; `Found.weights` reads every byte once, for the
digests in results; `Found.load` builds the networks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import UNetMotionModel

from svbench.baselines.checkpoints import components, sony
from svbench.baselines.checkpoints import ours as checkpoint
from svbench.baselines.checkpoints.base_models import PAPER_BASES, local_folder, read_bases
from svbench.baselines.checkpoints.codecs import AudioCodec, VideoCodec
from svbench.baselines.checkpoints.components import Part
from svbench.baselines.checkpoints.text_encoders import BriefTextEncoders, TextEncoders
from svbench.baselines.checkpoints.weight_files import load_weight_files
from svbench.baselines.joint.ddim import PAPER_SCHEDULES, NoiseSchedule
from svbench.baselines.joint.mixers import MIXERS, MixerKind
from svbench.baselines.joint.model import JointModel, TextEncoder
from svbench.baselines.joint.pair import Pair
from svbench.baselines.joint.unet import JointConfig, JointUNet
from svbench.compute import CPU, Machine, load_weights
from svbench.errors import ConfigError, DataError
from svbench.files.text import read_object
from svbench.files.weights.random_files import any_random

INDEX: Final = "model_index.json"
PIPELINE: Final = "VideoAudioGenWithSVGPipeline"
RELEASED_JOINT: Final = "unet_svg"
RELEASED_CLASS: Final = "UNetModelSVG"
JOINT: Final = "joint"

# Subfolder of the joint forms -> class; the last letter is that of the modality.
NETWORKS: Final[Mapping[str, str]] = {
    "vae_a": "AutoencoderKL",
    "text_encoder_a": "ClapTextModelWithProjection",
    "vocoder": "SpeechT5HifiGan",
    "unet_a": "UNet2DConditionModel",
    "vae_v": "AutoencoderKL",
    "text_encoder_v": "CLIPTextModel",
    "unet_v": "UNetMotionModel",
}
# Those that `Found.load` keeps in float32, whatever the dtype of a machine.
EXACT: Final = ("vae_a", "text_encoder_a", "vocoder", "text_encoder_v")
TOKENIZERS: Final = {"tokenizer_a": "RobertaTokenizer", "tokenizer_v": "CLIPTokenizer"}
SCHEDULERS: Final = ("scheduler_a", "scheduler_v")
# Classes that the index may name: the fast tokenizers read the same files, and the authors'
# scheduler has the same settings.
SYNONYMS: Final[Mapping[str, tuple[str, ...]]] = {
    "tokenizer_a": ("RobertaTokenizer", "RobertaTokenizerFast"),
    "tokenizer_v": ("CLIPTokenizer", "CLIPTokenizerFast"),
    "scheduler_a": ("DDIMSchedulerRev", "DDIMScheduler"),
    "scheduler_v": ("DDIMSchedulerRev", "DDIMScheduler"),
}


@dataclass(frozen=True)
class Found:
    """A joint model on disk whose files were found, not yet loaded."""

    config: JointConfig
    networks: Mapping[str, Part]  # by the subfolders of the joint forms
    tokenizers: Pair[Path]
    schedules: Pair[NoiseSchedule]
    added: tuple[Path, ...]  # files of the joint weights; none: untrained
    motion: Part | None = None  # to be built into the video U-Net
    sampling: bool = False  # it is loaded to sample alone, without what encodes clips

    @property
    def random(self) -> bool:
        """Return whether some of its weights are random, for load tests."""
        parts = [*self.networks.values(), *([self.motion] if self.motion else [])]
        return any_random(
            file for files in (self.added, *(p.files for p in parts)) for file in files
        )

    def for_sampling(self) -> Found:
        """Return the model as a sampler needs it, which takes less memory.

        The autoencoders have no encoders; on a CPU, the text encoders are loaded for new captions
        and let go behind them.
        """
        return replace(self, sampling=True)

    @cached_property
    def _weights(self) -> dict[str, str]:
        return self._digests()

    def weights(self) -> dict[str, str]:
        """Return the digest of every component; every byte is read, once for all rows."""
        return self._weights

    def _digests(self) -> dict[str, str]:
        found = {name: components.digest(part.files) for name, part in self.networks.items()}
        for letter, folder in zip("av", self.tokenizers, strict=True):
            found[f"tokenizer_{letter}"] = components.digest(components.find_tokenizer(folder))
        if self.motion is not None:
            found["motion"] = components.digest(self.motion.files)
        return found | ({JOINT: components.digest(self.added)} if self.added else {})

    def load(self, machine: Machine = CPU) -> JointModel:
        """Load everything onto a machine.

        U-Nets and the video's autoencoder, which take the time, get the machine's dtype; the text
        encoders, the audio's autoencoder and the vocoder stay in float32.
        """
        digests = self._digests()  # perhaps other files than when the work began
        exact = replace(machine, dtype="float32")
        joint = self._joined(machine)  # the largest part first, while there is nothing beside it
        codecs = self.load_codecs(machine)
        return JointModel(
            joint=joint.eval().requires_grad_(False),
            schedules=self.schedules,
            audio=codecs.audio,
            video=codecs.video,
            text_encoder=self._text_encoder(digests, exact),
            weights=digests,
        )

    def load_codecs(self, machine: Machine = CPU) -> Pair[Any]:
        """Load the codecs of sound and video alone; in precision as `load`."""
        exact = replace(machine, dtype="float32")
        # As many as the audio U-Net has levels below its first: latents are cut to whole ones.
        halvings = len(self.networks["unet_a"].config["block_out_channels"]) - 1
        vocoder: Any = components.load_part(self.networks["vocoder"], exact)
        return Pair(
            audio=AudioCodec(self._autoencoder("vae_a", exact), vocoder, halvings),
            video=VideoCodec(self._autoencoder("vae_v", machine)),
        )

    def _autoencoder(self, name: str, machine: Machine) -> Any:
        part = self.networks[name]
        return components.load_part(part, machine, decodes_only=self.sampling)

    def _text_encoder(self, digests: Mapping[str, str], machine: Machine) -> TextEncoder:
        """Return the text encoders: loaded, or as what loads them for a sampler on a CPU."""
        parts = [self.networks[f"text_encoder_{letter}"] for letter in "av"]
        tokenizers = self.tokenizers.map(components.load_tokenizer, Pair(*TOKENIZERS.values()))

        def load() -> TextEncoders:
            encoders = [components.load_part(part, machine) for part in parts]
            return TextEncoders(tokenizers, Pair(*encoders))

        def load_again() -> TextEncoders:
            for letter, part in zip("av", parts, strict=True):
                if components.digest(part.files) != digests[f"text_encoder_{letter}"]:
                    raise DataError(
                        f"{part.weights}: found other weights than when the work began; run the "
                        "same command again"
                    )
            return load()

        brief = self.sampling and machine.place.type == "cpu"
        return BriefTextEncoders(load_again) if brief else load()

    def _joined(self, machine: Machine) -> JointUNet:
        """Load the U-Nets, join them, and load the weights of connectors and mixers."""
        video: Any = components.load_part(self.networks["unet_v"], machine)
        if self.motion is not None:
            video = _moving(video, self.motion, machine)
        audio: Any = components.load_part(self.networks["unet_a"], machine)
        if not self.added:
            untrained = JointUNet(audio, video, self.config)
            return untrained.to(machine.place, machine.torch_dtype)
        with torch.device("meta"):
            joint = JointUNet(audio, video, self.config)
        if self.added[0].name == checkpoint.WEIGHTS:
            checkpoint.load_joint(self.added[0].parent, joint, machine)
            return joint
        added = joint.added
        theirs = load_weight_files(self.added[:-1], machine.torch_dtype)
        ours = sony.from_released(theirs, added.state_dict(), self.config, str(self.added[0]))
        load_weights(added, ours, self.added[0], machine=machine)
        return joint


def find_model(folder: Path) -> Found:
    """Find a joint model of any form; raise DataError for the first missing or wrong file."""
    if (folder / INDEX).is_file() and (folder / RELEASED_JOINT).is_dir():
        return _find_released(folder)
    joint = folder / JOINT if (folder / JOINT).is_dir() else folder
    if not (joint / checkpoint.CONFIG).is_file():
        raise DataError(
            f"{folder}: found no joint model, expected the released pipeline ({INDEX}, "
            f"{RELEASED_JOINT}/ and so on), base models beside {JOINT}/, or {JOINT}/ alone"
        )
    with components.described(joint / checkpoint.CONFIG, "the configuration of joint weights"):
        config = checkpoint.load_config(joint)
    added = (
        components.find_file(joint, checkpoint.WEIGHTS, what="joint weights"),
        joint / checkpoint.CONFIG,
    )
    if (folder / "unet_v").is_dir():
        return _find_parts(folder, config, added)
    return find_bases(read_bases(folder), config, added)


def find_models(words: Sequence[str]) -> dict[MixerKind, Found]:
    """Find several models, each FOLDER or MIXER=FOLDER.

    The configuration in a folder names its mixer; a name beside the folder is checked against it.
    """
    models: dict[MixerKind, Found] = {}
    for word in words:
        name, equals, path = word.partition("=")
        named = bool(equals) and name in MIXERS
        found = find_model(Path(path if named else word))
        mixer = found.config.mixer
        if named and mixer != name:
            raise DataError(f"--weights {word}: found a joint model of {mixer}, expected {name}")
        if mixer in models:
            raise ConfigError(
                f"--weights {word}: found a second joint model of {mixer}, expected one of each"
            )
        models[mixer] = found
    return models


def find_bases(
    bases: Mapping[str, str], config: JointConfig, added: tuple[Path, ...] = ()
) -> Found:
    """Find base models in folders of their own; without joint weights the model is untrained.

    Parameters
    ----------
    bases : mapping
        as in `base_models.PAPER_BASES`: name -> a folder, or a repository in the local cache
    config : JointConfig
        what joins them
    added : tuple of Path
        the files of the joint weights, if it was trained
    """
    audio, video, motion = (local_folder(bases[name]) for name in PAPER_BASES)
    networks = {}
    for name, kind in NETWORKS.items():
        base, folder = (audio, name.removesuffix("_a")) if name[-2:] != "_v" else (video, name[:-2])
        kind = "UNet2DConditionModel" if name == "unet_v" else kind
        networks[name] = components.find_part(base / folder, kind)
    tokenizers = Pair(audio / "tokenizer", video / "tokenizer")
    tokenizers.map(components.find_tokenizer)
    return Found(
        config=config,
        networks=networks,
        tokenizers=tokenizers,
        # The motion adapter was trained with linear betas, whatever the image model's schedule.
        schedules=Pair(components.load_schedule(audio / "scheduler"), PAPER_SCHEDULES.video),
        added=added,
        motion=components.find_part(motion, "MotionAdapter"),
    )


def _find_released(folder: Path) -> Found:
    _check_index(folder / INDEX)
    part = components.find_part(folder / RELEASED_JOINT, RELEASED_CLASS)
    path = part.files[-1]
    with components.described(path, "the configuration of joint weights"):
        config = sony.read_config(part.config, str(path))
    return _find_parts(folder, config, part.files)


def _check_index(path: Path) -> None:
    """Check that a released pipeline consists of the classes that are used in its place."""
    index = read_object(path, "the index of a released pipeline")
    expected = {name: (kind,) for name, kind in NETWORKS.items()} | {**SYNONYMS}
    expected |= {"_class_name": (PIPELINE,), RELEASED_JOINT: (RELEASED_CLASS,)}
    for name, kinds in expected.items():
        named = index.get(name, "nothing")
        found = named[-1] if isinstance(named, list) and named else named
        if found not in kinds:
            raise DataError(f"{path}: found {name} {found!r}, expected {' or '.join(kinds)}")


def _find_parts(folder: Path, config: JointConfig, added: tuple[Path, ...]) -> Found:
    tokenizers = Pair(*(folder / name for name in TOKENIZERS))
    tokenizers.map(components.find_tokenizer)
    return Found(
        config=config,
        networks={
            name: components.find_part(folder / name, kind) for name, kind in NETWORKS.items()
        },
        tokenizers=tokenizers,
        schedules=Pair(*(components.load_schedule(folder / name) for name in SCHEDULERS)),
        added=added,
    )


def _moving(image_unet: Any, motion: Part, machine: Machine) -> UNetMotionModel:
    """Build a U-Net of an image model and motion modules; weights keep their names."""
    adapter: Any = components.load_part(motion, machine)
    try:
        with torch.device("meta"):
            unet = UNetMotionModel.from_unet2d(image_unet, adapter, load_weights=False)
    except ValueError as error:
        raise DataError(
            f"{motion.files[-1]}: found an adapter that does not fit the U-Net "
            f"({str(error).splitlines()[0]}), expected one of the same blocks"
        ) from error
    state = {**image_unet.state_dict(), **adapter.state_dict()}
    made: UNetMotionModel = load_weights(unet, state, motion.weights, machine=machine)
    return made
