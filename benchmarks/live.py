"""From the bytes of a frame to the bytes of a signed request for two orders, beside the SDK's way.

``python -m benchmarks.live`` prints two Markdown tables. In the path are: reading and checking the
frame, one call of the compiled maker, two orders at the touch it knows (a stand-in for its wishes,
so that every frame has two), their prices and sizes as the venue's strings, nonce, signature and
JSON. Not in it: the socket, the journal, and the last checks before sending. The SDK's way is what
its examples do: `json`, its order types, its signer, `json` again; it reads no more than the touch
and decides nothing. Both end with the same request, to the last bit, or this stops.

Whoever else uses the machine is in the figures by the wall: of several rounds the one with the
least median is printed, all ways of it. Time of the processor leaves out when others had it.

The curve is libsecp256k1's, once more and alone. No signature can be made before the prices are
known: its secret number is derived of the message (RFC 6979), so that it equals the SDK's.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from eth_account import Account as Wallet
from hyperliquid.utils import signing as sdk
from numpy.typing import NDArray

from engine.actions import PLACE, Action
from engine.config import AssetSpec, MakerConfig
from engine.core import maker, output
from engine.core.book import ASK, BID
from engine.core.maker import new_maker
from engine.core.output import Output, drained
from engine.core.params import new_params
from engine.derive.decisions import derive_config
from engine.events import BUY, SELL
from engine.instrument import to_px
from engine.policy import load_policy
from engine.record import kernel, zeros
from engine.runners.market_source import market_of_spec
from engine.venues.hyperliquid.cloid import Cloid
from engine.venues.hyperliquid.exchange import Exchange, Prepared
from engine.venues.hyperliquid.frames import FrameReader
from engine.venues.hyperliquid.key import SigningKey
from engine.venues.hyperliquid.nonce import Nonces
from engine.venues.hyperliquid.wire import PlaceOrders, limit_order

SECRET = "0x" + "11" * 32
WALLET = Wallet.from_key(SECRET)
# the SDK's curve is in Python, unless coincurve happens to be installed
CURVES = {"SDK, coincurve": "CoinCurveECCBackend", "SDK": "NativeECCBackend"}
ASSET, ASSET_ID, SZ_DECIMALS, LOT, EPOCH = "BTC", 0, 5, 0.001, 1
WAY_MS = 120  # from the venue's block to us
SEED, DIGEST = 1, bytes(range(32))
ROUNDS, FRAMES, WARM_UP, SDK_EVERY = 5, 2_000, 200, 10
P50_US, P99_US = 60.0, 300.0
FIELDS = list(Action.dtype.names)
SIDE, CLOID, PX, SZ = (FIELDS.index(name) for name in ("side", "cloid", "px", "sz"))


class Frame(NamedTuple):
    """One frame, and when it came [ns]."""

    said: bytes
    recv_ns: int


@kernel
def hear(makers: Any, events: Any, n: int, outputs: Any) -> None:
    """Let the maker hear a frame, and wish for an order at each side of the touch."""
    m = makers[0]
    out = outputs[0]
    for k in range(n):
        maker.step(m, events[k], out)
    if not output.has_room(out):
        drained(out)
    out.n_actions = 0
    for side in (BUY, SELL):
        action = output.next_action(out, m.now_ns)
        action.kind = PLACE
        action.side = side
        action.cloid = m.now_ns // 1_000_000 * 2 + (side > 0)
        action.px = to_px(m.params.instrument, m.book.px[BID if side == BUY else ASK, 0])
        action.sz = LOT


class Ours:
    """Our path, step by step."""

    def __init__(self, folder: Path, config: Any) -> None:
        self.key = SigningKey(SECRET)
        nonces = Nonces(folder, self.key.address)
        self.exchange = Exchange("http://127.0.0.1:9", self.key, nonces)
        self.reader = FrameReader(ASSET)
        self.makers, self.outputs = new_maker(new_params(config)), zeros(Output)
        self.wishes = self.outputs["actions"][0, :2]

    def __call__(self, frame: Frame, lap: Callable[[], None]) -> Prepared:
        """Return a signed request; `lap` is called after each part."""
        events = self.reader.read(frame.said, frame.recv_ns)
        lap()
        hear(self.makers, events, len(events), self.outputs)
        lap()
        orders = [
            limit_order(
                ASSET_ID,
                wish[SIDE],
                wish[PX],
                wish[SZ],
                SZ_DECIMALS,
                tif="Alo",
                cloid=Cloid(EPOCH, ASSET_ID, wish[CLOID]).wire(),
            )
            for wish in self.wishes.tolist()
        ]
        lap()
        prepared = self.exchange.prepare(PlaceOrders(orders))
        lap()
        return prepared


def with_sdk(frame: Frame, ours: Prepared) -> bytes:
    """Return the request of the official SDK for the touch of a frame."""
    data = json.loads(frame.said)["data"]
    bid, ask = data["bbo"] if "bbo" in data else [side[0] for side in data["levels"]]
    wires = [
        sdk.order_request_to_order_wire(
            {
                "coin": ASSET,
                "is_buy": side == BUY,
                "sz": LOT,
                "limit_px": float(level["px"]),
                "order_type": {"limit": {"tif": "Alo"}},
                "reduce_only": False,
            },
            ASSET_ID,
        )
        for side, level in ((BUY, bid), (SELL, ask))
    ]
    assert isinstance(ours.action, PlaceOrders)
    for wire, order in zip(wires, ours.action.orders, strict=True):
        wire["c"] = order.c  # its own type would check the text again
    action = sdk.order_wires_to_order_action(wires)
    expires = ours.expires_ms
    signature = sdk.sign_l1_action(WALLET, action, None, ours.nonce, expires, False)
    request = {
        "action": action,
        "nonce": ours.nonce,
        "signature": signature,
        "vaultAddress": None,
        "expiresAfter": expires,
    }
    return json.dumps(request).encode()


def frames(kind: str) -> Iterator[Frame]:
    """Yield what the socket says of a made-up market: a book first, then books, or its touch."""
    rng = np.random.default_rng(SEED)
    bid, ms = 84_358, 1_790_000_000_000
    for k in range(WARM_UP + FRAMES):
        bid, ms = bid + int(rng.integers(-2, 3)), ms + int(rng.integers(45, 156))
        sides = [
            [{"px": f"{px}.0", "sz": f"{rng.exponential():.5f}1", "n": int(rng.integers(1, 50))}
             for px in prices]
            for prices in (range(bid, bid - 20, -1), range(bid + 1, bid + 21))
        ]  # fmt: skip
        is_book = kind == "l2Book" or k == 0
        what = {"levels": sides} if is_book else {"bbo": [side[0] for side in sides]}
        data = {"coin": ASSET, "time": ms} | what
        said = json.dumps({"channel": "l2Book" if is_book else "bbo", "data": data})
        yield Frame(said.replace(" ", "").encode(), (ms + WAY_MS) * 1_000_000)


def measure(config: MakerConfig, kind: str) -> dict[str, NDArray[Any]]:
    """Return how long each way took for each frame, by the wall and of the processor [µs].

    And each part of ours, by the wall.
    """
    with tempfile.TemporaryDirectory() as folder:
        took = _time(Ours(Path(folder), config), kind)
    return {way: np.array(ns) / 1e3 for way, ns in took.items()}


def _time(ours: Ours, kind: str) -> dict[str, list[Any]]:
    clock, cpu = time.perf_counter_ns, time.thread_time_ns
    took: dict[str, list[Any]] = {"ours": [], "parts": []} | {way: [] for way in CURVES}
    heard = list(frames(kind))  # beforehand: making one leaves no cache warm
    for k, frame in enumerate(heard):
        cpu_start, laps = cpu(), [clock()]
        prepared = ours(frame, lambda laps=laps: laps.append(clock()))
        if k < WARM_UP:
            assert json.loads(with_sdk(frame, prepared)) == json.loads(prepared.body)
            continue
        took["ours"].append((laps[-1] - laps[0], cpu() - cpu_start))
        start = clock()
        ours.key.sign(DIGEST)
        took["parts"].append([*np.diff(laps), clock() - start])
        if k % SDK_EVERY:
            continue
        for way, curve in CURVES.items():
            os.environ["ECC_BACKEND_CLASS"] = f"eth_keys.backends.{curve}"
            cpu_start, start = cpu(), clock()
            with_sdk(frame, prepared)
            took[way].append((clock() - start, cpu() - cpu_start))
    return took


def main() -> None:
    """Print both tables."""
    asked, policy = AssetSpec(asset=ASSET, capital_usd=10_000.0), load_policy()
    config, _ = derive_config(asked, market_of_spec(asked, hours=1).facts(ASSET, 0), policy)
    rows = []
    print("| frame | way | frames | median µs | 99 % µs | of the processor | its 99 % | / ours |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for kind in ("bbo", "l2Book"):
        rounds = [measure(config, kind) for _ in range(ROUNDS)]
        took = min(rounds, key=lambda took: float(np.median(took["ours"][:, 0])))
        parts = np.median(took.pop("parts"), axis=0)
        rows.append(f"| {kind} | " + " | ".join(f"{part:.1f}" for part in parts) + " |")
        base = float(np.median(took["ours"][:, 0]))
        for way, us in took.items():
            (p50, cpu50), (p99, cpu99) = np.percentile(us, (50, 99), axis=0)
            figures = " | ".join(f"{figure:,.0f}" for figure in (p50, p99, cpu50, cpu99))
            print(f"| {kind} | {way} | {len(us):,} | {figures} | {p50 / base:,.1f} |")
    print("\nThe parts of ours, median µs:\n")
    print("| frame | read | maker | orders | sign and write | of that, the curve |")
    print("|---|---:|---:|---:|---:|---:|")
    print("\n".join(rows))
    print(f"\nThe target for both is {P50_US:g} µs at the median and {P99_US:g} µs at 99 %.")


if __name__ == "__main__":
    main()
