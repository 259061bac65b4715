# SPDX-License-Identifier: Apache-2.0
"""The kinds of deed, and what each answers."""

from __future__ import annotations

import pytest

from jitd.core.deed import GATE, LOGIN, RUN, THING, deed_of
from jitd.core.what import Things


@pytest.mark.parametrize(
    ("service", "is_login", "deed"),
    [
        ("jitsudo", False, RUN),
        ("jitsudo", True, RUN),
        ("sudo", False, GATE),
        ("sshd", False, GATE),
        ("sshd", True, LOGIN),
        ("Jitsudo", False, GATE),
        ("", False, GATE),
    ],
)
def test_the_kind_follows_from_the_service_and_from_whether_a_session_begins(service, is_login, deed):
    assert deed_of(service, is_login=is_login) is deed


def test_what_is_not_known_to_be_a_login_is_a_gate():
    assert deed_of("sshd") is GATE


@pytest.mark.parametrize("is_login", [False, True])
def test_only_jitd_itself_gives_a_thing(is_login):
    assert deed_of("jitsudo", Things(("group:adm",)), is_login=is_login) is THING
    assert deed_of("sshd", Things(("group:adm",)), is_login=is_login) is deed_of("sshd", is_login=is_login)


def test_what_is_not_known_to_be_about_a_thing_is_a_command():
    assert deed_of("jitsudo") is RUN


@pytest.mark.parametrize(
    ("deed", "name", "is_executed", "asks_again", "has_run", "may_go_on"),
    [
        (RUN, "run", True, False, True, False),
        (THING, "thing", False, False, False, False),
        (GATE, "gate", False, True, False, False),
        (LOGIN, "login", False, True, True, True),
    ],
)
def test_each_kind_answers_each_question(deed, name, is_executed, asks_again, has_run, may_go_on):
    assert (deed.name, deed.is_executed, deed.asks_again, deed.has_run, deed.may_go_on) == (
        name, is_executed, asks_again, has_run, may_go_on,
    )  # fmt: skip
