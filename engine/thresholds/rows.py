"""The rows policy files are made of: strict, finite, each with its reason."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

Positive = Annotated[FiniteFloat, Field(gt=0)]
NonNegative = Annotated[FiniteFloat, Field(ge=0)]
Share = Annotated[FiniteFloat, Field(ge=0, le=1)]


class Table(BaseModel):
    """A table of a policy file: nothing unknown, nothing converted."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Row(Table):
    """Anything a policy file states, with the reason it is so."""

    why: Annotated[str, Field(min_length=12)]


class Number(Row):
    """One number."""

    value: FiniteFloat


class Names(Row):
    """A list of names."""

    names: Annotated[tuple[str, ...], Field(min_length=1)]
