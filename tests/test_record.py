"""State as data: what a checkpoint refuses, and that nested records change by reference."""

from typing import Annotated

import numpy as np
import pytest
from numba.core.errors import NumbaError

from engine.record import (
    JIT,
    SchemaMismatchError,
    dump_state,
    f8,
    i4,
    i8,
    kernel,
    load_state,
    record,
    schema_hash,
    zeros,
)


@record
class Order:
    px: f8
    state: i8


@record
class Book:
    best: Order
    orders: Annotated[Order, 4]
    depth: Annotated[f8, (2, 3)]


@kernel
def _poke(order, px):
    order.px = px
    order.state += 1


@kernel
def poke(states):
    s = states[0]
    _poke(s.best, 1.5)
    _poke(s.orders[2], 2.5)
    s.depth[1, 2] = 3.5


@kernel
def _double(numbers):
    return (2.0 * numbers).sum()


@pytest.mark.skipif(not JIT, reason="uncompiled, numpy allocates as it likes")
def test_a_kernel_that_would_allocate_is_refused():
    with pytest.raises(NumbaError, match="NRT required"):
        _double(np.ones(3))


def layout(*fields):
    return schema_hash(np.dtype(list(fields), align=True))


def test_schema_hash_changes_with_name_type_shape_and_order():
    hashes = {
        layout(("px", f8), ("state", i8)),
        layout(("price", f8), ("state", i8)),
        layout(("px", f8), ("state", i4)),
        layout(("state", i8), ("px", f8)),
        layout(("px", f8), ("state", i8, 2)),
        layout(("px", f8)),
    }
    assert len(hashes) == 6
    assert layout(("px", f8), ("state", i8)) == schema_hash(Order.dtype)


def test_schema_hash_sees_a_change_deep_inside():
    @record
    class Other:
        px: f8
        status: i8

    @record
    class OtherBook:
        best: Other
        orders: Annotated[Other, 4]
        depth: Annotated[f8, (2, 3)]

    assert schema_hash(OtherBook.dtype) != schema_hash(Book.dtype)


def test_a_checkpoint_brings_back_every_byte():
    books = zeros(Book)
    poke(books)
    again = load_state(Book, dump_state(books))
    assert again.tobytes() == books.tobytes()
    poke(again)  # it is a copy, and writable
    assert again[0].best.state == 2
    assert books[0].best.state == 1


def test_a_checkpoint_of_another_layout_is_refused():
    with pytest.raises(SchemaMismatchError, match="another layout of Book"):
        load_state(Book, dump_state(zeros(Order)))


@pytest.mark.parametrize("length", [0, 5, 31, 32, 33, 32 + Book.dtype.itemsize - 1])
def test_a_cut_checkpoint_is_refused(length):
    with pytest.raises(SchemaMismatchError):
        load_state(Book, dump_state(zeros(Book))[:length])


@pytest.mark.parametrize("function", [poke, getattr(poke, "py_func", poke)])
def test_nested_records_change_by_reference_compiled_and_not(function):
    books = zeros(Book)
    function(books)
    function(books)
    book = books[0]
    assert (book.best.px, book.best.state) == (1.5, 2)
    assert (book.orders[2].px, book.orders[2].state) == (2.5, 2)
    assert book.depth.tolist() == [[0, 0, 0], [0, 0, 3.5]]
    assert book.orders[1].state == book.orders[3].state == 0


def test_a_field_that_numpy_would_shadow_is_refused():
    with pytest.raises(ValueError, match=r"Bad: a numpy record has its own \['flags'\]"):

        @record
        class Bad:
            flags: i8
