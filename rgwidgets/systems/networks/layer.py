"""Which layer of which module is meant, and the tensor in what it returns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from rgwidgets.core.errors import LayerError, ParameterError, ShapeError, nearest

#: What a wrapper of a module calls it.
_WRAPPED = {"_orig_mod", "module"}


def located(module: nn.Module, layer: str | nn.Module) -> tuple[nn.Module, str]:
    """The module without compilers and data parallelism around it, and the layer's name in it.

    Raises
    ------
    ParameterError
        If it is no module.
    LayerError
        If there is no such layer (the nearest is named), or some weights have no values.

    Examples
    --------
    >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    >>> located(nn.DataParallel(net), "module.1")[1], located(net, net[1])[1]
    ('1', '1')
    """
    if not isinstance(module, nn.Module):
        raise ParameterError("module", given=type(module).__name__, allowed="a torch.nn.Module")
    module = _unwrapped(module)
    if isinstance(layer, nn.Module):
        name = _name_of(module, _unwrapped(layer))
    else:
        name = _named(module, layer)
    _check_open(module, name)
    _check_values(module, name)
    return module, _plain(name)  # as in a copy, in which nothing is compiled


def tensor_of(output: Any, layer: str) -> Tensor:
    """The tensor in a layer's output: itself, or the first of a tuple."""
    first = output[0] if isinstance(output, (tuple, list)) and len(output) else output
    strided = isinstance(first, Tensor) and first.layout is torch.strided and not first.is_nested
    if strided and first.is_floating_point():
        return first
    given = type(first).__name__
    if isinstance(first, Tensor):
        kind = first.dtype if strided else first.layout
        given = "a nested tensor" if first.is_nested else str(kind)
    raise LayerError(
        f"output of layer {layer!r}",
        given=given,
        allowed="a floating-point tensor, or a tuple that starts with one",
        mend="choose a layer inside it, or one after it",
    )


def with_tensor(output: Any, new: Tensor) -> Any:
    """A layer's output with the tensor in it replaced."""
    if isinstance(output, Tensor):
        return new
    rest = (new, *output[1:])
    return type(output)(*rest) if hasattr(output, "_fields") else type(output)(rest)


def check_called_once(layer: str, calls: int) -> None:
    """Raise `LayerError` unless the layer ran once in a pass."""
    if calls == 1:
        return
    raise LayerError(
        f"layer {layer!r}",
        given=f"{calls} calls in one forward pass",
        allowed="exactly one",
        mend="wrap the one call that you mean in a module of its own"
        if calls
        else "choose a layer that the module uses",
    )


def check_shape(output: Tensor, layer: str, samples: int, feature_axis: int) -> None:
    """Raise `LayerError` unless samples come first, `ParameterError` for another feature axis."""
    if output.ndim < 2 or len(output) != samples:
        raise LayerError(
            f"output of layer {layer!r}",
            given=tuple(output.shape),
            allowed=f"({samples}, …, d): samples first, features on another axis",
            mend="use batch_first=True, or choose another layer",
        )
    if not output.numel():
        raise ShapeError(
            f"output of layer {layer!r}", given=tuple(output.shape), allowed="one number or more"
        )
    axis = feature_axis
    if type(axis) is not int or not -output.ndim < axis < output.ndim or axis == 0:
        raise ParameterError(
            "feature_axis",
            given=axis,
            allowed=f"1 to {output.ndim - 1}, or -1 for the last, of layer {layer!r}",
        )


def _unwrapped(module: nn.Module) -> nn.Module:
    while True:
        parallel = isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel))
        inner = dict(module.named_children()).get("module" if parallel else "_orig_mod")
        if inner is None:
            return module
        module = inner


def _names(module: nn.Module) -> dict[str, nn.Module]:
    """Every name of every part: one that is used twice has two."""
    return dict(module.named_modules(remove_duplicate=False))


def _name_of(module: nn.Module, layer: nn.Module) -> str:
    for name, part in _names(module).items():
        if part is layer:
            return name
    raise LayerError(
        "layer",
        given=type(layer).__name__,
        allowed=f"a submodule of this {type(module).__name__}",
        mend="pass the submodule of the module that you capture, not of a copy",
    )


def _named(module: nn.Module, layer: object) -> str:
    known = _names(module)
    if isinstance(layer, str):
        for name in _spellings(layer):
            if name in known:
                return name
        plain = {_plain(name): name for name in reversed(known)}
        if layer in plain:
            return plain[layer]
    names = [name for name in known if name]
    close = nearest(str(layer), names)
    shown = ", ".join(names if len(names) <= 12 else [*names[:12], "…"])
    raise LayerError(
        "layer",
        given=layer,
        allowed=shown or "'' (the module itself)",
        mend=f"did you mean {close!r}?" if close else "see the names in module.named_modules()",
    )


def _spellings(name: str) -> Iterator[str]:
    """The name, and without what wrappers of the whole put before it."""
    yield name
    while name.split(".")[0] in _WRAPPED:
        name = name.partition(".")[2]
        yield name


def _plain(name: str) -> str:
    return ".".join(part for part in name.split(".") if part != "_orig_mod")


def _check_open(module: nn.Module, layer: str) -> None:
    """What is scripted takes no hooks."""
    if isinstance(_names(module)[layer], torch.jit.ScriptModule):
        raise LayerError(
            f"layer {layer!r}",
            given="a scripted module",
            allowed="a layer that can be watched",
            mend="capture the module as it was before torch.jit.script or trace",
        )


def _check_values(module: nn.Module, layer: str) -> None:
    for name, held in [*module.named_parameters(), *module.named_buffers()]:
        lazy = nn.parameter.is_lazy(held)
        if lazy or held.is_meta:
            raise LayerError(
                f"layer {layer!r}",
                given=f"{'a lazy layer' if lazy else 'a meta tensor'}, {name!r}, in the module",
                allowed="weights that have values",
                mend="call the module once on a batch before"
                if lazy
                else 'load its weights: module.to_empty(device="cpu").load_state_dict(…)',
            )
