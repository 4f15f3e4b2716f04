"""A recorder's clock, put right as far as what it heard proves it slow."""

AHEAD_NS = 60_000_000_000  # a message further ahead of the clock than this proves nothing


class RecorderClock:
    """Moves a slow clock forward: nothing is heard before it happens.

    Raising each time by itself would let messages that carry no venue time (spot ``bookTicker``)
    slip ahead of those that do. So once a message proves the clock behind, every later time moves
    by as much: order and intervals stay, and a drift is followed. A clock that is ahead cannot be
    told from a slow network, and is left alone.
    """

    def __init__(self) -> None:
        self.behind_ns = 0
        self._proven = False

    def hear(self, ts_ns: int | None, recv_ns: int) -> int | None:
        """Return when a message was heard; None where that is not known, or cannot be.

        Parameters
        ----------
        ts_ns
            the venue's time [ns], or None: before any message had one, the clock is not known.
        recv_ns
            the recorder's time [ns].
        """
        if ts_ns is not None:
            if ts_ns - recv_ns - self.behind_ns > AHEAD_NS:
                return None
            self.behind_ns = max(self.behind_ns, ts_ns - recv_ns)
            self._proven = True
        return recv_ns + self.behind_ns if self._proven else None
