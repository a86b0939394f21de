"""Attention with several heads, as torch's own layers call it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ..opaque import Opaque
from .registry import composite


@composite("multi_head_attention_forward")
def multi_head_attention(
    query: Any,
    key: Any,
    value: Any,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    **o: Any,
) -> tuple[Any, Any]:
    """What `functional.multi_head_attention_forward` does; (length, batch, d) in and out."""
    if training and dropout_p:
        raise Opaque("attention with dropout while training is random")
    if add_zero_attn or any(
        one is not None for one in (bias_k, bias_v, o["static_k"], o["static_v"])
    ):
        raise Opaque("attention with static or additional keys")
    if query.ndim != 3:
        raise Opaque("attention over a batch without its axis")
    projections = _projections(in_proj_weight, in_proj_bias, o)
    q, k, v = (
        _heads(functional.linear(x, weight, bias), num_heads)
        for x, (weight, bias) in zip((query, key, value), projections, strict=True)
    )
    scores = torch.matmul(q * (q.shape[-1] ** -0.5), k.transpose(-2, -1))
    for mask in _masks(o, scores):
        scores = scores + mask
    weights = torch.softmax(scores, -1)
    mixed = torch.matmul(weights, v).permute(2, 0, 1, 3).flatten(2)
    out = functional.linear(mixed, out_proj_weight, out_proj_bias)
    if not o["need_weights"]:
        return out, None
    return out, weights.mean(1) if o["average_attn_weights"] else weights


def _projections(
    packed: Tensor | None, bias: Tensor | None, o: dict[str, Any]
) -> list[tuple[Tensor, Tensor | None]]:
    if o["use_separate_proj_weight"]:
        weights = [o[f"{name}_proj_weight"] for name in "qkv"]
    else:
        assert packed is not None
        weights = list(packed.chunk(3))
    biases = [None] * 3 if bias is None else list(bias.chunk(3))
    return list(zip(weights, biases, strict=True))


def _heads(x: Any, heads: int) -> Any:
    """(length, batch, d) → (batch, heads, length, d/heads)."""
    return x.unflatten(-1, (heads, -1)).permute(1, 2, 0, 3)


def _masks(o: dict[str, Any], scores: Any) -> list[Any]:
    """Masks to add to scores (batch, heads, rows, columns)."""
    mask, padding = o["attn_mask"], o["key_padding_mask"]
    rows, columns = scores.shape[-2:]
    found = []
    if o["is_causal"] and padding is None and not o["need_weights"]:
        # that hint alone is what torch then goes by, whatever the mask says
        mask = torch.ones(rows, columns, dtype=torch.bool, device=scores.device).triu(1)
    if mask is not None:
        added = _added(mask, scores)
        found.append(added.reshape(scores.shape) if added.ndim == 3 else added)
    if padding is not None:
        found.append(_added(padding, scores)[:, None, None, :])
    return found


def _added(mask: Any, scores: Any) -> Any:
    """0 and −∞ where the mask is true, or a mask that is added as it is."""
    if mask.dtype is not torch.bool:
        return mask
    return scores.new_zeros(mask.shape).masked_fill(mask, -torch.inf)
