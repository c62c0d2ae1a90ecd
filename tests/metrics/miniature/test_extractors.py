"""The pretrained small networks: files on record, and what their features distinguish."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from svbench.catalog import datasets
from svbench.errors import ConfigError, DataError
from svbench.files import media
from svbench.intervals import paired_difference
from svbench.metrics import miniature
from svbench.metrics.imagebind_scores import PAIRS, IBKind, cosine, read_embeddings
from svbench.miniature import corruptions
from svbench.training.miniature.extractors import TRAININGS
from svbench.types import Clip, Example, Features
from tests.factories.miniature_ladders import climb, drawn

SEED = 20  # not that of the training, nor one that its settings were chosen on
APART = 3  # neighbours may be cut from one recording
CLIPS = 48
SCENES = 17

# networks this small are slower on two threads that wait for each other
pytestmark = pytest.mark.usefixtures("_one_thread")

Drawn = tuple[tuple[Example, ...], list[Clip]]


@pytest.fixture(scope="module")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    return drawn(tmp_path_factory.mktemp("miniature") / "data", SEED, CLIPS)


# --- the files ---------------------------------------------------------------------------------


def test_files_are_those_on_record_and_small() -> None:
    sizes = [miniature.weight_file(name).path.stat().st_size for name in miniature.FILES]
    assert sum(sizes) < 3_500_000
    record = json.loads((miniature.FOLDER / miniature.RECORD).read_text(encoding="utf-8"))
    assert set(record["sha256"]) == set(miniature.FILES.values())
    assert list(record["networks"]) == list(TRAININGS)
    for made in record["networks"].values():
        assert made["command"].startswith("svbench train-extractors")
        assert made["course"]["clips"] == 1600


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(miniature.FOLDER, tmp_path / "copy")
    with (folder / "i3d.safetensors").open("ab") as file:
        file.write(b"!")
    with pytest.raises(DataError, match=r"i3d\.safetensors: found sha256 .* expected .*MADE\.json"):
        miniature.weight_file("i3d", folder)
    assert miniature.weight_file("vggish", folder).name == "miniature-vggish"


def test_an_absent_record_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"MADE\.json: found nothing there, expected the sha256"):
        miniature.weight_file("i3d", tmp_path)


def test_an_unknown_name_is_told() -> None:
    with pytest.raises(ConfigError, match="found 'resnet', expected one of i3d, vggish"):
        miniature.weight_file("resnet")
    with pytest.raises(ConfigError, match="ib-av: found protocol 'x'"):
        miniature.ib("ib-av", "x")
    with pytest.raises(ConfigError, match="desync: found protocol 'x', expected one of av-bench"):
        miniature.desync("x")


def test_names_and_titles_say_what_judges() -> None:
    assert miniature.fvd("stylegan-v-16f").name == "fvd@stylegan-v-16f+miniature"
    assert miniature.fvd("stylegan-v-16f").title == "FVD (miniature I3D)"
    assert miniature.fvd("first-16").title == "FVD (miniature I3D, first-16)"
    assert miniature.fad("audioldm-eval").title == "FAD (miniature VGGish)"
    assert miniature.ib("ib-av", "published").name == "ib-av@published+miniature"
    assert miniature.ib("ib-av", "published").title == "IB-AV (miniature ImageBind)"
    assert miniature.desync("javisbench").name == "desync@javisbench+miniature"
    assert miniature.desync("javisbench").title == "DeSync (miniature Synchformer, javisbench)"


def test_the_three_scores_share_their_embeddings() -> None:
    keys = {miniature.ib(kind, "published").extractor.key for kind in PAIRS}
    assert len(keys) == 1


# --- features ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def embedded(clips: Drawn) -> Features:
    return embeddings(*clips, miniature.FOLDER)


def embeddings(examples: Sequence[Example], pictures: Sequence[Clip], folder: Path) -> Features:
    extractor = miniature.ib("ib-av", "published", folder=folder).extractor
    blocks = extractor(pictures, [e.caption for e in examples])
    owner = np.repeat(np.arange(len(blocks)), [len(b) for b in blocks])
    return Features(extractor.key, np.concatenate(blocks), owner, tuple(e.id for e in examples))


@pytest.mark.parametrize("kind", list(PAIRS))
def test_what_belongs_together_is_more_alike(kind: IBKind, embedded: Features) -> None:
    metric = miniature.ib(kind, "published")
    own = [clip.value for clip in metric.score(embedded).clips]
    rows = read_embeddings(embedded)
    first, second = PAIRS[kind]
    others = [cosine(rows[i][first], rows[i - APART][second]) for i in range(len(rows))]
    gap = paired_difference(own, others)
    assert gap.interval is not None
    low, high = gap.interval
    assert gap.value > 4 * (high - low) / 2  # measured: see docs/miniature-extractors.md
    assert gap.value > 0.3


@pytest.mark.parametrize("dataset", ["landscape", "vggsound"])
def test_scenes_have_a_network_that_knows_their_classes(dataset: str, tmp_path: Path) -> None:
    source = datasets.drawn(dataset)
    folder = miniature.FOLDER / datasets.DATASETS[dataset].imagebind_weights
    assert folder != miniature.FOLDER
    source.draw(tmp_path / "data", seed=SEED, test=SCENES)
    examples = source.load(tmp_path / "data", split="test")
    pictures = [media.read(example.recording, source.spec) for example in examples]
    rows = read_embeddings(embeddings(examples, pictures, folder))
    for first, second in PAIRS.values():
        own = np.mean([cosine(row[first], row[second]) for row in rows])
        foreign = [
            cosine(a[first], b[second])
            for a, one in zip(rows, examples, strict=True)
            for b, other in zip(rows, examples, strict=True)
            if one.caption != other.caption
        ]
        assert own > 0.8
        assert abs(np.mean(foreign)) < 0.1


@pytest.mark.parametrize("way", list(corruptions.PICTURES))
def test_fvd_grows_as_pictures_get_worse(way: str, clips: Drawn) -> None:
    metric = miniature.fvd("first-16", resamples=0)
    distances = list(climb(metric, clips[1], way))
    assert distances[0] < 1e-6
    assert all(np.diff(distances) > 0), distances


@pytest.mark.parametrize("way", list(corruptions.SOUNDS))
def test_fad_grows_as_sound_gets_worse(way: str, clips: Drawn) -> None:
    metric = miniature.fad("audioldm-eval", resamples=0)
    distances = list(climb(metric, clips[1], way))
    assert distances[0] < 1e-6
    assert all(np.diff(distances) > 0), distances
