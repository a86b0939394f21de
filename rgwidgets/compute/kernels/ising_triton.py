"""The triton kernel of `ising_cuda`, in pieces that triton inlines.

Without triton the functions stay plain Python that nobody calls.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from typing import Any

try:
    import triton
    import triton.language as tl
except ImportError:  # CPU builds of torch come without
    triton = tl = None


def _jit(**options: Any) -> Any:
    return triton.jit(**options) if triton else lambda function: function


@_jit()
def _load_word(pointer, inside):
    return tl.load(pointer, mask=inside, other=0).to(tl.uint64, bitcast=True)


@_jit()
def _load_neighbours(theirs, row, column, inside, colour, height, width, replicas):
    """The four neighbouring words; beyond the edge of the tiles every bit moves on by one tile."""
    row_above = tl.where(row == 0, height - 1, row - 1)
    above = _load_word(theirs + row_above * width + column, inside)
    above = tl.where(row == 0, (above << 8) | (above >> 56), above)
    row_below = tl.where(row == height - 1, 0, row + 1)
    below = _load_word(theirs + row_below * width + column, inside)
    below = tl.where(row == height - 1, (below >> 8) | (below << 56), below)
    beside = _load_word(theirs + row * width + column, inside)
    turned = column + tl.where((row + colour) % 2 == 1, replicas, -replicas)
    further = _load_word(theirs + row * width + (turned + width) % width, inside)
    left = ((further & 0x7F7F7F7F7F7F7F7F) << 1) | ((further >> 7) & 0x0101010101010101)
    right = ((further >> 1) & 0x7F7F7F7F7F7F7F7F) | ((further & 0x0101010101010101) << 7)
    further = tl.where(turned < 0, left, tl.where(turned >= width, right, further))
    return above, below, beside, further


@_jit()
def _symmetric_classes(spins, a, b, c, d, table):
    """Metropolis without field: spins from which no or one neighbour differs; the others flip."""
    a, b, c, d = a ^ spins, b ^ spins, c ^ spins, d ^ spins
    some = a | b | c | d
    certain = (a & b) | (c & d) | ((a | b) & (c | d))
    return certain, (~some, some & ~certain), (tl.load(table + 9), tl.load(table + 8))


@_jit()
def _general_classes(spins, a, b, c, d, table):
    """Ten masks, by the spin and the number of neighbours that are up, and their thresholds."""
    all_ab, all_cd, odd = a & b, c & d, a ^ b ^ c ^ d
    four = all_ab & all_cd
    three = odd & (all_ab | all_cd)
    none = ~(a | b | c | d)
    one, two, down = odd & ~three, ~(odd | four | none), ~spins
    lower = (none & down, one & down, two & down, three & down, four & down)
    upper = (none & spins, one & spins, two & spins, three & spins, four & spins)
    first = (tl.load(table), tl.load(table + 1), tl.load(table + 2), tl.load(table + 3),
             tl.load(table + 4))  # fmt: skip
    second = (tl.load(table + 5), tl.load(table + 6), tl.load(table + 7), tl.load(table + 8),
              tl.load(table + 9))  # fmt: skip
    return spins ^ spins, lower + upper, first + second


@_jit()
def _select(classes, sizes, digit):
    """That binary digit of each spin's own threshold."""
    chosen = classes[0] ^ classes[0]
    for j in tl.static_range(len(classes)):
        chosen |= tl.where(((sizes[j] >> digit) & 1) == 1, classes[j], classes[j] ^ classes[j])
    return chosen


@_jit(do_not_specialize=["seed", "step_low", "step_high", "colour", "height", "width", "replicas"])
def half_sweep(
    words, table, seed, step_low, step_high, colour, height, width, replicas,
    SYMMETRIC: tl.constexpr, DIGITS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Update one colour of `words` (2, height, width), int64.

    `table` (10,) holds the thresholds of the flip probabilities on `DIGITS` binary digits, by the
    spin and the number of neighbours up; `step_*` count the half-sweeps made, 31 bits each.
    """
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = index < height * width
    row, column = index // width, index % width
    mine = words + colour * height * width + index
    theirs = words + (1 - colour) * height * width
    spins = _load_word(mine, inside)
    a, b, c, d = _load_neighbours(theirs, row, column, inside, colour, height, width, replicas)
    if SYMMETRIC:
        flip_always, classes, sizes = _symmetric_classes(spins, a, b, c, d, table)
    else:
        flip_always, classes, sizes = _general_classes(spins, a, b, c, d, table)
    flip = spins ^ spins
    for pair in range(DIGITS // 2):
        r0, r1, r2, r3 = tl.philox(seed, index, step_low, step_high, pair)
        # lowest digit first: u < p is the majority of (u's digit is 0, p's digit is 1, what the
        # lower digits said)
        u = (r0.to(tl.uint64) << 32) | r1.to(tl.uint64)
        p = _select(classes, sizes, 2 * pair)
        flip = (~u & (p | flip)) | (p & flip)
        u = (r2.to(tl.uint64) << 32) | r3.to(tl.uint64)
        p = _select(classes, sizes, 2 * pair + 1)
        flip = (~u & (p | flip)) | (p & flip)
    flip |= flip_always | _select(classes, sizes, DIGITS)
    tl.store(mine, (spins ^ flip).to(tl.int64, bitcast=True), mask=inside)
