"""Point a coarse-graining scheme at a layer of any torch module."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from ..core.comparison import Comparison, compare
from ..core.errors import ParameterError, choose
from ..core.level import check_budget
from ..core.numeric import several
from ..core.scheme import Scheme
from ..core.theory import Theory
from ..schemes.activation_spectrum import ActivationSpectrum
from ..schemes.attack_spectrum import AttackSpectrum
from ..schemes.cluster_tree import ClusterTree
from ..schemes.fisher_spectrum import FisherSpectrum
from ..schemes.gradient_spectrum import GradientSpectrum
from ..schemes.jacobian import JacobianScheme
from ..schemes.kernel_spectrum import KernelSpectrum
from ..schemes.sparse_autoencoder import SparseAutoencoder
from ..schemes.subspace import ALL
from ..systems.networks.batch import Batch
from ..systems.networks.layer import located
from ..systems.networks.private import private
from ..systems.networks.specs import Spec
from ..systems.weights import Reference, capture_weights
from .held_out import divided
from .view import View

#: family of features → the scheme that finds and orders them
FAMILIES: dict[str, Scheme] = {
    "activation": ActivationSpectrum(),
    "gradient": GradientSpectrum(observable=ALL),
    "attack": AttackSpectrum(observable=ALL),
    "kernel": KernelSpectrum(),
    "fisher": FisherSpectrum(),
    "sae": SparseAutoencoder(),
    "cluster": ClusterTree(),
}


class Microscope:
    """A dial on one layer of a torch module: which features it keeps, and what the rest can do.

    A fit works on a private copy of the model as it is then, in evaluation mode: the model itself
    and the random state are never touched, and may be trained and called meanwhile.

    Parameters
    ----------
    model
        Any `torch.nn.Module`.
    layer
        Dotted name from `model.named_modules()`, or the submodule itself; or several of them, to
        be put side by side on one dial.
    feature_axis
        Axis of the layer's output that holds the features: see `capture`.

    Raises
    ------
    LayerError
        On `fit`, if there is no such layer or its output cannot be captured.

    Examples
    --------
    >>> import torch
    >>> net = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
    >>> data = torch.randn(50, 6, generator=torch.Generator().manual_seed(0))
    >>> first = {"first": lambda outputs: outputs[:, 0]}
    >>> view = Microscope(net, "1").fit(data, first, {"first": 0.05}, features="gradient")
    >>> view.cutoff(by="average") < 8
    True
    """

    def __init__(
        self,
        model: nn.Module,
        layer: str | nn.Module | Sequence[str | nn.Module],
        *,
        feature_axis: int = -1,
    ) -> None:
        if not isinstance(model, nn.Module):
            raise ParameterError("model", given=type(model).__name__, allowed="a torch.nn.Module")
        self.model, self.feature_axis = model, feature_axis
        one, allowed = isinstance(layer, (str, nn.Module)), "a layer's name, or several"
        mend = "pass one of the names in model.named_modules()"
        self.layers = (layer,) if one else several("layer", layer, allowed, mend=mend)
        if not self.layers or len(set(self.layers)) < len(self.layers):
            raise ParameterError(
                "layer", given=layer, allowed="a layer, or several that differ from one another"
            )

    def fit(
        self,
        data: Batch,
        observables: Spec | Iterable[Spec] | Mapping[str, Spec] | None = None,
        budget: Mapping[str, float] | None = None,
        *,
        features: str | Scheme | Sequence[str | Scheme] = "activation",
        labels: Tensor | None = None,
        reference: Reference | None = None,
        cutoffs: Sequence[float] | None = None,
        held_out: float = 0.5,
        name: str = "",
    ) -> View | Comparison:
        """Look at the layer on a batch.

        Parameters
        ----------
        data
            What the module is called with: a tensor, a tuple of arguments, or keywords.
        observables
            As for `capture`: names, functions of the module's output, or several; loss and
            accuracy if None and there are `labels`.
        budget
            {observable: tolerance}, in the observables' units.
        features
            A family of `FAMILIES`, or any scheme. "activation", "gradient", "attack", "cluster" and
            "sae" are of the layer's output, "kernel" and "fisher" of its weights; "sae" is a TopK
            autoencoder of 256 latents: pass `SparseAutoencoder(…)` for others. Several are put
            side by side.
        labels
            Classes (n,), for the observables that need them.
        reference
            For features of the weights: those about which one cuts; zeros if None.
        cutoffs
            Only these of the cutoffs that the scheme admits.
        held_out
            Share of the samples, in [0, 1), on which promises are tested: directions, order and
            radius are chosen on the others. Where there is not enough, or an observable cannot be
            evaluated on some of the samples alone, all of them do both;
            `view.theory.attrs["held_out"]` says which. Weights are held by all samples together.
        name
            In place of the module's own.

        Returns
        -------
        View
            A flow over the cutoffs, with what the microscope can tell about it. A `Comparison` of
            views, by layer and family, if there are several of either.

        Raises
        ------
        ParameterError
            For an unknown family; names the nearest.
        BudgetError, LayerError, ObservableError, ShapeError
            As `capture` and `Flow` do.
        """
        one, allowed = isinstance(features, (str, Scheme)), "a family or scheme, or several"
        families = (features,) if one else several("features", features, allowed)
        if not families:
            raise ParameterError("features", given="none", allowed="a family, or several")
        views: dict[str, View] = {}
        places = [located(self.model, layer) for layer in self.layers]
        model = private(places[0][0])  # once for all of them
        for (_, layer), family in itertools.product(places, families):
            scheme = _scheme(family)
            theory = self._theory(
                model,
                layer,
                scheme,
                data,
                observables,
                labels=labels,
                reference=reference,
                held_out=held_out,
                name=name,
            )
            parts = [str(theory.attrs["layer"])] * (len(self.layers) > 1)
            parts += [family if isinstance(family, str) else family.name] * (len(families) > 1)
            label = ", ".join(parts)
            label += f" {len(views) + 1}" * (label in views)
            views[label] = View(_within(theory, budget), scheme, cutoffs=cutoffs)
        return compare(views) if len(views) > 1 else views[label]

    def _theory(
        self,
        model: nn.Module,
        layer: str,
        scheme: Scheme,
        data: Batch,
        observables: Any,
        *,
        reference: Reference | None,
        held_out: float,
        **given: Any,
    ) -> Theory:
        if isinstance(scheme, JacobianScheme):
            return capture_weights(model, data, layer, observables, reference=reference, **given)
        axis = self.feature_axis
        return divided(model, data, layer, observables, held_out, feature_axis=axis, **given)


def _within(theory: Theory, budget: Mapping[str, float] | None) -> Theory:
    """The theory with the budget's tolerances in place of its observables' own."""
    if budget is None:
        return theory
    wanted = check_budget(budget, {o.name: o.tolerance for o in theory.observables}, "average")
    return replace(
        theory,
        observables=tuple(
            replace(o, tolerance=wanted.get(o.name, o.tolerance)) for o in theory.observables
        ),
    )


def _scheme(features: str | Scheme) -> Scheme:
    if isinstance(features, Scheme):
        return features
    return FAMILIES[choose("features", features, FAMILIES, mend="name a family, or pass a scheme")]
