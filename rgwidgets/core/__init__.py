"""The contract: theory → scheme.coarsen(theory, cutoff) → effective theory → flow."""

from .bounds import Bound, Influence
from .estimate import Estimate, estimate
from .fixed_points import Linearisation, fixed_point, linearise
from .flow import Flow, RecordedFlow
from .level import Level
from .relevance import Relevance
from .scale import Scale
from .scheme import CouplingScheme, Scheme
from .system import System
from .theory import EffectiveTheory, Observable, Theory

__all__ = [
    "Bound",
    "CouplingScheme",
    "EffectiveTheory",
    "Estimate",
    "Flow",
    "Influence",
    "Level",
    "Linearisation",
    "Observable",
    "RecordedFlow",
    "Relevance",
    "Scale",
    "Scheme",
    "System",
    "Theory",
    "estimate",
    "fixed_point",
    "linearise",
]
