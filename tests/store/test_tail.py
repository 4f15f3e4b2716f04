"""A tail keeps every whole frame, whatever happens to the file behind it."""

import os
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import Event
from engine.record import zeros
from engine.store.tail import EVENTS, MAGIC, MAX_EVENTS, Tail, read_tail
from engine.store.tape_facts import TapeError, TapeMeta

META = TapeMeta(asset="BTC", venue="sim", source="test", px_decimals=1, sz_decimals=5)


def some(n, seed=1):
    events = zeros(Event, n)
    rng = np.random.default_rng(seed)
    events["kind"], events["px"], events["id"] = 2, rng.integers(1, 99, n), rng.integers(1, 99, n)
    events["recv_ns"] = np.arange(n) * 1000
    return events


def written(path, batches, counts=True):
    tail = Tail(path, META)
    for batch in batches:
        tail.append(batch)
    if counts:
        tail.count({"a": 1}, {"b": 2})
    tail.close()
    return path


def events_of(left):
    return np.concatenate([zeros(Event, 0), *left.chunks()])


@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.integers(0, 3000), max_size=5))
def test_what_was_written_is_read(tmp_path_factory, sizes):
    path = tmp_path_factory.mktemp("t") / "a.tail"
    batches = [some(n, seed=n) for n in sizes]
    left = read_tail(written(path, batches))
    assert events_of(left).tobytes() == np.concatenate([zeros(Event, 0), *batches]).tobytes()
    assert (left.meta, left.events, left.cut_bytes) == (META, sum(sizes), 0)
    assert (left.dropped, left.noted) == ({"a": 1}, {"b": 2})


def test_small_frames_are_read_together_for_each_chunk_costs_a_check(tmp_path):
    left = read_tail(written(tmp_path / "a.tail", [some(2)] * 500))
    assert [len(chunk) for chunk in left.chunks()] == [1000]


def test_counts_are_the_last_ones_and_the_same_ones_are_not_written_again(tmp_path):
    tail = Tail(tmp_path / "a.tail", META)
    tail.count({"a": 1}, {})
    size = (tmp_path / "a.tail").stat().st_size
    tail.count({"a": 1}, {})
    assert (tmp_path / "a.tail").stat().st_size == size
    tail.count({"a": 2}, {"b": 1})
    tail.close()
    left = read_tail(tmp_path / "a.tail")
    assert (left.dropped, left.noted) == ({"a": 2}, {"b": 1})


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small tail, and where its frames end, and how many events it holds up to there."""
    path = tmp_path_factory.mktemp("small") / "a.tail"
    batches = [some(3), some(1, 2), some(5, 3)]
    tail, ends = Tail(path, META), []
    for batch in batches:
        ends.append((path.stat().st_size, sum(map(len, batches[: len(ends)]))))
        tail.append(batch)
    ends.append((path.stat().st_size, 9))
    tail.close()
    return path.read_bytes(), ends, np.concatenate(batches)


def test_a_file_cut_anywhere_keeps_its_whole_frames_and_counts_the_rest(small, tmp_path):
    whole, ends, events = small
    for size in range(len(whole) + 1):
        (tmp_path / "a.tail").write_bytes(whole[:size])
        left = read_tail(tmp_path / "a.tail")
        end, n = max(((end, n) for end, n in ends if end <= size), default=(0, 0))
        assert events_of(left).tobytes() == events[:n].tobytes()
        assert (left.events, left.cut_bytes) == (n, size - end)
        assert (left.meta is None) == (end == 0)


def test_a_flipped_byte_anywhere_loses_nothing_before_it_and_invents_nothing(small, tmp_path):
    whole, ends, events = small
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 0xFF
        (tmp_path / "a.tail").write_bytes(damaged)
        left = read_tail(tmp_path / "a.tail")
        end, n = max(((end, n) for end, n in ends if end <= at), default=(0, 0))
        assert events_of(left).tobytes() == events[:n].tobytes()
        assert left.cut_bytes == len(whole) - end


@settings(max_examples=200, deadline=None)
@given(data=st.data(), garbage=st.binary(max_size=200))
def test_what_follows_the_last_whole_frame_is_left_alone(small, tmp_path_factory, data, garbage):
    whole, ends, events = small
    end, n = data.draw(st.sampled_from(ends))
    path = tmp_path_factory.mktemp("t") / "a.tail"
    path.write_bytes(whole[:end] + garbage)
    left = read_tail(path)
    assert events_of(left).tobytes() == events[:n].tobytes()
    assert left.cut_bytes == len(garbage)


def test_a_tail_of_other_events_is_refused_with_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr("engine.store.tail.LAYOUT", "another")
    written(tmp_path / "a.tail", [some(3)])
    monkeypatch.undo()
    with pytest.raises(TapeError, match="was another; finish it with the version"):
        read_tail(tmp_path / "a.tail")


def test_an_existing_tail_is_never_written_over(tmp_path):
    written(tmp_path / "a.tail", [some(3)])
    with pytest.raises(FileExistsError):
        Tail(tmp_path / "a.tail", META)


def test_a_frame_without_bound_is_refused(tmp_path):
    tail = Tail(tmp_path / "a.tail", META)
    with pytest.raises(ValueError, match=f"at most {MAX_EVENTS} at once"):
        tail.append(zeros(Event, MAX_EVENTS + 1))
    tail.close()


def test_a_full_disk_leaves_no_half_frame(tmp_path, monkeypatch):
    tail = Tail(tmp_path / "a.tail", META)
    tail.append(some(3))
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:10]))
    with pytest.raises(OSError, match="free disk space"):
        tail.append(some(4))
    monkeypatch.undo()
    tail.append(some(5))
    tail.close()
    left = read_tail(tmp_path / "a.tail")
    assert (left.events, left.cut_bytes) == (8, 0)


def test_a_length_beyond_the_file_is_not_believed(tmp_path):
    written(tmp_path / "a.tail", [some(3)], counts=False)
    with (tmp_path / "a.tail").open("ab") as file:
        file.write(struct.pack("<BII", EVENTS, 2**32 - 1, 0))
    left = read_tail(tmp_path / "a.tail")
    assert (left.events, left.cut_bytes) == (3, 9)
    assert (tmp_path / "a.tail").read_bytes().startswith(MAGIC)
