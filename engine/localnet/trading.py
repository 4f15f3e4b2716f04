"""The trading actions: read whole, then done; an answer for every order of the batch.

A reader either raises `MalformedError` and nothing has happened, or returns what to do with the
account.
"""

from collections.abc import Callable
from typing import Any

from engine.localnet import placing, refusals, wire
from engine.localnet.digits import MalformedError
from engine.localnet.floor import Floor
from engine.localnet.refusals import RefusedError
from engine.localnet.state import Account, Json, Order
from engine.localnet.wire import Wanted

CANCELS_MOST = 200

Deed = Callable[[Floor, Account], Json]


def read_order(action: Json) -> Deed:
    """Read ``order``."""
    wanted = [wire.order(row) for row in wire.rows(action, "orders")]
    grouping, builder = action.get("grouping"), _builder(action)
    if grouping not in wire.GROUPINGS and not isinstance(grouping, dict):
        raise MalformedError(f"grouping must be one of {wire.GROUPINGS}, was {grouping!r}")

    def do(floor: Floor, account: Account) -> Json:
        _check_group(wanted, grouping)
        _check_listed(floor, wanted)
        if builder is not None and builder[1] > account.builders.get(builder[0], 0):
            raise RefusedError(refusals.NO_BUILDER_FEE)
        if grouping == "normalTpsl":
            return _statuses("order", _place_family(floor, account, wanted, builder))
        whole = grouping == "positionTpsl"
        placed = [
            placing.place(floor, account, one, builder=builder, whole=whole) for one in wanted
        ]
        if whole:
            _make_siblings([order for _, order in placed if order is not None])
        return _statuses("order", [status for status, _ in placed])

    return do


def read_cancel(action: Json) -> Deed:
    """Read ``cancel``."""
    pairs: list[tuple[int, int | str]] = [
        (wire.field(row, "a", int), wire.field(row, "o", int))
        for row in wire.rows(action, "cancels")
    ]
    return _cancel_all(pairs)


def read_cancel_by_cloid(action: Json) -> Deed:
    """Read ``cancelByCloid``."""
    return _cancel_all(
        [
            (wire.field(row, "asset", int), wire.read_cloid(row.get("cloid")))
            for row in wire.rows(action, "cancels")
        ]
    )


def read_modify(action: Json) -> Deed:
    """Read ``modify``: what is wrong with it is the whole action's answer."""
    key, wanted, always = _modification(action), _order_of(action), action.get("a") is True

    def do(floor: Floor, account: Account) -> Json:
        status = placing.modify(floor, account, key, wanted, always=always)
        if isinstance(status, dict) and "error" in status:
            raise RefusedError(status["error"])
        return {"type": "default"}

    return do


def read_batch_modify(action: Json) -> Deed:
    """Read ``batchModify``."""
    changes = [(_modification(row), _order_of(row)) for row in wire.rows(action, "modifies")]
    always = action.get("a") is True

    def do(floor: Floor, account: Account) -> Json:
        _check_listed(floor, [one for _, one in changes])
        return _statuses(
            "order",
            [placing.modify(floor, account, key, one, always=always) for key, one in changes],
        )

    return do


def block_class(action: Json) -> int:
    """Return when an action's turn comes in a block: 0 what takes nothing, 1 cancels, 2 the rest.

    One order that may take demotes the whole action (docs: "Order book", 2026-09).
    """
    kind = action.get("type")
    if kind in ("cancel", "cancelByCloid"):
        return 1
    if kind == "order":
        rows = wire.rows(action, "orders")
    elif kind == "batchModify":
        rows = [wire.field(row, "order", dict) for row in wire.rows(action, "modifies")]
    elif kind == "modify":
        rows = [wire.field(action, "order", dict)]
    else:
        return 0
    return 2 if any(wire.takes(row) for row in rows) else 0


def takes(action: Json) -> bool:
    """Return whether an action has an order that is not post-only."""
    return block_class(action) == 2


def _check_listed(floor: Floor, wanted: list[Wanted]) -> None:
    """Refuse the whole batch for one asset that is not listed, before any of it is done."""
    for one in wanted:
        placing.listed(floor, one.asset)


def _check_group(wanted: list[Wanted], grouping: Any) -> None:
    if not wanted:
        raise RefusedError(refusals.EMPTY)
    if isinstance(grouping, dict):  # nobody has staked what a priority fee is paid from
        raise RefusedError(refusals.NO_PRIORITY)
    if grouping == "na":
        return
    children = wanted[1:] if grouping == "normalTpsl" else wanted
    if grouping == "normalTpsl" and wanted[0].trigger_px is not None:
        raise RefusedError(refusals.MAIN_IS_TRIGGER)
    if not all(child.reduce_only and child.trigger_px is not None for child in children):
        raise RefusedError(refusals.TPSL_REDUCE_ONLY)


def _place_family(
    floor: Floor, account: Account, wanted: list[Wanted], builder: tuple[str, int] | None
) -> list[placing.Status]:
    """Place an order whose children wait for its fill; where it is refused they are too."""
    status, parent = placing.place(floor, account, wanted[0], builder=builder)
    if parent is None:
        return [status] * len(wanted)
    placed = [placing.adopt(floor, account, child, parent) for child in wanted[1:]]
    _make_siblings([order for _, order in placed if order is not None])
    return [status, *(child for child, _ in placed)]


def _make_siblings(orders: list[Order]) -> None:
    for order in orders:
        if order.trigger is not None:
            order.trigger.group = orders[0].oid


def _cancel_all(pairs: list[tuple[int, Any]]) -> Deed:
    def do(floor: Floor, account: Account) -> Json:
        if len(pairs) > CANCELS_MOST:
            raise RefusedError(refusals.OVER_WEIGHT)
        done = [placing.cancel(floor, account, number, key) for number, key in pairs]
        return _statuses("cancel", done)

    return do


def _modification(row: Json) -> int | str:
    return wire.order_key(row.get("oid"))


def _order_of(row: Json) -> Wanted:
    return wire.order(wire.field(row, "order", dict))


def _builder(action: Json) -> tuple[str, int] | None:
    if action.get("builder") is None:
        return None
    builder = wire.field(action, "builder", dict)
    return wire.address(builder, "b"), wire.field(builder, "f", int)


def _statuses(kind: str, statuses: list[placing.Status]) -> Json:
    return {"type": kind, "data": {"statuses": statuses}}
