"""Seeding: only the same asset's, and only where this session has seen nothing."""

import math

import numpy as np
import pytest

from engine.core import q_table
from engine.core.q_table import SAME, TIGHTER, QTable, asset_hash
from engine.record import SchemaMismatchError, zeros
from engine.runners import seeding
from engine.runners.seeding import save_table, seed


def table_of(asset, *states, fills=40, epochs=400):
    table = zeros(QTable)[0]
    q_table.start(table, asset_hash(asset), 9)
    for s in states:
        for _ in range(epochs):
            q_table.open_epoch(table, s, TIGHTER)
        for _ in range(fills):
            q_table.learn(table, s, TIGHTER, 4.0, -1.0)
    return table


def test_another_assets_table_is_refused_by_name():
    fresh = table_of("HYPE")
    saved = save_table(table_of("PURR", 3), "PURR")
    with pytest.raises(ValueError, match=r"HYPE.*PURR"):
        seed(fresh, saved, "HYPE")
    assert fresh.weight.sum() == 0.0


def test_a_table_under_a_false_name_is_refused():
    saved = b"HYPE\n" + save_table(table_of("PURR", 3), "PURR").partition(b"\n")[2]
    with pytest.raises(ValueError, match="HYPE"):
        seed(table_of("HYPE"), saved, "HYPE")
    with pytest.raises(ValueError, match="HYPE"):
        save_table(table_of("PURR"), "HYPE")


def test_the_same_coin_on_another_dex_is_another_asset():
    saved = save_table(table_of("hyna:BTC", 3), "hyna:BTC")
    with pytest.raises(ValueError, match=r"BTC.*hyna:BTC"):
        seed(table_of("BTC"), saved, "BTC")


def test_only_unseen_states_are_seeded():
    fresh = table_of("HYPE", 3, fills=1, epochs=1)
    mine = fresh.copy()
    assert seed(fresh, save_table(table_of("HYPE", 3, 4), "HYPE"), "HYPE") == 1
    for column in seeding.SUMS:
        assert (fresh[column][3] == mine[column][3]).all()
    assert q_table.value(fresh, 4, TIGHTER) > 0.0 > q_table.surprise(fresh, 4, TIGHTER)


def test_a_seed_is_weak_evidence_and_no_experience():
    fresh, earlier = table_of("HYPE"), table_of("HYPE", 4)
    seed(fresh, save_table(earlier, "HYPE"), "HYPE")
    assert fresh.n.sum() == fresh.outcomes == 0
    assert fresh.weight[4].sum() == pytest.approx(0.3 * 400)
    assert fresh.reward_bps.sum() / fresh.weight.sum() == pytest.approx(0.4)  # the value is kept
    assert 0.0 < q_table.value(fresh, 4, TIGHTER) < q_table.value(earlier, 4, TIGHTER)
    assert q_table.choose(fresh, 4) == SAME  # nothing acts before this session's own outcomes


def test_seeding_twice_is_seeding_once():
    once, twice = table_of("HYPE"), table_of("HYPE")
    saved = save_table(table_of("HYPE", 4), "HYPE")
    for table, times in ((once, 1), (twice, 2)):
        for _ in range(times):
            seed(table, saved, "HYPE")
    assert once.tobytes() == twice.tobytes()


def test_old_evidence_fades_from_run_to_run():
    second, third = table_of("HYPE"), table_of("HYPE")
    seed(second, save_table(table_of("HYPE", 4), "HYPE"), "HYPE")
    seed(third, save_table(second, "HYPE"), "HYPE")
    assert third.weight[4].sum() == pytest.approx(0.09 * 400)


def test_a_spoiled_table_is_refused():
    spoiled, fresh = table_of("HYPE", 4), table_of("HYPE")
    saved = save_table(spoiled, "HYPE")
    with pytest.raises(SchemaMismatchError):
        seed(fresh, saved[:-8], "HYPE")
    spoiled.reward_bps[4, 0] = math.nan
    with pytest.raises(ValueError, match="not finite"):
        seed(fresh, save_table(spoiled, "HYPE"), "HYPE")
    assert not np.any(fresh.weight)


def test_a_run_that_starts_again_begins_with_what_it_began_with(tmp_path):
    kept, begun = tmp_path / "hype.qtable", tmp_path / "run.seed"
    first, again, other = (zeros(QTable)[0] for _ in range(3))
    for table in (first, again, other):
        q_table.start(table, asset_hash("HYPE"), 1)
    assert seeding.seed_from(first, "HYPE", kept, begun) == 0
    q_table.open_epoch(first, 3, 1)
    q_table.learn(first, 3, 1, 5.0, 5.0)
    seeding.keep_table(first, "HYPE", kept)
    assert seeding.seed_from(again, "HYPE", kept, begun) == 0
    assert seeding.seed_from(other, "HYPE", kept, tmp_path / "next.seed") == 1


def test_a_table_of_another_layout_is_nothing_to_use(tmp_path):
    table = zeros(QTable)[0]
    q_table.start(table, asset_hash("HYPE"), 1)
    (tmp_path / "hype.qtable").write_bytes(b"HYPE\n" + bytes(100))
    assert seeding.seed_from(table, "HYPE", tmp_path / "hype.qtable", tmp_path / "r.seed") == 0
