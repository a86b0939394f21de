"""Upper bounds of a goal over parts of a ball, by relaxations whose parameters are optimised."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from rgwidgets.core.progress import tick

from .chain import Chain, Nodes
from .curves import Kinked, Lines
from .goals import Boxes, Goal
from .trust import Extreme, largest

_ROUNDING = 1e-10
#: Steps of the parameters at first, of whole balls and of boxes in them, and the last's share.
_RATE, _DIVIDED, _LAST = 0.1, 0.01, 0.02

#: By layer two choices of lines, the box, 1 where the node itself has bounds, 1 for parabolas.
Cut = tuple[Lines, Lines, Boxes, Boxes, Tensor]


class Point(NamedTuple):
    bound: Tensor
    place: Tensor
    gradient: Tensor


class Best:
    """The best bound of each node so far."""

    def __init__(self, nodes: Nodes, chain: Chain) -> None:
        self.bound = torch.full_like(nodes.bound, torch.inf)
        self.parameters = nodes.parameters
        self.place = chain.start.new_zeros(len(nodes), chain.start.shape[1])

    def look(self, bound: Tensor, parameters: Tensor, place: Tensor) -> None:
        """Keep what is better."""
        better = bound < self.bound
        self.bound = torch.where(better, bound, self.bound)
        self.parameters = torch.where(better[:, None], parameters, self.parameters)
        self.place = torch.where(better[:, None], place, self.place)


class Face(NamedTuple):
    """σ-part of a majorant: quadratic·y² + slope·y + intercept ≥ weight·σ(y), by unit (B, w)."""

    weight: Tensor
    quadratic: Tensor | None
    slope: Tensor
    intercept: Tensor


class Majorant(NamedTuple):
    """quadratic·y_0² + slope·y_0 + constant, at least the goal."""

    quadratic: Tensor | None
    slope: Tensor
    constant: Tensor
    size: Tensor
    faces: list[Face]


class Outcome(NamedTuple):
    """Bounds (B,) of nodes, parameters (B, P) that give them, where (B, d), and gaps (B, U)."""

    bound: Tensor
    parameters: Tensor
    place: Tensor
    gaps: Tensor


class Relaxation:
    """The relaxation of one goal on a chain.

    Lines below an activation function have free slopes (α), constraints of a node have
    multipliers (β), as in β-CROWN (Wang et al., NeurIPS 2021, arXiv:2103.06624). Where a kink of
    the first activation function is bounded from above, its chord is mixed with the parabola
    |y| ≤ ½(p y² + 1/p), which holds for every p > 0: what is left is to maximise a quadratic
    function on a ball, which has no gap. Minimised over the p this is the semidefinite relaxation
    (Raghunathan et al., NeurIPS 2018, arXiv:1811.01057) on a ball; the chord alone is CROWN's. The
    parameters follow the gradient (Adam); each choice of them is sound.

    Parameters
    ----------
    chain, goal
        What is computed, and what of it is bounded.
    """

    def __init__(self, chain: Chain, goal: Goal) -> None:
        self.chain, self.goal = chain, goal
        self.units = [*chain.widths, goal.size if goal.boxed else 0, chain.few]
        first = [0, *accumulate(self.units)]
        self._places = [slice(a, b) for a, b in pairwise(first)]
        bends = chain.widths[0] if chain.quadratic else 0
        groups = len(chain.radii) if len(chain.radii) > 1 else 0
        total = sum(chain.widths)
        blocks = {
            "slope": (total, 0.0, 1.0),
            "low": (first[-1], 0.0, 1e9),
            "high": (first[-1], 0.0, 1e9),
            "bend": (bends, -30.0, 30.0),
            "share": (bends, 0.0, 1.0),
            "ratio": (groups, -20.0, 20.0),
            "goal": (goal.extra, -700.0, 700.0),
        }
        self._sizes = {name: width for name, (width, _, _) in blocks.items()}
        ends = [torch.full((2, w), a).clone() for w, a, _ in blocks.values()]
        for end, (_, _, most) in zip(ends, blocks.values(), strict=True):
            end[1] = most
        self.least, self.most = torch.cat(ends, 1).to(chain.centre)

    @property
    def size(self) -> int:
        """How many parameters it has."""
        return len(self.least)

    def roots(self, sample: Tensor, rows: Boxes | None, bound: Tensor) -> Nodes:
        """The whole balls of samples (B,), given bounds (B, s) of the goal's rows if boxed."""
        low = [box[0][sample] for box in self.chain.boxes]
        high = [box[1][sample] for box in self.chain.boxes]
        if rows is not None:
            low, high = [*low, rows.low], [*high, rows.high]
        if self.chain.few:
            reach = self.chain.radii[self.chain.group].expand(len(sample), -1)
            low, high = [*low, -reach], [*high, reach]
        nothing = self.chain.centre[sample][:, :0]
        low_all, high_all = torch.cat([nothing, *low], 1), torch.cat([nothing, *high], 1)
        zero = torch.zeros_like(sample)
        parameters = self._start(sample, Boxes(low_all, high_all))
        return Nodes(sample, zero, low_all, high_all, parameters, bound, zero - 1, 0.0 * bound)

    def _start(self, sample: Tensor, boxes: Boxes) -> Tensor:
        chain, parts = self.chain, []
        still = sample.new_zeros(len(sample), chain.start.shape[1]).to(chain.centre)
        m = self.rows(chain.values(still, sample)[1], sample)
        for j, (curve, _) in enumerate(chain.layers):
            low, high = self._box(boxes, j)
            between = (high / (high - low).clamp_min(1e-300)).clamp(0, 1)
            parts.append(between if isinstance(curve, Kinked) else torch.ones_like(low))
        parts.append(m.new_zeros(len(m), 2 * sum(self.units)))
        if chain.quadratic:
            low, high = self._box(boxes, 0)
            bent = ((low < 0) & (high > 0)).sum(1, keepdim=True).clamp_min(1)
            reach = 0.5 * (low + high).abs() + 0.5 * (high - low) / bent**0.5
            parts += [-torch.log(reach.clamp(1e-9, 1e9)), torch.full_like(low, 0.9)]
        parts += [m.new_zeros(len(m), self._sizes["ratio"]), self.goal.start(m, self._last(boxes))]
        return torch.cat(parts, 1).maximum(self.least).minimum(self.most)

    def _box(self, boxes: Boxes, j: int) -> Boxes:
        return Boxes(boxes.low[:, self._places[j]], boxes.high[:, self._places[j]])

    def _last(self, boxes: Boxes) -> Boxes:
        return self._box(boxes, len(self.units) - 2)

    def rows(self, outputs: Tensor, sample: Tensor) -> Tensor:
        rows: Tensor = (self.goal.rows(sample) @ outputs[..., None])[..., 0]
        return rows

    # -- bounds ----------------------------------------------------------------------------------

    def improve(self, nodes: Nodes, steps: int) -> Outcome:
        """Follow the gradient from the nodes' parameters; the best bound on the way counts."""
        cut, x, best = self.cut(nodes), nodes.parameters, Best(nodes, self.chain)
        first, second = torch.zeros_like(x), torch.zeros_like(x)
        # what was good for a box is nearly good for its halves
        start = torch.where(self.whole(nodes), _RATE, _DIVIDED)[:, None].to(x)
        for step in range(steps + 1):
            tick(None, "branch and bound")
            found = self.at(nodes, cut, x)
            best.look(found.bound, x, found.place)
            first = 0.9 * first + 0.1 * found.gradient
            second = 0.98 * second + 0.02 * found.gradient**2
            scale = (second / (1 - 0.98 ** (step + 1))).sqrt().clamp_min(1e-12)
            rate = start * _LAST ** (step / max(1, steps)) / (1 - 0.9 ** (step + 1))
            x = self.within(x - rate * first / scale)
        gaps = self.gaps(nodes, cut, best.parameters, best.place)
        return Outcome(best.bound, best.parameters, best.place, gaps)

    def at(self, nodes: Nodes, cut: list[Cut], x: Tensor) -> Point:
        with torch.enable_grad():
            leaf = x.detach().requires_grad_()
            majorant = self.majorant(nodes, cut, leaf)
            found = self._extreme(majorant, leaf, nodes)
            value = self._value(majorant, leaf, found, nodes.sample)
            (gradient,) = torch.autograd.grad(value.sum(), leaf)
        reached = found.value + _ROUNDING * (1 + majorant.size.detach())
        reached = torch.where(reached.isnan(), torch.inf, reached)
        return Point(reached, found.place, torch.nan_to_num(gradient))

    def within(self, x: Tensor) -> Tensor:
        return x.maximum(self.least).minimum(self.most)

    def cut(self, nodes: Nodes) -> list[Cut]:
        """By layer two choices of lines, the box, and 1 where the node itself has bounds."""
        found = []
        for j, (curve, _) in enumerate(self.chain.layers):
            low, high = self._box(Boxes(nodes.low, nodes.high), j)
            if isinstance(curve, Kinked):
                lines = curve.lines(low, high, "steep"), curve.lines(low, high, "flat")
            else:
                slope, lowest, highest = curve.strip(low, high)
                lines = curve.lines(low, high), Lines(slope, lowest, slope, highest)
            bends = ((low < 0) & (high > 0) & self.whole(nodes)[:, None]).to(low)
            before = Boxes(*(end[nodes.sample] for end in self.chain.boxes[j]))
            own = Boxes((low > before.low).to(low), (high < before.high).to(low))
            found.append((*lines, Boxes(low, high), own, bends))
        return found

    def part(self, x: Tensor, name: str) -> Tensor:
        first = 0
        for other, width in self._sizes.items():
            if other == name:
                return x[:, first : first + width]
            first += width
        raise KeyError(name)

    def majorant(self, nodes: Nodes, cut: list[Cut], x: Tensor) -> Majorant:
        goal, chain, sample = self.goal, self.chain, nodes.sample
        rows = goal.rows(sample)
        box = self._last(Boxes(nodes.low, nodes.high))
        row, constant = goal.plane(self.part(x, "goal"), sample, box)
        less, more = (self.part(x, name) for name in ("low", "high"))
        if goal.boxed:
            lower, upper = less[:, self._places[-2]], more[:, self._places[-2]]
            row = row + lower - upper
            constant = constant + (upper * box.high - lower * box.low).sum(-1)
        a = (row[:, None] @ rows)[:, 0]
        size, quadratic, faces = constant.abs(), None, []
        for j in reversed(range(len(chain.layers))):
            affine = chain.layers[j][1]
            constant = constant + a @ affine.bias
            size = size + a.abs() @ affine.bias.abs()
            a = a @ affine.weight
            face = self._face(j, a, cut[j], x)
            low, high = cut[j][2]
            scale = a.detach().abs().mean(-1, keepdim=True) + 1e-9
            lower = scale * less[:, self._places[j]] * cut[j][3].low
            upper = scale * more[:, self._places[j]] * cut[j][3].high
            terms = face.intercept - lower * low + upper * high
            constant, size = constant + terms.sum(-1), size + terms.abs().sum(-1)
            a, quadratic = face.slope + lower - upper, face.quadratic
            faces.append(face)
        return Majorant(quadratic, a, constant, size, faces[::-1])

    def _face(self, j: int, a: Tensor, cut: Cut, x: Tensor) -> Face:
        one, other, _, _, bends = cut
        mix = self.part(x, "slope")[:, self._places[j]]
        line = Lines(*(mix * p + (1 - mix) * q for p, q in zip(one, other, strict=True)))
        positive, negative = a.clamp_min(0), a.clamp_max(0)
        slope = negative * line.lower_slope
        intercept = negative * line.lower_intercept
        if j or not self.chain.quadratic:
            slope, intercept = slope + positive * line.upper_slope, intercept + positive * line[3]
            return Face(a, None, slope, intercept)
        curve = self.chain.layers[0][0]
        assert isinstance(curve, Kinked)
        bend = torch.exp(self.part(x, "bend"))
        share = self.part(x, "share") * bends
        half = 0.5 * (1 - curve.leak) * share  # leaky ReLU is ½(1 + leak)·y + ½(1 − leak)·|y|
        up_slope = (1 - share) * line.upper_slope + share * 0.5 * (1 + curve.leak)
        up_intercept = (1 - share) * line.upper_intercept + 0.5 * half / bend
        slope, intercept = slope + positive * up_slope, intercept + positive * up_intercept
        return Face(a, 0.5 * positive * half * bend, slope, intercept)

    def _extreme(self, majorant: Majorant, x: Tensor, nodes: Nodes) -> Extreme:
        """The maximum over the ball; of several balls, over an ellipsoid that holds them."""
        chain, quadratic = self.chain, majorant.quadratic
        with torch.no_grad():
            start, centre, slope = chain.start, chain.centre[nodes.sample], majorant.slope
            still, matrix = majorant.constant + (slope * centre).sum(-1), None
            if quadratic is not None:
                still = still + (quadratic * centre**2).sum(-1)
                slope = slope + 2 * quadratic * centre
                matrix = start.T @ (quadratic[..., None] * start)
            b = slope @ start
            weight = self._weights(x)
            radius = (weight * chain.radii**2).sum(-1).sqrt().expand(len(b))
            if weight.shape[1] == 1:
                found = self._divided(largest(matrix, b, radius), b, nodes)
                return found._replace(value=found.value + still)
            scale = weight[:, chain.group] ** -0.5
            if matrix is not None:
                matrix = scale[:, :, None] * matrix * scale[:, None]
            found = largest(matrix, b * scale, radius)
            found = self._divided(found._replace(place=found.place * scale), b, nodes)
            return found._replace(value=found.value + still)

    def whole(self, nodes: Nodes) -> Tensor:
        """Whether the coordinates of nodes (B,) are not divided."""
        box = self._box(Boxes(nodes.low, nodes.high), len(self.units) - 1)
        reach = self.chain.radii[self.chain.group[: self.chain.few]]
        return ((box.low <= -reach) & (box.high >= reach)).all(-1)

    def _divided(self, found: Extreme, b: Tensor, nodes: Nodes) -> Extreme:
        """The smaller of a bound over the balls and that over the box of a node's coordinates."""
        if not self.chain.few:
            return found
        low, high = self._box(Boxes(nodes.low, nodes.high), len(self.units) - 1)
        place = torch.where(b > 0, high, low)
        value = (b * place).sum(-1) + _ROUNDING * (b * place).abs().sum(-1)
        better = ~self.whole(nodes) & (value < found.value)
        return Extreme(
            torch.where(better, value, found.value),
            torch.where(better[:, None], place, found.place),
            found.multiplier.masked_fill(better, 0.0),
        )

    def _weights(self, x: Tensor) -> Tensor:
        ratio = self.part(x, "ratio")
        return torch.exp(ratio) if ratio.shape[1] else torch.ones_like(x[:1, :1])

    def _value(self, majorant: Majorant, x: Tensor, found: Extreme, sample: Tensor) -> Tensor:
        """The majorant where it is largest: its gradient is that of the bound."""
        chain, z = self.chain, found.place
        y = z @ chain.start.T + chain.centre[sample]
        value = majorant.constant + (majorant.slope * y).sum(-1)
        if majorant.quadratic is not None:
            value = value + (majorant.quadratic * y * y).sum(-1)
        if len(chain.radii) > 1:
            groups = torch.nn.functional.one_hot(chain.group, len(chain.radii)).to(z)
            room = chain.radii**2 - (z * z) @ groups
            value = value + found.multiplier * (self._weights(x) * room).sum(-1)
        return value

    def gaps(self, nodes: Nodes, cut: list[Cut], x: Tensor, z: Tensor) -> Tensor:
        """By unit, how far the relaxation is above what it stands for at points z, (B, U)."""
        faces = self.majorant(nodes, cut, x).faces
        inputs, outputs = self.chain.values(z, nodes.sample)
        gaps = []
        for (curve, _), face, y in zip(self.chain.layers, faces, inputs, strict=True):
            gap = face.slope * y + face.intercept - face.weight * curve(y)
            gaps.append(gap if face.quadratic is None else gap + face.quadratic * y * y)
        if self.goal.boxed:
            m = self.rows(outputs, nodes.sample)
            box = self._last(Boxes(nodes.low, nodes.high))
            gaps.append(self.goal.gaps(self.part(x, "goal"), nodes.sample, box, m))
        return torch.cat([*gaps, torch.zeros_like(z[:, : self.chain.few])], 1)

    def values(self, z: Tensor, sample: Tensor) -> Tensor:
        """What each unit and each boxed row is at points z (B, d), (B, U)."""
        inputs, outputs = self.chain.values(z, sample)
        rows = [self.rows(outputs, sample)] if self.goal.boxed else []
        return torch.cat([*inputs, *rows, z[:, : self.chain.few]], 1)

    def enclosed(self, nodes: Nodes) -> Boxes:
        """The boxes of nodes, made smaller by intervals from those of their coordinates."""
        box = self._box(Boxes(nodes.low, nodes.high), len(self.units) - 1)
        found, outputs = self.chain.intervals(box.low, box.high, nodes.sample)
        if self.goal.boxed:
            middle, reach = 0.5 * (outputs[0] + outputs[1]), 0.5 * (outputs[1] - outputs[0])
            m, r = (
                (rows := self.goal.rows(nodes.sample)) @ middle[..., None],
                rows.abs() @ reach[..., None],
            )
            slack = 1e-9 * (1 + middle.abs().amax(-1, keepdim=True) + reach.amax(-1, keepdim=True))
            found.append((m[..., 0] - r[..., 0] - slack, m[..., 0] + r[..., 0] + slack))
        low, high = (
            torch.cat([*ends, z], 1) for ends, z in zip(zip(*found, strict=True), box, strict=True)
        )
        return Boxes(nodes.low.maximum(low), nodes.high.minimum(high))

    def change(self, z: Tensor, sample: Tensor) -> Tensor:
        """The goal itself at points z (B, d), less its value at the cut."""
        return self.goal.change(self.rows(self.chain.values(z, sample)[1], sample), sample)

    def climbed(self, z: Tensor, sample: Tensor, steps: int, first: float = 1.0) -> Tensor:
        """Points of the balls where the goal is larger than at z, by projected ascent.

        Steps go from `first` radii to a hundredth of its square.
        """
        chain, best = self.chain, self.chain.inside(z)
        groups = torch.nn.functional.one_hot(chain.group, len(chain.radii)).to(z)
        z, most = best, self.change(best, sample)
        for step in range(steps):
            with torch.enable_grad():
                leaf = z.detach().requires_grad_()
                (gradient,) = torch.autograd.grad(self.change(leaf, sample).sum(), leaf)
            norms = (gradient**2 @ groups).sqrt().clamp_min(1e-300)
            length = first * (0.01 * first) ** (step / steps)
            z = chain.inside(z + length * gradient * (chain.radii / norms)[:, chain.group])
            reached = self.change(z, sample)
            best = torch.where((reached > most)[:, None], z, best)
            most = reached.maximum(most)
        return best
