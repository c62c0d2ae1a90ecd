"""Which weights each protocol of FVD loads, which it refuses, and how the network of tf.hub is run.

The published TorchScript file is not at hand. What stands in for it is our own I3D behind the
interface that StyleGAN-V calls: frames as they are, `rescale`, `resize`, `return_features`.
"""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from svbench.compute import digest_file
from svbench.errors import ConfigError, DataError, ScoreError
from svbench.files.weights import published
from svbench.files.weights.loading import WeightFile, load_script
from svbench.files.weights.published import PUBLISHED
from svbench.metrics.fvd import PROTOCOLS, SCRIPTED, STYLEGAN_V_SPREAD, fvd
from svbench.metrics.networks.i3d import I3D
from tests.factories.seeded_networks import seeded_i3d, write_weights
from tests.metrics.test_fvd import CLASSES, SIZE, WIDTH, clip, extracted

I3DS = ("i3d", "i3d-torchscript", "i3d-pretrained-400")
SMALL = {"width": WIDTH, "classes": CLASSES, "size": SIZE, "resamples": 0}
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")


class Detector(nn.Module):
    """What StyleGAN-V calls, around any network; the answer has `columns` more than it should."""

    def __init__(self, network: nn.Module, size: int, columns: int = 0) -> None:
        super().__init__()
        self.network, self.size, self.columns = network, size, columns

    def forward(
        self, x: Tensor, rescale: bool = False, resize: bool = False, return_features: bool = False
    ) -> Tensor:
        x = x.float()
        if resize:
            b, c, t, h, w = x.shape
            frames = x.permute(0, 2, 1, 3, 4).reshape(b * t, c, h, w)
            frames = F.interpolate(
                frames, size=[self.size, self.size], mode="bilinear", align_corners=False
            )
            x = frames.reshape(b, t, c, self.size, self.size).permute(0, 2, 1, 3, 4)
        if rescale:
            x = 2.0 * x / 255.0 - 1.0
        logits = self.network(x).mean(2)
        answer = logits if return_features else logits.softmax(1)
        return F.pad(answer, [0, self.columns])


def write_script(path: Path, columns: int = 0) -> tuple[WeightFile, dict[str, Tensor]]:
    """Write a small network as TorchScript; return it and its weights."""
    network = I3D(CLASSES, WIDTH)
    state = seeded_i3d(network, 5)
    network.load_state_dict(state)
    network.eval().requires_grad_(False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch means to drop the format; the files stay
        traced = torch.jit.trace(network, torch.zeros(1, 3, 16, SIZE, SIZE))
        torch.jit.save(torch.jit.script(Detector(traced, SIZE, columns)), str(path))
    return WeightFile(SCRIPTED, path, digest_file(path)), state


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[WeightFile, dict[str, Tensor]]:
    """Write a script whose digest is on record, as that of the published file is."""
    file, state = write_script(tmp_path / "i3d_torchscript.pt")
    record(monkeypatch, file)
    return file, state


def record(monkeypatch: pytest.MonkeyPatch, file: WeightFile) -> None:
    known = replace(PUBLISHED[file.name], others=file.sha256)
    monkeypatch.setitem(published.PUBLISHED, file.name, known)


# --- which weights -------------------------------------------------------------------------------


def test_published_numbers_rest_on_the_network_of_tf_hub() -> None:
    on_tf_hub = {name for name, protocol in PROTOCOLS.items() if protocol.weights == SCRIPTED}
    assert on_tf_hub == {
        *("stylegan-v-16f", "stylegan-v-16f-ddof1", "first-16", "common-metrics-16f"),
    }
    assert {protocol.weights for protocol in PROTOCOLS.values()} == set(I3DS)


@pytest.mark.parametrize("protocol", list(PROTOCOLS))
@pytest.mark.parametrize("given", I3DS)
def test_a_protocol_refuses_the_weights_of_another_network(protocol: str, given: str) -> None:
    file = WeightFile(given, Path("x.pt"), "0" * 64)
    wanted = PROTOCOLS[protocol].weights
    if given == wanted:
        assert fvd(protocol, file).settings["protocol"]["weights"] == wanted
        return
    with pytest.raises(ConfigError) as caught:
        fvd(protocol, file)
    line = f"FVD ({protocol}): found the weights {given}, expected {wanted}, on which its published"
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("protocol", ["all-windows", "cd-fvd-16f"])
def test_a_published_file_is_known_by_its_digest_whatever_it_is_called(protocol: str) -> None:
    wanted = PROTOCOLS[protocol].weights
    renamed = WeightFile(wanted, Path("x.pt"), PUBLISHED[SCRIPTED].others)
    with pytest.raises(ConfigError, match=f"found the weights {SCRIPTED}, expected {wanted}"):
        fvd(protocol, renamed)


# --- the network that brings its own code --------------------------------------------------------


@pytest.mark.parametrize("protocol", ["stylegan-v-16f", "first-16", "common-metrics-16f"])
def test_a_script_answers_as_the_network_it_was_made_of(
    protocol: str, script: tuple[WeightFile, dict[str, Tensor]], tmp_path: Path
) -> None:
    file, state = script
    clips = [clip(seed) for seed in range(5)]  # 5: the last batch is filled up
    scripted = fvd(protocol, file, **SMALL)
    found = extracted(scripted.extractor, clips)
    ours = replace(PROTOCOLS[protocol], weights="small")
    plain = fvd(ours, write_weights(tmp_path / "small.safetensors", state), **SMALL)
    expected = extracted(plain.extractor, clips)
    assert found.values.dtype == np.float32
    spread = expected.values.std()
    np.testing.assert_allclose(found.values, expected.values, atol=2e-5 * spread)
    assert scripted.extractor.key != plain.extractor.key


def test_threads_call_a_script_at_the_same_time(
    script: tuple[WeightFile, dict[str, Tensor]],
) -> None:
    """The first calls of a script profile and rewrite it, whichever thread they come from."""
    clips = [clip(seed) for seed in range(12)]
    one, other = (fvd("stylegan-v-16f", script[0], **SMALL).extractor for _ in range(2))
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda c: one([c], [""])[0], clips))
    for block, expected in zip(found, other(clips, [""] * 12), strict=True):
        np.testing.assert_array_equal(block, expected)


def test_beside_stylegan_v_stands_the_spread_of_its_own_windows(
    script: tuple[WeightFile, dict[str, Tensor]],
) -> None:
    for protocol, noted in (("stylegan-v-16f", True), ("first-16", False)):
        metric = fvd(protocol, script[0], **SMALL)
        features = extracted(metric.extractor, [clip(seed) for seed in range(3)])
        note = metric.score(features, features).score.note
        assert note.endswith(STYLEGAN_V_SPREAD) == noted
        assert "rank-deficient" in note


def test_code_of_a_file_that_is_not_on_record_never_runs(tmp_path: Path) -> None:
    file, _ = write_script(tmp_path / "i3d_torchscript.pt")
    metric = fvd("first-16", file, **SMALL)
    with pytest.raises(DataError, match=r"i3d_torchscript\.pt: found sha256 .* is run of no other"):
        metric.extractor([clip(0)], [""])


def test_a_file_that_changed_since_it_was_checked_never_runs(
    script: tuple[WeightFile, dict[str, Tensor]],
) -> None:
    file, _ = script
    file.path.write_bytes(file.path.read_bytes() + b"more")
    with pytest.raises(DataError, match="it brings code of its own"):
        load_script(file)
    file.path.unlink()
    with pytest.raises(DataError, match="found no readable weights"):
        load_script(file)


def test_a_recorded_file_that_is_no_script_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "i3d_torchscript.pt"
    path.write_bytes(b"PK\x03\x04 no archive")
    file = WeightFile(SCRIPTED, path, digest_file(path))
    record(monkeypatch, file)
    with pytest.raises(DataError, match="found no readable network"):
        load_script(file)


def test_a_script_of_other_answers_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, _ = write_script(tmp_path / "i3d_torchscript.pt", columns=1)
    record(monkeypatch, file)
    metric = fvd("first-16", file, **SMALL)
    with pytest.raises(ScoreError, match=r"its network returned \(2, 9\), expected \(2, 8\)"):
        metric.extractor([clip(0)], [""])
