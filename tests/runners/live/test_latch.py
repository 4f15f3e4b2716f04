"""The kill switch as a file."""

import pytest

from engine.runners.live.latch import EVERYTHING, latch_path, read_latch, write_latch


def test_a_stopped_asset_keeps_its_first_reason(home):
    assert read_latch(home, "HYPE") is None
    write_latch(home, "HYPE", "daily loss", "engine")
    write_latch(home, "HYPE", "something else", "guard")
    assert read_latch(home, "HYPE") == "daily loss"
    assert read_latch(home, "hyna:SOL") is None


def test_everything_can_be_stopped_at_once(home):
    write_latch(home, EVERYTHING, "the exchange is down", "ann")
    assert read_latch(home, "hyna:SOL") == "the exchange is down"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"why": 1}'])
def test_a_file_that_cannot_be_read_stops_too(home, content):
    latch_path(home, "HYPE").write_bytes(content)
    assert "cannot be read" in (read_latch(home, "HYPE") or "")
