"""Renormalisation with a dial: coarse-grain spins and networks, see what survives and what can.

Names are loaded when first used, so that importing the package costs little more than torch.

>>> import rgwidgets as rg
>>> flow = rg.Flow(rg.Theory(couplings={"K": 1.0}), rg.Decimation())
>>> round(float(flow[2].couplings["K"]), 7)
0.6625014
"""

from __future__ import annotations

import importlib

from . import _hooks
from ._version import __version__

TYPE_CHECKING = False  # `typing` takes longer to load than all of this
if TYPE_CHECKING:
    from .core import Bound as Bound
    from .core import EffectiveTheory as EffectiveTheory
    from .core import Estimate as Estimate
    from .core import Flow as Flow
    from .core import Influence as Influence
    from .core import Observable as Observable
    from .core import Scale as Scale
    from .core import Theory as Theory
    from .core import fixed_point as fixed_point
    from .core import linearise as linearise
    from .core.flow import FlowTable

#: public name → module that holds it
_HOMES = {
    **dict.fromkeys(
        (
            "Bound",
            "EffectiveTheory",
            "Estimate",
            "Flow",
            "Influence",
            "Observable",
            "Relevance",
            "Scale",
            "Scheme",
            "System",
            "Theory",
            "estimate",
            "fixed_point",
            "linearise",
        ),
        "rgwidgets.core",
    ),
    "OutputObservable": "rgwidgets.core.outputs",
    "Ising": "rgwidgets.systems.lattice.ising",
    "DigitsMLP": "rgwidgets.systems.networks.mlp",
    "MaxOfK": "rgwidgets.systems.networks.max_of_k",
    "capture": "rgwidgets.systems.capture",
    "activations": "rgwidgets.systems.stream",
    "Moments": "rgwidgets.compute.moments",
    "BlockSpin": "rgwidgets.schemes.block_spin",
    "Decimation": "rgwidgets.schemes.decimation",
    "MigdalKadanoff": "rgwidgets.schemes.migdal_kadanoff",
    "ActivationSpectrum": "rgwidgets.schemes.activation_spectrum",
    "CircuitSpectrum": "rgwidgets.schemes.circuit_spectrum",
    "AttackSpectrum": "rgwidgets.schemes.attack_spectrum",
    "GradientSpectrum": "rgwidgets.schemes.gradient_spectrum",
    "Microscope": "rgwidgets.microscope",
    "compare": "rgwidgets.core.comparison",
    "Lens": "rgwidgets.widgets.lens",
    "progress_bar": "rgwidgets.compute.bar",
    "sweep": "rgwidgets.compute.sweep",
    "IsingLab": "rgwidgets.widgets.labs.ising",
    "DigitsLab": "rgwidgets.widgets.labs.digits",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        from .core.errors import nearest

        close = nearest(name, __all__)
        hint = f"; did you mean {close}?" if close else ""
        raise AttributeError(f"module 'rgwidgets' has no attribute {name!r}{hint}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def _page(flow: FlowTable) -> bytes:
    from .widgets.export import page_bytes  # charts are made only when a flow is saved

    return page_bytes(flow)


_hooks.page = _page


def __dir__() -> list[str]:
    return sorted(__all__)
