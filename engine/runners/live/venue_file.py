"""Where and for whom a desk trades on one venue: a small TOML file without any secret in it.

``venues/NAME.toml`` in the home names the server, the account, and the files of the two keys: the
engines sign with one agent, the guard with another.
"""

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.store.home import Home


class VenueFileError(ValueError):
    """What a desk has written down about a venue is not there, or not right."""


Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]


class VenueFile(BaseModel):
    """The content of the file; `master` where `account` is a sub-account."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Annotated[str, Field(pattern=r"^https?://")]
    account: Address
    master: Address | None = None
    engine_key: Path
    guard_key: Path

    @property
    def owner(self) -> str:
        """The account that approves agents."""
        return self.master or self.account

    @property
    def vault(self) -> str | None:
        """The sub-account that is traded for; None for the account itself."""
        return None if self.owner == self.account else self.account


def venue_path(home: Home, venue: str) -> Path:
    """Return where the file of a venue is."""
    folder = Path(home.root) / "venues"
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    return folder / f"{venue}.toml"


def read_venue(home: Home, venue: str) -> VenueFile:
    """Return what a desk has written down about a venue.

    Raises
    ------
    VenueFileError
        if there is no such file, or it is not right, naming the field.
    """
    path = venue_path(home, venue)
    try:
        return VenueFile.model_validate(tomllib.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        raise VenueFileError(
            f"{path} does not exist: it must name url, account, engine_key and guard_key"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise VenueFileError(f"{path} is no TOML: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise VenueFileError(
            f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        ) from None
