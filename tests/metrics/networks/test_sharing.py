"""Networks that extractors share: loaded once, freed with the last one, equal batches once."""

from __future__ import annotations

import gc
import pickle
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from svbench.compute import CPU, Machine
from svbench.metrics import audio_tagging as tagging
from svbench.metrics import audiobox, clap, desync, fad, fvd, imagebind_scores
from svbench.metrics import jedi as jedis
from svbench.metrics.desync_protocols import PROTOCOLS
from svbench.metrics.javisscore import FrameEmbeddings
from svbench.metrics.networks.batches import BatchSize, Forward
from svbench.metrics.networks.javis_inputs import PROTOCOLS as JAVIS
from svbench.metrics.networks.sharing import LastOutputs, batch_key, shared_network
from svbench.protocols import Extractor
from tests.factories.clips import make_clip
from tests.factories.small_columns import SPEC, small_columns
from tests.factories.small_synchformer import CONFIG, small_synchformer

LONG = replace(SPEC, frames=25)  # 3.1 s


class Squares:
    """A network that squares, and counts its batches."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, batch: Tensor) -> Tensor:
        self.batches.append(len(batch))
        return batch**2


MADE: Counter[str] = Counter()


def _made(network: Squares, about: str) -> Squares:
    MADE[about] += 1
    return network


def forwards(*reads: Any, padded: bool = False) -> tuple[Squares, list[Forward]]:
    """Return a network, and a forward of each that reads it."""
    network = Squares()
    MADE.clear()
    make = partial(_made, network, "squares")
    size = BatchSize(2, 2)
    found = [Forward(f"Net {r}", make, CPU, size, padded=padded, reads=r) for r in reads]
    return network, found


def numbers(*values: float) -> list[Tensor]:
    return [torch.tensor([value, 1.0]) for value in values]


def squares(rows: list[Tensor]) -> list[float]:
    return [float(row[0]) for row in rows]


# --- networks -----------------------------------------------------------------------------------


def test_equal_calls_make_one_network_and_others_their_own() -> None:
    network = Squares()
    make = partial(_made, network, "one")
    first = shared_network(make)
    assert shared_network(partial(_made, network, "one")) is first
    for other in (
        partial(_made, network, "two"),
        partial(_made, Squares(), "one"),
        partial(_made, network, about="one"),
        lambda: network,  # closures are not compared
        partial(_made, network, ["unhashable"]),  # type: ignore[arg-type]
    ):
        assert shared_network(other) is not first


def test_a_network_is_freed_with_the_last_that_uses_it() -> None:
    _, (one, other) = forwards("a", "b")
    make = one._recipe[1]
    one(numbers(1.0))
    network = shared_network(make)
    assert shared_network(make) is network
    place = id(network.get())
    gc.disable()  # by counting references alone
    try:
        del one, network
        assert id(shared_network(make).get()) == place
        assert MADE["squares"] == 1
        del other
        shared_network(make).get()
        assert MADE["squares"] == 2
    finally:
        gc.enable()


def test_extractors_that_are_sent_together_share_there() -> None:
    _, sent = forwards("a", "b")
    network, found = forwards()
    assert not found
    one, other = pickle.loads(pickle.dumps(sent))
    assert one._shared is other._shared
    assert one._shared is not sent[0]._shared  # the network of another call
    del network


# --- outputs ------------------------------------------------------------------------------------


@pytest.mark.parametrize("padded", [True, False])
def test_equal_batches_of_extractors_that_read_differently_are_computed_once(padded: bool) -> None:
    network, (one, other) = forwards("a", "b", padded=padded)
    assert squares(one(numbers(1, 2, 3))) == [1, 4, 9]
    assert squares(other(numbers(1, 2, 3))) == [1, 4, 9]
    assert network.batches == [2, 2 if padded else 1]
    assert squares(other(numbers(1, 2, 4, 3))) == [1, 4, 16, 9]  # 3 has another beside it
    assert network.batches == [2, 2 if padded else 1, 2]
    assert squares(other(numbers(2, 1))) == [4, 1]
    assert len(network.batches) == 4


def test_alone_or_where_all_read_alike_nothing_is_looked_for() -> None:
    network, (one, _alike) = forwards("a", "a")
    for _ in range(2):
        one(numbers(1, 2))
    assert network.batches == [2, 2]
    network, (one, other) = forwards("a", "b")
    del other
    for _ in range(2):
        one(numbers(1, 2))
    assert network.batches == [2, 2]


def test_what_is_said_beside_a_batch_its_shape_and_its_type_count() -> None:
    batch = numbers(1, 2)
    others = [
        batch_key(batch, 2, ("audio",)),
        batch_key(batch, 3, ("video",)),
        batch_key(numbers(2, 1), 2, ("video",)),
        batch_key([torch.cat(batch)], 2, ("video",)),
        batch_key([one.view(torch.int32) for one in batch], 2, ("video",)),
        batch_key([one[:, None] for one in batch], 2, ("video",)),
    ]
    first = batch_key(batch, 2, ("video",))
    assert batch_key(numbers(1, 2), 2, ("video",)) == first
    assert len({first, *others}) == 7
    strided = torch.tensor([[1.0, 2.0], [1.0, 1.0]]).T
    assert batch_key(list(strided), 2, ("video",)) == first


def test_no_more_outputs_are_kept_than_there_is_room_for() -> None:
    kept = LastOutputs(most=3 * 8)  # three rows of two numbers
    for name in "abc":
        kept.add(name, numbers(1))
    assert kept.get("a") is not None  # used since
    kept.add("d", numbers(1))
    assert [name for name in "abcd" if kept.get(name)] == ["a", "c", "d"]
    kept.add("whole", numbers(1, 2, 3, 4))  # more than there is room for
    assert not any(kept.get(name) for name in ("a", "c", "d", "whole"))


def test_of_a_slice_the_slice_alone_is_kept() -> None:
    kept = LastOutputs(most=100)
    kept.add("a", list(torch.zeros(1, 10_000)[:, :2]))
    (row,) = kept.get("a") or []
    assert row.untyped_storage().nbytes() == 8


# --- extractors ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("networks")


def networks_of(extractor: Extractor) -> list[Any]:
    slots = [name for name in type(extractor).__slots__ if name.startswith("_")]
    parts = (getattr(extractor, name) for name in slots)
    return [part._shared for part in parts if isinstance(part, Forward)]


def test_every_network_of_a_column_is_loaded_by_what_decides_it_alone(tmp_path: Path) -> None:
    """Two builds share all networks, which none of their calls keeps alive."""
    first, again = ([m.extractor for m in small_columns(tmp_path)] for _ in range(2))
    assert sum(map(len, map(networks_of, first))) > 20
    for one, other in zip(first, again, strict=True):
        assert networks_of(one) == networks_of(other)
    exact = [m.extractor for m in small_columns(tmp_path, Machine("cpu", "bfloat16"))]
    for one, other in zip(first, exact, strict=True):
        assert not set(networks_of(one)) & set(networks_of(other))


@pytest.fixture(scope="module")
def pairs(folder: Path) -> dict[str, tuple[Extractor, Extractor, int]]:
    return {name: (one, other, count) for name, one, other, count in _pairs(folder)}


def _pairs(folder: Path) -> Iterator[tuple[str, Extractor, Extractor, int]]:
    """Yield extractors that share a network, and how many passes of it the second one takes."""
    for metric in small_columns(folder):
        native = {"view": "native"}
        match metric.extractor:
            case clap.ClapEmbeddings() as one:
                yield "clap", one, replace(one, **native), 0
                inputs = replace(one.checkpoint.inputs, centred=True)
                centred = replace(one.checkpoint, inputs=inputs)
                yield "clap, sound", one, replace(one, checkpoint=centred), 1
            case audiobox.AudioBoxFeatures() as one:
                yield "audiobox", one, replace(one, **native), 0
            case tagging.TaggerFeatures(view="conformed") as one:
                yield one.tagger, one, replace(one, **native), 0
            case jedis.VJEPAFeatures() as one:
                sizes = replace(one.config, projected=False)
                yield "jedi", one, replace(one, config=sizes), 1
            case fad.VGGishEmbeddings() as one:
                yield "fad", one, replace(one, **native), 0
            case fvd.I3DLogits() as one:
                other = replace(one.protocol, name="drawn", generated="drawn", reference="drawn")
                yield "fvd", one, replace(one, protocol=other), 0
            case imagebind_scores.ImageBindEmbeddings() as one:
                yield "ib, native", one, replace(one, **native), 0
                leaky = replace(one, protocol=replace(one.protocol, leaky=True))
                yield "ib, leaky", one, leaky, 1
                plain, leaky_windows = JAVIS.values()
                frames = FrameEmbeddings(one.weights, plain, one.config, one.machine)
                yield "ib, javis", one, frames, 8
                yield "javis", frames, replace(frames, protocol=leaky_windows), 4


def forget(extractor: Extractor) -> None:
    for network in networks_of(extractor):
        network.outputs = LastOutputs()


def passes(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return a list that grows by the content of every batch that is computed."""
    original, found = Forward._outputs, []

    def counted(self: Forward, network: Any, some: Any, size: int, about: Any) -> Any:
        found.append((about, len(some), torch.stack(some).numpy().tobytes()))
        return original(self, network, some, size, about)

    monkeypatch.setattr(Forward, "_outputs", counted)
    return found


CASES = (
    *("clap", "clap, sound", "audiobox", "panns-16k", "passt-32k", "jedi", "fad", "fvd"),
    *("ib, native", "ib, leaky", "ib, javis", "javis"),
)


@pytest.mark.parametrize("case", CASES)
def test_what_two_extractors_have_in_common_is_computed_once_and_changes_no_bit(
    case: str, pairs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (*built, expected) = pairs[case]
    one, other = map(replace, built)  # without captions that are embedded already
    assert set(networks_of(one)) & set(networks_of(other))
    clips = [make_clip(1, LONG if "javis" in case else SPEC)]
    captions = ["a stick hits wood"]
    alone = pickle.loads(pickle.dumps(other))
    computed = passes(monkeypatch)
    forget(one)
    one(clips, captions)
    before = len(computed)
    together = other(clips, captions)
    assert len(computed) - before == expected
    forget(other)
    for rows, known in zip(together, alone(clips, captions), strict=True):
        assert np.array_equal(rows, known)


@pytest.mark.parametrize(("batch", "frames"), [(1, 80), (14, 20)])
def test_presets_of_desync_encode_a_segment_once_and_change_no_bit(
    batch: int, frames: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, machine = small_synchformer(tmp_path), Machine("cpu", batch=batch)
    clip = make_clip(0, replace(SPEC, frames=frames, size=(32, 32)))
    computed, found = passes(monkeypatch), {}
    for name in PROTOCOLS:  # one after the other, each freed before the next
        extractor = desync.OffsetLogits(weights, PROTOCOLS[name].inputs, CONFIG, machine)
        found[name] = extractor([clip], [""])[0]
        del extractor
    apart = computed.copy()
    computed.clear()
    together = {
        name: desync.OffsetLogits(weights, PROTOCOLS[name].inputs, CONFIG, machine)
        for name in PROTOCOLS
    }
    for name, extractor in together.items():
        (rows,) = extractor([clip], [""])
        assert np.array_equal(rows, found[name]), name
    assert len(apart) > len(set(apart))
    assert sorted(computed) == sorted(set(apart))
