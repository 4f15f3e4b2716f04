"""Who may sign for whom: agent wallets, sub-accounts, approved builders.

References
----------
Hyperliquid documentation, "Nonces and API wallets", "Sub-accounts", read in September 2026: one
unnamed and three named agents per master, two more named per sub-account; a name may carry
``valid_until <ms>``, at most 180 days ahead.
"""

import hashlib
import re
from decimal import Decimal, InvalidOperation

from engine.localnet import refusals
from engine.localnet.digits import MICRO, MalformedError, dollars_and_cents
from engine.localnet.floor import Floor
from engine.localnet.refusals import RefusedError
from engine.localnet.state import Account, Agent, Json
from engine.localnet.wire import address, field

NAMED = 3
NAMED_PER_SUB = 2
NAME_LENGTH = 16
VALID_MS = 180 * 86_400_000
SUB_ACCOUNT_VOLUME = 100_000 * MICRO
BUILDER_MOST = 100  # tenths of a bp

_NAMED_UNTIL = re.compile(r"(.*) valid_until (\d{1,15})")


def master_of(floor: Floor, signer: str) -> Account:
    """Return the account that a signer trades for.

    Raises
    ------
    RefusedError
        if it is neither an account nor a valid agent of one.
    """
    agent = floor.state.agents.get(signer)
    if agent is not None and is_valid(agent, floor.state.time):
        return floor.account(agent.master)
    if signer in floor.state.accounts:
        return floor.account(signer)
    raise RefusedError(f"User or API Wallet {signer} does not exist.")


def is_valid(agent: Agent, time: int) -> bool:
    """Return whether an agent has not expired."""
    return agent.valid_until is None or time <= agent.valid_until


def acting(floor: Floor, master: Account, vault: str | None) -> Account:
    """Return the account that an action is for: the master's own, or a sub-account of his."""
    if vault is None:
        return master
    found = floor.state.accounts.get(vault)
    if found is None or found.master != master.address:
        raise RefusedError(f"Vault not registered: {vault}")
    return found


def approve_agent(floor: Floor, account: Account, action: Json) -> None:
    """``approveAgent``: a new agent takes the place of the one with its name."""
    key = address(action, "agentAddress")
    name, until = _name(floor, action.get("agentName") or "")
    if key in floor.state.agents or key in floor.state.accounts:
        raise RefusedError(refusals.AGENT_USED)
    mine = agents_of(floor, account)
    same = [old for old, agent in mine.items() if agent.name == name]
    named = [agent for agent in mine.values() if agent.name]
    limit = NAMED + NAMED_PER_SUB * len(sub_accounts(floor, account))
    if name and not same and len(named) >= limit:
        raise RefusedError(refusals.AGENTS_FULL.format(limit=limit))
    for old in same:
        del floor.state.agents[old]
        floor.state.nonces.pop(old, None)
    floor.state.agents[key] = Agent(account.address, name, until)


def agents_of(floor: Floor, account: Account) -> dict[str, Agent]:
    """Return the valid agents of a master."""
    return {
        key: agent
        for key, agent in floor.state.agents.items()
        if agent.master == account.address and is_valid(agent, floor.state.time)
    }


def sub_accounts(floor: Floor, account: Account) -> list[Account]:
    """Return the sub-accounts of a master."""
    return [a for a in floor.state.accounts.values() if a.master == account.address]


def create_sub_account(floor: Floor, account: Account, action: Json) -> str:
    """``createSubAccount``: return its address."""
    name = field(action, "name", str)
    if account.cum_volume < SUB_ACCOUNT_VOLUME:
        raise RefusedError(
            "Cannot create sub-accounts until enough volume traded. Required: $100000. "
            f"Traded: ${dollars_and_cents(account.cum_volume)}."
        )
    seed = f"{account.address}/{len(sub_accounts(floor, account))}".encode()
    sub = floor.account("0x" + hashlib.blake2b(seed, digest_size=20).hexdigest())
    sub.master, sub.name = account.address, name
    return sub.address


def approve_builder(floor: Floor, account: Account, action: Json) -> None:
    """``approveBuilderFee``: the most a builder may charge; perps at most 0.1 %."""
    del floor
    rate = field(action, "maxFeeRate", str)
    try:
        tenths = int(Decimal(rate.removesuffix("%")) * 1000)
    except InvalidOperation as error:
        raise MalformedError(f"maxFeeRate must be a percentage, was {rate!r}") from error
    account.builders[address(action, "builder")] = min(max(tenths, 0), BUILDER_MOST)


def _name(floor: Floor, written: str) -> tuple[str | None, int | None]:
    """Return an agent's name and when it expires."""
    name, until = written, floor.state.time + VALID_MS
    match = _NAMED_UNTIL.fullmatch(written)
    if match is not None:
        name, until = match[1], min(int(match[2]), until)
    if len(name) > NAME_LENGTH:
        raise RefusedError(f"Agent name must have at most {NAME_LENGTH} characters.")
    return name or None, until
