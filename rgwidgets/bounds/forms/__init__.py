"""Bounds of any small module by running its own code on affine forms instead of tensors."""

from . import attention, elementwise, extremes, linear_maps, norms, softmax
from .form import Account, Ball, Form
from .registry import COMPOSITES, PRIMITIVES
from .stand_in import StandIn

#: The modules that say what is bounded, by registering it.
SOURCES = (attention, elementwise, extremes, linear_maps, norms, softmax)
#: Names of all functions of torch that are bounded.
KNOWN = frozenset((*PRIMITIVES, *COMPOSITES))

__all__ = ["Account", "Ball", "Form", "KNOWN", "SOURCES", "StandIn"]
