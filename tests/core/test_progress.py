"""Progress is shared, monotone and leaves nothing behind; cancellation comes between steps."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rgwidgets.core.errors import Cancelled
from rgwidgets.core.progress import listening, tick, track


class Ear:
    """Remembers what it hears; asks to stop after so many ticks."""

    def __init__(self, patience: float = float("inf")) -> None:
        self.heard: list[float | None] = []
        self.labels: list[str] = []
        self.patience = patience

    def __call__(self, fraction: float | None, label: str) -> None:
        self.heard.append(fraction)
        self.labels.append(label)
        if len(self.heard) > self.patience:
            raise Cancelled


def fractions_of_a_fresh_loop() -> list[float | None]:
    with listening(ear := Ear()):
        list(track([1, 2]))
    return ear.heard


def test_a_loop_reports_its_start_and_each_step_with_its_label() -> None:
    with listening(ear := Ear()):
        assert list(track("abcd", label="letters")) == list("abcd")
    assert ear.heard == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert set(ear.labels) == {"letters"}


def test_nobody_need_listen() -> None:
    tick(0.3, "alone")
    assert list(track(range(3))) == [0, 1, 2]


@given(st.recursive(st.just([]), lambda inner: st.lists(inner, max_size=4), max_leaves=25))
def test_nested_loops_share_one_bar_that_never_goes_back(tree: list) -> None:
    def walk(node: list) -> None:
        for child in track(node):
            walk(child)

    with listening(ear := Ear()):
        walk(tree)
    assert ear.heard[0] == 0.0
    assert all(0 <= f <= 1 for f in ear.heard)
    assert all(a <= b + 1e-12 for a, b in zip(ear.heard, ear.heard[1:], strict=False))
    if tree:
        assert ear.heard[-1] == 1.0


def test_an_inner_loop_fills_just_its_share_of_the_outer_one() -> None:
    with listening(ear := Ear()):
        for _ in track(range(2)):
            for _ in track(range(2)):
                tick(0.5)
    assert ear.heard == [0, 0, 0.125, 0.25, 0.375, 0.5, 0.5, 0.5, 0.625, 0.75, 0.875, 1, 1]


def test_an_iterator_without_length_reports_that_it_cannot_tell() -> None:
    with listening(ear := Ear()):
        assert list(track(iter("ab"))) == ["a", "b"]
    assert ear.heard == [0.0, None, None]


def test_a_total_makes_up_for_a_missing_length() -> None:
    with listening(ear := Ear()):
        assert list(track(iter("ab"), total=2)) == ["a", "b"]
    assert ear.heard == [0.0, 0.5, 1.0]


def test_more_steps_than_announced_do_not_overrun_the_bar() -> None:
    with listening(ear := Ear()):
        for _ in track(iter(range(5)), total=2):
            tick(1.0)
    assert max(f for f in ear.heard if f is not None) == 1.0


def test_an_empty_loop_is_fine() -> None:
    with listening(ear := Ear()):
        assert list(track([])) == []
    assert ear.heard == [0.0]


@pytest.mark.parametrize("patience", range(9))
def test_cancelled_comes_through_nested_loops_and_leaves_no_state(patience: int) -> None:
    done = []

    def work() -> None:
        for a in track(range(3)):
            for b in track(range(2)):
                done.append((a, b))

    with pytest.raises(Cancelled), listening(Ear(patience)):
        work()
    assert len(done) < 6
    assert fractions_of_a_fresh_loop() == [0.0, 0.5, 1.0]
    tick(0.5)  # nobody listens any more, so nobody stops us


def test_an_error_in_the_loop_leaves_no_state() -> None:
    def work() -> None:
        for number in track(range(3)):
            _ = 1 / number

    with pytest.raises(ZeroDivisionError), listening(Ear()):
        work()
    assert fractions_of_a_fresh_loop() == [0.0, 0.5, 1.0]


def test_a_loop_left_early_leaves_no_state() -> None:
    with listening(ear := Ear()):
        for _ in track(range(4)):
            break
        loop = track(range(4))
        next(loop)
        loop.close()
        ear.heard.clear()
        list(track([1, 2]))
    assert ear.heard == [0.0, 0.5, 1.0]


def test_listeners_nest_and_the_outer_one_hears_again_afterwards() -> None:
    with listening(outer := Ear()):
        with listening(inner := Ear()):
            tick(0.25)
        tick(0.75)
    assert (outer.heard, inner.heard) == ([0.75], [0.25])


def test_a_loop_may_be_stepped_from_threads_with_contexts_of_their_own() -> None:
    steps = track([1, 2, 3])

    async def stepped() -> list[int]:
        return [await asyncio.to_thread(next, steps) for _ in range(3)]

    assert asyncio.run(stepped()) == [1, 2, 3]
    steps.close()
    assert fractions_of_a_fresh_loop() == [0.0, 0.5, 1.0]


def test_items_are_taken_one_by_one() -> None:
    taken = []

    def source() -> Iterator[int]:
        for number in range(3):
            taken.append(number)
            yield number

    next(track(source()))
    assert taken == [0]
