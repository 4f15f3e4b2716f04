"""What an engine is told to do: a pure function of where its asset stands."""

from engine.onboarding.stages import engine_mode, fraction
from engine.onboarding.store import AssetState
from engine.runners.simulated import RunSpec

SIMULATED_VENUES = ("sim", "tape")


def assignment(state: AssetState, start_ns: int, sample_s: float = 1.0) -> RunSpec | None:
    """Return the run the asset's engine belongs to; None where no engine trades.

    Parameters
    ----------
    state
        where the asset stands.
    start_ns
        when the run began on its market's clock: the simulated market of another time is another
        market, so each phase is judged on hours it has not seen.
    sample_s
        seconds between two samples.
    """
    mode = engine_mode(state.stage)
    if mode is None or state.run is None or state.config is None:
        return None
    return RunSpec(
        run=state.run,
        asset=state.asset,
        mode=mode,
        fraction=fraction(state.stage),
        config=state.config,
        scenario=state.spec.scenario,
        seed=state.spec.seed,
        tape=state.spec.tape,
        sample_s=sample_s,
        start_ns=start_ns,
    )
