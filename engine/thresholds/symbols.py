"""policy/symbols.toml: names of coins, and what they are called elsewhere."""

from typing import Annotated

from pydantic import Field

from engine.thresholds.rows import Names, Positive, Row, Table


class SymbolTable(Row):
    """Coin (in capitals) to the leading venue's symbol, which quotes `multiple` coins."""

    symbols: Annotated[dict[str, str], Field(min_length=1)]
    multiple: Positive = 1.0


class SymbolsPolicy(Table):
    """policy/symbols.toml."""

    single: SymbolTable
    thousands: SymbolTable
    natives: Names
    majors: Names
