# SPDX-License-Identifier: Apache-2.0
"""Whose key counts, and when: files of allowed signers, compared with ssh-keygen itself."""

from __future__ import annotations

import itertools
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.audit.allowed_signers import Signer, counting, read_signers
from jitd.core.ssh_keys import KINDS, PublicKey
from tests import ssh_keys

SPACE = "jitd-receipt"
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
OTHER = KEY[:-1] + "5"

LINES = [
    "bob@R {}",
    "bob@R\t{}\tof bob's desk # and more",
    "  bob@R   {}  ",
    '"bob@R" {}',
    "bob/admin@R,bob@R {}",
    "bob/*@R {}",
    "bob@? {}",
    "bob@*,!bob@R {}",
    "!bob/admin@R,bob/*@R {}",
    "Bob@R {}",
    "bob@RR,bob@r {}",
    'bob@R namespaces="jitd-receipt" {}',
    'bob@R namespaces="git,jitd-*" {}',
    'bob@R namespaces="jitd-*,!jitd-receipt" {}',
    'bob@R namespaces="" {}',
    'bob@R NAMESPACES="file" {}',
    'bob@R valid-after="20261130Z" {}',
    'bob@R valid-before="20261130Z" {}',
    'bob@R valid-after="19700101000001Z",valid-before="99991231Z" {}',
    'bob@R valid-after="202611301200Z",valid-before="20261130120005Z" {}',
    'bob@R valid-before="20261130120005Z",namespaces="jitd-receipt",valid-after="20261130120001Z" {}',
    "bob@R {}\n# bob@S is nobody\n\n\t\nbob@S {}",
]


@pytest.fixture(scope="module")
def key_of_bob(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ssh_keys.make(tmp_path_factory.mktemp("bob"), "ed25519")


def in_utc(at: datetime) -> str:
    return at.strftime("%Y%m%d%H%M%SZ")


@pytest.mark.parametrize("line", LINES)
def test_a_key_counts_as_it_does_for_ssh_keygen(key_of_bob: Path, tmp_path: Path, line: str) -> None:
    """THREATS A-28."""
    key = ssh_keys.public(key_of_bob)
    signers = read_signers(text := line.format(key.line, key.line) + "\n")
    signatures = {space: ssh_keys.sign(key_of_bob, space, b"text") for space in (SPACE, "file")}
    around = (-43_200, -1, 0, 1, 5, 6) if "valid-" in line else (0,)
    times = [NOON + timedelta(seconds=seconds) for seconds in around]
    for principal, space, at in itertools.product(("bob@R", "bob/admin@R", "bob@S", "alice@R"), signatures, times):
        expected = ssh_keys.verifies(tmp_path, text, principal, space, b"text", signatures[space], in_utc(at))
        counts = counting(signers, principal, space, at)
        assert counts == ((key,) if expected else ()), (principal, space, at)


@pytest.mark.parametrize("time", ["19691231Z", "19700101Z", "00010101Z"])
@pytest.mark.parametrize("option", ["valid-after", "valid-before"])
def test_a_time_before_1970_is_none_for_ssh_keygen_either(key_of_bob: Path, tmp_path: Path, option: str, time: str) -> None:
    """THREATS A-28. Otherwise jitd counts a key whose receipts nobody can check."""
    text = f'bob@R {option}="{time}" {ssh_keys.public(key_of_bob).line}\n'
    signature = ssh_keys.sign(key_of_bob, SPACE, b"text")
    assert not ssh_keys.verifies(tmp_path, text, "bob@R", SPACE, b"text", signature, in_utc(NOON))
    with pytest.raises(ValueError, match="takes a time after the beginning of 1970"):
        read_signers(text)


@pytest.mark.parametrize("kind", [*ssh_keys.EACH, "passkey"])
def test_each_kind_of_key_is_read(tmp_path: Path, kind: str) -> None:
    key = ssh_keys.public(ssh_keys.make(tmp_path, kind))
    assert read_signers(f"bob@R {key.line} bob\n") == (Signer(key, ("bob@R",)),)


def test_a_file_without_keys_has_none() -> None:
    assert read_signers("") == read_signers("# nobody yet\n\n") == ()


FAULTS = [
    ("bob@R", "not of the form 'PRINCIPALS [OPTIONS] KIND BASE64'"),
    (f'"bob@R {KEY}', "not of the form"),
    (f'bob@"R" {KEY}', "not of the form"),
    (KEY, "'ssh-ed25519' is not a principal of Kerberos: write ssh-ed25519@REALM"),
    (f"bob {KEY}", "'bob' is not a principal of Kerberos: write bob@REALM"),
    (f"*@R {KEY}", "'*@R' may be more than one person: begin each principal with a name"),
    (f"bob@R,* {KEY}", "'*' may be more than one person"),
    (f"b?b@R {KEY}", "'b?b@R' may be more than one person"),
    (f"bob*/admin@R {KEY}", "'bob*/admin@R' may be more than one person"),
    (f"!*@R,bob@R {KEY}", "'!*@R' may be more than one person"),
    (f"bob@R, {KEY}", "'' may be more than one person"),
    (f"!!bob@R {KEY}", "'!!bob@R' may be more than one person"),
    (f"bob\\@x@R {KEY}", "'bob\\\\@x@R' may be more than one person"),
    (f'"bob@R,rob bob@R" {KEY}', "'rob bob@R' may be more than one person"),
    ("bob@R ssh-ed25519 AAAA", "the key is cut off"),
    ("bob@R ssh-dss AAAAB3NzaC1kc3MAAAABAQ==", "the key is of a kind that cannot approve, 'ssh-dss'"),
    ("bob@R ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29t", "the key is a certificate"),
    (f"bob@R cert-authority {KEY}", "cert-authority: whom it certifies does not stand in this file"),
    (f'bob@R Cert-Authority,namespaces="x" {KEY}', "cert-authority: whom"),
    (f"bob@R verify-required {KEY}", "of the options, only namespaces, valid-after and valid-before are understood"),
    (f"bob@R namespaces {KEY}", "of the options, only namespaces"),
    (f"bob@R namespaces=jitd-receipt {KEY}", "the options are not of the form"),
    (f'bob@R namespaces="a\\"b" {KEY}', "the options are not of the form"),
    (f'bob@R namespaces="a", {KEY}', "the options are not of the form"),
    (f'bob@R namespaces="a"valid-before="20270101Z" {KEY}', "the options are not of the form"),
    (f'bob@R namespaces="a",namespaces="b" {KEY}', "has namespaces twice"),
    (f'bob@R valid-before="20270101" {KEY}', 'valid-before takes a time in UTC, such as "20270131Z"'),
    (f'bob@R valid-after="20270231Z" {KEY}', "valid-after takes a time in UTC"),
    (f'bob@R valid-after="2027010125Z" {KEY}', "valid-after takes a time in UTC"),
    (f'bob@R valid-after="19691231Z" {KEY}', "valid-after takes a time after the beginning of 1970, as for ssh-keygen, and not"),
    (f'bob@R valid-after="19700101Z" {KEY}', "valid-after takes a time after the beginning of 1970"),
    (f'bob@R valid-before="00010101Z" {KEY}', "valid-before takes a time after the beginning of 1970"),
    (f'bob@R valid-after="20270101Z",valid-before="20270101Z" {KEY}', "valid-before is not after valid-after"),
    (f"bob@R {KEY} of\u200bbob", "has a character that cannot be seen"),
    (f"bob@R {KEY}\r", "has a character that cannot be seen"),
    (f"\ufeffbob@R {KEY}", "has a character that cannot be seen"),
    (f"bob@R\u00a0{KEY}", "has a character that cannot be seen"),
    (f"alice@R {OTHER}", "the key stands in line 2 for somebody else: give each person a key"),
    (f"bob@R,robert@R {OTHER}", "the key stands in line 2 for somebody else"),
]


@pytest.mark.parametrize(("line", "sentence"), FAULTS)
def test_a_line_that_is_not_understood_is_named_and_no_key_of_the_file_counts(line: str, sentence: str) -> None:
    """THREATS A-28. Lines before and after it are good."""
    with pytest.raises(ValueError) as refused:
        read_signers(f"# keys\nbob@R {OTHER}\n{line}\ncarol@R {KEY[:-1]}6\n")
    assert str(refused.value).startswith(f"line 3: {sentence}") and str(refused.value).isprintable()


def test_one_key_may_stand_in_two_lines_of_one_person() -> None:
    signers = read_signers(f"bob@R {KEY}\nbob/admin@R,!bob/root@R {KEY}\n")
    assert [len(counting(signers, name, SPACE, NOON)) for name in ("bob@R", "bob/admin@R", "bob/root@R")] == [1, 1, 0]
    assert {name for one in signers for name in one.names} == {"bob"}


@given(st.text() | st.text('bob@R,!*"= \tnamespacesvalid-before/20Z').map(lambda text: f"{text} {KEY}"))
def test_no_text_makes_the_reader_fail_otherwise(text: str) -> None:
    """What is read counts for names that stand in the file alone."""
    with suppress(ValueError):
        for signer in read_signers(text):
            assert signer.key.kind in KINDS and all(name and name in text for name in signer.names)
            assert not signer.counts_for("mallory@R", SPACE, NOON)


def test_a_time_belongs_to_the_span_that_begins_or_ends_with_it() -> None:
    key = PublicKey("ssh-ed25519", b"")
    signer = Signer(key, ("bob@R",), (), NOON, NOON + timedelta(seconds=1))
    for seconds, counts in ((-0.1, False), (0, True), (0.5, True), (1, True), (1.1, False)):
        assert signer.counts_for("bob@R", SPACE, NOON + timedelta(seconds=seconds)) is counts
