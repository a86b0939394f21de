"""Observables of a network's outputs: loss, accuracy, logit difference."""

from __future__ import annotations

import torch
from torch import Tensor

from rgwidgets.core.errors import ObservableError, ParameterError, ShapeError
from rgwidgets.core.outputs import OutputObservable


def loss(labels: Tensor, *, name: str = "loss", tolerance: float | None = None) -> OutputObservable:
    """Cross-entropy of each sample in nats; the mean over positions where labels have them.

    Parameters
    ----------
    labels
        Classes, (n,) for outputs (n, c), or (n, t) for outputs (n, t, c).

    Raises
    ------
    ShapeError
        If labels are not integers ≥ 0 with samples first, or do not fit the outputs.

    Examples
    --------
    >>> logits = torch.tensor([[0.0, 0.0], [0.0, 100.0]])
    >>> loss(torch.tensor([0, 1])).samples({"outputs": logits})
    tensor([0.6931, 0.0000])
    """
    classes = _classes(labels)

    def cross_entropy(outputs: Tensor) -> Tensor:
        chosen = _chosen(outputs, classes)
        return _over_positions(outputs.logsumexp(-1) - chosen, classes)

    return OutputObservable(
        name,
        unit="nats",
        tolerance=tolerance,
        of_outputs=cross_entropy,
        form="cross entropy",
        labels=classes,
        among=lambda index: loss(classes[index]),
    )


def accuracy(
    labels: Tensor, *, name: str = "accuracy", tolerance: float | None = None
) -> OutputObservable:
    """1 where the label's logit is strictly the largest, 0 elsewhere.

    Searches follow the margin, which is differentiable: the label's logit minus the largest other.

    >>> logits = torch.tensor([[2.0, 1.0], [2.0, 1.0]])
    >>> accuracy(torch.tensor([0, 1])).samples({"outputs": logits})
    tensor([1., 0.])
    """
    classes = _classes(labels)

    def margin(outputs: Tensor) -> Tensor:
        chosen = _chosen(outputs, classes)
        expanded = _expanded(outputs, classes)
        others = outputs.scatter(-1, expanded[..., None], -torch.inf)
        return chosen - others.amax(-1)

    return OutputObservable(
        name,
        tolerance=tolerance,
        form="accuracy",
        labels=classes,
        range=(0.0, 1.0),
        of_outputs=lambda z: _over_positions((margin(z) > 0).to(z.dtype), classes),
        surrogate=lambda z: _over_positions(margin(z), classes),
        among=lambda index: accuracy(classes[index]),
    )


def logit_difference(
    a: int, b: int, *, name: str = "", tolerance: float | None = None
) -> OutputObservable:
    """Logit of class `a` minus logit of class `b`: the log odds between the two, in nats.

    Raises
    ------
    ParameterError
        If a and b are not two different classes ≥ 0.
    ObservableError
        When evaluated on outputs that lack one of them.

    >>> o = logit_difference(2, 0)
    >>> o.name, o.samples({"outputs": torch.tensor([[1.0, 5.0, 4.0]])})
    ('logit 2 − 0', tensor([3.]))
    """
    if a < 0 or b < 0 or a == b or int(a) != a or int(b) != b:
        raise ParameterError(
            "classes of a logit difference", given=(a, b), allowed="two different whole numbers ≥ 0"
        )
    weights = torch.zeros(max(a, b) + 1, dtype=torch.float64)
    weights[a], weights[b] = 1.0, -1.0

    def difference(outputs: Tensor) -> Tensor:
        if outputs.shape[-1] < len(weights):
            raise ObservableError(
                "classes of a logit difference",
                given=(a, b),
                allowed=f"0 to {outputs.shape[-1] - 1}",
            )
        return outputs[..., a] - outputs[..., b]

    return OutputObservable(
        name or f"logit {a} − {b}",
        unit="nats",
        tolerance=tolerance,
        form="linear",
        of_outputs=difference,
        weights=weights,
    )


def _classes(labels: Tensor) -> Tensor:
    whole = isinstance(labels, Tensor) and not labels.is_floating_point() and labels.ndim >= 1
    if not whole or labels.is_complex() or labels.numel() == 0 or int(labels.min()) < 0:
        given = f"{labels.dtype} {tuple(labels.shape)}" if isinstance(labels, Tensor) else labels
        raise ShapeError(
            "labels",
            given=given,
            allowed="integer classes ≥ 0, shape (n,)",
            mend="pass class indices, not one-hot rows or probabilities",
        )
    with torch.inference_mode(False):  # gradients may be asked for later
        return labels.detach().to(torch.int64).clone()


def _expanded(outputs: Tensor, classes: Tensor) -> Tensor:
    """Labels on the outputs' device with the outputs' leading axes."""
    lead = outputs.shape[:-1]
    if outputs.ndim < 2 or lead[max(0, len(lead) - classes.ndim) :] != classes.shape:
        raise ShapeError(
            "labels",
            given=tuple(classes.shape),
            allowed=f"{tuple(lead)}, one for each row of the outputs",
        )
    top = int(classes.max())
    if top >= outputs.shape[-1]:
        raise ObservableError("labels", given=top, allowed=f"classes 0 to {outputs.shape[-1] - 1}")
    return classes.to(outputs.device).expand(lead)


def _chosen(outputs: Tensor, classes: Tensor) -> Tensor:
    return outputs.gather(-1, _expanded(outputs, classes)[..., None])[..., 0]


def _over_positions(values: Tensor, classes: Tensor) -> Tensor:
    return values.flatten(-(classes.ndim - 1)).mean(-1) if classes.ndim > 1 else values
