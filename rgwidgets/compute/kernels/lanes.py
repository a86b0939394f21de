"""A SIMD register inside numba: several 64-bit words that the processor handles side by side.

numba has no vector type and its loop vectoriser does not reach the data-dependent loops of
multi-spin coding, so this module gives numba one: `Lanes`, an LLVM vector of `LANES` unsigned
64-bit integers with the bitwise operators, addition, and shifts and rotations by constants. LLVM
lowers it to whatever the machine has (AVX2, AVX-512, SSE2, NEON). Values of the type live inside
compiled functions only; they never cross into Python.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic, models, overload, register_model

LANES = 4
"""Words in one register. Four fill an AVX2 register; two AVX-512 halves gain nothing here."""

_WORD = ir.IntType(64)
_VECTOR = ir.VectorType(_WORD, LANES)


class LanesType(types.Type):
    """numba's type of a register of `LANES` words."""

    def __init__(self) -> None:
        super().__init__(name=f"Lanes{LANES}")


lanes_type = LanesType()


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)


def _intrinsic(function: Callable[..., Any]) -> Any:
    """numba's decorator, whose stubs do not know that callers leave out the typing context."""
    return intrinsic(function)


def _constant(value: int) -> ir.Constant:
    return ir.Constant(_VECTOR, [value] * LANES)


def _address(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), _VECTOR.as_pointer())


@_intrinsic
def load(typing: Any, array: Any, index: Any) -> Any:
    """The words `array[index : index + LANES]` of a contiguous 1D uint64 array, unchecked."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = _address(context, builder, signature.args[0], args[0], args[1])
        return builder.load(pointer, align=8)

    return lanes_type(array, types.int64), generate


@_intrinsic
def store(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Write a register to `array[index : index + LANES]`, unchecked."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = _address(context, builder, signature.args[0], args[0], args[1])
        builder.store(args[2], pointer, align=8)
        return context.get_dummy_value()

    return types.void(array, types.int64, lanes_type), generate


@_intrinsic
def splat(typing: Any, word: Any) -> Any:
    """A register that holds the same word in every lane."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        undefined = ir.Constant(_VECTOR, ir.Undefined)
        first = builder.insert_element(undefined, args[0], ir.IntType(32)(0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return builder.shuffle_vector(first, undefined, zeros)

    return lanes_type(types.uint64), generate


@_intrinsic
def any_set(typing: Any, value: Any) -> Any:
    """Whether any bit of the register is set."""
    whole = ir.IntType(64 * LANES)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        joined = builder.bitcast(args[0], whole)
        return builder.icmp_unsigned("!=", joined, ir.Constant(whole, 0))

    return types.boolean(lanes_type), generate


@_intrinsic
def complement(typing: Any, value: Any) -> Any:
    """Every bit inverted."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.not_(args[0])

    return lanes_type(lanes_type), generate


def _binary(python_operator: Callable[..., Any], instruction: str) -> None:
    @_intrinsic
    def apply(typing: Any, left: Any, right: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return getattr(builder, instruction)(args[0], args[1])

        return lanes_type(lanes_type, lanes_type), generate

    @overload(python_operator)
    def _overload(left: Any, right: Any) -> Any:
        if isinstance(left, LanesType) and isinstance(right, LanesType):
            return _implementation
        return None

    # numba compares the two signatures, annotations included
    def _implementation(left: Any, right: Any) -> Any:
        return apply(left, right)


for _operator, _instruction in (
    (operator.and_, "and_"),
    (operator.or_, "or_"),
    (operator.xor, "xor"),
    (operator.add, "add"),
):
    _binary(_operator, _instruction)


def _by_constant(emit: Callable[[Any, Any, int], Any]) -> Any:
    """An intrinsic (register, literal) → register; a variable shift would cost registers."""

    @_intrinsic
    def apply(typing: Any, value: Any, count: Any) -> Any:
        literal = getattr(count, "literal_value", None)
        if literal is None:
            return None

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return emit(builder, args[0], literal)

        return lanes_type(lanes_type, types.literal(literal)), generate

    return apply


def _rotate(builder: Any, value: Any, count: int) -> Any:
    high = builder.shl(value, _constant(count))
    return builder.or_(high, builder.lshr(value, _constant(64 - count)))


shift_left = _by_constant(lambda builder, value, count: builder.shl(value, _constant(count)))
rotate_left = _by_constant(_rotate)
