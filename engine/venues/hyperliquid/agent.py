"""Whether a key may trade for an account: it must be an agent's, and can then never withdraw."""

from engine.venues.hyperliquid.account import Account
from engine.venues.hyperliquid.account_answers import Agent
from engine.venues.hyperliquid.key import KeyRefusedError, SigningKey


def check_agent(key: SigningKey, account: Account, master: Account, now_ms: int) -> Agent:
    """Return the agent whose key this is, after asking the venue about it.

    Parameters
    ----------
    key
        that is to sign.
    account
        that is to be traded for.
    master
        whose agent it must be: `account` itself, or its master where it is a sub-account.
    now_ms
        the time [ms since 1970].

    Raises
    ------
    KeyRefusedError
        if the key is a wallet's own, another account's agent, not a named agent, or expired.
    """
    remedy = f"approve an agent with a name for {master.address}, and use its key"
    if key.address in (account.address, master.address):
        raise KeyRefusedError(
            f"the key is of the account {key.address} itself and could withdraw everything: "
            f"{remedy}, and keep this one away from this machine"
        )
    _check_owner(account, master)
    role = master.role(key.address)
    if role.role != "agent":
        raise KeyRefusedError(f"{key.address} is no agent ({role.role}) of any account: {remedy}")
    if (role.data.user or "").lower() != master.address:
        raise KeyRefusedError(f"{key.address} is the agent of {role.data.user}: {remedy}")
    named = [agent for agent in master.agents() if agent.address.lower() == key.address]
    if not named:  # whoever approves another one without a name replaces it
        raise KeyRefusedError(f"{key.address} is an agent without a name: {remedy}")
    if named[0].validUntil is not None and named[0].validUntil <= now_ms:
        raise KeyRefusedError(f"the agent {named[0].name} {key.address} has expired: {remedy}")
    return named[0]


def _check_owner(account: Account, master: Account) -> None:
    """Refuse an account that does not belong to `master`, or is not a trader's at all."""
    role = account.role()
    owner = account.address if role.role == "user" else (role.data.master or "").lower()
    if role.role not in ("user", "subAccount") or owner != master.address:
        raise KeyRefusedError(
            f"{account.address} is {role.role}, not an account of {master.address}: "
            "name the account that trades, and its master where it is a sub-account"
        )
