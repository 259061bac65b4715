# SPDX-License-Identifier: Apache-2.0
"""Every verb by everybody: what each role sees of a request whose rule says ``visible_to``, and what each role may do.

Law: real decider, store, lives and verbs, asked by the messages of the wire. After a refusal nothing has changed.
"""

from __future__ import annotations

import asyncio
import json
import pwd
from collections.abc import AsyncIterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from jitd.cli.page import page
from jitd.core.decision import Terms
from jitd.core.keys.reason import Reason
from jitd.core.law import Origin
from jitd.core.naming import Naming
from jitd.core.origin import Caller
from jitd.core.policy import Policy
from jitd.core.request import Request, Verdict
from jitd.core.run import Run
from jitd.core.subject import NO_SIDS, ROOT, Subject
from jitd.deciding import accounts, screening
from jitd.deciding.directory import Account
from jitd.deciding.explaining import Nobody
from jitd.expressions.patterns import read_pattern
from jitd.server.dispatch import add_answers
from jitd.store.sqlite import SqliteStore
from jitd.verbs import endings, locks
from jitd.verbs.access import Access
from jitd.verbs.answers import Answers, Asker
from jitd.verbs.endings import Endings
from jitd.verbs.explanations import Explanations
from jitd.verbs.lists import Lists
from jitd.verbs.locks import Locks
from jitd.verbs.recordings import Recordings
from jitd.verbs.refusal import Refusal
from jitpam.wire import messages
from tests.daemon.asking import ALICE, BOB, NO_RECEIPTS, AskingHouse, Client
from tests.daemon.records import lines_in, records_of
from tests.daemon.test_decider import rule
from tests.scene import person
from tests.unshown import without_styles

SECRETS = ("MARKED-REASON", "MARKED-ARGUMENT", "MARKED-COMMENT", "MARKED-VALUE", "MARKED-REFUSED REASON")
TOLD = SECRETS[:4]
"""What stands in the rows of what was approved."""


def one(name: str, *groups: str, number: int = 0) -> Subject:
    return replace(
        person("eve"), principal=f"{name}@EXAMPLE.TEST", user=name, person=name, uid=3000 + number, groups=frozenset(groups)
    )


ROLES = {
    "requester": ALICE,
    "approver": BOB,
    "operator": one("olga", "security", number=1),
    "auditor": one("axel", "audit", number=2),
    "auditor whom the rule names": one("vera", "audit", "privacy", number=3),
    "operator whom the rule names": one("otto", "security", "privacy", number=4),
    "whom the rule names alone": one("paul", "privacy", number=5),
    "anybody": one("emma", number=6),
    "root": replace(
        person("eve"), principal=ROOT, user="root", person="root", uid=0, groups=frozenset({"root"}), ticket_ends_at=None
    ),
}
SHOWN = ("requester", "approver", "auditor whom the rule names", "operator whom the rule names")
"""Who is shown the contents."""
NARROWED = ("operator", "auditor", "root")
"""Who sees the request without them."""
BLIND = ("whom the rule names alone", "anybody")
"""For whom it does not exist."""


class Seen(AskingHouse):
    """A daemon with all verbs. alice has asked three times: her first request was approved by bob and runs, the second waits, and
    the third was denied, since it asked for too many uses.
    """

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(path, monkeypatch)
        config: Any = self.decider._config
        config.operators, config.auditors = ("group:security",), ("group:audit",)
        config.naming, config.principals, config.people = Naming(frozenset({"EXAMPLE.TEST"})), {}, {}
        config.approvers = {}
        config.sids = NO_SIDS
        config.state, config.recordings = path, SimpleNamespace(mib_per_run=1, days=1, mib_in_all=1)
        self.visible_to: tuple[str, ...] | None = ("group:privacy",)
        access = Access(config, self.store)
        opened = self.opened
        lists = Lists(access, self.store, opened, self.workers, lambda run: None, self.now)
        self.ends = ends = Endings(config, access, lists, self.perform, self.store, self.waiters)
        typed: Any = SimpleNamespace(typed=SimpleNamespace(run=an_account), kept=self.workers.kept)
        braking = Locks(access, ends, self.perform, self.store, config, self.waiters, typed, self.now, NO_RECEIPTS)
        self.recordings = Recordings(config, access, lists, self.lifecycle, self.store, opened, self.workers, self.now)
        explainer: Any = SimpleNamespace(suppose=nobody)
        services = SimpleNamespace(
            access=access, lists=lists, requests=self.requests, reviews=self.reviews, endings=ends, locks=braking,
            explanations=Explanations(access, explainer, self.workers, self.now),
            records=records_of(access, self.store, opened, self.workers, self.lifecycle),
            mutes=SimpleNamespace(mute=nobody), keys=SimpleNamespace(line=nobody),
        )  # fmt: skip
        self.reviews._access = access
        self.answers = Answers()
        add_answers(self.answers, cast(Any, services), cast(Any, self), cast(Any, None))

    def opened(self) -> SqliteStore:
        return SqliteStore(self.path / "jitd.db")

    async def reload(self, who: Subject) -> str:
        return "it is read again"

    async def reload_tested(self, who: Subject, digest: str | None) -> str:
        return await self.reload(who)

    def rules(self, **changes: Any) -> None:
        words = getattr(self, "visible_to", ("group:privacy",))
        made = rule(visible_to=words, terms=Terms(env=("TOKEN",)), reason=Reason(read_pattern("REASON"), ""), uses=5, **changes)
        self.policy = Policy((made,), "permit", "digest")

    async def play_scene(self) -> None:
        self.rules()
        given: dict[str, Any] = {"reason": SECRETS[0], "variables": ((b"TOKEN", SECRETS[3].encode()),)}
        first = await Client(self).submit(argv=(b"/usr/bin/env", SECRETS[1].encode()), **given)
        await self.reviews.review(BOB, first.id, Verdict.APPROVE, first.fingerprint, SECRETS[2], Origin(1002, "", None))
        assert self.found(first.id).state == "approved"
        second = await Client(self).submit(argv=(b"/usr/bin/env", SECRETS[1].encode(), b"2"), waits=False, **given)
        third = await Client(self).submit(argv=(b"/usr/bin/env", SECRETS[1].encode(), b"3"), reason=SECRETS[4], uses=99)
        assert (self.found(second.id).state, self.found(third.id).state) == ("pending", "denied")
        self.first, self.second, self.third = (self.found(made.id) for made in (first, second, third))

    async def ask(self, role: str, message: messages.Message) -> str:
        """Everything that the answer says, as JSON. Raises Refusal."""
        answer = await self.answers.to(Asker(ROLES[role], lambda: Origin(1002, "", None), Caller(None)), message)
        if isinstance(answer, str):
            return answer
        if isinstance(answer, AsyncIterable):
            rows = [row async for row in answer]
            return json.dumps(lines_in(rows) if isinstance(message, messages.Audit) else rows, ensure_ascii=False)
        return json.dumps(list(answer))

    @property
    def n_records(self) -> int:
        return sum(1 for _ in self.store.records(0))


async def an_account(uid: int, look: Any, *words: Any) -> Account:
    return Account("alice", ALICE.uid)


async def nobody(*asked: Any) -> None:
    raise Nobody("it has no account")


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Seen]:
    for module in (endings, locks):
        monkeypatch.setattr(module, "GONE_WITHIN", 0.01)
    made = Seen(tmp_path, monkeypatch)
    yield made
    made.workers.close()
    made.store.close()


LISTS = {
    "requests": messages.List(what="requests", ended=True),
    "grants": messages.List(what="grants", ended=True),
    "runs": messages.List(what="runs", ended=True),
}


def found_in(said: str) -> list[str]:
    return [secret for secret in SECRETS if secret in said]


@pytest.mark.parametrize("role", ROLES)
def test_what_each_role_is_shown_in_lists_and_in_show(house: Seen, role: str) -> None:
    """THREATS S-11."""

    async def scene() -> None:
        await house.play_scene()
        said = {name: await house.ask(role, message) for name, message in LISTS.items()}
        if role in BLIND:
            assert set(said.values()) == {"[]"}
            for request in (house.first, house.second, house.third):
                with pytest.raises(Refusal, match="as far as you may see") as refused:
                    await house.ask(role, messages.Show(id=request.id))
                assert refused.value.code == "unknown"
            return
        shows = [await house.ask(role, messages.Show(id=id)) for id in (house.first.id, house.second.id)]
        for name, text in {**said, **dict(enumerate(shows))}.items():
            assert bool(found_in(text)) is (role in SHOWN), (name, found_in(text))
        if role in SHOWN:
            assert set(found_in(said["requests"] + shows[0])) >= {*TOLD}
        else:
            assert "(not shown)" in said["requests"] and "/usr/bin/env" in said["requests"]
        assert json.loads(said["requests"])[0]["narrowed"] is (role in NARROWED)
        if role != "approver":  # a request that was denied at once owes no approval: bob could not review it
            assert bool(found_in(await house.ask(role, messages.Show(id=house.third.id)))) is (role in SHOWN)

    asyncio.run(scene())


@pytest.mark.parametrize("role", ROLES)
def test_a_page_shows_and_counts_what_the_list_of_this_role_has_and_no_more(house: Seen, role: str) -> None:
    """THREATS S-11. Whoever may not see a request learns by its id as a cursor no more than by an id that nothing has."""

    async def page(of: str, limit: int, before: str | None = None) -> list[Any]:
        said = await house.ask(role, messages.Page(what=of, ended=True, before=before, limit=limit))
        rows: list[Any] = json.loads(said)
        return rows

    async def scene() -> None:
        await house.play_scene()
        newest = await Client(house).submit(argv=(b"/usr/bin/env", b"4"), waits=False, reason=SECRETS[0])
        assert house.found(newest.id).state == "pending", "so the approver sees what is newer than the third, which is hidden"
        for name, message in LISTS.items():
            rows = json.loads(await house.ask(role, message))[::-1]
            for limit in (1, 2, 1000):
                assert await page(name, limit) == [*rows[:limit], {"more": len(rows[limit:])}]
            for at, row in enumerate(rows):
                assert await page(name, 1000, row["id"]) == [*rows[at + 1 :], {"more": 0}]
            seen = {row["id"] for row in rows}
            for id in {house.first.id, house.second.id, house.third.id, "ZZZZ-ZZZZ"} - seen:
                with pytest.raises(Refusal, match="as far as you may see") as refused:
                    await page(name, 1000, id)
                assert str(refused.value) == f"this list has no {id}, as far as you may see: begin with its first page"

    asyncio.run(scene())


@pytest.mark.parametrize(
    "wrong",
    [
        messages.Page(what="requests", ended=True, before=None, limit=0),
        messages.Page(what="requests", ended=True, before=None, limit=1001),
        messages.Page(what="rules", ended=True, before=None, limit=1),
        messages.Page(what="secrets", ended=True, before=None, limit=1),
        messages.Page(what="requests", ended=True, before="\u202e", limit=1),
    ],
)
def test_a_page_that_cannot_be_is_refused(house: Seen, wrong: messages.Page) -> None:
    with pytest.raises(Refusal) as refused:
        asyncio.run(house.ask("operator", wrong))
    assert refused.value.code == ("unknown" if wrong.before else "usage") and "\u202e" not in str(refused.value)


def test_the_page_of_a_request_says_that_its_contents_are_not_shown(house: Seen) -> None:
    async def scene() -> str:
        await house.play_scene()
        return await house.ask("operator", messages.Show(id=house.first.id))

    (row,) = json.loads(asyncio.run(scene()))
    text = "\n".join(without_styles(page(row, None)))
    assert "its rule shows the reason, the arguments" in text and not found_in(text)
    assert "asks for root on db1.example.test\n" in text and "command      /usr/bin/env (not shown)" in text
    for computed in ("unknown  ", "size", "argument 0", "'(not shown)", '"(not shown)"  ', "new  "):
        assert computed not in text, "it would be about a text that stands for others"
    lines = {line[2:15].strip(): line[15:] for line in text.splitlines() if line.startswith("  ")}
    assert lines["reason"] == "(not shown)" and lines["variables"] == "(not shown)"
    (whole,) = json.loads(asyncio.run(house.ask("approver", messages.Show(id=house.first.id))))
    assert "its rule shows" not in "\n".join(without_styles(page(whole, 80)))


@pytest.mark.parametrize("role", ROLES)
def test_the_record_is_for_operators_and_auditors_without_what_the_rule_keeps_from_them(house: Seen, role: str) -> None:
    async def scene() -> None:
        await house.play_scene()
        if role not in NARROWED and "auditor" not in role and "operator" not in role:
            with pytest.raises(Refusal) as refused:
                await house.ask(role, messages.Audit(after=0))
            assert refused.value.code == "forbidden"
            return
        said = await house.ask(role, messages.Audit(after=0))
        assert bool(found_in(said)) is (role in SHOWN), found_in(said)
        events = [row["event"] for row in json.loads(said)]
        assert all(("‹hidden›" in json.dumps(row, ensure_ascii=False)) is (role in NARROWED) for row in json.loads(said)[:1])
        assert {"request.submitted", "request.reviewed", "grant.issued", "run.starting"} <= set(events)
        assert len(events) == house.n_records

    asyncio.run(scene())


@pytest.mark.parametrize("role", ROLES)
def test_a_recording_is_watched_by_who_is_shown_what_it_holds(house: Seen, role: str) -> None:
    """There is none of a run that has only begun: to be told so is to be let in."""

    async def play(run: Run) -> None:
        async def again() -> Subject:
            return ROLES[role]

        async for _ in house.recordings.play(ROLES[role], run.id, follow=False, again=again):
            raise AssertionError("there is no recording")

    async def scene() -> None:
        await house.play_scene()
        (run,) = house.store.runs()
        n_records = house.n_records
        with pytest.raises(Refusal) as refused:
            await play(run)
        code = "not_done" if role in SHOWN else "forbidden" if role in NARROWED else "unknown"
        assert refused.value.code == code and house.n_records == n_records

    asyncio.run(scene())


def review(verdict: str) -> Any:
    return lambda house: messages.Review(id=house.second.id, verdict=verdict, fingerprint=house.second.fingerprint, comment="x")


ACTS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "approve": (review("approve"), ("approver",)),
    "deny": (review("deny"), ("approver",)),
    "withdraw": (lambda house: messages.Withdraw(id=house.second.id), ("requester",)),
    "revoke": (
        lambda house: messages.Revoke(id=house.first.id, of=None, reason=""),
        ("requester", "approver", "operator", "operator whom the rule names", "root"),
    ),
    "revoke --of": (
        lambda house: messages.Revoke(id=None, of="alice", reason=""),
        ("requester", "approver", "operator", "operator whom the rule names", "root"),
    ),
    "stop": (
        lambda house: messages.Stop(id=house.first.id, reason=""),
        ("requester", "approver", "operator", "operator whom the rule names", "root"),
    ),
    "lock": (
        lambda house: messages.Lock(whom="user", name="alice", lasts_for=60, reason="gone"),
        ("operator", "operator whom the rule names", "root"),
    ),
    "unlock": (
        lambda house: messages.Unlock(id="L0CK-0001", whom=None, name=None, reason=""),
        ("operator", "operator whom the rule names", "root"),
    ),
    "reload": (lambda house: messages.Reload(), ("operator", "operator whom the rule names", "root")),
    "reload --untested": (
        lambda house: messages.Reloadtested(digest=None),
        ("operator", "operator whom the rule names", "root"),
    ),
}
"""A verb that acts → its message, and who may."""


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("verb", ACTS)
def test_who_may_look_and_not_act_is_refused_and_changes_nothing(house: Seen, verb: str, role: str) -> None:
    """THREATS S-11: every verb that acts is 3 for an auditor."""
    message, who_may = ACTS[verb]

    async def scene() -> None:
        await house.play_scene()
        n_records = house.n_records
        before = (
            [house.found(id) for id in (house.first.id, house.second.id)],
            list(house.store.grants()),
            list(house.store.runs()),
        )
        code = ""
        try:
            await house.ask(role, message(house))
        except Refusal as refused:
            code = refused.code
        if role in who_may:
            assert code in ("", "not_done", "unknown"), "the run of a test is never gone, and there is no such lock"
            return
        is_about_a_request = verb not in ("lock", "unlock", "reload", "reload --untested")
        is_blind = is_about_a_request and role in BLIND
        assert code == ("unknown" if is_blind or (verb == "withdraw" and role in BLIND) else "forbidden"), code
        after = (
            [house.found(id) for id in (house.first.id, house.second.id)],
            list(house.store.grants()),
            list(house.store.runs()),
        )
        assert after == before and house.n_records == n_records

    asyncio.run(scene())


LOOKS = {
    "locks": messages.List(what="locks", ended=True),
    "explain --as": messages.Suppose(
        argv=[b"/usr/bin/env"], login=False, user=None, group=None, cwd=b"/", cwd_device=1, cwd_inode=2, chdir=False,
        tty=None, login_session=0, parents=[], variables=[], preserved=[], locale=[],
        streams=["null"] * 3, reason=None, lasts_for=None, uses=None, timeout_for=None, service="jitsudo",
        principal="alice", groups=None, at=None, facts=[],
    ),
}  # fmt: skip


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("verb", LOOKS)
def test_auditors_see_what_operators_see(house: Seen, verb: str, role: str) -> None:
    async def scene() -> None:
        await house.play_scene()
        code = ""
        try:
            await house.ask(role, LOOKS[verb])
        except Refusal as refused:
            code = refused.code
        is_overseer = "auditor" in role or "operator" in role or role == "root"
        assert code == ("unknown" if verb == "explain --as" else "") if is_overseer else code == "forbidden", code

    asyncio.run(scene())


@pytest.mark.parametrize("role", ["operator", "auditor", "root"])
def test_a_rule_that_narrows_nothing_shows_everything_to_who_may_see_the_request(house: Seen, role: str) -> None:
    house.visible_to = None

    async def scene() -> Request:
        await house.play_scene()
        for message in (*LISTS.values(), messages.Audit(after=0), messages.Show(id=house.first.id)):
            assert found_in(await house.ask(role, message)), message
        return house.first

    asyncio.run(scene())


@pytest.mark.parametrize("narrows", [("group:privacy",), None], ids=["narrowed", "not narrowed"])
def test_a_denied_request_for_several_things_is_shown_to_no_more_people_than_its_rules_say(
    house: Seen, monkeypatch: pytest.MonkeyPatch, narrows: tuple[str, ...] | None
) -> None:
    """The gate is off: policy permitted both, and nobody can give them. THREATS T-23."""
    things = tuple(f"service-ticket:{name}/db1.example.test" for name in ("http", "postgres"))
    one_each = (rule(name=name, commands=None, gives=(given,)) for name, given in zip("ab", things, strict=True))
    house.policy = Policy(tuple(replace(found, visible_to=narrows) for found in one_each), "permit", "digest")
    monkeypatch.setattr(house.decider._givers, "fault", lambda thing: "the gate is off")
    monkeypatch.setattr(accounts, "target", lambda *asked: pwd.getpwuid(0))  # alice has no account on the host of this test

    async def scene() -> None:
        asked_for: dict[str, Any] = {"argv": tuple(name.encode() for name in things), "gives": True}
        made = await Client(house).submit(reason=SECRETS[0], **asked_for)
        assert house.found(made.id).state == "denied"
        for role in NARROWED:
            row = await house.ask(role, messages.Show(id=made.id))
            assert (SECRETS[0] in row) is (narrows is None), role
        assert SECRETS[0] in await house.ask("requester", messages.Show(id=made.id))

    house.run(scene())


def test_an_operator_who_is_the_requester_reads_in_the_record_no_more_than_show_tells_them(
    house: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS S-11. By a second account: the digest of a file that the requester cannot read tells what is in it."""
    second = one("ally", "security", "privacy", number=9)
    second = replace(second, person=ALICE.person)
    monkeypatch.setattr(screening, "_may_read", lambda *given: False)

    async def scene() -> None:
        await house.play_scene()
        ROLES["second account"] = second
        try:
            digest = house.first.command.digest.hex()
            assert digest and not house.first.command.is_told
            by_show = await house.ask("second account", messages.Show(id=house.first.id))
            told = await house.ask("second account", messages.Audit(id=house.first.id))
            export = await house.ask("second account", messages.Export(since=None, until=None, who=None, rule=None))
        finally:
            del ROLES["second account"]
        assert SECRETS[1] in by_show and SECRETS[1] in told, "it is their own"
        assert digest not in by_show and digest not in told and digest not in export
        assert digest in await house.ask("operator whom the rule names", messages.Audit(id=house.first.id))

    house.run(scene())
