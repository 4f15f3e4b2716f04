"""Measured delays become the delays of paper."""

import numpy as np
import pytest

from engine.store.latency_file import LEAST_ROWS, LatencyFileError, read_latency


def write(path, **kinds):
    rows = [f"{kind},{ms}" for kind, values in kinds.items() for ms in values]
    path.write_text("\n".join(["kind,ms", *rows]) + "\n")
    return path


@pytest.fixture
def measured():
    rng = np.random.default_rng(1)
    return {
        kind: rng.lognormal(np.log(median), 0.6, 2_000)
        for kind, median in (("new", 140.0), ("cancel", 90.0), ("response", 60.0))
    }


def test_the_quantiles_are_those_of_the_file(tmp_path, measured):
    latency = read_latency(write(tmp_path / "measured.csv", **measured))
    for kind, values in measured.items():
        delay = getattr(latency, kind).quantiles_ms
        assert delay[50] == pytest.approx(np.median(values))
        assert delay[99] == pytest.approx(np.quantile(values, 0.99))
        assert (delay[0], delay[100]) == pytest.approx((values.min(), values.max()))


def test_parquet_says_the_same_as_csv(tmp_path, measured):
    import polars as pl

    csv = write(tmp_path / "measured.csv", **measured)
    pl.read_csv(csv).write_parquet(tmp_path / "measured.parquet")
    assert read_latency(tmp_path / "measured.parquet") == read_latency(csv)


def test_a_modify_is_as_slow_as_a_new_order_where_nobody_measured_it(tmp_path, measured):
    latency = read_latency(write(tmp_path / "measured.csv", **measured))
    assert latency.modify == latency.new
    measured["modify"] = measured["cancel"] * 2
    latency = read_latency(write(tmp_path / "measured.csv", **measured))
    assert latency.modify.quantiles_ms[50] == pytest.approx(2 * latency.cancel.quantiles_ms[50])


def test_the_feed_has_no_delay_of_its_own_unless_measured(tmp_path, measured):
    assert read_latency(write(tmp_path / "a.csv", **measured)).feed.quantiles_ms == (0.0,)
    measured["feed"] = measured["response"]
    assert len(read_latency(write(tmp_path / "b.csv", **measured)).feed.quantiles_ms) == 101


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"new": [140.0] * (LEAST_ROWS - 1)}, "new needs 100 rows or more"),
        ({"response": []}, "response needs 100 rows or more.*has 0"),
        ({"cancel": [90.0] * 200 + [-1.0]}, "1 rows are not, the first is -1"),
        ({"cancel": [90.0] * 200 + ["nan"]}, "the first is nan"),
        ({"ack": [1.0]}, r"kind must be one of new, modify.*was \['ack'\]"),
    ],
)
def test_what_cannot_be_a_delay_is_refused_by_name(tmp_path, measured, change, words):
    with pytest.raises(LatencyFileError, match=words):
        read_latency(write(tmp_path / "measured.csv", **(measured | change)))


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "kind,ms\nnew,fast\n"])
def test_another_file_is_refused(tmp_path, text):
    path = tmp_path / "other.csv"
    path.write_text(text)
    with pytest.raises(LatencyFileError, match="columns kind and ms"):
        read_latency(path)
    with pytest.raises(LatencyFileError, match="columns kind and ms"):
        read_latency(tmp_path / "nowhere.parquet")
