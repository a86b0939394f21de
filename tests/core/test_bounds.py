"""A bound carries its kind; attack ≤ truth ≤ certificate, or nothing is said at all."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rgwidgets.core.bounds import Bound, Influence
from rgwidgets.core.errors import ParameterError

SIZES = st.floats(0, 1e9)
NONE = Bound.none("no theorem")


def measured(value: float) -> Bound:
    return Bound(value, "measured", "test")


def proved(value: float) -> Bound:
    return Bound(value, "proved", "test")


def influence(attack: Bound, certificate: Bound) -> Influence:
    return Influence(measured(0.1), measured(0.2), attack, certificate)


@given(SIZES, SIZES)
def test_an_attack_above_its_certificate_is_refused_and_any_other_pair_kept(
    attack: float, certificate: float
) -> None:
    if attack > certificate + 1e-9 * max(1, certificate):
        with pytest.raises(ParameterError, match=r"attack: got .* at most the certificate"):
            influence(measured(attack), proved(certificate))
    else:
        assert influence(measured(attack), proved(certificate)).worst == (attack, certificate)


def test_rounding_does_not_turn_a_tight_certificate_into_a_contradiction() -> None:
    assert influence(measured(0.1 + 0.2), proved(0.3)).worst == (0.1 + 0.2, 0.3)
    with pytest.raises(ParameterError):
        influence(measured(0.3001), proved(0.3))


@pytest.mark.parametrize(
    "attack, certificate, worst",
    [
        (measured(0.4), proved(0.6), (0.4, 0.6)),
        (measured(0.4), NONE, (0.4, math.inf)),
        (NONE, proved(0.6), (0.0, 0.6)),
        (NONE, NONE, (0.0, math.inf)),
        (measured(3.0), proved(math.inf), (3.0, math.inf)),
        (measured(math.inf), proved(math.inf), (math.inf, math.inf)),
        (measured(0.0), proved(0.0), (0.0, 0.0)),
    ],
)
def test_the_worst_case_lies_between_attack_and_certificate(
    attack: Bound, certificate: Bound, worst: tuple[float, float]
) -> None:
    assert influence(attack, certificate).worst == worst


@pytest.mark.parametrize("place", range(3))
def test_only_a_certificate_is_proved(place: int) -> None:
    parts = [measured(0.1)] * 3
    parts[place] = proved(0.1)
    with pytest.raises(ParameterError, match="got proved; allowed: measured, none"):
        Influence(*parts, proved(1.0))


def test_a_certificate_is_never_measured() -> None:
    with pytest.raises(ParameterError, match="kind of certificate: got measured"):
        influence(measured(0.1), measured(1.0))


@pytest.mark.parametrize("value", [math.nan, -1e-300, -1.0, -math.inf])
@pytest.mark.parametrize("kind", ["proved", "measured"])
def test_a_bound_is_a_number_from_zero_up(value: float, kind: str) -> None:
    with pytest.raises(ParameterError, match="a number ≥ 0"):
        Bound(value, kind)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["certain", "", "Proved", None])
def test_an_unknown_kind_is_refused(kind: str) -> None:
    with pytest.raises(ParameterError, match="proved, measured, none"):
        Bound(1.0, kind)  # type: ignore[arg-type]


def test_no_statement_has_no_number_and_is_false() -> None:
    assert not NONE
    assert math.isnan(NONE.value)
    assert str(NONE) == "none (no theorem)"
    assert Bound(3.0, "none", "why", error=0.1) == Bound.none("why")
    assert measured(0.0)
    assert proved(0.0)


@pytest.mark.parametrize("error", [None, math.nan])
def test_an_error_that_nobody_knows_is_none(error: float | None) -> None:
    assert Bound(1.0, "measured", error=error).error is None


def test_a_negative_error_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"error of a bound: got -0.1"):
        Bound(1.0, "measured", error=-0.1)


@pytest.mark.parametrize(
    "bound, text",
    [
        (Bound(0.4, "measured", "PGD", error=0.02), "0.4 ± 0.02 (measured: PGD)"),
        (Bound(0.123456, "proved", "CROWN"), "0.1235 (proved: CROWN)"),
        (Bound(0.0, "measured", "exact", 0.0), "0 (measured: exact)"),
        (Bound(math.inf, "proved", "IBP"), "inf (proved: IBP)"),
    ],
)
def test_a_bound_prints_with_its_kind(bound: Bound, text: str) -> None:
    assert str(bound) == text


def test_what_neglects_nothing_changes_nothing() -> None:
    exact = Influence.exact("full rank")
    assert exact.worst == (0.0, 0.0)
    assert {b.value for b in (exact.average, exact.resample, exact.attack)} == {0.0}
    assert exact.certificate.kind == "proved"


def test_nothing_said_is_said_four_times() -> None:
    silent = Influence.nothing("too large")
    assert not any((silent.average, silent.resample, silent.attack, silent.certificate))
    assert silent.worst == (0.0, math.inf)
    assert silent == Influence.nothing("too large")
