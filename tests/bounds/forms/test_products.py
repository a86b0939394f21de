"""Products of forms: matrices of them, attention, sums of squares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgwidgets.bounds.forms import Ball, Form, StandIn
from rgwidgets.bounds.forms.stand_in import called

from .conftest import NOISE, Points, assert_holds, make_form

PAIRS: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "sum": lambda a, b: a + b.transpose(1, 2),
    "difference": lambda a, b: 2 * a - b.mT * 3,
    "product": lambda a, b: a * b.transpose(1, 2),
    "matmul": lambda a, b: a @ b,
    "bmm": lambda a, b: torch.bmm(a, b),
    "with itself": lambda a, b: a @ a.transpose(1, 2),
    "einsum": lambda a, b: torch.einsum("nid,ndj->nij", a, b),
    "einsum heads": lambda a, b: torch.einsum("nid,nej->neij", a, b[:, :1].expand(-1, 2, -1)),
    "baddbmm": lambda a, b: torch.baddbmm(a.sum((1, 2))[:, None, None], a, b, alpha=0.3),
    "linear": lambda a, b: torch.stack([F.linear(a[i], b[i].T, b[i, 0]) for i in range(len(a))]),
    "weights and values": lambda a, b: a.softmax(-1) @ b,
    "attention": lambda a, b: F.scaled_dot_product_attention(a, b.mT, 2 * a + b.mT),
    "causal": lambda a, b: F.scaled_dot_product_attention(a, a, b.mT, is_causal=True),
    "masked": lambda a, b: F.scaled_dot_product_attention(
        a, a, a, attn_mask=torch.tensor([[True, False, True], [True] * 3, [False, True, False]])
    ),
    "biased": lambda a, b: F.scaled_dot_product_attention(
        a, b.mT, a, attn_mask=torch.linspace(-1, 1, 9).double().reshape(3, 3), scale=0.5
    ),
    "quotient": lambda a, b: a / (4 + b.mT.square()),
    "where": lambda a, b: torch.where(torch.eye(3, 4).bool(), a, b.mT),
    "cat": lambda a, b: torch.cat([a, b.mT], 1),
    "cosine": lambda a, b: F.cosine_similarity(a + 3, b.mT + 3, dim=-1),
}


@pytest.mark.parametrize("radius", [0.2, 1.5])
@pytest.mark.parametrize("name", PAIRS)
def test_functions_of_two_forms_hold(name: str, radius: float) -> None:
    a = make_form((2, 3, 4), radius, seed=1)
    b = make_form((2, 4, 3), radius, seed=2, ball=a.ball)
    assert_holds(PAIRS[name], a, b, points=Points(2, radius, 150))


@pytest.mark.parametrize("seed", range(5))
def test_a_product_is_as_wide_as_its_eigenvalues_allow(seed: int) -> None:
    """(a·z)(b·z) over the ball reaches radius²(a·b ± ‖a‖‖b‖)/2, and not more is said."""
    generator = torch.Generator().manual_seed(seed)
    a, b = torch.randn(2, 6, generator=generator, dtype=torch.float64)
    zero = torch.zeros(1, 1, dtype=torch.float64)
    ball = Ball(0.7, 6)
    forms = [StandIn(Form(zero, row[:, None, None], zero, zero.long(), ball)) for row in (a, b)]
    low, high = (forms[0] * forms[1]).form.range
    values = torch.linalg.eigvalsh(0.5 * (torch.outer(a, b) + torch.outer(b, a)))
    assert float(low) == pytest.approx(0.49 * float(values.min()), rel=1e-9)
    assert float(high) == pytest.approx(0.49 * float(values.max()), rel=1e-9)


@pytest.mark.parametrize("axes", [2, 5, 40])
def test_a_sum_of_squares_is_bounded_by_its_largest_eigenvalue(axes: int) -> None:
    generator = torch.Generator().manual_seed(axes)
    slopes = torch.randn(7, 1, axes, generator=generator, dtype=torch.float64)
    zero = torch.zeros(1, axes, dtype=torch.float64)
    form = Form(zero, slopes, zero, zero.long(), Ball(0.5, 7))
    low, high = called("_square_sum", StandIn(form)).form.range
    top = 0.25 * float(torch.linalg.matrix_norm(slopes[:, 0], 2)) ** 2
    assert float(low) <= 1e-9
    assert top <= float(high) <= 1.3 * top


@pytest.mark.parametrize("left, right", [(0.5, 0.0), (0.0, 0.5), (0.5, 0.5)])
def test_slack_of_factors_is_multiplied_and_no_more(left: float, right: float) -> None:
    a, b = (make_form((1, 2, 2), 0.01, seed=s, noise=0.0) for s in (1, 2))
    ball = Ball(0.01, 2, noise=0)
    forms = [
        Form(form.centre, form.slopes, torch.full_like(form.slack, slack), form.owner, ball)
        for form, slack in ((a, left), (b, right))
    ]
    points = Points(1, 0.01, 400)
    values = points.of(forms[0]) @ points.of(forms[1])
    found = (StandIn(forms[0]) @ StandIn(forms[1])).form
    away = found.reach + found.slack
    reached = (values - found.centre).abs().amax(0)
    assert bool((reached <= away).all())
    assert bool((away <= 1.3 * reached + 0.3 * left * right * 2).all())


@pytest.mark.parametrize("radius", [0.1, 1.0])
def test_the_curvature_of_two_scores_is_bounded_closely(radius: float) -> None:
    """log(exp z + exp −z) has curvature 1 at 0: at most radius²/2 more than its tangent."""
    slopes = torch.tensor([[1.0, -1.0], [0.0, 0.0]], dtype=torch.float64)[:, None]
    zero = torch.zeros(1, 2, dtype=torch.float64)
    form = Form(zero, slopes, zero, zero.long(), Ball(radius, 2, noise=0))
    low, high = torch.logsumexp(StandIn(form), -1).form.range
    far = torch.tensor([radius, -radius], dtype=torch.float64)
    exact = float(far.logsumexp(0))
    start = float(zero.logsumexp(1))
    assert start - 1e-9 <= float(low) + 1e-6
    assert exact <= float(high) <= start + 0.71 * radius**2
    wide = torch.softmax(StandIn(form), -1).form.range
    edge = float(far.softmax(0)[0])
    assert edge <= float(wide[1].max()) <= edge + 1e-9 + radius**2


def test_weights_that_sum_to_one_average_and_never_leave_what_they_average() -> None:
    scores = make_form((2, 3, 3), 20.0, seed=3)
    values = make_form((2, 3, 4), 0.01, seed=4, middle=100.0, ball=scores.ball)
    form = assert_holds(lambda s, v: s.softmax(-1) @ v, scores, values, points=Points(2, 20.0, 200))
    least, most = values.range[0].amin(1, True), values.range[1].amax(1, True)
    assert bool((form.range[0] >= least - 1e-8).all())
    assert bool((form.range[1] <= most + 1e-8).all())


class Heads(nn.Module):
    """Attention over positions, of each of several kinds."""

    def __init__(self, heads: int, **options: Any) -> None:
        super().__init__()
        self.inner = nn.MultiheadAttention(8, heads, batch_first=True, **options)
        self.masks: dict[str, Any] = {}

    def forward(self, x: Tensor) -> Tensor:
        out, weights = self.inner(x, x, x, **self.masks)
        return out if weights is None else torch.cat([out, weights.flatten(2)[..., :3]], -1)


CAUSAL = torch.ones(3, 3).triu(1).bool()
PADDING = torch.tensor([[False, False, True], [False, False, False]])


@pytest.mark.parametrize("radius", [0.3])
@pytest.mark.parametrize("heads", [1, 2, 4])
@pytest.mark.parametrize(
    "masks",
    [
        {},
        {"need_weights": False},
        {"attn_mask": CAUSAL, "is_causal": True, "need_weights": False},
        {"key_padding_mask": PADDING},
        {"attn_mask": torch.linspace(-1, 1, 9).reshape(3, 3).double(), "need_weights": False},
    ],
    ids=["plain", "no weights", "causal", "padded", "biased"],
)
def test_multi_head_attention_holds(radius: float, heads: int, masks: dict[str, Any]) -> None:
    torch.manual_seed(heads)
    net = Heads(heads, bias=heads != 2).double().eval()
    net.masks = masks
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    points = Points(2, radius, 60)
    try:
        assert_holds(net, make_form((2, 3, 8), radius, noise=0.01), points=points)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def test_symbols_of_noise_keep_track_of_what_moves_together() -> None:
    """x² − x² is 0 as long as there are symbols, and twice its slack without."""
    for noise in (100, NOISE):
        form = make_form((2, 3), 0.5, noise=0.0)
        ball = Ball(0.5, 2, noise=noise)
        ball.account.symbols = NOISE
        square = StandIn(Form(form.centre, form.slopes, form.slack, form.owner, ball)) ** 2
        low, high = (square - square).form.range
        width = float((high - low).max())
        assert width < 1e-10 if noise == 100 else width > 0.1
