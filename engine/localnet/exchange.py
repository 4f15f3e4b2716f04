"""The exchange as a state machine: blocks of requests in, answers and streams out.

A block does, in this order: what is due (funding, scheduled cancels); requests that take nothing,
with post-only orders among them; cancels; the market's own flow, then requests that may take, in
the order of their arrival; then marks, triggers and liquidations.

References
----------
Hyperliquid documentation, "Order book" (block ordering), read in September 2026.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from engine.localnet import (
    agents,
    clockwork,
    house,
    limits,
    liquidation,
    market_answers,
    marks,
    nonces,
    refusals,
    settings,
    trading,
    transfers,
)
from engine.localnet.digits import MICRO, MalformedError
from engine.localnet.floor import Block, Floor
from engine.localnet.info import ask
from engine.localnet.refusals import RefusedError
from engine.localnet.state import Account, Json, Market, State
from engine.localnet.universe import Universe, UniverseSpec

_STATE = TypeAdapter(State)
_HOUR_MS = 3_600_000

Act = Callable[[Floor, Account, Json], str | None]

TRADING: dict[str, Callable[[Json], trading.Deed]] = {
    "order": trading.read_order,
    "cancel": trading.read_cancel,
    "cancelByCloid": trading.read_cancel_by_cloid,
    "modify": trading.read_modify,
    "batchModify": trading.read_batch_modify,
}
# signed by the account or an agent of it
ACCOUNT: dict[str, Act] = {
    "updateLeverage": settings.update_leverage,
    "updateIsolatedMargin": settings.update_isolated_margin,
    "topUpIsolatedOnlyMargin": settings.top_up,
    "scheduleCancel": settings.schedule_cancel,
    "reserveRequestWeight": settings.reserve_requests,
    "agentSetAbstraction": settings.agent_set_abstraction,
    "noop": settings.nothing,
    "setReferrer": settings.set_referrer,
    "agentEnableDexAbstraction": settings.agent_enable_dex_abstraction,
    "gossipPriorityBid": settings.bid_for_priority,
    "createSubAccount": agents.create_sub_account,
    "agentSendAsset": transfers.agent_send_asset,
    "subAccountTransfer": transfers.sub_account_transfer,
    "subAccountSpotTransfer": transfers.sub_account_spot_transfer,
    "vaultTransfer": transfers.vault_transfer,
}
# signed by the account itself
OWNER: dict[str, Act] = {
    "usdClassTransfer": transfers.usd_class_transfer,
    "usdSend": transfers.usd_send,
    "withdraw3": transfers.withdraw,
    "spotSend": transfers.spot_send,
    "sendAsset": transfers.send_asset,
    "approveAgent": agents.approve_agent,
    "approveBuilderFee": agents.approve_builder,
    "userSetAbstraction": settings.user_set_abstraction,
    "userDexAbstraction": settings.user_set_dex_abstraction,
}


@dataclass(frozen=True, slots=True)
class Request:
    """An action whose signature holds: `signer` is the address that it recovers to."""

    signer: str
    action: Json
    nonce: int
    vault: str | None = None
    expires_after: int | None = None


class Exchange:
    """One exchange.

    Parameters
    ----------
    spec
        what is listed.
    time
        when it opens [ms UTC].
    """

    def __init__(self, spec: UniverseSpec, *, time: int) -> None:
        universe = Universe(spec)
        state = State(time=time, funding_hour=time // _HOUR_MS)
        for asset in universe.assets.values():
            px = max(1, round(asset.spec.px * asset.px_scale))
            state.markets[asset.id] = Market(px, px, listed=not asset.spec.delisted, prev_day=px)
        self.floor = Floor(universe, state)

    @property
    def time(self) -> int:
        """Time of the last block [ms UTC]."""
        return self.floor.state.time

    def deposit(self, address: str, usd: float, dex: str = "") -> None:
        """Give an account collateral on a dex."""
        if dex not in self.floor.universe.dex_index:
            raise ValueError(f"dex must be listed, was {dex!r}")
        number = self.floor.universe.dex_index[dex]
        transfers.deposit(self.floor, self.floor.account(address), round(usd * MICRO), number)

    def deposit_spot(self, address: str, token: int, amount: float) -> None:
        """Give an account tokens, by the token's index."""
        wei = round(amount * 10**8)
        transfers.deposit_spot(self.floor, self.floor.account(address), token, wei)

    def credit_volume(self, address: str, usd: float) -> None:
        """Let an account have traded before: it opens sub-accounts, scheduled cancels, requests."""
        self.floor.account(address).cum_volume += round(usd * MICRO)

    def only_post_only_until(self, time: int) -> None:
        """Refuse orders that are not post-only until then, as after a network upgrade."""
        self.floor.state.post_only_until = time

    def run_block(
        self, time: int, requests: Sequence[Request] = (), flow: Iterable[house.Op] = ()
    ) -> Block:
        """Make the next block.

        Parameters
        ----------
        time
            of the block [ms UTC]; never before the last one.
        requests
            in the order of their arrival.
        flow
            what the market itself does, in its own order.

        Raises
        ------
        ValueError
            if time goes back.
        """
        if time < self.time:
            raise ValueError(f"time must not be before {self.time}, was {time}")
        block = self.floor.begin(time)
        clockwork.begin(self.floor)
        answers: list[Json | None] = [None] * len(requests)
        turns = [_turn(request.action) for request in requests]
        for turn in range(3):
            if turn == 2:
                for op in flow:
                    house.apply(self.floor, op)
            for i, request in enumerate(requests):
                if turns[i] == turn:
                    answers[i] = self._answer(request)
        block.answers = answers
        if marks.update(self.floor):
            clockwork.fire_triggers(self.floor)
        liquidation.run(self.floor)
        market_answers.publish_touches(self.floor)
        return block

    def info(self, question: Json) -> Any:
        """Answer a body of ``/info`` as things stand after the last block.

        Raises
        ------
        MalformedError
            if the question cannot be read: the server answers 422.
        UnanswerableError
            if it is about what does not exist and the server answers 500 ``null``.
        """
        return ask(self.floor, question)

    def snapshot(self) -> bytes:
        """Return the whole state."""
        return _STATE.dump_json(self.floor.state)

    @classmethod
    def restore(cls, spec: UniverseSpec, blob: bytes) -> "Exchange":
        """Return an exchange that goes on from a snapshot of the same universe."""
        found = cls(spec, time=0)
        state = _STATE.validate_json(blob)
        if set(state.markets) != set(found.floor.universe.assets):
            raise ValueError("snapshot must be of the same universe, has other assets")
        found.floor = Floor(found.floor.universe, state)
        return found

    def _answer(self, request: Request) -> Json | None:
        """Return an action's answer; None where it cannot be read, and then nothing happened."""
        try:
            return {"status": "ok", "response": self._do(request)}
        except RefusedError as refused:
            return {"status": "err", "response": str(refused)}
        except MalformedError:
            return None

    def _do(self, request: Request) -> Json:
        floor, action, signer = self.floor, request.action, request.signer.lower()
        kind = str(action.get("type"))
        if kind not in TRADING and kind not in ACCOUNT and kind not in OWNER:
            raise MalformedError(f"type {kind!r} is unknown")
        deed = TRADING[kind](action) if kind in TRADING else None
        account = self._account(request, kind)
        kept = floor.state.nonces.setdefault(signer, [])
        nonces.use(kept, request.nonce, floor.state.time)
        if request.expires_after is not None and request.expires_after < floor.state.time:
            account.requests += limits.EXPIRED_COST * limits.batch_size(action)
            raise RefusedError(refusals.EXPIRED)
        limits.charge(account, action, floor.state.time)
        if deed is not None:
            if floor.state.time < floor.state.post_only_until and trading.takes(action):
                raise RefusedError(refusals.POST_ONLY_WINDOW)
            return deed(floor, account)
        data = (ACCOUNT.get(kind) or OWNER[kind])(floor, account, action)
        return {"type": "default"} if data is None else {"type": kind, "data": data}

    def _account(self, request: Request, kind: str) -> Account:
        floor, signer = self.floor, request.signer.lower()
        if kind in OWNER:
            if signer not in floor.state.accounts:
                raise RefusedError(f"Must deposit before performing actions. User: {signer}")
            return floor.account(signer)
        master = agents.master_of(floor, signer)
        vault = None if request.vault is None else request.vault.lower()
        return agents.acting(floor, master, vault)


def _turn(action: Json) -> int:
    try:
        return trading.block_class(action)
    except MalformedError:
        return 0
