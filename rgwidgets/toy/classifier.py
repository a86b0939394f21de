"""Networks that read the leaves of a tree and name its root, trained in seconds."""

from __future__ import annotations

import math
from collections import OrderedDict

import torch
from torch import Tensor, nn

from ..core.errors import ParameterError
from ..core.numeric import whole
from ..core.progress import track

KINDS = ("tree", "dense")
#: Steps see so many data, at this rate.
BATCH, RATE = 256, 3e-3
#: Weights begin at this share of He's scale and decay at this rate: both make the network learn
#: features, and so learn from fewer data.
SMALL, DECAY = 0.3, 1.0


def classifier(
    kind: str, shape: tuple[int, int, int], classes: int, *, width: int, seed: int
) -> nn.Sequential:
    """An untrained network for one-hot leaves (n, s^L v).

    Parameters
    ----------
    kind
        "tree" or "dense".
    shape
        v, s and L.
    classes, width, seed
        Outputs, features of a hidden level, and seed of the weights.

    Raises
    ------
    ParameterError
        For another kind, or numbers that are too small.

    Examples
    --------
    >>> network = classifier("tree", (3, 2, 2), 4, width=8, seed=0)
    >>> network(torch.zeros(5, 12)).shape
    torch.Size([5, 4])
    """
    if kind not in KINDS:
        raise ParameterError("kind", given=kind, allowed=" or ".join(KINDS))
    whole("width", width, 1)
    vocabulary, branching, depth = shape
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    nodes = branching**depth
    features = vocabulary if kind == "tree" else vocabulary * nodes
    for level in range(depth - 1, -1, -1):
        nodes //= branching
        if kind == "tree":
            features *= branching
            parts[f"leaves_of_{level}"] = nn.Sequential(
                nn.Flatten(), nn.Unflatten(1, (nodes, features))
            )
        parts[f"level_{level}"] = nn.utils.skip_init(nn.Linear, features, width)
        parts[f"active_{level}"] = nn.ReLU()
        features = width
    if kind == "tree":
        parts["root"] = nn.Flatten()
    parts["readout"] = nn.utils.skip_init(nn.Linear, features, classes)
    network = nn.Sequential(parts)
    generator = torch.Generator().manual_seed(whole("seed", seed, 0))
    with torch.no_grad():
        for part in network.modules():
            if isinstance(part, nn.Linear):
                part.weight.normal_(0, SMALL * math.sqrt(2 / part.in_features), generator=generator)
                part.bias.zero_()
    return network


def classify(
    network: nn.Sequential, x: Tensor, labels: Tensor, *, steps: int, seed: int
) -> nn.Sequential:
    """Train by AdamW on the cross-entropy of batches; back in evaluation mode, without gradients.

    Parameters
    ----------
    network
        Which: changed in place.
    x, labels
        (n, d) float32 and (n,) int64.
    steps, seed
        How many steps, and the seed of the batches.
    """
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    network.train()
    for _ in track(range(whole("steps", steps, 1)), label="training"):
        batch = torch.randint(len(x), (BATCH,), generator=generator)
        loss = nn.functional.cross_entropy(network(x[batch]), labels[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return network.eval().requires_grad_(False)
