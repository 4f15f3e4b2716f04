"""A Prefect server for one command: started beside it, used, and gone with it.

Nobody looks at it, so it runs without its pages and services; its database lives in the command's
own home and is kept, because migrating a new one takes most of the start.
"""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_LOGGING_TO_API_ENABLED,
    temporary_settings,
)

from engine.runners.children import Child, python
from flows.server import ROOT, environment, free_port, wait_until_ready


class LocalApi:
    """A server on a free loopback port; `start` returns at once, `flows` waits for it."""

    def __init__(self, home: Path) -> None:
        self.port = free_port()
        (home / "prefect").mkdir(mode=0o700, parents=True, exist_ok=True)
        (home / "logs").mkdir(mode=0o750, exist_ok=True)
        argv = python("prefect", "server", "start", "--no-services", "--no-ui")
        env = environment(home, self.port)
        self.child = Child("server", argv, env, home / "logs" / "server.log", ROOT)

    def __enter__(self) -> Self:
        self.child.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.child.stop()

    @contextlib.contextmanager
    def flows(self) -> Iterator[None]:
        """Send flows that run inside the block to this server, quietly and without heartbeats.

        The heartbeat thread is joined in steps of one second, which is ten times what a flow costs.
        """
        wait_until_ready(self.child, self.port)
        quiet: dict[Any, Any] = {
            PREFECT_API_URL: f"http://127.0.0.1:{self.port}/api",
            PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
            PREFECT_LOGGING_TO_API_ENABLED: False,
        }
        logger = logging.getLogger("prefect")
        level = logger.level
        with temporary_settings(updates=quiet):
            logger.setLevel(logging.CRITICAL)  # what fails is raised, and told by the command
            try:
                yield
            finally:
                logger.setLevel(level)
