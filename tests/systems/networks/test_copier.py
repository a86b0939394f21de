"""Copies that share code and nothing else."""

from __future__ import annotations

import copy
import dataclasses
import enum
import functools
import threading
import weakref
from collections import OrderedDict, defaultdict, deque, namedtuple
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from rgwidgets.systems.networks.copier import Copier

Pair = namedtuple("Pair", "one other")


class Code:
    """Can be imported by its name."""

    shared: list[int] = []  # noqa: RUF012  # that it is shared is what is tested


@pytest.mark.parametrize(
    "value",
    [
        [1, [2]],
        {"a": [1]},
        (1, [2]),
        {1, 2},
        deque([1, 2], maxlen=3),
        OrderedDict(a=1),
        defaultdict(list, a=[1]),
        Pair([1], 2),
        SimpleNamespace(a=[1]),
        bytearray(b"ab"),
    ],
)
def test_containers_of_every_kind_are_copied(value: Any) -> None:
    copied = Copier()(value)
    assert copied == value
    assert copied is not value
    assert type(copied) is type(value)


def test_what_is_one_object_is_one_in_the_copy_and_may_hold_itself() -> None:
    part: list[Any] = [1]
    part.append(part)
    one, other = Copier()([part, part])
    assert one is other is one[1]
    assert one is not part


def test_tensors_and_arrays_are_copied_and_their_ties_kept() -> None:
    weight = nn.Parameter(torch.ones(2))
    copied = Copier()({"a": weight, "b": weight, "c": np.ones(2)})
    assert copied["a"] is copied["b"] is not weight
    assert not copied["a"].requires_grad
    copied["c"][0] = 7
    assert Copier(sharing=True)(weight) is weight


def test_classes_of_modules_that_are_no_code_are_copied_with_what_they_hold() -> None:
    seen: list[int] = []

    class Base(nn.Module):
        calls = 0
        log: list[int] = []  # noqa: RUF012

        @staticmethod
        def twice(x: int) -> int:
            return 2 * x

        @classmethod
        def count(cls) -> int:
            cls.calls += 1
            return cls.calls

        @property
        def last(self) -> int:
            return self.log[-1]

        @functools.cached_property
        def late(self) -> list[int]:
            return []

    class Derived(Base):
        def forward(self, x: int) -> int:
            self.log.append(x)
            seen.append(x)
            assert isinstance(self, Derived)
            return super().twice(x)

    mine = Copier()(Derived())
    assert (mine(3), mine.last, mine.count(), mine.count(), mine.late) == (6, 3, 1, 2, [])
    assert (Derived.calls, Base.calls, Base.log, seen) == (0, 0, [], [])
    assert type(mine).__name__ == "Derived"


def test_classes_of_what_is_returned_are_shared() -> None:
    @dataclasses.dataclass
    class Output:
        logits: list[int]

    class Net(nn.Module):
        kind = Output

        def forward(self) -> Output:
            return Output([1])

    found = Copier()(Net())()
    assert type(found) is Output
    assert type(Copier()(Output([1]))) is Output
    assert type(Copier()(Code())) is Code


class Shares(nn.Module):
    """Wants to be shared by all that copy it."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(2, 2)

    def __deepcopy__(self, memo: Any) -> Any:
        return self


class Usual(nn.Module):
    """Copies itself in the usual way, in which functions are nobody's."""

    def __deepcopy__(self, memo: Any) -> Any:
        made = type(self).__new__(type(self))
        memo[id(self)] = made
        for name, part in vars(self).items():
            made.__dict__[name] = copy.deepcopy(part, memo)
        return made


def test_a_module_s_own_way_of_copying_gives_nothing_away() -> None:
    shares, seen = Shares(), []
    copied = Copier()(nn.Sequential(shares))
    assert copied[0] is not shares
    assert copied[0].inner.weight is not shares.inner.weight
    usual = Usual()
    usual.register_forward_pre_hook(lambda *_: seen.append(1))
    hook = next(iter(Copier()(usual)._forward_pre_hooks.values()))
    hook(None, None)
    assert not seen


def test_classes_that_are_made_in_another_way_are_shared() -> None:
    class Kind(enum.Enum):
        A = 1

    class Slotted:
        __slots__ = ("x",)

    class Watched:
        made: list[type] = []  # noqa: RUF012

        def __init_subclass__(cls) -> None:
            Watched.made.append(cls)

    class Below(Watched):
        pass

    class Wrong(ValueError):
        pass

    slotted = Slotted()
    slotted.x = [1]
    assert Copier()(Kind.A) is Kind.A
    assert Copier()(slotted).x == [1]
    assert type(Copier()(Below())) is Below
    assert len(Watched.made) == 1
    assert Copier()(Wrong) is Wrong


def test_weak_references_become_strong_ones_to_the_copy() -> None:
    owner: Any = Code()
    owner.own = weakref.ref(owner)
    copied = Copier()(owner)
    assert copied.own() is copied
    proxied = Copier()([owner, weakref.proxy(owner)])
    assert proxied[1] is proxied[0]


def test_what_cannot_be_copied_is_told_or_shared() -> None:
    lock = threading.Lock()
    with pytest.raises(TypeError, match="lock"):
        Copier()({"a": [lock]})
    kept = [1]
    copied = Copier(lenient=True)({"a": [lock], "b": kept})
    assert copied["a"][0] is lock
    assert copied["b"] == kept
    assert copied["b"] is not kept
