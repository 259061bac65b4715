# SPDX-License-Identifier: Apache-2.0
"""An OpenSSH public key that a person sends to get a certificate for this key (``jitsudo --key FILE``).

Law: a key has only one spelling: its type, a space, and its bytes in base64. jitd refuses a key that it cannot read completely.
jitd also refuses certificates, private keys and weak keys. Sources: sshd(8) "AUTHORIZED_KEYS FILE FORMAT"; RFC 4253 section 6.6,
RFC 5656 section 3.1, RFC 8709 section 4; PROTOCOL.u2f of OpenSSH.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

LONGEST = 4096  # characters of a key
LEAST_BITS = 2048  # bits of an RSA key
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "ssh-ed25519": ("ed25519",),
    "ecdsa-sha2-nistp256": ("curve", "point"),
    "ecdsa-sha2-nistp384": ("curve", "point"),
    "ecdsa-sha2-nistp521": ("curve", "point"),
    "ssh-rsa": ("exponent", "modulus"),
    "sk-ssh-ed25519@openssh.com": ("ed25519", "application"),
    "sk-ecdsa-sha2-nistp256@openssh.com": ("curve", "point", "application"),
}
_POINTS = {"nistp256": 65, "nistp384": 97, "nistp521": 133}  # curve → bytes of an uncompressed point


class NoKey(ValueError):
    """Raised if the text is not a key for which a certificate can be made. The message of the error is a sentence."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key: its type, such as ``ssh-ed25519``, and its bytes."""

    type: str
    blob: bytes

    @property
    def spelling(self) -> str:
        """The key as one line of a file. The line has no comment."""
        return f"{self.type} {base64.b64encode(self.blob).decode('ascii')}"

    @property
    def fingerprint(self) -> str:
        """The type, and the fingerprint in the form that ``ssh-keygen -l`` prints: SHA-256 in base64 without padding."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest()).decode("ascii").rstrip("=")
        return f"{self.type} SHA256:{digest}"


def read_key(line: str) -> PublicKey:
    """Return the key of a line, as of ``~/.ssh/id_ed25519.pub``. A comment is ignored. Raises NoKey."""
    kind, _, rest = line.strip().partition(" ")
    if "PRIVATE KEY" in line:
        raise NoKey("this is a private key, which nobody else may have: name the file that ends in .pub")
    if "-cert-v0" in kind:
        raise NoKey("this is a certificate: name the file of the public key itself")
    if kind not in _FIELDS:
        known = ", ".join(_FIELDS)
        raise NoKey(f"this is not the line of a public key of OpenSSH, which begins with its type, one of: {known}")
    text = rest.split(" ", 1)[0]
    if len(text) > LONGEST:
        raise NoKey(f"this key is longer than {LONGEST} characters")
    try:
        blob = base64.b64decode(text.encode("ascii"), validate=True)
        _check(kind, blob)
    except (binascii.Error, UnicodeError, IndexError):
        raise NoKey("this key is damaged: its bytes do not fit its type") from None
    return PublicKey(kind, blob)


def brought_for(things: Sequence[str], brought: str, brings: Callable[[str], str]) -> str:
    """Return the key that a person sent for ``things``, in the one valid spelling of the key. ``brought`` is the key as the
    person wrote it, or empty if the person sent no key. ``brings`` returns whether a person sends a key for a thing: "must",
    "may", or "no". Raises ValueError with a sentence in two cases. In the first case, a
    thing needs a key and the person sent none. In the second case, the person sent a key and no thing uses a key.
    """
    wanting = [thing for thing in things if brings(thing) == "must"]
    if brought and all(brings(thing) == "no" for thing in things):
        raise ValueError(f"--key cannot be used with {things[0]}, which needs no key")
    if wanting and not brought:
        raise ValueError(f"{wanting[0]} is a certificate for your key: name the key's file, such as --key ~/.ssh/id_ed25519.pub")
    return read_key(brought).spelling if brought else ""


def told_of(brought: str) -> str:
    """Return the type and fingerprint of the key ``brought``, for people, or "" if there is none."""
    return read_key(brought).fingerprint if brought else ""


def _check(kind: str, blob: bytes) -> None:
    """Raises NoKey if ``blob`` is not exactly one key of the type ``kind``, and IndexError if it is too short."""
    name, rest = _string(blob)
    if name != kind.encode("ascii"):
        raise NoKey("this key is damaged: its bytes name another type")
    for field in _FIELDS[kind]:
        value, rest = _string(rest)
        if not _is_right(field, value, kind):
            if field == "modulus" and value[:1] and value[0] < 0x80:
                raise NoKey(f"this RSA key has fewer than {LEAST_BITS} bits: make a new key: ssh-keygen -t ed25519")
            raise NoKey("this key is damaged: its bytes do not fit its type")
    if rest:
        raise NoKey("this key is damaged: something follows its bytes")


def _is_right(field: str, value: bytes, kind: str) -> bool:
    match field:
        case "ed25519":
            return len(value) == 32
        case "curve":
            return value.decode("ascii", "replace") == kind.split("@")[0].rpartition("-")[2]
        case "point":
            return len(value) == _POINTS[kind.split("@")[0].rpartition("-")[2]] and value[0] == 4
        case "exponent":
            return 1 <= len(value) <= 8 and value[0] < 0x80 and value[-1] & 1 == 1
        case "modulus":
            return bool(value) and value[0] < 0x80 and int.from_bytes(value, "big").bit_length() >= LEAST_BITS
    return 0 < len(value) <= 255


def _string(data: bytes) -> tuple[bytes, bytes]:
    """Return the first string in ``data`` (RFC 4251 section 5), and the bytes after this string. Raises IndexError."""
    end = 4 + int.from_bytes(data[:4], "big")
    if len(data) < max(4, end):
        raise IndexError("too short")
    return data[4:end], data[end:]
