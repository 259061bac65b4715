# SPDX-License-Identifier: Apache-2.0
"""Signatures by each kind of key with which somebody may approve, compared with ssh-keygen itself."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from jitd.audit import sshsig
from jitd.audit.ssh_signatures import BadSignature, Checked, armor, best_level, to_be_signed
from jitd.audit.sshsig import check_by_any
from jitd.core.ssh_keys import KINDS, LEVELS, SK_ECDSA, PublicKey, Strings, key_in, read_key, string
from tests import ssh_keys

MESSAGE, SPACE = b"jitd receipt 1\nverdict approve\n", "jitd-receipt"
EACH = [*ssh_keys.EACH, *ssh_keys.PASSKEYS]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    where = tmp_path_factory.mktemp("keys")
    return lambda kind: ssh_keys.make(where, kind)


@pytest.mark.parametrize("digest", ["sha256", "sha512"])
@pytest.mark.parametrize("kind", EACH)
def test_what_ssh_keygen_signs_is_taken_with_its_key_and_its_flags(made: Callable[[str], Path], kind: str, digest: str) -> None:
    """THREATS A-27."""
    armored = ssh_keys.sign(made(kind), SPACE, MESSAGE, digest)
    checked = check_by_any(SPACE, MESSAGE, armored, digest)
    flags = ssh_keys.HARDWARE[kind][1] if kind in ssh_keys.HARDWARE else ssh_keys.PASSKEYS.get(kind)
    assert (checked.key, checked.flags) == (ssh_keys.public(made(kind)), flags)
    assert (checked.counter is None) == (flags is None)
    assert checked.level == {None: "key", 0x00: "key", 0x19: "key", 0x1D: "synced", 0x01: "touch", 0x05: "pin"}[flags]
    assert LEVELS.index(checked.level) <= LEVELS.index(best_level(checked.key))
    for namespace, message, by in (
        ("jitd-checkpoint", MESSAGE, digest),
        (SPACE, MESSAGE + b"\n", digest),
        (SPACE, MESSAGE, {"sha256": "sha512", "sha512": "sha256"}[digest]),
    ):
        with pytest.raises(BadSignature):
            check_by_any(namespace, message, armored, by)


@pytest.mark.parametrize("kind", EACH)
def test_a_key_has_the_fingerprint_that_ssh_keygen_prints(made: Callable[[str], Path], kind: str) -> None:
    printed = ssh_keys.keygen("-lf", str(made(kind)), cwd=made(kind).parent).decode("ascii").split()[1]
    key = ssh_keys.public(made(kind))
    assert key.fingerprint == printed and key_in(key.blob) == read_key(key.line) == read_key(f"{key.line}  of bob") == key


def test_ssh_keygen_calls_good_what_nobody_has_touched_and_we_do_not(made: Callable[[str], Path], tmp_path: Path) -> None:
    file = made("ed25519-sk no-touch-required")
    armored = ssh_keys.sign(file, SPACE, MESSAGE)
    assert ssh_keys.verifies(tmp_path, f"bob@R {ssh_keys.public(file).line}\n", "bob@R", SPACE, MESSAGE, armored)
    assert check_by_any(SPACE, MESSAGE, armored).level == "key"


@pytest.mark.parametrize("flags", [None, *range(256)])
def test_a_level_is_of_two_flags_alone(flags: int | None) -> None:
    """THREATS A-27. A person who was verified and has touched nothing is no more than one who has the key."""
    is_touched, is_verified = bool(flags and flags & 0x01), bool(flags and flags & 0x04)
    expected = "pin" if is_touched and is_verified else "touch" if is_touched else "key"
    of_ssh = PublicKey(SK_ECDSA, string(b"kind") + string(b"ssh:"))
    assert Checked(of_ssh, flags, 1).level == expected


@pytest.mark.parametrize("flags", range(256))
def test_a_passkey_that_may_be_copied_is_never_in_hardware(flags: int) -> None:
    """THREATS A-27."""
    passkey = PublicKey(SK_ECDSA, string(b"kind") + string(ssh_keys.SITE))
    level = {0x01: "touch", 0x05: "pin", 0x0D: "synced"}.get(flags & 0x0D, "key")
    assert Checked(passkey, flags, 1).level == level


def blob_of(armored: str) -> bytes:
    return base64.b64decode("".join(armored.split("\n")[1:-2]))


def armored_of(blob: bytes, width: int = 70) -> str:
    text = base64.b64encode(blob).decode("ascii")
    lines = [text[at : at + width] for at in range(0, len(text), width)]
    return "\n".join(("-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""))


def assert_refused(armored: str) -> None:
    with pytest.raises(BadSignature) as refused:
        check_by_any(SPACE, MESSAGE, armored)
    assert str(refused.value)[:1].islower() and str(refused.value).isprintable()


@pytest.mark.parametrize("kind", [*ssh_keys.KINDS, "ed25519-sk", "ecdsa-sk verify-required", "passkey copied"])
def test_no_change_of_a_bit_or_a_byte_leaves_a_good_signature(made: Callable[[str], Path], kind: str) -> None:
    """THREATS A-27."""
    armored = ssh_keys.sign(made(kind), SPACE, MESSAGE)
    blob = blob_of(armored)
    assert armored_of(blob) == armored
    for at in range(8 * len(blob)):
        assert_refused(armored_of(blob[: at // 8] + bytes([blob[at // 8] ^ 1 << at % 8]) + blob[at // 8 + 1 :]))
    draw = random.Random(69)
    for at in range(len(blob)):
        assert_refused(armored_of(blob[:at] + blob[at + 1 :]))
        assert_refused(armored_of(blob[:at] + draw.randbytes(1) + blob[at:]))
        assert_refused(armored_of(blob[:at]))
    for at in range(len(armored)):
        assert_refused(armored[:at] + armored[at + 1 :])
        assert_refused(armored[:at] + armored[at] + armored[at:])
        assert_refused(armored[:at] + draw.choice([one for one in "AZaz09+/=- \n\xe9" if one != armored[at]]) + armored[at + 1 :])


def spelled(armored: str, **changed: Callable[[bytes], bytes]) -> str:
    """The signature, with a part of it changed."""
    parts = Strings(blob_of(armored))
    head = parts.take(10)
    names = ("key", "namespace", "reserved", "digest", "signature")
    found = {name: parts.string() for name in names}
    written = {name: changed.get(name, bytes)(found[name]) for name in names}
    return armored_of(changed.get("head", bytes)(head) + b"".join(map(string, written.values())) + changed.get("end", bytes)(b""))


def with_algorithm(name: bytes) -> Callable[[bytes], bytes]:
    return lambda signature: string(name) + signature[4 + int.from_bytes(signature[:4], "big") :]


def with_written(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Changes the bytes of the signature itself, behind its algorithm."""

    def changed(signature: bytes) -> bytes:
        parts = Strings(signature)
        return string(parts.string()) + string(change(parts.string()))

    return changed


def with_zero_before_r(numbers: bytes) -> bytes:
    parts = Strings(numbers)
    return string(b"\0" + parts.string()) + string(parts.string())


def spellings(armored: str, kind: str) -> Iterator[str]:
    blob = blob_of(armored)
    yield from (f"{armored}\n", armored.rstrip("\n"), armored.replace("\n", "\r\n"), armored * 2, f"\n{armored}", "", "\n\n\n")
    yield from (
        armored_of(blob, 76),
        armored_of(blob, 64),
        armored_of(blob, 10_000),
        armored.replace("SSH SIGNATURE", "SIGNATURE"),
    )
    yield spelled(armored, head=lambda head: head[:6] + (2).to_bytes(4, "big"))
    yield spelled(armored, reserved=lambda _: b"\0")
    yield spelled(armored, end=lambda _: b"\0")
    yield spelled(armored, key=lambda key: key + b"\0")
    yield spelled(armored, signature=lambda signature: signature + b"\0")
    yield spelled(armored, signature=with_written(lambda written: b"\0" + written))
    yield spelled(armored, signature=with_written(lambda written: written + b"\0"))
    for algorithm in (
        b"",
        b"ssh-rsa",
        b"ssh-dss",
        b"rsa-sha2-256",
        b"rsa-sha2-512-cert-v01@openssh.com",
        *map(str.encode, KINDS),
    ):
        if string(algorithm) not in blob[-len(blob) // 2 :] or (kind.startswith("rsa") and algorithm == b"ssh-rsa"):
            yield spelled(armored, signature=with_algorithm(algorithm))
    if kind.startswith("ecdsa-") and "sk" not in kind:
        yield spelled(armored, signature=with_written(with_zero_before_r))


@pytest.mark.parametrize("kind", EACH)
def test_a_signature_has_one_spelling(made: Callable[[str], Path], kind: str) -> None:
    """THREATS A-27."""
    armored = ssh_keys.sign(made(kind), SPACE, MESSAGE)
    assert spelled(armored) == armored
    for other in spellings(armored, kind):
        assert other != armored
        assert_refused(other)


@pytest.mark.parametrize("kind", [kind for kind in EACH if kind != "ed25519"])
def test_what_persons_may_sign_with_no_host_may(made: Callable[[str], Path], kind: str) -> None:
    """THREATS A-27. A host's own signatures stay as strict as they were: Ed25519 and SHA-512 alone."""
    for digest in ("sha256", "sha512"):
        with pytest.raises(BadSignature):
            sshsig.signer(ssh_keys.sign(made(kind), SPACE, MESSAGE, digest))


def of_rsa(private: rsa.RSAPrivateKey) -> PublicKey:
    whole = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return PublicKey("ssh-rsa", base64.b64decode(whole.split()[1]))


@pytest.mark.parametrize(("algorithm", "by"), [("ssh-rsa", hashes.SHA1()), ("rsa-sha2-256", hashes.SHA1())])
def test_sha_1_signs_nothing(algorithm: str, by: hashes.HashAlgorithm) -> None:
    """THREATS A-27."""
    private = rsa.generate_private_key(65537, 2048)
    signed = to_be_signed(SPACE, MESSAGE, "sha256")
    for over, is_good in ((by, False), (hashes.SHA256(), algorithm == "rsa-sha2-256")):
        signature = private.sign(signed, padding.PKCS1v15(), over)
        armored = armor(of_rsa(private).blob, SPACE, "sha256", string(algorithm.encode()) + string(signature))
        if is_good:
            assert check_by_any(SPACE, MESSAGE, armored).key == of_rsa(private)
        else:
            assert_refused(armored)


def mpint(number: int) -> bytes:
    return string(number.to_bytes(number.bit_length() // 8 + 1, "big"))


ED25519 = string(b"ssh-ed25519") + string(bytes(32))
N = (1 << 2047) | 1
NO_KEYS = {
    "cut off": (ED25519[:-1], "is cut off"),
    "longer": (ED25519 + b"\0", "has more bytes than belong to it"),
    "31 bytes": (string(b"ssh-ed25519") + string(bytes(31)), "is not one of ssh-ed25519"),
    "a certificate": (
        string(b"ssh-ed25519-cert-v01@openssh.com") + string(bytes(32)),
        "is a certificate: a certificate approves",
    ),
    "DSA": (string(b"ssh-dss") + mpint(5) * 4, "is of a kind that cannot approve, 'ssh-dss'"),
    "named as an algorithm": (string(b"webauthn-sk-ecdsa-sha2-nistp256@openssh.com"), "is of a kind that cannot approve"),
    "no ASCII": (string(b"\xff\n"), r"is of a kind that cannot approve, '\\xff\n'".replace("\n", r"\n")),
    "RSA of 2047 bits": (
        string(b"ssh-rsa") + mpint(65537) + mpint(N >> 1 | 1),
        "is an RSA key of 2047 bits, and needs at least 2048",
    ),
    "RSA of 16392 bits": (string(b"ssh-rsa") + mpint(65537) + mpint(1 << 16391 | 1), "is an RSA key of 16392 bits"),
    "RSA with e = 1": (string(b"ssh-rsa") + mpint(1) + mpint(N), "is an RSA key with numbers that"),
    "RSA with e = 3": (string(b"ssh-rsa") + mpint(3) + mpint(N), "is an RSA key with numbers that"),
    "even RSA": (string(b"ssh-rsa") + mpint(65537) + mpint(N ^ 1), "is an RSA key with numbers that"),
    "RSA padded": (string(b"ssh-rsa") + string(b"\0\1\0\1") + mpint(N), "has a number in another form"),
    "negative RSA": (string(b"ssh-rsa") + mpint(65537) + string(b"\xff" * 256), "has a number in another form"),
    "another curve": (string(b"ecdsa-sha2-nistp256") + string(b"nistp384") + string(b"\4" + bytes(64)), "is not one of ecdsa"),
    "a compressed point": (
        string(b"ecdsa-sha2-nistp256") + string(b"nistp256") + string(b"\2" + bytes(32)),
        "is not one of ecdsa",
    ),
    "for the web": (
        string(b"sk-ssh-ed25519@openssh.com") + string(bytes(32)) + string(b"example.org"),
        "was made for something else than ssh",
    ),
}


@pytest.mark.parametrize("case", NO_KEYS)
def test_a_key_that_cannot_approve_is_refused_with_a_reason(case: str) -> None:
    """THREATS A-27."""
    blob, sentence = NO_KEYS[case]
    with pytest.raises(ValueError) as refused:
        key_in(blob)
    assert str(refused.value).startswith(sentence)
    assert_refused(armor(blob, SPACE, "sha256", string(b"ssh-ed25519") + string(bytes(64))))


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("", "not a public key of the form"),
        ("ssh-ed25519", "not a public key of the form"),
        ("ssh-ed25519 !!!", "the public key is not in base64"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG", "the public key is not in base64"),
        (
            "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
            "the line says 'ssh-rsa', and its key is",
        ),
        ("ssh-ed25519 AAAA", "the key is cut off"),
        ("bob ssh-ed25519 AAAA", "the public key is not in base64"),
    ],
)
def test_a_line_that_is_no_key_is_refused_with_a_sentence(line: str, sentence: str) -> None:
    with pytest.raises(ValueError) as refused:
        read_key(line)
    assert str(refused.value).startswith(sentence)


@given(st.text() | st.binary().map(armored_of))
def test_no_text_makes_the_reader_fail_otherwise(text: str) -> None:
    with suppress(BadSignature):
        check_by_any(SPACE, MESSAGE, text)
    with suppress(ValueError):
        read_key(text)


@given(st.binary() | st.builds(lambda kind, rest: string(kind.encode()) + rest, st.sampled_from(KINDS), st.binary()))
def test_what_is_read_as_a_key_is_written_as_it_was(blob: bytes) -> None:
    with suppress(ValueError):
        assert b"".join(map(string, [key_in(blob).kind.encode(), *key_in(blob).parts])) == blob
