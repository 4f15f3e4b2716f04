"""Market data of one asset as it comes: what a recorder writes down and paper trades on."""

from typing import Any, Protocol

from numpy.typing import NDArray


class Stream(Protocol):
    """Events in order of `recv_ns`, in whole microseconds; a run of levels is never cut."""

    asset: str
    venue: str
    source: str
    px_decimals: int
    sz_decimals: int

    def take(self, timeout_s: float) -> NDArray[Any] | None:
        """Return what has come since the last call, waiting for something up to `timeout_s`.

        An empty array where nothing came; None once the stream is over.
        """
        ...

    def close(self) -> None:
        """Let go of whatever the stream holds; another `take` returns None."""
        ...
