"""A deep linear network: every bound is exact, so every bound can be checked."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import ClassVar

import torch
from torch import Tensor, nn

from rgwidgets.core.errors import LayerError, ParameterError, nearest
from rgwidgets.core.numeric import whole
from rgwidgets.core.system import System
from rgwidgets.core.theory import Theory
from rgwidgets.systems.capture import capture

from .observables import logit_difference


class DeepLinear(System):
    """y = W_L ⋯ W_2 W_1 x on Gaussian inputs of unequal variance.

    Parameters
    ----------
    widths
        Inputs, hidden units, outputs: two or more, at least 2 outputs.
    samples
        Number of inputs.
    spread
        Standard deviations of the inputs fall from 1 to 1/spread, geometrically.
    seed
        Of weights and inputs; torch's own random state is not touched.

    Raises
    ------
    ParameterError
        If a width or number is out of range.

    Examples
    --------
    >>> system = DeepLinear(widths=(8, 6, 3))
    >>> theory = system.theory()
    >>> x, o = theory.features["activation"], theory.samples("logit 0 − 1")
    >>> bool(torch.allclose(o.double(), x.double() @ system.weights("linear1")))
    True
    """

    name: ClassVar[str] = "deep_linear"
    summary: ClassVar[str] = "a deep linear network, where every bound is exact"
    citation: ClassVar[str] = (
        "A. M. Saxe, J. L. McClelland, S. Ganguli, Exact solutions to the nonlinear dynamics of "
        "learning in deep linear neural networks, ICLR 2014, arXiv:1312.6120"
    )

    def __init__(
        self,
        *,
        widths: tuple[int, ...] = (32, 24, 16, 4),
        samples: int = 256,
        spread: float = 30.0,
        seed: int = 0,
    ) -> None:
        if len(widths) < 2 or any(type(w) is not int or w < 1 for w in widths) or widths[-1] < 2:
            raise ParameterError(
                "widths", given=widths, allowed="two or more whole numbers ≥ 1, the last ≥ 2"
            )
        whole("samples", samples, 1)
        if not 1 <= spread < math.inf:
            raise ParameterError("spread", given=spread, allowed="a finite number ≥ 1")
        generator = torch.Generator().manual_seed(seed)
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        for i in range(1, len(widths)):
            layer = nn.utils.skip_init(nn.Linear, widths[i - 1], widths[i], bias=False)
            noise = torch.randn(widths[i], widths[i - 1], generator=generator)
            with torch.no_grad():
                layer.weight.copy_(noise / math.sqrt(widths[i - 1]))
            parts[f"linear{i}"] = layer
        self.module = nn.Sequential(parts)
        deviations = torch.logspace(0, -math.log10(spread), widths[0])
        self.inputs = torch.randn(samples, widths[0], generator=generator) * deviations

    def theory(self, *, layer: str = "linear1") -> Theory:
        """One layer's output on the inputs; observable: the difference of the first two outputs."""
        return capture(
            self.module, self.inputs, layer, logit_difference(0, 1), name=f"deep linear · {layer}"
        )

    def weights(self, layer: str) -> Tensor:
        """The vector w, float64, by which the observable depends on a layer's output x: o = w·x."""
        names = [name for name, _ in self.module.named_children()]
        if layer not in names:
            close = nearest(layer, names)
            raise LayerError(
                "layer",
                given=layer,
                allowed=", ".join(names),
                mend=f"did you mean {close!r}?" if close else "",
            )
        matrices = [p.detach().double() for p in self.module.parameters()]
        row = torch.zeros(len(matrices[-1]), dtype=torch.float64)
        row[0], row[1] = 1.0, -1.0
        for weight in reversed(matrices[names.index(layer) + 1 :]):
            row = row @ weight
        return row
