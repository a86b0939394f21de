"""Whether anything reads what was captured: a cut of what nobody reads is always harmless."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from rgwidgets.core.errors import LayerError, ObservableError
from rgwidgets.core.outputs import OutputObservable, Readout
from rgwidgets.core.theory import Features, Observable

from .batch import tensors_in
from .returned import logits, same


def unread(
    observables: Iterable[Observable], features: Features, feature: str, readout: Readout
) -> frozenset[str]:
    """Names of the observables that do not hang on a feature, if at least the network does.

    Something must change where the feature does: in samples exchanged, reversed, or at random and
    large; or torch must see a way from the one to the other, be it of slope 0.

    Raises
    ------
    LayerError
        If not even what the network returns hangs on the feature.
    """
    left = [o for o in observables if not _reads(_value(o, feature), features, feature)]
    if left and not _reads(lambda f: readout.raw(f[feature]), features, feature):
        raise LayerError(
            f"layer {readout.layer!r}",
            given="an output that the rest of the network does not read",
            allowed="a layer whose output the module's own output hangs on",
            mend="choose the layer that holds what is read; of a layer that returns several "
            "tensors the first is captured",
        )
    return frozenset(o.name for o in left)


def _value(o: Observable, feature: str) -> Callable[[Features], Any]:
    """An observable's values, or the one tensor of outputs that it is of, which shows more."""

    def value(features: Features) -> Tensor:
        if features[feature].requires_grad:
            return o.smooth(features)
        outputs = o.outputs(features) if isinstance(o, OutputObservable) else None
        return outputs if isinstance(outputs, Tensor) else o.samples(features)

    return value


def _reads(value: Callable[[Features], Any], features: Features, feature: str) -> bool:
    own = features[feature]
    noise = torch.randn(own.shape, generator=torch.Generator().manual_seed(0)).to(own)
    noise = noise * (1 + own.abs().max())
    with torch.no_grad():
        before = value(features)
        for other in (own.flip(0), noise, -own, 1e3 * noise):
            try:
                if not same(value({**features, feature: other}), before, unknown=True):
                    return True
            except ObservableError:  # not finite any more, say
                return True
    with torch.inference_mode(False), torch.enable_grad():
        leaf = own.clone().requires_grad_()
        try:
            found = value({**features, feature: leaf})
        except RuntimeError:
            return False
    return any(_leads(one, leaf) for one in _tensors(found))


def _tensors(found: Any) -> Iterator[Tensor]:
    given = list(tensors_in(found))
    try:
        yield from given or [logits(found)]
    except ObservableError:
        return


def _leads(values: Tensor, leaf: Tensor) -> bool:
    """Whether torch's graph leads from values to a leaf."""
    seen, todo = set(), [values.grad_fn]
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if getattr(node, "variable", None) is leaf:
            return True
        todo += [one for one, _ in node.next_functions]
    return values is leaf
