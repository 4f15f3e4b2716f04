"""The connections as the operating system has them: to cut one without a word, or take none."""

import asyncio
import weakref
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

Peer = tuple[str, int]


class Lines:
    """Connections by the address at their other end.

    Parameters
    ----------
    is_down
        asked for every new connection: it is cut at once where the answer is yes.
    """

    def __init__(self, is_down: Callable[[], bool]) -> None:
        self._is_down = is_down
        self._open: weakref.WeakValueDictionary[Peer, asyncio.Transport] = (
            weakref.WeakValueDictionary()
        )

    def cut(self, peer: Peer | None) -> None:
        """Close a connection without a word."""
        line = None if peer is None else self._open.get((peer[0], peer[1]))
        if line is not None:
            line.abort()

    def cut_all(self) -> None:
        """Close all of them without a word."""
        for line in list(self._open.values()):
            line.abort()

    def opened(self, line: asyncio.Transport) -> None:
        """Take note of a new connection."""
        peer = line.get_extra_info("peername")
        if self._is_down():
            line.abort()
        elif peer is not None:
            self._open[tuple(peer)] = line


def protocol_of(lines: Lines) -> type[H11Protocol]:
    """Return uvicorn's HTTP protocol, which tells `lines` of its connections.

    ASGI has no word for closing without a word; a websocket goes on with the same transport.
    """

    class Noted(H11Protocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            lines.opened(transport)

    return Noted
