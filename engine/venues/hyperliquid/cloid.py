"""Our numbers on the venue's orders: the same decision always has the same one.

Sixteen bytes: a mark that says *ours*, the epoch of the process that placed the order, the asset,
and the number the engine gave. Sending a request again can therefore not place a second order, and
an order found on the venue tells whose it is: of this process, of an earlier one, of a later one
(which means that this one has been replaced and must stop), or of somebody else.
"""

import re
from typing import NamedTuple

MARK = "6777"  # "gw"
EPOCHS, ASSETS, NUMBERS = 1 << 32, 1 << 32, 1 << 48

_WIRE = f"0x{MARK}%08x%08x%012x"
_CLOID = re.compile(rf"0x{MARK}([0-9a-f]{{8}})([0-9a-f]{{8}})([0-9a-f]{{12}})", re.ASCII)


class Cloid(NamedTuple):
    """What one of our numbers says."""

    epoch: int  # rises with every process that may trade the asset
    asset: int  # the venue's id
    number: int  # the engine's, new for every order it sends

    def wire(self) -> str:
        """Return it as the venue has it.

        >>> Cloid(7, 110000, 42).wire()
        '0x6777000000070001adb000000000002a'

        Raises
        ------
        ValueError
            if a part does not fit.
        """
        epoch, asset, number = self
        if not (0 <= epoch < EPOCHS and 0 <= asset < ASSETS and 0 <= number < NUMBERS):
            raise ValueError(
                f"epoch, asset and number must be from 0 to {EPOCHS - 1}, {ASSETS - 1} and "
                f"{NUMBERS - 1}, were {epoch}, {asset} and {number}"
            )
        return _WIRE % self


def read_cloid(text: str | None) -> Cloid | None:
    """Return what a number on an order says, None where it is not one of ours.

    A stranger's number begins like ours once in 65,536; compare the asset, too.

    >>> read_cloid("0x6777000000070001ADB000000000002A")
    Cloid(epoch=7, asset=110000, number=42)
    >>> read_cloid("0xa1f0cddc17303d07f3fd128d5b35071d"), read_cloid(None)
    (None, None)
    """
    found = _CLOID.fullmatch((text or "").lower())
    return Cloid(*(int(part, 16) for part in found.groups())) if found else None
