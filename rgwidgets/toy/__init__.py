"""Toy models of renormalisation: data, networks and truth on one hierarchy, in tiers."""

from .base import Sample as Sample
from .base import ToyModel as ToyModel
from .faults import PlantedFault as PlantedFault
from .hypothesis import Orders as Orders
from .hypothesis import orders as orders
from .learning import Learning as Learning
from .percolation import PercolationData as PercolationData
from .random_hierarchy import RandomHierarchy as RandomHierarchy
from .ultrametric import UltrametricTree as UltrametricTree
