"""Projected Newton steps for relaxations whose best bound lies on an edge."""

from __future__ import annotations

import torch
from torch import Tensor

from rgwidgets.core.progress import tick

from .chain import Nodes
from .relaxation import Best, Outcome, Relaxation

#: The edge that is rounded off at first, and how it shrinks in each of the stages.
_EDGE, _SHARPER, _STAGES = 0.3, 0.45, 24
#: What is added to the curvature; the best counts.
_DAMPING = (1e-9, 1e-6, 1e-4, 1e-2, 0.1, 1.0, 10.0)


def polish(relaxation: Relaxation, nodes: Nodes, steps: int) -> Outcome:
    """Improve nodes of few coordinates by straight lines alone.

    The bound is a constant plus R‖b‖, which has an edge at b = 0: where constraints and not the
    ball say how far z can go, b is 0 at the best parameters. So √(‖b‖² + ε²) is made small
    instead, for ever smaller ε, with the curvature that it has where b is linear. Every point on
    the way gives a sound bound.

    Parameters
    ----------
    relaxation, nodes, steps
        What is improved, and how often.
    """
    return _Polish(relaxation, nodes).run(steps)


class _Polish:
    def __init__(self, relaxation: Relaxation, nodes: Nodes) -> None:
        self._relaxation, self._nodes = relaxation, nodes
        self._cut, self._x = relaxation.cut(nodes), nodes.parameters.clone()
        relaxation.part(self._x, "share").zero_()
        self._bent = torch.zeros_like(relaxation.least)[None]
        for name in ("bend", "share"):
            relaxation.part(self._bent, name).fill_(1.0)
        # of the second derivative: that of the logarithm in a goal's own parameters
        self._own = torch.zeros_like(relaxation.least)
        relaxation.part(self._own[None], "goal").fill_(1.0)

    def run(self, steps: int) -> Outcome:
        relaxation, nodes, chain = self._relaxation, self._nodes, self._relaxation.chain
        best = Best(nodes, chain)
        for step in range(steps + 1):
            tick(None, "branch and bound")
            found = relaxation.at(nodes, self._cut, self._x)
            best.look(found.bound, self._x, found.place)
            self._step(_EDGE * _SHARPER ** (step * _STAGES // max(1, steps)))
        # where b is 0 the majorant is largest everywhere; the limit says which of it counts
        _, b = self._smooth(self._x, 0.0)
        norm = ((b * b).sum(-1, keepdim=True) + _EDGE**2 * _SHARPER ** (2 * _STAGES)).sqrt()
        place = chain.radii[chain.group] * b / norm
        gaps = relaxation.gaps(nodes, self._cut, self._x, place)
        return Outcome(best.bound, best.parameters, place, gaps)

    def _smooth(self, x: Tensor, edge: float) -> tuple[Tensor, Tensor]:
        """Constant plus √(‖b‖² + edge²), and b, in units of the radius."""
        chain = self._relaxation.chain
        majorant = self._relaxation.majorant(self._nodes, self._cut, x)
        b = majorant.slope @ chain.start * chain.radii[chain.group]
        still = (majorant.slope * chain.centre[self._nodes.sample]).sum(-1)
        return majorant.constant + still + ((b * b).sum(-1) + edge**2).sqrt(), b

    def _step(self, edge: float) -> None:
        value, g, curved = self._curvature(edge)
        x, least, most = self._x, self._relaxation.least, self._relaxation.most
        held = self._bent.bool() | ((x <= least) & (g > 0)) | ((x >= most) & (g < 0))
        free = (~held).to(x)
        curved = curved * free[:, :, None] * free[:, None]
        for damping in _DAMPING:
            extra = torch.diag_embed(self._own + damping + 1 - free)
            move, _ = torch.linalg.solve_ex(curved + extra, (-g * free)[..., None])
            other = self._relaxation.within(x + torch.nan_to_num(move[..., 0]))
            reached = self._smooth(other, edge)[0]
            better = reached < value
            value = torch.where(better, reached, value)
            self._x = torch.where(better[:, None], other, self._x)

    def _curvature(self, edge: float) -> tuple[Tensor, Tensor, Tensor]:
        """Value, gradient and the second derivative (B, P, P) of a linear b."""
        with torch.enable_grad():
            leaf = self._x.detach().requires_grad_()
            value, b = self._smooth(leaf, edge)
            (g,) = torch.autograd.grad(value.sum(), leaf, retain_graph=True)
            rows = [
                torch.autograd.grad(b[:, i].sum(), leaf, retain_graph=True)[0]
                for i in range(b.shape[1])
            ]
        jacobian, b = torch.stack(rows, 1), b.detach()
        norm = ((b * b).sum(-1) + edge**2).sqrt()[:, None]
        across = (b[:, None] @ jacobian)[:, 0] / norm
        curved = jacobian.mT @ jacobian - across[:, :, None] * across[:, None]
        return value.detach(), torch.nan_to_num(g), curved / norm[..., None]
