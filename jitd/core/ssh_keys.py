# SPDX-License-Identifier: Apache-2.0
"""The public keys with which a person may sign: of which kinds they are, and how one is read.

Law: pure, for Python 3.9 and later. A key has one spelling: what differs from it by a byte is another key, or none, so keys are
equal if their bytes are. What reads keys is part of verify.py, so this imports nothing of jitd.
Sources: RFC 4251 section 5 (strings, mpint), RFC 4253 section 6.6 (ssh-rsa), RFC 5656 section 3.1 (ecdsa), RFC 8709 (ed25519);
PROTOCOL.u2f of OpenSSH (sk-); RFC 1123 section 2.1 (names of hosts); RFC 5480, 8017 and 8410 (the form in which libraries read
keys).
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import NamedTuple

ED25519, RSA = "ssh-ed25519", "ssh-rsa"
SK_ED25519, SK_ECDSA = "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"
CURVES = {"ecdsa-sha2-nistp256": 32, "ecdsa-sha2-nistp384": 48, "ecdsa-sha2-nistp521": 66, SK_ECDSA: 32}
"""Each kind on a curve of NIST, with the bytes of a coordinate."""
KINDS = (ED25519, SK_ED25519, *CURVES, RSA)
LEVELS = ("key", "synced", "touch", "pin")
"""What a signature can say of who has made it, the weakest first: that they had the key; that a device has verified a person, by
a PIN, a finger or a face, but another one may have a copy of the key; that somebody has touched the one device that has the key;
and that this device has also verified a person.
"""
LEAST_BITS, MOST_BITS = 2048, 16384  # of an RSA key. The second is OpenSSH's own limit.
_CERTIFICATE = "-cert-v01@openssh.com"
_FOR_SSH = b"ssh:"
_LABEL, _MOST_OF_NAME = rb"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", 253
_HOST = re.compile(rb"(?:%s\.)*(?=[a-z])%s" % (_LABEL, _LABEL))  # no address: browsers read 10.1 and 0x7f as addresses
_OF_ED25519 = bytes.fromhex("302a300506032b6570032100")
_OF_CURVES = {
    32: bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200"),
    48: bytes.fromhex("3076301006072a8648ce3d020106052b81040022036200"),
    66: bytes.fromhex("30819b301006072a8648ce3d020106052b8104002303818600"),
}
_OF_RSA = bytes.fromhex("300d06092a864886f70d0101010500")
"""What stands before the key in a SubjectPublicKeyInfo (DER)."""


class PublicKey(NamedTuple):
    """A key of one of KINDS. ``blob`` has its kind in it, so that two keys are the same if their blobs are."""

    kind: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """What `ssh-keygen -l` prints: ``SHA256:`` and 43 characters."""
        return f"SHA256:{base64.b64encode(hashlib.sha256(self.blob).digest()).decode('ascii').rstrip('=')}"

    @property
    def line(self) -> str:
        """The key as a line of an OpenSSH file, without a comment."""
        return f"{self.kind} {base64.b64encode(self.blob).decode('ascii')}"

    @property
    def application(self) -> bytes:
        """What a key of a FIDO authenticator was made for, which is a part of all that it signs. Empty for any other key."""
        return self.parts[-1] if self.kind in (SK_ED25519, SK_ECDSA) else b""

    @property
    def is_in_hardware(self) -> bool:
        """True if the private half is in a FIDO authenticator, which says with each signature whether it was touched."""
        return self.application.startswith(_FOR_SSH)

    @property
    def is_passkey(self) -> bool:
        """True if the key signs for the pages of one host, its ``application``. Its private half may be copied, such as from a
        phone to the next one, and each signature says so.
        """
        return bool(self.application) and not self.is_in_hardware

    @property
    def parts(self) -> list[bytes]:
        """The strings of which the key consists, after its kind."""
        parts, found = Strings(self.blob), []
        while parts.is_more:
            found.append(parts.string())
        return found[1:]


def string(content: bytes) -> bytes:
    """Return ``content`` as a string of SSH."""
    return len(content).to_bytes(4, "big") + content


class Strings:
    """Reads the strings of a message of SSH, one after the other. Each method raises ValueError if there is less."""

    def __init__(self, data: bytes) -> None:
        self._left = data

    def take(self, n: int) -> bytes:
        taken, self._left = self._left[:n], self._left[n:]
        if len(taken) != n:
            raise ValueError("is cut off")
        return taken

    def number(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        return self.take(self.number())

    def positive(self) -> bytes:
        """The bytes of an mpint above 0, in the one form that RFC 4251 allows."""
        written = self.string()
        if not written or written[0] & 0x80 or (written[0] == 0 and not written[1:2] > b"\x7f"):
            raise ValueError("has a number in another form than that of RFC 4251")
        return written

    @property
    def is_more(self) -> bool:
        return bool(self._left)

    def end(self) -> None:
        """Raises ValueError if something is left."""
        if self.is_more:
            raise ValueError("has more bytes than belong to it")


def key_in(blob: bytes) -> PublicKey:
    """Read the bytes of a key. Raises ValueError with the end of a sentence that begins with "the key"."""
    parts = Strings(blob)
    kind = parts.string().decode("ascii", "backslashreplace")
    if kind.endswith(_CERTIFICATE):
        raise ValueError("is a certificate: a certificate approves nothing, so name the key itself")
    if kind not in KINDS:
        raise ValueError(f"is of a kind that cannot approve, {kind[:64]!r}: use one of {', '.join(KINDS)}")
    if kind == RSA:
        e, n = (int.from_bytes(parts.positive(), "big") for _ in "en")
        if not LEAST_BITS <= n.bit_length() <= MOST_BITS:
            raise ValueError(f"is an RSA key of {n.bit_length()} bits, and needs at least {LEAST_BITS}: make one of ssh-ed25519")
        if not (n & 1 and e & 1 and 1 << 16 < e < 1 << 32):
            raise ValueError("is an RSA key with numbers that OpenSSH does not choose: make one of ssh-ed25519")
    elif kind in CURVES:
        curve, point = parts.string(), parts.string()
        if curve != _curve_of(kind) or len(point) != 1 + 2 * CURVES[kind] or point[0] != 4:
            raise ValueError(f"is not one of {kind}")
    elif len(parts.string()) != 32:
        raise ValueError(f"is not one of {kind}")
    if kind == SK_ED25519 and not parts.string().startswith(_FOR_SSH):
        raise ValueError("was made for something else than ssh: make one with ssh-keygen -t ed25519-sk")
    if kind == SK_ECDSA and not _is_application(parts.string()):
        raise ValueError("was made neither for ssh nor for the pages of a host: make one with ssh-keygen -t ed25519-sk")
    parts.end()
    return PublicKey(kind, blob)


def read_key(line: str) -> PublicKey:
    """Read ``KIND BASE64 [COMMENT]``, as in OpenSSH's ``.pub`` files. Raises ValueError with a sentence."""
    kind, encoded, *_ = (*re.split(r"[ \t]+", line.strip(" \t"), maxsplit=2), "", "")
    if not encoded:
        raise ValueError("not a public key of the form 'KIND BASE64', such as the file id_ed25519_sk.pub has")
    try:
        blob = base64.b64decode(encoded, validate=True)
        if base64.b64encode(blob).decode("ascii") != encoded:
            raise ValueError
    except ValueError:
        raise ValueError("the public key is not in base64: copy the line whole") from None
    try:
        key = key_in(blob)
    except ValueError as fault:
        raise ValueError(f"the key {fault}") from None
    if key.kind != kind:
        raise ValueError(f"the line says {kind[:64]!r}, and its key is of {key.kind}: copy the line whole")
    return key


def for_libraries(key: PublicKey) -> bytes:
    """Return ``key`` as a SubjectPublicKeyInfo in DER, which every library of cryptography reads."""
    if key.kind == RSA:
        e, n = key.parts
        return der(0x30, _OF_RSA + der(3, b"\0" + der(0x30, der(2, n) + der(2, e))))
    if key.kind in CURVES:
        return _OF_CURVES[CURVES[key.kind]] + key.parts[1]
    return _OF_ED25519 + key.parts[0]


def der(tag: int, content: bytes) -> bytes:
    """Return a value of ASN.1. An integer (tag 2) has the bytes of an mpint (X.690 section 8.3)."""
    size = len(content)
    n = (size.bit_length() + 7) // 8
    return bytes([tag, size] if size < 0x80 else [tag, 0x80 | n, *size.to_bytes(n, "big")]) + content


def _is_application(name: bytes) -> bool:
    return name.startswith(_FOR_SSH) or (len(name) <= _MOST_OF_NAME and _HOST.fullmatch(name) is not None)


def _curve_of(kind: str) -> bytes:
    return b"nistp256" if kind == SK_ECDSA else kind.rpartition("-")[2].encode("ascii")
