"""The computation from a layer to the outputs, read as affine maps and activation functions."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from rgwidgets.core.errors import Cancelled
from rgwidgets.core.outputs import Readout

from . import curves
from .curves import Curve
from .opaque import Opaque
from .trace import Call, chain_after

#: Numbers a sample beyond which a dense matrix of the computation is not made.
WIDEST = 2048

_AFFINE = (
    nn.Linear,
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.BatchNorm3d,
    nn.AvgPool1d,
    nn.AvgPool2d,
    nn.AvgPool3d,
    nn.AdaptiveAvgPool1d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveAvgPool3d,
    nn.Flatten,
    nn.Unflatten,
)
#: Layers that do nothing in evaluation.
NOTHING = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)
_CURVES = {
    nn.ReLU: curves.RELU,
    nn.Tanh: curves.TANH,
    nn.Sigmoid: curves.SIGMOID,
    nn.SiLU: curves.SILU,
}
_FUNCTIONS = {
    torch.relu: curves.RELU,
    torch.nn.functional.relu: curves.RELU,
    torch.relu_: curves.RELU,
    Tensor.relu: curves.RELU,
    Tensor.relu_: curves.RELU,
    torch.tanh: curves.TANH,
    torch.nn.functional.tanh: curves.TANH,
    Tensor.tanh: curves.TANH,
    torch.sigmoid: curves.SIGMOID,
    torch.nn.functional.sigmoid: curves.SIGMOID,
    Tensor.sigmoid: curves.SIGMOID,
    torch.nn.functional.silu: curves.SILU,
}


@dataclass(frozen=True, eq=False)
class Affine:
    """y → weight·y + bias on flattened samples, float64.

    Attributes
    ----------
    weight, bias
        Shapes (out, in) and (out,).
    """

    weight: Tensor
    bias: Tensor

    def __call__(self, y: Tensor) -> Tensor:
        return torch.nn.functional.linear(y, self.weight, self.bias)

    def then(self, other: Affine) -> Affine:
        """This map followed by another."""
        return Affine(other.weight @ self.weight, other(self.bias))


@dataclass(frozen=True, eq=False)
class Tail:
    """A chain: affine, curve, affine, …, curve, affine; ends with an affine map.

    Attributes
    ----------
    first
        From the flattened output of the layer, in the layer's own order of axes.
    layers
        Pairs (activation function, affine map) that follow.
    """

    first: Affine
    layers: tuple[tuple[Curve, Affine], ...]

    def __call__(self, flat: Tensor) -> Tensor:
        """Outputs (…, c) of flattened layer outputs (…, d), float64."""
        y = self.first(flat)
        for curve, affine in self.layers:
            y = affine(curve(y))
        return y

    @property
    def widest(self) -> int:
        """Largest number of units of any of its layers."""
        return max(len(a.bias) for a in (self.first, *(a for _, a in self.layers)))


def read_tail(readout: Readout, activation: Tensor) -> Tail:
    """Read the computation after the captured layer, in float64, and check it on the features.

    Parameters
    ----------
    readout
        The network, tied to its batch.
    activation
        The captured features, (n, …, d).

    Raises
    ------
    Opaque
        If an operation is not known, samples are too wide, or what was read does not reproduce
        the network's outputs.
    """
    native = activation.movedim(-1, readout.feature_axis)
    if native[0].numel() > WIDEST:
        raise Opaque(f"{native[0].numel()} numbers a sample are more than {WIDEST}")
    try:
        tail = _compiled(steps_after(readout, activation), native[:1])
    except (Opaque, Cancelled, MemoryError):
        raise
    except Exception as error:  # layers are a user's own classes: whatever they say of being asked
        raise Opaque(f"what follows {readout.layer!r} could not be read: {error}") from error
    _compare(tail, native, readout(activation), precision(readout.module))
    return tail


def precision(module: nn.Module) -> float:
    """The coarsest relative precision of a module's weights, that of float32 if it has none."""
    kinds = {p.dtype for p in module.parameters() if p.is_floating_point()} or {torch.float32}
    return max(torch.finfo(kind).eps for kind in kinds)


def _compare(tail: Tail, native: Tensor, outputs: Tensor, eps: float) -> None:
    """Subclasses may do other than they look."""
    expected = outputs.detach().to(tail.first.bias.device, torch.float64)
    found = tail(native.detach().to(tail.first.bias.device, torch.float64).flatten(1))
    close = eps**0.5 * (1 + expected.abs().max())
    if expected.shape != found.shape or bool((expected - found).abs().max() > close):
        raise Opaque("the layers as read do not reproduce the network's own outputs")


Step = nn.Module | Curve
#: Where torch's own layers are written.
_HOME = str(Path(str(nn.__file__)).parent)


def steps_after(readout: Readout, activation: Tensor) -> list[Step]:
    """What follows a layer, one after the other; `Opaque` where that is no chain."""
    _check_plain(readout.module, readout.layer)
    calls, _ = chain_after(readout, activation)
    return [_step(call) for call in calls]


def _check_plain(module: nn.Module, layer: str) -> None:
    """Raise where anything but the layers themselves may have a say in what follows.

    What is hooked to the captured layer, and inside it, has had its say.
    """
    always = nn.modules.module
    hooked = bool(always._global_forward_hooks or always._global_forward_pre_hooks)
    for name, part in module.named_modules():
        if name == layer or name.startswith(f"{layer}."):
            continue
        patched = "forward" in vars(part) or _is_patched(type(part))
        if hooked or patched or part._forward_hooks or part._forward_pre_hooks:
            raise Opaque(f"hooks or a patched forward, at {name or 'the whole'!r}, may do anything")


def _is_patched(kind: type) -> bool:
    """Whether a class of torch's own has another forward than torch wrote."""
    own = kind.__module__.startswith("torch.nn.")
    code = getattr(getattr(kind, "forward", None), "__code__", None)
    return own and (code is None or not code.co_filename.startswith(_HOME))


def _step(call: Call) -> Step:
    """A call as a layer or an activation function; `Opaque` where it is neither."""
    what, name = call.what, getattr(call.what, "__name__", "")
    if isinstance(what, nn.Module):
        return what
    if what in _FUNCTIONS and not set(call.options) - {"inplace"}:
        return _FUNCTIONS[what]
    if what is torch.nn.functional.gelu:
        return nn.GELU(**call.options)
    if what in (torch.flatten, Tensor.flatten):
        dims = (*call.given[1:], *call.options.values())
        return nn.Flatten(*dims or (0,))
    if what is torch.nn.functional.dropout and not call.options.get("training", True):
        return nn.Identity()
    raise Opaque(f"no certificate knows the operation {name!r}")


def _compiled(steps: Sequence[Step], example: Tensor) -> Tail:
    """Merge steps into affine maps with activation functions between; `example` is (1, …)."""
    device = torch.device("cpu") if example.device.type == "mps" else example.device
    shape = example[0].shape
    eye = torch.eye(shape.numel(), dtype=torch.float64, device=device)
    maps, between = [Affine(eye, 0 * eye[0])], []
    for step in steps:
        curve = step if isinstance(step, Curve) else curve_of(step)
        if curve is not None:
            between.append(curve)
            width = len(maps[-1].bias)
            eye = torch.eye(width, dtype=torch.float64, device=device)
            maps.append(Affine(eye, 0 * eye[0]))
        elif not isinstance(step, NOTHING):
            affine, shape = _affine(cast("nn.Module", step), shape, device)
            maps[-1] = maps[-1].then(affine)
    if len(shape) != 1:
        raise Opaque(f"outputs of shape {tuple(shape)} a sample, not one row of numbers")
    return Tail(maps[0], tuple(zip(between, maps[1:], strict=True)))


def curve_of(step: Step) -> Curve | None:
    """The activation function that a layer is, if it is one."""
    if isinstance(step, nn.LeakyReLU) and 0 <= step.negative_slope <= 1:
        return curves.Kinked("leaky ReLU", 1.0, step.negative_slope)
    if isinstance(step, nn.GELU) and step.approximate == "none":
        return curves.GELU
    return _CURVES.get(cast("type[nn.Module]", type(step)))


def _affine(step: nn.Module, shape: torch.Size, device: torch.device) -> tuple[Affine, torch.Size]:
    """The matrix of a layer, by asking what it does to zero and to each unit vector."""
    if type(step) not in _AFFINE:
        raise Opaque(f"no certificate knows {type(step).__name__}")
    if isinstance(step, nn.modules.batchnorm._BatchNorm) and step.running_mean is None:
        raise Opaque(f"{type(step).__name__} without running statistics mixes samples")
    exact = copy.deepcopy(step).to(device, torch.float64)
    if isinstance(exact, nn.Linear) and len(shape) == 1:
        bias = torch.zeros(exact.out_features, dtype=torch.float64, device=device)
        return Affine(
            exact.weight.detach(), bias if exact.bias is None else exact.bias.detach()
        ), torch.Size([exact.out_features])
    size = shape.numel()
    probes = torch.cat([torch.zeros(1, size), torch.eye(size)]).to(device, torch.float64)
    with torch.no_grad():
        seen = exact(probes.reshape(-1, *shape))
    if len(seen) != size + 1 or seen[0].numel() > WIDEST:
        raise Opaque(f"{type(step).__name__} mixes samples or is wider than {WIDEST}")
    flat = seen.flatten(1)
    return Affine((flat[1:] - flat[0]).T.contiguous(), flat[0]), seen.shape[1:]
