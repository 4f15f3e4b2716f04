"""What `gangway up` starts, without starting it."""

from pathlib import Path
from typing import Any

import pytest

from flows import up
from flows.server import free_port


@pytest.mark.parametrize("means", [False, True])
def test_engines_may_trade_on_mainnet_only_where_that_was_said(
    means: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spawned: dict[str, tuple[str, ...]] = {}

    def spawn(_: Any, name: str, __: str, *args: str) -> None:
        spawned[name] = args

    monkeypatch.setattr(up.Stack, "_spawn", spawn)
    monkeypatch.setattr(up.Stack, "_run", lambda *_: None)
    monkeypatch.setattr(up, "wait_until_ready", lambda *_: None)
    up.Stack(tmp_path, free_port(), mean_mainnet=means, say=lambda _: None).start()
    assert list(spawned) == ["server", "worker", "engines"]
    assert ("--i-mean-mainnet" in spawned["engines"]) is means
