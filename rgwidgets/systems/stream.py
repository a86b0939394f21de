"""A layer's output, batch after batch: as many samples as there are, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

from torch import Tensor, nn

from rgwidgets.core.errors import ObservableError
from rgwidgets.core.numeric import at_least_single
from rgwidgets.core.progress import track
from rgwidgets.systems.networks.batch import Batch, Call, arguments, samples_in
from rgwidgets.systems.networks.guard import Guard
from rgwidgets.systems.networks.layer import (
    check_called_once,
    check_shape,
    located,
    tensor_of,
)


def activations(
    module: nn.Module,
    batches: Iterable[Batch],
    layer: str | nn.Module,
    *,
    feature_axis: int = -1,
) -> Iterator[Tensor]:
    """The output of one layer for each batch, one at a time.

    A private copy of the module runs as far as the layer and no further, but for the first batch,
    on which the whole is run, twice, to see that it is a function and calls the layer once. The
    weights are those at the first batch, whatever becomes of the module's. Progress is reported at
    each batch.

    Parameters
    ----------
    module, layer, feature_axis
        As for `capture`.
    batches
        Each is what the module is called with: a tensor, a tuple of arguments, or keywords. A
        `DataLoader` that gives labels too must be stripped of them: (x for x, _ in loader).

    Yields
    ------
    Tensor
        (n, …, d), detached, at least float32, features last.

    Raises
    ------
    LayerError
        No such layer, or its output cannot be captured.
    ShapeError
        A batch does not fit, or is empty.
    ObservableError
        The output is not finite, or the module is no function of its input.

    Examples
    --------
    The principal components of a stream, and bounds on a few samples cut along them:

    >>> import torch
    >>> from rgwidgets.compute.moments import Moments
    >>> from rgwidgets.schemes.activation_spectrum import ActivationSpectrum
    >>> from rgwidgets.systems.capture import capture
    >>> net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> noise = torch.Generator().manual_seed(0)
    >>> batches = (torch.randn(64, 3, generator=noise) for _ in range(5))
    >>> moments = Moments.of(activations(net, batches, "1"))
    >>> moments
    Moments(count=320, d=8)
    >>> few = capture(net, torch.randn(10, 3, generator=noise), "1", lambda out: out[:, 0])
    >>> ActivationSpectrum(moments=moments).coarsen(few, 2).features["coefficients"].shape
    torch.Size([10, 2])
    """
    module, name = located(module, layer)
    return _streamed(module, batches, name, feature_axis)


def _streamed(
    module: nn.Module, batches: Iterable[Batch], layer: str, feature_axis: int
) -> Iterator[Tensor]:
    guard = Guard(module, layer)
    for number, batch in enumerate(track(batches, label=f"activations of {layer}")):
        call = arguments(batch)
        output = _output(guard, call, whole=number == 0)
        check_shape(output, layer, samples_in(*call), feature_axis)
        if not _finite(output):
            raise ObservableError(
                f"output of layer {layer!r}",
                given=f"NaN or infinity in batch {number}",
                allowed="finite values",
                mend="check the batch and the weights",
            )
        yield at_least_single(output).movedim(feature_axis, -1)
        del output, call  # neither need be held while the next is made


class _Reached(BaseException):
    """The layer is done; no module takes this for an error of its own."""


def _output(guard: Guard, call: Call, *, whole: bool) -> Tensor:
    """The layer's output, detached; what follows runs only where `whole`, and that twice."""

    def run(module: nn.Module, args: tuple[Any, ...], keywords: dict[str, Any]) -> Tensor:
        kept: list[Tensor] = []

        def keep(_: nn.Module, __: object, output: Any) -> None:
            found = tensor_of(output, guard.layer).detach()
            kept.append(found.clone() if whole else found)  # what follows may work in place
            if not whole:
                raise _Reached

        with suppress(_Reached), ExitStack() as stack:
            part = module.get_submodule(guard.layer)
            stack.callback(part.register_forward_hook(keep).remove)
            module(*args, **keywords)
        check_called_once(guard.layer, len(kept))
        return kept[0]

    found: Tensor = (guard.twice if whole else guard.run)(call, run)
    return found


def _finite(output: Tensor) -> bool:
    """Whether all is finite; the sum says so in one pass, unless it overflows."""
    return bool(output.sum().isfinite()) or bool(output.isfinite().all())
