"""Markets and configs from an operator's words: ``HYPE``, ``gamma=0.2,0.4``, files.

Keys are the fields of `MakerConfig`; with the prefix ``venue.`` those of `VenueRules`, of which
``venue.latency`` is a file of measured delays and ``venue.latency_ms`` one constant delay each way.
What no word says is derived from the market and the capital, as an onboarding would.
"""

import difflib
import itertools
import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from engine.config import AssetSpec, MakerConfig
from engine.derive.decisions import derive_config
from engine.policy import Policy
from engine.runners.market_source import market_of_spec
from engine.runners.replaying import Market, ReplaySpec
from engine.runners.simulated import TRADING_FROM_NS
from engine.sim.rules import BAND, FILL_MODELS, Latency, VenueRules, venue_rules
from engine.store.latency_file import read_latency

MOST = 100
VENUE = "venue."
KEYS = (*MakerConfig.model_fields, *(VENUE + n for n in (*VenueRules.model_fields, "latency_ms")))

SIMULATED_HOURS = 24.0

Changes = Mapping[str, Any]


def market_named(
    word: str, *, hours: float | None = None, scenario: str | None = None, seed: int = 7
) -> Market:
    """Return the market that a word means: a tape's path, or an asset of the simulated venue.

    Raises
    ------
    ValueError
        if the tape does not exist or is none.
    """
    path = Path(word)
    if path.suffix == ".tape" or path.is_file():
        if not path.is_file():
            raise ValueError(f"tape {word} does not exist; make one with `gangway tape import`")
        return Market.of_tape(path, hours)
    hours = SIMULATED_HOURS if hours is None else hours
    return Market(asset=word, hours=hours, scenario=scenario, seed=seed)


class Ground(NamedTuple):
    """A market, and what is traded on it unless somebody says otherwise."""

    market: Market
    config: MakerConfig | None  # None where all of it will be said
    rules: VenueRules

    def spec(self, name: str, changes: Changes) -> ReplaySpec:
        """Return the session that changes make of it.

        Raises
        ------
        ValueError
            if a value is wrong, or the config is of another asset.
        """
        config, rules = varied(self.config, self.rules, changes)
        if config.asset != self.market.asset:
            raise ValueError(
                f"asset: {self.market.label} is {self.market.asset}, not {config.asset}"
            )
        return ReplaySpec(name=name, market=self.market, config=config, rules=rules)


def ground(market: Market, capital_usd: float, policy: Policy, *, derives: bool = True) -> Ground:
    """Return a market with the config an onboarding would derive and the rules gates judge by.

    A simulated market is watched for a day before; a tape is measured as it is.

    Raises
    ------
    ValueError
        if the asset is not known, or the capital is too small for it.
    """
    rules = venue_rules(policy, seed=market.seed)
    if not derives:
        return Ground(market, None, rules)
    spec = AssetSpec(
        asset=market.asset,
        capital_usd=capital_usd,
        venue="tape" if market.tape else "sim",
        **market.model_dump(include={"tape", "scenario", "seed"}),
    )
    facts = market_of_spec(spec).facts(market.asset, TRADING_FROM_NS)
    return Ground(market, derive_config(spec, facts, policy)[0], rules)


def grid(words: Iterable[str]) -> list[dict[str, Any]]:
    """Return every combination of the values in words such as ``gamma=0.2,0.4``.

    A value is JSON where it can be, else text.

    >>> grid(["gamma=0.2,0.4", "levels=1"])
    [{'gamma': 0.2, 'levels': 1}, {'gamma': 0.4, 'levels': 1}]

    Raises
    ------
    ValueError
        for a word that is no ``key=value``, an unknown or repeated key, or over 100 combinations.
    """
    axes: dict[str, list[Any]] = {}
    for word in words:
        key, equals, values = word.partition("=")
        if not equals or not values:
            raise ValueError(f"{word!r}: give key=value, as in gamma=0.3")
        _check_known(key)
        if key in axes:
            raise ValueError(f"{key}: given twice; give its values together, as in {key}=1,2")
        axes[key] = [_value(text) for text in values.split(",")]
    points = [dict(zip(axes, point, strict=True)) for point in itertools.product(*axes.values())]
    if len(points) > MOST:
        raise ValueError(f"{len(points)} combinations of values; at most {MOST} are played at once")
    return points


def read_changes(path: Path) -> dict[str, Any]:
    """Return what a JSON or TOML file says of a config: some of its fields, or all of them.

    Raises
    ------
    ValueError
        if it cannot be read as such, or names an unknown key.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (OSError, ValueError) as error:
        raise ValueError(f"config {path}: {error}; give a .json or .toml file") from None
    rules = content.pop("venue", {}) if isinstance(content, dict) else None
    if not isinstance(rules, dict):
        raise ValueError(f"config {path}: must hold keys and values, such as gamma = 0.3")
    changes = content | {VENUE + name: value for name, value in rules.items()}
    for key in changes:
        _check_known(key)
    return changes


def models_named(words: str | None, changes: Changes) -> dict[str, dict[str, Any]]:
    """Return fill models by the names asked for: the band, unless changes name one themselves.

    Raises
    ------
    ValueError
        if there is no such model, or both words and changes name one.
    """
    key = VENUE + "fill_model"
    if key in changes:
        if words:
            raise ValueError(f"models: {key} is set too; give one of the two")
        return {"": {}}
    names = words.split(",") if words else list(BAND)
    known = [*BAND, *FILL_MODELS]
    for name in names:
        if name not in known:
            raise ValueError(f"models: no fill model {name!r}; {_suggestion(name, known)}")
    return {name: {key: name} for name in names}


def is_complete(changes: Changes) -> bool:
    """Return whether changes say all there is to a maker's config."""
    return MakerConfig.model_fields.keys() <= changes.keys()


def varied(
    config: MakerConfig | None, rules: VenueRules, changes: Changes
) -> tuple[MakerConfig, VenueRules]:
    """Return the config and the rules with changes laid over them, checked anew.

    `config` may be missing where the changes are complete.
    """
    own = {key: value for key, value in changes.items() if not key.startswith(VENUE)}
    base = config.model_dump() if config else {}
    told = {
        key.removeprefix(VENUE): value for key, value in changes.items() if key.startswith(VENUE)
    }
    if "latency_ms" in told or "latency" in told:
        told["latency"] = _latency(told.pop("latency", None), told.pop("latency_ms", None))
    if "fill_model" in told:
        told["fill_model"] = BAND.get(str(told["fill_model"]), told["fill_model"])
    return MakerConfig.model_validate(base | own), rules.replaced(**told)


def _latency(file: Any, ms: Any) -> Latency:
    if ms is None:
        return read_latency(Path(str(file)))
    if file is not None:
        raise ValueError(f"{VENUE}latency: {VENUE}latency_ms is set too; give one of the two")
    try:
        return Latency.constant(ms)
    except ValidationError:
        raise ValueError(f"{VENUE}latency_ms: must be 0 to 600,000 ms, was {ms!r}") from None


def label(changes: Changes) -> str:
    """Return what a table calls changes.

    >>> label({"gamma": 0.3, "venue.limits": False})
    'gamma=0.3 venue.limits=false'
    """
    return " ".join(f"{key}={_text(value)}" for key, value in changes.items())


def _check_known(key: str) -> None:
    if key in KEYS:
        return
    raise ValueError(f"{key}: no such key; {_suggestion(key, KEYS)}")


def _suggestion(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=5, cutoff=0.6)
    return f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(known)}"


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
