"""What neglected features can still do: attack from below, certificate from above, statistics."""

from .attack import attack
from .certify import certify
from .fibre import Fibre
from .influence import subspace_influence
from .tail import Opaque, read_tail

__all__ = ["Fibre", "Opaque", "attack", "certify", "read_tail", "subspace_influence"]
