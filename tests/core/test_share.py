"""Shares bound what is true of all that are like the samples."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rgwidgets.core.errors import ParameterError
from rgwidgets.core.share import Share


@given(st.integers(1, 3000), st.floats(0, 1), st.floats(0.5, 0.999))
@settings(deadline=None)
def test_the_upper_end_is_clopper_and_pearson_s(of: int, part: float, confidence: float) -> None:
    count = round(part * of)
    exact = stats.beta.ppf(confidence, count + 1, of - count) if count < of else 1.0
    assert Share(count, of).upper(confidence) == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("of, truth", [(60, 0.1), (200, 0.3), (500, 0.02)])
def test_the_truth_is_below_it_as_often_as_is_stated(of: int, truth: float) -> None:
    law = stats.binom(of, truth)
    held = sum(law.pmf(k) for k in range(of + 1) if Share(k, of).upper() >= truth)
    assert 0.95 <= held < 1


@pytest.mark.parametrize(
    "share, said",
    [
        (Share(0, 360), "0 of 360 (0 %)"),
        (Share(1, 360), "1 of 360 (0.28 %)"),
        (Share(359, 360), "359 of 360 (99.7 %)"),
        (Share(360, 360), "360 of 360 (100 %)"),
    ],
)
def test_it_is_said_without_rounding_to_none_or_all(share: Share, said: str) -> None:
    assert str(share) == said


@pytest.mark.parametrize("count, of", [(-1, 3), (4, 3), (0, 0), (0.5, 3), (True, 3)])
def test_what_is_no_share_is_refused(count: object, of: object) -> None:
    with pytest.raises(ParameterError):
        Share(count, of)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95, None])
def test_what_is_no_confidence_is_refused(confidence: object) -> None:
    with pytest.raises(ParameterError):
        Share(1, 3).upper(confidence)
