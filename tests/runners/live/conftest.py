import pytest

from engine.config import AssetSpec
from engine.derive.decisions import derive_config
from engine.policy import load_policy
from engine.runners.live.spec import LiveSpec
from engine.runners.market_source import market_of_spec
from engine.store.home import Home


@pytest.fixture(scope="session")
def config():
    spec = AssetSpec(asset="HYPE", capital_usd=1000.0)
    facts = market_of_spec(spec, hours=1).facts("HYPE", 0)
    return derive_config(spec, facts, load_policy())[0]


@pytest.fixture
def spec(config):
    return LiveSpec(
        run="hype-a1-ramp_25-v6",
        asset="HYPE",
        mode="live",
        fraction=0.25,
        config=config,
        asset_id=159,
        max_order_usd=250.0,
    )


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)
