"""What an engine says: one record per request to the venue."""

from engine.record import f8, i2, i4, i8, record

PLACE = 1
CANCEL = 2
MODIFY = 3
CANCEL_ALL = 4
HALT = 5  # tell the shell that the kill switch has latched; code = reason


@record
class Action:
    """One request; `cloid` names the order, and repeating a request with it is harmless."""

    kind: i2
    side: i2
    code: i4
    ts_ns: i8
    cloid: i8
    px: f8
    sz: f8
