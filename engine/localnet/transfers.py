"""Money that moves between accounts, dexs and spot. Nothing is made or lost but by `deposit`."""

from engine.localnet import margin, refusals
from engine.localnet.digits import WIRE_DECIMALS, text, usd, wire
from engine.localnet.floor import Floor
from engine.localnet.refusals import RefusedError
from engine.localnet.state import Account, Json
from engine.localnet.wire import address, field

WEI_PER_MICRO = 100  # spot balances have eight decimals
SPOT = "spot"
KEPT = 10_000


def deposit(floor: Floor, account: Account, micro: int, dex: int = 0) -> None:
    """Bring collateral in from outside."""
    account.usd[dex] = account.usd.get(dex, 0) + micro
    account.deposited += micro
    _write(floor, account, {"type": "deposit", "usdc": usd(micro)})


def deposit_spot(floor: Floor, account: Account, token: int, wei: int) -> None:
    """Bring tokens in from outside [10^-8]."""
    if token not in floor.universe.tokens:
        raise ValueError(f"token must be one of {sorted(floor.universe.tokens)}, was {token}")
    account.spot[token] = account.spot.get(token, 0) + wei


def usd_class_transfer(floor: Floor, account: Account, action: Json) -> None:
    """``usdClassTransfer``: USDC between spot and the main dex."""
    amount, _, rest = field(action, "amount", str).partition(" subaccount:")
    if rest:
        account = _sub_account(floor, account, rest.lower())
    micro = _micro(amount)
    to_perp = field(action, "toPerp", bool)
    _refuse_unified(account)
    source, target = (SPOT, "") if to_perp else ("", SPOT)
    _move(floor, account, account.address, source, target, 0, micro * WEI_PER_MICRO)
    _write(floor, account, {"type": "accountClassTransfer", "usdc": usd(micro), "toPerp": to_perp})


def usd_send(floor: Floor, account: Account, action: Json) -> None:
    """``usdSend``: USDC of the main dex to somebody else."""
    micro = _micro(action.get("amount"))
    _refuse_unified(account)
    if micro > margin.withdrawable(floor, account, 0):
        raise RefusedError(refusals.NO_WITHDRAWAL)
    name = address(action, "destination")
    target = _move(floor, account, name, "", "", 0, micro * WEI_PER_MICRO)
    row = {
        "type": "internalTransfer",
        "usdc": usd(micro),
        "user": account.address,
        "destination": target.address,
        "fee": "0.0",
    }
    _write(floor, account, row)
    _write(floor, target, row)


def withdraw(floor: Floor, account: Account, action: Json) -> None:
    """``withdraw3``: USDC out of the exchange."""
    micro = _micro(action.get("amount"))
    _refuse_unified(account)
    if not 0 < micro <= margin.withdrawable(floor, account, 0):
        raise RefusedError(refusals.NO_WITHDRAWAL)
    account.usd[0] -= micro
    account.deposited -= micro
    row = {"type": "withdraw", "usdc": usd(micro), "nonce": action.get("time"), "fee": "0.0"}
    _write(floor, account, row)


def spot_send(floor: Floor, account: Account, action: Json) -> None:
    """``spotSend``: a token to somebody else."""
    token = _token(floor, field(action, "token", str))
    wei = wire("amount", action.get("amount"))
    _refuse_unified(account)
    _send(floor, account, address(action, "destination"), SPOT, SPOT, token, wei)


def send_asset(floor: Floor, account: Account, action: Json) -> None:
    """``sendAsset``: a token between accounts, dexs and spot."""
    source, target = field(action, "sourceDex", str), field(action, "destinationDex", str)
    token = _token(floor, field(action, "token", str))
    wei = wire("amount", action.get("amount"))
    sub = field(action, "fromSubAccount", str).lower()
    sender = _sub_account(floor, account, sub) if sub else account
    receiver = address(action, "destination")
    if sender.address == receiver and source == target:
        raise RefusedError(refusals.INVALID_SEND)
    _send(floor, sender, receiver, source, target, token, wei)


def agent_send_asset(floor: Floor, account: Account, action: Json) -> None:
    """``agentSendAsset``: what an agent may move, between the dexs of its master."""
    name = address(action, "destination")
    if name != account.address and floor.known(name).master != account.address:
        raise RefusedError(refusals.AGENT_SEND)
    send_asset(floor, account, action)


def sub_account_transfer(floor: Floor, account: Account, action: Json) -> None:
    """``subAccountTransfer``: USDC of the main dex to a sub-account, or back."""
    _refuse_unified(account)
    sub = _sub_account(floor, account, address(action, "subAccountUser"))
    source, target = (account, sub) if field(action, "isDeposit", bool) else (sub, account)
    _move(floor, source, target.address, "", "", 0, field(action, "usd", int) * WEI_PER_MICRO)


def sub_account_spot_transfer(floor: Floor, account: Account, action: Json) -> None:
    """``subAccountSpotTransfer``: tokens to a sub-account, or back."""
    _refuse_unified(account)
    sub = _sub_account(floor, account, address(action, "subAccountUser"))
    source, target = (account, sub) if field(action, "isDeposit", bool) else (sub, account)
    token, wei = _token(floor, field(action, "token", str)), wire("amount", action.get("amount"))
    _move(floor, source, target.address, SPOT, SPOT, token, wei)


def vault_transfer(floor: Floor, account: Account, action: Json) -> None:
    """``vaultTransfer``: there are no vaults here, so it is refused as for an unknown one."""
    del floor, account
    raise RefusedError(f"Vault not registered: {address(action, 'vaultAddress')}")


def _send(
    floor: Floor, source: Account, receiver: str, leave: str, enter: str, token: int, wei: int
) -> None:
    target = _move(floor, source, receiver, leave, enter, token, wei)
    row = {
        "type": "send",
        "user": source.address,
        "destination": target.address,
        "sourceDex": leave,
        "destinationDex": enter,
        "token": floor.universe.tokens[token].name,
        "amount": text(wei, WIRE_DECIMALS),
        "usdcValue": text(wei, WIRE_DECIMALS),
        "fee": "0.0",
        "nativeTokenFee": "0.0",
        "nonce": floor.state.time,
        "feeToken": "",
    }
    _write(floor, source, row)
    if target is not source:
        _write(floor, target, row)


def _move(
    floor: Floor, source: Account, receiver: str, leave: str, enter: str, token: int, wei: int
) -> Account:
    """Move tokens [10^-8] and return who has them; a dex takes its own collateral alone."""
    if wei <= 0:
        raise RefusedError(refusals.ZERO_SEND)
    dexs = [_dex(floor, name, token) for name in (leave, enter)]
    micro, dust = divmod(wei, WEI_PER_MICRO)
    if dust and dexs != [None, None]:
        raise RefusedError(refusals.INVALID_SEND)
    have = source.spot.get(token, 0)
    if dexs[0] is not None:
        have = margin.withdrawable(floor, source, dexs[0]) * WEI_PER_MICRO
    if wei > have:
        raise RefusedError(refusals.NO_BALANCE)
    target = floor.account(receiver)  # who never had money is an account from now on
    for account, dex, sign in ((source, dexs[0], -1), (target, dexs[1], 1)):
        if dex is None:
            account.spot[token] = account.spot.get(token, 0) + sign * wei
        else:
            account.usd[dex] = account.usd.get(dex, 0) + sign * micro
            account.deposited += sign * micro
    return target


def _dex(floor: Floor, name: str, token: int) -> int | None:
    """Return the index of a dex; None is spot."""
    if name == SPOT:
        return None
    if name not in floor.universe.dex_index:
        raise RefusedError(refusals.BAD_DEX)
    number = floor.universe.dex_index[name]
    if floor.universe.spec.dexs[number].collateral != token:
        raise RefusedError(refusals.INVALID_SEND)
    return number


def _token(floor: Floor, name: str) -> int:
    """Return the index of ``NAME`` or ``NAME:0xid``; the id may be that of another network."""
    for token in floor.universe.tokens.values():
        if token.name == name.partition(":")[0]:
            return token.index
    raise RefusedError(f"Unknown token {name}")


def _micro(amount: object) -> int:
    return wire("amount", amount) // WEI_PER_MICRO


def _sub_account(floor: Floor, account: Account, name: str) -> Account:
    sub = floor.state.accounts.get(name)
    if sub is None or sub.master != account.address:
        raise RefusedError(f"Vault not registered: {name}")
    return sub


def _refuse_unified(account: Account) -> None:
    if account.abstraction == "unifiedAccount":
        raise RefusedError(refusals.UNIFIED)


def _write(floor: Floor, account: Account, delta: Json) -> None:
    entry = {"time": floor.state.time, "hash": floor.block.hash, "delta": delta}
    account.ledger.append(entry)
    del account.ledger[:-KEPT]
    floor.block.ledger.setdefault(account.address, []).append(entry)
