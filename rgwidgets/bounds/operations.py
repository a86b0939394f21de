"""The length of a computation: arithmetical operations, counted while it runs."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry


class Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the operations on tensors in its block.

    A product of matrices (m, k) and (k, n) counts 2mkn; everything else counts the numbers that
    it reads or writes, whichever are more; a view counts nothing.

    Attributes
    ----------
    count
        The number so far.

    Examples
    --------
    >>> import torch
    >>> with Operations() as counted:
    ...     _ = torch.ones(2, 3) @ torch.ones(3, 5)
    >>> counted.count  # 6 and 15 ones are written
    81
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        given = kwargs or {}
        out = func(*args, **given)
        formula = flop_registry.get(func.overloadpacket)
        if formula is not None:
            self.count += int(formula(*args, **given, out_val=out))
        elif not func.is_view:
            leaves = tree_leaves((args, given, out))
            self.count += max((t.numel() for t in leaves if isinstance(t, Tensor)), default=0)
        return out
