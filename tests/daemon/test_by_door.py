# SPDX-License-Identifier: Apache-2.0
"""Who somebody is who comes by the door, and what they may do: a host with accounts, its jitd.toml, and a request of alice.

Law: nobody reviews their own request, whatever principal they come with and whatever lines stand in [approvers].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core.approvers import lack, may_approve, may_review, tally
from jitd.core.authentication import Authentication, Demand
from jitd.core.decision import Approval
from jitd.core.naming import Form, Naming
from jitd.core.request import Request, RequestState
from jitd.core.rights import Act, Case, may
from jitd.core.subject import LOCAL, Approver, Subject, Visitor, is_one_person, person_of
from jitd.core.ways import every_way
from jitd.deciding.accounts import Accounts
from jitd.settings.config import Config, read
from tests.core.test_how_they_authenticated import proof
from tests.daemon.nss import has_accounts
from tests.scene import asked, permit

ENDS = datetime(2099, 1, 1, tzinfo=UTC)
BY_DOOR: Authentication = replace(proof(at=datetime.now(UTC)), by_door=True)
UIDS = {"alice": 2001, "alice-adm": 2009, "bob": 2002, "carol": 2003, "dave": 2004, "low": 10, "root": 0}
IN_OPS = ("carol", "bob")
SETTINGS = """
realms = ["EXAMPLE.ORG"]
host = "db1.example.org"
operators = ["group:ops"]
[accounts."EXAMPLE.ORG"]
fold = true
[principals]
"alice/root@EXAMPLE.ORG" = "alice-adm"
[people]
alice = ["alice", "alice-adm"]
[approvers]
"zoe@EXAMPLE.ORG" = { groups = ["ops"] }
"alice/admin@EXAMPLE.ORG" = { person = "alice", groups = ["ops"] }
"al@TRUSTED.ORG" = { person = "alice-adm", groups = ["ops"] }
"alice@TRUSTED.ORG" = { groups = ["ops"] }
"bob@EXAMPLE.ORG" = { groups = ["ops"] }
"dave@EXAMPLE.ORG" = { groups = ["ops"] }
"yan@TRUSTED.ORG" = { person = "yan", groups = ["ops"] }
"yan/two@TRUSTED.ORG" = { person = "yan", groups = ["ops"] }
"una@TRUSTED.ORG" = { groups = ["dba"] }
"""


@pytest.fixture(autouse=True)
def nss(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    return has_accounts(monkeypatch, UIDS, expired="bob", in_ops=IN_OPS)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    file: Path = tmp_path_factory.mktemp("settings") / "jitd.toml"
    file.write_text(SETTINGS)
    return read(file)


def of(config: Config) -> Accounts:
    return Accounts(config.naming, dict(config.people), config.min_uid, approvers=config.approvers)


def at_door(config: Config, principal: str) -> Any:
    """Who comes with a ticket of ``principal``, or None."""
    return of(config).of_principal(principal.encode(), ENDS, BY_DOOR)


class Uses:
    """No live run."""

    def __call__(self) -> tuple[()]:
        return ()

    def today(self, who: Any) -> Any:
        return who


class Here:
    """The host, as ``core.rights`` sees it."""

    auditors: tuple[str, ...] = ()
    signed = ""
    uses: Any = Uses()

    def __init__(self, config: Config, by_door: Demand | None = None) -> None:
        self.operators, self.operators_by_door = config.operators, by_door

    def locks(self) -> tuple[()]:
        return ()

    def owed_review(self, id: str) -> None:
        return None


def waiting(demand: Demand, requester: Subject) -> Request:
    owed = permit(Approval(1, ("group:ops",), demand)).obligations
    return replace(asked(who=requester), state=RequestState.PENDING, obligations=owed)


NOBODY, OWN, ASKED, OTHERS = "nobody", "own", "asked", "others"
PEOPLE: list[tuple[str, Any, str, str]] = [
    ("alice@EXAMPLE.ORG", Subject, "alice", OWN),
    ("Alice@EXAMPLE.ORG", Subject, "alice", OWN),
    ("alice/root@EXAMPLE.ORG", Subject, "alice", OWN),
    ("alice/admin@EXAMPLE.ORG", Visitor, "alice", OWN),
    ("ALICE/Admin@EXAMPLE.ORG", Visitor, "alice", OWN),
    ("al@TRUSTED.ORG", Visitor, "alice", OWN),
    ("alice@TRUSTED.ORG", Visitor, "alice@TRUSTED.ORG", ASKED),
    ("alice/other@EXAMPLE.ORG", None, "", NOBODY),
    ("AL@TRUSTED.ORG", None, "", NOBODY),
    ("carol@EXAMPLE.ORG", Subject, "carol", ASKED),
    ("carol/admin@EXAMPLE.ORG", None, "", NOBODY),
    ("carol@TRUSTED.ORG", None, "", NOBODY),
    ("zoe@EXAMPLE.ORG", Visitor, "zoe", ASKED),
    ("ZOE@EXAMPLE.ORG", Visitor, "zoe", ASKED),
    ("zoe@TRUSTED.ORG", None, "", NOBODY),
    ("yan@TRUSTED.ORG", Visitor, "yan", ASKED),
    ("yan/two@TRUSTED.ORG", Visitor, "yan", ASKED),
    ("una@TRUSTED.ORG", Visitor, "una@TRUSTED.ORG", OTHERS),
    ("dave@EXAMPLE.ORG", Subject, "dave", OTHERS),
    ("bob@EXAMPLE.ORG", None, "", NOBODY),
    ("low@EXAMPLE.ORG", None, "", NOBODY),
    ("root@EXAMPLE.ORG", None, "", NOBODY),
    ("jit-wnc0d702@EXAMPLE.ORG", None, "", NOBODY),
    ("unknown@EXAMPLE.ORG", None, "", NOBODY),
    ("zo\u00eb@EXAMPLE.ORG", None, "", NOBODY),
]


@pytest.mark.parametrize(("principal", "kind", "person", "to_alice"), PEOPLE, ids=[row[0] for row in PEOPLE])
@pytest.mark.parametrize("has_ticket", [True, False], ids=["of a ticket", "of an account alone"])
def test_who_comes_by_the_door_is_the_account_or_the_line_or_nobody(
    config: Config, principal: str, kind: Any, person: str, to_alice: str, has_ticket: bool
) -> None:
    """THREATS F-11. The request is of alice, with a ticket, or of whom the host knows the account alone."""
    alice = of(config).subject(b"alice@EXAMPLE.ORG", ENDS)
    assert alice is not None
    if not has_ticket:
        alice = replace(alice, principal=LOCAL + "alice", perhaps=frozenset(config.naming.principals_of("alice")))
    who = at_door(config, principal)
    assert type(who) is (kind or type(None))
    if who is None:
        return
    assert who.person == person and who.is_by_door and of(config).again(who) == who
    here, is_asked = Here(config), to_alice == ASKED
    closed, opened = (waiting(Demand(door=door), alice) for door in (False, True))
    demanding = waiting(Demand(("otp",), door=True), alice)
    for found in (closed, opened, demanding):
        assert (may(Act.SEE, Case(who, here, found)) is None) is (is_asked or who.is_requester(alice))
        assert (may(Act.DENY, Case(who, here, found)) is None) is is_asked
    assert (may(Act.APPROVE, Case(who, here, opened)) is None) is is_asked
    assert may(Act.APPROVE, Case(who, here, closed)) is not None and may(Act.APPROVE, Case(who, here, demanding)) is not None
    assert tally(every_way((Approval(1, ("group:ops",), Demand(door=True)),)), (who,), alice) == (0 if is_asked else 1)
    if is_asked:
        assert lack(every_way((Approval(1, ("group:ops",)),)), who, alice) == "takes no approval by the door: approve on the host"
        with_otp = who.but(authentication=replace(BY_DOOR, indicators=("otp",)))
        assert may(Act.APPROVE, Case(with_otp, here, demanding)) is None


@pytest.mark.parametrize("principal", [row[0] for row in PEOPLE if row[3] == ASKED])
def test_an_operator_by_the_door_has_to_prove_what_the_settings_demand(config: Config, principal: str) -> None:
    """THREATS F-09."""
    who, can, cannot = at_door(config, principal), Here(config, Demand(ticket_age=600, door=True)), Here(config)
    late = who.looked_at(BY_DOOR.at + timedelta(seconds=601))
    on_the_host = who.but(authentication=replace(BY_DOOR, by_door=False))
    for act in (Act.OPERATE, Act.LOCK, Act.UNLOCK, Act.OVERSEE, Act.READ_RECORD, Act.READ_STATUS):
        assert may(act, Case(who, can)) is None and may(act, Case(late, can)) is not None, act
        assert may(act, Case(who, cannot)) is not None and may(act, Case(on_the_host, cannot)) is None, act


def test_two_lines_with_one_person_count_once_and_two_people_twice(config: Config) -> None:
    alice = of(config).subject(b"alice@EXAMPLE.ORG", ENDS)
    names = ("yan@TRUSTED.ORG", "yan/two@TRUSTED.ORG", "zoe@EXAMPLE.ORG", "carol@EXAMPLE.ORG")
    yan, two, zoe, carol = (at_door(config, name) for name in names)
    assert alice is not None
    ways = every_way((Approval(2, ("group:ops",), Demand(door=True)),))
    assert [tally(ways, some, alice) for some in ((yan, two), (yan, zoe), (zoe, carol), (zoe, zoe))] == [1, 0, 0, 1]


def test_who_has_left_the_group_of_the_line_does_not_count_at_the_next_look(config: Config) -> None:
    """THREATS F-12."""
    known, zoe = of(config), at_door(config, "ZOE@EXAMPLE.ORG")
    alice = known.subject(b"alice@EXAMPLE.ORG", ENDS)
    assert alice is not None and zoe.spelled == "ZOE@EXAMPLE.ORG"
    ways = every_way((Approval(1, ("group:ops",), Demand(door=True)),))
    assert tally(ways, (zoe,), alice) == 0
    left = replace(known, approvers={"zoe@EXAMPLE.ORG": Approver("zoe")}).again(zoe)
    assert left.groups == frozenset() and tally(ways, (left,), alice) == 1
    assert replace(known, approvers={}).again(zoe) is None


def test_who_gets_an_account_is_no_visitor_any_more(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS F-12."""
    zoe = at_door(config, "zoe@EXAMPLE.ORG")
    assert isinstance(zoe, Visitor)
    monkeypatch.setitem(UIDS, "zoe", 2010)
    assert of(config).again(zoe) is None


def test_while_no_directory_answers_a_line_brings_nobody_in(config: Config, nss: set[str]) -> None:
    zoe = at_door(config, "zoe@EXAMPLE.ORG")
    assert zoe is not None
    nss.add("zoe")
    assert at_door(config, "zoe@EXAMPLE.ORG") is None and of(config).again(zoe) is None


# --- whatever the lines say ------------------------------------------------------------------------------------------------

names = st.sampled_from(["ann", "ann-adm", "Ann", "zoe", "ann/admin", "ann/root"])
principals = st.builds("{}@{}".format, names, st.sampled_from(["EXAMPLE.ORG", "TRUSTED.ORG", "FOLDS.ORG"]))
lines = st.dictionaries(principals, st.frozensets(st.sampled_from(["ops", "dba"])), max_size=8)
PEOPLE_OF: Mapping[str, frozenset[str]] = MappingProxyType({"ann": frozenset({"ann", "ann-adm"})})
NAMING = Naming(frozenset({"EXAMPLE.ORG", "FOLDS.ORG"}), {"ann/root@EXAMPLE.ORG": "ann-adm"}, {"FOLDS.ORG": Form(folds=True)})


def owner(account: str) -> str:
    return person_of(account, PEOPLE_OF, lambda one: one)


@given(lines, principals, st.booleans())
def test_no_line_gives_a_requester_their_own_approval(listed: dict[str, Any], principal: str, has_ticket: bool) -> None:
    """THREATS F-11. Who has asked as the account of ``principal`` comes by the door with any principal of this account, in any
    spelling, when the account is gone.
    """
    account = NAMING.account_of(principal.encode())
    if account is None:
        return
    own, canonical = frozenset(NAMING.principals_of(account)), NAMING.canonical(principal)
    proved = (canonical, account, 2001, 2001, frozenset[str](), owner(account), ENDS)
    requester = Subject(*proved) if has_ticket else replace(Subject(*proved), principal=LOCAL + account, perhaps=own)

    def line(one: str) -> Approver:
        mapped = NAMING.account_of(one.encode())
        return Approver(one if mapped is None else owner(mapped), listed[one])

    known = Accounts(NAMING, dict(PEOPLE_OF), 1000, approvers={NAMING.canonical(one): line(one) for one in listed})
    ways = every_way((Approval(1, ("group:ops",), Demand(door=True)),))
    came_with = (known.visitor(one.encode(), ENDS, BY_DOOR) for one in {canonical, principal, *own})
    for who in filter(None, came_with):
        assert is_one_person(who, requester) and not may_review(ways, who, requester), who
        assert not may_approve(ways, who, requester) and tally(ways, (who,), requester) == 1
