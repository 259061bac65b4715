# SPDX-License-Identifier: Apache-2.0
"""Receipts: what an approver is told to sign fits what they are shown, only what fits this review is taken, and a rule that
demands a signature gets it. After each refusal, nothing has changed.

The keys are real ones, of ssh-keygen. Those in hardware are of OpenSSH's own dummy.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jitd.audit import forms, receipt
from jitd.audit.findings import Flaw, Wrong
from jitd.audit.forms import Record
from jitd.audit.heads import Heads
from jitd.audit.keys import Keys
from jitd.audit.receipt import Statement
from jitd.audit.receipted import BadReceipt
from jitd.audit.receipts import Receipts as AuditReceipts
from jitd.audit.strict_json import canonical
from jitd.audit.verify import _Later
from jitd.cli import as_recorded, signing
from jitd.cli.as_recorded import aged, difference, difference_of_lock, found_since
from jitd.cli.brief import brief
from jitd.cli.hosts_word import HOSTS_WORD, not_signed
from jitd.cli.not_done import NotDone
from jitd.cli.page import page
from jitd.cli.scripts import scripts
from jitd.core.authentication import Authentication, Demand
from jitd.core.chain import linked
from jitd.core.command import Interpreter, Operand
from jitd.core.decision import Approval, Terms
from jitd.core.edit import SUDOEDIT, Edit, NewFile, Removal
from jitd.core.grade import Damage, Finding, Grade
from jitd.core.instead import INSTEAD, MASKED, MISSING
from jitd.core.policy import Policy
from jitd.core.policy_text import PolicyText
from jitd.core.request import Request, RequestState, Submitted, Verdict
from jitd.core.sought import SUBMITTED
from jitd.core.ssh_keys import PublicKey
from jitd.core.subject import ROOT, Identity, Subject
from jitd.core.values import commitment
from jitd.deciding.decider import FreshDecision
from jitd.deciding.findings import Findings, _stored
from jitd.deciding.signers import Signers
from jitd.settings.config import Approvals
from jitd.store.sqlite import SqliteStore
from jitd.verbs.limits import Pace
from jitd.verbs.lists import Lists
from jitd.verbs.locks import Locks
from jitd.verbs.receipts import Receipts
from jitd.verbs.refusal import Refusal
from jitd.verbs.reviewers import Signed
from jitd.verbs.reviews import Reviews
from jitd.verbs.rows import finding_rows
from jitpam.wire import rows
from jitpam.wire.shown import shown
from tests import ssh_keys
from tests.client.script import row_for, waiting
from tests.daemon.asking import HERE, Client
from tests.daemon.test_decider import ALICE, rule
from tests.daemon.test_who_sees_what import Seen
from tests.graders import Said
from tests.scene import START, command, locked, person, place, submit, thing
from tests.unshown import without_styles
from tests.verified import findings

POLICY = PolicyText(((b"10-rules.toml", b"# the rules of a test\n"),))
DIGEST, OTHER_DIGEST = POLICY.digest, "cd" * 32


def proved(name: str) -> Subject:
    made = Authentication(START, START, (), (), "aes", "aes", ("EXAMPLE.TEST",))
    return replace(person(name), authentication=made)


LOCAL_ROOT = person("eve", principal=ROOT, user="root", person="root", uid=0, ticket_ends_at=None)
BOB, CAROL = proved("bob"), proved("carol")
COMMAND = (b"/usr/bin/env", b"a b", b"\xff\\")


class House(Seen):
    """A daemon that knows keys. ``allowed`` is the file of allowed signers."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.digest = DIGEST
        super().__init__(path, monkeypatch)
        self.allowed = path / "allowed_signers"
        self.signers = Signers(self.allowed, lambda: self.at.at)
        self.decider._signers = self.signers
        access = self.reviews._access
        ground: Any = SimpleNamespace(
            config=SimpleNamespace(host="db1.example.test"), store=self.store, opened=self.opened, workers=self.workers,
            policy_digest=lambda: self.digest, now=self.now,
        )  # fmt: skip
        self.receipts = Receipts(ground, access, self.decider, self.signers)
        self.lists = Lists(access, self.store, self.opened, self.workers, lambda run: None, self.now, signers=self.signers)
        self.reviews = Reviews(access, self.decider, self.perform, self.store, self.now, self.receipts)
        self.lifecycle._policy_digest, self.lifecycle._policy_text = lambda: self.digest, lambda: POLICY

    def rules(self, **changes: Any) -> None:
        made = {"terms": Terms(env=("TOKEN",)), "uses": 5} | changes
        self.policy = Policy((rule(**made),), "permit", self.digest)

    def demands(self, signed: str, need: int = 1) -> None:
        self.rules(approvals=(Approval(need, ("group:ops",), Demand(signed=signed)),))

    def lists_keys(self, *lines: tuple[Subject, PublicKey], options: str = "") -> None:
        self.allowed.write_text("".join(f"{who.principal} {options} {key.line}\n" for who, key in lines), "ascii")
        os.utime(self.allowed, ns=(self.n_records, self.n_records))

    async def submitted(self, **changes: Any) -> Request:
        given = {"argv": COMMAND, "reason": "CHG-1 \u202e", "variables": ((b"TOKEN", b"x=\xfe"),)} | changes
        return await Client(self).submit(waits=False, **given)

    async def shown(self, who: Identity, id: str) -> rows.Request:
        return rows.Request.read(json.loads(json.dumps(await self.lists.show(who, id))))

    async def basis(self, who: Identity, id: str, verdict: str = "approve") -> tuple[Statement, bytes, Record]:
        first, *rest = [row async for row in self.receipts.basis(who, id, verdict)]
        line = forms.read("".join(row["text"] for row in rest))
        assert isinstance(line, Record)
        return receipt.read(first["statement"]), bytes.fromhex(first["before"]), line

    async def signed(self, who: Identity, of: str, key: Path, **changes: Any) -> Signed:
        said, _, _ = await self.basis(who, of)
        text = said._replace(**{"at": "2026-03-02T09:00:00Z", "random": os.urandom(16), **changes}).text()
        return Signed(text, ssh_keys.sign(key, receipt.NAMESPACE, text.encode("ascii")))

    async def reviewed(self, who: Identity, id: str, signed: Signed | None, verdict: Verdict) -> str:
        return await self.reviews.review(who, id, verdict, self.found(id).fingerprint, "", HERE, signed)

    async def approved(self, who: Identity, id: str, signed: Signed | None) -> str:
        return await self.reviewed(who, id, signed, Verdict.APPROVE)

    async def refuses(
        self, who: Identity, id: str, signed: Signed | None, matches: str, verdict: Verdict = Verdict.APPROVE
    ) -> None:
        before, n_before = self.found(id), self.n_records
        with pytest.raises(Refusal, match=matches):
            await self.reviewed(who, id, signed, verdict)
        assert (self.found(id), self.n_records) == (before, n_before), "a refusal changes nothing"


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    made = House(tmp_path, monkeypatch)
    made.rules()
    yield made
    made.workers.close()
    made.store.close()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: ssh_keys.make(tmp_path_factory.mktemp("keys"), kind) for kind in ("ecdsa-256", *LEVELS)}


# --- what is to be signed ----------------------------------------------------------------------------------------------------


REVIEWED = {Verdict.APPROVE: "approved", Verdict.DENY: "denied"}


def fits(row: rows.Request, told: tuple[Statement, bytes, Record]) -> str:
    said, before, line = told
    return difference(row, line, before, said, host="db1.example.test", approver=BOB.principal)


def test_what_an_approver_is_shown_stands_in_what_they_are_told_to_sign(house: House) -> None:
    async def scene() -> None:
        made = await house.submitted(lasts_for=60, uses=2, timeout_for=9)
        told = await house.basis(BOB, made.id)
        assert fits(await house.shown(BOB, made.id), told) == ""
        assert told[0].terms == (60, 2, 9, "") and told[0].policy.hex() == DIGEST
        assert told[0].newest.number > told[0].submitted.number

    house.run(scene())


LIES = {
    "argv": ("the command", ["/usr/bin/env", "other"]),
    "path": ("the program", "/usr/bin/other"),
    "digest": ("the digest of the program", "00" * 32),
    "cwd": ("the directory", "/other"),
    "run_as": ("the account", "bob"),
    "run_as_group": ("the account", "ops"),
    "run_as_uid": ("the uid of the account", 7),
    "account": ("the account that asks", "bob"),
    "uid": ("the uid of the requester", 0),
    "chdir": ("whether the directory was named", True),
    "waits": ("whether the requester waits", True),
    "locale": ("the locale", [["LANG", "C"]]),
    "lets": ("what a thing lets them do", ["sudoers:x: become anybody"]),
    "service": ("the service", "sudo"),
    "reason": ("the reason", "another"),
    "requester": ("the requester", "eve@EXAMPLE.TEST"),
    "variables": ("the variables", []),
    "streams": ("the streams", ["terminal"]),
    "options": ("the options", ["--login"]),
    "doubt": ("the doubt about the command", "none"),
    "gives": ("what is given", ["sudoers:x"]),
    "stays": ("whether it stays", True),
    "brought": ("what was brought", "another key"),
    "breaks_glass": ("that glass is broken", True),
    "fingerprint": ("the fingerprint", "00" * 32),
    "timeout_for": ("the terms", 10),
    "lasts_for": ("the terms", 10),
    "uses": ("the terms", 1),
    "starts_at": ("the start", "2026-03-02T10:00:00+00:00"),
    "rule": ("the rule", "another"),
    "expires_at": ("the time of its end", "2026-03-02T10:00:00+00:00"),
    "gets": ("what an approval would permit", {"uses": 1, "lasts_for": 1}),
    "id": ("the record of the submission", "ZZZZ-ZZZZ"),
    "host": ("the host", "other"),
    "extends": ("the lease that it extends", {"id": "ZZZZ-ZZZZ"}),
    "edit": ("what the file keeps", {"owner": "root:root", "mode": "0644"}),
    "edits": ("what the file keeps", [{"owner": "root:root", "mode": "0644"}] * 2),
    "makes": ("what the new file is made with", {"owner": "root:root", "mode": "0644"}),
    "removes": ("which file is removed", {"owner": "root:root", "mode": "0644"}),
    "grade": ("what the command gives", "harmless"),
    "damage": ("what the command destroys", "none"),
    "findings": ("why the command is graded so", []),
    "point": ("whence the requester came", {"stage": "auth", "remote_host": None}),
    "ticket_ends_at": ("the end of the ticket", "2026-03-02T23:00:00Z"),
    "spelled": ("the name in the ticket", "Alice@EXAMPLE.TEST"),
    "proved": ("how the requester was proved", "by local PAM"),
    "authentication": ("how the requester authenticated", {"flags": ["forwarded"]}),
    "groups": ("the groups", ["wheel"]),
    "group_ids": ("the ids of the groups", [10]),
    "used_by": ("who may be the one who asks", [{"principal": "eve@EXAMPLE.TEST", "run": ""}]),
    "narrowed": ("what its rule hides from you", True),  # the row has all of it, and the page nothing
    "realm": ("the realm that is left out", "OTHER.TEST"),
}


OF_THE_POLICY = {"approvals", "asks", "gatekeepers", "writable", "terms", "break_glass"}
"""What follows from the rule and from the policy, both of which the statement names."""
OF_THE_READER = {"mine", "own", "may_review", "barred", "awaits_me", "lacks", "keys", "signed"}
TEXTS = {"scripts", "operands", "interpreters"}
"""Their paths and digests are compared, and the rest of them is the word of the host."""
BOUND = {
    rows.Edit: {"owner", "mode", "mounted", "covered", "undoes", "changed"},
    rows.NewFile: {"owner", "mode", "undoes"},
    rows.Removal: {"owner", "mode", "undoes", "mounted", "covered"},
    rows.Operand: {"argument", "path", "digest"},
    rows.Interpreter: {"path", "digest"},
    rows.Script: {"argument", "path", "text", "before", "recorded"},
    rows.Point: {"stage", "remote_host", "authenticated"},
    rows.User: {"principal", "run"},
    rows.Finding: {"grade", "damage", "what", "path", "matters"},
    rows.Gets: {"uses", "lasts_for"},
    rows.Lease: {"id"},
}
ALONE = {rows.Operand: {"because"}, rows.Interpreter: {"because"}, rows.Script: {"last", "told", "bound"}}
ALONE |= {rows.Lease: {"state", "uses", "left", "ends_at"}}


def test_each_part_of_a_page_is_bound_or_follows_from_the_policy_or_is_named_as_the_word_of_the_host() -> None:
    """THREATS A-30. A new member of a row has to be one of these."""
    alone = {name for _, names, _ in HOSTS_WORD for name in names}
    bound = LIES.keys() | TEXTS
    assert bound & alone == TEXTS | {"extends"}, "what is bound in part"
    assert not OF_THE_POLICY & (bound | alone) and not OF_THE_READER & (bound | alone)
    assert set(rows.Request.members) == bound | alone | OF_THE_POLICY | OF_THE_READER
    for kind, members in BOUND.items():
        assert set(kind.members) == members | ALONE.get(kind, set()), kind


TOLD = {
    "reviews": [{"by": "carol@EXAMPLE.TEST"}],
    "passed": [{"name": "opa"}],
    "notices": [{"channel": "mail"}],
    "asking_at": "2026-03-02T09:00:00Z",
    "last_approved": {"id": "AAAA-0001"},
    "scripts": [{"path": "/x", "last": {"id": "AAAA-0001"}}],
    "alike": ["AAAA-0001"],
    "extends": {"id": "AAAA-0001"},
    "operands": [{"path": "/x"}],
    "interpreters": [{"path": "/x"}],
    "facts": [["fact.origin", "local"]],
}


def test_what_the_host_alone_says_is_named_on_the_page_of_who_can_sign() -> None:
    """THREATS A-30."""

    def named(**more: Any) -> set[str]:
        row = rows.Request.read(row_for(waiting("true")) | {"keys": ["SHA256:x"]} | more)
        ((label, text),) = not_signed(row)
        flat = " ".join(" ".join("\n".join(without_styles(made(row, None))).split()) for made in (page, brief))
        assert label == "not signed" and flat.count(text) == 2
        return set(text.partition(": ")[2].split("; "))

    always = {words for words, names, _ in HOSTS_WORD if not TOLD.keys() & names}
    always |= {"what was approved before"}  # the page says "new" where nothing was
    assert named() == always and list(not_signed(rows.Request.read(row_for(waiting("true"))))) == []
    for name, value in TOLD.items():
        assert named(**{name: value}) - always == {words for words, names, _ in HOSTS_WORD if name in names} - always


@pytest.mark.parametrize("name", LIES)
def test_a_page_that_shows_something_else_is_a_difference(house: House, name: str) -> None:
    """THREATS A-30."""
    part, lie = LIES[name]
    house.decider.findings = Findings(Said(lambda command, look, requester: (REMOVES,)))

    async def scene() -> None:
        made = await house.submitted()
        told, row = await house.basis(BOB, made.id), await house.shown(BOB, made.id)
        assert row.came.get(name) != lie and fits(rows.Request.read({**row.came, name: lie}), told) == part

    house.run(scene())


@pytest.mark.parametrize(
    ("asked", "more"),
    [
        ({}, {"uses": 5}),
        ({"uses": 2}, {"uses": 3}),
        ({"lasts_for": 60}, {"lasts_for": 61}),
        ({"timeout_for": 9}, {"timeout_for": 10}),
        ({"timeout_for": 9}, {"timeout_for": None}),
    ],
)
def test_no_approval_permits_more_than_the_page_says_that_was_asked_for(
    house: House, asked: dict[str, int], more: dict[str, int | None]
) -> None:
    """THREATS A-30. Of one run, the page says once, and not what the host makes of it in the row and in the statement."""

    async def scene() -> None:
        made = await house.submitted(**asked)
        (said, before, line), row = await house.basis(BOB, made.id), await house.shown(BOB, made.id)
        assert fits(row, (said, before, line)) == ""
        terms = said.terms._replace(**more)  # type: ignore[arg-type]
        gets = {"gets": {"uses": terms.uses, "lasts_for": terms.lasts_for}}
        lie = rows.Request.read(row.came | gets | {"terms": row.came["terms"] | {"timeout_for": terms.timeout_for}})
        assert fits(lie, (said._replace(terms=terms), before, line)) == as_recorded.MORE
        assert fits(row, (said._replace(terms=terms), before, line)) == as_recorded.MORE

    house.run(scene())


OPERAND = Operand(1, b"/srv/x", b"d" * 32, "it belongs to uid 4001", is_seen=True, is_told=True)
INTERPRETER = Interpreter(b"/srv/sh", b"d" * 32, "it belongs to uid 4001", is_told=True)


def recorded(made: Request) -> dict[str, Any]:
    """The detail of the record of the submission, with its values."""
    return {name: getattr(part, "content", part) for name, part in submit(made).detail().items()}


def test_a_file_that_the_requester_cannot_see_is_not_in_the_record_and_is_named_as_the_word_of_the_host() -> None:
    """THREATS A-30, S-11. Each other one has to be on the page, with its digest."""
    secret, sealed = replace(OPERAND, path=b"/secret/y", is_seen=False), replace(OPERAND, path=b"/srv/z", is_told=False)
    hidden = replace(INTERPRETER, path=b"/secret/sh", is_told=False)
    what = command("sh", operands=(OPERAND, secret, sealed), interpreters=(INTERPRETER, hidden))
    made = replace(waiting("true"), command=what)
    detail = recorded(made)
    assert detail["operands"] == [[1, "/srv/x", (b"d" * 32).hex()], [1, "/srv/z", ""]]
    assert detail["interpreters"] == [["/srv/sh", (b"d" * 32).hex()]]
    came = row_for(made)
    line: Any = SimpleNamespace(values=(), sealed=json.dumps({"detail": {name: detail[name] for name in TEXTS & detail.keys()}}))

    def wrong(**lies: Any) -> list[str]:
        row = rows.Request.read(came | lies)
        return [name for name, _, fits in as_recorded._FITS if name in TEXTS and not fits(detail[name], row)]

    assert wrong() == []
    assert as_recorded.unrecorded(rows.Request.read(came), line) == ("/secret/y", "/srv/z", "/secret/sh")
    for name in ("operands", "interpreters"):
        first, *others = came[name]
        for lie in ([], others, [first | {"path": "/other"}, *others], [first | {"digest": "00" * 32}, *others]):
            assert wrong(**{name: lie}) == [name], lie
    twice = [came["operands"][0] | {"digest": sha256(b"other").hexdigest()}, *came["operands"]]
    row = rows.Request.read(came | {"operands": twice, "scripts": [{"argument": 1, "path": "/srv/x", "text": "other"}]})
    assert not as_recorded._is_text_of(row.scripts[0], row, detail), "the digest that was recorded counts"


EDIT_ROW = {"owner": "root:root", "mode": "0644"}
KEPT = replace(
    Edit(1, 2, 0, 0, 0o644, b"b" * 32, b"a" * 32, owner="root:root", mounted="nginx (4711)", is_told=True, base=b"c" * 32),
    covered="web (12)",
)


@pytest.mark.parametrize(
    "what",
    [
        {"edit": KEPT},
        {"edits": (KEPT, replace(KEPT, mode=0o600, mounted="", covered="", base=b""))},
        {
            "removes": Removal(
                1, 2, 0, 4, 0o640, b"b" * 32, "0000-0000", owner="root:adm", mounted="nginx (4711)", covered="web (12)"
            )
        },
    ],
    ids=lambda what: next(iter(what)),
)
def test_what_an_edited_file_keeps_and_who_holds_it_is_compared(what: Any) -> None:
    """THREATS A-30."""
    (name,) = what
    paths = ["/etc/a", "/etc/b"] if name == "edits" else ["/etc/a"]
    made = replace(waiting("true"), command=command("sudoedit", *paths, path=SUDOEDIT, **what))
    detail, came = recorded(made), row_for(made)

    def wrong(file: Any) -> set[str]:
        row = rows.Request.read(came | {name: [file, came[name][1]] if name == "edits" else file})
        compared = {one for one, _, told, seen in as_recorded._COMPARED if told(detail.get(one)) != seen(row)}
        fitted = {one for one, _, fits in as_recorded._FITS if one == "changed" and not fits(detail.get(one), row)}
        return (compared | fitted) & {"keeps", "mounted", "covered", "changed", "removes"}

    file, kept = came[name][0] if name == "edits" else came[name], "removes" if name == "removes" else "keeps"
    assert wrong(file) == set()
    assert wrong(file | {"owner": "bob:bob"}) == wrong(file | {"mode": "4755"}) == {kept}
    assert wrong(file | {"mounted": ""}) == wrong(file | {"mounted": "cat (1)"}) == {"mounted"}
    assert wrong(file | {"covered": ""}) == wrong(file | {"covered": "cat (1)"}) == {"covered"}
    assert name == "removes" or wrong(file | {"changed": False}) == {"changed"}


A_KEY = "ssh-certificate:deploy"
EVIL = {"path": "/usr/bin/rm", "digest": "ab" * 32, "variables": [["LD_PRELOAD", "/tmp/x"]], "options": ["--login"]}
EVIL |= {"operands": [{"argument": 1, "path": "/x"}], "interpreters": [{"path": "/x"}], "locale": [["LANG", "C"]]}
GIVEN = {"brought": "SHA256:x", "lets": [f"{A_KEY}: log in"], "stays": True}
WRITTEN = {"edit": EDIT_ROW, "makes": EDIT_ROW, "edits": [EDIT_ROW] * 2, "removes": EDIT_ROW | {"undoes": "AAAA-0001"}}


@pytest.mark.parametrize(
    ("what", "lies"),
    [
        (command("true"), GIVEN),
        (command("true", doubt="it may be anything", path=b""), GIVEN | WRITTEN),
        (
            thing(A_KEY, lets=(f"{A_KEY}: log in",), stays=True),
            EVIL | WRITTEN | {"argv": ["/usr/bin/rm"], "run_as_uid": 0, "lets": ["sudoers:x: become anybody"]},
        ),
        *(
            (
                command("sudoedit", *paths, path=SUDOEDIT, digest=b"", **{name: one}),
                EVIL
                | GIVEN
                | {"argv": ["/usr/bin/rm", *paths]}
                | ({} if paths[1:] else {"argv": ["sudoedit", *paths, "/etc/b"]}),
            )
            for name, one, *paths in (
                ("edit", KEPT, "/etc/a"),
                ("makes", NewFile(1, 2, 0, 4, 0o640, bytes(32), owner="root:adm"), "/etc/a"),
                ("removes", Removal(1, 2, 0, 4, 0o640, bytes(32), "AAAA-0001", owner="root:adm"), "/etc/a"),
                ("edits", (KEPT, KEPT), "/etc/a", "/etc/b"),
            )
        ),
    ],
    ids=lambda what: type(what).__name__,
)
def test_what_the_page_of_such_a_request_does_not_show_is_nothing(what: Any, lies: dict[str, Any]) -> None:
    """THREATS A-30. The page of an edit names its file. Its record could say that a program removes it."""
    came = row_for(replace(waiting("true"), command=what))
    assert as_recorded._is_all_shown(rows.Request.read(came))
    for name, lie in lies.items():
        assert not as_recorded._is_all_shown(rows.Request.read(came | {name: lie})), name


def test_that_a_file_was_changed_is_recorded_for_who_can_read_it_alone() -> None:
    """THREATS R-30."""
    made = replace(waiting("true"), command=command("sudoedit", "/a", path=SUDOEDIT, edit=replace(KEPT, is_told=False)))
    assert "changed" not in recorded(made) and row_for(made)["edit"]["changed"]


OLD, NEW = (hashlib.sha256(text).hexdigest() for text in (b"a\\\n", b"b\n"))
EDIT = {"edit": {"owner": "root:root", "mode": "0644"}}


@pytest.mark.parametrize(
    ("more", "script", "detail", "fits"),
    [
        (EDIT, {"text": "b\\x0a", "before": "a\\\\\\x0a"}, {"text_before": OLD, "text_after": NEW}, True),
        (EDIT, {"text": "a\\\\\\x0a", "before": "a\\\\\\x0a"}, {"text_before": OLD, "text_after": NEW}, False),
        (EDIT, {"text": "b\\x0a", "before": "b\\x0a"}, {"text_before": OLD, "text_after": NEW}, False),
        (EDIT, {"text": "b\\x0a", "before": "x"}, {"text_after": NEW}, True),  # its requester cannot read the file
        (EDIT, {"text": "b\\x0a", "before": "x", "recorded": True}, {"text_after": NEW}, False),  # lines are left out by it
        (EDIT, {}, {"text_after": NEW}, False),
        ({"digest": NEW}, {"argument": 0, "text": "b\\x0a"}, {}, True),
        ({"digest": NEW}, {"argument": 0, "text": "c"}, {}, False),
        ({"operands": [{"argument": 1, "path": "/x", "digest": NEW}]}, {"argument": 1, "text": "c"}, {}, False),
        (
            {"operands": [{"argument": 1, "path": "/x", "digest": ""}]},
            {"argument": 1, "text": "c", "bound": "not bound: x"},
            {},
            True,
        ),
        ({}, {"argument": 1, "text": "c", "bound": "only root can change it"}, {}, True),
        ({}, {"argument": 1, "text": "c", "bound": "NOT BOUND: it can be changed after the approval: x"}, {}, True),
        ({}, {"argument": 1, "text": "c", "bound": "a masked word names this file"}, {}, True),
        ({}, {"argument": 1, "text": "c", "bound": "compared until the command starts"}, {}, False),
        ({}, {"argument": 0, "text": "c", "bound": "what runs is exactly this text"}, {}, False),
        ({}, {"argument": 0, "text": "c", "bound": "not bound: sudo opens it by its name"}, {}, True),
        (  # the record has a digest of another file of this argument
            {"operands": [{"argument": 1, "path": "/y", "digest": NEW}]},
            {"argument": 1, "text": "c", "bound": "compared until the command starts"},
            {},
            False,
        ),
    ],
)
def test_a_text_that_is_shown_has_the_digest_that_the_record_has(
    more: dict[str, Any], script: dict[str, Any], detail: dict[str, Any], fits: bool
) -> None:
    """THREATS A-30."""
    row = rows.Request.read({**more, "scripts": [{"path": "/x", **script}]})
    assert as_recorded._is_text_of(row.scripts[0], row, detail) is fits


def test_an_edit_that_is_shown_without_its_text_is_a_difference(house: House) -> None:
    async def scene() -> None:
        made = await house.submitted()
        told, row = await house.basis(BOB, made.id), await house.shown(BOB, made.id)
        said, before, line = told
        what = as_recorded._recorded(line, before, said.submitted, SUBMITTED, made.id)
        assert not isinstance(what, str)
        for texts, part in (([], ["the new text"]), ([{"argument": 1, "path": "/x", "text": "b"}], [])):
            lie = rows.Request.read({**row.came, **EDIT, "scripts": texts})
            parts = as_recorded._parts(lie, *what, said, "db1.example.test", BOB.principal)
            beside = "what the page of such a request does not show"
            assert [one for one, fits in parts if not fits] == ["what the file keeps", *part, beside, as_recorded.UNNAMED]

    house.run(scene())


def test_what_is_recorded_and_cannot_be_compared_is_a_difference(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS A-30. A later jitd may record more of a request."""
    detail = Submitted.detail

    async def scene() -> None:
        monkeypatch.setattr(Submitted, "detail", lambda event: {**detail(event), "more": 1})
        made = await house.submitted()
        assert fits(await house.shown(BOB, made.id), await house.basis(BOB, made.id)).startswith("more, which")

    house.run(scene())


REMOVES = Finding(Grade.GIVES, "removes \udcff\\", "/srv", "it has\nall", Damage.DESTROYS)
OPENS = Finding(Grade.READS, "opens a file")
OF_REMOVES, OF_OPENS = (row.written() for row in finding_rows(map(_stored, (REMOVES, OPENS))))


@pytest.mark.parametrize(
    ("shown", "part"),
    [
        ({}, ""),
        ({"findings": [OF_OPENS, OF_REMOVES, {**OF_OPENS, "what": "more"}]}, ""),
        ({"findings": []}, "why the command is graded so"),
        ({"findings": [OF_REMOVES]}, "why the command is graded so"),
        *(
            ({"findings": [{**OF_REMOVES, name: lie}, OF_OPENS]}, "why the command is graded so")
            for name, lie in {"grade": "harmless", "damage": "stops", "what": "reads", "path": "/tmp", "matters": ""}.items()
        ),
        ({"grade": "harmless"}, "what the command gives"),
        ({"grade": "reads"}, "what the command gives"),
        ({"grade": None}, ""),  # the page says: expect the worst
        ({"damage": "none"}, "what the command destroys"),
        ({"damage": None}, ""),
    ],
)
def test_what_a_command_gives_is_shown_with_each_reason_that_was_recorded(house: House, shown: dict[str, Any], part: str) -> None:
    """THREATS A-30. What jitd sees when it looks again may be added."""
    house.decider.findings = Findings(Said(lambda command, look, requester: (REMOVES, OPENS)))

    async def scene() -> None:
        made = await house.submitted()
        told, row = await house.basis(BOB, made.id), await house.shown(BOB, made.id)
        lie = rows.Request.read({**row.came, **shown})
        assert fits(lie, told) == part
        assert [one.what for one in found_since(lie, told[2])] == (["more"] if len(lie.findings) == 3 else []) or part

    house.run(scene())


def test_what_the_host_says_beyond_its_record_is_named_before_anything_is_signed(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    """THREATS A-30."""
    house.decider.findings = Findings(Said(lambda command, look, requester: (OPENS,)))

    async def scene() -> None:
        made = await house.submitted()
        told, row = [one async for one in house.receipts.basis(BOB, made.id, "approve")], await house.shown(BOB, made.id)
        welcome = SimpleNamespace(host="db1.example.test", principal=BOB.principal)
        daemon: Any = SimpleNamespace(ask=lambda message: told, welcome=welcome, ticket_of=BOB.principal)
        for more, said in (([], ""), ([OF_REMOVES], "removes")):
            shown = rows.Request.read({**row.came, "findings": [*row.came["findings"], *more]})
            assert signing._statement(daemon, shown, "approve") is not None
            err = " ".join(capsys.readouterr().err.split())
            assert ("as db1.example.test says now, and did not record" in err and said in err) is bool(more), err

    house.run(scene())


def test_a_host_that_calls_its_reader_one_of_another_realm_gets_nothing_signed(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    """THREATS A-30. The page leaves out the realm of its reader, also where it is that of the requester."""

    async def scene() -> None:
        made = await Client(house, proved("alice")).submit(waits=False, argv=COMMAND)
        told, row = [one async for one in house.receipts.basis(BOB, made.id, "approve")], await house.shown(BOB, made.id)
        assert "alice asks for root" in without_styles(brief(row, None))[0]
        welcome = SimpleNamespace(host="db1.example.test", principal=BOB.principal)
        for ticket, is_signed in ((BOB.principal, True), ("Bob@EXAMPLE.TEST", True), ("", True), ("bob@CORP.TEST", False)):
            daemon: Any = SimpleNamespace(ask=lambda message: told, welcome=welcome, ticket_of=ticket)
            with nullcontext() if is_signed else pytest.raises(NotDone, match="your realm, which the page leaves out"):
                assert signing._statement(daemon, row, "approve") is not None
            err = " ".join(capsys.readouterr().err.split())
            assert (f"that you are {BOB.principal}, of whom you have shown no ticket" in err) is (ticket == ""), err

    house.run(scene())


def test_a_record_without_a_time_is_one_that_cannot_be_read(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS A-30. Else the client would end by a fault of its own."""

    async def scene() -> None:
        made = await Client(house, proved("alice")).submit(waits=False, argv=COMMAND)
        told, row = [one async for one in house.receipts.basis(BOB, made.id, "approve")], await house.shown(BOB, made.id)
        welcome = SimpleNamespace(host="db1.example.test", principal=BOB.principal)
        daemon: Any = SimpleNamespace(ask=lambda message: told, welcome=welcome, ticket_of=BOB.principal)
        for at in ("yesterday", "2026-03-02T00:00:00"):  # neither a time, nor one of a zone
            monkeypatch.setattr(signing, "aged", lambda row, line, at=at: aged(row, dated(line, at)))
            with pytest.raises(NotDone, match="something that cannot be read"):
                signing._statement(daemon, row, "approve")

    house.run(scene())


def dated(line: Record, at: str) -> Record:
    return replace(line, sealed=canonical({**json.loads(line.sealed), "at": at}))


def test_a_ticket_that_is_shown_younger_than_the_record_has_it_is_named_before_anything_is_signed(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    """THREATS A-30. The page has the age, and the record two times."""

    async def scene() -> None:
        made = await Client(house, proved("alice")).submit(waits=False, argv=COMMAND)
        told, row = [one async for one in house.receipts.basis(BOB, made.id, "approve")], await house.shown(BOB, made.id)
        assert row.authentication is not None and row.authentication.age is not None
        welcome = SimpleNamespace(host="db1.example.test", principal=BOB.principal)
        daemon: Any = SimpleNamespace(ask=lambda message: told, welcome=welcome, ticket_of=BOB.principal)
        for age in (row.authentication.age, row.authentication.age - 3600):
            lie = rows.Request.read({**row.came, "authentication": row.came["authentication"] | {"age": age}})
            assert signing._statement(daemon, lie, "approve") is not None
            err = " ".join(capsys.readouterr().err.split())
            assert ("that the ticket was" in err and "by the record it was" in err) is (lie != row), err

    house.run(scene())


def test_findings_that_are_told_beside_the_record_and_not_in_it_are_no_recorded_ones(house: House) -> None:
    """THREATS A-30. A commitment that the record does not name commits to nothing."""
    house.decider.findings = Findings(Said(lambda command, look, requester: (OPENS,)))

    async def scene() -> None:
        made = await house.submitted()
        (said, before, line), row = await house.basis(BOB, made.id), await house.shown(BOB, made.id)
        more = [*row.came["findings"], OF_REMOVES]
        beside = forms.Said(commitment("findings", bytes(32), canonical(more)), "findings", bytes(32), more)
        lie = rows.Request.read({**row.came, "findings": more})
        told = replace(line, values=(beside, *line.values))
        assert fits(lie, (said, before, told)) == ""
        assert [one.what for one in found_since(lie, told)] == [shown(REMOVES.what)]

    house.run(scene())


def test_a_text_that_the_record_does_not_have_is_named_before_anything_is_signed() -> None:
    """THREATS A-30. The host could call lines the same that are new."""
    edit = Edit(1, 2, 0, 0, 0o644, sha256(b"a\n").digest(), sha256(b"b\n").digest(), owner="root:root")
    text = {"argument": 0, "path": "/etc/x", "text": shown(b"b\n"), "before": shown(b"b\n")}
    for is_told, told_as in ((False, ("/etc/x",)), (True, ())):
        made = replace(waiting("true"), command=command("sudoedit", "/etc/x", path=SUDOEDIT, edit=replace(edit, is_told=is_told)))
        row = rows.Request.read(row_for(made) | {"scripts": [text]})
        detail = {name: getattr(part, "content", part) for name, part in submit(made).detail().items()}
        line: Any = SimpleNamespace(
            values=(), sealed=json.dumps({"detail": {name: detail.get(name) for name in ("text_before", "text_after")}})
        )
        assert as_recorded.compared_with(row, line) == told_as
        assert as_recorded._is_text_of(row.scripts[0], row, detail) is not is_told
        assert "b" in [words for label, words in scripts(row, is_whole=True)], "the whole page leaves no text out"


def test_of_a_command_that_nobody_has_graded_nothing_good_is_shown(house: House) -> None:
    """THREATS A-30. The damage of a command with a grade is recorded if there is any."""

    async def scene() -> None:
        for found, good in ((None, "harmless"), (None, "leads"), ((), "")):
            house.decider.findings = Findings(None if found is None else Said(lambda command, look, requester: ()))
            made = await house.submitted(argv=(b"/usr/bin/env", good.encode()))
            told, row = await house.basis(BOB, made.id), await house.shown(BOB, made.id)
            assert fits(row, told) == "" and row.grade == ("" if good else "harmless")
            assert fits(rows.Request.read({**row.came, "grade": good}), told) == (good and "what the command gives")
            assert fits(rows.Request.read({**row.came, "damage": "none"}), told) == ""

    house.run(scene())


def test_a_file_of_a_masked_word_is_hidden_and_no_other_one() -> None:
    """THREATS A-30."""
    hidden = {"operands": [{"argument": 1, "path": MASKED, "digest": "", "because": ""}]}
    row = rows.Request.read(hidden)
    assert as_recorded._operands([[1, f"--key={MASKED}", ""]], row) and not as_recorded._operands([[1, "/srv/x", ""]], row)


def test_a_record_that_was_changed_or_lacks_a_value_is_a_difference(house: House) -> None:
    """THREATS A-30."""

    async def scene() -> None:
        made = await house.submitted()
        row, (said, before, line) = await house.shown(BOB, made.id), await house.basis(BOB, made.id)
        for changed in (
            replace(line, sealed=line.sealed.replace(b"jitsudo", b"jitsudO")),
            replace(line, sealed=b"", digest=bytes(32)),
            replace(line, number=line.number + 1),
            replace(line, seal=bytes(32)),
            *(replace(line, values=(*line.values[:at], *line.values[at + 1 :])) for at in range(len(line.values))),
            replace(line, values=(replace(line.values[0], salt=bytes(32)), *line.values[1:])),
        ):
            assert fits(row, (said, before, changed))
        assert fits(row, (said, b"\1" * 32, line)) == "the seal of the record"
        assert fits(row, (said._replace(approver="eve@EXAMPLE.TEST"), before, line)) == "the approver"

    house.run(scene())


def forged(told: tuple[Statement, bytes, Record], change: Any) -> tuple[Statement, bytes, Record]:
    """What a host says that has sealed another body: all seals are right."""
    said, before, line = told
    sealed = change(line.sealed)
    seal = linked(line.number, before, sha256(sealed).digest())
    return said._replace(submitted=receipt.Sealed(line.number, seal)), before, replace(line, sealed=sealed, seal=seal)


@pytest.mark.parametrize("lie", [b'"detail":{"argv":["/usr/bin/rm"]},"detail":{', b'"detail": {'])
def test_a_record_that_is_not_in_the_form_of_the_chain_is_a_difference(house: House, lie: bytes) -> None:
    """THREATS A-30. Who reads the first of two members finds another command in it."""

    async def scene() -> None:
        made = await house.submitted()
        told, row = await house.basis(BOB, made.id), await house.shown(BOB, made.id)
        assert fits(row, forged(told, bytes)) == ""
        assert fits(row, forged(told, lambda body: body.replace(b'"detail":{', lie, 1))) == "the record of the submission"

    house.run(scene())


@pytest.mark.parametrize(
    ("recorded", "shown", "part"),
    [
        ({"waits": 0}, {"waits": True}, "whether the requester waits"),
        ({"chdir": "no"}, {"chdir": True}, "whether the directory was named"),
        ({"stays": "no"}, {"stays": True}, "whether it stays"),
        ({"break_glass": "no"}, {"breaks_glass": True}, "that glass is broken"),
        ({"account": None}, {"account": "None"}, "the account that asks"),
        ({"service": None}, {"service": "None"}, "the service"),
        ({"reason": ["remove all"]}, {"reason": MASKED}, "the reason"),
        ({"groups": "wheel"}, {"groups": []}, "the groups"),
        ({"groups": "wheel"}, {"groups": ["e", "e", "h", "l", "w"]}, "the groups"),
        ({"streams": "ab"}, {"streams": ["a", "b"]}, "the streams"),
        ({"makes": "/etc/x"}, {}, "what the new file is made with"),
        ({"removes": "/etc/x"}, {}, "which file is removed"),
    ],
)
def test_a_word_of_another_kind_in_the_record_is_a_difference(
    house: House, recorded: dict[str, Any], shown: dict[str, Any], part: str
) -> None:
    """THREATS A-30."""

    def change(body: bytes) -> bytes:
        content = json.loads(body)
        detail = {name: one for name, one in (content["detail"] | recorded).items() if one is not None}
        return canonical(content | {"detail": detail})

    async def scene() -> None:
        made = await house.submitted()
        told, row = await house.basis(BOB, made.id), await house.shown(BOB, made.id)
        assert fits(row, forged(told, lambda body: canonical(json.loads(body)))) == ""
        assert fits(rows.Request.read({**row.came, **shown}), forged(told, change)) == part

    house.run(scene())


def test_only_who_may_approve_is_told_what_to_sign(house: House) -> None:
    async def scene() -> None:
        made = await house.submitted()
        for who in (ALICE, proved("eve")):
            for verdict in ("approve", "deny"):
                with pytest.raises(Refusal):
                    await house.basis(who, made.id, verdict)
        with pytest.raises(Refusal, match="approve, deny, reviewed and unlock"):
            await house.basis(BOB, made.id, "denied")

    house.run(scene())


# --- what is taken -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", Verdict)
def test_a_receipt_stands_in_the_request_and_in_the_record_and_ssh_keygen_takes_it(
    house: House, keys: dict[str, Path], verdict: Verdict
) -> None:
    key = ssh_keys.public(keys["ed25519"])

    async def scene() -> None:
        house.lists_keys((BOB, key))
        made = await house.submitted()
        signed = await house.signed(BOB, made.id, keys["ed25519"], verdict=verdict)
        assert f"is {REVIEWED[verdict]}" in await house.reviewed(BOB, made.id, signed, verdict)
        (review,) = house.found(made.id).reviews
        assert review.receipt is not None and review.receipt.key == key.fingerprint and review.receipt.proves == "key"
        bodies = (json.loads(body) for _, body, _ in house.store.records(0))
        (told,) = (one["detail"]["receipt"] for one in bodies if one["event"] == "request.reviewed")
        assert told == review.receipt.detail()
        signers = house.allowed.read_text("ascii")
        words = BOB.principal, receipt.NAMESPACE, told["statement"].encode("ascii"), told["signature"]
        assert ssh_keys.verifies(house.path, signers, *words)

    house.run(scene())
    assert_found(house, "request.reviewed", "")


def test_without_a_demand_an_approval_needs_no_receipt(house: House) -> None:
    async def scene() -> None:
        made = await house.submitted()
        assert "is approved" in await house.approved(BOB, made.id, None)
        assert house.found(made.id).reviews[0].receipt is None

    house.run(scene())


WRONG = {
    "verdict": "reviewed",
    "host": "db2.example.test",
    "id": "ZZZZ-ZZZZ",
    "requester": "eve@EXAMPLE.TEST",
    "approver": "carol@EXAMPLE.TEST",
    "rule": "q",
    "policy": bytes(32),
    "expires": "2026-03-02T10:00:00Z",
    "terms": receipt.Terms(1, 1),
    "submitted": receipt.Sealed(1, bytes(32)),
    "newest": receipt.Sealed(2, bytes(32)),
}


@pytest.mark.parametrize("field", WRONG)
def test_a_statement_about_anything_else_is_refused(house: House, keys: dict[str, Path], field: str) -> None:
    """THREATS A-30."""

    async def scene() -> None:
        house.lists_keys((BOB, ssh_keys.public(keys["ed25519"])))
        made = await house.submitted()
        signed = await house.signed(BOB, made.id, keys["ed25519"], **{field: WRONG[field]})
        await house.refuses(BOB, made.id, signed, "is not what you have signed|is not about")

    house.run(scene())


@pytest.mark.parametrize("field", ["submitted", "newest"])
def test_a_number_that_no_record_can_have_is_refused_before_it_is_looked_for(
    house: House, keys: dict[str, Path], field: str
) -> None:
    """The database takes 63 bits, and its fault would be that of jitd."""

    async def scene() -> None:
        house.lists_keys((BOB, ssh_keys.public(keys["ed25519"])))
        made = await house.submitted()
        good = await house.signed(BOB, made.id, keys["ed25519"])
        text = re.sub(rf"\n{field} [0-9]+ ", f"\n{field} {2**63} ", good.statement)
        await house.refuses(BOB, made.id, replace(good, statement=text), f"the receipt has a wrong field {field}")

    house.run(scene())


def test_nobody_signs_what_expired_by_the_clock_of_the_host(house: House, keys: dict[str, Path]) -> None:
    """THREATS A-36. The clock was set forward, so a verification would find an approval after the end of its request."""

    async def scene() -> None:
        house.lists_keys((BOB, ssh_keys.public(keys["ed25519"])))
        made = await house.submitted()
        house.at = replace(house.at, at=house.at.at + timedelta(hours=2))
        signed = await house.signed(BOB, made.id, keys["ed25519"], at=said_at(house, 0))
        await house.refuses(BOB, made.id, signed, "expired at 2026-03-02T.*, by the clock of this host: ask for it again")

    house.run(scene())


OFFSETS = {-3600: False, -121: False, -120: True, 0: True, 120: True, 121: False, 1200: False}
"""How many seconds a time may be beside that of the host, and whether that is near enough."""


def said_at(house: House, offset: float) -> str:
    return (house.at.at + timedelta(seconds=offset)).strftime(receipt.TIME_FORMAT)


@pytest.mark.parametrize("offset", OFFSETS)
def test_the_time_that_is_signed_is_that_of_the_host(house: House, keys: dict[str, Path], offset: int) -> None:
    """THREATS A-35."""

    async def scene() -> None:
        house.lists_keys((BOB, ssh_keys.public(keys["ed25519"])))
        made = await house.submitted()
        signed = await house.signed(BOB, made.id, keys["ed25519"], at=said_at(house, offset))
        if OFFSETS[offset]:
            assert "is approved" in await house.approved(BOB, made.id, signed)
        else:
            await house.refuses(BOB, made.id, signed, "is not the time of this host, which is ")

    house.run(scene())


@pytest.mark.parametrize("by", [-3600, 3600])
def test_a_clock_that_was_set_since_the_request_was_made_keeps_nobody_from_signing(
    house: House, keys: dict[str, Path], by: int
) -> None:
    """THREATS A-35. The record of the request has the time of before."""

    async def scene() -> None:
        house.lists_keys((BOB, ssh_keys.public(keys["ed25519"])))
        house.rules(expires_for=7200)
        made = await house.submitted()
        house.at = replace(house.at, at=house.at.at + timedelta(seconds=by))
        for offset in (min(by, 0) - by - 121, max(by, 0) - by + 121):
            signed = await house.signed(BOB, made.id, keys["ed25519"], at=said_at(house, offset))
            await house.refuses(BOB, made.id, signed, "is not the time of this host")
        signed = await house.signed(BOB, made.id, keys["ed25519"], at=said_at(house, 0))
        assert "is approved" in await house.approved(BOB, made.id, signed)

    house.run(scene())
    found = findings(house.store)
    assert found == []


def test_what_the_daemon_tells_to_sign_has_the_time_of_the_host(house: House, keys: dict[str, Path]) -> None:
    """THREATS A-35."""

    async def scene() -> None:
        made = await house.submitted()
        assert (await house.basis(BOB, made.id))[0].at == said_at(house, 0)
        on = Locking(house, keys["ed25519"])
        _, (first, *_) = await on.told()
        assert receipt.read_unlock(first.statement).at == said_at(house, 0)

    house.run(scene())


@pytest.mark.parametrize("option", ['valid-before="{}Z"', 'valid-after="{}Z"'])
def test_a_key_counts_at_the_time_that_is_signed_too(house: House, keys: dict[str, Path], option: str) -> None:
    """THREATS A-35. Otherwise the check of ssh-keygen, which is of that time, says of a good approval that it is none."""

    async def scene() -> None:
        made = await house.submitted()
        offset = 60 if "before" in option else -60
        until = (house.at.at + timedelta(seconds=offset / 2)).strftime("%Y%m%d%H%M%S")
        house.lists_keys((BOB, ssh_keys.public(keys["ed25519"])), options=option.format(until))
        signed = await house.signed(BOB, made.id, keys["ed25519"], at=said_at(house, offset))
        await house.refuses(BOB, made.id, signed, "does not count for bob@EXAMPLE.TEST on this host at 2026-03-02T")
        signed = await house.signed(BOB, made.id, keys["ed25519"], at=said_at(house, 0))
        assert "is approved" in await house.approved(BOB, made.id, signed)

    house.run(scene())


@pytest.mark.parametrize(
    ("ahead", "says"),
    [
        (0, ""),
        (59, ""),
        (-59, ""),
        (1200, "your clock is 20 min ahead of that of db1.example.test: what you sign has the time there, 2026-03-02 09:00:0"),
        (-7200, "your clock is 2 h behind that of db1.example.test: what you sign has the time there, 2026-03-02 09:00:0"),
        (86400 * 400, "your clock is 400 days ahead of that of db1.example.test"),
    ],
)
def test_who_has_a_wrong_clock_is_told_and_signs_the_time_of_the_host(
    house: House,
    keys: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    ahead: int,
    says: str,
) -> None:
    """THREATS A-35."""
    own = house.at.at + timedelta(seconds=ahead)
    monkeypatch.setattr(signing, "datetime", SimpleNamespace(now=lambda zone: own))

    async def scene() -> None:
        house.lists_keys((BOB, ssh_keys.public(keys["ed25519"])))
        made = await house.submitted()
        told, row = [one async for one in house.receipts.basis(BOB, made.id, "approve")], await house.shown(BOB, made.id)
        welcome = SimpleNamespace(host="db1.example.test", principal=BOB.principal)
        daemon: Any = SimpleNamespace(ask=lambda message: told, welcome=welcome, ticket_of=BOB.principal)
        text = signing._statement(daemon, row, "approve")
        assert text is not None
        assert receipt.read(text).at == said_at(house, 0 if says else ahead)
        err = " ".join(capsys.readouterr().err.split())
        assert says in err and ("clock" in err) is bool(says), err
        signature = ssh_keys.sign(keys["ed25519"], receipt.NAMESPACE, text.encode("ascii"))
        assert "is approved" in await house.approved(BOB, made.id, Signed(text, signature))

    house.run(scene())


def test_a_record_of_another_request_is_none_of_this_one(house: House, keys: dict[str, Path]) -> None:
    """THREATS A-30."""

    async def scene() -> None:
        house.lists_keys((BOB, ssh_keys.public(keys["ed25519"])))
        made, other = await house.submitted(), await house.submitted(argv=(b"/usr/bin/env", b"other"))
        theirs, _, _ = await house.basis(BOB, other.id)
        for changes in ({"submitted": theirs.submitted}, {"newest": theirs.newest}, {"newest": theirs.submitted}):
            signed = await house.signed(BOB, made.id, keys["ed25519"], **changes)
            await house.refuses(BOB, made.id, signed, "is not about")

    house.run(scene())


def test_a_signature_that_is_none_of_this_person_is_refused(house: House, keys: dict[str, Path]) -> None:
    """THREATS A-31."""

    async def scene() -> None:
        house.lists_keys((BOB, ssh_keys.public(keys["ed25519"])), (CAROL, ssh_keys.public(keys["ecdsa-256"])))
        made = await house.submitted()
        good = await house.signed(BOB, made.id, keys["ed25519"])
        other = await house.signed(BOB, made.id, keys["ecdsa-256"])
        text = good.statement.encode("ascii")
        for signed in (
            replace(good, signature=other.signature),
            replace(good, statement=other.statement),
            replace(good, signature=good.signature[:-40]),
            replace(good, signature=ssh_keys.sign(keys["ed25519"], "file", text)),
            replace(good, signature=ssh_keys.sign(keys["ed25519"], receipt.NAMESPACE, text, "sha512")),
            other,
        ):
            await house.refuses(BOB, made.id, signed, "the signature ")
        await house.refuses(BOB, made.id, replace(good, statement=good.statement + "\n"), "the receipt ")
        assert "is approved" in await house.approved(BOB, made.id, good)

    house.run(scene())


def test_a_change_of_the_rules_since_makes_it_another_approval_and_the_review_of_another_does_not(
    house: House, keys: dict[str, Path]
) -> None:
    """THREATS A-30."""

    async def scene() -> None:
        house.lists_keys((BOB, ssh_keys.public(keys["ed25519"])))
        house.demands("", need=2)
        made = await house.submitted()
        signed = await house.signed(BOB, made.id, keys["ed25519"])
        house.digest = OTHER_DIGEST
        await house.refuses(BOB, made.id, signed, "is not what you have signed any more")
        house.digest = DIGEST
        house.rules(approvals=(Approval(2, ("group:ops",)),), lasts_for=7)
        await house.refuses(BOB, made.id, signed, "is not what you have signed any more")
        house.demands("", need=2)
        assert "more are needed" in await house.approved(CAROL, made.id, None)
        assert "is approved" in await house.approved(BOB, made.id, signed)

    house.run(scene())


def test_a_request_that_no_rule_permits_any_more_ends_by_a_signed_review_and_no_receipt_is_kept(
    house: House, keys: dict[str, Path]
) -> None:
    async def scene() -> None:
        house.lists_keys((BOB, ssh_keys.public(keys["ed25519"])))
        house.demands("key")
        made = await house.submitted()
        signed = await house.signed(BOB, made.id, keys["ed25519"])
        house.policy = Policy((), "permit", house.digest)
        with pytest.raises(Refusal, match="is over: "):
            await house.approved(BOB, made.id, signed)
        ended = house.found(made.id)
        assert ended.state is RequestState.DENIED and [one.receipt for one in ended.reviews] == [None]

    house.run(scene())


def test_a_statement_counts_once_and_a_key_for_one_person(house: House, keys: dict[str, Path]) -> None:
    """THREATS A-30."""

    async def scene() -> None:
        key = ssh_keys.public(keys["ed25519"])
        house.lists_keys((BOB, key))
        house.demands("", need=2)
        made = await house.submitted()
        signed = await house.signed(BOB, made.id, keys["ed25519"])
        await house.approved(BOB, made.id, signed)
        await house.refuses(BOB, made.id, signed, "was used for request")
        house.lists_keys((CAROL, key))
        theirs = await house.signed(CAROL, made.id, keys["ed25519"])
        await house.refuses(CAROL, made.id, theirs, "has signed the review of another person")

    house.run(scene())


def test_a_key_that_ends_while_the_rules_decide_approves_nothing(house: House, keys: dict[str, Path]) -> None:
    """THREATS A-31. What a provider or a KDC has to answer may take seconds."""

    async def scene() -> None:
        house.lists_keys((BOB, ssh_keys.public(keys["ed25519"])))
        house.demands("key")
        made = await house.submitted()
        signed = await house.signed(BOB, made.id, keys["ed25519"])
        decide = house.decider.decide_again

        async def meanwhile(*asked: Any) -> FreshDecision:
            house.lists_keys()
            return await decide(*asked)

        house.decider.decide_again = meanwhile  # type: ignore[method-assign, assignment]
        await house.refuses(BOB, made.id, signed, "does not count any more")
        house.decider.decide_again = decide  # type: ignore[method-assign]
        house.lists_keys((BOB, ssh_keys.public(keys["ed25519"])))
        assert "is approved" in await house.approved(BOB, made.id, signed)

    house.run(scene())


def test_a_denial_needs_no_receipt_whatever_the_host_demands_of_approvals(house: House) -> None:
    async def scene() -> None:
        house.demands("pin")
        made = await house.submitted()
        assert "is denied" in await house.reviewed(BOB, made.id, None, Verdict.DENY)

    house.run(scene())


def test_a_yes_is_no_denial_and_a_no_is_no_approval(house: House, keys: dict[str, Path]) -> None:
    """THREATS A-30."""

    async def scene() -> None:
        house.lists_keys((BOB, ssh_keys.public(keys["ed25519"])))
        made = await house.submitted()
        yes, no = [await house.signed(BOB, made.id, keys["ed25519"], verdict=verdict) for verdict in Verdict]
        await house.refuses(BOB, made.id, yes, "is not what you have signed any more", Verdict.DENY)
        await house.refuses(BOB, made.id, no, "is not what you have signed any more")
        assert "is denied" in await house.reviewed(BOB, made.id, no, Verdict.DENY)

    house.run(scene())


@pytest.mark.parametrize("field", [*WRONG, "at"])
def test_a_denial_of_anything_else_is_refused(house: House, keys: dict[str, Path], field: str) -> None:
    """THREATS A-30, A-35."""

    async def scene() -> None:
        house.lists_keys((BOB, ssh_keys.public(keys["ed25519"])))
        made = await house.submitted()
        wrong = {"verdict": "deny", field: (WRONG | {"at": said_at(house, 121)})[field]}
        signed = await house.signed(BOB, made.id, keys["ed25519"], **wrong)
        matches = "is not what you have signed|is not about|is not the time of this host"
        await house.refuses(BOB, made.id, signed, matches, Verdict.DENY)

    house.run(scene())


def test_a_denial_is_signed_once_by_a_key_that_counts(house: House, keys: dict[str, Path]) -> None:
    """THREATS A-28."""

    async def scene() -> None:
        house.lists_keys((CAROL, ssh_keys.public(keys["ed25519"])))
        made = await house.submitted()
        signed = await house.signed(BOB, made.id, keys["ed25519"], verdict="deny")
        await house.refuses(BOB, made.id, signed, "which does not count for bob@EXAMPLE.TEST", Verdict.DENY)

    house.run(scene())


def test_questions_about_what_to_sign_have_a_pace_for_each_person(house: House) -> None:
    house.receipts._pace = Pace(0.0, 1.0)

    async def scene() -> None:
        made = await house.submitted()
        await house.basis(BOB, made.id)
        with pytest.raises(Refusal, match="^too many questions about what to sign: wait a minute$"):
            await house.basis(BOB, made.id)
        await house.basis(CAROL, made.id)

    house.run(scene())


def test_what_else_was_recorded_about_a_request_is_not_read_to_tell_what_to_sign(house: House) -> None:
    """Only the submission, the record before it and the newest one are read, however many there are."""

    async def scene() -> None:
        house.demands("", need=2)
        made = await house.submitted()
        await house.approved(CAROL, made.id, None)
        read: list[int] = []
        record = SqliteStore.record

        def noted(store: SqliteStore, number: int) -> Any:
            read.append(number)
            return record(store, number)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SqliteStore, "record", noted)
            said, _, _ = await house.basis(BOB, made.id)
        assert set(read) == {said.submitted.number - 1, said.submitted.number, said.newest.number}

    house.run(scene())


# --- the lifting of a lock -----------------------------------------------------------------------------------------------------


class Locking:
    """A lock on alice, on a host that demands that its lifting is signed. dave is an operator, and has the key ``key``."""

    def __init__(self, house: House, key: Path, demands: str = "key") -> None:
        self.house, self.key = house, key
        config: Any = house.decider._config
        config.approvals = Approvals(signed=demands)
        config.host = "db1.example.test"
        self.dave = replace(proved("dave"), groups=frozenset({"security"}))
        house.lists_keys((self.dave, ssh_keys.public(key)))
        self.place("H0CK-0001")
        self.access = house.reviews._access
        nothing: Any = None
        self.locks = Locks(
            self.access, nothing, house.perform, house.store, config, house.waiters, nothing, house.now, house.receipts
        )

    def place(self, id: str, **changes: Any) -> None:
        self.house.perform.act(place(locked(id=id, **changes)))

    async def told(self, id: str = "H0CK-0001", who: Subject | None = None) -> tuple[rows.Lock, list[rows.ToSign]]:
        found = [row async for row in self.house.lists.locks(who or self.dave, ended=False)]
        basis = [
            rows.ToSign.read(json.loads(json.dumps(row)))
            async for row in self.house.receipts.basis(who or self.dave, id, "unlock")
        ]
        return next(row for row in map(rows.Lock.read, found) if row.id == id), basis

    async def signed(self, of: str = "H0CK-0001", key: Path | None = None, **changes: Any) -> Signed:
        _, (first, *_) = await self.told(of)
        said = receipt.read_unlock(first.statement)
        text = said._replace(**{"at": "2026-03-02T09:00:00Z", "random": os.urandom(16), **changes}).text()
        return Signed(text, ssh_keys.sign(key or self.key, receipt.NAMESPACE, text.encode("ascii")))

    def refuses(self, who: Subject, signed: Signed | None, matches: str, id: str = "H0CK-0001") -> None:
        before, n_before = self.house.store.lock(id), self.house.n_records
        with pytest.raises(Refusal, match=matches):
            self.locks.unlock(who, id, "over", None, signed)
        assert (self.house.store.lock(id), self.house.n_records) == (before, n_before), "a refusal changes nothing"


def test_where_everything_is_signed_a_lock_is_lifted_by_who_signs_it(house: House, keys: dict[str, Path]) -> None:
    """THREATS A-34. Root without a key of their own cannot, and neither can who names locks by the name that they are on."""

    async def scene() -> None:
        on = Locking(house, keys["ed25519"])
        for who in (on.dave, LOCAL_ROOT):
            on.refuses(who, None, "you may not unlock: this host takes only what is signed with a key")
        with pytest.raises(Refusal, match="name it by its id: jitd unlock H0CK-0001$"):
            await on.locks.unlock_all_on(on.dave, "user", "alice", "")
        with pytest.raises(Refusal, match="you may not unlock"):
            await on.locks.unlock_all_on(LOCAL_ROOT, "user", "alice", "")
        said = on.locks.unlock(on.dave, "h0ck0001", "over", None, await on.signed())
        assert said == "lock H0CK-0001 on user alice is lifted"
        told = json.loads(list(house.store.records())[-1][1])
        assert told["event"] == "lock.lifted" and told["detail"]["receipt"]["proves"] == "key"
        assert receipt.read_unlock(told["detail"]["receipt"]["statement"]).operator == on.dave.principal

    house.run(scene())


def test_where_nothing_is_demanded_a_lock_is_lifted_as_before(house: House, keys: dict[str, Path]) -> None:
    async def scene() -> None:
        on = Locking(house, keys["ed25519"], demands="")
        assert (await on.told())[0].signed == ""
        on.place("H0CK-0002", name="bob")
        on.locks.unlock(on.dave, "H0CK-0001", "")
        on.locks.unlock(LOCAL_ROOT, "H0CK-0002", "")
        assert not on.locks.active()

    house.run(scene())


def test_a_statement_about_anything_else_lifts_no_lock(house: House, keys: dict[str, Path]) -> None:
    """THREATS A-34, A-35."""

    async def scene() -> None:
        house.lists_keys((BOB, ssh_keys.public(keys["ed25519"])))
        approval = await house.signed(BOB, (await house.submitted()).id, keys["ed25519"])
        about = receipt.read(approval.statement).submitted
        on = Locking(house, keys["ed25519"])
        on.place("H0CK-0002", name="carol")
        other = receipt.read_unlock((await on.signed("H0CK-0002")).statement)
        for changes, matches in (
            ({"host": "other"}, "is not what you have signed any more"),
            ({"id": "H0CK-0002"}, "is not what you have signed any more"),
            ({"name": "carol"}, "is not what you have signed any more"),
            ({"whom": "all", "name": ""}, "is not what you have signed any more"),
            ({"operator": BOB.principal}, "is not what you have signed any more"),
            ({"policy": bytes(32)}, "is not what you have signed any more"),
            ({"placed": other.placed}, "is not about the placing of lock H0CK-0001"),
            ({"newest": other.newest}, "is not about the placing of lock H0CK-0001"),
            ({"placed": about, "newest": about}, "is not about the placing of lock H0CK-0001"),
            ({"at": said_at(house, 1200)}, "is not the time of this host, which is "),
            ({"at": said_at(house, -1200)}, "is not the time of this host, which is "),
        ):
            on.refuses(on.dave, await on.signed(**changes), matches)
        on.refuses(on.dave, approval, "^the receipt does not have the form jitd unlock receipt 1")
        signed = await on.signed()
        house.digest = OTHER_DIGEST
        on.refuses(on.dave, signed, "is not what you have signed any more")
        house.digest = DIGEST
        good = await on.signed()
        on.refuses(on.dave, replace(good, signature=signed.signature), "the signature does not fit")
        on.refuses(on.dave, await on.signed(key=keys["ecdsa-256"]), "the signature is by the key")
        house.lists_keys()
        on.refuses(on.dave, good, "you may not unlock")

    house.run(scene())


@pytest.mark.parametrize("demanded", ["key", "synced", "touch", "pin"])
@pytest.mark.parametrize("kind", ["ed25519", "ed25519-sk no-touch-required", "ed25519-sk", "passkey copied", "passkey"])
def test_what_a_host_demands_is_what_the_lifting_of_a_lock_has_to_prove(
    house: House, keys: dict[str, Path], demanded: str, kind: str
) -> None:
    """THREATS A-34."""

    async def scene() -> None:
        on = Locking(house, keys[kind])
        signed = await on.signed()
        on.access._config.approvals = Approvals(signed=demanded)
        if ORDER.index(LEVELS[kind]) >= ORDER.index(demanded):
            assert "is lifted" in on.locks.unlock(on.dave, "H0CK-0001", "", None, signed)
        else:
            on.refuses(on.dave, signed, "you may not unlock: this host takes only what is signed with a key in hardware")

    house.run(scene())


def test_the_lock_that_is_shown_is_the_one_that_was_placed(house: House, keys: dict[str, Path]) -> None:
    """THREATS A-34."""
    lies = {
        "id": "H0CK-0002",
        "whom": "principal",
        "name": "bob",
        "placed_by": "eve@EXAMPLE.TEST",
        "reason": "another",
        "lasts_for": 9,
    }

    async def scene() -> None:
        on = Locking(house, keys["ed25519"])
        row, (first, *rest) = await on.told()
        line = forms.read("".join(one.text for one in rest))
        assert isinstance(line, Record) and row.signed == "key" and first.keys == (ssh_keys.public(on.key).fingerprint,)

        def differs(shown: dict[str, Any], host: str = "db1.example.test", operator: str = on.dave.principal) -> str:
            said = receipt.read_unlock(first.statement)
            seen = rows.Lock.read({**row.came, **shown})
            return difference_of_lock(seen, line, bytes.fromhex(first.before), said, host=host, operator=operator)

        assert differs({}) == ""
        sealed = canonical((content := json.loads(line.sealed)) | {"detail": content["detail"] | {"for": "ever"}})
        seal = linked(line.number, bytes.fromhex(first.before), sha256(sealed).digest())
        more = replace(line, sealed=sealed, seal=seal)
        said = receipt.read_unlock(first.statement)._replace(placed=receipt.Sealed(line.number, seal))
        whose = {"host": said.host, "operator": said.operator}
        assert difference_of_lock(row, more, bytes.fromhex(first.before), said, **whose) == "what else the record says"
        assert all(differs({name: lie}) for name, lie in lies.items()), {name: differs({name: lie}) for name, lie in lies.items()}
        assert (differs({}, host="other"), differs({}, operator=BOB.principal)) == ("the host", "the operator")
        assert (
            difference_of_lock(
                row, line, b"\1" * 32, receipt.read_unlock(first.statement), host="db1.example.test", operator=on.dave.principal
            )
            == "the seal of the record"
        )

    house.run(scene())


# --- what a host demands -----------------------------------------------------------------------------------------------------


def test_what_waits_when_a_host_begins_to_demand_it_takes_as_many_approvals_and_only_signed_ones(
    house: House, keys: dict[str, Path]
) -> None:
    """THREATS A-32: also those that were given before, and those of leases. The rules of a host have its demand when they are
    read (``test_policyfile``).
    """
    floor = {"approvals": (Approval(2, ("group:ops",)).raised("key"),), "signed": "key"}

    async def scene() -> None:
        house.lists_keys((BOB, ssh_keys.public(keys["ed25519"])), (CAROL, ssh_keys.public(keys["ecdsa-256"])))
        house.rules(approvals=(Approval(2, ("group:ops",)),))
        lease = await house.submitted(lasts_for=60, uses=3)
        for who in (BOB, CAROL):
            await house.approved(who, lease.id, None)
        assert house.found((await house.submitted()).id).state == "approved"
        waits = await house.submitted(argv=(b"/usr/bin/env", b"other"))
        assert "more are needed" in await house.approved(BOB, waits.id, None)
        house.rules(**floor)
        assert house.found((await house.submitted()).id).state == "pending", "its lease answers for nothing any more"
        signed = await house.signed(CAROL, waits.id, keys["ecdsa-256"])
        assert "more are needed" in await house.approved(CAROL, waits.id, signed)
        assert [(one.need, one.demand.signed) for one in house.found(waits.id).obligations.approvals] == [(2, "key")]  # type: ignore[union-attr]
        signed = await house.signed(BOB, waits.id, keys["ed25519"])
        assert "is approved" in await house.approved(BOB, waits.id, signed)

    house.run(scene())


# --- what a rule demands -----------------------------------------------------------------------------------------------------

LEVELS = {
    "ed25519": "key",
    "ed25519-sk no-touch-required": "key",
    "ed25519-sk": "touch",
    "ed25519-sk verify-required": "pin",
    "passkey": "pin",
    "passkey touched": "touch",
    "passkey copied": "synced",
    "passkey copied touched": "key",
}
ORDER = ["", "key", "synced", "touch", "pin"]


@pytest.mark.parametrize("kind", [None, *LEVELS])
@pytest.mark.parametrize("demanded", ORDER)
def test_what_a_rule_demands_is_what_a_signature_has_to_prove(
    house: House, keys: dict[str, Path], demanded: str, kind: str | None
) -> None:
    """THREATS A-31."""
    given = "" if kind is None else LEVELS[kind]

    async def scene() -> None:
        house.lists_keys(*([] if kind is None else [(BOB, ssh_keys.public(keys[kind]))]))
        house.demands(demanded)
        made = await house.submitted()
        signed = None
        if kind is not None and (ORDER.index(demanded) < 2 or "sk" in kind):
            signed = await house.signed(BOB, made.id, keys[kind])
        if ORDER.index(given) >= ORDER.index(demanded):
            assert "is approved" in await house.approved(BOB, made.id, signed)
        else:
            await house.refuses(BOB, made.id, signed, "takes only approvals that are signed with a key")

    house.run(scene())


@pytest.mark.parametrize("change", ["removed", "expired", "not yet", "somebody else's", "a wrong line", "another may write"])
def test_a_key_that_does_not_count_any_more_stops_counting_at_the_next_use(
    house: House, keys: dict[str, Path], change: str
) -> None:
    """THREATS A-31."""
    key, other = ssh_keys.public(keys["ed25519"]), ssh_keys.public(keys["ecdsa-256"])

    async def scene() -> None:
        house.lists_keys((BOB, key))
        house.demands("key")
        made = await house.submitted(lasts_for=60, uses=2)
        await house.approved(BOB, made.id, await house.signed(BOB, made.id, keys["ed25519"]))
        assert await is_discharged()
        match change:
            case "removed":
                house.lists_keys((BOB, other))
            case "expired":
                house.lists_keys((BOB, key), options='valid-before="20260301Z"')
            case "not yet":
                house.lists_keys((BOB, key), options='valid-after="20260303Z"')
            case "somebody else's":
                house.lists_keys((CAROL, key))
            case "a wrong line":
                house.allowed.write_text(house.allowed.read_text("ascii") + "what is this\n", "ascii")
            case "another may write":
                house.allowed.chmod(0o666)
        assert not await is_discharged()

    async def is_discharged() -> bool:
        again = await house.submitted()
        return house.found(again.id).state == "approved"

    house.run(scene())


def test_an_approval_whose_key_is_gone_does_not_complete_a_request(house: House, keys: dict[str, Path]) -> None:
    """THREATS A-31."""

    async def scene() -> None:
        house.lists_keys((BOB, ssh_keys.public(keys["ed25519"])), (CAROL, ssh_keys.public(keys["ecdsa-256"])))
        house.demands("key", need=2)
        made = await house.submitted()
        await house.approved(BOB, made.id, await house.signed(BOB, made.id, keys["ed25519"]))
        house.lists_keys((CAROL, ssh_keys.public(keys["ecdsa-256"])))
        await house.approved(CAROL, made.id, await house.signed(CAROL, made.id, keys["ecdsa-256"]))
        assert (found := house.found(made.id)).state == "pending", "one of the two approvals does not count now"
        told = house.reviews._access.uncounted(found, await house.decider.approvers_now(found))
        assert told.keys() == {BOB.principal} and "its key does not count any more" in told[BOB.principal]

    house.run(scene())


def test_a_viewer_is_told_their_keys_and_what_they_have_to_prove(house: House, keys: dict[str, Path]) -> None:
    async def scene() -> None:
        house.demands("touch")
        made = await house.submitted()
        row = await house.shown(BOB, made.id)
        assert (row.keys, row.signed) == ((), "touch") and "touched" in row.lacks
        house.lists_keys((BOB, ssh_keys.public(keys["ed25519"])))
        assert "touched" in (await house.shown(BOB, made.id)).lacks
        house.lists_keys((BOB, key := ssh_keys.public(keys["ed25519-sk"])))
        row = await house.shown(BOB, made.id)
        assert (row.keys, row.signed, row.lacks, row.awaits_me) == ((key.fingerprint,), "touch", "", True)

    house.run(scene())


def test_of_several_files_each_text_is_compared() -> None:
    """THREATS A-30, R-40."""
    texts = {"/etc/a": (b"old a\n", b"new a\n"), "/etc/b": (b"old b\n", b"new b\n")}
    edits = tuple(
        Edit(1, n, 0, 0, 0o644, *(sha256(one).digest() for one in both), is_told=True) for n, both in enumerate(texts.values())
    )
    made = replace(waiting("true"), command=command("sudoedit", *texts, path=SUDOEDIT, edits=edits))
    detail = {name: getattr(part, "content", part) for name, part in submit(made).detail().items()}
    scripts = [
        {"argument": 0, "path": path, "before": shown(before), "text": shown(after)} for path, (before, after) in texts.items()
    ]
    came = row_for(made) | {"scripts": scripts}

    def wrong(detail: dict[str, Any] = detail, **changes: Any) -> list[str]:
        row = rows.Request.read({name: part for name, part in (came | changes).items() if part is not None})
        found = [part for name, part, fits in as_recorded._FITS if name.startswith("text") and not fits(detail.get(name), row)]
        return found + [one.path for one in row.scripts if not as_recorded._is_text_of(one, row, detail)]

    a, b = scripts
    assert wrong() == []
    assert wrong(scripts=[a, b | {"text": "other"}]) == wrong(scripts=[a, b | {"before": "other"}]) == ["/etc/b"]
    assert wrong(scripts=[a, b | {"text": a["text"]}]) == ["/etc/b"]
    for lie in ([a], [b, a], [a, a], [a, b, b], []):
        assert "the texts of the files" in wrong(scripts=lie)
    assert "the texts of the files" in wrong(edits=None, edit={"owner": "root:root", "mode": "0644"})
    assert "the texts of the files" in wrong({name: part for name, part in detail.items() if name != "texts"})


def test_that_a_file_is_new_what_it_is_made_with_and_its_text_are_compared() -> None:
    """THREATS A-30, R-39."""
    text = b"new\n"
    new = NewFile(1, 2, 0, 4, 0o640, sha256(text).digest(), owner="root:adm")
    made = replace(waiting("true"), command=command("sudoedit", "/etc/x", path=SUDOEDIT, makes=new))
    detail = {name: getattr(part, "content", part) for name, part in submit(made).detail().items()}
    came = row_for(made) | {"scripts": [{"argument": 0, "path": "/etc/x", "text": shown(text), "before": None}]}
    compared = {part: (told, seen) for name, part, told, seen in as_recorded._COMPARED if name == "makes"}

    def wrong(**changes: Any) -> list[str]:
        row = rows.Request.read({name: part for name, part in (came | changes).items() if part is not None})
        found = [part for part, (told, seen) in compared.items() if told(detail.get("makes")) != seen(row)]
        found += [part for name, part, fits in as_recorded._FITS if name == "text_after" and not fits(detail.get(name), row)]
        return found + [one.path for one in row.scripts if not as_recorded._is_text_of(one, row, detail)]

    what = "what the new file is made with"
    assert wrong() == []
    for lie in ({"owner": "root:adm", "mode": "0600"}, {"owner": "root:root", "mode": "0640"}):
        assert wrong(makes=lie) == [what]
    assert wrong(makes=None, edit={"owner": "root:adm", "mode": "0640"}) == [what]
    assert wrong(makes=None)[:2] == [what, "that a file is written"]
    assert wrong(scripts=[came["scripts"][0] | {"text": "other"}]) == ["/etc/x"]


def test_that_a_file_is_removed_and_the_text_that_goes_are_compared() -> None:
    """THREATS A-30, R-41."""
    text = b"old\n"
    gone = Removal(1, 2, 0, 4, 0o640, sha256(text).digest(), "0000-0000", is_told=True, owner="root:adm")
    made = replace(waiting("true"), command=command("sudoedit", "/etc/x", path=SUDOEDIT, removes=gone))
    detail = {name: getattr(part, "content", part) for name, part in submit(made).detail().items()}
    came = row_for(made) | {"scripts": [{"argument": 0, "path": "/etc/x", "text": shown(text), "before": None}]}

    def wrong(**changes: Any) -> list[str]:
        row = rows.Request.read({name: part for name, part in (came | changes).items() if part is not None})
        found = [
            part
            for name, part, told, seen in as_recorded._COMPARED
            if name in ("removes", "undoes") and told(detail.get(name)) != seen(row)
        ]
        return found + [one.path for one in row.scripts if not as_recorded._is_text_of(one, row, detail)]

    what, undone = "which file is removed", "the edit that it undoes"
    kept = {"owner": "root:adm", "mode": "0640", "undoes": "0000-0000"}
    assert wrong() == [] and detail["removes"] == {"owner": "root:adm", "mode": "0640"}
    assert wrong(removes=kept | {"mode": "0600"}) == wrong(removes=kept | {"owner": "root:root"}) == [what]
    assert wrong(removes=kept | {"undoes": "0000-0001"}) == [undone]
    assert wrong(removes=None)[:2] == [what, undone]
    assert wrong(removes=None, edit={"owner": "root:adm", "mode": "0640", "undoes": "0000-0000"})[0] == what
    assert wrong(removes=None, makes={"owner": "root:adm", "mode": "0640", "undoes": "0000-0000"})[0] == what
    assert wrong(scripts=[came["scripts"][0] | {"text": "other"}]) == ["/etc/x"]


# --- what a verification of the record says of receipts ----------------------------------------------------------------------


def other(name: str) -> Any:
    """A member of a receipt as if somebody had changed it."""
    return lambda signed, told, first: {**told, name: first[name]}


def again(**changes: Any) -> Any:
    """The statement of another text, which has a good signature."""

    def made(signed: Any, told: dict[str, str], first: dict[str, str]) -> dict[str, str]:
        unlock = told["statement"].startswith(receipt.UNLOCK_FORM)
        said: Any = receipt.read_unlock(told["statement"]) if unlock else receipt.read(told["statement"])
        text = said._replace(**{name: change(said) for name, change in changes.items()}).text()
        return {**told, "statement": text, "signature": signed(text)}

    return made


ANOTHER_SEAL = again(newest=lambda said: said.newest._replace(seal=bytes(32)))
LATER = again(newest=lambda said: said.newest._replace(number=10**17))


@pytest.mark.parametrize(
    ("forge", "said"),
    [
        (lambda signed, told, first: told, ""),
        (lambda signed, told, first: {"statement": told["statement"]}, "does not have exactly the members of its form"),
        (lambda signed, told, first: {**told, "key": 1}, "has a member that cannot be read"),
        (lambda signed, told, first: {**told, "statement": "x"}, "has a statement that does not have the form"),
        (other("signature"), "has a signature that does not fit what was signed"),
        (lambda signed, told, first: {**told, "proves": "touch"}, "says more or less than its signature"),
        (lambda signed, told, first: first, "has the statement of record 5 again: what was signed once was used twice"),
        (again(approver=lambda said: CAROL.principal), "is one for another review, another person or another host"),
        (again(verdict=lambda said: "reviewed"), "is one for another review, another person or another host"),
        (again(verdict=lambda said: "deny"), "has the verdict deny, and the record tells of none"),
        (again(requester=lambda said: "eve@EXAMPLE.TEST"), "as the submission of another request"),
        (LATER, "countersigns records that do not come before it in this order"),
        (again(at=lambda said: "2026-03-02T09:02:10Z"), "has a time that is not between that of record"),
        (again(at=lambda said: "2020-03-02T09:00:00Z"), "has a time that is not between that of record"),
        (again(terms=lambda said: said.terms._replace(uses=1)), "grants uses: 2, where 1 were signed"),
        (again(terms=lambda said: said.terms._replace(uses=9, lasts_for=9999, timeout_for=99)), ""),
        (again(terms=lambda said: said.terms._replace(lasts_for=59)), "grants 60 s, where 59 s were signed"),
        (again(terms=lambda said: said.terms._replace(timeout_for=8)), "grants runs of 9 s, where 8 s were signed"),
        (again(terms=lambda said: said.terms._replace(starts_at="2026-03-02T10:00:00Z")), "grants it from another time"),
        (again(rule=lambda said: "rule-2"), "names the rule rule-2, and record"),
        (again(policy=lambda said: bytes(32)), "names another policy than its record"),
        (again(expires=lambda said: "2026-03-02T08:50:00Z"), "is one for a request that had expired"),
        (ANOTHER_SEAL, "which is another one here"),
        (again(submitted=lambda said: said.submitted._replace(seal=bytes(32))), "which is another one here"),
        (again(submitted=lambda said: said.submitted._replace(number=1)), "countersigns record 1, which is another one here"),
    ],
)
def test_a_receipt_that_is_not_what_it_says_is_found_in_a_record_that_is_whole(
    house: House, keys: dict[str, Path], monkeypatch: pytest.MonkeyPatch, forge: Any, said: str
) -> None:
    """THREATS A-30, A-35, A-36. Who can write the record anew has every seal right, and no key of the approver."""

    def signed(text: str) -> str:
        return ssh_keys.sign(keys["ed25519"], receipt.NAMESPACE, text.encode("ascii"))

    async def scene() -> None:
        house.lists_keys((BOB, ssh_keys.public(keys["ed25519"])))
        lease = {"lasts_for": 60, "uses": 2, "timeout_for": 9}
        one, two = await house.submitted(**lease), await house.submitted(**lease)
        await house.approved(BOB, one.id, await house.signed(BOB, one.id, keys["ed25519"]))
        (review,) = house.found(one.id).reviews
        assert review.receipt is not None
        first = review.receipt.detail()
        monkeypatch.setattr("jitd.core.request.detail_of", lambda given: {"receipt": forge(signed, given.detail(), first)})
        await house.approved(BOB, two.id, await house.signed(BOB, two.id, keys["ed25519"]))

    house.run(scene())
    assert_found(house, "request.reviewed", said)


def test_a_denial_that_its_author_has_signed_as_an_approval_is_found(
    house: House, keys: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS A-30. The host had a yes, and has recorded a no."""

    async def scene() -> None:
        house.lists_keys((BOB, ssh_keys.public(keys["ed25519"])))
        made = await house.submitted()
        yes, no = [await house.signed(BOB, made.id, keys["ed25519"], verdict=verdict) for verdict in Verdict]
        told = {"statement": yes.statement, "signature": yes.signature}
        monkeypatch.setattr("jitd.core.request.detail_of", lambda given: {"receipt": given.detail() | told})
        await house.reviewed(BOB, made.id, no, Verdict.DENY)

    house.run(scene())
    assert_found(house, "request.reviewed", "has the verdict approve, and the record tells of none")


def test_a_statement_that_came_before_what_is_looked_at_is_found_too(
    house: House, keys: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS A-30. A copy about another request, or by another person, shows that in its own record."""

    async def scene() -> None:
        house.lists_keys((BOB, ssh_keys.public(keys["ed25519"])))
        one, _ = await house.submitted(), await house.submitted()
        await house.approved(BOB, one.id, await house.signed(BOB, one.id, keys["ed25519"]))

    house.run(scene())
    told = {number: (json.loads(body)["event"], body) for number, body, _ in house.store.records(0)}
    _, between = (number for number, (event, _) in told.items() if event == "request.submitted")
    (number, body) = next((number, body) for number, (event, body) in told.items() if event == "request.reviewed")
    records = house.store.records

    def copied(after: int) -> Iterator[tuple[int, bytes, bytes]]:
        return ((n, body if n == between else one, seal) for n, one, seal in records(after))

    for is_copied in (False, True):
        monkeypatch.setattr(house.store, "records", copied if is_copied else records)
        found: list[Flaw] = []
        _Later(house.store, found.append, Heads(), Keys(()), None, between).run()
        assert [(flaw.wrong, flaw.number) for flaw in found] == ([(Wrong.FORGED, number)] if is_copied else [])
        assert all(f"the receipt of record {number} has the statement of record {between} again" in one.sentence for one in found)


@pytest.mark.parametrize("word", INSTEAD)
def test_a_word_for_what_is_not_told_is_found_where_it_was_sealed(
    house: House, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    """THREATS L-37. As a receipt, no receipt was looked for; as an argument, it is taken for one that the reader may not see."""

    async def scene() -> None:
        one = await house.submitted()
        with monkeypatch.context() as patched:
            patched.setattr("jitd.core.request.detail_of", lambda given: {"receipt": word})
            await house.approved(BOB, one.id, None)

    house.run(scene())
    assert_found(house, "request.reviewed", "", f"has {word} as it was sealed: no jitd has written it")


@pytest.mark.parametrize("word", INSTEAD)
def test_so_it_is_in_a_value_unless_a_mask_or_a_loss_has_made_it(house: House, word: str) -> None:
    """THREATS L-37."""

    async def scene() -> None:
        await house.submitted(argv=(b"/usr/bin/env", word.encode()))

    house.run(scene())
    found = findings(house.store)
    assert [flaw.wrong for flaw in found] == ([] if word in (MASKED, MISSING) else [Wrong.NOT_A_RECORD])
    assert all(f"a value is {word}, which nobody can type" in flaw.sentence for flaw in found)


def test_a_receipt_of_another_host_than_that_of_the_chain_is_found(house: House, keys: dict[str, Path]) -> None:
    """THREATS A-30. A record says only in its checkpoints of which host it is."""

    async def scene() -> None:
        house.lists_keys((BOB, ssh_keys.public(keys["ed25519"])))
        one = await house.submitted()
        await house.approved(BOB, one.id, await house.signed(BOB, one.id, keys["ed25519"]))

    house.run(scene())
    (number, content) = next(
        (n, told) for n, body, _ in house.store.records(0) if (told := json.loads(body))["event"] == "request.reviewed"
    )
    of = {host: forms.Checkpoint(host, number, bytes(32), START) for host in ("db1.example.test", "db2.example.test")}
    for following, last, is_whole in (
        ("db1.example.test", None, True),
        (None, "db1.example.test", True),
        (None, None, True),
        ("db2.example.test", "db1.example.test", False),
        (None, "db2.example.test", False),
    ):
        chain: Any = SimpleNamespace(
            records=house.store.records,
            find=house.store.find,
            checkpoints=lambda after, host=following: iter([of[host]] if host else []),
            last_checkpoint=lambda host=last: of.get(host),
        )
        checked = AuditReceipts(chain, json.loads)
        with nullcontext() if is_whole else pytest.raises(BadReceipt, match="or another host"):
            checked.check(number, content)


def test_the_newest_records_of_a_host_with_another_name_are_of_the_new_one(house: House, keys: dict[str, Path]) -> None:
    """THREATS L-27. After a kill, no checkpoint has the new name yet; the last one is of the record that tells it."""

    async def scene() -> None:
        house.lifecycle.note("key.renamed", "jitd", 0, {"host": "db0.example.test", "renamed": "db1.example.test"})
        house.lists_keys((BOB, ssh_keys.public(keys["ed25519"])))
        one = await house.submitted()
        await house.approved(BOB, one.id, await house.signed(BOB, one.id, keys["ed25519"]))

    house.run(scene())
    (number, content) = next(
        (n, told) for n, body, _ in house.store.records(0) if (told := json.loads(body))["event"] == "request.reviewed"
    )
    for at, is_whole in ((1, True), (2, False)):  # the second record tells of no other name
        last = forms.Checkpoint("db0.example.test", at, bytes(32), START)
        chain: Any = SimpleNamespace(
            records=house.store.records,
            find=house.store.find,
            checkpoints=lambda after: iter([]),
            last_checkpoint=lambda last=last: last,
        )
        with nullcontext() if is_whole else pytest.raises(BadReceipt, match="or another host"):
            AuditReceipts(chain, json.loads).check(number, content)


@pytest.mark.parametrize(
    ("forge", "said"),
    [
        (lambda signed, told, first: told, ""),
        (again(operator=lambda said: BOB.principal), "is one for another lock, another person or another host"),
        (again(name=lambda said: "bob"), "as the placing of another lock"),
        (again(placed=lambda said: said.placed._replace(seal=bytes(32))), "which is another one here"),
        (LATER, "countersigns records that do not come before it in this order"),
        (again(at=lambda said: "2026-03-02T09:20:00Z"), "has a time that is not between that of record"),
        (ANOTHER_SEAL, "which is another one here"),
    ],
)
def test_so_is_one_for_the_lifting_of_a_lock(
    house: House, keys: dict[str, Path], monkeypatch: pytest.MonkeyPatch, forge: Any, said: str
) -> None:
    """THREATS A-34, A-35."""

    def signed(text: str) -> str:
        return ssh_keys.sign(keys["ed25519"], receipt.NAMESPACE, text.encode("ascii"))

    async def scene() -> None:
        on = Locking(house, keys["ed25519"])
        monkeypatch.setattr("jitd.core.lock.detail_of", lambda given: {"receipt": forge(signed, given.detail(), {})})
        on.locks.unlock(on.dave, "H0CK-0001", "over", None, await on.signed())

    house.run(scene())
    assert_found(house, "lock.lifted", said)


def assert_found(house: House, event: str, said: str, sealed: str = "") -> None:
    *_, number = (n for n, body, _ in house.store.records(0) if json.loads(body)["event"] == event)
    found = findings(house.store)
    if sealed:
        assert [(flaw.wrong, flaw.number) for flaw in found if sealed in flaw.sentence] == [(Wrong.NOT_A_RECORD, number)], found
        return
    assert [(flaw.wrong, flaw.number) for flaw in found] == ([(Wrong.FORGED, number)] if said else [])
    assert all(f"the receipt of record {number} " in flaw.sentence and said in flaw.sentence for flaw in found), found
