# SPDX-License-Identifier: Apache-2.0
"""Public keys in a file: alone on a line, or as allowed signers. What is not understood is not passed over."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.audit.allowed_signers import NamedKey
from jitd.audit.keys import read_keys
from jitd.audit.sshsig import public_line

KEY, OTHER = bytes([1] * 32), bytes([2] * 32)
LINE, OTHER_LINE = public_line(KEY, ""), public_line(OTHER, "")


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (LINE, [NamedKey(KEY)]),
        (f"{LINE} root@web1\n", [NamedKey(KEY)]),
        (f"{LINE} jitd@web1\n", [NamedKey(KEY, ("jitd@web1",))]),
        (f"# of web1\n\n  {LINE}\n{OTHER_LINE}\n", [NamedKey(KEY), NamedKey(OTHER)]),
        (f"web1 {LINE}", [NamedKey(KEY, ("web1",))]),
        (f"web1,web*,!web9 {LINE} comment", [NamedKey(KEY, ("web1", "web*", "!web9"))]),
        (
            f'jitd@web1 namespaces="jitd-checkpoint,jitd-key" {LINE}',
            [NamedKey(KEY, ("jitd@web1",), ("jitd-checkpoint", "jitd-key"))],
        ),
    ],
)
def test_a_key_is_read_alone_or_as_an_allowed_signer(text: str, keys: list[NamedKey]) -> None:
    assert list(read_keys(text)) == keys


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "there is no public key in it"),
        ("# nothing\n", "there is no public key in it"),
        ("web1", "line 1: not a public key"),
        (f"{LINE}\nssh-rsa AAAA", "line 2: not a public key"),
        (f"{LINE[:-4]}", "line 1: "),
        (f"web1 cert-authority {LINE}", "line 1: of the options of allowed signers, only namespaces is understood"),
        (f'web1 valid-after="20260101",namespaces="jitd-checkpoint" {LINE}', "line 1: of the options"),
        (f"web1 namespaces=jitd-checkpoint {LINE}", "line 1: of the options"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "line 1: not a public key"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_line(text: str, sentence: str) -> None:
    with pytest.raises(ValueError) as refused:
        read_keys(text)
    assert str(refused.value).startswith(sentence)


@given(st.text())
def test_no_text_makes_the_reader_fail_otherwise(text: str) -> None:
    with suppress(ValueError):
        read_keys(text)


@pytest.mark.parametrize(
    ("principals", "name", "may"),
    [
        ((), "web1", True),
        (("web1",), "web1", True),
        (("web1",), "web12", False),
        (("web?",), "web1", True),
        (("web*", "!web9"), "web12", True),
        (("web*", "!web9"), "web9", False),
        (("!web9",), "web1", False),
        (("web.example",), "webXexample", False),
    ],
)
def test_patterns_of_names_mean_what_they_mean_to_ssh(principals: tuple[str, ...], name: str, may: bool) -> None:
    assert NamedKey(KEY, principals).may_sign(name, "jitd-checkpoint") is may


def test_a_key_is_good_in_its_namespaces_alone() -> None:
    key = NamedKey(KEY, (), ("jitd-countersignature",))
    assert key.may_sign("web1", "jitd-countersignature") and not key.may_sign("web1", "jitd-checkpoint")
