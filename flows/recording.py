"""`gangway tape record`: a stream onto tapes, told line by line."""

from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from flows.show import console, side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engine.runners.recorder import Look
    from engine.store.tape_facts import TapeInfo


def run(
    venue: str, asset: str, out: Path, rotate_s: float, hours: float | None, quiet: bool, **how: Any
) -> dict[str, Any]:
    """Record until the stream ends, the hours are over or a signal comes; return what was made."""
    from engine.runners.market_stream import market_stream
    from engine.runners.recorder import record
    from engine.runners.stopping import stop_signals

    tapes: dict[str, TapeInfo] = {}

    def keep(path: Path, info: "TapeInfo") -> None:
        tapes[str(path)] = info
        if not quiet:
            console.print(tape_line(path, info), soft_wrap=True)

    with (
        closing(market_stream(venue, asset, **how)) as stream,
        stop_signals() as stop,
        _live_line(f"recording {asset} at {venue}", quiet) as tell,
    ):
        how_long = {"rotate_s": rotate_s, "hours": hours}
        look = record(stream, out, stop=stop, on_tape=keep, on_look=tell, **how_long)
    if not tapes and not quiet:
        told = [f"{n:,} {escape(why)}" for why, n in look.dropped.items()]
        console.print(f"nothing to record; left out: {', '.join(told) or 'nothing'}")
    made = {path: info.model_dump(mode="json") for path, info in tapes.items()}
    return {"tapes": made, "events": look.events, "dropped": look.dropped}


def tape_line(path: Path, info: "TapeInfo") -> str:
    """Return one line about a finished tape."""
    told = [
        f"{info.events:,} events",
        f"{info.hours:.2f} h",
        f"{info.bytes_per_event:.1f} bytes each",
    ]
    if info.gaps:
        told.append(f"{len(info.gaps)} gaps, {info.gap_s:,.0f} s")
    told += [f"dropped {n:,}: {escape(why)}" for why, n in info.dropped.items()]
    told += [f"noted {n:,}: {escape(why)}" for why, n in info.noted.items()]
    return f"{path}: {' · '.join(told)}"


@contextmanager
def _live_line(label: str, quiet: bool) -> "Iterator[Callable[[Look], None]]":
    """Show how it goes on stderr while the block runs."""
    if quiet:
        yield lambda _: None
        return
    with side.status(label) as status:
        yield lambda look: status.update(f"{label}: {_words(look)}")


def _words(look: "Look") -> str:
    told = [
        f"{look.events:,} events",
        f"{look.per_s:,.0f}/s",
        f"book {look.book_age_s:.0f} s old",
        f"{sum(look.dropped.values()):,} dropped",
    ]
    return escape(" · ".join([*told, look.trouble] if look.trouble else told))
