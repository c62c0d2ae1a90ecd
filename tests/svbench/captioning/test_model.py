"""Answers equal those of transformers' own parts on the same frames, alone and in a batch."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoConfig,
    CLIPImageProcessorPil,
    LlavaNextVideoForConditionalGeneration,
    PreTrainedTokenizerFast,
    SiglipImageProcessorPil,
    pipeline,
)

from svbench.captioning.model import ChatModel, Frames, find_model, one_line
from svbench.captioning.processor import frames_given, load_processor
from svbench.captioning.settings import PAPER_PROMPT, CaptionSettings
from svbench.compute import CPU
from svbench.errors import ConfigError, DataError
from tests.factories import chat_models
from tests.factories.chat_models import write_image_model, write_llava, write_onevision

TOKENS = 6


def frames(seed: int, count: int = 2) -> Frames:
    """Return pictures of large squares, which survive any resizing."""
    squares = np.random.default_rng(seed).integers(0, 256, (count, 6, 8, 3), dtype=np.uint8)
    return squares.repeat(16, axis=1).repeat(16, axis=2)


CLIPS = [frames(seed) for seed in range(3)]


def asked(folder: Path, **settings: Any) -> ChatModel:
    return ChatModel(
        find_model(str(folder)),
        CaptionSettings(max_new_tokens=TOKENS, machine=CPU, model=str(folder), **settings),
    )


def by_hand(folder: Path, clip: Frames) -> str:
    """Return the answer that the parts of transformers give, put together here.

    Frames come to the model's format by the image processor of CLIP, as in the processor of videos
    that transformers had when the paper was written; prompt and placeholders are written out.
    """
    model = LlavaNextVideoForConditionalGeneration.from_pretrained(folder).eval()
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    side = chat_models.SIDE
    clip_processor = CLIPImageProcessorPil(
        size={"shortest_edge": side}, crop_size={"height": side, "width": side}
    )
    pixels = clip_processor(list(clip), return_tensors="pt")["pixel_values"]
    places = len(clip) * (side // chat_models.PATCH // 2) ** 2  # pooled by two each way
    text = f"USER: {'<video>' * places}\n{PAPER_PROMPT} ASSISTANT:"
    tokens = tokenizer(text, return_tensors="pt", return_token_type_ids=False)
    with torch.inference_mode():
        answer = model.generate(
            **tokens, pixel_values_videos=pixels[None], do_sample=False, max_new_tokens=TOKENS
        )
    said = tokenizer.decode(answer[0, tokens["input_ids"].shape[1] :], skip_special_tokens=True)
    return " ".join(said.split())


def test_an_answer_is_that_of_transformers_on_the_same_frames(llava: Path) -> None:
    model = asked(llava)
    answers = [model.answer([clip])[0] for clip in CLIPS]
    assert answers == [by_hand(llava, clip) for clip in CLIPS]
    assert len(set(answers)) > 2  # frames decide them


def test_an_answer_is_that_of_the_pipeline_of_transformers(llava: Path) -> None:
    config = AutoConfig.from_pretrained(llava)
    pipe: Any = pipeline(
        "image-text-to-text",
        model=LlavaNextVideoForConditionalGeneration.from_pretrained(llava),
        processor=load_processor(llava, config),
    )
    model = asked(llava)
    for clip in CLIPS[:2]:
        parts = [{"type": "video", "video": clip}, {"type": "text", "text": PAPER_PROMPT}]
        said = pipe(
            text=[{"role": "user", "content": parts}],
            return_full_text=False,
            generate_kwargs={"do_sample": False, "max_new_tokens": TOKENS},
        )
        assert model.answer([clip]) == [" ".join(said[0]["generated_text"].split())]


@pytest.mark.parametrize("write", [write_llava, write_onevision, write_image_model])
def test_an_answer_does_not_depend_on_its_batch(write: Any, tmp_path: Path) -> None:
    model = asked(write(tmp_path / "model"))
    alone = [model.answer([clip])[0] for clip in CLIPS]
    assert model.answer(CLIPS) == alone
    assert model.answer(CLIPS[::-1]) == alone[::-1]
    assert len(set(alone)) > 1


def test_answers_of_unequal_length_do_not_touch_each_other(llava: Path, tmp_path: Path) -> None:
    """Whichever word ends an answer, those beside it in the batch go on."""
    answers = [answer.split() for answer in asked(llava).answer(CLIPS)]
    some = [word for answer in answers for word in answer if not all(word in a for a in answers)]
    ending = some[0]
    folder = tmp_path / "ends"
    shutil.copytree(llava, folder)
    settings = json.loads((folder / "generation_config.json").read_text())
    settings["eos_token_id"] = [
        chat_models.LAST,
        (*chat_models.SPECIAL, *chat_models.WORDS).index(ending),
    ]
    chat_models.write_json(folder / "generation_config.json", settings)
    model = asked(folder)
    together = model.answer(CLIPS)
    assert len({len(answer.split()) for answer in together}) > 1
    assert together == [model.answer([clip])[0] for clip in CLIPS]


def test_frames_come_to_the_format_of_the_model_as_pillow_brings_them(
    llava: Path, tmp_path: Path
) -> None:
    side = chat_models.SIDE
    for folder, kind, settings in (
        (llava, CLIPImageProcessorPil, chat_models.CROPPED),
        (write_onevision(tmp_path / "one"), SiglipImageProcessorPil, chat_models.SQUARED),
    ):
        processor = load_processor(folder, AutoConfig.from_pretrained(folder))
        made = processor.video_processor
        found = made([CLIPS[0]], return_tensors="pt", do_sample_frames=False)
        same = {"resample": 3, "image_mean": made.image_mean, "image_std": made.image_std}
        like = kind(**settings | same)
        expected = like(list(CLIPS[0]), return_tensors="pt")["pixel_values"]
        assert expected.shape == (2, 3, side, side)
        # transformers scales and normalises in one step here and in two there
        torch.testing.assert_close(
            found["pixel_values_videos"][0], expected, rtol=0, atol=1e-6, check_dtype=False
        )


def test_pillow_and_the_kernel_of_torchvision_differ_by_at_most_two_levels() -> None:
    """What the processor of transformers gives where torchvision is installed.

    For bytes on a CPU, torchvision resizes by this function of torch.
    """
    from PIL import Image

    smooth = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    large = torch.nn.functional.interpolate(smooth, (256, 256), mode="bicubic")
    pictures = large.mul(255).clamp(0, 255).to(torch.uint8)
    kernel = torch.nn.functional.interpolate(
        pictures, (336, 336), mode="bicubic", antialias=True
    ).int()
    for picture, expected in zip(pictures, kernel, strict=True):
        image = Image.fromarray(picture.permute(1, 2, 0).numpy())
        found = torch.from_numpy(np.array(image.resize((336, 336), Image.Resampling.BICUBIC)))
        apart = (found.permute(2, 0, 1).int() - expected).abs()
        assert apart.max() <= 2
        assert (apart > 0).float().mean() < 0.25


def test_settings_of_videos_may_lie_in_either_file_and_inside_the_processor(
    llava: Path, tmp_path: Path
) -> None:
    expected = asked(llava).answer(CLIPS)
    old = tmp_path / "old"  # as of transformers before 4.52: one file for images and videos
    shutil.copytree(llava, old)
    (old / "video_preprocessor_config.json").unlink()
    assert asked(old).answer(CLIPS) == expected
    new = tmp_path / "new"  # as transformers 5 saves a processor
    shutil.copytree(llava, new)
    whole = json.loads((new / "processor_config.json").read_text())
    for part, file in (("video", "video_preprocessor_config"), ("image", "preprocessor_config")):
        whole[f"{part}_processor"] = json.loads((new / f"{file}.json").read_text())
        (new / f"{file}.json").unlink()
    chat_models.write_json(new / "processor_config.json", whole)
    assert asked(new).answer(CLIPS) == expected


def test_the_form_in_which_frames_are_given_is_known_without_weights(
    llava: Path, tmp_path: Path
) -> None:
    def given(folder: Path) -> str:
        return frames_given(folder, AutoConfig.from_pretrained(folder))

    assert given(llava) == "a video, by Pillow"
    assert given(write_image_model(tmp_path / "images")) == "images, by Pillow"


# --- refusals ----------------------------------------------------------------------------------


def copied(llava: Path, tmp_path: Path) -> Path:
    shutil.copytree(llava, tmp_path / "model")
    return tmp_path / "model"


def refused(folder: Path) -> str:
    with pytest.raises(DataError) as error:
        asked(folder)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_missing_model_names_the_command_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DataError, match=r"get it by: hf download nobody/no-such-model"):
        find_model("nobody/no-such-model")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"found no config.json in it"):
        find_model(str(tmp_path / "empty"))


def test_weights_are_loaded_only_if_all_of_them_fit(llava: Path, tmp_path: Path) -> None:
    folder = copied(llava, tmp_path)
    path = folder / "model.safetensors"
    whole = load_file(path)
    name = next(iter(whole))
    save_file({k: v for k, v in whole.items() if k != name}, path, {"format": "pt"})
    assert "found 1 missing keys of weights" in refused(folder)
    save_file({**whole, "stranger": torch.zeros(1)}, path, {"format": "pt"})
    assert "found 1 unexpected keys of weights, such as stranger" in refused(folder)
    path.write_bytes(path.read_bytes()[:1000])
    assert str(folder) in refused(folder)


def test_pickles_are_not_read_and_code_is_not_run(llava: Path, tmp_path: Path) -> None:
    folder = copied(llava, tmp_path)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(DataError, match=r"found no \*.safetensors in it"):
        find_model(str(folder))


def test_a_model_without_chat_template_or_with_a_strange_processor_is_refused(
    llava: Path, tmp_path: Path
) -> None:
    folder = copied(llava, tmp_path)
    (folder / "chat_template.json").unlink()
    assert "found no chat template" in refused(folder)
    path = folder / "video_preprocessor_config.json"
    settings = json.loads(path.read_text())
    for name, found in (
        ("Qwen2VLVideoProcessor", "needs torchvision"),
        ("NobodysVideoProcessor", "expected one of transformers"),
    ):
        chat_models.write_json(path, settings | {"video_processor_type": name})
        assert f"the video processor {name}" in (line := refused(folder))
        assert found in line


def test_more_frames_than_the_model_has_positions_are_refused(llava: Path) -> None:
    model = asked(llava)
    with pytest.raises(ConfigError, match=r"--frames: found .* 512$"):
        model.answer([frames(0, 200)])


def test_a_prompt_that_names_the_place_of_a_video_is_one_line(llava: Path) -> None:
    with pytest.raises(DataError, match=r"expected a model that takes these frames"):
        asked(llava, prompt="What is <video> ?").answer(CLIPS[:1])


def test_an_answer_becomes_one_line() -> None:
    assert one_line(" A person\r\n\n is\thitting \x07 wood.\u2028") == "A person is hitting wood."
    assert one_line(" \n") == ""
