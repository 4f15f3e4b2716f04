import shutil
import stat
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

import engine.store.metrics as metrics_module
from engine.onboarding.line import freeze
from engine.onboarding.transaction import transaction
from engine.store.kinds import COLUMNS, REQUIRED, TABLE
from engine.store.metrics import Metrics, MigrationError, StoreBusyError, last_written

MIGRATIONS = Path(metrics_module.__file__).parent / "migrations"
HOLDER = """
import sys
from pathlib import Path
from engine.store.home import Home
from engine.store.metrics import Metrics
with Metrics.open(Home(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


def schema(home, **options):
    with Metrics.open(home, **options) as metrics:
        columns = metrics.con.execute(
            "SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns() "
            "WHERE NOT internal ORDER BY ALL"
        ).fetchall()
        views = metrics.con.execute(
            "SELECT view_name, sql FROM duckdb_views() WHERE NOT internal ORDER BY ALL"
        ).fetchall()
        return columns, views


def test_a_second_process_waits_and_is_then_told_who_holds_the_store(home):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(home.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(StoreBusyError, match=rf"process {holder.pid} for 0\.05 s.*try again"),
            Metrics.open(home, timeout_s=0.05),
        ):
            pass
        holder.stdin.close()
        with Metrics.open(home, timeout_s=20) as metrics:
            assert metrics.query("runs").is_empty()


def test_the_store_is_released_when_its_block_fails(home):
    with pytest.raises(KeyError), Metrics.open(home):
        raise KeyError("x")
    with Metrics.open(home, timeout_s=0):
        pass


def test_a_fresh_store_equals_an_upgraded_one(home, tmp_path):
    first, *later = sorted(MIGRATIONS.glob("*.sql"))
    old = tmp_path / "old"
    old.mkdir()
    shutil.copy(first, old)
    with Metrics.open(home, migrations=old) as metrics:
        metrics.con.execute("INSERT INTO ingest_offset VALUES ('a', 1, 2)").fetchall()
    upgraded = schema(home)
    assert upgraded == schema(type(home)(tmp_path / "fresh"))
    assert later
    with Metrics.open(home) as metrics:
        assert metrics.con.execute("FROM ingest_offset").fetchall() == [("a", 1, 2)]


def test_a_migration_edited_missing_or_out_of_order_is_refused(home, tmp_path):
    copy = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, copy)
    schema(home, migrations=copy)
    first, second, *_ = sorted(copy.glob("*.sql"))
    text = first.read_text()
    first.write_text(text + "-- edited")
    with pytest.raises(MigrationError, match=f"{first.name} was edited"):
        schema(home, migrations=copy)
    first.write_text(text)
    (copy / "0001_aaa.sql").write_text("SELECT 1")
    with pytest.raises(MigrationError, match="missing or out of order"):
        schema(home, migrations=copy)
    (copy / "0001_aaa.sql").unlink()
    second.unlink()
    with pytest.raises(MigrationError, match=f"{second.name}, which is missing"):
        schema(home, migrations=copy)


def test_a_migration_that_fails_half_way_leaves_the_schema_as_it_was(home, tmp_path):
    copy = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, copy)
    before = schema(home, migrations=copy)
    (copy / "0999_bad.sql").write_text("CREATE TABLE half (x INTEGER); SELECT * FROM nowhere;")
    with pytest.raises(duckdb.CatalogException):
        schema(home, migrations=copy)
    (copy / "0999_bad.sql").unlink()
    assert schema(home, migrations=copy) == before


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/hostname')",
        "COPY (SELECT 1) TO 'out.csv'",
        "ATTACH 'other.duckdb'",
        "SET enable_external_access = true",
    ],
)
def test_sql_in_the_store_reaches_nothing_outside_it(home, tmp_path, monkeypatch, sql):
    monkeypatch.chdir(tmp_path)
    with Metrics.open(home) as metrics, pytest.raises(duckdb.Error):
        metrics.con.execute(sql).fetchall()


def test_the_file_is_readable_by_owner_and_group_alone(home):
    schema(home)
    assert stat.S_IMODE(home.metrics.stat().st_mode) == 0o640


def test_an_unknown_question_or_parameter_is_refused_by_name(home):
    with Metrics.open(home) as metrics:
        with pytest.raises(
            ValueError, match=r"there is no query '\.\./evidence'; there are allocation, course"
        ):
            metrics.query("../evidence")
        with pytest.raises(ValueError, match=r"'runs' has no parameter \['runn'\]"):
            metrics.query("runs", runn="x")


def test_every_column_an_engine_may_write_has_its_place_in_a_table(home):
    letters = {"BIGINT": "i", "DOUBLE": "f", "VARCHAR": "s", "JSON": "j"}
    columns, _ = schema(home)
    for kind, table in TABLE.items():
        kept = {name: letters[form] for at, name, form, _ in columns if at == table}
        assert kept == COLUMNS[kind]
        required = {name for at, name, _, nullable in columns if at == table and not nullable}
        assert required == REQUIRED[kind]


def test_rows_from_before_a_migration_stay_as_they_were(home, tmp_path, row, run):
    old = tmp_path / "old"
    old.mkdir()
    for name in ("0001_metrics.sql", "0002_onboarding.sql"):
        shutil.copy(MIGRATIONS / name, old)
    with Metrics.open(home, migrations=old) as metrics:
        values = row("sample", mid=20.0) | {"seq": 0}
        names = ", ".join(values)
        marks = ", ".join("?" * len(values))
        sql = f"INSERT INTO samples ({names}) VALUES ({marks})"
        metrics.con.execute(sql, list(values.values())).fetchall()
    with Metrics.open(home) as metrics:
        sample = metrics.query("last_sample", run=run).row(0, named=True)
        assert (sample["mid"], sample["equity_usd"]) == (20.0, 1000.0)
        assert (sample["spread_usd"], sample["alpha_flow_bps"], sample["regime"]) == (None,) * 3


def test_the_mark_of_what_was_written_changes_with_a_write_and_with_nothing_else(home):
    with Metrics.open(home):
        pass
    before = last_written(home)
    for _ in range(2):
        with Metrics.open(home) as metrics:
            metrics.con.execute("SELECT count(*) FROM samples").fetchall()
    assert last_written(home) == before
    with Metrics.open(home) as metrics, transaction(metrics.con):
        freeze(metrics.con, "a test", "Ada", 1)
    assert last_written(home) != before
