"""The key an engine signs with: read from one place, told to nobody.

A key never comes from the command line, a flow's parameter or a configuration. Whoever reads the
environment of this process can read a key given there: a file is the better place.
"""

import ctypes
import os
import re
import resource
import stat
import sys
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any, NoReturn

from coincurve import PrivateKey
from coincurve._libsecp256k1 import ffi, lib
from coincurve.context import GLOBAL_CONTEXT

from engine.venues.hyperliquid.curve import address_of

ENV = "GANGWAY_AGENT_KEY"
_HEX = re.compile(r"(0x)?[0-9a-fA-F]{64}", re.ASCII)
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  # of secp256k1
_LONGEST = 256  # bytes of a key's file, its line end included
_PR_SET_DUMPABLE = 4  # prctl(2)


class KeyRefusedError(ValueError):
    """A key cannot or must not be used; the message says why and never shows it."""


class SigningKey:
    """A private key that signs digests and shows its address.

    It has no representation, copy, pickle or equality through which the key could leave.

    Parameters
    ----------
    text
        64 hexadecimal digits, with or without 0x.

    Attributes
    ----------
    address
        of the key.
    sign
        returns r, s and parity, 65 bytes, of a digest of 32 bytes; the same for the same.

    Raises
    ------
    KeyRefusedError
        if `text` is no key of secp256k1.
    """

    __slots__ = ("address", "sign")

    def __init__(self, text: str) -> None:
        scalar = _scalar(text)
        del text  # a traceback that shows local variables must not show it
        if scalar is None:
            raise KeyRefusedError(
                "the key must be 64 hexadecimal digits, with or without 0x, and neither zero nor "
                "beyond the order of secp256k1"
            )
        private, self.sign = PrivateKey(scalar), _signer(scalar)
        del scalar
        self.address = address_of(private.public_key)

    def __repr__(self) -> str:
        return f"<key of {getattr(self, 'address', 'nobody')}>"  # while it is refused, too

    def __reduce_ex__(self, _: Any) -> NoReturn:
        raise TypeError("a key is not pickled or copied")


def _signer(scalar: bytes) -> Callable[[bytes], bytes]:
    """Return what signs: libsecp256k1 as coincurve binds it, without the Python around it.

    That is what `PrivateKey.sign_recoverable` does, and saves a fourth of its time.
    """
    context, null = GLOBAL_CONTEXT.ctx, ffi.NULL
    secret = ffi.new("unsigned char[32]", scalar)
    del scalar
    kinds = ("secp256k1_ecdsa_recoverable_signature *", "unsigned char[65]", "int *")
    signature_kind, text_kind, parity_kind = map(ffi.typeof, kinds)

    def sign(digest: bytes) -> bytes:
        if len(digest) != 32:
            raise ValueError(f"digest must be of 32 bytes, was of {len(digest)}")
        # of their own, for several threads may sign at once
        signature, text, parity = ffi.new(signature_kind), ffi.new(text_kind), ffi.new(parity_kind)
        if not lib.secp256k1_ecdsa_sign_recoverable(context, signature, digest, secret, null, null):
            raise ValueError("libsecp256k1 could not sign")
        lib.secp256k1_ecdsa_recoverable_signature_serialize_compact(
            context, text, parity, signature
        )
        text[64] = parity[0]
        return bytes(ffi.buffer(text))

    return sign


def read_key(path: Path | None = None, env: MutableMapping[str, str] = os.environ) -> SigningKey:
    """Return the key of a file, or of the environment where no file is named.

    The variable is taken out of the environment, so that no process started later inherits it.
    From here on this process leaves no core dump, and no other of the same user can look into it.

    Parameters
    ----------
    path
        of a regular file that belongs to this user, with mode 0600 or 0400.
    env
        the environment; `ENV` names the key.

    Raises
    ------
    KeyRefusedError
        if there is no key, if others can read its file, or if it is no key.
    """
    forbid_dumps()
    if path is not None:
        return SigningKey(_private_text(path))
    if ENV not in env:
        raise KeyRefusedError(f"no key: name a file with mode 0600, or set {ENV}")
    return SigningKey(env.pop(ENV).strip())


def forbid_dumps() -> None:
    """Keep the memory of this process out of core dumps and debuggers."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":  # where dumps go to a program, the limit is not asked
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0)


def _private_text(path: Path) -> str:
    try:
        # a pipe must not make us wait before it is refused
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise KeyRefusedError(f"{path} cannot be read as a key: {error.strerror}") from None
    try:
        _check_owner(path, os.fstat(handle))
        return os.read(handle, _LONGEST + 1).decode("ascii", "replace").strip()
    finally:
        os.close(handle)


def _check_owner(path: Path, held: os.stat_result) -> None:
    if not stat.S_ISREG(held.st_mode):
        raise KeyRefusedError(f"{path} must be a regular file, and no link, to hold a key")
    if held.st_uid != os.geteuid():
        raise KeyRefusedError(f"{path} belongs to user {held.st_uid}, not to us: chown it")
    if held.st_mode & 0o177:
        mode = stat.S_IMODE(held.st_mode)
        raise KeyRefusedError(f"{path} has mode {mode:04o}: a key's file must be 0600, chmod it")
    if held.st_size > _LONGEST:
        raise KeyRefusedError(f"{path} is {held.st_size} bytes long, a key at most {_LONGEST}")


def _scalar(text: str) -> bytes | None:
    if not _HEX.fullmatch(text):
        return None
    scalar = int(text, 16)
    return scalar.to_bytes(32, "big") if 0 < scalar < _ORDER else None
