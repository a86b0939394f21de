"""Errors say what was given, what is allowed and how to mend it, wherever they are raised."""

from __future__ import annotations

import copy
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rgwidgets.core import errors

KINDS = sorted(
    (k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, errors.RGError)),
    key=lambda kind: kind.__name__,
)
TEXT = st.text(max_size=200)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_message_says_what_was_given_what_is_allowed_and_how_to_mend_it(
    kind: type[errors.RGError],
) -> None:
    error = kind("temperature", given=-1.0, allowed="a number > 0", mend="pass 2.269")
    assert str(error) == ("temperature: got -1.0; allowed: a number > 0. Mend: pass 2.269.")
    assert (error.what, error.given, error.allowed, error.mend) == (
        "temperature",
        -1.0,
        "a number > 0",
        "pass 2.269",
    )


@pytest.mark.parametrize(
    "kind, builtin",
    [
        (errors.ParameterError, ValueError),
        (errors.GeometryError, ValueError),
        (errors.CutoffError, ValueError),
        (errors.ShapeError, ValueError),
        (errors.ObservableError, ValueError),
        (errors.RecordError, ValueError),
        (errors.BudgetError, ValueError),
        (errors.LayerError, LookupError),
        (errors.DeviceError, RuntimeError),
        (errors.ConvergenceError, RuntimeError),
        (errors.StorageError, OSError),
        (errors.KeywordError, TypeError),
    ],
)
def test_each_kind_is_caught_as_the_builtin_that_it_resembles(
    kind: type[errors.RGError], builtin: type[Exception]
) -> None:
    with pytest.raises(builtin):
        raise kind("thing")
    assert issubclass(kind, errors.RGError)


def test_being_cancelled_is_no_failure() -> None:
    assert not issubclass(errors.Cancelled, errors.RGError)


def test_a_long_value_is_cut_in_the_message() -> None:
    error = errors.ParameterError("list", given=list(range(10_000)))
    assert len(str(error)) < 150
    assert "…" in str(error)


@given(TEXT, st.none() | TEXT | st.integers() | st.floats() | st.lists(st.integers()), TEXT, TEXT)
def test_copying_any_number_of_times_keeps_class_and_message(
    what: str, given_: object, allowed: str, mend: str
) -> None:
    for kind in (errors.ParameterError, errors.StorageError, errors.LayerError):
        error = kind(what, given=given_, allowed=allowed, mend=mend)
        again = copy.copy(copy.copy(error))
        assert type(again) is kind
        assert str(again) == str(error)
        assert again.args == error.args


def test_errors_cross_process_boundaries_with_class_and_message() -> None:
    sent = [
        kind("spins", given=given, allowed="±1", mend="divide by their size")
        for kind in KINDS
        for given in (None, "None", "text", 3.5, {"a": [1, 2]}, lambda: 0)
    ]
    context = multiprocessing.get_context("fork")  # a fresh interpreter would import torch again
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        back = pool.submit(copy.copy, sent).result(timeout=120)
        failure = pool.submit(
            errors.check_keywords, ["temprature"], ["temperature"], where="Ising"
        ).exception(timeout=120)
    assert [(type(e), str(e)) for e in back] == [(type(e), str(e)) for e in sent]
    assert isinstance(failure, errors.KeywordError)
    assert "did you mean temperature?" in str(failure)


@pytest.mark.parametrize(
    "word, words, expected",
    [
        ("temprature", ["temperature", "field"], "temperature"),
        ("Magnetisation", ["magnetisation", "energy"], "magnetisation"),
        ("ENERGY", ["magnetisation", "energy"], "energy"),
        ("zzz", ["temperature", "field"], None),
        ("x", [], None),
        ("", ["a"], None),
        (3, ["3x", "field"], "3x"),
    ],
)
def test_nearest_names_the_closest_word_or_none(
    word: str, words: list[str], expected: str | None
) -> None:
    assert errors.nearest(word, words) == expected


@given(st.lists(st.text(min_size=1), min_size=1))
def test_a_word_that_exists_is_its_own_nearest(words: list[str]) -> None:
    assert errors.nearest(words[0], words) == words[0]


def test_known_keywords_pass_and_an_unknown_one_names_the_nearest() -> None:
    errors.check_keywords({"seed": 1}, ["seed", "size"], where="Ising")
    errors.check_keywords((), (), where="Ising")
    with pytest.raises(TypeError, match=r"keyword of Ising: got sed; allowed: seed, size.*seed\?"):
        errors.check_keywords(["size", "sed"], ["seed", "size"], where="Ising")
    with pytest.raises(errors.KeywordError, match="remove it"):
        errors.check_keywords(["quux"], ["seed"], where="Ising")
