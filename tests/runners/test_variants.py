"""Words become configs, or it is said which word is wrong and what would be right."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.config import MakerConfig
from engine.policy import load_policy
from engine.runners.replaying import Market
from engine.runners.variants import (
    Ground,
    grid,
    ground,
    is_complete,
    label,
    market_named,
    models_named,
    read_changes,
    varied,
)
from engine.sim.rules import BAND, Latency, venue_rules
from engine.store.latency_file import read_latency

POLICY = load_policy()
RULES = venue_rules(POLICY)


@pytest.fixture(scope="module")
def config() -> MakerConfig:
    made = ground(Market(asset="HYPE", hours=1), 1000.0, POLICY).config
    assert made is not None
    return made


@given(st.lists(st.floats(0.01, 9), min_size=1, max_size=5), st.integers(1, 5))
def test_a_grid_is_every_combination_in_order(gammas, levels):
    words = ["gamma=" + ",".join(map(repr, gammas)), "levels=" + ",".join("1" * levels)]
    assert grid(words) == [{"gamma": g, "levels": 1} for g in gammas for _ in range(levels)]


def test_no_word_is_one_config_as_derived(config):
    assert grid([]) == [{}]
    assert varied(config, RULES, {}) == (config, RULES)
    assert label({}) == ""


def test_values_are_numbers_truths_nothing_or_text(config):
    words = ["gamma=3e-1", "rl_enabled=false", "signals=null", "profile=aggressive"]
    made, rules = varied(config, RULES, grid(words)[0])
    assert (made.gamma, made.rl_enabled, made.signals) == (0.3, False, None)
    assert made.profile == "aggressive"
    assert rules == RULES


def test_the_venue_has_keys_of_its_own(config):
    words = ["venue.fill_model=realistic", "venue.latency_ms=200", "venue.limits=false"]
    made, rules = varied(config, RULES, grid(words)[0])
    assert made == config
    assert rules.fill_model == BAND["realistic"]
    assert rules.latency == Latency.constant(200.0)
    assert not rules.limits
    assert rules.seed == RULES.seed


def test_delays_may_be_those_of_a_file_or_a_constant_and_not_both(config, tmp_path):
    path = tmp_path / "delays.csv"
    kinds = ("new", "cancel", "response")
    path.write_text("kind,ms\n" + "".join(f"{kind},{k}\n" for kind in kinds for k in range(200)))
    words = [f"venue.latency={path}"]
    assert varied(config, RULES, grid(words)[0])[1].latency == read_latency(path)
    with pytest.raises(ValueError, match="give one of the two"):
        varied(config, RULES, grid([*words, "venue.latency_ms=1"])[0])


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("gama=1", "did you mean gamma"),
        ("venue.latncy=1", "did you mean venue.latency"),
        ("fill_model=power", "venue.fill_model"),
        ("qqq=1", "there are asset, profile"),
        ("gamma", "give key=value"),
        ("gamma=", "give key=value"),
        ("=1", "no such key"),
        ("gamma=" + ",".join("1" * 101), "101 combinations"),
    ],
)
def test_a_word_that_means_nothing_is_refused_with_what_would(word, said):
    with pytest.raises(ValueError, match=said):
        grid([word])


def test_a_key_given_twice_is_refused():
    with pytest.raises(ValueError, match="gamma: given twice"):
        grid(["gamma=1", "gamma=2"])


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("gamma=-1", "gamma"),
        ("gamma=1,,2", "gamma"),
        ("gamma=NaN", "gamma"),
        ("gamma=Infinity", "gamma"),
        ("levels=1.5", "levels"),
        ("venue.fill_model=powr", "fill_model"),
        ("venue.latency_ms=-1", "venue.latency_ms: must be 0 to 600,000 ms, was -1"),
        ("venue.latency_ms=soon", "venue.latency_ms"),
        ("venue.latency=gone.csv", "gone.csv"),
    ],
)
def test_a_wrong_value_names_its_key(config, word, said):
    with pytest.raises((ValueError, ValidationError), match=said):
        [varied(config, RULES, point) for point in grid([word])]


def test_a_file_says_all_of_a_config_or_some_of_it(config, tmp_path):
    whole, part = tmp_path / "whole.json", tmp_path / "part.toml"
    whole.write_text(config.model_dump_json())
    part.write_text("gamma = 0.3\n[venue]\nlatency_ms = 5\n")
    assert is_complete(read_changes(whole))
    assert varied(None, RULES, read_changes(whole))[0] == config
    assert read_changes(part) == {"gamma": 0.3, "venue.latency_ms": 5}
    assert not is_complete(read_changes(part))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", "{", "a.json"),
        ("a.json", "[1]", "keys and values"),
        ("a.json", json.dumps({"gama": 1}), "did you mean gamma"),
        ("a.toml", "gamma = ", "a.toml"),
        ("a.toml", "[venue]\nfil_model = 1", "did you mean venue.fill_model"),
        ("a.toml", "venue = 1", "keys and values"),
        ("gone.toml", None, "gone.toml"),
    ],
)
def test_a_file_that_says_nothing_is_refused_by_name(tmp_path, name, text, said):
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError, match=said):
        read_changes(path)


def test_the_band_is_played_unless_models_are_named():
    assert models_named(None, {}) == {name: {"venue.fill_model": name} for name in BAND}
    assert list(models_named("power,front", {})) == ["power", "front"]
    assert models_named(None, {"venue.fill_model": "log"}) == {"": {}}
    with pytest.raises(ValueError, match="did you mean pessimistic"):
        models_named("pesimistic", {})
    with pytest.raises(ValueError, match="give one of the two"):
        models_named("log", {"venue.fill_model": "log"})


def test_a_config_of_another_asset_is_refused(config):
    on = Ground(Market(asset="HYPE", hours=1), config, RULES)
    with pytest.raises(ValueError, match="HYPE is HYPE, not BTC"):
        on.spec("one", {"asset": "BTC"})


def test_a_word_is_a_tape_where_it_is_a_file_or_ends_like_one(tmp_path):
    with pytest.raises(ValueError, match="gangway tape import"):
        market_named("gone.tape")
    assert market_named("HYPE", seed=3) == Market(asset="HYPE", hours=24.0, seed=3)
    no_tape = tmp_path / "notes"
    no_tape.write_text("nothing")
    with pytest.raises(ValueError, match="notes"):
        market_named(str(no_tape))


def test_an_asset_nobody_lists_is_refused_with_close_ones():
    with pytest.raises(ValueError, match="did you mean HYPE"):
        ground(Market(asset="HYPPE", hours=1), 1000.0, POLICY)
