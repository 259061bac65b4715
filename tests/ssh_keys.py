# SPDX-License-Identifier: Apache-2.0
"""Keys of ssh of each kind, made by ssh-keygen, and what it does with them. Those of an authenticator are of ``sk-dummy.so``, the
library that OpenSSH tests itself with: nobody has to touch it, and it says what it was asked to say. Passkeys are made here,
because ssh-keygen makes none, and sign what a browser would have them sign.
"""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from jitd.audit.ssh_signatures import armor, to_be_signed
from jitd.core.ssh_keys import SK_ECDSA, PublicKey, read_key, string

AUTHENTICATOR = Path(__file__).parents[1] / ".venv/openssh-tests/usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so"
"""What contrib/lab/setup has unpacked."""
KINDS: dict[str, list[str]] = {
    "ed25519": ["-t", "ed25519"],
    "ecdsa-256": ["-t", "ecdsa", "-b", "256"],
    "ecdsa-384": ["-t", "ecdsa", "-b", "384"],
    "ecdsa-521": ["-t", "ecdsa", "-b", "521"],
    "rsa-2048": ["-t", "rsa", "-b", "2048"],
    "rsa-3072": ["-t", "rsa", "-b", "3072"],
}
HARDWARE: dict[str, tuple[list[str], int]] = {
    f"{kind}{option}": (["-t", kind, *(["-O", option.strip()] if option else [])], flags)
    for kind in ("ed25519-sk", "ecdsa-sk")
    for option, flags in (("", 0x01), (" no-touch-required", 0x00), (" verify-required", 0x05))
}
"""Of each: how it is made, and the flags of its signatures."""
EACH = [*KINDS, *HARDWARE]
PASSKEYS = {"passkey": 0x05, "passkey touched": 0x01, "passkey copied": 0x1D, "passkey copied touched": 0x19}
"""Of each: the flags of its signatures."""
SITE = b"approve.example.org"
CHROMIUM = (
    b',"crossOrigin":false,"other_keys_can_be_added_here":"do not compare clientDataJSON against a template. See '
    b'https://goo.gl/yabPex"}'
)
"""What Chromium sometimes writes behind the origin."""
AS_ASKED = {"SSH_SK_PROVIDER": str(AUTHENTICATOR), "SSH_ASKPASS": "/bin/true", "SSH_ASKPASS_REQUIRE": "force"}


def keygen(*words: str, cwd: Path, said: bytes = b"", is_good: bool = True) -> bytes:
    """Run ssh-keygen, and return what it printed. ``is_good`` says how it ends."""
    done = subprocess.run(
        ["ssh-keygen", *words], cwd=cwd, input=said, env={**os.environ, **AS_ASKED}, capture_output=True, check=False
    )
    assert (done.returncode == 0) is is_good, done.stderr
    return done.stdout


def make(where: Path, kind: str, *more: str, passphrase: str = "") -> Path:
    """Make a key of ``kind``, and return its file."""
    file = where / kind.replace(" ", "-")
    if kind in PASSKEYS and not file.exists():
        private = ec.generate_private_key(ec.SECP256R1())
        how = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        file.write_bytes(private.private_bytes(serialization.Encoding.PEM, *how))
        file.with_suffix(".pub").write_text(f"{passkey(private).line}\n", "ascii")
    elif not file.exists():
        how = KINDS.get(kind) or HARDWARE[kind][0]
        keygen("-q", *how, "-N", passphrase, "-C", "", "-f", str(file), *more, cwd=where)
    return file


def public(file: Path) -> PublicKey:
    return read_key(file.with_suffix(".pub").read_text("ascii").strip())


def passkey(private: ec.EllipticCurvePrivateKey, site: bytes = SITE) -> PublicKey:
    numbers = private.public_key().public_numbers()
    point = b"\4" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
    return PublicKey(SK_ECDSA, b"".join(map(string, (SK_ECDSA.encode(), b"nistp256", point, site))))


@dataclass(frozen=True)
class Assertion:
    """What a passkey signs in a browser, each part as it may be a lie."""

    challenge: bytes
    flags: int = 0x05
    counter: int = 7
    kind: bytes = b"webauthn.get"
    origin: bytes = b"https://" + SITE
    told_origin: bytes = b"https://" + SITE
    rest: bytes = b',"crossOrigin":false}'
    extensions: bytes = b""
    site: bytes = SITE
    algorithm: bytes = b"webauthn-" + SK_ECDSA.encode()

    @property
    def client_data(self) -> bytes:
        challenge = base64.urlsafe_b64encode(self.challenge).rstrip(b"=")
        begins = b'{"type":"' + self.kind + b'","challenge":"' + challenge + b'","origin":"' + self.origin + b'"'
        return begins + self.rest

    def signature(self, private: ec.EllipticCurvePrivateKey, client_data: bytes | None = None) -> bytes:
        """Return the signature as OpenSSH has it. ``client_data`` is other client data than this."""
        client_data = self.client_data if client_data is None else client_data
        signed = hashlib.sha256(self.site).digest() + self._told + self.extensions + hashlib.sha256(client_data).digest()
        numbers = decode_dss_signature(private.sign(signed, ec.ECDSA(hashes.SHA256())))
        written = b"".join(string(number.to_bytes(number.bit_length() // 8 + 1, "big")) for number in numbers)
        return string(self.algorithm) + string(written) + self.end(client_data)

    def end(self, client_data: bytes) -> bytes:
        """Return what stands behind the numbers of a signature."""
        return self._told + b"".join(map(string, (self.told_origin, client_data, self.extensions)))

    @property
    def _told(self) -> bytes:
        return bytes([self.flags]) + self.counter.to_bytes(4, "big")


def private_of(file: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(file.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def sign(file: Path, namespace: str, message: bytes, digest: str = "sha256") -> str:
    if flags := PASSKEYS.get(file.name.replace("-", " ")):
        assertion = Assertion(to_be_signed(namespace, message, digest), flags)
        return armor(public(file).blob, namespace, digest, assertion.signature(private_of(file)))
    words = ["-q", "-Y", "sign", "-O", f"hashalg={digest}", "-n", namespace, "-f", str(file)]
    return keygen(*words, cwd=file.parent, said=message).decode("ascii")


def verifies(where: Path, signers: str, principal: str, namespace: str, message: bytes, armored: str, at: str = "") -> bool:
    """True if ssh-keygen takes ``armored``, of somebody whom ``signers`` names, at the time ``at``."""
    (where / "allowed").write_text(signers, "utf-8")
    (where / "signature").write_text(armored, "utf-8")
    words = ["ssh-keygen", "-Y", "verify", "-f", "allowed", "-I", principal, "-n", namespace, "-s", "signature"]
    words += [f"-Overify-time={at}"] if at else []
    return subprocess.run(words, cwd=where, input=message, capture_output=True, check=False).returncode == 0
