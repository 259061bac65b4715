# SPDX-License-Identifier: Apache-2.0
"""What somebody approves who has no account on the host: it is stored, sealed, verified and told as that of anybody else, and
never with somebody's uid.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jitd.audit.findings import Flaw, Wrong
from jitd.audit.telling import EVERYTHING, tell
from jitd.audit.verify import verify
from jitd.core.request import Request, RequestState, transition
from jitd.core.subject import Identity
from jitd.store import documents
from jitd.store.sqlite import SqliteStore
from jitd_sinks import ocsf
from tests.core.test_golden_records import OWED
from tests.evidence.packs import HOST, ID, Host, words, wrong, zipped
from tests.scene import START, asked, moment, permit, person, review, visitor
from tests.stored import no_values, round_trip
from tests.verified import findings

BOB, ZOE = person("bob"), visitor("zoe", spelled="Zoe@TRUSTED.TEST")
ACCOUNT = {"user", "uid", "gid"}


def reviewed(*approvers: Identity) -> Request:
    made = replace(asked(), state=RequestState.PENDING, obligations=permit().obligations)
    after = transition(made, review(made, approvers[0]), moment(1))[0]
    return replace(after, reviews=tuple(replace(after.reviews[0], by=one) for one in approvers))


# --- in the store ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("approvers", [(ZOE,), (BOB,), (BOB, ZOE, visitor("yan"))])
def test_a_request_is_read_as_it_was_written_whoever_reviewed_it(approvers: tuple[Identity, ...]) -> None:
    made = reviewed(*approvers)
    assert round_trip(made) == made
    document = documents.write(made, no_values())
    outline = documents.read_outline(Request, document)
    assert outline.requester == made.requester and outline.state is made.state
    told = json.loads(document)
    assert documents.read_reviewed(json.dumps([told["requester"], told["reviews"]]).encode()) == (made.requester, *approvers)


def test_the_document_of_a_visitor_has_no_member_of_an_account_and_that_of_others_is_as_before() -> None:
    told = json.loads(documents.write(reviewed(BOB, ZOE), no_values()))
    of_bob, of_zoe = (one["by"] for one in told["reviews"])
    assert not ACCOUNT & of_zoe.keys() and of_bob.keys() >= ACCOUNT
    assert [*of_bob][:4] == ["principal", "user", "uid", "gid"]


def test_an_owed_review_is_read_as_it_was_written() -> None:
    made = replace(OWED, given_by=ZOE, given_as="approver", given_at=START)
    assert round_trip(made) == made and round_trip(replace(made, given_by=BOB)).given_by == BOB


@pytest.mark.parametrize("member", [*ACCOUNT, "principal", "groups", "person", "ticket_ends_at"])
def test_a_damaged_document_of_a_person_with_an_account_is_not_read_as_one_without(member: str) -> None:
    """THREATS L-36."""
    told = json.loads(documents.write(reviewed(BOB), no_values()))
    del told["reviews"][0]["by"][member]
    with pytest.raises(ValueError, match=member):
        documents.read(Request, json.dumps(told).encode(), no_values)


@pytest.mark.parametrize(
    "changes", [{"person": ""}, {"principal": "root"}, {"ticket_ends_at": None}, {"uid": 0}, {"user": "root"}]
)
def test_a_document_makes_nobody_of_a_visitor_whom_the_core_would_not_make(changes: dict[str, Any]) -> None:
    """THREATS L-36."""
    told = json.loads(documents.write(reviewed(ZOE), no_values()))
    told["reviews"][0]["by"].update(changes)
    with pytest.raises(ValueError):
        documents.read(Request, json.dumps(told).encode(), no_values)


@pytest.mark.parametrize("by", [None, 7, "zoe@TRUSTED.TEST", [], ["uid"], {}, {"uid": 0}])
def test_what_is_not_a_person_is_not_read_as_one(by: Any) -> None:
    """THREATS L-36: it is damaged, as any other document that has a wrong type."""
    told = json.loads(documents.write(reviewed(ZOE), no_values()))
    told["reviews"][0]["by"] = by
    with pytest.raises(ValueError):
        documents.read(Request, json.dumps(told).encode(), no_values)
    with pytest.raises(ValueError):
        documents.read_reviewed(json.dumps([told["requester"], told["reviews"]]).encode())


@pytest.mark.parametrize("members", [ACCOUNT, {"uid"}])
def test_nobody_asks_without_an_account(members: set[str]) -> None:
    """THREATS L-36: a request is a subject's, also when it is read."""
    told = json.loads(documents.write(reviewed(ZOE), no_values()))
    told["requester"] = {name: value for name, value in told["requester"].items() if name not in members}
    with pytest.raises(ValueError, match="missing required field"):
        documents.read(Request, json.dumps(told).encode(), no_values)


# --- in the record ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    made = Host(tmp_path_factory.mktemp("host"))
    made.live(approver=ZOE)
    return made


def the_review(host: Host) -> dict[str, Any]:
    return next(body for body in host.bodies() if body["event"] == "request.reviewed")


def test_the_record_says_that_who_reviewed_has_no_uid(host: Host) -> None:
    body = the_review(host)
    assert body["uid"] is None and body["actor"] == ZOE.principal and "group_ids" not in body["detail"]
    assert body["detail"]["spelled"] == "Zoe@TRUSTED.TEST"


def test_the_record_verifies_and_the_request_is_there_after_a_restart(host: Host) -> None:
    found = findings(host.store)
    assert [one for one in found if one.wrong is not Wrong.POLICY_MISSING] == []  # this host keeps its policies elsewhere
    again = SqliteStore.reading(host.path / "jitd.db")
    stored = again.request(ID)
    assert stored is not None and stored.reviews[0].by == ZOE and host.store.request(ID) == stored
    again.close()


def test_a_uid_that_is_written_into_it_later_is_found(host: Host, tmp_path: Path) -> None:
    """THREATS L-36."""
    document = next(one for life, id, one in host.store.documents() if life == "request" and id == ID)
    told = json.loads(document)
    told["reviews"][0]["by"] |= {"user": "root", "uid": 0, "gid": 0}
    changed = json.dumps(told, separators=(",", ":")).encode()

    class Changed:
        def __getattr__(self, name: str) -> Any:
            return getattr(host.store, name)

        def objects(self) -> Any:
            for life, id, one, owner in host.store.objects():
                yield life, id, changed if one == document else one, owner

        def documents(self) -> Any:
            for life, id, one in host.store.documents():
                yield life, id, changed if one == document else one

    found: list[Flaw] = []
    verify(Changed(), found.append)  # type: ignore[arg-type]
    assert any(ID in str(one) for one in found)


def test_the_other_verifier_reads_it_and_says_who_approved(host: Host) -> None:
    files = host.pack()
    data = zipped(files)
    assert wrong(data, host.public) == [] and words(data, host.public)
    page = files["index.html"].decode()
    assert page.count("zoe@TRUSTED.TEST") > 1 and "none: no account on this host" in page and "None" not in page


def test_a_collector_gets_a_user_without_a_uid(host: Host) -> None:
    number, body, seal = next(one for one in host.store.records() if json.loads(one[1])["event"] == "request.reviewed")
    told = tell(HOST, number, body, seal, host.store.request(ID), host.store.values(ID), EVERYTHING)
    event = json.loads(ocsf.line(told, 6))
    assert event["actor"]["user"] == {"name": "zoe@TRUSTED.TEST", "domain": "TRUSTED.TEST"}
