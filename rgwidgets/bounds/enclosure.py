"""A fibre sent through a network's own code as affine forms: what its observables can become."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map_only, tree_unflatten

from rgwidgets.core.errors import Cancelled
from rgwidgets.core.outputs import OutputObservable, Outputs, Readout
from rgwidgets.core.progress import tick
from rgwidgets.core.theory import Observable

from . import confirm
from .forms import Ball, Form, StandIn
from .forms.form import NOISE, ROOM, whole_owner
from .forms.structure import cat
from .opaque import Opaque

if TYPE_CHECKING:
    from .fibre import SubspaceFibre

#: Numbers in all slopes of one sample beyond which nothing is certified: 0.1 s of work.
WORK = 2**24
#: Numbers in the slopes of a fibre that is worth a try where another proof is at hand.
CHEAP = 2**20

Ends = tuple[Tensor, Tensor]


class Enclosure:
    """Affine forms of all that a network computes from a fibre.

    The module's own forward pass runs on `StandIn`s, so what it computes is bounded whatever it
    consists of, as long as every function in it is. A first run of the centres alone, in double
    precision, says what is not bounded, and how much work the rest will be. It and a run at other
    points of the ball must give what the network's own code gives there. Samples are taken in
    pieces where all at once have no room.

    Parameters
    ----------
    fibre
        Centres, discarded directions and radius.
    """

    def __init__(self, fibre: SubspaceFibre) -> None:
        self._fibre = fibre

    def changes(self, observable: Observable) -> Tensor:
        """Upper bound of |o(x) − o(cut)| over the fibre, by sample, (n,) float64.

        Raises
        ------
        Opaque
            If a function on the way is not bounded, or there is too much of it, or at some point
            it is not what the network's own code computes.
        """
        if observable.reduce is not None:
            raise Opaque("an observable of several moments")
        self._check_size()
        reads = isinstance(observable, OutputObservable) and self._reads(observable)
        whole = slice(0, len(self._fibre))
        if reads:
            still, elsewhere = self._still, self._elsewhere
        else:
            still = self._features(self._at(self._centre), whole)
            elsewhere = self._features(self._at(self._sampled), whole)
        now = self._confirmed(observable, still, self._centre)
        self._confirmed(observable, elsewhere, self._sampled)
        low, high = self._moved(observable, now, reads=reads)
        change: Tensor = torch.maximum(high - now[0], now[1] - low).clamp_min(0)
        if not bool(change.isfinite().all()):
            raise Opaque("no finite bounds hold here")
        return change

    @property
    def cheap(self) -> bool:
        """Whether the fibre is small enough to send it through beside other proofs."""
        fibre = self._fibre
        return fibre.centre.numel() * fibre.own.shape[1] < CHEAP

    # -- points ----------------------------------------------------------------------------------

    @property
    def _centre(self) -> Tensor:
        return torch.zeros_like(self._fibre.own)

    @cached_property
    def _sampled(self) -> Tensor:
        return confirm.sampled(self._fibre)

    @cached_property
    def _still(self) -> Any:
        """What the network returns at the cut points."""
        return self._returned(self._readout, self._at(self._centre))

    @cached_property
    def _elsewhere(self) -> Any:
        """What it returns at the other points."""
        return self._returned(self._readout, self._at(self._sampled))

    def _confirmed(self, observable: Observable, source: Any, z: Tensor) -> Ends:
        """Values at points, if they are those of the network's own code."""
        low, high = self._values(observable, source, slice(0, len(self._fibre)))
        own = confirm.values(self._fibre, observable, z).to(low.device)
        confirm.check_function(low, high, own)
        return low, high

    # -- the ball --------------------------------------------------------------------------------

    @cached_property
    def _pieces(self) -> list[tuple[slice, Any]]:
        """What the network returns over the fibre, by pieces of samples."""
        self._still  # noqa: B018  # says how large the pieces can be
        found = []
        for samples, form in self._forms():
            tick(samples.start / len(self._fibre), "certifying")
            found.append((samples, self._returned(self._part(samples), form)))
        return found

    def _forms(self) -> list[tuple[slice, Form]]:
        n, piece = len(self._fibre), self._piece()
        pieces = [slice(first, min(n, first + piece)) for first in range(0, n, piece)]
        return [(samples, self._form(samples, self._ball())) for samples in pieces]

    def _apart(self, *, reads: bool) -> Any:
        """What there is at the cut points, where every decision belongs to its own sample.

        Decisions that are the same all over the fibre are no longer anybody's otherwise; of some
        samples alone, what mixes samples by them is another function.
        """
        form = self._at(self._centre)
        form = replace(form, ball=replace(form.ball, apart=True))
        if reads:
            return self._returned(self._readout, form)
        return self._features(form, slice(0, len(self._fibre)))

    def _moved(self, observable: Observable, now: Ends, *, reads: bool) -> Ends:
        """Bounds over the fibre: of each piece alone, or of all together where that will not do."""
        if reads:
            pieces = self._pieces
        else:
            pieces = [(s, self._features(form, s)) for s, form in self._forms()]
        whole = slice(0, len(self._fibre))
        apart = self._apart(reads=reads) if len(pieces) > 1 else None
        try:
            if apart is not None:
                self._values(observable, apart, whole)
            found = [self._values(observable, source, samples) for samples, source in pieces]
            low, high = (torch.cat(ends) for ends in zip(*found, strict=True))
            return _holding(low, high, now)
        except Opaque:
            if len(pieces) == 1:
                raise
        if not reads:
            raise Opaque("too large to certify at once, and of some samples alone it is another")
        together = _together([source for _, source in pieces], [s for s, _ in pieces])
        return _holding(*self._values(observable, together, whole), now)

    # -- running ---------------------------------------------------------------------------------

    @property
    def _readout(self) -> Readout:
        """The network in double precision: what is rounded more is so by its own code."""
        readout = self._fibre.theory.attrs["readout"]
        assert isinstance(readout, Readout)
        return readout.exact()

    def _reads(self, observable: OutputObservable) -> bool:
        """Whether the observable is a function of what the theory's readout returns."""
        readout, outputs = self._fibre.theory.attrs.get("readout"), observable.outputs
        return isinstance(outputs, Outputs) and outputs.readout is readout

    def _part(self, samples: slice) -> Readout:
        whole = samples == slice(0, len(self._fibre))
        return self._readout if whole else self._readout.part(samples)

    def _returned(self, readout: Readout, form: Form) -> Any:
        return _run(lambda: readout.raw(StandIn(form)), "outputs")

    def _features(self, form: Form, samples: slice) -> dict[str, Any]:
        """The theory's features of some samples, with the form among them."""
        n, theory = len(self._fibre), self._fibre.theory
        others = {
            name: t[samples] if t.ndim and len(t) == n else t for name, t in theory.features.items()
        }
        return {**others, self._fibre.feature: StandIn(form)}

    def _values(self, observable: Observable, source: Any, samples: slice) -> Ends:
        """Bounds (n,) of the observable of outputs or features."""
        source = tree_map_only(StandIn, lambda one: StandIn(one.form, one.device), source)
        if not (isinstance(observable, OutputObservable) and self._reads(observable)):
            value = _run(lambda: observable.exact().samples(source), observable.name)
            return _ends(value, samples)
        assert isinstance(observable.outputs, Outputs)
        if not observable.outputs.raw:
            source = _run(lambda: self._readout.read(source), "outputs")
        if observable.labels is not None:
            return _of_margins(observable, source, observable.labels[samples], samples)
        value = _run(lambda: observable.of_outputs(source), observable.name)
        return _ends(value, samples)

    # -- sizes -----------------------------------------------------------------------------------

    def _check_size(self) -> None:
        """Raise before anything is made if the fibre itself is too large."""
        one, size = self._fibre.centre[0].numel(), self._fibre.own.shape[1]
        if one * size > WORK:
            raise Opaque(
                f"too large to certify: {one:,} numbers a sample, as functions of {size:,} "
                "coefficients"
            )

    def _ball(self) -> Ball:
        """The ball, with as many symbols of noise as there is room and time for."""
        n, size, account = len(self._fibre), self._fibre.own.shape[1], self._seen.account
        room = ROOM // max(1, -(-account.largest // n))
        time = n * WORK // max(1, account.total)
        return Ball(self._fibre.radius, size, max(0, min(NOISE, room - size, time - size)))

    def _piece(self) -> int:
        """How many samples there is room for at a time."""
        n, ball = len(self._fibre), self._ball()
        one = -(-self._seen.account.largest // n) * (ball.size + ball.noise)
        return min(n, max(1, ROOM // max(1, one)))

    def _at(self, z: Tensor) -> Form:
        """Points (n, …, d) alone, nothing varying."""
        points = self._fibre.points(z)
        nothing, n = points.new_zeros(0, *points.shape), len(points)
        ball = Ball(0.0, 0, noise=0, work=n * WORK / max(1, self._fibre.own.shape[1]))
        self._seen = ball
        return Form(points, nothing, torch.zeros_like(points), _owner(points, 0), ball)

    def _form(self, samples: slice, ball: Ball) -> Form:
        """The fibre of some samples."""
        fibre = self._fibre
        centre, size = fibre.centre[samples], ball.size
        eye = torch.eye(size, dtype=torch.float64, device=centre.device)
        along = eye.reshape(size, *fibre.tails.shape[1:]) @ fibre.basis.T
        slopes = along[:, None].expand(size, *centre.shape)
        owner = _owner(centre, samples.start)
        return Form(centre, slopes, torch.zeros_like(centre), owner, ball)


def _owner(points: Tensor, first: int) -> Tensor:
    numbers = torch.arange(first, first + len(points), device=points.device)
    return numbers.reshape(-1, *(1,) * (points.ndim - 1)).expand(points.shape)


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


def _ends(value: Any, samples: slice) -> Ends:
    """Bounds of values (n,), one for each of these samples and of its own features alone."""
    numbers = torch.arange(samples.start, samples.stop)
    if tuple(value.shape) != tuple(numbers.shape):
        raise Opaque(f"values of shape {tuple(value.shape)}, not one for each sample")
    if not isinstance(value, StandIn):
        return value.double(), value.double()
    owner = value.form.owner
    if bool(((owner >= 0) & (owner != numbers.to(owner.device))).any()):
        raise Opaque("a sample's value depends on another sample's features")
    return value.form.range


def _of_margins(observable: OutputObservable, outputs: Any, labels: Tensor, samples: slice) -> Ends:
    """Loss and accuracy, functions of the outputs minus the label's own, the means over positions.

    An accuracy is bounded by the positions that stay right, and those that do not stay wrong.
    """
    labels = labels.to(_form_of(outputs).centre.device)
    if labels.shape != outputs.shape[:-1]:
        raise Opaque("labels that do not fit the outputs")
    margins = _run(lambda: outputs - outputs.gather(-1, labels[..., None]), observable.name)
    if observable.form == "cross entropy":
        value = _run(lambda: torch.logsumexp(margins, -1), observable.name)
        if value.ndim > 1:
            value = _run(lambda: value.flatten(1).mean(-1), observable.name)
        return _ends(value, samples)
    low, high = _form_of(margins).range
    whole_owner(_form_of(margins).owner, range(1, margins.ndim))  # no other sample has a say
    own = torch.nn.functional.one_hot(labels, low.shape[-1]).bool()
    right = (high.masked_fill(own, -torch.inf) < 0).all(-1)
    wrong = (low.masked_fill(own, -torch.inf) >= 0).any(-1)
    least, most = right.double(), 1 - wrong.double()
    if least.ndim > 1:
        return least.flatten(1).mean(-1), most.flatten(1).mean(-1)
    return least, most


def _holding(low: Tensor, high: Tensor, now: Ends) -> Ends:
    """The bounds, if what is bounded is what was looked at: the values of now lie in them."""
    close = 1e-9 * (1 + now[1].abs().max())
    if bool(((low > now[1] + close) | (high < now[0] - close)).any()):
        raise Opaque("of some of the samples alone it computes something else than of all")
    return low, high


def _together(sources: list[Any], pieces: list[slice]) -> Any:
    """What a network returned for several pieces of samples as if it were for all."""
    flat, structures = zip(*(tree_flatten(source) for source in sources), strict=True)
    if any(structure != structures[0] for structure in structures):
        raise Opaque("of some of the samples alone it returns something else than of all")
    lengths = [piece.stop - piece.start for piece in pieces]
    return tree_unflatten(
        [_joined(leaves, lengths) for leaves in zip(*flat, strict=True)], structures[0]
    )


def _joined(leaves: tuple[Any, ...], lengths: list[int]) -> Any:
    by_sample = all(
        isinstance(leaf, Tensor) and leaf.ndim and len(leaf) == length
        for leaf, length in zip(leaves, lengths, strict=True)
    )
    if not by_sample:
        return leaves[0]
    if not isinstance(leaves[0], StandIn):
        return torch.cat(leaves)
    forms = [leaf.form for leaf in leaves]
    ball = replace(forms[0].ball, room=2 * ROOM)
    ball.account.symbols = max(form.ball.account.symbols for form in forms)
    return StandIn(cat([replace(form, ball=ball) for form in forms]), leaves[0].device)
