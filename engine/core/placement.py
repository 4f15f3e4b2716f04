"""What we believed when an order was asked for: learners are shown this, never the hindsight."""

from typing import Annotated

from engine.core.edge import MEMBERS
from engine.core.risk_aversion import RISK
from engine.core.toxicity import FEATURES
from engine.record import f8, i8, record


@record
class Placement:
    """One side's beliefs at one instant; kept with the order, then with what became of its fills.

    A modify replaces it at once, so a fill of the old order while the answer is on its way is
    judged by the newer belief: still one that was stated before the fill was heard of.
    """

    is_known: i8  # zero for a fill of an order we have no memory of
    toxicity: Annotated[f8, FEATURES]
    p_adverse: f8  # said then
    p_base: f8
    risk: Annotated[f8, RISK]
    edges_bps: Annotated[f8, MEMBERS]  # each member's forecast
    edge_bps: f8  # and their blend
    structural_bps: f8
    state: i8  # of the Q-table
    arm: i8
    propensity: f8
    alpha: f8  # forecast move of the mid towards this side's profit, relative
    regime: i8
    sigma: f8
