"""Recordings of Binance by cryptofeed: one JSON object a line, answers and frames, by connection.

``http`` lines hold exchangeInfo and snapshots of the book, ``recv`` lines the socket's frames, each
with the recorder's clock in seconds. Connections stand one after the other, so the whole file is
read and put in order of that clock.

References
----------
github.com/bmoscon/cryptofeed, ``tests/sample_data``: format 2.
"""

from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Annotated, NamedTuple
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.venues.binance.codec import FrameError, grid
from engine.venues.recorded.binance import DECIMALS, Heard, read_frames
from engine.venues.recorded.lines import lines
from engine.venues.recorded.recording import Recording, RecordingError

MAX_LINES = 5_000_000
_EXCHANGES = frozenset({"BINANCE", "BINANCE_FUTURES"})


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    t: str
    ts: Annotated[float, Field(ge=0, lt=4e9, allow_inf_nan=False)] = 0.0
    exchange: str = ""
    url: str = ""
    data: str = ""


class _File(NamedTuple):
    heard: list[Heard]
    exchange_info: bytes | None


def read_cryptofeed(
    path: Path, asset: str | None = None, sz_decimals: int | None = None
) -> Recording:
    """Read one symbol; tick and lot come from the recorded exchangeInfo, where there is one.

    Raises
    ------
    RecordingError
        if the file is damaged, or `asset` does not name one thing it holds.
    """
    file = _read(path)

    def decimals(symbol: str) -> tuple[int, int]:
        if file.exchange_info is None:
            return DECIMALS, DECIMALS if sz_decimals is None else sz_decimals
        try:
            return grid(file.exchange_info, symbol)
        except FrameError as error:
            raise RecordingError(f"{path}: {error}") from error

    return read_frames(path, lambda: iter(file.heard), asset, decimals)


def is_cryptofeed(path: Path) -> bool:
    """Return whether the first line of a file says that cryptofeed recorded Binance."""
    try:
        first = next(_lines(path))
    except (StopIteration, RecordingError):
        return False
    return first.t == "header" and first.exchange in _EXCHANGES


def _read(path: Path) -> _File:
    heard: list[Heard] = []
    info = None
    for line in _lines(path):
        if line.t not in {"http", "recv"}:
            continue
        url = urlsplit(line.url)
        data = line.data.encode()
        if url.path.endswith("/exchangeInfo"):
            info = data
            continue
        symbol = parse_qs(url.query).get("symbol", [None])[0]
        heard.append((round(line.ts * 1e6) * 1000, data, symbol))
    return _File(sorted(heard, key=itemgetter(0)), info)


def _lines(path: Path) -> Iterator[_Line]:
    for number, text in lines(path):
        if number > MAX_LINES:
            raise RecordingError(f"{path}: must have at most {MAX_LINES:,} lines; split it")
        try:
            yield _Line.model_validate_json(text)
        except ValidationError as error:
            told = f"must be a line of cryptofeed's recorder, was {text[:60]!r}"
            raise RecordingError(f"{path}:{number}: {told}") from error
