"""What an exchange says of an account, seen from outside while everything dies and comes back."""

import threading
import time
from typing import Any, NamedTuple

import httpx

from benchmarks.chaos_processes import Processes

LOOK_S = 0.5
FILLS_EVERY = 8  # looks
MOST_TOLD = 2_000  # fills in one answer
OURS = "0x6777"


class Fill(NamedTuple):
    """A fill as the exchange has it."""

    asset: str
    side: int
    px: float
    sz: float
    fee: float


class Witness:
    """Asks the exchange twice a second, and remembers.

    Attributes
    ----------
    orders
        of ours, as they rested when the exchange answered last.
    orphaned_s
        by number, how long an order of ours was seen resting while no engine answered for it [s].
        The time counts from the engine's death or, where that is later, from when both the
        guard and the exchange were back: nobody could have cancelled it before.
    frozen_s
        the same while its engine stood still.
    forgotten
        what the exchange had told once, and later did not know, or told otherwise.
    """

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._http = httpx.Client(base_url=processes.url, timeout=5.0, trust_env=False)
        self.dexes = sorted({asset.rpartition(":")[0] for asset in processes.assets} | {""})
        self.fills: dict[int, Fill] = {}
        self.orphaned_s: dict[int, float] = {}
        self.frozen_s: dict[int, float] = {}
        self.forgotten: list[str] = []
        self.orders: list[dict[str, Any]] = []
        self.looks = 0
        self._dead_since: dict[str, float] = {}
        self._back_s: float | None = None
        self._turn = threading.Lock()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more by itself."""
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join()

    def close(self) -> None:
        """Look no more, and let go of the exchange."""
        self.stop()
        self._http.close()

    def look(self) -> bool:
        """Look once; return whether the exchange answered."""
        with self._turn:
            try:
                self._look()
            except httpx.HTTPError:
                self._back_s = None
                return False
            return True

    def open_orders(self) -> list[dict[str, Any]]:
        """Return what rests on all dexes."""
        asked = {"type": "frontendOpenOrders"}
        return [row for dex in self.dexes for row in self.ask(**asked, dex=dex)]

    def position(self, asset: str) -> float:
        """Return the coins held of an asset."""
        state = self.ask("clearinghouseState", dex=asset.rpartition(":")[0])
        held = [one["position"] for one in state["assetPositions"]]
        return sum(float(one["szi"]) for one in held if one["coin"] == asset)

    def ask(self, type: str, **more: Any) -> Any:
        """Return the exchange's answer about the account."""
        body = {"type": type, "user": self._processes.account} | more
        return self._http.post("/info", json=body).raise_for_status().json()

    def _run(self) -> None:
        due_s = time.monotonic()
        while not self._is_over.wait(max(due_s - time.monotonic(), 0.0)):
            due_s = time.monotonic() + LOOK_S
            self.look()

    def _look(self) -> None:
        orders = [row for row in self.open_orders() if (row["cloid"] or "").startswith(OURS)]
        now_s = time.monotonic()
        is_back = self._back_s is None
        self._back_s = self._back_s or now_s
        if is_back:
            told = [row["oid"] for row in self.orders]
            statuses = {oid: self.ask("orderStatus", oid=oid)["status"] for oid in told}
            self.forgotten += [f"order {oid}" for oid in told if statuses[oid] != "order"]
        if is_back or self.looks % FILLS_EVERY == 0:
            self.hear_fills()
        self.looks += 1
        self.orders = orders
        self._measure(orders, now_s)

    def hear_fills(self) -> None:
        """Ask for every fill, and note what has changed of those that were told already."""
        told = {row["tid"]: _fill(row) for row in self._told()}
        self.forgotten += [f"fill {tid}" for tid, f in self.fills.items() if told.get(tid) != f]
        self.fills = told

    def _told(self) -> list[dict[str, Any]]:
        """Return every fill there is, page by page."""
        rows: dict[int, dict[str, Any]] = {}
        since_ms = 0
        while True:
            page = self.ask("userFillsByTime", startTime=since_ms)
            rows |= {row["tid"]: row for row in page}
            if len(page) < MOST_TOLD:
                return list(rows.values())
            since_ms = page[-1]["time"]

    def _measure(self, orders: list[dict[str, Any]], now_s: float) -> None:
        answered = self._processes.answered_for()
        for asset in self._processes.assets:
            died_s = self._processes.engine_died_s.pop(asset, now_s)
            if asset in answered:
                self._dead_since.pop(asset, None)
            else:
                self._dead_since.setdefault(asset, died_s)
        guard_s, back_s = self._processes.guard_since_s(), self._back_s
        if guard_s is None or back_s is None:
            return
        frozen = self._processes.frozen
        for row in orders:
            dead_s = self._dead_since.get(row["coin"])
            if dead_s is not None:
                seen_s = self.frozen_s if row["coin"] in frozen else self.orphaned_s
                seen_s[row["oid"]] = now_s - max(dead_s, guard_s, back_s)


def _fill(row: dict[str, Any]) -> Fill:
    side = 1 if row["side"] == "B" else -1
    return Fill(row["coin"], side, float(row["px"]), float(row["sz"]), float(row["fee"]))
