"""Limits of an IP: request weight a minute, sockets, subscriptions, users it follows."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable

from engine.runners.localnet.settings import Settings


class Visitors:
    """Everybody who comes from somewhere, by IP; 127.0.0.2 is another than 127.0.0.1."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._clock = settings, clock
        self._left: dict[str, tuple[float, float]] = {}  # weight, when
        self.sockets: Counter[str] = Counter()
        self.subscriptions: Counter[str] = Counter()
        self._users: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def admits(self, ip: str, weight: int) -> bool:
        """Spend weight that refills evenly; return whether there was enough of it."""
        if not self._settings.ip_limits:
            return True
        most, now_s = self._settings.weight_per_min, self._clock()
        left, then_s = self._left.get(ip, (float(most), now_s))
        left = min(most, left + (now_s - then_s) * most / 60)
        enough = left >= weight
        self._left[ip] = (left - weight if enough else left, now_s)
        return enough

    def owes(self, ip: str, weight: int) -> None:
        """Spend what an answer turned out to weigh on top; it may leave a debt."""
        if self._settings.ip_limits and weight:
            left, then_s = self._left.get(ip, (float(self._settings.weight_per_min), self._clock()))
            self._left[ip] = (left - weight, then_s)

    def too_many_sockets(self, ip: str) -> bool:
        """Return whether an IP has more sockets than it may."""
        return self._settings.ip_limits and self.sockets[ip] > self._settings.connections

    def objection(self, ip: str, user: str | None) -> str:
        """Return why an IP may not subscribe to more, in the venue's words where they are known."""
        if not self._settings.ip_limits:
            return ""
        if self.subscriptions[ip] >= self._settings.subscriptions:
            return f"Cannot subscribe to more than {self._settings.subscriptions} channels."
        followed = self._users[ip]
        if user is None or user in followed or len(followed) < self._settings.users:
            return ""
        return f"Cannot track more than {self._settings.users} total users."

    def follow(self, ip: str, user: str | None, step: int) -> None:
        """Count a subscription that begins (1) or ends (-1)."""
        self.subscriptions[ip] += step
        if user is not None:
            self._users[ip][user] += step
            if self._users[ip][user] <= 0:
                del self._users[ip][user]
