# SPDX-License-Identifier: Apache-2.0
"""Public keys that people bring: what is a key, how it is spelled, and for which things one is wanted.

Law: the keys here are made by ssh-keygen, and what is expected of a whole key is what ssh-keygen says of it.
"""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core.command import fingerprint, work_of
from jitd.core.public_key import NoKey, brought_for, read_key, told_of
from tests.scene import THING, thing

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSMti"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
CERTIFICATE = "ssh-certificate:ops"
MADE = [("ed25519", "256"), ("rsa", "2048"), ("rsa", "3072"), ("ecdsa", "256"), ("ecdsa", "384"), ("ecdsa", "521")]


def blob(*strings: bytes) -> str:
    """The base64 of a blob with these strings."""
    return base64.b64encode(b"".join(len(one).to_bytes(4, "big") + one for one in strings)).decode("ascii")


def line(kind: str, *fields: bytes) -> str:
    """A line of this type whose bytes are of the same type, with these fields."""
    return f"{kind} {blob(kind.encode(), *fields)}"


@pytest.mark.parametrize(("kind", "bits"), MADE)
def test_each_kind_of_key_is_read_as_ssh_keygen_reads_it(kind: str, bits: str, tmp_path: Path) -> None:
    file = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-b", bits, "-N", "", "-C", "a comment, two", "-f", file], check=True)
    text = file.with_suffix(".pub").read_text()
    key = read_key(text)
    said = subprocess.run(["ssh-keygen", "-l", "-f", file.with_suffix(".pub")], capture_output=True, text=True, check=True).stdout
    assert key.fingerprint == f"{key.type} {said.split()[1]}"
    assert key.spelling == " ".join(text.split(" ")[:2]), "the comment is dropped"
    with pytest.raises(NoKey, match="private key"):
        read_key(file.read_text())


POINT = b"\x04" + bytes(64)
NIST, TOKEN = "ecdsa-sha2-nistp256", "sk-ssh-ed25519@openssh.com"
ODD = b"\x7f" + b"\xff" * 255
"""A modulus of 2047 bits, which is one too few."""
NO_LINE, NO_BYTES = "not the line of a public key", "its bytes do not fit its type"
WEAK = "this RSA key has fewer than 2048 bits: make a new key"
# the line, a part of the sentence that refuses it
NO_KEYS: dict[str, tuple[str, str]] = {
    "nothing": ("", NO_LINE),
    "a word": ("ssh-ed25519", NO_BYTES),
    "no base64": ("ssh-ed25519 ????", NO_BYTES),
    "no ASCII": ("ssh-ed25519 \xe9", NO_BYTES),
    "an unknown type": (line("ssh-dss", b"1"), NO_LINE),
    "options of authorized_keys": (f'command="id" {ED25519}', NO_LINE),
    "a type that its bytes do not have": (f"ssh-rsa {ED25519.split()[1]}", "its bytes name another type"),
    "cut short": (line("ssh-ed25519", bytes(31)), NO_BYTES),
    "cut in the midst": ("ssh-ed25519 AAAAC3Nz", NO_BYTES),
    "something after it": (line("ssh-ed25519", bytes(32), b"x"), "something follows its bytes"),
    "a weak RSA key": (line("ssh-rsa", b"\3", b"\x7f" + bytes(127)), WEAK),
    "an RSA key of one bit too few": (line("ssh-rsa", b"\3", ODD), WEAK),
    "an exponent that is even": (line("ssh-rsa", b"\2", b"\x7f" + bytes(511)), NO_BYTES),
    "no exponent": (line("ssh-rsa", b"", b"\x7f" + bytes(511)), NO_BYTES),
    "a negative exponent": (line("ssh-rsa", b"\x80\1", b"\x7f" + bytes(511)), NO_BYTES),
    "an exponent of nine bytes": (line("ssh-rsa", b"\1" * 9, b"\x7f" + bytes(511)), NO_BYTES),
    "a negative modulus": (line("ssh-rsa", b"\3", b"\xff" * 512), NO_BYTES),
    "a negative modulus that is just so": (line("ssh-rsa", b"\3", b"\x80" + bytes(255)), NO_BYTES),
    "no modulus": (line("ssh-rsa", b"\3", b""), NO_BYTES),
    "another curve": (line(NIST, b"nistp384", POINT), NO_BYTES),
    "a point that is compressed": (line(NIST, b"nistp256", b"\2" + bytes(32)), NO_BYTES),
    "a point with the mark of a compressed one": (line(NIST, b"nistp256", b"\2" + bytes(64)), NO_BYTES),
    "a token without an application": (line(TOKEN, bytes(32), b""), NO_BYTES),
    "a token with too long an application": (line(TOKEN, bytes(32), b"s" * 256), NO_BYTES),
    "a certificate": (line("ssh-ed25519-cert-v01@openssh.com", bytes(32)), "this is a certificate"),
    "a certificate under the name of a key": (
        f"ssh-ed25519 {blob(b'ssh-ed25519-cert-v01@openssh.com', bytes(32))}",
        "its bytes name another type",
    ),
    "a private key": ("-----BEGIN OPENSSH PRIVATE KEY-----", "this is a private key"),
    "of the longest length": ("ssh-rsa " + "A" * 4096, "its bytes name another type"),
    "too long": ("ssh-rsa " + "A" * 4097, "this key is longer than 4096 characters"),
}


@pytest.mark.parametrize(("text", "because"), NO_KEYS.values(), ids=list(NO_KEYS))
def test_what_is_no_key_is_refused_with_a_sentence(text: str, because: str) -> None:
    with pytest.raises(NoKey, match=because):
        read_key(text)


KEYS = {
    "an RSA key of just enough bits": line("ssh-rsa", b"\3", b"\0\x80" + bytes(255)),
    "an exponent of eight bytes": line("ssh-rsa", b"\x7f" + b"\1" * 7, b"\x7f" + bytes(511)),
    "a token with the longest application": line(TOKEN, bytes(32), b"s" * 255),
    "a token with the shortest application": line(TOKEN, bytes(32), b"s"),
}


@pytest.mark.parametrize("text", KEYS.values(), ids=list(KEYS))
def test_a_key_at_the_edge_is_a_key(text: str) -> None:
    assert read_key(text).spelling == text


@pytest.mark.parametrize("name", ["ssh-ed25519", "ecdsa-sha2-nistp256"])
def test_a_key_in_a_token_is_a_key(name: str) -> None:
    fields = (bytes(32),) if name == "ssh-ed25519" else (b"nistp256", POINT)
    kind = f"sk-{name}@openssh.com"
    assert read_key(line(kind, *fields, b"ssh:")).type == kind
    with pytest.raises(NoKey):
        read_key(line(kind, *fields))


@given(st.text() | st.text().map(lambda text: f"{ED25519} {text}") | st.binary().map(lambda one: line("ssh-rsa", one)))
def test_any_line_is_a_key_of_one_spelling_or_no_key(text: str) -> None:
    try:
        key = read_key(text)
    except NoKey:
        return
    assert read_key(key.spelling) == key and key.spelling.isascii()


BRINGS = {"ssh-certificate": "must", "vault": "may"}


def _brought(things: list[str], brought: str) -> str:
    return brought_for(things, brought, lambda thing: BRINGS.get(thing.partition(":")[0], "no"))


def test_a_key_is_wanted_for_a_certificate_and_for_nothing_else() -> None:
    assert _brought([CERTIFICATE], f"{ED25519} alice@laptop") == ED25519
    assert _brought([THING, CERTIFICATE], ED25519) == ED25519
    assert _brought([THING, "sudoers:wheel"], "") == ""
    assert _brought([THING, "vault:ops"], "") == "" and _brought([THING, "vault:ops"], ED25519) == ED25519
    for things, brought, why in [
        ([CERTIFICATE], "", "name the key.s file, such as --key"),
        ([THING, CERTIFICATE], "", "name the key.s file, such as --key"),
        ([THING], ED25519, "needs no key"),
        ([CERTIFICATE], "x", "not the line of a public key"),
        (["vault:ops"], "x", "not the line of a public key"),
    ]:
        with pytest.raises(ValueError, match=why):
            _brought(things, brought)


def test_an_approval_is_for_one_key_and_so_is_a_lease() -> None:
    """THREATS A-03. The key is in the fingerprint and in what a lease answers for."""

    def printed(brought: str) -> bytes:
        return fingerprint("K7QM-2XVD", "a", "h", "jitsudo", thing(CERTIFICATE, brought=brought), ())

    assert len({printed(""), printed(ED25519), printed(OTHER)}) == 3
    assert work_of(thing(CERTIFICATE, brought=ED25519)) != work_of(thing(CERTIFICATE, brought=OTHER))
    assert told_of(ED25519).startswith("ssh-ed25519 SHA256:") and told_of("") == ""
