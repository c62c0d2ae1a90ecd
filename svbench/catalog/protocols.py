"""The table of protocols: how other benchmarks judge clips, each as one named bundle.

`--protocol NAME` of `run`, `score` and `sweep-gamma` sets the clip format, the way recorded clips
are read, and the columns. What is given beside it, on the command line or in `--config`, wins, and
is on record as an exception from the protocol (`svbench.catalog.protocol_columns`).

Conventions
-----------
`settings` are fields of `ScoreConfig`. `columns` are those of svbench that answer the benchmark's,
in its order; one that this version cannot compute is an empty column with its reason. `handling`
is what the benchmark itself does with a clip, by kind of setting. Where svbench does otherwise,
`departures` says so, and `not_computed` names what the benchmark prints beside.

References
----------
- javisbench: K. Liu et al., arXiv:2503.23377, https://github.com/JavisVerse/JavisDiT
- verse-bench: https://github.com/Dorniwang/Verse-Bench
- mova: arXiv:2602.08794, https://github.com/OpenMOSS/MOVA
- av-benchmark: https://github.com/hkchengrex/av-benchmark
- fastvideo: https://github.com/hao-ai-lab/FastVideo
- avgen-bench: arXiv:2604.08540, https://github.com/microsoft/AVGen-Bench
- t2av-compass: Z. Cao et al., arXiv:2512.21094, https://github.com/NJU-LINK/T2AV-Compass
- paper: M. Ishii et al., arXiv:2409.17550, and its released code
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from svbench.catalog.protocol_types import (
    CHECKPOINTS,
    CROP,
    DECODER,
    FPS,
    FRAME_CHOICE,
    PADDING,
    RESAMPLING,
    SECONDS,
    BenchmarkProtocol,
    ProtocolColumn,
)

_CE: Final = ProtocolColumn("audiobox-ce@published+native", "CE", "higher")
_CU: Final = ProtocolColumn("audiobox-cu@published+native", "CU", "higher")
_PQ: Final = ProtocolColumn("audiobox-pq@published+native", "PQ", "higher")
_SYNCHFORMER_CROP: Final = "Synchformer: short side 224, bicubic, centre 224"
_IMAGEBIND_CROP: Final = "ImageBind: short side 224, three crops"

PROTOCOLS: Final[Mapping[str, BenchmarkProtocol]] = {
    "javisbench": BenchmarkProtocol(
        title="JavisBench",
        source="JavisVerse/JavisDiT@b505b37",
        columns=(
            ProtocolColumn("fvd@videogpt-16f", "FVD", "lower"),
            ProtocolColumn("kvd@videogpt-16f", "KVD", "lower"),
            ProtocolColumn("audiobox-mean", "AQ", "higher"),
            ProtocolColumn("ib-tv@published-leaky+native", "IB-TV", "higher"),
            ProtocolColumn("ib-ta@published-leaky+native", "IB-TA", "higher"),
            ProtocolColumn("clap@htsat-unfused+native", "CLAP", "higher"),
            ProtocolColumn("ib-av@published-leaky+native", "IB-AV", "higher"),
            ProtocolColumn("avhscore@javisbench-leaky+native", "AVHScore", "higher"),
            ProtocolColumn("javisscore@javisbench-leaky+native", "JavisScore", "higher"),
            ProtocolColumn("av-align-tempotokens-2023@published+native", "AV-Align", "higher"),
            ProtocolColumn("desync@javisbench-4s", "DeSync", "lower"),
        ),
        settings={
            "frames": 96,
            "fps": 24.0,
            "size": (224, 224),
            "sample_rate": 16000,
            "pad": True,
            "frame_choice": "nearest",
            "channels": "mean",
        },
        handling={
            DECODER: "OpenCV (frames), torio (DeSync), decord (ImageBind), librosa or torchaudio",
            CROP: f"{_SYNCHFORMER_CROP}; JavisScore: the same; I3D: short side 224, centre 224",
            SECONDS: (
                "4.0 of DeSync and AQ (--max_audio_len_s of its README; 8.0 where it is not "
                "given); ImageBind and JavisScore: whole files"
            ),
            FPS: "24 (FVD: 24 frames over the whole clip); DeSync 25; JavisScore: the clip's own",
            FRAME_CHOICE: "evenly spaced from the first to the last frame; DeSync: ffmpeg's fps",
            PADDING: "black frames and silence up to the length; DeSync then repeats segments",
            RESAMPLING: "16 kHz, mean of channels; JavisScore: the first channel reaches the mel",
            CHECKPOINTS: (
                "I3D of VideoGPT, AudioCLIP, laion/clap-htsat-unfused, ImageBind huge, Synchformer "
                "24-01-04T16-39-21, AudioBox-aesthetics, VideoReward"
            ),
        },
        departures=(
            "FVD and KVD: the first 16 frames at 24 frames/s, not 24 frames over the whole clip",
            "the reference is what --reference names, not its published features",
        ),
        not_computed=("FAD (AudioCLIP)", "VideoAlign", "CLIP", "CAVP"),
    ),
    "verse-bench": BenchmarkProtocol(
        title="Verse-Bench",
        source="Dorniwang/Verse-Bench@5645a09",
        columns=(
            ProtocolColumn("kl@passt-32k+native", "KL", "lower"),
            ProtocolColumn("clap@630k-audioset-fusion+native", "CS", "higher"),
            *(_CE, _CU, ProtocolColumn("audiobox-pc@verse-bench+native", "PC", "lower"), _PQ),
            ProtocolColumn("desync@av-benchmark", "AV-A", "lower"),
        ),
        settings={
            "frames": 125,
            "fps": 25.0,
            "size": (256, 256),
            "sample_rate": 16000,
            "pad": False,
            "frame_choice": "nearest",
            "channels": "mean",
        },
        handling={
            DECODER: "ffmpeg, re-encoded (AV-A), then torchvision; moviepy (pictures); librosa",
            CROP: "AV-A: re-encoded to short side 256, then centre 224",
            SECONDS: "AV-A: the first 5; all others: whole files",
            FPS: "25 (AV-A); others: the clip's own",
            FRAME_CHOICE: "ffmpeg's fps (AV-A); every frame",
            PADDING: "KL: windows of 10 s, each zero-padded",
            RESAMPLING: "AV-A 16 kHz, CLAP 48 kHz, PaSST 32 kHz by librosa; peak-normalised, mono",
            CHECKPOINTS: (
                "Synchformer 24-01-04T16-39-21, CLAP 630k-audioset-fusion-best, PaSST, "
                "AudioBox-aesthetics"
            ),
        },
        departures=(
            "AV-A is the mean of signed offsets of the first window; desync@av-benchmark is the "
            "mean of absolute ones of the first and the last",
            "KL: PaSST once on 10 s, KL(reference || generated), no peak normalisation",
        ),
        not_computed=(
            *("MS", "AS (MANIQA, MUSIQ, aesthetic)", "ID (DINOv3)"),
            *("FD (CLAP, pair by pair)", "WER", "LSE-C"),
        ),
    ),
    "mova": BenchmarkProtocol(
        title="MOVA evaluation toolkit",
        source="OpenMOSS/MOVA@2ed107e",
        columns=(
            ProtocolColumn("desync@av-benchmark", "DeSync", "lower"),
            ProtocolColumn("ib-av@av-benchmark", "IB-Score", "higher"),
            ProtocolColumn("av-align-tempotokens-2025@published+native", "AV-Align", "higher"),
            ProtocolColumn("is@panns-16k+native", "IS", "higher"),
            ProtocolColumn("clap@630k-audioset-fusion+native", "CLAP", "higher"),
        ),
        settings={
            "frames": 197,
            "fps": 25.0,
            "size": (224, 224),
            "sample_rate": 16000,
            "pad": True,
            "frame_choice": "nearest",
            "channels": "mean",
        },
        handling={
            DECODER: "torio (decord, its substitute, gives another DeSync); ffmpeg; OpenCV",
            CROP: f"{_SYNCHFORMER_CROP}; {_IMAGEBIND_CROP}",
            SECONDS: "7.9 (of clips of 8 s)",
            FPS: "25 (DeSync), 0.5 (ImageBind); AV-Align: the clip's own",
            FRAME_CHOICE: "ffmpeg's fps; every frame (AV-Align)",
            PADDING: "the last frame again; sound that is too short is an error",
            RESAMPLING: "16 kHz by torchaudio; AV-Align 44.1 kHz, IS 32 kHz, CLAP 48 kHz by ffmpeg",
            CHECKPOINTS: (
                "Synchformer 24-01-04T16-39-21, ImageBind huge, Cnn14 mAP=0.431 (32 kHz), CLAP "
                "630k-audioset-fusion-best"
            ),
        },
        departures=(
            "AV-Align: onsets of sound at 22.05 kHz, not 44.1 kHz",
            "IS: Cnn14 of 16 kHz; the toolkit takes that of 32 kHz, zero-padded to 10 s",
            "IB-Score and DeSync: of whole clips, without frames repeated behind",
            "means are over clips, not over its categories' means",
        ),
        not_computed=(
            *("amplitude and LUFS", "DNSMOS", "VideoReward"),
            *("LSE-D", "LSE-C", "cpCER"),
        ),
    ),
    "av-benchmark": BenchmarkProtocol(
        title="av-benchmark",
        source="hkchengrex/av-benchmark@050a5cd",
        columns=(
            ProtocolColumn("fad@audioldm-eval", "FD-VGG", "lower"),
            ProtocolColumn("fd@panns-16k+native", "FD-PANNs", "lower"),
            ProtocolColumn("fd@passt-32k+native", "FD-PaSST", "lower"),
            ProtocolColumn("kl@panns-16k+native", "KL-PANNs", "lower"),
            ProtocolColumn("kl@passt-32k+native", "KL-PaSST", "lower"),
            ProtocolColumn("is@panns-16k+native", "IS-PANNs", "higher"),
            ProtocolColumn("is@passt-32k+native", "IS-PaSST", "higher"),
            ProtocolColumn("ib-av@av-benchmark", "IB-score", "higher"),
            ProtocolColumn("desync@av-benchmark", "DeSync", "lower"),
            ProtocolColumn("clap@music-speech-audioset+native", "LAION-CLAP", "higher"),
        ),
        settings={
            "frames": 200,
            "fps": 25.0,
            "size": (224, 224),
            "sample_rate": 16000,
            "pad": False,
            "frame_choice": "nearest",
            "channels": "mean",
        },
        handling={
            DECODER: "torio (frames), torchaudio",
            CROP: f"{_SYNCHFORMER_CROP}; {_IMAGEBIND_CROP}",
            SECONDS: "8.0 (--audio_length)",
            FPS: "25 (DeSync), 0.5 (ImageBind)",
            FRAME_CHOICE: "ffmpeg's fps",
            PADDING: "none: shorter clips are left out; PaSST zero-padded to 10 s",
            RESAMPLING: "16, 32 and 48 kHz by torchaudio, mean of channels, minus the file's mean",
            CHECKPOINTS: (
                "VGGish without PCA, Cnn14 of 16 kHz, PaSST, ImageBind huge, Synchformer "
                "24-01-04T16-39-21, CLAP music_speech_audioset_epoch_15_esc_89.98, MS-CLAP 2023"
            ),
        },
        departures=(
            "FD-VGG: the mean of the judged length is subtracted, not that of the whole file",
            "sound is resampled to 16 kHz by soxr before VGGish, not by torchaudio",
            "IB-score and DeSync: the pictures of whole clips, not of their first 8 s",
            "IB-score: the sound is the mean of channels; its code reads the first",
        ),
        not_computed=("MS-CLAP",),
    ),
    "fastvideo": BenchmarkProtocol(
        title="fastvideo.eval",
        source="hao-ai-lab/FastVideo@2f3d407",
        columns=(
            ProtocolColumn("fvd@first-16", "FVD", "lower"),
            ProtocolColumn("fd@passt-32k+native", "FAD", "lower"),
            ProtocolColumn("kl@passt-32k+native", "KL", "lower"),
            ProtocolColumn("clap@htsat-fused-always+native", "CLAP", "higher"),
            *(_CE, _CU, ProtocolColumn("audiobox-pc@published+native", "PC", "higher"), _PQ),
            ProtocolColumn("desync@av-benchmark", "DeSync", "lower"),
            ProtocolColumn("ib-av@published-leaky+native", "ImageBind", "higher"),
        ),
        settings={
            "frames": 121,
            "fps": 24.0,
            "size": (224, 224),
            "sample_rate": 16000,
            "pad": False,
            "frame_choice": "nearest",
            "channels": "mean",
        },
        handling={
            DECODER: "PyAV or decord, librosa",
            CROP: "DeSync: short side 224, bicubic, centre 224; I3D: stretched to 224",
            SECONDS: "whole files; its golden clip has 121 frames at 24 frames/s",
            FPS: "the clip's own; DeSync 25",
            FRAME_CHOICE: "DeSync: the frame last shown; every frame",
            PADDING: "DeSync: mels with their minimum; clips under 14 segments are skipped",
            RESAMPLING: "DeSync 16 kHz by torchaudio; CLAP 48 kHz by librosa, peak-normalised",
            CHECKPOINTS: (
                "I3D TorchScript, PaSST, laion/clap-htsat-fused, AudioBox-aesthetics, Synchformer "
                "24-01-04T16-39-21, ImageBind huge"
            ),
        },
        departures=(
            "FVD: the first 16 frames, centre-cropped; it takes the whole clip, stretched",
            "DeSync: frames and padding of mels as av-benchmark has them",
        ),
        not_computed=("WER", "VBench", "Physics-IQ", "VideoScore2", "LPIPS, SSIM, PSNR"),
    ),
    "avgen-bench": BenchmarkProtocol(
        title="AVGen-Bench",
        source="microsoft/AVGen-Bench@1049eab",
        columns=(
            ProtocolColumn("audiobox-pq@published+native", "Aud (PQ)", "higher"),
            ProtocolColumn("desync@expected", "AV", "lower"),
        ),
        settings={
            "frames": 120,
            "fps": 25.0,
            "size": (256, 256),
            "sample_rate": 16000,
            "pad": False,
            "frame_choice": "nearest",
            "channels": "mean",
        },
        handling={
            DECODER: "ffmpeg, re-encoded (AV), then torchvision",
            CROP: "AV: re-encoded to short side 256, then centre 224",
            SECONDS: "AV: the first 4.8; PQ: whole files",
            FPS: "25 (AV)",
            FRAME_CHOICE: "ffmpeg's fps",
            PADDING: "none; PQ: the last window of 10 s zero-padded",
            RESAMPLING: "16 kHz; AV by ffmpeg",
            CHECKPOINTS: "Synchformer 24-01-04T16-39-21, AudioBox-aesthetics",
        },
        departures=("AV: clips are not encoded again",),
        not_computed=(
            *("Vis (Q-Align)", "Lip", "Text", "Face", "Music", "Speech", "Lo-Phy", "Hi-Phy"),
            *("Holistic", "Total"),
        ),
    ),
    "t2av-compass": BenchmarkProtocol(
        title="T2AV-Compass",
        source="NJU-LINK/T2AV-Compass@b726966",
        columns=(
            _CU,
            _PQ,
            ProtocolColumn("ib-av@published-leaky+native", "A-V", "higher"),
            ProtocolColumn("clap@music-speech-audioset+native", "T-A", "higher"),
            ProtocolColumn("desync@av-benchmark", "DS", "lower"),
        ),
        settings={
            "frames": 125,
            "fps": 25.0,
            "size": (256, 256),
            "sample_rate": 16000,
            "pad": False,
            "frame_choice": "nearest",
            "channels": "mean",
        },
        handling={
            DECODER: "ffmpeg, re-encoded, then torchvision (DS); decord (A-V); ffmpeg (sound)",
            CROP: f"DS: re-encoded to short side 256, then centre 224; {_IMAGEBIND_CROP}",
            SECONDS: "DS: the first window; all others: whole files",
            FPS: "25 (DS); others: the clip's own",
            FRAME_CHOICE: "ffmpeg's fps (DS); A-V: two frames of each of five windows of 2 s",
            PADDING: "CU and PQ: the last window of 10 s zero-padded",
            RESAMPLING: "16 kHz by ffmpeg, one channel",
            CHECKPOINTS: (
                "Synchformer 24-01-04T16-39-21, ImageBind huge, AudioBox-aesthetics, CLAP "
                "music_speech_audioset_epoch_15_esc_89.98"
            ),
        },
        departures=(
            "DS: its paper has absolute offsets of the first window (its script prints the signed "
            "mean); desync@av-benchmark judges the first and the last",
            "T-A: CLAP, as in its paper and run_clap_scoring.py; its eval_text_audio_alignment.sh "
            "computes ImageBind's instead",
            "T-A: it reads the prompt's description of the sound, svbench the whole caption",
        ),
        not_computed=(
            *("VT (DOVER++)", "VA (aesthetic predictor 2.5)", "AA (mean of CU and PQ)"),
            *("SQ (NISQA)", "T-V (VideoCLIP-XL)", "LS (LatentSync)", "IF Video", "IF Audio"),
            *("Video Realism", "Audio Realism", "Average"),
        ),
    ),
    "paper": BenchmarkProtocol(
        title="Ishii et al.",
        source="arXiv:2409.17550",
        columns=(
            ProtocolColumn("fvd@stylegan-v-16f", "FVD", "lower"),
            ProtocolColumn("fad@audioldm-eval", "FAD", "lower"),
            ProtocolColumn("av-align-corrected@published", "AV-Align", "higher"),
            ProtocolColumn("ib-tv@published", "IB-TV", "higher"),
            ProtocolColumn("ib-ta@published", "IB-TA", "higher"),
            ProtocolColumn("ib-av@published", "IB-AV", "higher"),
        ),
        settings={
            "frames": 32,
            "fps": 8.0,
            "size": (256, 256),
            "sample_rate": 16000,
            "pad": False,
            "frame_choice": "official",
            "channels": "first",
        },
        handling={
            DECODER: "ffmpeg, re-encoded; decord, torchaudio, librosa",
            CROP: "the middle 256 columns of frames 256 high",
            SECONDS: "4.0",
            FPS: "8 (Greatest Hits), 4 (Landscape, VGGSound)",
            FRAME_CHOICE: "as ffmpeg -r: some 0.15 s late",
            PADDING: "none; segments of other lengths are deleted",
            RESAMPLING: "16 kHz; FAD and ImageBind: first channel; AV-Align: 22.05 kHz, mean",
            CHECKPOINTS: "I3D TorchScript of StyleGAN-V, VGGish without PCA, ImageBind huge",
        },
        departures=(
            "AV-Align: the paper tuned its detectors and gives no values; these are the published "
            "defaults, and they read the first channel, not the mean",
        ),
        format_of_data_sets=True,
    ),
}
