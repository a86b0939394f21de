"""What neglected features can still do: attack from below, certificate from above, statistics."""

from .attack import attack
from .certify import Proof, certify, prove
from .enclosure import Enclosure
from .fibre import Fibre
from .influence import subspace_influence
from .opaque import Opaque
from .tail import read_tail

__all__ = [
    "Enclosure",
    "Fibre",
    "Opaque",
    "Proof",
    "attack",
    "certify",
    "prove",
    "read_tail",
    "subspace_influence",
]
