"""Many sessions over several processes: dealt out by market, answered in the order asked.

Sessions know nothing of each other, so the answers are the same, to the last bit, however many
processes share the work.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from typing import Any

from engine.runners.replaying import (
    Answer,
    Failure,
    Market,
    ReplayResult,
    ReplaySpec,
    play_together,
)
from engine.runners.simulated import warm

LOOK_S = 0.2  # how often progress is read

OnProgress = Callable[[float, float], None]  # session hours played, of how many


def replay(
    specs: Sequence[ReplaySpec], *, jobs: int = 1, on_progress: OnProgress = lambda *_: None
) -> list[Answer]:
    """Play every spec; return the answers in the order of the specs.

    Parameters
    ----------
    specs
        of any markets; those of the same market are played together.
    jobs
        how many processes share the work.
    on_progress
        told while it goes on.

    Raises
    ------
    ValueError
        if `jobs` is below 1.
    """
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1, was {jobs}")
    warm()  # once, before several processes would compile the same
    parts = _parts(specs, jobs)
    play_parts = _play_here if min(jobs, len(parts)) < 2 else _play_in_children
    hours = sum(spec.market.hours for spec in specs)
    played = play_parts(
        [[specs[k] for k in part] for part in parts], jobs, lambda done: on_progress(done, hours)
    )
    of: dict[int, Answer] = {}
    for part, answers in zip(parts, played, strict=True):
        of |= dict(zip(part, answers, strict=True))
    return [of[k] for k in range(len(specs))]


def results(answers: Iterable[Answer]) -> list[ReplayResult]:
    """Return the results where there is no failure.

    Raises
    ------
    ValueError
        naming every spec that failed, with its error.
    """
    played, failed = [], []
    for one in answers:
        if isinstance(one, Failure):
            failed.append(f"{one.name}: {one.error}")
        else:
            played.append(one)
    if failed:
        raise ValueError("; ".join(failed))
    return played


def _parts(specs: Sequence[ReplaySpec], jobs: int) -> list[list[int]]:
    """Return which specs are played together: a market's, dealt out to the processes."""
    of: dict[tuple[Market, int], list[int]] = {}
    for k, spec in enumerate(specs):
        of.setdefault((spec.market, spec.skip_hours), []).append(k)
    return [part for places in of.values() for j in range(jobs) if (part := places[j::jobs])]


Parts = Sequence[Sequence[ReplaySpec]]


def _play_here(
    parts: Parts, _jobs: int, on_hours: Callable[[float], None]
) -> Iterator[list[Answer]]:
    done = 0.0

    def add(hours: float) -> None:
        nonlocal done
        done += hours
        on_hours(done)

    return (play_together(part, add) for part in parts)


def _play_in_children(
    parts: Parts, jobs: int, on_hours: Callable[[float], None]
) -> Iterator[list[Answer]]:
    context = get_context("spawn")  # a fork would inherit locks of the threads that draw progress
    hours = context.Value("d", 0.0)
    with ProcessPoolExecutor(jobs, context, _remember, (hours,)) as pool:
        futures = [pool.submit(_play_in_child, part) for part in parts]
        waiting = set(futures)
        while waiting:
            _, waiting = wait(waiting, timeout=LOOK_S)
            on_hours(hours.value)
    return (_answers(future, part) for future, part in zip(futures, parts, strict=True))


def _answers(future: Future[list[Answer]], part: Sequence[ReplaySpec]) -> list[Answer]:
    if error := future.exception():
        return [Failure(spec.name, f"{type(error).__name__}: {error}") for spec in part]
    return future.result()


_hours_played: Any = None  # of a child: shared by all of them


def _remember(hours: Any) -> None:
    global _hours_played  # a pool hands shared memory to nothing but its initializer
    _hours_played = hours


def _play_in_child(specs: Sequence[ReplaySpec]) -> list[Answer]:
    def add(hours: float) -> None:
        with _hours_played.get_lock():
            _hours_played.value += hours

    return play_together(specs, add)
