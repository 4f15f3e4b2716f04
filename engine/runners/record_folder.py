"""The folder one asset is recorded into: its tapes, the tail of the next one, and its lock.

A tail ``BTC-20260101T100000Z.tail`` becomes the tape of the same name. The tape is published before
its tail goes, and the same tail makes the same tape, so a crash in between changes nothing.
"""

import fcntl
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from engine.events import TRADE, joined
from engine.store.append_only import sync_folder
from engine.store.standing_book import StandingBook
from engine.store.tail import read_tail
from engine.store.tape import read_tape, tape_info, write_tape
from engine.store.tape_facts import TapeInfo, TapeMeta

REMEMBERED_TRADES = 1000  # a venue repeats some thirty on a new connection
SECOND_NS = 1_000_000_000


class RecordError(RuntimeError):
    """Recording cannot start or go on; the message names the remedy."""


@dataclass
class Before:
    """What was on tape before this process: how far, which book, which trades at the end."""

    last_ns: int
    book: StandingBook = field(default_factory=StandingBook)
    trades: set[tuple[int, int]] = field(default_factory=set)  # time and id


class RecordFolder:
    """A folder, held by one recorder of one asset at a time.

    Raises
    ------
    RecordError
        if another recorder holds it.
    """

    def __init__(self, path: Path, asset: str) -> None:
        path.mkdir(mode=0o750, parents=True, exist_ok=True)
        self.path, self.asset = path, asset
        self._stem = asset.replace(":", "-")
        self._lock = (path / f".{self._stem}.lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.close()
            raise RecordError(
                f"{path}: another process records {asset} here; stop it, or choose another folder"
            ) from error

    def close(self) -> None:
        """Let another recorder have it."""
        self._lock.close()

    def new_tail(self, start_ns: int) -> Path:
        """Return the tail of a tape that begins at `start_ns`, under a name nobody has."""
        while (path := self._named(start_ns)).exists() or path.with_suffix(".tape").exists():
            start_ns += SECOND_NS
        return path

    def finish_tails(self, noted: Counter[str]) -> Iterator[tuple[Path, TapeInfo]]:
        """Turn what a crash has left behind into tapes; what cannot be read is set aside.

        Parameters
        ----------
        noted
            bytes of what was set aside are added to ``tail_bytes_cut``.
        """
        for half_written in self.path.glob(f".{self._stem}-*Z.tape.*.part"):
            half_written.unlink()
        for path in sorted(self.path.glob(f"{self._stem}-*Z.tail")):
            left = read_tail(path)
            if left.meta is None:
                noted["tail_bytes_cut"] += left.cut_bytes
                path.rename(path.with_suffix(".unreadable"))
            elif left.meta.asset == self.asset and (made := finish_tail(path)):
                yield made

    def before(self, meta: TapeMeta) -> Before | None:
        """Return what the newest tape of this asset ends with; None where there is none.

        Raises
        ------
        RecordError
            if it is of another venue.
        """
        for path in sorted(self.path.glob(f"{self._stem}-*Z.tape"), reverse=True):
            info = tape_info(path)
            if info.asset != self.asset:
                continue
            if info.venue != meta.venue:
                raise RecordError(
                    f"{path}: venue must be {meta.venue!r}, as that of the stream, was "
                    f"{info.venue!r}; record into another folder"
                )
            return _end_of(path, info)
        return None

    def _named(self, start_ns: int) -> Path:
        start = datetime.fromtimestamp(start_ns // SECOND_NS, UTC)
        return self.path / f"{self._stem}-{start:%Y%m%dT%H%M%SZ}.tail"


def finish_tail(path: Path) -> tuple[Path, TapeInfo] | None:
    """Turn a tail that nobody writes into its tape; None where it holds no event."""
    left = read_tail(path)
    made = None
    if left.meta is not None and left.events:
        tape = path.with_suffix(".tape")
        noted = Counter(left.noted) + Counter(tail_bytes_cut=left.cut_bytes)
        made = tape, write_tape(tape, left.chunks(), left.meta, dropped=left.dropped, noted=noted)
    path.unlink()
    sync_folder(path.parent)
    return made


def _end_of(path: Path, info: TapeInfo) -> Before:
    end = Before(info.last_ns)
    last: list[NDArray[Any]] = []
    for chunk in read_tape(path):
        end.book.update(chunk)
        last = [*last, chunk[chunk["kind"] == TRADE][-REMEMBERED_TRADES:]]
        last = [joined(last)[-REMEMBERED_TRADES:]]
    end.trades = set(zip(last[0]["ts_ns"].tolist(), last[0]["id"].tolist(), strict=True))
    return end
