# SPDX-License-Identifier: Apache-2.0
"""``origin``: what each word stands for, how it is read, and that what is not known never helps a requester."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core.facts import MOST_SPELLED, Facts, Unasked, Unknown, spell
from jitd.core.origin import OF_THE_CALLER, Caller, began_in, kept_of, read_origin, spell_address


def known(value: str) -> Facts:
    return {"fact.origin": value}


@pytest.mark.parametrize(
    ("word", "found", "covers"),
    [
        ("local", "local", True), ("local", "console", True), ("local", "remote", False), ("local", "10.0.0.1", False),
        ("console", "console", True), ("console", "local", False), ("console", "remote", False), ("console", "::1", False),
        ("remote", "remote", True), ("remote", "10.0.0.1", True), ("remote", "127.0.0.1", True), ("remote", "local", False),
        ("remote", "console", False),
        ("10.0.0.0/8", "10.255.0.1", True), ("10.0.0.0/8", "11.0.0.1", False), ("10.0.0.0/8", "local", False),
        ("10.0.0.0/8", "console", False), ("10.0.0.0/8", "remote", None), ("10.0.0.0/8", "fe80::1", False),
        ("10.0.0.0/8", "::ffff:10.0.0.1", True), ("10.0.0.0/8", "no address", None), ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3", "10.1.2.4", False), ("2001:db8::/32", "2001:db8::7", True), ("2001:db8::/32", "10.0.0.1", False),
        ("fe80::/10", "fe80::1%eth0", True), ("0.0.0.0/0", "remote", None), ("0.0.0.0/0", "::1", False),
    ],
)  # fmt: skip
def test_each_word_stands_for_what_the_manual_says(word: str, found: str, covers: bool | None) -> None:
    assert read_origin(word).covers(found) is covers
    assert began_in((read_origin(word),), known(found)) is covers


@pytest.mark.parametrize(
    ("word", "because"),
    [
        ("", "must be"), ("LOCAL", "must be"), ("anywhere", "must be"), ("host.example.org", "must be"), ("10.0.0", "must be"),
        ("10.0.0.0/33", "must be"), ("010.0.0.1", "must be"), ("10.0.0.1/8", 'write "10.0.0.0/8"'), (" 10.0.0.0/8", "must be"),
        ("2001:db8::1/32", 'write "2001:db8::/32"'), ("::ffff:10.0.0.0/104", "IPv4"), ("fe80::1%eth0", "interface"),
        ("10.0.0.0/255.0.0.0 ", "must be"),
    ],
)  # fmt: skip
def test_a_word_that_stands_for_nothing_is_refused_with_a_sentence(word: str, because: str) -> None:
    with pytest.raises(ValueError, match=because):
        read_origin(word)


def test_one_word_that_covers_is_enough_and_one_that_cannot_be_told_is_not_a_no() -> None:
    words = (read_origin("10.0.0.0/8"), read_origin("console"))
    assert began_in(words, known("console")) is True
    assert began_in(words, known("10.1.1.1")) is True
    assert began_in(words, known("local")) is False
    assert began_in(words, known("remote")) is None, "the address may be one of them"
    assert began_in(words, {"fact.origin": Unknown("logind does not run")}) is None
    assert began_in((), known("console")) is False


def test_an_origin_that_is_no_text_is_not_known() -> None:
    assert began_in((read_origin("remote"),), {"fact.origin": 7}) is None


def test_an_origin_that_nobody_looked_for_is_asked_for() -> None:
    with pytest.raises(Unasked, match="fact.origin"):
        began_in((read_origin("local"),), {})


@given(st.ip_addresses(), st.ip_addresses(), st.integers(0, 128))
def test_a_network_covers_what_the_library_says_that_it_covers(one: object, other: object, length: int) -> None:
    network = ip_network(f"{one}/{min(length, ip_address(str(one)).max_prefixlen)}", strict=False)
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None and getattr(ip_address(str(other)), "ipv4_mapped", None) is None:
        assert read_origin(str(network)).covers(str(other)) is (ip_address(str(other)) in network)


@given(st.text(max_size=30))
def test_no_text_makes_an_origin_fail(text: str) -> None:
    for word in ("local", "console", "remote", "10.0.0.0/8", "::/0"):
        assert read_origin(word).covers(text) in (True, False, None)
    assert spell_address(text) == "" or ip_address(spell_address(text))


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("10.0.0.1", "10.0.0.1"), ("::ffff:10.0.0.1", "10.0.0.1"), ("FE80::0001%eth0", "fe80::1"), ("::1", "::1"),
        ("db2.example.org", ""), ("", ""), ("UNKNOWN", ""), ("10.0.0.1 ", ""),
    ],
)  # fmt: skip
def test_an_address_has_one_spelling(text: str, spelled: str) -> None:
    assert spell_address(text) == spelled


def test_a_request_keeps_what_was_known_of_the_process_that_asked_and_nothing_else() -> None:
    values = {
        "fact.origin": "10.1.2.3",
        "fact.unit": Unknown("it is in none"),
        "fact.cgroup": "/" + "x" * MOST_SPELLED,
        "fact.load": 1.0,
        "claim.tty": "pts/1",
    }
    assert kept_of((name, spell(value)) for name, value in values.items()) == (("fact.origin", "10.1.2.3"),)


def test_what_is_kept_of_the_process_that_asked_is_its_origin_its_unit_and_its_group() -> None:
    seen = (("fact.origin", "local"), ("fact.unit", "cron.service"), ("fact.cgroup", "/system.slice/cron.service"))
    assert kept_of(seen) == seen
    assert set(dict(seen)) == OF_THE_CALLER


def test_a_caller_of_whom_nothing_is_known_has_no_facts_no_request_no_host_and_no_terminal() -> None:
    nobody = Caller(None)
    assert (nobody.kept, nobody.request, nobody.is_login, nobody.remote_host, nobody.tty) == ((), "", False, None, "")
