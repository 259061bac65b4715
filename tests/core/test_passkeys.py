# SPDX-License-Identifier: Apache-2.0
"""Signatures by passkeys, as browsers have them made: what ssh-keygen calls good is taken if a page of the passkey's own host has
asked for it, and each part that says something else is refused.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from jitd.audit import libcrypto
from jitd.audit.allowed_signers import read_signers
from jitd.audit.ssh_signatures import MOST_CLIENT_DATA, BadSignature, armor, checked, to_be_signed
from jitd.audit.sshsig import check_by_any
from jitd.core.ssh_keys import SK_ECDSA, SK_ED25519, PublicKey, key_in, string
from tests import ssh_keys
from tests.ssh_keys import CHROMIUM, SITE, Assertion, passkey
from tests.table import each_row

MESSAGE, SPACE, OTHER = b"jitd receipt 1\nverdict approve\n", "jitd-receipt", b"https://sub.approve.example.org"
PRIVATE = ec.generate_private_key(ec.SECP256R1())
KEY = passkey(PRIVATE)
LINE = f'bob@R namespaces="{SPACE}" {KEY.line}\n'
SIGNED = to_be_signed(SPACE, MESSAGE, "sha256")
HONEST = Assertion(SIGNED)
LONGEST = CHROMIUM[:-1].ljust(MOST_CLIENT_DATA - len(replace(HONEST, rest=b"").client_data) - 1) + b"}"


def armored(said: Assertion, key: PublicKey = KEY, client_data: bytes | None = None) -> str:
    return armor(key.blob, SPACE, "sha256", said.signature(PRIVATE, client_data))


def is_good_to_ssh_keygen(where: Path, text: str, line: str = LINE) -> bool:
    return ssh_keys.verifies(where, line, "bob@R", SPACE, MESSAGE, text)


TAKEN = {
    "of Chromium": HONEST,
    "of Chromium, at times": replace(HONEST, rest=CHROMIUM),
    "of a browser that says no more": replace(HONEST, rest=b"}"),
    "of a browser to come": replace(HONEST, rest=b',"crossOrigin":false,"ui":{"}":"\xc3\xa9"}}'),
    "as long as may be": replace(HONEST, rest=LONGEST),
    "of a key in hardware": replace(HONEST, flags=0x01, counter=2**32 - 1),
    "of a phone": replace(HONEST, flags=0x1D, counter=0),
    "not copied yet": replace(HONEST, flags=0x0D),
    "of nobody": replace(HONEST, flags=0x00),
}  # fmt: skip


@pytest.mark.parametrize("case", TAKEN)
def test_what_a_browser_has_signed_is_good_to_ssh_keygen_and_to_both_libraries(case: str, tmp_path: Path) -> None:
    text = armored(TAKEN[case])
    assert is_good_to_ssh_keygen(tmp_path, text)
    (signer,) = read_signers(LINE)
    for found in (check_by_any(SPACE, MESSAGE, text), checked(SPACE, MESSAGE, text, "sha256", libcrypto.is_good)):
        assert (found.key, found.flags, found.counter) == (signer.key, TAKEN[case].flags, TAKEN[case].counter)


ELSEWHERE, ELSE = "is for a page of ", "is of a page that asked for something else"
FLAGS, ANOTHER_ALGORITHM = "says what no passkey says", "is by "
REFUSED: dict[str, tuple[Assertion, str, bool]] = {
    **{
        f"the origin {origin.decode()}": (replace(HONEST, origin=origin, told_origin=origin), ELSEWHERE, True)
        for origin in (
            OTHER, b"http://approve.example.org", b"https://approve.example.org:8443", b"https://approve.example.org/",
            b"https://example.org", b"https://APPROVE.example.org", b"https://approve.example.org.", b"",
            b"android:apk-key-hash:AAAA",
        )
    },
    "the browser names another origin": (replace(HONEST, origin=OTHER), ELSE, False),
    "the signature names another origin": (replace(HONEST, told_origin=OTHER), ELSEWHERE, False),
    "a page in a page of another host": (replace(HONEST, rest=b',"crossOrigin":true}'), ELSE, True),
    "and which": (replace(HONEST, rest=b',"crossOrigin":true,"topOrigin":"https://evil.example"}'), ELSE, True),
    "another member": (replace(HONEST, rest=b',"topOrigin":"https://evil.example"}'), ELSE, True),
    "another member before": (replace(HONEST, rest=b',"a":1,"crossOrigin":false}'), ELSE, True),
    "perhaps in one": (replace(HONEST, rest=b',"crossOrigin":null}'), ELSE, True),
    "another word": (replace(HONEST, rest=b',"crossOrigin":falsehood}'), ELSE, True),
    "a space": (replace(HONEST, rest=b', "crossOrigin":false}'), ELSE, True),
    "no end": (replace(HONEST, rest=b',"crossOrigin":false'), ELSE, True),
    "no end of more": (replace(HONEST, rest=b',"crossOrigin":false,"a":1'), ELSE, True),
    "more behind the end": (replace(HONEST, rest=b"} "), ELSE, True),
    "more behind the second end": (replace(HONEST, rest=b',"crossOrigin":false}}'), ELSE, True),
    "nothing behind the origin": (replace(HONEST, rest=b""), ELSE, True),
    "the origin goes on": (replace(HONEST, rest=b'.evil.example"}'), ELSE, True),
    "too long": (replace(HONEST, rest=LONGEST[:-1] + b" }"), f"has {MOST_CLIENT_DATA + 1} bytes", True),
    "the making of a key": (replace(HONEST, kind=b"webauthn.create"), ELSE, False),
    "a payment": (replace(HONEST, kind=b"payment.get"), ELSE, False),
    "a challenge of another host": (replace(HONEST, challenge=bytes(32)), ELSE, False),
    "another message": (replace(HONEST, challenge=to_be_signed(SPACE, MESSAGE + b"\n", "sha256")), ELSE, False),
    "another namespace": (replace(HONEST, challenge=to_be_signed("jitd-session", MESSAGE, "sha256")), ELSE, False),
    "another digest": (replace(HONEST, challenge=to_be_signed(SPACE, MESSAGE, "sha512")), ELSE, False),
    "the digest of the message alone": (replace(HONEST, challenge=SIGNED[-32:]), ELSE, False),
    "no challenge": (replace(HONEST, challenge=b""), ELSE, False),
    "a longer challenge": (replace(HONEST, challenge=SIGNED + b"\0"), ELSE, False),
    "a key that was made with it": (replace(HONEST, flags=0x45), FLAGS, False),
    "extensions": (replace(HONEST, flags=0x85, extensions=b"\xa1aa\1"), FLAGS, True),
    "extensions without their flag": (replace(HONEST, extensions=b"\xa1aa\1"), FLAGS, False),
    "the flag of extensions alone": (replace(HONEST, flags=0x85), FLAGS, False),
    "a flag without a meaning": (replace(HONEST, flags=0x07), FLAGS, True),
    "another flag without a meaning": (replace(HONEST, flags=0x25), FLAGS, True),
    "copied, and never to be": (replace(HONEST, flags=0x15), FLAGS, True),
    "another application": (replace(HONEST, site=b"sub.approve.example.org"), "does not fit", False),
    "that of ssh": (replace(HONEST, site=b"ssh:"), "does not fit", False),
    "the algorithm of ssh": (replace(HONEST, algorithm=SK_ECDSA.encode()), ANOTHER_ALGORITHM, False),
    "an unknown algorithm": (replace(HONEST, algorithm=b"webauthn-sk-ssh-ed25519@openssh.com"), ANOTHER_ALGORITHM, False),
    "a key alone": (replace(HONEST, algorithm=b"ecdsa-sha2-nistp256"), ANOTHER_ALGORITHM, False),
}  # fmt: skip
"""Of each: what is signed, what is said of it, and whether ssh-keygen calls it good."""


def refused(text: str) -> str:
    with pytest.raises(BadSignature) as fault:
        check_by_any(SPACE, MESSAGE, text)
    assert str(fault.value).isprintable() and str(fault.value)[:1].islower()
    return str(fault.value)


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_page_of_its_host_has_not_asked_for_is_refused(case: str, tmp_path: Path) -> None:
    """THREATS A-27."""
    said, sentence, is_good = REFUSED[case]
    text = armored(said)
    assert is_good_to_ssh_keygen(tmp_path, text) is is_good, "what ssh-keygen says of it"
    assert refused(text).startswith(sentence)


def test_what_stands_beside_the_client_data_has_one_spelling() -> None:
    """THREATS A-27."""
    said = HONEST.signature(PRIVATE, HONEST.client_data)
    before = said[: -len(HONEST.end(HONEST.client_data))]
    assert check_by_any(SPACE, MESSAGE, armor(KEY.blob, SPACE, "sha256", before + HONEST.end(HONEST.client_data))).key == KEY
    for change, sentence in (
        ({"flags": 0x01}, "does not fit"),
        ({"flags": 0x0D}, "does not fit"),
        ({"counter": 8}, "does not fit"),
        ({"extensions": b"\xa1aa\1"}, FLAGS),
        ({"told_origin": OTHER}, ELSEWHERE),
    ):
        other = replace(HONEST, **change)  # type: ignore[arg-type]
        text = armor(KEY.blob, SPACE, "sha256", before + other.end(HONEST.client_data))
        assert refused(text).startswith(sentence), change


def test_a_key_of_ssh_signs_for_no_page(tmp_path: Path) -> None:
    """THREATS A-27: ssh-keygen takes that, and nobody knows which page it was."""
    of_ssh, origin = passkey(PRIVATE, b"ssh:"), b"https://evil.example"
    said = replace(HONEST, site=b"ssh:", origin=origin, told_origin=origin)
    text = armored(said, of_ssh)
    assert is_good_to_ssh_keygen(tmp_path, text, f"bob@R {of_ssh.line}\n")
    assert refused(text).startswith("is by 'webauthn-sk-ecdsa-sha2-nistp256@openssh.com', not by sk-ecdsa")


def test_a_passkey_signs_nothing_without_a_page(tmp_path: Path) -> None:
    """THREATS A-27: ssh-keygen takes it."""
    signature = replace(HONEST, algorithm=SK_ECDSA.encode(), told_origin=b"").signature(PRIVATE, SIGNED)
    text = armor(KEY.blob, SPACE, "sha256", signature[: -len(SIGNED) - 12])
    assert is_good_to_ssh_keygen(tmp_path, text)
    assert refused(text) == f"is by '{SK_ECDSA}', not by webauthn-{SK_ECDSA}"


LABEL = b"a" * 63
NAMES = {
    **dict.fromkeys((b"approve.example.org", b"localhost", b"a", b"xn--bcher-kva.example", b"a-b.1.c2", b"ssh"), True),
    **dict.fromkeys((b"ssh:", b"ssh:bob", b".".join([LABEL, LABEL, LABEL, LABEL[:61]]), LABEL), True),
    **dict.fromkeys((b"", b".", b"a.", b".a", b"a..b", b"-a", b"a-", b"a.-b", b"a-.b", b"A.example", b"a_b", b"a b"), False),
    **dict.fromkeys((b"a\n", b"a\0", b"a/b", b"a:443", b"https://a", b"bob@a", b"*.a", b"\xc3\xa9.a", b"b\xc3\xbccher"), False),
    **dict.fromkeys((b"127.0.0.1", b"1", b"0x7f", b"a.0x7f", b"[::1]", b"10.1", b"a.1", b"SSH:"), False),
    **dict.fromkeys((b".".join([LABEL, LABEL, LABEL, LABEL[:62]]), LABEL + b"a", LABEL + b"a.b"), False),
}  # fmt: skip


@each_row("name", NAMES)
def test_a_key_that_was_made_for_no_host_and_not_for_ssh_cannot_approve(name: bytes) -> None:
    """THREATS A-27."""
    blob = passkey(PRIVATE, name).blob
    try:
        key = key_in(blob)
    except ValueError as fault:
        assert not NAMES[name] and str(fault).startswith("was made neither for ssh nor for the pages of a host"), fault
    else:
        assert NAMES[name] and (key.application, key.is_passkey) == (name, not name.startswith(b"ssh:"))
        assert key.is_in_hardware is not key.is_passkey


def test_a_passkey_is_of_ecdsa() -> None:
    """THREATS A-27: OpenSSH has no algorithm for another one."""
    with pytest.raises(ValueError, match="was made for something else than ssh"):
        key_in(b"".join(map(string, (SK_ED25519.encode(), bytes(32), SITE))))


def test_no_bit_and_no_byte_of_what_a_browser_says_may_be_another_one() -> None:
    """THREATS A-27: whatever is changed is signed as it is then."""
    said = HONEST.client_data
    for at in range(8 * len(said)):
        refused(armored(HONEST, client_data=said[: at // 8] + bytes([said[at // 8] ^ 1 << at % 8]) + said[at // 8 + 1 :]))
    for at in range(len(said)):
        refused(armored(HONEST, client_data=said[:at] + said[at + 1 :]))
        refused(armored(HONEST, client_data=said[:at] + b"x" + said[at:]))
        refused(armored(HONEST, client_data=said[:at]))


@given(st.binary(max_size=64))
def test_no_signature_makes_the_reader_fail_otherwise(rest: bytes) -> None:
    for begins in (b"", string(HONEST.algorithm), HONEST.signature(PRIVATE)[:160]):
        with suppress(BadSignature):
            check_by_any(SPACE, MESSAGE, armor(KEY.blob, SPACE, "sha256", begins + rest))
