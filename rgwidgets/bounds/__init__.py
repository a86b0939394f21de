"""What neglected features can still do: attack from below, certificate from above, statistics."""

from .attack import attack
from .branch import Refined, Search, tighten
from .certify import certify, prove
from .circuits import Circuits
from .compact import Guarantee, guarantee
from .enclosure import Enclosure
from .fibre import SubspaceFibre
from .opaque import Opaque
from .rare import Probability, Rare, rare_events
from .region import certify_region
from .tail import read_tail
from .tail_law import TailLaw

__all__ = [
    "Circuits",
    "Enclosure",
    "Guarantee",
    "Opaque",
    "Probability",
    "Rare",
    "Refined",
    "Search",
    "SubspaceFibre",
    "TailLaw",
    "attack",
    "certify",
    "certify_region",
    "guarantee",
    "prove",
    "rare_events",
    "read_tail",
    "tighten",
]
