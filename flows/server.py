"""How a Prefect server is started here: on loopback, with the settings that are safe."""

import contextlib
import os
import socket
import time
from pathlib import Path

import httpx

from engine.runners.children import Child

ROOT = Path(__file__).resolve().parent.parent
READY_TIMEOUT_S = 90.0


def environment(home: Path, port: int, config: Path | None = None) -> dict[str, str]:
    """Return every child's environment: where state is, and the safe settings of the server."""
    origin = f"http://127.0.0.1:{port}"
    return os.environ | {
        "GANGWAY_HOME": str(home),
        "GANGWAY_ROOT": str(ROOT),
        "GANGWAY_DEPLOYMENTS": str(config or ROOT / "prefect.yaml"),
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_PROFILES_PATH": str(home / "prefect" / "profiles.toml"),
        "PREFECT_API_URL": f"{origin}/api",
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": origin,
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "DO_NOT_TRACK": "1",
    }


def wait_until_ready(server: Child, port: int) -> None:
    """Block until the server answers; raise `RuntimeError` when it ends or never does."""
    url = f"http://127.0.0.1:{port}/api/ready"
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        if server.process is None or server.process.poll() is not None:
            raise RuntimeError(f"the server ended at once; see {server.log}")
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(url, timeout=2.0).status_code == httpx.codes.OK:
                return
        time.sleep(0.2)
    raise RuntimeError(
        f"the server did not answer within {READY_TIMEOUT_S:.0f} s; see {server.log}"
    )


def free_port() -> int:
    """Return a loopback port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
