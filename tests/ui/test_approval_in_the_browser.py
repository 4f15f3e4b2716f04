"""A real server, worker and engine host; a schedule that fires by itself; a person in Chromium."""

import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Page, sync_playwright
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.settings import PREFECT_API_URL, temporary_settings

from engine.runners.standing import onboarding
from engine.store.home import Home
from flows.server import ROOT, free_port
from flows.up import Stack
from tasks.stages import read_state

pytestmark = [pytest.mark.ui, pytest.mark.slow, pytest.mark.timeout(600)]

CHROMIUM = Path("/usr/bin/chromium")
CREATED = 201
PICTURES = os.environ.get("GANGWAY_PICTURES")  # where to keep a picture of the form
ELSEWHERE = re.compile(r"^(?!(https?|wss?)://127\.0\.0\.1[:/]|data:|blob:)")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


@pytest.fixture
def stack(home: Home, tmp_path: Path, prefect_yaml: Path) -> Iterator[Stack]:
    """Gangway as `gangway up` runs it, on a port of its own."""
    stack = Stack(
        Path(home.root), free_port(), speed=0.001, config=prefect_yaml, say=lambda _: None
    )
    stack.start()
    try:
        yield stack
    finally:
        processes = [child.process for child in stack.children]
        stack.stop()
    assert all(process is not None and process.poll() is not None for process in processes)


@pytest.fixture
def prefect_yaml(tmp_path: Path) -> Path:
    """The project's own prefect.yaml, with one asset twice a minute."""
    content = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    every = {"slug": "hype", "interval": 30, "parameters": {"asset": "HYPE", "capital_usd": 1000}}
    content["deployments"][0]["schedules"] = [every]
    path = tmp_path / "prefect.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture
def client(stack: Stack) -> Iterator[SyncPrefectClient]:
    with (
        temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{stack.port}/api"}),
        get_client(sync_client=True) as client,
    ):
        yield client


@pytest.fixture
def page(stack: Stack) -> Iterator[Page]:
    """A page in Chromium that can reach nothing but this machine."""
    if not CHROMIUM.exists():
        missing = f"{CHROMIUM} is not installed: apt-get install chromium"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.route(ELSEWHERE, lambda route: route.abort())
        yield page
        browser.close()


@pytest.fixture
def at_validation(home: Home, put_at: Callable[..., Any], show: Callable[..., None]) -> None:
    """HYPE with three good days on paper, before anything is started."""
    show(put_at("validation"), hours=72.5)


def wait_for(what: Callable[[], Any], timeout_s: float = 180.0) -> Any:
    """Return what is waited for; the processes are real, so their time is too."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.5)
    raise AssertionError(f"nothing came within {timeout_s} s")


def runs(client: SyncPrefectClient, flow: str) -> list[FlowRun]:
    named = [r for r in client.read_flow_runs(limit=200) if r.deployment_id is not None]
    deployment = client.read_deployment_by_name(f"{flow}/{flow}")
    return [run for run in named if run.deployment_id == deployment.id]


def suspended(client: SyncPrefectClient) -> FlowRun | None:
    waiting = [r for r in runs(client, "approve") if r.state and r.state.name == "Suspended"]
    return waiting[0] if waiting else None


def moves(home: Home) -> list[str]:
    with onboarding(home) as store:
        return [e.body["to"] for e in store.history("HYPE") if e.kind == "transition"]


def open_form(page: Page, stack: Stack, run: FlowRun) -> Any:
    page.goto(stack.approvals_url)
    page.get_by_role("link", name=run.name).first.click()
    page.get_by_role("button", name="Open menu").first.click()
    page.get_by_role("menuitem", name="Resume").click()
    form = page.get_by_role("dialog")
    form.get_by_text("Decision", exact=True).wait_for()
    return form


def answer(page: Page, form: Any, decision: str, approver: str, note: str) -> None:
    form.get_by_role("button", name="Select").click()
    page.get_by_role("option", name=decision).click()
    texts = form.get_by_role("textbox")
    texts.nth(0).fill(approver)
    texts.nth(1).fill(note)


def test_a_person_answers_in_the_browser_and_the_asset_moves_once(
    home: Home, at_validation: None, stack: Stack, client: SyncPrefectClient, page: Page
) -> None:
    # a scheduled run happens by itself: it moves the asset to prelive, and the next one asks
    run = wait_for(lambda: suspended(client))
    scheduled = [r for r in runs(client, "onboard") if r.state_type == StateType.COMPLETED]
    assert all("auto-scheduled" in r.tags for r in scheduled)
    assert len(scheduled) >= 1
    assert read_state(home, "HYPE").stage == "prelive"
    before = moves(home)

    # an empty resume is refused, and says what is missing
    form = open_form(page, stack, run)
    form.get_by_role("button", name="Resume").click()
    page.get_by_text("'decision' is a required property").wait_for()
    assert suspended(client)

    # the answer moves the asset by exactly one stage
    answer(page, form, "approve", "Ada Lovelace", "funds are deposited")
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / "approval.png")
    with page.expect_response(lambda r: r.url.endswith("/resume") and r.status == CREATED):
        form.get_by_role("button", name="Resume").click()
    wait_for(lambda: read_state(home, "HYPE").stage == "ramp_25")
    assert moves(home) == [*before, "ramp_25"]
    with onboarding(home) as store:
        (approval,) = [e for e in store.history("HYPE") if e.kind == "approval"][-1:]
        store.verify()
    assert approval.body["approver"] == "Ada Lovelace"
    assert approval.body["note"] == "funds are deposited"

    # the same answer again moves nothing, to the same run or to a new one
    wait_for(lambda: client.read_flow_run(run.id).state_type == StateType.COMPLETED)
    given = {"decision": "approve", "approver": "Ada Lovelace", "note": ""}
    assert client.resume_flow_run(run.id, run_input=given).status.value != "ACCEPT"
    again = client.create_flow_run_from_deployment(run.deployment_id, parameters=run.parameters)
    wait_for(lambda: client.read_flow_run(again.id).state_type == StateType.COMPLETED)
    assert moves(home) == [*before, "ramp_25"]
    assert read_state(home, "HYPE").stage == "ramp_25"

    # and the engine host has followed the stage
    log = Path(home.root) / "logs" / "engines.log"
    wait_for(lambda: "engine started on hype-a1-ramp_25" in log.read_text())
