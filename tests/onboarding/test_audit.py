import pytest

from engine.onboarding.audit import AuditError, _digest, canonical
from engine.onboarding.store import OnboardingStore
from engine.store.home import Home
from engine.store.metrics import Metrics


@pytest.fixture
def told(walk, con):
    """An asset in validation, with a story of eight rows."""
    walk.to("validation").verdict("NOT_YET")
    walk.store.verify()
    return walk.store, con


def test_each_row_carries_the_hash_of_the_one_before(told):
    _, con = told
    rows = con.execute("SELECT seq, prev_hash, hash FROM audit ORDER BY seq").fetchall()
    assert [r[0] for r in rows] == list(range(1, 9))
    assert [r[1] for r in rows] == ["", *(r[2] for r in rows[:-1])]


def test_the_same_story_told_twice_has_the_same_hashes(told, walk, tmp_path):
    _, con = told
    with Metrics.open(Home(tmp_path / "again")) as metrics:
        type(walk)(OnboardingStore(metrics.con)).to("validation").verdict("NOT_YET")
        again = metrics.con.execute("SELECT hash FROM audit ORDER BY seq").fetchall()
    assert again == con.execute("SELECT hash FROM audit ORDER BY seq").fetchall()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("body", "replace(body, 'NOT_YET', 'PASS')"),
        ("body", "body || ' '"),
        ("ts_ns", "ts_ns + 1"),
        ("asset", "'BTC'"),
        ("kind", "'note'"),
        ("hash", "repeat('0', 64)"),
        ("prev_hash", "repeat('0', 64)"),
    ],
)
def test_an_edited_row_is_found_and_named(told, column, value):
    store, con = told
    con.execute(f"UPDATE audit SET {column} = {value} WHERE seq = 8").fetchall()
    with pytest.raises(AuditError, match=r"row 8 .* was edited"):
        store.verify()


def test_an_edited_row_with_its_hash_made_good_breaks_the_next_one(told):
    store, con = told
    row = con.execute(
        "SELECT prev_hash, seq, kind, asset, ts_ns, body FROM audit WHERE seq = 4"
    ).fetchall()[0]
    body = row[5].replace("PASS", "FAIL")
    con.execute(
        "UPDATE audit SET body = ?, hash = ? WHERE seq = 4", [body, _digest(*row[:5], body)]
    ).fetchall()
    with pytest.raises(AuditError, match=r"row 5 .* does not follow row 4"):
        store.verify()


def test_a_deleted_row_is_found_and_named(told):
    store, con = told
    con.execute("DELETE FROM audit WHERE seq = 3").fetchall()
    with pytest.raises(AuditError, match="row 3 is missing"):
        store.verify()


def test_a_tail_cut_off_is_found(told):
    store, con = told
    con.execute("DELETE FROM audit WHERE seq >= 7").fetchall()
    with pytest.raises(AuditError, match="ends at row 6 but was written up to row 8"):
        store.verify()


def test_reordered_rows_are_found_and_named(told):
    store, con = told
    con.execute(
        "UPDATE audit SET seq = CASE seq WHEN 4 THEN 5 ELSE 4 END WHERE seq IN (4, 5)"
    ).fetchall()
    with pytest.raises(AuditError, match=r"row 4 .* was edited or moved"):
        store.verify()


def test_a_row_put_in_twice_is_found(told):
    store, con = told
    con.execute("INSERT INTO audit SELECT * FROM audit WHERE seq = 2").fetchall()
    with pytest.raises(AuditError, match="row 2 appears twice"):
        store.verify()


def test_an_asset_put_elsewhere_behind_the_audits_back_is_found(told):
    store, con = told
    con.execute("UPDATE asset_state SET stage = 'ramp_100'").fetchall()
    with pytest.raises(AuditError, match="stands in 'ramp_100' version 4, but its last"):
        store.verify()


def test_a_move_and_its_audit_row_commit_together_or_not_at_all(walk, con, monkeypatch):
    cause = walk.verdict("PASS")
    before = con.execute("SELECT count(*) FROM audit").fetchall()

    def full_disk(*args):
        raise OSError("disk full")

    monkeypatch.setattr("engine.onboarding.audit.append", full_disk)
    with pytest.raises(OSError, match="disk full"):
        walk.move("PASS", [cause])
    monkeypatch.undo()
    assert walk.store.get("HYPE").stage == "viability"
    assert con.execute("SELECT count(*) FROM audit").fetchall() == before
    walk.store.verify()
    assert walk.move("PASS", [cause]).stage == "derive"


def test_views_tell_the_story_by_kind(told):
    _, con = told
    moves = con.execute(
        "SELECT from_stage, to_stage, trigger, causes FROM transitions ORDER BY seq"
    )
    rows = moves.fetchall()
    assert [r[:3] for r in rows] == [
        ("viability", "derive", "PASS"),
        ("derive", "paper", "PASS"),
        ("paper", "validation", "PASS"),
    ]
    ids = [r[0] for r in con.execute("SELECT id FROM verdicts ORDER BY seq").fetchall()]
    assert [r[3] for r in rows] == [[i] for i in ids[:3]]
    last = con.execute("SELECT stage, version, gate, verdict FROM verdicts ORDER BY seq").fetchall()
    assert last[-1] == ("validation", 4, "validation", "NOT_YET")


def test_canonical_json_is_one_text_and_refuses_what_is_no_number():
    assert canonical({"b": "é", "a": [1, 0.1]}) == '{"a":[1,0.1],"b":"é"}'
    with pytest.raises(ValueError, match="finite numbers"):
        canonical({"x": float("inf")})
