"""Four rows at a time, four columns in a register: the two inner loops of the elimination, written out for the compiler.

Left to itself the compiler vectorises one row after the other and goes through memory for every sum. Here sums stay in registers
while a whole block is gone through, and the order of every sum is fixed: whoever compiles it, the result is the same bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

WIDTH = 4
"""Rows that are worked on together, and numbers in a register; what the machine's own registers do not hold is split."""
ABREAST = 3
"""Registers of each row whose sums are formed together: twelve sums, three factors to be shared and one to multiply them with."""

_FUSED = ("contract",)
_VECTOR = ir.VectorType(ir.DoubleType(), WIDTH)
_LANE = ir.IntType(32)


def _row_of(context: Any, builder: Any, kind: Any, array: Any) -> Callable[[Any], Any]:
    """Address of a row of a C-contiguous array (n, m) of doubles."""
    made = context.make_array(kind)(context, builder, array)
    width = cgutils.unpack_tuple(builder, made.shape, 2)[1]
    return lambda row: builder.gep(made.data, [builder.mul(row, width)])


def _load(builder: Any, row: Any, column: Any) -> Any:
    address = builder.bitcast(builder.gep(row, [column]), _VECTOR.as_pointer())
    return builder.load(address, align=8)


def _store(builder: Any, value: Any, row: Any, column: Any) -> None:
    builder.store(value, builder.bitcast(builder.gep(row, [column]), _VECTOR.as_pointer()), align=8)


def _everywhere(builder: Any, number: Any) -> Any:
    """A vector with the same number in every place."""
    one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, _LANE(0))
    return builder.shuffle_vector(one, ir.Constant(_VECTOR, ir.Undefined), ir.Constant(ir.VectorType(_LANE, WIDTH), [0] * WIDTH))


def _minus_product(builder: Any, out: Any, a: Any, b: Any) -> Any:
    return builder.fsub(out, builder.fmul(a, b, flags=_FUSED), flags=_FUSED)


@intrinsic
def take_out(typing: Any, m: Any, first: Any, stop: Any, a: Any, c0: Any, c1: Any, c2: Any, out: Any, i: Any, back: Any) -> Any:
    """out[i : i + 4, c - back : + 4] -= m[first:stop, a : a + 4]^T m[first:stop, c : c + 4] for the columns c0, c1 and c2.

    The same column may be given twice; it is taken out once. `m` and `out` are C-contiguous; they may be the same array where the
    rows are others.
    """
    del typing
    kinds = (m, first, stop, a, c0, c1, c2, out, i, back)

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        source = _row_of(context, builder, signature.args[0], given[0])
        target = _row_of(context, builder, signature.args[7], given[7])
        start, end, factor, *columns, _, row, shift = given[1:]
        rows = [target(builder.add(row, row.type(r))) for r in range(WIDTH)]
        places = [builder.sub(column, shift) for column in columns]
        sums = [[cgutils.alloca_once_value(builder, _load(builder, own, place)) for place in places] for own in rows]
        with cgutils.for_range_slice(builder, start, end, start.type(1)) as (k, _):
            line = source(k)
            shared = [_load(builder, line, column) for column in columns]
            for r in range(WIDTH):
                times = _everywhere(builder, builder.load(builder.gep(line, [builder.add(factor, factor.type(r))])))
                for cell, value in zip(sums[r], shared, strict=True):
                    builder.store(_minus_product(builder, builder.load(cell), times, value), cell)
        for own, cells in zip(rows, sums, strict=True):
            for cell, place in zip(cells, places, strict=True):
                _store(builder, builder.load(cell), own, place)
        return context.get_dummy_value()

    return types.void(*kinds), generate


@intrinsic
def solve_rows(typing: Any, m: Any, i: Any, column: Any, inverse: Any, above: Any) -> Any:
    """m[i : i + 4, column : + 4] = U^-T of it, U being the upper triangular factor of the rows' own block.

    Args:
        inverse: its inverse diagonal, four numbers.
        above: what is above its diagonal, row by row, six numbers.
    """
    del typing

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        target = _row_of(context, builder, signature.args[0], given[0])
        rows = [target(builder.add(given[1], given[1].type(r))) for r in range(WIDTH)]
        scale = [_everywhere(builder, x) for x in cgutils.unpack_tuple(builder, given[3], WIDTH)]
        factor = iter([_everywhere(builder, x) for x in cgutils.unpack_tuple(builder, given[4], 6)])
        values = [_load(builder, own, given[2]) for own in rows]
        for r in range(WIDTH):
            values[r] = builder.fmul(values[r], scale[r])
            for below in range(r + 1, WIDTH):
                values[below] = _minus_product(builder, values[below], next(factor), values[r])
        for own, value in zip(rows, values, strict=True):
            _store(builder, value, own, given[2])
        return context.get_dummy_value()

    return types.void(m, i, column, inverse, above), generate
