"""Copies of modules and functions that are ours alone: the user's own are never touched."""

from __future__ import annotations

import functools
import sys
import types
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from rgwidgets.core.errors import LayerError

T = TypeVar("T")
#: what a notebook's names may stand for that a function can change, or that can change under it
_HELD = (
    Tensor, nn.Module, np.ndarray, list, dict, set, deque,
    types.FunctionType, types.MethodType, functools.partial,
)  # fmt: skip
_HOOKS = ("_forward_pre_hooks", "_forward_hooks")
_FLAGS = ("_forward_pre_hooks_with_kwargs", "_forward_hooks_with_kwargs")
_PLAIN = (Tensor, nn.Parameter, nn.Buffer)
_ABSENT = object()

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
    """A copy of a user's function as `private` copies hooks; itself where it cannot be copied.

    >>> seen = []
    >>> isolated(lambda x: seen.append(x))(1), seen
    (None, [])
    """
    try:
        copied: T = Copier()(function)
    except Exception:  # such as a function that closes over an open file
        return function
    return copied


class Copier:
    """Copies objects with all that they hold, functions with all that they close over.

    Parameters
    ----------
    sharing
        Keep parameters as they are.

    Attributes
    ----------
    path
        Names of the parts that are being copied.
    """

    def __init__(self, *, sharing: bool = False) -> None:
        self.path: list[str] = []
        self._sharing = sharing
        self._memo: dict[int, Any] = {}
        self._alive: list[object] = []  # an id stays taken while its object lives
        self._globals: dict[int, dict[str, Any]] = {}

    def __call__(self, value: Any) -> Any:
        found = self._memo.get(id(value), _ABSENT)
        if found is not _ABSENT:
            return found
        self._alive.append(value)
        made = self._copied(value)
        self._memo[id(value)] = made
        return made

    def _copied(self, value: Any) -> Any:
        kind = type(value)
        if isinstance(value, Tensor):
            return self._tensor(value)
        if isinstance(value, types.FunctionType):
            return value if _is_code(value) else self._function(value)
        if isinstance(value, types.MethodType):
            return types.MethodType(self(value.__func__), self(value.__self__))
        if kind in (list, dict):
            made = self._memo[id(value)] = kind()
            return self._filled(made, value)
        if kind in (tuple, set, frozenset):
            return kind(self(part) for part in value)
        if isinstance(value, nn.Module) and "_orig_mod" in value._modules:
            return self._uncompiled(value)
        return self._object(value)

    def _tensor(self, value: Tensor) -> Tensor:
        if self._sharing and isinstance(value, nn.Parameter) and not value._version:
            return value
        if type(value) not in _PLAIN:
            special: Tensor = value.__deepcopy__(self._memo)
            return special
        with torch.inference_mode(False):
            copied = value.detach().clone().data  # which counts writes from here on
            return nn.Parameter(copied, False) if isinstance(value, nn.Parameter) else copied

    def _filled(self, made: Any, value: Any) -> Any:
        """The parts of a list or a dictionary."""
        if isinstance(value, list):
            made.extend(self(part) for part in value)
            return made
        for key, part in value.items():
            with self._at(key):
                made[self(key)] = self(part)
        return made

    @contextmanager
    def _at(self, name: object) -> Iterator[None]:
        inside = isinstance(name, str) and name not in ("_modules", "_parameters", "_buffers")
        if inside:
            self.path.append(str(name))
        yield  # after an error the path stays, to be told
        if inside:
            self.path.pop()

    def _function(self, value: types.FunctionType) -> types.FunctionType:
        cells = tuple(types.CellType() for _ in value.__closure__ or ())
        names = (value.__name__, None, cells)
        made = types.FunctionType(value.__code__, self._names_of(value), *names)
        self._memo[id(value)] = made
        made.__defaults__, made.__kwdefaults__ = (
            self(value.__defaults__),
            self(value.__kwdefaults__),
        )
        made.__dict__.update(self(value.__dict__))
        made.__module__, made.__qualname__ = value.__module__, value.__qualname__
        for cell, own in zip(cells, value.__closure__ or (), strict=True):
            try:
                content = own.cell_contents
            except ValueError:  # not yet assigned
                continue
            cell.cell_contents = self(content)
        return made

    def _names_of(self, function: types.FunctionType) -> dict[str, Any]:
        """The global names of a function: a notebook's lists, tensors and modules are copied."""
        known = function.__globals__
        if id(known) not in self._globals:
            self._globals[id(known)] = dict(known)
        made = self._globals[id(known)]
        for name in _used(function.__code__):
            if isinstance(known.get(name), _HELD) and made.get(name) is known[name]:
                made[name] = self(known[name])
        return made

    def _uncompiled(self, value: nn.Module) -> nn.Module:
        """What is compiled, as it was before, with the hooks of what compiles it around its own."""
        inner: nn.Module = self(value._modules["_orig_mod"])
        outer = {name: self(getattr(value, name)) for name in (*_HOOKS, *_FLAGS)}
        before, after = _HOOKS
        setattr(inner, before, OrderedDict({**outer[before], **getattr(inner, before)}))
        getattr(inner, after).update(outer[after])
        for name in _FLAGS:
            getattr(inner, name).update(outer[name])
        return inner

    def _object(self, value: Any) -> Any:
        """By the object's own protocol, as `copy.deepcopy` does."""
        if isinstance(value, _ATOMIC):
            return value
        if isinstance(value, nn.Module) and parametrize.is_parametrized(value):
            # torch refuses to pickle those, and copies them by a method that knows no closures
            replica = self._memo[id(value)] = type(value).__new__(type(value))
            replica.__dict__.update(self(vars(value)))
            return replica
        own = getattr(type(value), "__deepcopy__", None)
        if own is not None:
            return own(value, self._memo)
        reduced = value.__reduce_ex__(4)
        if isinstance(reduced, str):
            return value
        make, args, state, items, pairs = (*reduced, None, None, None)[:5]
        made = make(*(self(arg) for arg in args))
        self._memo[id(value)] = made
        if state is not None:
            _restore(made, self(state))
        for item in items or ():
            made.append(self(item))
        for key, part in pairs or ():
            made[self(key)] = self(part)
        return made


_ATOMIC = (
    type(None), bool, int, float, complex, str, bytes, type, type(Ellipsis), type(NotImplemented),
    range, property, types.ModuleType, types.CodeType, types.BuiltinFunctionType, weakref.ref,
    torch.dtype, torch.device, torch.layout, torch.memory_format,
)  # fmt: skip


def _restore(made: Any, state: Any) -> None:
    if hasattr(made, "__setstate__"):
        made.__setstate__(state)
        return
    plain, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    made.__dict__.update(plain or {})
    for name, part in (slots or {}).items():
        setattr(made, name, part)


def _is_code(function: Callable[..., Any]) -> bool:
    """Whether a function is found by its name in a module other than the one that is run."""
    if function.__module__ == "__main__" or function.__module__ not in sys.modules:
        return False
    named: Any = sys.modules[function.__module__]
    try:
        for name in function.__qualname__.split("."):
            named = getattr(named, name)
    except AttributeError:
        return False
    return named is function


def _used(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _used(constant)
