"""Proved upper bounds on what a fibre can do to an observable of a network's outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from rgwidgets.core.errors import ParameterError
from rgwidgets.core.fibre import Proof
from rgwidgets.core.outputs import OutputObservable
from rgwidgets.core.progress import tick
from rgwidgets.core.theory import Observable

from . import confirm
from .lipschitz import stretch
from .opaque import Opaque
from .propagate import LinearBound, Propagation

if TYPE_CHECKING:
    from .fibre import SubspaceFibre

Method = Literal["best", "crown", "interval", "lipschitz", "forms"]
METHODS = ("crown", "interval", "lipschitz", "forms")
_ROUNDING = 1e-10
#: Relative difference below which bounds count as the same.
_EQUAL = 1e-6


def certify(fibre: SubspaceFibre, observable: Observable, *, method: Method = "best") -> Tensor:
    """Upper bound of |o(x) − o(cut)| over the fibre, sample by sample, (n,) float64.

    "interval": interval arithmetic from the exact box of the first affine map. "crown": linear
    bounds propagated backwards (arXiv:1811.00866), restricted to the subspace, intersected with
    the intervals and the product of norms. "lipschitz": the product of norms alone. These three
    read the rest of the network as a chain of affine maps and activation functions, and know the
    declared observables. "forms": the network's own code, and any observable's, run on affine
    forms; see `Enclosure`. "best": the smallest of what holds, sample by sample.

    In a chain a linear observable is bounded as it is. The loss is bounded through the margins
    m_j = z_j − z_y of all classes at once, log Σ_j exp m_j being monotone in each; where CROWN
    gives m_j ≤ a_j·z + c_j, also by a bound that knows that the margins move together and is exact
    to first order in the radius (`_loss_above`). An accuracy is certain where every margin keeps
    its sign.

    Parameters
    ----------
    fibre
        Centres, discarded directions and radius.
    observable
        One of `fibre.theory`'s.
    method
        "best", "crown", "interval", "lipschitz" or "forms".

    Raises
    ------
    Opaque
        If the computation after the layer, or the observable, is none that can be bounded.
    """
    if method == "best":
        return prove(fibre, observable).change
    if method not in METHODS:
        raise ParameterError("method", given=method, allowed=", ".join(("best", *METHODS)))
    if method == "forms":
        return fibre.enclosure.changes(observable).to(fibre.centre.device)
    _check_declared(observable)
    assert isinstance(observable, OutputObservable)
    if method == "lipschitz" and fibre.tail is None:
        return _by_norms(fibre, observable)
    for z in (torch.zeros_like(fibre.own), confirm.sampled(fibre)):
        _check_value(fibre, observable, fibre.outputs(z[None])[0], z)
    return _by_chain(fibre, observable, method)


def _by_chain(fibre: SubspaceFibre, observable: OutputObservable, method: Method) -> Tensor:
    pieces = fibre.propagations if method == "crown" else fibre.intervals
    labels, done, results = observable.labels, 0, []
    for piece in pieces:
        tick(done / len(fibre), f"certifying {observable.name}")
        n = len(piece.centre)
        chosen = None if labels is None else labels[done : done + n].to(piece.centre.device)
        results.append(_certified(piece, observable, chosen, method))
        done += n
    return torch.cat(results).to(fibre.centre.device)


def prove(fibre: SubspaceFibre, observable: Observable) -> Proof:
    """The smallest of the bounds that hold, sample by sample, and which they are.

    CROWN where the rest of the network is a chain that can be read, affine forms where it is not
    or where they cost little, the product of norms where there is nothing else.

    Before a proof is spoken, what it takes the observable for is compared with the network's own
    code in double precision, at the cut points and at others of the ball; no change is allowed
    that leads out of the observable's declared range.

    Raises
    ------
    Opaque
        If none holds, with the reason of each.
    """
    found: dict[str, Tensor] = {}
    reasons: dict[str, str] = {}

    def attempt(name: str, method: Method) -> None:
        try:
            found[name] = certify(fibre, observable, method=method)
        except Opaque as reason:
            reasons[name] = str(reason)

    attempt("CROWN", "crown")
    if not found or fibre.enclosure.cheap:
        attempt("affine forms", "forms")
    if "CROWN" not in found:
        attempt("Lipschitz", "lipschitz")
    elif isinstance(observable, OutputObservable) and fibre.propagations[0].layers:
        found = {**_simpler(fibre, observable, found["CROWN"]), **found}
    if not found:
        said = {r: " and ".join(n for n in reasons if reasons[n] == r) for r in reasons.values()}
        raise Opaque("; ".join(f"{names}: {reason}" for reason, names in said.items()))
    return _within_range(_smallest(found), fibre, observable)


def _within_range(proof: Proof, fibre: SubspaceFibre, observable: Observable) -> Proof:
    """No value leaves the range that the observable declares."""
    if observable.range is None:
        return proof
    now = confirm.values(fibre, observable, torch.zeros_like(fibre.own)).to(proof.change)
    low, high = observable.range
    most = torch.maximum(now - low, high - now) * (1 + _ROUNDING)
    return Proof(torch.minimum(proof.change, most), proof.how)


def _check_value(
    fibre: SubspaceFibre, observable: OutputObservable, outputs: Tensor, z: Tensor
) -> None:
    """Raise `Opaque` unless the declared form of outputs (n, c) gives what the network's code does.

    The proofs of chains know an observable by its form, its labels and its weights alone.
    """
    if observable.labels is None:
        value = (outputs @ _weights(observable, outputs).T)[:, 0]
    else:
        labels = observable.labels.to(outputs.device)
        margins = _rows(_margins(labels, outputs.shape[1]), outputs)
        if observable.form == "accuracy":
            own = torch.nn.functional.one_hot(labels, outputs.shape[1]).bool()
            value = (margins.masked_fill(own, -torch.inf) < 0).all(-1).double()
        else:
            value = margins.logsumexp(-1)
    value = value.to(z.device)
    confirm.check_function(value, value, confirm.values(fibre, observable, z))


def _simpler(
    fibre: SubspaceFibre, observable: OutputObservable, crown: Tensor
) -> dict[str, Tensor]:
    """Simpler proofs that are as good as CROWN's on every sample, which is part of both."""
    names: dict[str, Method] = {"Lipschitz": "lipschitz", "interval": "interval"}
    found = {name: _by_chain(fibre, observable, method) for name, method in names.items()}
    return {
        name: change
        for name, change in found.items()
        if bool((change > 0).any()) and bool((change <= crown * (1 + _EQUAL)).all())
    }


def _smallest(found: dict[str, Tensor]) -> Proof:
    names, changes = list(found), torch.stack(list(found.values()))
    # of bounds that are equal but for rounding the first is named
    which = (changes <= changes.amin(0) * (1 + _EQUAL) + 1e-300).double().argmax(0)
    counts = torch.bincount(which, minlength=len(names)).tolist()
    used = [(name, count) for name, count in zip(names, counts, strict=True) if count]
    how = " and ".join(
        name if len(used) == 1 else f"{name} ({count} sample{'s' * (count > 1)})"
        for name, count in used
    )
    return Proof(changes.amin(0), f"{how} in float64")


def _check_declared(observable: Observable) -> None:
    if not isinstance(observable, OutputObservable) or observable.form == "general":
        raise Opaque(f"it does not know what function of the outputs {observable.name!r} is")
    if observable.labels is not None and observable.labels.ndim != 1:
        raise Opaque("labels at several positions of one sample")


def _by_norms(fibre: SubspaceFibre, observable: OutputObservable) -> Tensor:
    """By the product of norms of what follows, for chains that are too wide to read."""
    outputs, factor, last = stretch(fibre)
    device = outputs.device
    _check_value(fibre, observable, outputs, torch.zeros_like(fibre.own))
    if observable.labels is None:
        spec = _weights(observable, outputs)[None]
    else:
        spec = _margins(observable.labels.to(device), outputs.shape[1])
    norms = (spec if last is None else spec @ last).norm(dim=-1)
    change = fibre.radius * factor * norms * (1 + _ROUNDING) + _ROUNDING
    now = _rows(spec, outputs)
    change = (change + _ROUNDING * now.abs()).expand_as(now)
    if observable.labels is None:
        single: Tensor = change[:, 0].to(fibre.centre.device)
        return single
    found = _of_margins(observable, now, now - change, now + change, observable.labels.to(device))
    return found.to(fibre.centre.device)


def _certified(
    piece: Propagation, observable: OutputObservable, labels: Tensor | None, method: Method
) -> Tensor:
    outputs = _outputs(piece)
    if labels is None:
        weights = _weights(observable, outputs)
        low, high, _, _ = _range(piece, weights, method)
        now = outputs @ weights.T
        return torch.maximum(high - now, now - low).clamp_min(0)[:, 0]
    margins = _margins(labels, outputs.shape[1])
    low, high, below, above = _range(piece, margins, method)
    now = _rows(margins, outputs)
    upper = None if above is None else _loss_above(above, piece.radius)
    lower = None if below is None else _loss_below(below, piece.radius)
    return _of_margins(observable, now, low, high, labels, lower, upper)


def _weights(observable: OutputObservable, outputs: Tensor) -> Tensor:
    """Coefficients (1, c) of a linear observable."""
    assert observable.weights is not None
    weights = torch.zeros_like(outputs[:1])
    weights[0, : len(observable.weights)] = observable.weights.to(weights)
    return weights


def _of_margins(
    observable: OutputObservable,
    now: Tensor,
    low: Tensor,
    high: Tensor,
    labels: Tensor,
    lower: Tensor | None = None,
    upper: Tensor | None = None,
) -> Tensor:
    """Largest change of the loss or the accuracy, given bounds (n, c) of the margins.

    `lower` and `upper` bound the loss itself, where more is known.
    """
    if observable.form == "accuracy":
        return _accuracy(now, low, high, labels)
    loss, highest, lowest = now.logsumexp(-1), high.logsumexp(-1), low.logsumexp(-1)
    highest = highest if upper is None else torch.minimum(highest, upper)
    lowest = lowest if lower is None else torch.maximum(lowest, lower)
    slack = _ROUNDING * (1 + loss.abs())
    return torch.maximum(highest - loss, loss - lowest).clamp_min(0) + slack


def _outputs(piece: Propagation) -> Tensor:
    y = piece.centre
    for curve, affine in piece.layers:
        y = affine(curve(y))
    return y


def _margins(labels: Tensor, classes: int) -> Tensor:
    """Rows e_j − e_y of each sample, (n, c, c); the label's own row is 0."""
    eye = torch.eye(classes, dtype=torch.float64, device=labels.device)
    return eye[None] - eye[labels][:, None]


def _rows(spec: Tensor, outputs: Tensor) -> Tensor:
    rows: Tensor = (spec @ outputs[..., None])[..., 0]
    return rows


def _range(
    piece: Propagation, spec: Tensor, method: Method
) -> tuple[Tensor, Tensor, LinearBound | None, LinearBound | None]:
    """Lower and upper bounds (n, s) of rows of the outputs, with CROWN's lines where it ran."""
    outputs = _outputs(piece)
    now = _rows(spec if spec.ndim == 3 else spec[None], outputs)
    change = piece.lipschitz(spec) + _ROUNDING * now.abs()
    if method == "lipschitz":
        return now - change, now + change, None, None
    low, high = piece.interval(spec), -piece.interval(-spec)
    if method == "interval":
        return low, high, None, None
    below, above = _best(piece, spec), _best(piece, -spec)
    low = torch.maximum(torch.maximum(low, now - change), below.lowest)
    high = torch.minimum(torch.minimum(high, now + change), -above.lowest)
    return low, high, below, above


def _best(piece: Propagation, spec: Tensor) -> LinearBound:
    """The best of the sound choices of lower lines, row by row."""
    best = piece.bound(spec)
    policies = {p for curve, _ in piece.layers for p in curve.policies if len(curve.policies) > 1}
    for policy in sorted(policies - {"adaptive"}):
        other = piece.bound(spec, policy)
        better = other.lowest > best.lowest
        best = LinearBound(
            torch.where(better[..., None], other.slope, best.slope),
            torch.where(better, other.offset, best.offset),
            torch.where(better, other.lowest, best.lowest),
        )
    return best


def _accuracy(now: Tensor, low: Tensor, high: Tensor, labels: Tensor) -> Tensor:
    """0 where the answer cannot change, else 1."""
    own = torch.nn.functional.one_hot(labels, now.shape[1]).bool()
    right = (now.masked_fill(own, -torch.inf) < 0).all(-1)
    stays_right = (high.masked_fill(own, -torch.inf) < 0).all(-1)
    stays_wrong = (low.masked_fill(own, -torch.inf) >= 0).any(-1)
    return 1 - torch.where(right, stays_right, stays_wrong).double()


def _loss_above(above: LinearBound, radius: float) -> Tensor:
    """max over the ball of log Σ exp m_j, given m_j ≤ a_j·z + c_j = −(slope·z + offset).

    With p = softmax(c), ā = Σ p_j a_j and x_j = (a_j − ā)·z the sum is at most
    Σ exp c_j · exp(ā·z) · Σ p_j exp x_j. As Σ p_j x_j = 0 and exp x ≤ 1 + x + x²φ(r) for x ≤ r,
    φ(r) = (exp r − 1 − r)/r² (Bennett's inequality), the last factor is at most
    1 + rho² λ with λ the largest eigenvalue of Σ p_j φ(r_j)(a_j − ā)(a_j − ā)ᵀ, itself at most the
    Frobenius norm. To first order in rho that is the gradient of the loss: nothing is lost.
    """
    a, c = -above.slope, -above.offset
    p = torch.softmax(c, -1)
    mean = _mean_slope(a, p)
    spread = a - mean[:, None]
    r = (radius * spread.norm(dim=-1)).clamp(1e-4, 300.0)
    weights = (p * (torch.expm1(r) - r) / r**2)[..., None].sqrt() * spread
    largest = (weights @ weights.mT).norm(dim=(1, 2))
    upper: Tensor = c.logsumexp(-1) + radius * mean.norm(dim=-1)
    upper = upper + torch.log1p(radius**2 * largest) + _ROUNDING
    trusted = radius * spread.norm(dim=-1).amax(-1) < 300.0
    return torch.where(trusted, upper, torch.inf)


def _loss_below(below: LinearBound, radius: float) -> Tensor:
    """min over the ball of log Σ exp m_j, given m_j ≥ slope·z + offset, by Jensen's tangent."""
    p = torch.softmax(below.offset, -1)
    mean = _mean_slope(below.slope, p)
    entropy = -torch.special.xlogy(p, p).sum(-1)
    lower: Tensor = (p * below.offset).sum(-1) + entropy - radius * mean.norm(dim=-1)
    return lower


def _mean_slope(a: Tensor, weights: Tensor) -> Tensor:
    mean: Tensor = (weights[:, None] @ a)[:, 0]
    return mean
