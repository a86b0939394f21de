"""Sparse dictionaries of activations: TopK, BatchTopK and Matryoshka autoencoders, trained here."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from ..core.errors import ConvergenceError, ParameterError, ShapeError, choose
from ..core.numeric import in_double, whole
from ..core.progress import track

KINDS = ("topk", "batchtopk", "matryoshka")
#: Dead latents start anew this often in the first half of the training.
_REVIVALS = 10
#: Numbers in the largest array of an encoding; samples are taken in pieces to keep below it.
_ROOM = 2**22


@dataclass(frozen=True)
class Recipe:
    """How a sparse autoencoder is trained.

    Attributes
    ----------
    kind
        "topk": each sample keeps its `active` largest activations (Gao et al. 2024,
        arXiv:2406.04093). "batchtopk": a batch keeps its `active` a sample, shared out as they
        come (Bussmann et al. 2024, arXiv:2412.06410). "matryoshka": the same, and each prefix of
        the dictionary must reconstruct alone (Bussmann et al. 2025, arXiv:2503.17547).
    latents, active
        Size of the dictionary, and how many of it a sample may use (on average, but for "topk").
    training_steps, batch
        Steps of Adam, and samples in each.
    rate
        Learning rate; 2·10⁻⁴ √(2¹⁴ / latents) if None (Gao et al. 2024, appendix A.3). It falls
        to zero linearly over the last quarter of the steps.
    groups
        Sizes of the nested prefixes, the last of them `latents`; if empty 1/16, 1/8, … 1 of the
        dictionary, without those of less than twice `active`. Only "matryoshka" has several.
    seed
        Of the initial directions and the batches.

    Raises
    ------
    ParameterError
        If a number is outside what is allowed.

    Examples
    --------
    >>> Recipe("matryoshka", latents=64, active=4).prefixes
    (8, 16, 32, 64)
    """

    kind: str = "topk"
    latents: int = 256
    active: int = 8
    training_steps: int = 1000
    batch: int = 256
    rate: float | None = None
    groups: tuple[int, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        choose("kind", self.kind, KINDS)
        for name in ("latents", "active", "training_steps", "batch", "seed"):
            whole(name, getattr(self, name), 0 if name == "seed" else 1)
        if self.active > self.latents:
            allowed = f"at most all of the {self.latents} latents"
            raise ParameterError("active", given=self.active, allowed=allowed)
        if self.rate is not None and not 0 < self.rate < math.inf:
            raise ParameterError("rate", given=self.rate, allowed="a finite number > 0, or None")
        object.__setattr__(self, "groups", tuple(self.groups))
        integers = all(isinstance(size, int) for size in self.groups)
        rising = integers and all(a < b for a, b in pairwise((0, *self.groups)))
        if self.groups and not (
            self.kind == "matryoshka" and rising and self.groups[-1] == self.latents
        ):
            raise ParameterError(
                "groups",
                given=self.groups,
                allowed=f'rising sizes that end at {self.latents}, of kind "matryoshka" only',
            )

    @property
    def prefixes(self) -> tuple[int, ...]:
        """Sizes of the nested dictionaries that reconstruct alone."""
        if self.kind != "matryoshka":
            return (self.latents,)
        halves = {math.ceil(self.latents / 2**k) for k in range(1, 5)}
        roomy = {size for size in halves if size >= 2 * self.active}
        return self.groups or tuple(sorted(roomy | {self.latents}))


@dataclass(frozen=True, eq=False)
class Dictionary:
    """A trained sparse autoencoder of vectors of dimension d, in the units of its data.

    Attributes
    ----------
    recipe
        How it was trained.
    encoder, decoder
        Directions as columns, (d, m) float64; those of the decoder have norm 1.
    shift, bias
        Activations are relu((x − bias) · encoder + shift), (m,) and (d,); `bias` is also what no
        latent at all stands for.
    threshold
        Activations below it are zero, of the kinds that choose over a batch.
    """

    recipe: Recipe
    encoder: Tensor
    decoder: Tensor
    shift: Tensor
    bias: Tensor
    threshold: float = 0.0

    def encode(self, x: Tensor, columns: Tensor | None = None) -> Tensor:
        """Latents (…, m) of vectors (…, d), float64, or only some columns of them.

        For "topk" the `active` largest of each vector, fewer where fewer are positive; for the
        others all that reach the threshold, so that no vector depends on its neighbours.
        """
        rows = in_double(x).to(self.bias.device).flatten(0, -2)
        count = self.recipe.latents if columns is None else len(columns)
        latents = rows.new_empty(len(rows), count)
        for part, activations in self._activations(rows):
            if self.recipe.kind == "topk":
                kept = largest(activations, self.recipe.active)
            else:
                kept = activations * (activations >= self.threshold)
            latents[part] = kept if columns is None else kept[:, columns]
        return latents.reshape(*x.shape[:-1], count)

    def decode(self, latents: Tensor, columns: Tensor | None = None) -> Tensor:
        """Vectors (…, d) = bias + latents · decoderᵀ, of all latents or some columns of them."""
        decoder = self.decoder if columns is None else self.decoder[:, columns]
        return self.bias + latents.to(decoder) @ decoder.T

    def _activations(self, rows: Tensor) -> Iterator[tuple[slice, Tensor]]:
        size = max(1, _ROOM // self.recipe.latents)
        for start in range(0, len(rows), size):
            part = slice(start, start + size)
            yield part, ((rows[part] - self.bias) @ self.encoder + self.shift).relu()

    def calibrated(self, x: Tensor) -> Dictionary:
        """The same with the threshold that keeps `active` activations a vector of `x` (n, d).

        Mean over batches, as large as memory allows, of the smallest activation that is kept
        (Bussmann et al. 2024), lowered half the way to the largest that is not: which is which
        must not hang on rounding.
        """
        total = 0.0
        rows = in_double(x).to(self.bias.device)
        for _, activations in self._activations(rows):
            count = self.recipe.active * len(activations)
            if count < activations.numel():
                best = activations.flatten().topk(count + 1).values
                total += float(best[-2:].mean()) * len(activations)
        return replace(self, threshold=total / len(rows))


def train(x: Tensor, recipe: Recipe) -> Dictionary:
    """Train a sparse autoencoder on vectors (n, d) by Adam, in single precision.

    The data are centred and scaled to variance one first, and the dictionary is given in their
    own units. Encoder and decoder start equal, the decoder's bias at the mean. The decoder's
    columns keep norm one: what of their gradient lies along them is removed. In the first half of
    the training latents that have not fired for about an epoch start anew at what the others miss
    (resampling of Bricken et al., Towards monosemanticity, 2023): unlike an auxiliary loss this
    also revives those that are never positive. Torch's own random state is not touched; memory
    does not grow with the number of steps.

    Raises
    ------
    ShapeError
        If `x` is no floating-point matrix with at least one vector, or is not finite.
    ConvergenceError
        If the weights do not stay finite.
    Cancelled
        If whoever listens to the progress asks to stop.

    Examples
    --------
    >>> x = torch.eye(4).repeat(50, 1)
    >>> found = train(x, Recipe(latents=4, active=1, training_steps=300, rate=0.01))
    >>> left = found.decode(found.encode(x)) - x
    >>> bool(left.square().sum() < 0.01 * (x - x.mean(0)).square().sum())
    True
    """
    with torch.inference_mode(False), torch.enable_grad():
        rows, mean, spread = _standardised(x)
        weights = _trained(rows, recipe)
        decoder = torch.nn.functional.normalize(weights.decoder.detach().double(), dim=0)
        found = Dictionary(
            recipe,
            weights.encoder.detach().double(),
            decoder,
            spread * weights.shift.detach().double(),
            mean + spread * weights.bias.detach().double(),
        )
        if not all(bool(w.isfinite().all()) for w in (decoder, found.encoder, found.shift)):
            raise ConvergenceError(
                "training of a sparse autoencoder",
                given=f"weights that are not finite at rate={recipe.rate}",
                mend="lower the rate, or leave it None",
            )
        return found if recipe.kind == "topk" else found.calibrated(x)


def _trained(rows: Tensor, recipe: Recipe) -> _Weights:
    """The weights after all steps on standardised data (n, d)."""
    generator = torch.Generator().manual_seed(recipe.seed)
    weights = _Weights(rows.shape[1], recipe, generator, rows.device)
    steps = recipe.training_steps
    rate = recipe.rate or 2e-4 * math.sqrt(2**14 / recipe.latents)
    optimiser = torch.optim.Adam(weights.all, lr=rate)
    patience = max(10, min(math.ceil(len(rows) / recipe.batch), steps // 10))
    rest = max(1, steps // (2 * _REVIVALS))
    silent = torch.zeros(recipe.latents, dtype=torch.int64, device=rows.device)
    for step in track(range(steps), label="training a sparse autoencoder"):
        chosen = torch.randint(len(rows), (recipe.batch,), generator=generator, device="cpu")
        loss, latents, missed = _loss(weights, rows[chosen.to(rows.device)], recipe)
        silent = torch.where((latents > 0).any(0), 0, silent + 1)
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1.0, 4 * (steps - step) / steps)
        optimiser.zero_grad()
        loss.backward()
        weights.step(optimiser)
        if step % rest == rest - 1 and 2 * step < steps:
            dead = silent >= patience
            weights.revive(dead, missed, optimiser, generator)
            silent[dead] = 0
    return weights


def largest(activations: Tensor, active: int, *, together: bool = False) -> Tensor:
    """The activations (n, m) with all but the `active` largest of each row set to zero.

    With `together` the n · `active` largest of the whole batch stay, wherever they are.

    >>> largest(torch.tensor([[3.0, 2.0], [1.0, 0.0]]), 1, together=True).tolist()
    [[3.0, 2.0], [0.0, 0.0]]
    """
    flat = activations.reshape(1, -1) if together else activations
    count = active * (len(activations) if together else 1)
    values, where = flat.topk(count, dim=-1, sorted=False)
    return torch.zeros_like(flat).scatter(-1, where, values).view_as(activations)


class _Weights:
    """What is trained, in the units of the standardised data."""

    def __init__(
        self, d: int, recipe: Recipe, generator: torch.Generator, device: torch.device
    ) -> None:
        columns = torch.randn(
            (d, recipe.latents),
            generator=generator,
            dtype=torch.float32,  # whatever the default precision and device are
            device="cpu",
        )
        columns = torch.nn.functional.normalize(columns.to(device), dim=0)
        self.decoder = columns.requires_grad_()
        self.encoder = columns.detach().clone().requires_grad_()
        self.shift = torch.zeros_like(columns[0]).requires_grad_()
        self.bias = torch.zeros_like(columns[:, 0]).requires_grad_()
        self.all = [self.decoder, self.encoder, self.shift, self.bias]

    def activations(self, x: Tensor) -> Tensor:
        """Before anything is made sparse, (b, m)."""
        return (x - self.bias) @ self.encoder + self.shift

    def step(self, optimiser: torch.optim.Optimizer) -> None:
        """One step that keeps the decoder's columns on the sphere."""
        with torch.no_grad():
            gradient, columns = self.decoder.grad, self.decoder
            assert gradient is not None
            gradient -= (gradient * columns).sum(0) * columns
            optimiser.step()
            columns /= columns.square().sum(0).sqrt().clamp_min(1e-12)

    def revive(
        self,
        dead: Tensor,
        missed: Tensor,
        optimiser: torch.optim.Optimizer,
        generator: torch.Generator,
    ) -> None:
        """Start dead latents anew at errors (b, d), drawn in proportion to their squares."""
        sizes, count = missed.square().sum(1), int(dead.sum())
        if not count or not 0 < float(sizes.sum()) < math.inf:
            return
        drawn = torch.multinomial(sizes.cpu(), count, replacement=True, generator=generator)
        columns = torch.nn.functional.normalize(missed[drawn.to(missed.device)], dim=1).T
        with torch.no_grad():
            self.decoder[:, dead] = columns
            self.encoder[:, dead] = columns
            self.shift[dead] = 0
        for weight in (self.decoder, self.encoder, self.shift):
            for name in ("exp_avg", "exp_avg_sq"):
                optimiser.state[weight][name][..., dead] = 0


def _loss(weights: _Weights, x: Tensor, recipe: Recipe) -> tuple[Tensor, Tensor, Tensor]:
    """Mean squared error over all prefixes; the latents (b, m) and what they miss (b, d)."""
    activations = weights.activations(x).relu()
    latents = largest(activations, recipe.active, together=recipe.kind != "topk")
    found, loss = weights.bias, x.new_zeros(())
    for first, last in pairwise((0, *recipe.prefixes)):
        found = found + latents[:, first:last] @ weights.decoder[:, first:last].T
        loss = loss + (x - found).square().mean() / len(recipe.prefixes)
    return loss, latents.detach(), (x - found).detach()


def _standardised(x: Tensor) -> tuple[Tensor, Tensor, float]:
    """Rows of variance one in float32, and the mean (d,) and scale that give them back."""
    finite = x.ndim == 2 and x.numel() > 0 and x.is_floating_point() and bool(x.isfinite().all())
    if not finite:
        raise ShapeError(
            "vectors of a dictionary",
            given=f"{tuple(x.shape)} {x.dtype}",
            allowed="one or more finite floating-point vectors (n, d)",
        )
    rows = in_double(x)
    mean = rows.mean(0)
    centred = rows - mean
    spread = float(centred.square().mean().sqrt())
    if spread <= 1e-12 * float(mean.abs().max()):  # constant, but for rounding
        spread = 1.0
    return (centred / spread).float(), mean, spread
