"""A network on handwritten digits under spectral coarse-graining."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ...core.errors import choose
from ...core.flow import Flow
from ...schemes.activation_spectrum import ActivationSpectrum
from ...schemes.gradient_spectrum import GradientSpectrum
from ...systems.networks.mlp import DigitsMLP
from ..lens import Lens

SCHEMES = {"activation": ActivationSpectrum, "gradient": GradientSpectrum}


class DigitsLab(Lens):
    """A small network, trained here on real handwritten digits, with a dial on the rank.

    Parameters
    ----------
    scheme
        "activation" orders directions by their variance, "gradient" by how much the loss moves
        along them.
    layer
        Which hidden layer is cut.
    samples
        How many test digits are looked at.
    seed
        Of the network's first weights and of the order of training.
    train
        Train in the background as soon as the lens is there.
    arguments
        As for `Lens`: views, cutoff, title, ahead.

    Raises
    ------
    ParameterError, LayerError
        For a scheme or layer that does not exist.

    Examples
    --------
    >>> lab = DigitsLab(train=False)
    >>> int(lab.flow.scale.cutoffs[0])
    64
    >>> lab.close()
    """

    name = "digits"
    summary = "A network trained on handwritten digits under spectral coarse-graining"
    citation = "L. Greenspan et al., arXiv:2602.05184 (2026), section 3.2"

    def __init__(
        self,
        scheme: str = "activation",
        *,
        layer: str = "hidden1",
        samples: int = 256,
        seed: int = 0,
        train: bool = True,
        views: Sequence[str] | None = None,
        cutoff: float | None = None,
        title: str | None = None,
        ahead: bool | None = None,
        **unknown: Any,
    ) -> None:
        choose("scheme", scheme, SCHEMES)
        self.system = DigitsMLP(seed=seed)
        self._training = False
        self._scheme, self._layer, self._samples = SCHEMES[scheme](), layer, samples
        super().__init__(
            self._flow(), views=views, cutoff=cutoff, title=title, ahead=ahead, **unknown
        )
        if train:
            self.train()

    def _flow(self) -> Flow:
        return Flow(self.system.theory(layer=self._layer, n=self._samples), self._scheme)

    def spec(self) -> str:
        """Code that makes this lab again."""
        scheme = next(name for name, made in SCHEMES.items() if type(self._scheme) is made)
        return self._code("rg.DigitsLab", repr(scheme), layer=self._layer, samples=self._samples)

    def train(self) -> None:
        """Train from the first weights, in the background; the lens then shows the new network."""
        self._training = True
        self._say(state="running", progress=0.0, label="training on digits", message="")
        self._runner.submit(partial(_train, self.system), self._trained)

    def _trained(self, _: object) -> None:
        self._training = False
        self._show(self._flow())

    def _actions(self) -> list[str]:
        return ["train"]

    def _on_want(self, content: Mapping[str, Any]) -> None:
        if not self._training:  # a move of the dial must not end the training
            super()._on_want(content)

    def _on_action(self, content: Mapping[str, Any]) -> None:
        name = content.get("name")
        if name == "train":
            self.train()
        elif name == "cancel" and self._training:  # the weights so far are a network as well
            self._runner.submit(lambda: None, self._trained)
        else:
            super()._on_action(content)


def _train(system: DigitsMLP) -> None:
    system.reset()
    system.train()
