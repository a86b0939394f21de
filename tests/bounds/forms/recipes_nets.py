"""What arguments torch's convolutions, pools, norms, losses and attention take, at random."""

from __future__ import annotations

import random
from typing import Any

import torch

from .calls import Numbers, Recipe
from .recipes import Maker, axes, axis, like, mask, places, recipe, shape


def per_axis(draw: random.Random, dims: int, low: int, high: int) -> Any:
    """One number for all axes, or one for each."""
    if draw.random() < 0.5:
        return draw.randint(low, high)
    return draw.choice((list, tuple))(draw.randint(low, high) for _ in range(dims))


def convolving(dims: int, turned: bool) -> Maker:
    def make(draw: random.Random) -> Recipe:
        groups = draw.choice([1, 1, 2])
        c, out = groups * draw.randint(1, 2), groups * draw.randint(1, 2)
        batch = (2,) if draw.random() < 0.8 else ()
        of = (*batch, c, *(draw.randint(3, 4) for _ in range(dims)))
        kernel = tuple(draw.randint(1, 2) for _ in range(dims))
        weight = (c, out // groups, *kernel) if turned else (out, c // groups, *kernel)
        options = {"bias": Numbers((out,)), "stride": per_axis(draw, dims, 1, 2),
                   "padding": per_axis(draw, dims, 0, 1)}  # fmt: skip
        if turned:
            options["output_padding"] = per_axis(draw, dims, 0, 1)
        elif draw.random() < 0.2:
            options["padding"] = draw.choice(["same", "valid"])
        rest = {"groups": groups, "dilation": per_axis(draw, dims, 1, 2)}
        if not turned:
            rest = dict(reversed(rest.items()))
        must = {"input": Numbers(of), "weight": Numbers(weight)}
        return Recipe(must, {**options, **rest})

    return make


for _dims in (1, 2, 3):
    recipe(f"conv{_dims}d")(convolving(_dims, False))
    recipe(f"conv_transpose{_dims}d")(convolving(_dims, True))


def pooling(dims: int, kind: str) -> Maker:
    def make(draw: random.Random) -> Recipe:
        batch = (2, 2) if draw.random() < 0.7 else (2,)
        of = (*batch, *(draw.randint(2, 5 if dims < 3 else 3) for _ in range(dims)))
        if kind.startswith("adaptive"):
            size = per_axis(draw, dims, 1, 2) if draw.random() < 0.7 else 1
            if dims > 1 and draw.random() < 0.2:
                size = [None] * (dims - 1) + [1]
            flag = {"return_indices": draw.random() < 0.5} if kind.endswith("max") else {}
            return Recipe({"input": Numbers(of), "output_size": size}, flag)
        options = {"stride": per_axis(draw, dims, 1, 2), "padding": per_axis(draw, dims, 0, 1)}
        if kind == "max":
            rest = {"dilation": per_axis(draw, dims, 1, 2), "ceil_mode": draw.random() < 0.3,
                    "return_indices": draw.random() < 0.3}  # fmt: skip
        else:
            rest = {"ceil_mode": draw.random() < 0.5, "count_include_pad": draw.random() < 0.5,
                    "divisor_override": draw.choice([2, 3, -2])}  # fmt: skip
            rest = rest if dims > 1 else {k: v for k, v in rest.items() if k[0] == "c"}
        kernel = per_axis(draw, dims, 1, 3)
        return Recipe({"input": Numbers(of), "kernel_size": kernel}, {**options, **rest})

    return make


for _dims in (1, 2, 3):
    recipe(f"avg_pool{_dims}d")(pooling(_dims, "average"))
    recipe(f"max_pool{_dims}d")(pooling(_dims, "max"))
    recipe(f"adaptive_avg_pool{_dims}d")(pooling(_dims, "adaptive average"))
    recipe(f"adaptive_max_pool{_dims}d")(pooling(_dims, "adaptive max"))


@recipe("batch_norm", "instance_norm")
def channel_norm(draw: random.Random) -> Recipe:
    of = shape(draw, 2)
    c = (of[1],)
    stats = {"running_mean": Numbers(c), "running_var": Numbers(c, 0.5)}
    affine = {"weight": Numbers(c), "bias": Numbers(c)}
    flag = draw.random() < 0.5
    if draw.random() < 0.4:  # in the order of torch's own functions, which is another
        key = draw.choice(["training", "use_input_stats"])
        rest = {key: flag, "momentum": 0.2, "eps": 0.01, "cudnn_enabled": False}
        return Recipe({"input": Numbers(of), **affine, **stats, **rest}, {})
    options: dict[str, Any] = {**affine, draw.choice(["training", "use_input_stats"]): flag}
    if draw.random() < 0.3:
        return Recipe({"input": Numbers(of)}, {**stats, **options, "momentum": 0.2, "eps": 0.01})
    return Recipe({"input": Numbers(of), **stats}, {**options, "momentum": 0.2, "eps": 0.01})


@recipe("group_norm")
def group_norm(draw: random.Random) -> Recipe:
    groups = draw.randint(1, 2)
    c = groups * draw.randint(1, 2)
    must = {"input": Numbers((2, c, *shape(draw, 0, 2))), "num_groups": groups}
    return Recipe(must, {"weight": Numbers((c,)), "bias": Numbers((c,)), "eps": 0.01})


@recipe("layer_norm", "rms_norm")
def layer_norm(draw: random.Random) -> Recipe:
    of = shape(draw)
    own = of[draw.randrange(len(of)) :]
    own = (*own[:-1], own[-1] + 1) if draw.random() < 0.05 else own
    must = {"input": Numbers(of), "normalized_shape": draw.choice((list, tuple))(own)}
    bias = {"bias": Numbers(own)} if draw.random() < 0.5 else {}
    return Recipe(must, {"weight": Numbers(own), **bias, "eps": draw.choice([0.01, 1e-3])})


@recipe("normalize")
def normalize(draw: random.Random) -> Recipe:
    of = shape(draw)
    dims = axes(draw, len(of)) if draw.random() < 0.3 else axis(draw, len(of))
    options = {"p": draw.choice([2, 2.0, 1.0]), "dim": dims, "eps": draw.choice([1e-12, 0.5, 3])}
    return Recipe({"input": Numbers(of, 0.5)}, options)


@recipe("cosine_similarity")
def cosine(draw: random.Random) -> Recipe:
    of = shape(draw, 1, 4)
    two = [Numbers(of, 0.2), Numbers(like(draw, of), 0.2)]
    draw.shuffle(two)
    options = {"dim": axis(draw, len(of)), "eps": draw.choice([1e-8, 1.0])}
    return Recipe({"x1": two[0], "x2": two[1]}, options)


@recipe("mse_loss")
def squared(draw: random.Random) -> Recipe:
    of = shape(draw)
    must = {"input": Numbers(of), "target": Numbers(like(draw, of))}
    if draw.random() < 0.7:
        return Recipe({**must, "reduction": "none"}, {})
    options = {"size_average": True, "reduce": False, "reduction": draw.choice(["mean", "none"])}
    return Recipe(must, {**options, "weight": Numbers(of)})


@recipe("cross_entropy")
def cross_entropy(draw: random.Random) -> Recipe:
    of = shape(draw, 1, 4)
    c = of[1] if len(of) > 1 else of[0]
    rest = (of[0], *of[2:]) if len(of) > 1 else ()
    target: Any = places(draw, rest, c, -1 if draw.random() < 0.1 else 0)
    target = Numbers(of, 0.1) if draw.random() < 0.15 else target
    options: dict[str, Any] = {"weight": Numbers((c,), 0.1), "ignore_index": draw.choice([0, -1])}
    options |= {"label_smoothing": 0.1} if draw.random() < 0.3 else {}
    must = {"input": Numbers(of), "target": target}
    if draw.random() < 0.8:
        must["reduction"] = draw.choice(["none", "none", "none", "mean", "sum"])
        options = options if draw.random() < 0.3 else {}
    return Recipe(must, options)


@recipe("dropout", "dropout1d", "dropout2d", "dropout3d", "feature_dropout", "alpha_dropout")
def dropout(draw: random.Random) -> Recipe:
    options = {"p": draw.choice([0.0, 0.5]), draw.choice(["training", "train"]): False}
    if draw.random() < 0.5:
        return Recipe({"input": Numbers(shape(draw)), **options}, {})
    return Recipe({"input": Numbers(shape(draw))}, {**options, "inplace": draw.random() < 0.5})


@recipe("scaled_dot_product_attention")
def attention(draw: random.Random) -> Recipe:
    batch = tuple(draw.randint(1, 2) for _ in range(draw.randint(0, 3)))
    length, context, d, e = (draw.randint(1, 3) for _ in range(4))
    keys = like(draw, batch) if draw.random() < 0.2 else batch
    must = {"query": Numbers((*batch, length, d)), "key": Numbers((*keys, context, d)),
            "value": Numbers((*keys, context, e))}  # fmt: skip
    of = (*like(draw, batch), length, context)
    options: dict[str, Any] = {}
    if draw.random() < 0.5:
        options["attn_mask"] = draw.choice([mask(draw, of), Numbers(of)])
        options |= {"dropout_p": 0.0, "is_causal": draw.random() < 0.1}
    elif draw.random() < 0.5:
        must["is_causal"] = True
    if draw.random() < 0.5:
        options |= {"scale": draw.choice([0.3, 1, None]), "enable_gqa": draw.random() < 0.5}
    return Recipe(must, options)


@recipe("multi_head_attention_forward")
def heads(draw: random.Random) -> Recipe:
    count, batch, length, context = (draw.randint(1, 2) for _ in range(4))
    d = 2 * count
    context = length if draw.random() < 0.5 else context
    lead: tuple[int, ...] = (batch,) if draw.random() < 0.8 else ()
    must = {"query": Numbers((length, *lead, d)), "key": Numbers((context, *lead, d)),
            "value": Numbers((context, *lead, d)), "embed_dim_to_check": d, "num_heads": count,
            "in_proj_weight": Numbers((3 * d, d)), "in_proj_bias": Numbers((3 * d,)),
            "bias_k": None, "bias_v": None, "add_zero_attn": draw.random() < 0.1,
            "dropout_p": draw.choice([0.0, 0.0, 0.5]), "out_proj_weight": Numbers((d, d)),
            "out_proj_bias": draw.choice([Numbers((d,)), None])}  # fmt: skip
    masks = [mask(draw, (length, context)), Numbers((length, context)),
             mask(draw, (batch * count, length, context)),
             torch.ones(length, context).triu(1).bool()]  # fmt: skip
    options = {"training": False, "key_padding_mask": mask(draw, (*lead, context)),
               "need_weights": draw.random() < 0.5, "attn_mask": draw.choice(masks),
               "is_causal": draw.random() < 0.5,
               "average_attn_weights": draw.random() < 0.5}  # fmt: skip
    return Recipe(must, options)
