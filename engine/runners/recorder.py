"""A stream written down: a crash-safe tail first, and a tape at every whole period of its time."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from engine.runners.record_folder import RecordError, RecordFolder
from engine.runners.stopping import Stop
from engine.runners.tape_writer import CountingStream, Look, TapeWriter, cut_at
from engine.store.tape_facts import TapeInfo

LOOK_S = 0.25
SECOND_NS = 1_000_000_000
HOUR_NS = 3_600 * SECOND_NS


def record(
    stream: CountingStream,
    folder: Path,
    *,
    rotate_s: float = 3600.0,
    hours: float | None = None,
    stop: Stop | None = None,
    on_tape: Callable[[Path, TapeInfo], None] = lambda *_: None,
    on_look: Callable[[Look], None] = lambda _: None,
) -> Look:
    """Record a stream until it ends, `hours` of its time have passed, or somebody asks to stop.

    Parameters
    ----------
    stream
        what to record.
    folder
        where the tapes go; what an earlier process left there unfinished is finished first.
    rotate_s
        length of a tape [s]; tapes begin at its multiples since 1970 UTC.
    hours
        how long to record [h of the stream's time]; for ever where absent.
    stop
        asked by somebody else, say a signal; the tape is finished then.
    on_tape
        told of every finished tape.
    on_look
        told once a second how it goes.

    Raises
    ------
    ValueError
        if `rotate_s` is less than a second.
    RecordError
        if another process records the asset into `folder`, or the disk refuses; what was written
        becomes a tape at the next start.
    """
    stop = stop or Stop()
    with _writer(stream, folder, rotate_s, on_tape) as writer:
        until_ns = 2**62
        while not stop.asked:
            try:
                events = stream.take(LOOK_S)
            except Exception:  # what came before the stream failed is worth a tape
                with _writing(folder):
                    writer.finish()
                raise
            if events is None:
                break
            if hours is not None and len(events):
                until_ns = min(until_ns, _end_of(events, hours))
            with _writing(folder):
                writer.write(events[: cut_at(events, until_ns)])
                if writer.due:
                    on_look(writer.beat())
            if len(events) and events["recv_ns"][-1] >= until_ns:
                break
        with _writing(folder):
            writer.finish()
        return writer.look()


def _end_of(events: NDArray[Any], hours: float) -> int:
    """Return when `hours` are over that begin with the second of the first event [ns]."""
    return int(events["recv_ns"][0]) // SECOND_NS * SECOND_NS + int(hours * HOUR_NS)


@contextlib.contextmanager
def _writer(
    stream: CountingStream, path: Path, rotate_s: float, on_tape: Callable[[Path, TapeInfo], None]
) -> Iterator[TapeWriter]:
    with contextlib.ExitStack() as stack:
        with _writing(path):
            folder = stack.enter_context(contextlib.closing(RecordFolder(path, stream.asset)))
            writer = TapeWriter(stream, folder, rotate_s, on_tape)
        stack.callback(writer.release)
        yield writer


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RecordError(
            f"{path}: cannot record there ({error}); what was written is kept and becomes a tape "
            "at the next start: free disk space or mend the permissions, and start again"
        ) from error
