"""The general tool: any layer of any torch module, with a dial on how much of it is kept."""

from .microscope import FAMILIES as FAMILIES
from .microscope import Microscope as Microscope
from .report import Report as Report
from .view import View as View
