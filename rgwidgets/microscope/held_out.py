"""Samples divided in two: those that choose what is cut, and those that put it to the test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import ObservableError, ShapeError
from ..core.fibre import rounding
from ..core.numeric import real
from ..core.outputs import OutputObservable, together
from ..core.theory import Theory
from ..systems.capture import capture
from ..systems.networks.batch import Batch, arguments, chosen
from ..systems.networks.specs import listed

#: Samples that either part must have.
FEWEST = 20


def divided(
    module: nn.Module,
    batch: Batch,
    layer: str,
    observables: Any,
    held_out: float,
    *,
    labels: Tensor | None = None,
    **given: Any,
) -> Theory:
    """The theory of the samples held out, with that of the others as its reference.

    All samples together where either would be too few, or an observable cannot be evaluated, with
    the same result, on some of them alone; `attrs["held_out"]` says which.

    Parameters
    ----------
    module, batch, layer, observables, labels, given
        As for `capture`.
    held_out
        Their share of the samples, in [0, 1); drawn at random, always the same ones.
    """
    share = real("held_out", held_out, "[0, 1)")
    whole = capture(module, batch, layer, observables, labels=labels, **given)
    x = whole.features["activation"]
    count = round(share * len(x))
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    test, fit = (places.sort().values for places in order.split([count, len(x) - count]))

    def part(places: Tensor) -> Theory:
        args, keywords = chosen(arguments(batch), places)
        specs = {
            name: spec.part(places) if isinstance(spec, OutputObservable) else spec
            for name, spec in _named(observables, labels).items()
        }
        own = None if labels is None else labels[places]
        found = capture(module, keywords or args, layer, specs, labels=own, **given)
        _check_same(whole, found, places)
        return found

    why = _too_few(fit, test, x) if share else "as asked"
    try:
        tested = whole if why else replace(part(test), reference=part(fit))
    except (ObservableError, ShapeError) as error:
        tested, why = whole, error.message
    said = f"the same {len(x)} inputs choose what is cut and put it to the test: {why}"
    if tested.reference is not None:
        said = f"{len(fit)} inputs choose what is cut, {len(test)} others put it to the test"
    return replace(tested, attrs={**tested.attrs, "held_out": said})


def _too_few(fit: Tensor, test: Tensor, x: Tensor) -> str:
    """Why samples (n, …, d) are not divided, if they are not."""
    rows = len(fit) * x[0].numel() // x.shape[-1]
    if min(len(test), len(fit)) >= FEWEST and rows > x.shape[-1]:
        return ""
    return f"{len(fit)} and {len(test)} are too few to choose {x.shape[-1]} directions and test"


def _named(observables: Any, labels: Tensor | None) -> Mapping[str, Any]:
    """Observables by name, so that each can be taken of some samples."""
    found = listed(observables, labels)
    return {name or getattr(spec, "name", None) or _name(spec): spec for name, spec in found}


def _name(spec: Any) -> str:
    return spec if isinstance(spec, str) else getattr(spec, "__name__", type(spec).__name__)


def _check_same(whole: Theory, part: Theory, places: Tensor) -> None:
    """Raise `ObservableError` where some samples alone give other values than among all."""
    with torch.no_grad():
        of_all = together(whole.observables, whole.features)
        of_some = together(part.observables, part.features)
    for name, values in of_some.items():
        before = of_all[name][places.to(values.device)]
        if bool(((values - before).abs().double() > rounding(before)).any()):
            raise ObservableError(
                f"observable {name!r} of some of the samples",
                given="other values than of all together",
                allowed="a value of each sample alone",
            )
