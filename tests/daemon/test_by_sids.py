# SPDX-License-Identifier: Apache-2.0
"""Who somebody is who comes by the door with a PAC, and has no line of [approvers]: a host with accounts, and its jitd.toml.

Law: nobody reviews their own request, whatever name of theirs the ticket has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jitd.core.authentication import Authentication, Pac
from jitd.core.subject import LOCAL, Identity, Subject, Visitor, is_one_person
from jitd.core.toml_document import ConfigError
from jitd.deciding.accounts import Accounts
from jitd.settings.config import Config, read
from tests.core.test_how_they_authenticated import proof
from tests.daemon.nss import has_accounts

REALM, ENDS = "AD.EXAMPLE.ORG", datetime(2099, 1, 1, tzinfo=UTC)
OPS, DBA, NONE = (f"S-1-5-21-1-2-3-{rid}" for rid in (1105, 1106, 1107))
UIDS = {"alice": 2001, "asmith": 2002, "gone": 2003}
SETTINGS = f"""
realms = ["{REALM}"]
host = "db1.example.org"
[accounts."{REALM}"]
fold = true
[principals]
"alice.smith@{REALM}" = "asmith"
[people]
alice = ["alice", "alice-adm", "zoe"]
[approvers."zoe@{REALM}"]
groups = ["web"]
[approvers."robert@{REALM}"]
groups = ["web"]
[approvers.sids]
"{OPS}" = "ops"
"{DBA}" = "dba"
"""


@pytest.fixture(autouse=True)
def nss(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    return has_accounts(monkeypatch, UIDS, expired="gone")


Settings = Callable[[str], Config]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    def made(text: str) -> Config:
        file = tmp_path / "jitd.toml"
        file.write_text(text)
        return read(file)

    return made


@pytest.fixture
def config(settings: Settings) -> Config:
    return settings(SETTINGS)


def of(config: Config) -> Accounts:
    return Accounts(config.naming, dict(config.people), config.min_uid, approvers=config.approvers, sids=config.sids)


def came(name: str, *sids: str, upn: str = "", rid: int = 1500, ago: timedelta = timedelta(0)) -> Authentication:
    """How somebody came whose account in the directory is ``name``."""
    pac = Pac(name, upn or f"{name}@ad.example.org", f"S-1-5-21-1-2-3-{rid}", frozenset(sids))
    return replace(proof(at=datetime.now(UTC)), at=datetime.now(UTC) - ago, by_door=True, pac=pac)


def at_door(config: Config, typed: str, given: Authentication, *, ends: datetime = ENDS, realm: str = REALM) -> Identity | None:
    return of(config).of_principal(f"{typed}@{realm}".encode(), ends, given)


def is_visitor(found: Identity | None, principal: str, *in_groups: str, person: str = "") -> bool:
    assert isinstance(found, Visitor)
    return (found.principal, found.person, found.groups) == (
        principal,
        person or principal.partition("@")[0],
        frozenset(in_groups),
    )


def test_who_is_in_a_group_of_the_table_is_in_the_groups_that_it_names(config: Config) -> None:
    assert is_visitor(at_door(config, "carol", came("carol", OPS)), f"carol@{REALM}", "ops")
    assert is_visitor(at_door(config, "carol", came("Carol", OPS, DBA)), f"carol@{REALM}", "ops", "dba")


def test_a_name_typed_in_another_case_is_the_same_person(config: Config) -> None:
    """THREATS F-19: Active Directory gives a ticket for any case."""
    found = at_door(config, "CAROL", came("carol", OPS))
    assert is_visitor(found, f"carol@{REALM}", "ops") and found is not None and found.spelled == f"CAROL@{REALM}"


NOBODY: dict[str, tuple[str, Authentication, dict[str, Any]]] = {
    "none of the groups": ("carol", came("carol"), {}),
    "a group that no line names": ("carol", came("carol", NONE), {}),
    "no PAC": ("carol", replace(came("carol"), pac=None), {}),
    "another realm": ("carol", came("carol", OPS), {"realm": "OTHER.EXAMPLE.ORG"}),
    "another name of the account": ("c.jones", came("carol", OPS, upn="c.jones@ad.example.org"), {}),
    "a computer": ("web$", came("WEB$", OPS), {}),
    "a ticket that has ended": ("carol", came("carol", OPS), {"ends": datetime(2020, 1, 1, tzinfo=UTC)}),
    "a renewed ticket": ("carol", came("carol", OPS, ago=timedelta(hours=10, seconds=1)), {}),
    "an account that has expired": ("gone", came("gone", OPS), {}),
    "somebody with an account by the other name": ("alice2", came("alice2", OPS, upn="alice.smith@ad.example.org"), {}),
    "the same in another case": ("alice2", came("alice2", OPS, upn="Alice.Smith@ad.example.org"), {}),
    "an account of somebody that does not exist here": ("bob", came("bob", OPS, upn="alice-adm@ad.example.org"), {}),
    "the line of somebody else by the other name": ("bob", came("bob", OPS, upn="robert@ad.example.org"), {}),
}


@pytest.mark.parametrize(("typed", "given", "more"), NOBODY.values(), ids=NOBODY.keys())
def test_a_pac_that_does_not_count_makes_nobody_known(
    config: Config, typed: str, given: Authentication, more: dict[str, Any]
) -> None:
    """THREATS F-18, F-19."""
    assert at_door(config, typed, given, **more) is None


def test_a_renewed_ticket_counts_for_as_long_as_one_that_was_not(config: Config) -> None:
    assert at_door(config, "carol", came("carol", OPS, ago=timedelta(hours=9, minutes=59))) is not None


def test_nobody_is_known_while_no_directory_tells_whether_there_is_an_account(config: Config, nss: set[str]) -> None:
    """THREATS F-19."""
    nss.update({"carol", "asmith"})
    assert at_door(config, "carol", came("carol", OPS)) is None
    assert at_door(config, "alice2", came("alice2", OPS, upn="alice.smith@ad.example.org")) is None


def test_a_line_says_whose_a_principal_is_and_sids_add_groups(config: Config) -> None:
    """THREATS F-19."""
    zoe = f"zoe@{REALM}"
    assert is_visitor(at_door(config, "zoe", came("zoe", OPS)), zoe, "web", "ops", person="alice")
    assert is_visitor(at_door(config, "zoe", came("zoe")), zoe, "web", person="alice")
    assert is_visitor(at_door(config, "zoe", came("other", OPS)), zoe, "web", person="alice")


def test_an_account_of_a_person_that_does_not_exist_here_is_this_persons(config: Config) -> None:
    """THREATS F-19."""
    assert is_visitor(at_door(config, "alice-adm", came("alice-adm", OPS)), f"alice-adm@{REALM}", "ops", person="alice")


def test_an_account_has_its_own_groups_alone(config: Config) -> None:
    found = at_door(config, "Alice", came("alice", OPS))
    assert isinstance(found, Subject) and found.user == "alice" and not found.groups


def test_a_requester_is_the_same_person_by_the_sid_after_a_new_name(config: Config) -> None:
    """THREATS F-19."""
    asked = of(config).subject(f"alice@{REALM}".encode(), ENDS, replace(came("alice", rid=1700), by_door=False))
    renamed, other = at_door(config, "ally", came("ally", OPS, rid=1700)), at_door(config, "carol", came("carol", OPS))
    assert asked is not None and renamed is not None and other is not None
    assert is_one_person(asked, renamed) and is_one_person(renamed, asked) and not is_one_person(asked, other)


def test_a_requester_without_a_ticket_is_nobody_who_comes_with_a_pac(config: Config) -> None:
    """THREATS F-19."""
    found = of(config).subject(f"alice.smith@{REALM}".encode(), ENDS)
    assert found is not None
    local = replace(found, principal=f"{LOCAL}asmith", perhaps=frozenset(config.naming.principals_of("asmith")))
    for name, upn in (("alice.smith", ""), ("asmith", ""), ("alice2", "alice.smith@ad.example.org")):
        who = at_door(config, name, came(name, OPS, upn=upn))
        assert who is None or is_one_person(who, local), name


def test_a_name_that_the_directory_finds_by_other_letters_makes_nobody_known(config: Config) -> None:
    """THREATS F-19. Active Directory finds "älice" by "alice" as well, and a requester can ask for a ticket without a PAC."""
    for name, upn in (("carol", "Älice@ad.example.org"), ("älice", "")):
        assert at_door(config, name, came(name, OPS, upn=upn)) is None, name


def test_two_tickets_of_one_account_are_one_approver(config: Config) -> None:
    """THREATS F-19."""
    first, second = at_door(config, "carol", came("carol", OPS)), at_door(config, "cc", came("cc", OPS))
    assert first is not None and second is not None and is_one_person(first, second)


def test_an_approval_counts_until_the_ticket_ends_and_by_the_table_of_then(config: Config, settings: Settings) -> None:
    """THREATS F-18."""
    found = at_door(config, "carol", came("carol", OPS, DBA))
    assert found is not None and of(config).again(found) == found
    fewer = settings(SETTINGS.replace(f'"{OPS}" = "ops"\n', ""))
    now = of(fewer).again(found)
    assert now is not None and now.groups == {"dba"}
    none = settings(SETTINGS.replace(f'"{OPS}" = "ops"\n', "").replace(f'"{DBA}" = "dba"\n', ""))
    assert of(none).again(found) is None
    assert of(config).again(found.but(ticket_ends_at=datetime(2020, 1, 1, tzinfo=UTC))) is None
    assert of(config).again(found.but(authentication=came("carol", OPS, ago=timedelta(hours=11)))) is None


def test_who_gets_an_account_is_somebody_else_from_then_on(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS F-19."""
    found = at_door(config, "carol", came("carol", OPS))
    assert found is not None
    monkeypatch.setitem(UIDS, "carol", 2009)
    assert of(config).again(found) is None


FAULTS = {
    "no fold": (SETTINGS.replace("fold = true", "fold = false"), '"AD.EXAMPLE.ORG" must be one of "realms", with fold = true'),
    "a realm that is not one": (f'{SETTINGS}realms = ["B.ORG"]\n', '"B.ORG" must be one of "realms", with fold = true'),
    "no SID": (f'{SETTINGS}"S-1-5-21" = "x"\n', "is not the SID of a group of a domain"),
    "everybody": (f'{SETTINGS}"S-1-1-0" = "x"\n', "is not the SID of a group of a domain"),
    "administrators of the host": (f'{SETTINGS}"S-1-5-32-544" = "x"\n', "is not the SID of a group of a domain"),
    "a name": (f'{SETTINGS}"Domain Admins" = "x"\n', "is not the SID of a group of a domain"),
    "all users": (f'{SETTINGS}"S-1-5-21-1-2-3-513" = "x"\n', "is the group of everybody in the domain"),
    "no group": (f'{SETTINGS}"S-1-5-21-1-2-3-9" = ""\n', "is not the name of a group"),
    "several groups": (f'{SETTINGS}"S-1-5-21-1-2-3-9" = ["a"]\n', "must be a string"),
}


@pytest.mark.parametrize(("text", "why"), FAULTS.values(), ids=FAULTS.keys())
def test_a_table_that_means_something_else_is_refused(settings: Settings, text: str, why: str) -> None:
    with pytest.raises(ConfigError) as refused:
        settings(text)
    assert why in str(refused.value)


WHY = {
    "no PAC": ("carol", replace(came("carol"), pac=None), REALM, "it has no PAC"),
    "no group": ("carol", came("carol"), REALM, "none of the groups in it counts here"),
    "alias": ("c.jones", came("carol", OPS), REALM, "your account is called carol: kinit carol"),
    "old": ("carol", came("carol", OPS, ago=timedelta(hours=11)), REALM, "too old: kinit"),
    "realm": ("carol", came("carol", OPS), "OTHER.ORG", "needs a line in [approvers]"),
    "computer": ("web$", came("WEB$", OPS), REALM, "a computer"),
    "nothing": ("carol", came("carol", OPS), REALM, ""),
}


@pytest.mark.parametrize(("typed", "given", "realm", "why"), WHY.values(), ids=WHY.keys())
def test_who_is_not_known_is_told_what_to_do(config: Config, typed: str, given: Authentication, realm: str, why: str) -> None:
    said = of(config).why_not_by_sids(f"{typed}@{realm}", ENDS, given)
    assert why in said if why else not said
