"""Ask Hyperliquid about one account: what it holds, what it has asked for, what it may do."""

from engine.venues.hyperliquid import account_answers as shapes
from engine.venues.hyperliquid.answers import UserFees
from engine.venues.hyperliquid.info import InfoClient

PAGE = 2_000  # fills in one answer
REACHABLE = 10_000  # fills: the venue keeps no more


class Account:
    """One account on one server, seen through an `InfoClient`; every method is one question.

    Parameters
    ----------
    client
        of the server.
    address
        of the account that trades: a master or a sub-account, never an agent.
    dex
        whose orders and positions are asked for; fills and limits are of all.
    """

    def __init__(self, client: InfoClient, address: str, dex: str = "") -> None:
        self.address, self.dex = address.lower(), dex
        self._client = client

    def open_orders(self) -> tuple[shapes.Order, ...]:
        """Return what rests, newest first, trigger orders included."""
        return self._client.ask(
            shapes.OPEN_ORDERS, type="frontendOpenOrders", user=self.address, dex=self.dex
        )

    def order_status(self, oid: int | str) -> shapes.OrderNews | None:
        """Return the last change of an order, named by oid or cloid; None where it never was.

        Its size is that at the change: partial fills do not move it (`open_orders` shows them).
        """
        return self._client.ask(
            shapes.ORDER_STATUS, type="orderStatus", user=self.address, oid=oid
        ).order

    def fills(self) -> tuple[shapes.Fill, ...]:
        """Return the last fills, newest first, `PAGE` at most."""
        fills = self._client.ask(shapes.FILLS, type="userFills", user=self.address)
        self._client.charge(len(fills))
        return fills

    def fills_since(self, start_ms: int) -> tuple[shapes.Fill, ...]:
        """Return all fills from a time on [ms since 1970], oldest first, each once.

        Raises
        ------
        ValueError
            if there are more than the venue tells: some may be missing.
        """
        found: dict[tuple[int, str, int], shapes.Fill] = {}
        while True:
            page = self._client.ask(
                shapes.FILLS,
                type="userFillsByTime",
                user=self.address,
                startTime=start_ms,
                endTime=None,
                aggregateByTime=False,
            )
            self._client.charge(len(page))
            known = len(found)
            found |= {fill.key: fill for fill in page}
            stuck = len(page) == PAGE and len(found) == known
            if stuck or len(found) >= REACHABLE:
                raise ValueError(
                    f"start_ms must leave fewer than {REACHABLE} fills, was {start_ms}: "
                    "the venue tells no more, so some may be missing"
                )
            if len(page) < PAGE:
                return tuple(found.values())
            start_ms = page[-1].time  # the end of a page may cut fills of one time

    def clearinghouse(self) -> shapes.ClearinghouseState:
        """Return positions and margin on the dex."""
        return self._client.ask(
            shapes.CLEARINGHOUSE, type="clearinghouseState", user=self.address, dex=self.dex
        )

    def rate_limit(self) -> shapes.RateLimit:
        """Return how many requests the address has used and may use."""
        return self._client.ask(shapes.RATE_LIMIT, type="userRateLimit", user=self.address)

    def fees(self) -> UserFees:
        """Return the account's fee rates."""
        return self._client.user_fees(self.address)

    def abstraction(self) -> shapes.Abstraction:
        """Return how the account keeps its balances.

        Where they are unified, `clearinghouse` shows only what is posted for perpetuals.
        """
        return self._client.ask(shapes.ABSTRACTION, type="userAbstraction", user=self.address)

    def agents(self) -> tuple[shapes.Agent, ...]:
        """Return the named agents of the account."""
        return self._client.ask(shapes.AGENTS, type="extraAgents", user=self.address)

    def role(self, address: str | None = None) -> shapes.Role:
        """Return what an address is to the venue; the account itself by default."""
        return self._client.ask(shapes.ROLE, type="userRole", user=address or self.address)
