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
    **o: Any,
) -> tuple[Any, Any]:
    """What `functional.multi_head_attention_forward` does; (length, batch, d) in and out."""
    if o.get("training", True) and dropout_p:
        raise Opaque("attention with dropout while training is random")
    if (
        add_zero_attn
        or any(o.get(k) is not None for k in ("static_k", "static_v"))
        or bias_k is not None
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
    for mask in _masks(o, len(query), len(key), query.shape[1], num_heads):
        scores = scores + mask
    weights = torch.softmax(scores, -1)
    mixed = torch.matmul(weights, v).permute(2, 0, 1, 3).flatten(2)
    out = functional.linear(mixed, out_proj_weight, out_proj_bias)
    if not o.get("need_weights", True):
        return out, None
    return out, weights.mean(1) if o.get("average_attn_weights", True) else weights


def _projections(
    packed: Tensor | None, bias: Tensor | None, o: dict[str, Any]
) -> list[tuple[Tensor, Tensor | None]]:
    if o.get("use_separate_proj_weight"):
        weights = [o[f"{name}_proj_weight"] for name in "qkv"]
    else:
        assert packed is not None
        weights = list(packed.chunk(3))
    biases = [None] * 3 if bias is None else list(bias.chunk(3))
    return list(zip(weights, biases, strict=True))


def _heads(x: Any, heads: int) -> Any:
    """(length, batch, d) → (batch, heads, length, d/heads)."""
    return x.unflatten(-1, (heads, -1)).permute(1, 2, 0, 3)


def _masks(o: dict[str, Any], rows: int, columns: int, batch: int, heads: int) -> list[Tensor]:
    """Masks to add to scores (batch, heads, rows, columns)."""
    found = []
    mask, padding = o.get("attn_mask"), o.get("key_padding_mask")
    if mask is not None:
        added = _added(mask)
        if added.ndim == 3:
            added = added.reshape(batch, heads, rows, columns)
        found.append(added)
    elif o.get("is_causal"):
        found.append(_added(torch.ones(rows, columns, dtype=torch.bool).triu(1)))
    if padding is not None:
        found.append(_added(padding)[:, None, None, :])
    return found


def _added(mask: Tensor) -> Tensor:
    """0 and −∞ where the mask is true, or a mask that is added as it is."""
    if mask.dtype is not torch.bool:
        return mask.double()
    return torch.zeros(mask.shape, dtype=torch.float64, device=mask.device).masked_fill(
        mask, -torch.inf
    )
