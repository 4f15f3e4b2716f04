"""The report as one file: it fetches nothing, runs nothing, and shows names as they are."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from engine.config import AssetSpec
from engine.onboarding.audit import Entry
from engine.onboarding.store import AssetState
from engine.policy import load_policy
from engine.reports.html import render
from engine.reports.pages import Look, Page, pages
from engine.runners.standing import onboarding
from engine.store.home import Home
from tests.reports.conftest import BEGAN_NS, NOTE, SCRIPT, edge, look, verdict

Read = Callable[[str], "Reader"]


class Reader(HTMLParser):
    """What a browser would make of a file: its elements, and what each shows."""

    VOID = ("meta", "rect", "path", "polygon", "polyline", "circle")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.shown = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.shown += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def report(home: Home, gate: str | None = None) -> str:
    with onboarding(home) as store:
        found = pages(store.history("HYPE"), gate)
        return render(store.get("HYPE"), found, store.verify())


def test_the_file_fetches_nothing_and_runs_nothing(told: Home) -> None:
    text = report(told)
    reader = Reader(text)
    assert reader.open == []
    assert not {"script", "link", "img", "iframe", "object", "base"} & {
        tag for tag, _ in reader.elements
    }
    attributes = [(name, v) for _, each in reader.elements for name, v in each.items()]
    assert not [name for name, _ in attributes if name.startswith("on")]
    assert all(str(v).startswith("#page-") for name, v in attributes if name in ("href", "src"))
    assert "url(" not in text
    assert "@import" not in text
    (policy,) = [m["content"] for m in reader.named("meta") if m.get("http-equiv")]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_names_and_notes_are_shown_as_they_were_written(told: Home) -> None:
    text = report(told)
    assert SCRIPT not in text
    assert "<b>bold</b>" not in text
    shown = Reader(text).shown
    assert f"{SCRIPT} decides approve" in shown
    assert NOTE in shown


def test_an_assets_name_is_escaped_too(told: Home, entries: list[Entry]) -> None:
    with onboarding(told) as store:
        state, proved = store.get("HYPE"), store.verify()
    spec = AssetSpec.model_construct(**state.spec.model_dump() | {"venue": "<i>v</i>"})
    hostile = AssetState.model_construct(**dict(state) | {"asset": SCRIPT, "spec": spec})
    text = render(hostile, pages(entries), proved)
    assert SCRIPT not in text
    assert "<i>" not in text
    assert Reader(text).shown.count(f"{SCRIPT}: what the gates said") == 2  # title and heading


def test_every_plot_says_in_words_and_in_a_table_what_it_shows(told: Home) -> None:
    text = report(told, "validation")
    figures = re.findall(r"<figure>.*?</figure>", text, re.DOTALL)
    assert len(figures) == 2
    for figure in figures:
        drawing = ElementTree.fromstring(re.findall(r"<svg.*</svg>", figure, re.DOTALL)[0])
        desc = drawing.find("desc")
        assert drawing.get("role") == "img"
        assert desc is not None
        assert drawing.get("aria-labelledby") == desc.get("id")
        assert desc.text is not None
        assert "Edge over hours of evidence: 6.0 bps at 6.0 h" in desc.text
        assert len(drawing.findall("circle")) == figure.count("<tr>") - 1 == 4
        assert "5.9 bps [2.9, 8.9]" in Reader(figure).shown
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))


def test_the_verdict_stands_beside_what_the_value_alone_would_say(told: Home) -> None:
    text = report(told, "validation")
    columns = "criterion value bounds bar verdict value alone forecast minimum target fail note"
    assert columns in " ".join(re.findall(r"<th[^>]*>(.*?)</th>", text))
    reader = Reader(text)
    outcomes = [a["class"] for a in reader.named("td") if "outcome" in str(a.get("class"))]
    assert "outcome FAIL" in outcomes
    assert "outcome PASS" in outcomes


def test_hashes_and_the_audits_head_are_in_full(told: Home) -> None:
    shown = Reader(report(told)).shown
    with onboarding(told) as store:
        assert store.verify().head in shown
    for digest in ("aa", "bb", "cc"):
        assert digest * 32 in shown


def test_equal_audits_give_equal_bytes(told: Home) -> None:
    assert report(told) == report(told)


def test_many_looks_are_thinned_and_it_is_said(told: Home) -> None:
    with onboarding(told) as store:
        state, proved = store.get("HYPE"), store.verify()
    looks = (
        Look(f"verdict-{k}", BEGAN_NS + k, "validation", 4, verdict(hours=k / 6))
        for k in range(700)
    )
    text = render(state, [Page("validation", 1, "run", tuple(looks), ())], proved)
    assert "Of 700 looks, 140 are drawn." in Reader(text).shown
    assert text.count("<circle") == 140
    assert len(text) < 100_000


@pytest.mark.parametrize("policy_hash", ["", "ee" * 32])
def test_what_a_value_means_is_read_only_by_the_policy_that_judged_it(
    home: Home, policy_hash: str
) -> None:
    few = edge(metric="fill_rate", title="Fill rate", unit="fills/h", value=3.0)
    with onboarding(home) as store:
        store.enroll(AssetSpec(asset="HYPE", capital_usd=1000), BEGAN_NS)
        look(store, verdict(criteria=(few,), policy_hash=policy_hash or load_policy().hash))
    said = "Low fill rate: the kappa estimate may be too low" in report(home)
    assert said == (policy_hash == "")
