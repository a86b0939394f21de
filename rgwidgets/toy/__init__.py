"""Toy models of renormalisation: data, networks and truth on one hierarchy, in tiers."""

from .base import Sample as Sample
from .base import ToyModel as ToyModel
from .faults import PlantedFault as PlantedFault
from .learning import Learning as Learning
from .ultrametric import UltrametricTree as UltrametricTree
