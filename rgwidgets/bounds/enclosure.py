"""A fibre sent through a network's own code as affine forms: what its observables can become."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from rgwidgets.core.errors import Cancelled
from rgwidgets.core.outputs import OutputObservable, Readout
from rgwidgets.core.progress import tick
from rgwidgets.core.theory import Observable

from .forms import Ball, Form, StandIn
from .forms.form import NOISE, ROOM
from .opaque import Opaque
from .tail import precision

if TYPE_CHECKING:
    from .fibre import Fibre

#: Numbers in all slopes together beyond which nothing is certified: about two seconds' work.
WORK = 2**28
#: Numbers in the slopes of a fibre that is worth a try where another proof is at hand.
CHEAP = 2**20


class Enclosure:
    """Affine forms of all that a network computes from a fibre.

    The module's own forward pass runs on `StandIn`s, so what it computes is bounded whatever it
    consists of, as long as every function in it is. A first run of the centres alone, in double
    precision, says what is not bounded, and how much work the rest will be.

    Parameters
    ----------
    fibre
        Centres, discarded directions and radius.
    """

    def __init__(self, fibre: Fibre) -> None:
        self._fibre = fibre

    def changes(self, observable: Observable) -> Tensor:
        """Upper bound of |o(x) − o(cut)| over the fibre, by sample, (n,) float64.

        Raises
        ------
        Opaque
            If a function on the way is not bounded, or there is too much of it.
        """
        if observable.reduce is not None:
            raise Opaque("an observable of several moments")
        if isinstance(observable, OutputObservable) and self._reads(observable):
            still, outputs = (_opened(form) for form in self._outputs)
            if observable.labels is not None:
                still, outputs = (_margins(observable, one) for one in (still, outputs))
            if observable.form == "accuracy":
                return _decided(observable, outputs)
            now = _run(lambda: observable.of_outputs(still), observable.name)
            values = _run(lambda: observable.of_outputs(outputs), observable.name)
        else:
            now, ball = self._still(observable)
            piece = self._piece(ball)
            if piece < len(self._fibre):
                raise Opaque("too large to certify: all samples have no room at once")
            values = self._values(observable, self._form(slice(None), self._ball(ball)))
        return _change(now, values, len(self._fibre))

    def exactly(self, observable: Observable, z: Tensor) -> Tensor:
        """The observable at one point of the fibre, (n, K), in double precision, (n,)."""
        values = self._values(observable, self._centre(self._fibre.points(z)))
        low, high = _ends(values)
        return (0.5 * (low + high)).to(z.device)

    @property
    def cheap(self) -> bool:
        """Whether the fibre is small enough to send it through beside other proofs."""
        fibre = self._fibre
        return fibre.centre.numel() * fibre.own.shape[1] < CHEAP

    @cached_property
    def centres(self) -> Tensor:
        """The network's outputs (n, …, c) at the cut points, in double precision."""
        low, high = self._still_outputs.range
        return 0.5 * (low + high)

    @cached_property
    def _still_outputs(self) -> Form:
        readout = self._readout
        readout.check()
        form = self._centre(self._fibre.centre)
        still = _form_of(_run(lambda: readout(_opened(form)), "outputs"))
        self._compare(still, readout)
        return still

    @property
    def _readout(self) -> Readout:
        readout = self._fibre.theory.attrs["readout"]
        assert isinstance(readout, Readout)
        return readout

    @cached_property
    def _outputs(self) -> tuple[Form, Form]:
        """The network's outputs (n, …, c) at the centres and over the fibre."""
        self._check_size()
        readout, still = self._readout, self._still_outputs
        piece = self._piece(still.ball)
        parts, n = [], len(self._fibre)
        for first in range(0, n, piece):
            tick(first / n, "certifying")
            samples = slice(first, min(n, first + piece))
            form = self._form(samples, self._ball(still.ball))
            part = readout if piece >= n else readout.part(samples)
            found = _form_of(_run(lambda: part(_opened(form)), "outputs"))  # noqa: B023
            _check_same(found, still, samples)
            parts.append(found)
        return still, _together(parts)

    def _reads(self, observable: OutputObservable) -> bool:
        """Whether the observable is a function of what the theory's readout returns."""
        fibre = self._fibre
        readout = fibre.theory.attrs.get("readout")
        if not isinstance(readout, Readout):
            return False
        with torch.no_grad():
            mine = observable.outputs(fibre.theory.features)
            return torch.equal(mine, readout(fibre.theory.features[fibre.feature]))

    def _compare(self, still: Form, readout: Readout) -> None:
        """What was run in double precision must be what the network does in its own."""
        low, high = still.range
        feature = self._fibre.theory.features[self._fibre.feature]
        with torch.no_grad():
            expected = readout(self._fibre.centre.to(feature)).to(low)
        close = precision(readout.module) ** 0.5 * (1 + expected.abs().max())
        off = expected.shape != low.shape or not bool(
            ((expected >= low - close) & (expected <= high + close)).all()
        )
        if off:
            raise Opaque("run in double precision, the network's outputs are others")

    def _still(self, observable: Observable) -> tuple[Any, Ball]:
        """The observable at the centres, and an account of what that took."""
        self._check_size()
        centre = self._centre(self._fibre.centre)
        return self._values(observable, centre), centre.ball

    def _values(self, observable: Observable, form: Form) -> Any:
        fibre = self._fibre
        features = {**fibre.theory.features, fibre.feature: _opened(form)}
        return _run(lambda: observable.samples(features), observable.name)

    def _check_size(self) -> None:
        """Raise before anything is made if the fibre itself is too large."""
        one, size = self._fibre.centre[0].numel(), self._fibre.own.shape[1]
        if one * size > ROOM or len(self._fibre) * one * size > WORK:
            raise Opaque(
                f"too large to certify: {len(self._fibre):,} samples of {one:,} numbers, "
                f"as functions of {size:,} coefficients"
            )

    def _ball(self, seen: Ball) -> Ball:
        """The ball, with as many symbols of noise as there is room and time for."""
        size = self._fibre.own.shape[1]
        room = ROOM // max(1, -(-seen.account.largest // len(self._fibre)))
        time = WORK // max(1, seen.account.total)
        return Ball(self._fibre.radius, size, max(0, min(NOISE, room - size, time - size)))

    def _piece(self, seen: Ball) -> int:
        """How many samples there is room for at a time."""
        n, ball = len(self._fibre), self._ball(seen)
        one = -(-seen.account.largest // n) * (ball.size + ball.noise)
        return min(n, max(1, ROOM // max(1, one)))

    def _centre(self, points: Tensor) -> Form:
        """Points (n, …, d) alone, nothing varying."""
        points = points.to(self._fibre.centre)
        owner = _owner(points, 0)
        nothing = points.new_zeros(0, *points.shape)
        ball = Ball(0.0, 0, noise=0, work=WORK / max(1, self._fibre.own.shape[1]))
        return Form(points, nothing, torch.zeros_like(points), owner, ball, self._dtype)

    def _form(self, samples: slice, ball: Ball) -> Form:
        """The fibre of some samples."""
        fibre = self._fibre
        centre, size = fibre.centre[samples], ball.size
        eye = torch.eye(size, dtype=torch.float64, device=centre.device)
        along = eye.reshape(size, *fibre.tails.shape[1:]) @ fibre.basis.T
        slopes = along[:, None].expand(size, *centre.shape)
        owner = _owner(centre, samples.start or 0)
        return Form(centre, slopes, torch.zeros_like(centre), owner, ball, self._dtype)

    @property
    def _dtype(self) -> torch.dtype:
        return self._fibre.theory.features[self._fibre.feature].dtype


def _owner(points: Tensor, first: int) -> Tensor:
    numbers = torch.arange(first, first + len(points), device=points.device)
    return numbers.reshape(-1, *(1,) * (points.ndim - 1)).expand(points.shape)


def _opened(form: Form) -> StandIn:
    return StandIn(form)


def _run(function: Callable[[], Any], name: str) -> Any:
    """What a user's code makes of stand-ins; whatever goes wrong in it leaves no proof."""
    try:
        with torch.no_grad():
            return function()
    except (Cancelled, KeyboardInterrupt, MemoryError):
        raise
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, (Opaque, Cancelled)):
                raise cause from None
            cause = cause.__cause__ or cause.__context__
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise Opaque(f"{name} could not be computed on affine forms: {said}") from error


def _form_of(value: Any) -> Form:
    if not isinstance(value, StandIn):
        raise Opaque("the network's outputs do not depend on the feature as far as torch can see")
    return value.form


def _check_same(found: Form, still: Form, samples: slice) -> None:
    """A part of the batch must compute what the whole does."""
    low, high = still.range
    own_low, own_high = found.range
    close = 1e-9 * (1 + high.abs().max())
    if found.shape[1:] != still.shape[1:] or bool(
        ((own_low > high[samples] + close) | (own_high < low[samples] - close)).any()
    ):
        raise Opaque("too large to certify at once, and some of the samples alone are not the same")


def _together(parts: list[Form]) -> Form:
    """Forms of several pieces of samples as one."""
    if len(parts) == 1:
        return parts[0]
    symbols = max(part.ball.account.symbols for part in parts)
    ball = replace(parts[0].ball, room=2 * ROOM)
    ball.account.symbols = symbols
    from .forms.structure import cat

    return cat([replace(part, ball=ball) for part in parts])


def _ends(value: Any) -> tuple[Tensor, Tensor]:
    if isinstance(value, StandIn):
        return value.form.range
    return value.double(), value.double()


def _change(now: Any, values: Any, n: int) -> Tensor:
    """Largest change from what it is now to anything that it can be."""
    (now_low, now_high), (low, high) = _ends(now), _ends(values)
    if low.shape != (n,):
        raise Opaque(f"values of shape {tuple(low.shape)}, not one for each sample")
    if isinstance(values, StandIn):
        owner, own = values.form.owner, torch.arange(n, device=low.device)
        if bool(((owner >= 0) & (owner != own)).any()):
            raise Opaque("a sample's value depends on another sample's features")
    change: Tensor = torch.maximum(high - now_low, now_high - low).clamp_min(0)
    if not bool(change.isfinite().all()):
        raise Opaque("no finite bounds hold here")
    return change


def _margins(observable: OutputObservable, outputs: StandIn) -> Any:
    """Outputs minus the label's own: what the loss and the accuracy depend on."""
    assert observable.labels is not None
    labels = observable.labels.to(outputs.form.centre.device)
    if labels.shape != outputs.shape[:-1]:
        raise Opaque("labels that do not fit the outputs")
    return _run(lambda: outputs - outputs.gather(-1, labels[..., None]), observable.name)


def _decided(observable: OutputObservable, margins: StandIn) -> Tensor:
    """0 where no margin can change its sign, else 1; the mean over positions."""
    assert observable.labels is not None
    low, high = margins.form.range
    own = torch.nn.functional.one_hot(observable.labels.to(low.device), low.shape[-1]).bool()
    stays_right = (high.masked_fill(own, -torch.inf) < 0).all(-1)
    stays_wrong = (low.masked_fill(own, -torch.inf) >= 0).any(-1)
    changes = 1 - (stays_right | stays_wrong).double()
    return changes.flatten(1).mean(-1) if changes.ndim > 1 else changes
