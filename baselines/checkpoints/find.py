"""Whole joint models on disk: three forms of a folder, found out by what lies in it.

released    as the authors' pipeline is saved: `model_index.json`, a folder for each part, and the
            joint weights in `unet_svg`. Their own classes are only names to us.
ours        the same parts without `unet_svg`; the joint weights lie in `joint`, as `checkpoint`
            writes them.
joint alone `joint` (or its two files) without base models. These come from where `bases.json`
            says, {"audio": ..., "video": ..., "motion": ...}, each a folder or the name of a
            repository on the Hugging Face hub; without that file, from the paper's. The video
            U-Net is Stable Diffusion's with the motion adapter in it.

A part has `config.json` and its weights, safetensors or torch's .bin; see `parts`. Nothing is
downloaded: a hub's repository must lie in the local cache.

All forms are looked through before anything is loaded. `find_model` reads names and
configurations only; `Found.weights` reads every byte once, for the digests that say what a table
rests on; `Found.load` builds the networks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

import torch
from diffusers import UNetMotionModel
from torch import nn

from svbench.baselines.checkpoints import components, sony
from svbench.baselines.checkpoints import ours as checkpoint
from svbench.baselines.checkpoints.codecs import AudioCodec, VideoCodec
from svbench.baselines.checkpoints.components import Part
from svbench.baselines.checkpoints.text_encoders import Captioner
from svbench.baselines.joint.ddim import PAPER_SCHEDULES, NoiseSchedule
from svbench.baselines.joint.mixers import MixerKind
from svbench.baselines.joint.model import JointModel
from svbench.baselines.joint.pair import Modal
from svbench.baselines.joint.unet import JointConfig, JointUNet
from svbench.compute import CPU, Machine, load_weights
from svbench.errors import ConfigError, DataError
from svbench.files.text import read_object
from svbench.files.weights.loading import load_state

INDEX: Final = "model_index.json"
PIPELINE: Final = "VideoAudioGenWithSVGPipeline"
RELEASED_JOINT: Final = "unet_svg"
RELEASED_CLASS: Final = "UNetModelSVG"
JOINT: Final = "joint"
BASES: Final = "bases.json"

# Subfolder of the joint forms -> class; the last letter tells the modality.
NETWORKS: Final[Mapping[str, str]] = {
    "vae_a": "AutoencoderKL",
    "text_encoder_a": "ClapTextModelWithProjection",
    "vocoder": "SpeechT5HifiGan",
    "unet_a": "UNet2DConditionModel",
    "vae_v": "AutoencoderKL",
    "text_encoder_v": "CLIPTextModel",
    "unet_v": "UNetMotionModel",
}
TOKENIZERS: Final = {"tokenizer_a": "RobertaTokenizer", "tokenizer_v": "CLIPTokenizer"}
SCHEDULERS: Final = ("scheduler_a", "scheduler_v")
# Other names that the index may give: the fast tokenizers read the same files, and the authors'
# scheduler has the same settings.
SYNONYMS: Final[Mapping[str, tuple[str, ...]]] = {
    "tokenizer_a": ("RobertaTokenizer", "RobertaTokenizerFast"),
    "tokenizer_v": ("CLIPTokenizer", "CLIPTokenizerFast"),
    "scheduler_a": ("DDIMSchedulerRev", "DDIMScheduler"),
    "scheduler_v": ("DDIMSchedulerRev", "DDIMScheduler"),
}
# The base models of the paper (section 4.1 and the released scripts).
PAPER_BASES: Final = {
    "audio": "cvssp/audioldm-m-full",
    "video": "SG161222/Realistic_Vision_V5.1_noVAE",
    "motion": "guoyww/animatediff-motion-adapter-v1-5-2",
}
HOW_TO_GET: Final = (
    "--weights FOLDER: a pipeline saved by the released code (github.com/SonyResearch/"
    "SVG_baseline), or joint weights that svbench trained over base models got by: "
    + "; ".join(f"hf download {base}" for base in PAPER_BASES.values())
)


@dataclass(frozen=True, slots=True)
class Found:
    """A joint model on disk that was looked through; what it takes to load it."""

    source: Path
    config: JointConfig
    networks: Mapping[str, Part]  # by the subfolders of the joint forms
    tokenizers: Modal[Path]
    schedules: Modal[NoiseSchedule]
    added: tuple[Path, ...]  # files of the joint weights; none: untrained
    motion: Part | None = None  # to be built into the video U-Net

    def weights(self) -> dict[str, str]:
        """Digest all that decides its numbers, by part; reads every byte."""
        found = {name: components.digest(part.files) for name, part in self.networks.items()}
        for letter, folder in zip("av", self.tokenizers, strict=True):
            found[f"tokenizer_{letter}"] = components.digest(components.find_tokenizer(folder))
        if self.motion is not None:
            found["motion"] = components.digest(self.motion.files)
        return found | ({JOINT: components.digest(self.added)} if self.added else {})

    def load(self, machine: Machine = CPU) -> JointModel:
        """Load everything onto a machine.

        U-Nets and the pictures' autoencoder, where the time goes, get the machine's dtype; the
        text encoders, sound's autoencoder and the vocoder stay in float32.
        """
        place, dtype = machine.place, machine.torch_dtype
        digests = self.weights()
        built: dict[str, Any] = {
            name: components.load_part(part) for name, part in self.networks.items()
        }
        if self.motion is not None:
            built["unet_v"] = _moving(built["unet_v"], self.motion)
        joint = self._joined(built["unet_a"], built["unet_v"]).to(place, dtype)
        for name in ("vae_a", "vocoder", "text_encoder_a", "text_encoder_v"):
            built[name].to(place)
        # Not by diffusers' own way, which says that nothing is kept in float32.
        nn.Module.to(built["vae_v"], place, dtype)
        halvings = len(built["unet_a"].config.block_out_channels) - 1
        tokenizers = self.tokenizers.map(components.load_tokenizer, Modal(*TOKENIZERS.values()))
        encoders = Modal(built["text_encoder_a"], built["text_encoder_v"])
        return JointModel(
            joint=joint.eval().requires_grad_(False),
            schedules=self.schedules,
            audio=AudioCodec(built["vae_a"], built["vocoder"], halvings),
            video=VideoCodec(built["vae_v"]),
            captions=Captioner(tokenizers, encoders),
            weights=digests,
        )

    def _joined(self, audio: Any, video: Any) -> JointUNet:
        """Join the U-Nets, and give what joins them its weights."""
        joint = JointUNet(audio, video, self.config)
        if not self.added:
            return joint
        if self.added[0].name == checkpoint.WEIGHTS:
            checkpoint.load_joint(self.added[0].parent, joint)
            return joint
        added = joint.added
        theirs = load_state(self.added[0])
        ours = sony.from_released(theirs, added.state_dict(), self.config, str(self.added[0]))
        load_weights(added, ours, self.added[0])
        return joint


def find_model(folder: Path) -> Found:
    """Look a folder of any form through; the first thing amiss is an error of one line."""
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
    return find_bases(_bases(folder), config, added)


def find_models(words: Sequence[str]) -> dict[MixerKind, Found]:
    """Look the folders of several models through, each FOLDER or MIXER=FOLDER.

    A folder says itself which mixer it holds; a name beside it is a promise that is checked.
    """
    models: dict[MixerKind, Found] = {}
    for word in words:
        name, equals, path = word.partition("=")
        named = bool(equals) and name in get_args(MixerKind)
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


def load_released(folder: Path) -> JointModel:
    """Load the released pipeline."""
    return _find_released(folder).load()


def find_bases(
    bases: Mapping[str, str], config: JointConfig, added: tuple[Path, ...] = ()
) -> Found:
    """Look base models through that lie apart; without joint weights the model is untrained.

    Parameters
    ----------
    bases : mapping
        "audio", "video", "motion" -> a folder, or a repository of the hub in the local cache
    config : JointConfig
        what joins them
    added : tuple of Path
        the files of the joint weights, if it was trained
    """
    audio, video, motion = (_local(bases[name]) for name in PAPER_BASES)
    networks = {}
    for name, kind in NETWORKS.items():
        base, folder = (audio, name.removesuffix("_a")) if name[-2:] != "_v" else (video, name[:-2])
        kind = "UNet2DConditionModel" if name == "unet_v" else kind
        networks[name] = components.find_part(base / folder, kind)
    tokenizers = Modal(audio / "tokenizer", video / "tokenizer")
    tokenizers.map(components.find_tokenizer)
    return Found(
        source=added[0].parent if added else motion,
        config=config,
        networks=networks,
        tokenizers=tokenizers,
        # The motion adapter was trained under linear betas, whatever the pictures' model says.
        schedules=Modal(components.load_schedule(audio / "scheduler"), PAPER_SCHEDULES.video),
        added=added,
        motion=components.find_part(motion, "MotionAdapter"),
    )


# --- forms -------------------------------------------------------------------------------------


def _find_released(folder: Path) -> Found:
    _check_index(folder / INDEX)
    part = components.find_part(folder / RELEASED_JOINT, RELEASED_CLASS)
    path = part.files[-1]
    with components.described(path, "the configuration of joint weights"):
        config = sony.read_config(part.config, str(path))
    return _find_parts(folder, config, part.files)


def _check_index(path: Path) -> None:
    """See that a released pipeline is made of the classes that we put in their place."""
    index = read_object(path, "the index of a released pipeline")
    expected = {name: (kind,) for name, kind in NETWORKS.items()} | {**SYNONYMS}
    expected |= {"_class_name": (PIPELINE,), RELEASED_JOINT: (RELEASED_CLASS,)}
    for name, kinds in expected.items():
        named = index.get(name, "nothing")
        found = named[-1] if isinstance(named, list) and named else named
        if found not in kinds:
            raise DataError(f"{path}: found {name} {found!r}, expected {' or '.join(kinds)}")


def _find_parts(folder: Path, config: JointConfig, added: tuple[Path, ...]) -> Found:
    tokenizers = Modal(*(folder / name for name in TOKENIZERS))
    tokenizers.map(components.find_tokenizer)
    return Found(
        source=folder,
        config=config,
        networks={
            name: components.find_part(folder / name, kind) for name, kind in NETWORKS.items()
        },
        tokenizers=tokenizers,
        schedules=Modal(*(components.load_schedule(folder / name) for name in SCHEDULERS)),
        added=added,
    )


def _bases(folder: Path) -> dict[str, str]:
    path = folder / BASES
    if not path.is_file():
        return dict(PAPER_BASES)
    bases = read_object(path, f"where the base models lie ({', '.join(PAPER_BASES)})")
    if set(bases) != set(PAPER_BASES):
        raise DataError(f"{path}: found {sorted(bases)}, expected {sorted(PAPER_BASES)}")
    # A folder is meant from where the file lies; a repository's name stays as it is.
    return {k: str(folder / v) if (folder / v).is_dir() else str(v) for k, v in bases.items()}


def _local(name: str) -> Path:
    """Give the folder of a base model: itself, or its snapshot in the hub's local cache."""
    from huggingface_hub import snapshot_download

    if Path(name).is_dir():
        return Path(name)
    try:
        return Path(snapshot_download(name, local_files_only=True))
    except Exception as error:  # no such folder, no such name, no cache: all mean the same here
        raise DataError(
            f"{name}: found neither a folder of that name nor a copy in the Hugging Face cache, "
            f"expected a base model; get it by: hf download {name}"
        ) from error


def _moving(pictures: Any, motion: Part) -> UNetMotionModel:
    """Build motion modules into a U-Net of pictures; neither renames its weights for it."""
    adapter = components.load_part(motion)
    try:
        with torch.device("meta"):
            unet = UNetMotionModel.from_unet2d(pictures, adapter, load_weights=False)
    except ValueError as error:
        raise DataError(
            f"{motion.files[-1]}: found an adapter that does not fit the U-Net "
            f"({str(error).splitlines()[0]}), expected one of the same blocks"
        ) from error
    state = {**pictures.state_dict(), **adapter.state_dict()}
    made: UNetMotionModel = load_weights(unet, state, motion.weights)
    return made
