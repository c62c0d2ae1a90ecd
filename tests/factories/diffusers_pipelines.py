"""Pipelines of diffusers at tiny size with random weights, saved as the hub has them.

Their autoencoders keep the true rates as far as the families' rules about numbers of frames and
sizes go; nothing is downloaded: tokenizers know bytes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import diffusers
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers

RATE: Final = 16000  # samples / s; of MiniMax-H3 32000
SPECIAL: Final = ("<pad>", "<eos>", "<bos>", "<unk>", "<|im_start|>", "<|im_end|>")
VISION: Final = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
WORDS: Final = 300  # at most: the letters of bytes, and the special tokens


def tokenizer(**settings: Any) -> Any:
    """Return a tokenizer whose tokens are bytes."""
    letters = [*SPECIAL, *VISION, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    model = models.BPE(vocab={t: i for i, t in enumerate(letters)}, merges=[], unk_token="<unk>")
    plain = Tokenizer(model)
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    named = {f"{name}_token": f"<{name}>" for name in ("pad", "eos", "bos", "unk")}
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=plain,
        additional_special_tokens=[*SPECIAL[4:], *VISION],
        **named,
        **settings,
    )


def _clip() -> Any:
    config = transformers.CLIPTextConfig(
        **{"hidden_size": 8, "intermediate_size": 8, "projection_dim": 8, "vocab_size": WORDS},
        **{"num_attention_heads": 2, "num_hidden_layers": 1},
        **{"bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0},
    )
    return transformers.CLIPTextModel(config)


def _flow() -> Any:
    return diffusers.FlowMatchEulerDiscreteScheduler()


# --- the LTX-2 family ----------------------------------------------------------------------------


def _gemma() -> Any:
    plain = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1}
    text = {"num_key_value_heads": 1, "head_dim": 8, "vocab_size": WORDS, "sliding_window": 64}
    config = transformers.Gemma3Config(
        text_config={**plain, **text, "num_attention_heads": 1},
        vision_config={**plain, "num_attention_heads": 1, "image_size": 8, "patch_size": 4},
        mm_tokens_per_image=1,
    )
    return transformers.Gemma3ForConditionalGeneration(config)


def _ltx2_transformer() -> Any:
    return diffusers.LTX2VideoTransformer3DModel(
        **{"in_channels": 4, "out_channels": 4, "patch_size": 1, "patch_size_t": 1},
        **{"num_attention_heads": 1, "attention_head_dim": 8, "cross_attention_dim": 8},
        **{"audio_in_channels": 4, "audio_out_channels": 4, "audio_num_attention_heads": 1},
        **{"audio_attention_head_dim": 8, "audio_cross_attention_dim": 8},
        **{"num_layers": 1, "qk_norm": "rms_norm_across_heads", "caption_channels": 8},
        **{"rope_double_precision": False, "rope_type": "split"},
    )


def _connectors() -> Any:
    from diffusers.pipelines.ltx2 import LTX2TextConnectors

    halves = {
        f"{half}_connector_{name}": value
        for half in ("video", "audio")
        for name, value in {
            "num_attention_heads": 1,
            "attention_head_dim": 8,
            "num_layers": 1,
            "num_learnable_registers": None,
        }.items()
    }
    return LTX2TextConnectors(
        **{"caption_channels": 8, "text_proj_in_factor": 2, "connector_rope_base_seq_len": 32},
        **{"rope_theta": 1e4, "rope_double_precision": False, "rope_type": "split"},
        causal_temporal_positioning=False,
        **halves,
    )


def _ltx2_video() -> Any:
    return diffusers.AutoencoderKLLTX2Video(
        **{"latent_channels": 4, "block_out_channels": (8,), "decoder_block_out_channels": (8,)},
        **{"layers_per_block": (1,), "decoder_layers_per_block": (1, 1)},
        **{"spatio_temporal_scaling": (True,), "decoder_spatio_temporal_scaling": (True,)},
        **{"decoder_inject_noise": (False, False), "downsample_type": ("spatiotemporal",)},
        **{"upsample_residual": (False,), "upsample_factor": (1,), "patch_size": 4},
        **{"timestep_conditioning": False, "encoder_causal": True, "decoder_causal": False},
    )


def _ltx2_audio() -> Any:
    return diffusers.AutoencoderKLLTX2Audio(
        **{"base_channels": 4, "output_channels": 2, "ch_mult": (1, 1, 1), "num_res_blocks": 1},
        **{"in_channels": 2, "resolution": 32, "latent_channels": 2, "norm_type": "pixel"},
        **{"causality_axis": "height", "mid_block_add_attention": False, "is_causal": True},
        **{"sample_rate": RATE, "mel_hop_length": 160, "mel_bins": 8},
    )


def _ltx2() -> dict[str, Any]:
    from diffusers.pipelines.ltx2.vocoder import LTX2Vocoder

    vocoder = LTX2Vocoder(
        **{"in_channels": 16, "hidden_channels": 16, "output_sampling_rate": RATE},
        **{"upsample_kernel_sizes": [16, 20], "upsample_factors": [8, 20]},
        **{"resnet_kernel_sizes": [3], "resnet_dilations": [[1]]},
    )
    return {
        "transformer": _ltx2_transformer(),
        "vae": _ltx2_video(),
        "audio_vae": _ltx2_audio(),
        "scheduler": _flow(),
        "text_encoder": _gemma(),
        "tokenizer": tokenizer(),
        "connectors": _connectors(),
        "vocoder": vocoder,
    }


def _ltx25() -> dict[str, Any]:
    decoder = diffusers.LTX2VideoDiffusionDecoderModel(
        **{"latent_channels": 4, "patch_size": 4, "decoder_head_dim": 8, "decoder_t_emb_dim": 16},
        **{"decoder_stage_channels": (16, 8, 8, 8, 8), "decoder_stage_depths": (1,) * 5},
        **{"decoder_stage_kernels": ((3, 1, 1),) * 4, "decoder_stage5_kernel": (3, 3, 3)},
        decoder_upsample_channel_reductions=(2, 1, 1, 1),
    )
    return {**_ltx2(), "diffusion_decoder": decoder}


def _echo() -> dict[str, Any]:
    return {name: part for name, part in _ltx2().items() if name != "scheduler"}


# --- other joint families ------------------------------------------------------------------------


def _kandinsky6() -> dict[str, Any]:
    qwen = transformers.Qwen2_5_VLConfig(
        text_config={
            **{"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1},
            **{"num_attention_heads": 2, "num_key_value_heads": 2, "vocab_size": WORDS},
            "rope_scaling": {"mrope_section": [1, 1, 2], "rope_type": "default"},
            **{"bos_token_id": 2, "eos_token_id": 1},
        },
        vision_config={
            **{"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2},
            "out_hidden_size": 16,
        },
        **{"vision_start_token_id": 6, "vision_end_token_id": 7},
        **{"image_token_id": 8, "video_token_id": 9},
    )
    transformer = diffusers.Kandinsky6Transformer3DModel(
        **{"in_visual_dim": 4, "out_visual_dim": 4, "in_audio_dim": 4, "out_audio_dim": 4},
        **{"in_text_dim": 16, "in_text_dim2": 8, "time_dim": 16, "model_dim": 8, "ff_dim": 16},
        **{"num_text_blocks": 1, "num_visual_blocks": 1, "axes_dims": (2, 2, 4)},
        visual_token_type_num_embeddings=2,
    )
    video = diffusers.AutoencoderKLHunyuanVideo(
        **{"block_out_channels": [8, 8, 8], "latent_channels": 4, "layers_per_block": 1},
        **{"down_block_types": ["HunyuanVideoDownBlock3D"] * 3, "norm_num_groups": 2},
        **{"up_block_types": ["HunyuanVideoUpBlock3D"] * 3, "mid_block_add_attention": False},
    )
    audio = diffusers.MMAudioVAE(
        **{"mel_bins": 8, "latent_channels": 4, "hidden_channels": 8, "layers_per_block": 1},
        **{"channel_multipliers": (1, 2), "sample_rate": RATE, "n_fft": 512, "hop_length": 160},
    )
    vocoder = diffusers.MMAudioVocoder(
        **{"num_mels": 8, "upsample_initial_channel": 8, "upsample_rates": (8, 20)},
        **{"upsample_kernel_sizes": (16, 40), "resblock_kernel_sizes": (3,)},
        resblock_dilation_sizes=((1, 3),),
    )
    return {
        "transformer": transformer,
        "vae": video,
        "audio_vae": audio,
        "vocoder": vocoder,
        "text_encoder": transformers.Qwen2_5_VLForConditionalGeneration(qwen),
        "tokenizer": tokenizer(),  # of the released model a processor, which needs torchvision
        "text_encoder_2": _clip(),
        "tokenizer_2": tokenizer(model_max_length=77),
        "scheduler": _flow(),
    }


CHAT: Final = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def _cosmos3() -> dict[str, Any]:
    transformer = diffusers.Cosmos3OmniTransformer(
        **{"dtype": "float32", "head_dim": 8, "hidden_size": 8, "intermediate_size": 8},
        **{"latent_channel": 16, "latent_patch_size": 1, "patch_latent_dim": 16},
        **{"num_attention_heads": 1, "num_hidden_layers": 1, "num_key_value_heads": 1},
        **{"rope_axes_dim": [2, 1, 1], "vocab_size": WORDS, "sound_dim": 4, "sound_gen": True},
    )
    video = diffusers.AutoencoderKLWan(
        **{"base_dim": 3, "z_dim": 16, "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1}
    )
    sound = diffusers.Cosmos3AVAEAudioTokenizer(
        **{"sampling_rate": RATE, "vocoder_input_dim": 4, "dec_dim": 4, "hop_size": 640},
        **{"dec_c_mults": (1, 1, 2), "dec_strides": (8, 8, 10), "encoder_enabled": False},
        enc_latent_dim=8,
    )
    return {
        "transformer": transformer,
        "text_tokenizer": tokenizer(chat_template=CHAT),
        "vae": video,
        "scheduler": diffusers.UniPCMultistepScheduler(),
        "sound_tokenizer": sound,
        "enable_safety_checker": False,
    }


def _minimax_h3() -> dict[str, Any]:
    """Return the parts for text alone; its processor, which needs torchvision, is left out."""
    qwen = transformers.Qwen3VLConfig(
        text_config={
            # the hidden state behind the 50th layer is read
            **{"num_hidden_layers": 51, "hidden_size": 8, "intermediate_size": 8, "head_dim": 8},
            **{"num_attention_heads": 1, "num_key_value_heads": 1, "vocab_size": WORDS},
            "rope_scaling": {"mrope_section": [2, 1, 1], "rope_type": "default"},
        },
        vision_config={
            **{"depth": 1, "hidden_size": 8, "intermediate_size": 8, "num_heads": 1},
            **{"out_hidden_size": 8, "deepstack_visual_indexes": [0]},
        },
        **{"vision_start_token_id": 6, "vision_end_token_id": 7},
        **{"image_token_id": 8, "video_token_id": 9},
    )
    transformer = diffusers.MiniMaxH3Transformer3DModel(
        **{"num_attention_heads": 1, "attention_head_dim": 16, "hidden_size": 16},
        **{"num_layers": 1, "num_refiner_layers": 1, "ffn_dim": 16, "rope_freq_dim": 2},
        **{"in_channels": 4, "audio_in_channels": 4, "text_dim": 8, "freq_dim": 16},
        **{"time_embed_hidden_dim": 16, "time_embed_dim": 8},
    )
    video = diffusers.AutoencoderKLMiniMaxH3(
        **{"latent_channels": 4, "block_out_channels": (8,) * 6, "layers_per_block": 1},
        **{"norm_num_groups": 2, "decoder_num_layers": 1, "decoder_num_attention_heads": 1},
        **{"decoder_attention_head_dim": 16, "decoder_ffn_mult": 1},
        **{"latents_mean": (0.0,) * 4, "latents_std": (1.0,) * 4},
    )
    audio = diffusers.AutoencoderKLMiniMaxH3Audio(
        **{"encoder_dim": 4, "encoder_rates": (8, 10, 10), "latent_dim": 8, "decoder_dim": 16},
        **{"latent_channels": 4, "num_attention_heads": 1, "decoder_rates": (8, 10, 10)},
        **{"decoder_kernel_sizes": (16, 20, 20), "resblock_kernel_sizes": (3,)},
        resblock_dilation_sizes=((1, 3, 5),),
        **{"latents_mean": [0.0] * 4, "latents_std": [1.0] * 4},
    )
    return {
        "text_encoder": transformers.Qwen3VLForConditionalGeneration(qwen),
        "tokenizer": tokenizer(),
        "vae": video,
        "audio_vae": audio,
        "scheduler": diffusers.MiniMaxH3Scheduler(),
        "audio_scheduler": diffusers.MiniMaxH3Scheduler(shift=3.0),
        "transformer": transformer,
    }


# --- pictures alone, sound alone -----------------------------------------------------------------


def _animatediff() -> dict[str, Any]:
    unet = diffusers.UNet2DConditionModel(
        **{"block_out_channels": (8, 8), "layers_per_block": 1, "cross_attention_dim": 8},
        **{"norm_num_groups": 2, "attention_head_dim": 4},
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )
    vae = diffusers.AutoencoderKL(
        **{"block_out_channels": [4] * 4, "norm_num_groups": 2},
        **{"down_block_types": ["DownEncoderBlock2D"] * 4},
        up_block_types=["UpDecoderBlock2D"] * 4,
    )
    motion = diffusers.MotionAdapter(
        **{"block_out_channels": (8, 8), "motion_layers_per_block": 1},
        **{"motion_norm_num_groups": 2, "motion_num_attention_heads": 2},
    )
    return {
        "vae": vae,
        "text_encoder": _clip(),
        "tokenizer": tokenizer(model_max_length=77),
        "unet": unet,
        "motion_adapter": motion,
        "scheduler": diffusers.DDIMScheduler(beta_schedule="linear", clip_sample=False),
    }


def _stable_audio() -> dict[str, Any]:
    from diffusers.pipelines.stable_audio import StableAudioProjectionModel

    text = transformers.T5Config(
        **{"vocab_size": WORDS, "d_model": 8, "d_kv": 4, "d_ff": 8, "num_layers": 1},
        num_heads=2,
    )
    transformer = diffusers.StableAudioDiTModel(
        **{"sample_size": 128, "in_channels": 3, "out_channels": 3, "num_layers": 1},
        **{"attention_head_dim": 4, "num_attention_heads": 2, "cross_attention_dim": 8},
        **{"num_key_value_attention_heads": 1, "time_proj_dim": 8},
        **{"global_states_input_dim": 16, "cross_attention_input_dim": 8},
    )
    vae = diffusers.AutoencoderOobleck(
        **{"encoder_hidden_size": 4, "downsampling_ratios": [8, 8, 10], "decoder_channels": 2},
        **{"decoder_input_channels": 3, "channel_multiples": [1, 1, 2], "sampling_rate": RATE},
    )
    return {
        "vae": vae,
        "text_encoder": transformers.T5EncoderModel(text),
        "projection_model": StableAudioProjectionModel(
            **{"text_encoder_dim": 8, "conditioning_dim": 8, "min_value": 0, "max_value": 32}
        ),
        "tokenizer": tokenizer(model_max_length=16),
        "transformer": transformer,
        # the released model's scheduler draws from torchsde, which svbench does without
        "scheduler": diffusers.EDMDPMSolverMultistepScheduler(
            prediction_type="v_prediction", sigma_data=1.0, sigma_schedule="exponential"
        ),
    }


PARTS: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    "LTX2Pipeline": _ltx2,
    "LTX25ModularPipeline": _ltx25,
    "EchoModularPipeline": _echo,
    "Kandinsky6TI2VAPipeline": _kandinsky6,
    "Cosmos3OmniPipeline": _cosmos3,
    "MiniMaxH3ModularPipeline": _minimax_h3,
    "AnimateDiffPipeline": _animatediff,
    "StableAudioPipeline": _stable_audio,
}


def write_pipeline(folder: Path, kind: str, seed: int = 0) -> Path:
    """Write a pipeline of a class, whose weights depend on the seed alone; return its folder."""
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(seed)
        parts = PARTS[kind]()
        if not kind.endswith("ModularPipeline"):
            getattr(diffusers, kind)(**parts).save_pretrained(folder)
            return folder
        pipe = getattr(diffusers, kind)()
        pipe.update_components(**parts)
        # as on the hub, where the index names a repository that is not here
        pipe.save_pretrained(str(folder), overwrite_modular_index=True)
        index = folder / "modular_model_index.json"
        text = index.read_text()
        index.write_text(text.replace(f'"{folder}"', '"somebody/else"'))
        return folder
