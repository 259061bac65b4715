# SPDX-License-Identifier: Apache-2.0
"""Signatures in OpenSSH's form, compared with ssh-keygen itself: each takes what the other makes."""

from __future__ import annotations

import base64
import random
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from jitd.audit import sshsig

MESSAGE = b"jitd checkpoint 1\nhost db1.example.test\nnumber 64\n"
SPACE = "jitd-checkpoint"


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@pytest.fixture
def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def keygen_verifies(where: Path, public: bytes, namespace: str, message: bytes, armored: str) -> bool:
    (where / "allowed").write_text(f'jitd@db1 namespaces="{namespace}" {sshsig.public_line(public, "")}\n', "ascii")
    (where / "signature").write_text(armored, "utf-8")
    words = ["ssh-keygen", "-Y", "verify", "-f", "allowed", "-I", "jitd@db1", "-n", namespace, "-s", "signature"]
    return subprocess.run(words, cwd=where, input=message, capture_output=True, check=False).returncode == 0


def test_ssh_keygen_takes_a_signature_of_ours(tmp_path: Path, key: Ed25519PrivateKey, public: bytes) -> None:
    armored = sshsig.sign(key, SPACE, MESSAGE)
    assert keygen_verifies(tmp_path, public, SPACE, MESSAGE, armored)
    assert not keygen_verifies(tmp_path, public, SPACE, MESSAGE + b"\n", armored)
    assert not keygen_verifies(tmp_path, public, "jitd-countersignature", MESSAGE, armored)
    sshsig.check_signature(public, SPACE, MESSAGE, armored)


def test_a_signature_of_ssh_keygen_is_taken_and_has_our_bytes(tmp_path: Path, key: Ed25519PrivateKey, public: bytes) -> None:
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    (tmp_path / "key").touch(0o600)
    (tmp_path / "key").write_bytes(private)
    words = ["ssh-keygen", "-Y", "sign", "-f", "key", "-n", SPACE]
    done = subprocess.run(words, cwd=tmp_path, input=MESSAGE, capture_output=True, check=True)
    sshsig.check_signature(public, SPACE, MESSAGE, done.stdout.decode("ascii"))
    assert done.stdout.decode("ascii") == sshsig.sign(key, SPACE, MESSAGE)


def test_a_key_and_its_fingerprint_are_written_as_ssh_keygen_writes_them(tmp_path: Path, public: bytes) -> None:
    line = sshsig.public_line(public, "jitd@db1 2026")
    (tmp_path / "key.pub").write_text(f"{line}\n", "ascii")
    said = subprocess.run(["ssh-keygen", "-lf", "key.pub"], cwd=tmp_path, capture_output=True, check=True, text=True).stdout
    assert said.split()[1] == sshsig.fingerprint(public) and "jitd@db1 2026" in said
    assert sshsig.read_public(line) == sshsig.read_public(sshsig.public_line(public, "")) == public


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 !!!!",
        "ssh-ed25519 AAAA",
        "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4AA==",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
    ],
)
def test_what_is_no_ed25519_key_is_not_read(line: str) -> None:
    with pytest.raises(ValueError, match="public key"):
        sshsig.read_public(line)


def test_a_signature_by_another_key_is_called_foreign(key: Ed25519PrivateKey, public: bytes) -> None:
    other = Ed25519PrivateKey.generate()
    with pytest.raises(sshsig.ForeignKey, match=sshsig.fingerprint(other.public_key().public_bytes_raw()).replace("+", r"\+")):
        sshsig.check_signature(public, SPACE, MESSAGE, sshsig.sign(other, SPACE, MESSAGE))


def test_a_foreign_signature_that_names_our_key_is_refused(key: Ed25519PrivateKey, public: bytes) -> None:
    """THREATS L-13."""
    other = Ed25519PrivateKey.generate()
    theirs = sshsig.sign(other, SPACE, MESSAGE).split("\n")
    blob = base64.b64decode("".join(theirs[1:-2])).replace(other.public_key().public_bytes_raw(), public)
    text = base64.b64encode(blob).decode("ascii")
    forged = "\n".join((theirs[0], *(text[at : at + 70] for at in range(0, len(text), 70)), theirs[-2], ""))
    assert sshsig.signer(forged) == public
    with pytest.raises(sshsig.BadSignature, match="does not fit"):
        sshsig.check_signature(public, SPACE, MESSAGE, forged)


def test_a_signature_is_good_in_its_own_namespace_alone(key: Ed25519PrivateKey, public: bytes) -> None:
    """THREATS L-13."""
    armored = sshsig.sign(key, SPACE, MESSAGE)
    with pytest.raises(sshsig.BadSignature, match="is for 'jitd-checkpoint', not for 'jitd-countersignature'"):
        sshsig.check_signature(public, "jitd-countersignature", MESSAGE, armored)


def test_no_change_of_a_signature_is_a_second_good_one(key: Ed25519PrivateKey, public: bytes) -> None:
    """THREATS L-13. Each byte is changed, left out and doubled; then whole lines are."""
    armored = sshsig.sign(key, SPACE, MESSAGE)
    draw = random.Random(43)
    changed = {armored[:at] + armored[at + 1 :] for at in range(len(armored))}
    changed |= {armored[:at] + armored[at] + armored[at:] for at in range(len(armored))}
    changed |= {
        armored[:at] + draw.choice("AZaz09+/=- \n\xe9") + armored[at + 1 :] for at in range(len(armored)) for _ in range(4)
    }
    changed |= {f"{armored}\n", armored.rstrip("\n"), armored.replace("\n", "\r\n"), "", "\n\n\n", armored * 2}
    changed.discard(armored)
    for text in changed:
        with pytest.raises(sshsig.BadSignature):
            sshsig.check_signature(public, SPACE, MESSAGE, text)


def test_a_signature_over_another_digest_is_refused(tmp_path: Path, key: Ed25519PrivateKey, public: bytes) -> None:
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    (tmp_path / "key").touch(0o600)
    (tmp_path / "key").write_bytes(private)
    words = ["ssh-keygen", "-Y", "sign", "-f", "key", "-n", SPACE, "-O", "hashalg=sha256"]
    done = subprocess.run(words, cwd=tmp_path, input=MESSAGE, capture_output=True, check=True)
    with pytest.raises(sshsig.BadSignature, match="SHA-512"):
        sshsig.check_signature(public, SPACE, MESSAGE, done.stdout.decode("ascii"))
