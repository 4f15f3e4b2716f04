import stat
from pathlib import Path

import pytest

from engine.store.home import Home


def test_root_comes_from_the_environment_or_is_var(monkeypatch, tmp_path):
    monkeypatch.setenv("GANGWAY_HOME", str(tmp_path / "elsewhere"))
    assert Home().root == tmp_path / "elsewhere"
    monkeypatch.delenv("GANGWAY_HOME")
    assert Home().root == Path("var")


def test_every_path_handed_out_lies_in_a_private_directory(home):
    for path in (home.metrics, home.lock, home.spool("a"), home.state("a"), home.report_dir / "x"):
        assert path.parent.is_dir()
        assert stat.S_IMODE(path.parent.stat().st_mode) & 0o027 == 0


@pytest.mark.parametrize("run", ["", "../x", "A-b", "hyna:btc", ".hidden", "a/b"])
def test_a_run_that_cannot_name_a_file_is_refused(home, run):
    with pytest.raises(ValueError, match="cannot name a file"):
        home.spool(run)
