"""A small ReLU network that learns one value for each datum."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..core.errors import ParameterError
from ..core.numeric import finite_loss, real, whole
from ..core.progress import track
from ..systems.networks.mlp import network

#: Most units of a layer.
WIDTH = 4096


def regression(
    x: Tensor,
    y: Tensor,
    *,
    widths: Sequence[int] = (128, 64),
    steps: int = 400,
    learning_rate: float = 3e-3,
    seed: int = 0,
) -> nn.Sequential:
    """A ReLU network, float32, trained on all of x (n, d) at a time to give y (n,) as (n, 1).

    Its parts are linear1, hidden1 (ReLU), linear2, … and logits, which are the value itself.

    Parameters
    ----------
    x, y
        Data and their values.
    widths
        Units of each hidden layer, up to 4096.
    steps
        Of Adam on the mean squared error.
    learning_rate
        At the start; it falls to 0 as a cosine.
    seed
        Of the initial weights, all that is random here.

    Raises
    ------
    ParameterError
        If an option is out of range.
    ConvergenceError
        If the error stops being finite.

    Examples
    --------
    >>> x = torch.linspace(-1, 1, 50)[:, None]
    >>> module = regression(x, x[:, 0].abs(), widths=(16,), steps=200)
    >>> float((module(x)[:, 0] - x[:, 0].abs()).abs().max().detach()) < 0.1
    True
    """
    if not isinstance(widths, (tuple, list)):
        raise ParameterError("widths", given=widths, allowed="whole numbers, such as (128, 64)")
    sizes = (x.shape[1], *(whole("widths", width, 1, WIDTH) for width in widths), 1)
    count = whole("steps", steps, 1)
    rate = real("learning_rate", learning_rate, "(0, 1]")
    generator = torch.Generator().manual_seed(whole("seed", seed, 0))
    module = network(sizes, generator)
    inputs, values = x.float(), y.float()[:, None]
    optimiser = torch.optim.Adam(module.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, count)
    for _ in track(range(count), label="learning the values"):
        optimiser.zero_grad()
        loss = nn.functional.mse_loss(module(inputs), values)
        finite_loss(loss).backward()
        optimiser.step()
        schedule.step()
    return module.eval().requires_grad_(False)
