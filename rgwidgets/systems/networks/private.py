"""Copies of modules and functions that are ours alone: the user's own are never touched."""

from __future__ import annotations

import weakref
from typing import TypeVar

import torch
from torch import nn

from rgwidgets.core.errors import LayerError

from .copier import Copier

T = TypeVar("T")

#: modules that `private` made
_ours: weakref.WeakSet[nn.Module] = weakref.WeakSet()


def private(module: nn.Module, *, sharing: bool = True) -> nn.Module:
    """A copy of a module as it is now, in evaluation mode, none of whose weights takes a gradient.

    Hooks, patched forwards and whatever they close over are copied too, so that nothing that runs
    in the copy, or is left behind by it, reaches the module or what its owner holds. Only code
    that can be imported by its name is shared. What compiles the module or a part of it is left
    out.

    Parameters
    ----------
    sharing
        Of a copy that was made here, make another that has the same weights in memory.

    Raises
    ------
    LayerError
        If a part cannot be copied; says which.

    Examples
    --------
    >>> seen = []
    >>> net = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
    >>> _ = net[0].register_forward_hook(lambda layer, given, output: seen.append(output))
    >>> mine = private(net)
    >>> mine(torch.ones(1, 2)).requires_grad, net.training, seen
    (False, True, [])
    """
    copier = Copier(sharing=sharing and module in _ours)
    try:
        with torch.no_grad():
            copied: nn.Module = copier(module)
    except Exception as error:  # whatever a part says of being copied
        at = ".".join(copier.path)
        raise LayerError(
            f"{at or 'the whole'} of {type(module).__name__}",
            given=f"what cannot be copied ({str(error).strip() or type(error).__name__})",
            allowed="a module that copy.deepcopy can copy: it is looked at in a copy",
            mend="take that part out of the module, or give its class a __deepcopy__",
        ) from error
    for part in copied.modules():
        part.training = False
        if isinstance(part, nn.TransformerEncoder):
            part.use_nested_tensor = False  # nested tensors would reach the layers inside
    for parameter in copied.parameters():
        parameter.requires_grad_(False)
    _ours.add(copied)
    return copied


def isolated(function: T) -> T:
    """A copy of a user's function as `private` copies hooks; what cannot be copied is shared.

    >>> seen = []
    >>> isolated(lambda x: seen.append(x))(1), seen
    (None, [])
    """
    copied: T = Copier(lenient=True)(function)
    return copied
