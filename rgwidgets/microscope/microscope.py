"""Point a coarse-graining scheme at a layer of any torch module."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from ..core.errors import ParameterError, nearest
from ..core.level import check_budget
from ..core.scheme import Scheme
from ..schemes.activation_spectrum import ActivationSpectrum
from ..schemes.fisher_spectrum import FisherSpectrum
from ..schemes.gradient_spectrum import GradientSpectrum
from ..schemes.jacobian import JacobianScheme
from ..schemes.kernel_spectrum import KernelSpectrum
from ..schemes.sparse_autoencoder import SparseAutoencoder
from ..schemes.subspace import ALL
from ..systems.capture import Spec, capture
from ..systems.networks.rerun import Batch
from ..systems.weights import Reference, capture_weights
from .view import View

#: family of features → the scheme that finds and orders them
FAMILIES: dict[str, Scheme] = {
    "activation": ActivationSpectrum(),
    "gradient": GradientSpectrum(observable=ALL),
    "kernel": KernelSpectrum(),
    "fisher": FisherSpectrum(),
    "sae": SparseAutoencoder(),
}


class Microscope:
    """A dial on one layer of a torch module: which features it keeps, and what the rest can do.

    Nothing of the module is rewritten or changed: its weights, mode, hooks and gradients and the
    random state are left as they were found.

    Parameters
    ----------
    model
        Any `torch.nn.Module`.
    layer
        Dotted name from `model.named_modules()`, or the submodule itself.
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

    def __init__(self, model: nn.Module, layer: str | nn.Module, *, feature_axis: int = -1) -> None:
        if not isinstance(model, nn.Module):
            raise ParameterError("model", given=type(model).__name__, allowed="a torch.nn.Module")
        self.model, self.layer, self.feature_axis = model, layer, feature_axis

    def fit(
        self,
        data: Batch,
        observables: Spec | Iterable[Spec] | Mapping[str, Spec] | None = None,
        budget: Mapping[str, float] | None = None,
        *,
        features: str | Scheme = "activation",
        labels: Tensor | None = None,
        reference: Reference | None = None,
        cutoffs: Sequence[float] | None = None,
        name: str = "",
    ) -> View:
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
            A family of `FAMILIES`, or any scheme. "activation", "gradient" and "sae" are of the
            layer's output, "kernel" and "fisher" of its weights; "sae" is a TopK autoencoder of
            256 latents: pass `SparseAutoencoder(…)` for others.
        labels
            Classes (n,), for the observables that need them.
        reference
            For features of the weights: those about which one cuts; zeros if None.
        cutoffs
            Only these of the cutoffs that the scheme admits.
        name
            In place of the module's own.

        Returns
        -------
        View
            A flow over the cutoffs, with what the microscope can tell about it.

        Raises
        ------
        ParameterError
            For an unknown family; names the nearest.
        BudgetError, LayerError, ObservableError, ShapeError
            As `capture` and `Flow` do.
        """
        scheme = _scheme(features)
        given: dict[str, Any] = {"labels": labels, "name": name}
        if isinstance(scheme, JacobianScheme):
            theory = capture_weights(
                self.model, data, self.layer, observables, reference=reference, **given
            )
        else:
            theory = capture(
                self.model, data, self.layer, observables, feature_axis=self.feature_axis, **given
            )
        if budget is not None:
            known = {o.name: o.tolerance for o in theory.observables}
            wanted = check_budget(budget, known, "average")
            theory = replace(
                theory,
                observables=tuple(
                    replace(o, tolerance=wanted.get(o.name, o.tolerance))
                    for o in theory.observables
                ),
            )
        return View(theory, scheme, cutoffs=cutoffs)


def _scheme(features: str | Scheme) -> Scheme:
    if isinstance(features, Scheme):
        return features
    if features in FAMILIES:
        return FAMILIES[features]
    close = nearest(str(features), FAMILIES)
    raise ParameterError(
        "features",
        given=features,
        allowed=", ".join(FAMILIES) + ", or a scheme",
        mend=f"did you mean {close!r}?" if close else "",
    )
