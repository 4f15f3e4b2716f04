"""Thresholds as data: `policy/*.toml`, parsed once, each row with its reason.

`load_policy` either returns a complete, finite policy or raises a `PolicyError` that names the
file, the key, the value and what to do. Code elsewhere never holds a bare threshold.
"""

import hashlib
import json
import os
import tomllib
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from engine.thresholds.monitor import MonitorPolicy
from engine.thresholds.paper import PaperPolicy
from engine.thresholds.profiles import ProfilesPolicy
from engine.thresholds.ramp import RampPolicy
from engine.thresholds.risk import RiskPolicy
from engine.thresholds.symbols import SymbolsPolicy
from engine.thresholds.viability import ViabilityPolicy


class PolicyError(ValueError):
    """A policy file is missing, broken or incomplete."""


class Policy(BaseModel):
    """Every threshold Gangway judges by."""

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    viability: ViabilityPolicy
    profiles: ProfilesPolicy
    risk: RiskPolicy
    paper: PaperPolicy
    ramp: RampPolicy
    monitor: MonitorPolicy
    symbols: SymbolsPolicy

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the content, as hex. Reasons may be reworded without changing it."""
        content = _without_reasons(self.model_dump(mode="json"))
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


def load_policy(directory: Path | None = None) -> Policy:
    """Read every policy file in `directory`.

    Parameters
    ----------
    directory
        Where the files are; by default ``$GANGWAY_POLICY``, else ``policy/`` of the repository.

    Raises
    ------
    PolicyError
        if a file is missing or broken, a row is missing or unknown, or a number is not finite.
    """
    root = directory or Path(os.environ.get("GANGWAY_POLICY") or _beside_the_engine())
    fields = Policy.model_fields
    return Policy(**{name: _load(root, name, fields[name].annotation) for name in fields})


def _beside_the_engine() -> Path:
    return Path(__file__).resolve().parent.parent / "policy"


def _load(root: Path, name: str, model: Any) -> Any:
    path = root / f"{name}.toml"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PolicyError(
            f"{path}: cannot be read ({error.strerror}); restore it, or point GANGWAY_POLICY at a "
            "directory that holds every policy file"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PolicyError(f"{path}: broken TOML: {error}; correct that line") from error
    try:
        return model.model_validate(_frozen(content))
    except ValidationError as error:
        raise PolicyError("\n".join(_explain(path, one) for one in error.errors())) from error


_REMEDIES = {
    "missing": "this row is missing; add it, with its why",
    "extra_forbidden": "unknown key; correct its spelling or delete it",
    "finite_number": "not a finite number; NaN and infinity cannot be thresholds, write a number",
}


def _explain(path: Path, error: Any) -> str:
    key = ".".join(str(part) for part in error["loc"]) or "(whole file)"
    remedy = _REMEDIES.get(error["type"], f"{error['msg']}; write such a value")
    table = isinstance(error["input"], dict | tuple | BaseModel)
    value = "" if table or error["type"] == "missing" else f" = {_short(error['input'])}"
    return f"{path}: {key}{value}: {remedy}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _frozen(value: Any) -> Any:
    """Turn lists into tuples: strict models refuse to do it silently."""
    if isinstance(value, dict):
        return {key: _frozen(inner) for key, inner in value.items()}
    return tuple(_frozen(inner) for inner in value) if isinstance(value, list) else value


def _without_reasons(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_reasons(inner) for key, inner in value.items() if key != "why"}
    return [_without_reasons(inner) for inner in value] if isinstance(value, list) else value
