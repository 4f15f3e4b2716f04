"""A maker and its gateway as one step: an event in, requests out."""

from typing import Any

from engine.core import maker
from engine.core.maker import Maker, new_maker
from engine.events import LEVEL, REFERENCE_TRADE
from engine.gateway import gateway
from engine.gateway.state import Gateway
from engine.record import kernel, record, zeros


@record
class Desk:
    """Everything one live engine remembers."""

    maker: Maker
    gateway: Gateway


def new_desk(params: Any, limits: Any) -> Any:
    """Return an array of one `Desk` that has seen nothing: a phase's parameters and its limits."""
    desks = zeros(Desk)
    desks[0].maker = new_maker(params)[0]
    desks[0].maker.disconnected = 1  # until the gateway has compared itself with the venue
    desks[0].gateway.limits = limits
    return desks


@kernel
def step_at(desks: Any, events: Any, k: int, outputs: Any, posts: Any) -> None:
    """Call `step` with event `k`; the cheap call from Python."""
    step(desks[0], events[k], outputs[0], posts[0])


@kernel
def step(d: Any, e: Any, out: Any, post: Any) -> None:
    """Absorb one event; `post` holds what to send, `out` what the maker has to report."""
    post.n_requests = 0
    post.n_told = 0
    gateway.pass_time(d.gateway, e, post)
    if is_public(e.kind):
        maker.step(d.maker, e, out)
        _carry(d, out, post)
    else:
        gateway.hear(d.gateway, e, post)
    told = 0
    while told < post.n_told:
        maker.step(d.maker, post.told[told], out)
        _carry(d, out, post)
        told += 1


@kernel
def is_public(kind: int) -> bool:
    """Return whether an event is everybody's: the maker hears it as it is."""
    return LEVEL <= kind <= REFERENCE_TRADE


@kernel
def _carry(d: Any, out: Any, post: Any) -> None:
    for k in range(out.n_actions):
        gateway.ask(d.gateway, out.actions[k], post)
