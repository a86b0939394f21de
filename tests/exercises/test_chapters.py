"""Every answer of the book is computed anew, against what is known by another way."""

import math
import re
import time
from fractions import Fraction

import pytest

from rgwidgets.exercises import chapter_23, chapter_25, check, rules
from rgwidgets.exercises.exercise import every
from rgwidgets.exercises.windows import FINE

#: By other means than the library: closed forms, or numbers of the literature to their digits.
REFERENCE = {
    "1.1": -6 / 5 / 2**5,
    "1.2": 2 / math.sqrt(2) ** 6,
    "1.3": 8 ** (2 / 3),
    "2.1": math.log(math.cosh(2)) / 2,
    "2.2": math.atanh(math.tanh(1) ** 4),
    "2.3": -1 / math.log(math.tanh(1)) / 2,
    "2.4": 0.1 + math.log(math.cosh(2.1) / math.cosh(1.9)) / 2,
    "3.1": math.log(1 + 2 * math.sqrt(2)) / 4,
    "3.2": 0.882203,
    "3.3": math.comb(4, 2) / 2**4,
    "4.1": 0.3046889,
    "4.2": 1 / 0.747236,
    "4.3": 0.0652663,
    "4.4": math.log(3 / math.sqrt(2)) / math.log(math.sqrt(3)),
    "23.1": 20 / 21.25,
    "23.2": 3**2 - 1,
    "23.3": (1 / 9 + 1 / 27) / (1 / 27),
    "23.4": math.log(2**-1.5 / 1e-3 - 1) / (2 * 2**-1.5),
    "24.1": 1.5 * 1 * 3,
    "24.2": 0.3 * math.hypot(4, 3),
    "24.3": math.exp(math.lgamma(50) - math.lgamma(50.5)) / math.sqrt(math.pi),
    "24.4": -math.expm1(math.log(0.05) / 100),
    "25.1": math.log(math.cosh(1.6)) / 8 - math.log(math.cosh(0.8)) / 2,
    "25.2": 5 / 400,
    "25.3": math.ceil(math.log(0.05) / math.log(1 - 1 / 400)),
    "25.4": "dangerously irrelevant",
    "25.5": "misaligned relevance",
}
DIGITS = {"3.2": 5e-7, "4.1": 5e-8, "4.2": 2e-6, "4.3": 5e-8, "24.3": 1e-6}
NUMERIC = [id for id, exercise in every().items() if not exercise.choices]


def test_every_answer_has_a_reference():
    assert set(REFERENCE) | {"3.4"} == set(every())


@pytest.mark.parametrize("id", REFERENCE)
def test_the_computed_answer_is_the_reference(id):
    value, known = every()[id].value, REFERENCE[id]
    if isinstance(known, str):
        assert value == known
    else:
        assert float(value) == pytest.approx(known, rel=0, abs=DIGITS.get(id, 1e-11))
    assert check(id, known).right


def test_two_blocks_of_spins_agree_with_a_sum_written_out():
    """Exercise 3.4 by a sum over configurations as whole numbers."""
    bonds = [(i, i + 1) for r in (0, 4) for i in range(r, r + 3)] + [(i, i + 4) for i in range(4)]
    left, right = (0, 1, 4, 5), (2, 3, 6, 7)
    total = norm = 0.0
    for state in range(2**8):
        s = [1 - 2 * (state >> i & 1) for i in range(8)]
        weight = math.exp(0.4 * sum(s[i] * s[j] for i, j in bonds))
        norm += weight
        sums = [sum(s[i] for i in block) for block in (left, right)]
        if all(sums):
            total += weight if sums[0] * sums[1] > 0 else -weight
    assert float(every()["3.4"].value) == pytest.approx(total / norm, abs=1e-11)
    assert check("3.4", total / norm).right


@pytest.mark.parametrize("id", list(every()))
def test_every_wrong_route_has_feedback_of_its_own_and_is_not_accepted(id):
    exercise = every()[id]
    assert len({route.say for route in exercise.routes}) == len(exercise.routes) >= 2
    for route in exercise.routes:
        value = route.value if isinstance(route.value, str) else float(route.value)
        verdict = check(id, value)
        assert not verdict
        assert (verdict.state, verdict.feedback) == ("route", route.say), route.name


@pytest.mark.parametrize("id", NUMERIC)
def test_the_answer_and_the_routes_lie_apart(id):
    """No number is both right and a known error."""
    exercise = every()[id]
    size = exercise.tolerance.about(exercise.value)
    for route in exercise.routes:
        own = exercise.tolerance.about(route.value) or size
        gap = abs(route.value - exercise.value) - size * (1 + Fraction(1, FINE))
        assert gap > own * Fraction(3, 2), route.name
    for i, one in enumerate(exercise.routes):
        for two in exercise.routes[i + 1 :]:
            assert abs(one.value - two.value) > size, (one.name, two.name)


@pytest.mark.parametrize("id", NUMERIC)
def test_the_edges_are_where_the_reader_is_told_that_they_are(id):
    exercise = every()[id]
    size = exercise.tolerance.about(exercise.value)
    for side in (-1, 1):
        assert check(id, exercise.value + side * size)
        assert not check(id, exercise.value + side * size * (1 + Fraction(1, FINE) * 2))


@pytest.mark.parametrize("id", NUMERIC)
def test_a_guess_of_half_or_twice_or_the_other_sign_is_not_right(id):
    value = every()[id].value
    assert not any(check(id, factor * value) for factor in (Fraction(1, 2), 2, -1, 0, 10))


@pytest.mark.parametrize("id", list(every()))
def test_each_exercise_is_in_order(id):
    exercise = every()[id]
    assert re.fullmatch(r"[A-Z][^?]*\?", exercise.prompt)
    assert len(exercise.hints) == 3
    spoken = [exercise.because, *(route.say for route in exercise.routes)]
    assert all(say.rstrip(")").endswith((".", "?")) for say in spoken)
    assert not any("  " in words for words in (*spoken, *exercise.hints, exercise.prompt))
    assert exercise.worked.count("$") % 2 == 0
    assert not set(re.findall(r"\[\[(\w+)", exercise.worked)) - {
        "answer",
        *(route.name for route in exercise.routes),
    }


def test_checking_is_instant_and_needs_no_computation(monkeypatch):
    monkeypatch.setattr("rgwidgets.exercises.exercise._exact", None)
    rules()
    start = time.process_time()
    for id in NUMERIC:
        check(id, 0.123)
    assert time.process_time() - start < 0.1


def test_each_faulty_description_shows_the_numbers_that_its_prompt_tells():
    stays = chapter_25._diagnosis(*chapter_25._DANGEROUS).evidence
    assert stays["exponent of the effect"] == pytest.approx(0, abs=0.01)
    found = chapter_25._diagnosis(*chapter_25._MISALIGNED).evidence
    assert found["average"] > 1
    assert found["exponent of the effect"] == pytest.approx(1)
    orders = ("own", "given", "reversed")
    assert [found[f"needed, {order} order"] for order in orders] == [1, 4, 4]


def test_the_made_up_activations_are_centred_and_have_the_singular_values_told():
    x = chapter_23._centred()
    assert float(x.mean(0).abs().max()) < 1e-15
    assert x.svd().S.tolist() == pytest.approx([4, 2, 1, 0.5])
