"""What `--metrics` takes, and the columns that stay empty while weights are absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from svbench.catalog.columns import audio_tagging
from svbench.catalog.columns.entry import MetricSettings
from svbench.catalog.metrics import METRICS, build_metrics, reads_captions
from svbench.errors import ConfigError, DataError
from svbench.files.weights.loading import WeightFile
from svbench.protocols import Metric
from svbench.walk.plan import Unavailable


@pytest.fixture(autouse=True)
def _no_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SVBENCH_WEIGHTS", str(tmp_path / "no-weights"))


MINI = MetricSettings(seed=5, small=True)
PAPER = MetricSettings()


def build(name: str, settings: MetricSettings = MINI) -> Metric | Unavailable:
    (column,) = build_metrics([name], settings)
    return column


@pytest.mark.parametrize(
    ("name", "full", "title"),
    [
        ("fvd", "fvd@stylegan-v-16f+miniature", "FVD (miniature I3D)"),
        ("fvd@all-windows", "fvd@all-windows+miniature", "FVD (miniature I3D, all-windows)"),
        ("fvd@first-16+miniature", "fvd@first-16+miniature", "FVD (miniature I3D, first-16)"),
        ("fad", "fad@audioldm-eval+miniature", "FAD (miniature VGGish)"),
        ("fad@torchvggish", "fad@torchvggish+miniature", "FAD (miniature VGGish, torchvggish)"),
        ("kvd", "kvd@stylegan-v-16f+miniature", "KVD (miniature I3D)"),
        ("kvd@first-16", "kvd@first-16+miniature", "KVD (miniature I3D, first-16)"),
        ("kad", "kad@audioldm-eval+miniature", "KAD (miniature VGGish)"),
        ("kad@torchvggish", "kad@torchvggish+miniature", "KAD (miniature VGGish, torchvggish)"),
        ("fvd-inf", "fvd-inf@stylegan-v-16f+miniature", "FVD-inf (miniature I3D)"),
        ("fad-inf", "fad-inf@audioldm-eval+miniature", "FAD-inf (miniature VGGish)"),
        ("ib-av", "ib-av@published+miniature", "IB-AV (miniature ImageBind)"),
        ("ib-ta", "ib-ta@published+miniature", "IB-TA (miniature ImageBind)"),
        ("ib-tv@published", "ib-tv@published+miniature", "IB-TV (miniature ImageBind)"),
        ("desync", "desync@av-benchmark+miniature", "DeSync (miniature Synchformer)"),
        (
            "desync@expected",
            "desync@expected+miniature",
            "DeSync (miniature Synchformer, expected)",
        ),
    ],
)
def test_the_miniature_judges_by_the_shipped_networks(name: str, full: str, title: str) -> None:
    metric = build(name)
    assert (metric.name, metric.title) == (full, title)
    assert not isinstance(metric, Unavailable)
    assert metric.settings.get("seed", 5) == 5  # of those that draw


@pytest.mark.parametrize(
    ("name", "full", "fetch"),
    [
        ("fvd", "fvd@stylegan-v-16f", "i3d-torchscript"),
        ("fvd@all-windows", "fvd@all-windows", "i3d"),
        ("fvd@cd-fvd-16f", "fvd@cd-fvd-16f", "i3d-pretrained-400"),
        ("fad", "fad@audioldm-eval", "vggish"),
        ("kvd", "kvd@stylegan-v-16f", "i3d-torchscript"),
        ("kvd@all-windows", "kvd@all-windows", "i3d"),
        ("kad", "kad@audioldm-eval", "vggish"),
        ("fvd-inf@first-16", "fvd-inf@first-16", "i3d-torchscript"),
        ("fad-inf", "fad-inf@audioldm-eval", "vggish"),
        ("fd", "fd@panns-16k", "panns-cnn14-16k"),
        ("fd@passt-32k+native", "fd@passt-32k+native", "passt-s-swa"),
        ("kl", "kl@panns-16k", "panns-cnn14-16k"),
        ("kl@passt-32k-sigmoid", "kl@passt-32k-sigmoid", "passt-s-swa"),
        ("is", "is@panns-16k", "panns-cnn14-16k"),
        ("ib-av", "ib-av@published", "imagebind"),
        ("ib-ta", "ib-ta@published", "imagebind clip-bpe"),
        ("ib-tv", "ib-tv@published", "imagebind clip-bpe"),
        ("clap", "clap@htsat-unfused", "clap-htsat-unfused roberta-tokenizer"),
        ("audiobox-pq", "audiobox-pq@published", "audiobox-aesthetics"),
        ("audiobox-pc@verse-bench", "audiobox-pc@verse-bench", "audiobox-aesthetics"),
    ],
)
def test_absent_weights_leave_a_column_blank_with_the_reason(
    name: str, full: str, fetch: str
) -> None:
    column = build(name, PAPER)
    assert isinstance(column, Unavailable)
    assert column.name == full
    assert column.reason.endswith(f"get them by: svbench weights fetch {fetch}")


@pytest.mark.parametrize("metric", ["fd", "kl", "is"])
def test_an_audio_column_is_called_alike_with_weights_and_without(
    metric: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    presets = [f"{metric}@{preset}" for preset in METRICS[metric].presets]
    absent = [build(preset, PAPER) for preset in presets]
    file = WeightFile("a tagger", Path("file"), "0")
    monkeypatch.setattr(audio_tagging, "find_weights", lambda *_names: [file])
    for column, preset in zip(absent, presets, strict=True):
        assert isinstance(column, Unavailable)
        for settings in (PAPER, MINI):  # of which no small network comes with svbench
            there = build(preset, settings)
            assert not isinstance(there, Unavailable)
            assert (there.name, there.title) == (preset, column.title) == (column.name, there.title)
            assert there.better == column.better
            assert there.extractor.view == ("native" if "+native" in preset else "conformed")


def test_the_three_audio_columns_of_a_network_share_its_extractor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = WeightFile("a tagger", Path("file"), "0")
    monkeypatch.setattr(audio_tagging, "find_weights", lambda *_names: [file])
    names = ["fd@passt-32k", "kl@passt-32k", "kl@passt-32k-sigmoid", "is@passt-32k"]
    columns = build_metrics(names, PAPER)
    assert len({c.extractor.key for c in columns if not isinstance(c, Unavailable)}) == 1


def test_small_networks_can_be_named_at_any_scale() -> None:
    assert build("fvd@first-16+miniature", PAPER).title == "FVD (miniature I3D, first-16)"


@pytest.mark.parametrize("scale", [MINI, PAPER])
@pytest.mark.parametrize(
    "name",
    [
        "fd@x",
        "kl@x",
        "is@x",
        "fvd@x",
        "fad@x",
        "kvd@x",
        "kad@x",
        "fvd-inf@x",
        "fad-inf@x",
        "ib-av@x",
    ],
)
def test_an_unknown_protocol_is_refused(name: str, scale: MetricSettings) -> None:
    base = name.partition("@")[0]
    with pytest.raises(ConfigError, match=rf"--metrics {base}: found 'x', expected one of"):
        build(name, scale)


@pytest.mark.parametrize("name", ["kvd", "kad", "fvd-inf", "fad-inf"])
def test_distances_of_the_same_features_share_their_extractor(name: str) -> None:
    frechet = "fvd" if "vd" in name else "fad"
    for preset in METRICS[name].presets:
        one, other = build(f"{name}@{preset}"), build(f"{frechet}@{preset}")
        assert not isinstance(one, Unavailable)
        assert not isinstance(other, Unavailable)
        assert one.extractor.key == other.extractor.key


def test_a_kernel_distance_has_no_preset_for_the_freedom_of_a_covariance() -> None:
    assert set(METRICS["fvd"].presets) - set(METRICS["kvd"].presets) == {"stylegan-v-16f-ddof1"}
    with pytest.raises(ConfigError, match="--metrics kvd: found 'stylegan-v-16f-ddof1'"):
        build("kvd@stylegan-v-16f-ddof1")


def test_strict_makes_an_absent_weight_an_error() -> None:
    with pytest.raises(DataError, match=r"--strict: FVD .* weights fetch i3d-torchscript"):
        build_metrics(["fvd"], PAPER, strict=True)


def test_columns_that_read_captions_are_those_of_the_entries() -> None:
    assert [name for name in METRICS if METRICS[name].reads_captions] == ["ib-ta", "ib-tv", "clap"]
    assert reads_captions("ib-ta@published+miniature")
    assert not reads_captions("ib-av@published")
    assert not reads_captions("elsewhere@published")  # a column of a run by another program


def test_frames_are_counted_only_where_they_are_known() -> None:
    short = build("fvd@all-windows", MetricSettings(small=True, frames=8))
    assert isinstance(short, Unavailable)
    assert short.reason == "8 frames are judged, I3D needs 16"
    assert not isinstance(build("fvd@all-windows", MetricSettings(small=True)), Unavailable)
