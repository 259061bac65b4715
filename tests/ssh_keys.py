# SPDX-License-Identifier: Apache-2.0
"""Keys of ssh of each kind, made by ssh-keygen, and what it does with them. Those of an authenticator are of ``sk-dummy.so``, the
library that OpenSSH tests itself with: nobody has to touch it, and it says what it was asked to say.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from jitd.core.ssh_keys import PublicKey, read_key

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
    if not file.exists():
        how = KINDS.get(kind) or HARDWARE[kind][0]
        keygen("-q", *how, "-N", passphrase, "-C", "", "-f", str(file), *more, cwd=where)
    return file


def public(file: Path) -> PublicKey:
    return read_key(file.with_suffix(".pub").read_text("ascii").strip())


def sign(file: Path, namespace: str, message: bytes, digest: str = "sha256") -> str:
    words = ["-q", "-Y", "sign", "-O", f"hashalg={digest}", "-n", namespace, "-f", str(file)]
    return keygen(*words, cwd=file.parent, said=message).decode("ascii")


def verifies(where: Path, signers: str, principal: str, namespace: str, message: bytes, armored: str, at: str = "") -> bool:
    """True if ssh-keygen takes ``armored``, of somebody whom ``signers`` names, at the time ``at``."""
    (where / "allowed").write_text(signers, "utf-8")
    (where / "signature").write_text(armored, "utf-8")
    words = ["ssh-keygen", "-Y", "verify", "-f", "allowed", "-I", principal, "-n", namespace, "-s", "signature"]
    words += [f"-Overify-time={at}"] if at else []
    return subprocess.run(words, cwd=where, input=message, capture_output=True, check=False).returncode == 0
