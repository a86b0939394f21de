"""Deep copies that share nothing, functions and a user's own classes among them."""

from __future__ import annotations

import functools
import sys
import types
import weakref
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

#: what a name may stand for that a function can change, or that can change under it
_HELD = (
    Tensor, nn.Module, np.ndarray, list, dict, set, deque, functools.partial, weakref.ref,
    torch.Generator,
    types.FunctionType, types.MethodType, types.BuiltinFunctionType,
)  # fmt: skip
_ATOMIC = (
    type(None), bool, int, float, complex, str, bytes, type(Ellipsis), type(NotImplemented),
    range, property, types.ModuleType, types.CodeType,
    torch.dtype, torch.device, torch.layout, torch.memory_format,
)  # fmt: skip
_HOOKS = ("_forward_pre_hooks", "_forward_hooks")
_FLAGS = ("_forward_pre_hooks_with_kwargs", "_forward_hooks_with_kwargs")
_PLAIN = (Tensor, nn.Parameter, nn.Buffer)
#: of a class, what it is made with
_MADE = ("__dict__", "__weakref__", "__module__", "__qualname__", "__doc__")
#: of a type, that it was made by running Python
_HEAP = 1 << 9
_ABSENT = object()


class Copier:
    """Copies objects with all that they hold, functions with all that they close over.

    Code is shared: what can be imported by its name. Functions and classes of a script, a notebook
    or the inside of a function are copied, with the global names that they use.

    Parameters
    ----------
    sharing
        Keep parameters and classes as they are: of what has been copied before.
    lenient
        Keep what cannot be copied as it is.

    Attributes
    ----------
    path
        Names of the parts that are being copied.
    """

    def __init__(self, *, sharing: bool = False, lenient: bool = False) -> None:
        self.path: list[str] = []
        self._sharing, self._lenient = sharing, lenient
        self._memo: dict[int, Any] = {}
        self._alive: list[object] = []  # an id stays taken while its object lives
        self._globals: dict[int, dict[str, Any]] = {}

    def __call__(self, value: Any) -> Any:
        found = self._memo.get(id(value), _ABSENT)
        if found is not _ABSENT:
            return found
        self._alive.append(value)
        try:
            made = self._copied(value)
        except Exception:
            if not self._lenient:
                raise
            made = value
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
        if isinstance(value, types.BuiltinFunctionType):
            return _rebound(value, self)
        if isinstance(value, type):
            return self._class(value)
        if isinstance(value, weakref.ref):
            return _Held(self(value()))
        if isinstance(value, weakref.ProxyTypes):
            return self(value.__repr__.__self__)
        if kind in (list, dict):
            made = self._memo[id(value)] = kind()
            return self._filled(made, value)
        if isinstance(value, types.MappingProxyType):
            return types.MappingProxyType(self(dict(value)))
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
            if name in known and made.get(name) is known[name] and _is_data(known[name]):
                made[name] = self(known[name])
        return made

    def _class(self, value: type) -> type:
        """A class of modules that is no code, with what it holds; others are shared.

        What a module returns, and what is asked of its type, must stay of the same type.
        """
        odd = type(value) is not type or "__slots__" in vars(value)
        watched = any("__init_subclass__" in vars(base) for base in value.__mro__[1:-1])
        if self._sharing or odd or watched or not issubclass(value, nn.Module) or _is_code(value):
            return value
        body = {name: vars(value)[name] for name in _MADE[2:] if name in vars(value)}
        made = type(value.__name__, tuple(self(base) for base in value.__bases__), body)
        self._memo[id(value)] = made
        for name, part in vars(value).items():
            if name not in _MADE:
                setattr(made, name, self._member(part))
        return made

    def _member(self, part: Any) -> Any:
        if isinstance(part, (staticmethod, classmethod)):
            return type(part)(self(part.__func__))
        if isinstance(part, property):
            return property(self(part.fget), self(part.fset), self(part.fdel), part.__doc__)
        return self(part) if isinstance(part, _HELD) else part

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
        if own is None or (isinstance(value, nn.Module) and not _of_torch(type(value))):
            try:
                return self._rebuilt(value)  # a module's own way may share, or copy no functions
            except Exception:
                if own is None:
                    raise
        return own(value, self._memo)

    def _rebuilt(self, value: Any) -> Any:
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


class _Held:
    """In place of a weak reference: what it referred to, copied, and kept."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __call__(self) -> Any:
        return self._value


def _rebound(method: Any, copier: Copier) -> Any:
    """A built-in method, `list.append` say, of a copy of what it is a method of."""
    owner = getattr(method, "__self__", None)
    if owner is None or isinstance(owner, (types.ModuleType, type)):
        return method
    return getattr(copier(owner), method.__name__)


def _of_torch(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "torch"


def _is_data(value: Any) -> bool:
    """Whether a global name stands for what a function can change, or what can change under it."""
    if isinstance(value, type):
        return issubclass(value, nn.Module) and not _is_code(value)
    if isinstance(value, _ATOMIC):
        return False
    return isinstance(value, _HELD) or not _is_code(type(value))


def _restore(made: Any, state: Any) -> None:
    if hasattr(made, "__setstate__"):
        made.__setstate__(state)
        return
    plain, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    if plain:
        made.__dict__.update(plain)
    for name, part in (slots or {}).items():
        setattr(made, name, part)


def _is_code(value: Any) -> bool:
    """Whether a function or class is found by its name in another module than the one that runs."""
    if value.__module__ == "__main__" or value.__module__ not in sys.modules:
        return value.__module__ is None
    named: Any = sys.modules[value.__module__]
    try:
        for name in value.__qualname__.split("."):
            named = getattr(named, name)
    except AttributeError:
        # such as the type of a function: the interpreter's own, without a name of its own
        return isinstance(value, type) and not value.__flags__ & _HEAP
    return named is value


def _used(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _used(constant)
