# SPDX-License-Identifier: Apache-2.0
"""The names of things that can be given: which are names, which never are, and that each has one spelling."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core.thing import MOST, is_service_ticket, read_giver, read_thing, service_of
from tests.core.house import for_each

KINDS = ("account", "postgres-role", "program", "ssh-certificate", "sudoers", "vault")
KIND = "service-ticket:"
NEVER = ["krbtgt", "kadmin", "kiprop", "K", "jitd", "jitd-kdc", "jitd-canary"]
FIRST = string.ascii_letters + string.digits
PART = st.builds(str.__add__, st.sampled_from(FIRST), st.text(FIRST + "._-", max_size=12))
SERVICE = st.lists(PART, min_size=2, max_size=4).map("/".join).filter(lambda name: name.partition("/")[0] not in NEVER)
WORDS = st.text(FIRST + "._-/:@ \\\n\0*?äÄ=", max_size=40)

NAMES = ["postgres/db1.example.test", "host/db1", "HTTP/a.b-c_d", "a/b/c/d", "p/" + "x" * (MOST - len(KIND) - 2), "krbtgt2/X"]
NO_NAMES = [
    "",
    ":",
    KIND,
    "postgres/db1",
    "service-ticket",
    "Service-Ticket:postgres/db1",
    "ticket:postgres/db1",
    " service-ticket:postgres/db1",
    KIND + "postgres",
    KIND + "/db1",
    KIND + "postgres/",
    KIND + "postgres//db1",
    KIND + "a/b/c/d/e",
    KIND + "postgres/db1@EXAMPLE.TEST",
    KIND + "postgres/db1\\@X",
    KIND + "postgres/db1 ",
    KIND + "postgres/db1\n",
    KIND + "postgres/db1\0",
    KIND + "-x/db1",
    KIND + "postgres/.db1",
    KIND + "postgres/*",
    KIND + "postgrès/db1",
    KIND + "postgres/db\N{CYRILLIC SMALL LETTER ER}",
    KIND + "٤/٤",
    KIND + "p/" + "x" * (MOST - len(KIND) - 1),
    KIND + "x" * 100_000 + "/y",
    KIND + KIND + "postgres/db1",
    "**",
]


def read(word: str) -> str:
    return read_thing(word, KINDS)


@for_each((name,) for name in NAMES)
def test_what_is_the_name_of_a_thing_stays_as_it_was_written(name: str) -> None:
    assert read(KIND + name) == KIND + name


@for_each((kind,) for kind in KINDS)
def test_a_thing_of_a_giver_is_its_kind_and_the_name_of_the_giver(kind: str) -> None:
    for name in ("a", "db-admin", "x" + "y" * 31):
        assert read(f"{kind}:{name}") == f"{kind}:{name}" and read_giver(name) == name
        assert not is_service_ticket(f"{kind}:{name}")
    for name in ("", "A", "1a", "-a", "a_b", "a b", "a/b", "a\n", "x" + "y" * 32):
        for reads, word in ((read_giver, name), (read, f"{kind}:{name}")):
            with pytest.raises(ValueError, match="is not a name for a giver: small letters, digits and hyphens, at most 32"):
                reads(word)


def test_a_word_without_a_kind_is_told_to_have_one() -> None:
    for word in ("", "postgres", "account"):
        with pytest.raises(ValueError, match="does not name a kind of thing: write service-ticket:SERVICE/HOST, or KIND:NAME"):
            read(word)


def test_a_service_ticket_is_one() -> None:
    assert is_service_ticket("service-ticket:postgres/db1")
    assert not is_service_ticket("program:service-ticket")


@for_each((word,) for word in NO_NAMES)
def test_what_is_no_name_of_a_thing_is_refused_with_a_sentence(word: str) -> None:
    with pytest.raises(ValueError, match=" "):
        read(word)


@pytest.mark.parametrize("first", NEVER)
@given(rest=st.lists(PART, min_size=1, max_size=3))
def test_no_ticket_for_a_service_of_the_kdc_or_of_jitd_is_ever_a_thing(first: str, rest: list[str]) -> None:
    """THREATS T-21."""
    with pytest.raises(ValueError, match="never given|not the name"):
        read(f"{KIND}{first}/{'/'.join(rest)}")


@given(name=SERVICE)
def test_every_service_that_is_not_theirs_has_one_name(name: str) -> None:
    assert read(KIND + name) == KIND + name
    assert service_of(KIND + name, "EXAMPLE.TEST") == f"{name}@EXAMPLE.TEST"


@given(word=WORDS | WORDS.map(KIND.__add__))
def test_whatever_is_read_as_a_name_is_plain_and_whole(word: str) -> None:
    """What is a name is a principal of two to four components in the default realm, which no parser reads in another way."""
    try:
        found = read(word)
    except ValueError:
        return
    kind, _, name = found.partition(":")
    components = name.split("/")
    assert found == word and kind == "service-ticket" and 2 <= len(components) <= 4
    assert all(components) and components[0] not in NEVER
    assert set(name) <= set(FIRST + "._-/") and found.isascii() and len(found) <= MOST


@pytest.mark.parametrize("word", ["group:wheel", "group:", "group:a/b"])
def test_a_group_is_no_thing(word: str) -> None:
    """It is given to a run."""
    with pytest.raises(ValueError, match='"group" is not a kind of thing that jitd gives; there are service-ticket'):
        read(word)
