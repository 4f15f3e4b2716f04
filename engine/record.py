"""State as data: `@record` declares packed memory, `@kernel` compiles the functions that change it.

A record class is never instantiated; it *is* its numpy dtype. All memory of an engine is one array
of one record, so a checkpoint is the array's bytes and a restart changes nothing.

Set ``GANGWAY_JIT=0`` to run the same source uncompiled, for coverage and debugging.
"""

import functools
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import numba
import numpy as np
from numba.core.types import unliteral
from numpy.typing import NDArray

f8 = np.float64
i8 = np.int64
i4 = np.int32
i2 = np.int16

JIT = os.environ.get("GANGWAY_JIT", "1") != "0"


class SchemaMismatchError(ValueError):
    """A checkpoint was written by another layout of the record."""


ROOT = Path(__file__).parent


def source_hash() -> str:
    """Return the SHA-256, as hex, of the engine's Python sources: the code version of a verdict."""
    digest = hashlib.sha256()
    for path in sorted(ROOT.rglob("*.py")):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


# what a kernel may call, from the bottom up; what no line names may call everything
_LAYERS = (".", "core", "sim", "gateway")
CACHE = Path(os.environ.get("GANGWAY_CACHE") or ROOT / "__pycache__")


@functools.cache
def _cache_dir(package: str) -> str:
    """Return where the kernels of a package are cached: named by all the source they may call.

    numba notices a change in the file of the outermost function, never in the functions it calls.
    """
    below = _LAYERS[: _LAYERS.index(package) + 1] if package in _LAYERS else (*_LAYERS, package)
    digest = hashlib.sha256()
    for folder in below:
        for path in sorted(ROOT.glob("*.py") if folder == "." else (ROOT / folder).rglob("*.py")):
            source = path.read_bytes()
            # the shapes of configuration and policy are no kernel's business
            if folder != "." or b"pydantic" not in source or path == Path(__file__):
                digest.update(path.name.encode() + b"\0" + source)
    return str(CACHE / f"kernels-{package.strip('.') or 'base'}-{digest.hexdigest()[:16]}")


def record(cls: type) -> Any:
    """Give a class of annotations the dtype they describe, as ``cls.dtype``.

    A field is a scalar (`f8`, `i8`, `i4`, `i2`), another record, or
    ``Annotated[field, shape]`` for an array of either.

    Examples
    --------
    >>> @record
    ... class Order:
    ...     px: f8
    ...     state: i8
    >>> @record
    ... class Book:
    ...     orders: Annotated[Order, 4]
    ...     depth: Annotated[f8, (2, 3)]
    >>> books = zeros(Book)
    >>> books[0].orders[2].px = 7.0
    >>> float(books[0].orders[2].px)
    7.0
    """
    hints = get_type_hints(cls, include_extras=True)
    if taken := [name for name in hints if hasattr(np.record, name)]:
        raise ValueError(f"{cls.__name__}: a numpy record has its own {taken}; choose other names")
    fields = [(name, *_field(spec)) for name, spec in hints.items()]
    cls.dtype = np.dtype((np.record, np.dtype(fields, align=True)))  # pyright: ignore
    return cls


def _field(spec: Any) -> tuple[Any, ...]:
    if get_origin(spec) is Annotated:
        inner, shape = get_args(spec)
        return _scalar(inner), shape
    return (_scalar(spec),)


def _scalar(spec: Any) -> Any:
    dtype = getattr(spec, "dtype", None)
    return dtype if isinstance(dtype, np.dtype) else spec


def zeros(cls: Any, n: int = 1) -> NDArray[Any]:
    """Return `n` zeroed records of class `cls`; index an element to read and write its fields."""
    return np.zeros(n, cls.dtype)


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function over records and scalars; with ``GANGWAY_JIT=0`` return it as it is.

    Division by zero gives infinity or NaN in both modes, as numpy does.
    """
    if not JIT:
        return function
    package = function.__module__.split(".")[1:-1] or ["."]
    inside = function.__module__.startswith("engine.")
    numba.config.CACHE_DIR = _cache_dir(package[0] if inside else "outside")  # pyright: ignore
    # without numba's runtime no kernel may allocate, and no reference to an array is counted
    options: Any = {"cache": True, "error_model": "numpy", "no_cfunc_wrapper": True, "_nrt": False}
    compiled: Any = numba.njit(**options)(function)
    typed = compiled.get_call_template
    # numba would compile a kernel anew for every constant it is called with
    compiled.get_call_template = lambda args, kws: typed(
        tuple(unliteral(a) for a in args), {name: unliteral(a) for name, a in kws.items()}
    )
    return compiled


@kernel
def copy(to: Any, numbers: Any) -> None:
    """Copy numbers into an array of the same length: a kernel's ``to[:] = numbers``."""
    for k in range(len(numbers)):
        to[k] = numbers[k]


def schema_hash(dtype: np.dtype) -> bytes:
    """Return 32 bytes that change with any field's name, type, order or offset.

    >>> schema_hash(np.dtype("f8")) == schema_hash(np.dtype("i8"))
    False
    """
    return hashlib.sha256(repr(_layout(dtype)).encode()).digest()


def _layout(dtype: np.dtype) -> Any:
    if dtype.subdtype is not None:
        inner, shape = dtype.subdtype
        return (_layout(inner), shape)
    if dtype.fields is None:
        return dtype.str
    return [(name, _layout(field[0]), field[1]) for name, field in dtype.fields.items()]


def dump_state(state: NDArray[Any]) -> bytes:
    """Return a checkpoint of `state`: the schema's hash, then its bytes."""
    return schema_hash(state.dtype) + state.tobytes()


def load_state(cls: Any, blob: bytes) -> NDArray[Any]:
    """Return the state in a checkpoint written by `dump_state`.

    Raises
    ------
    SchemaMismatchError
        if the checkpoint was written by another layout of `cls`, or is cut short.
    """
    if blob[:32] != schema_hash(cls.dtype):
        raise SchemaMismatchError(
            f"checkpoint holds another layout of {cls.__name__}; "
            "delete it to start this engine anew, or run the code version that wrote it"
        )
    if len(blob) == 32 or (len(blob) - 32) % cls.dtype.itemsize:
        raise SchemaMismatchError(f"checkpoint of {cls.__name__} is cut short at {len(blob)} bytes")
    return np.frombuffer(blob, cls.dtype, offset=32).copy()
