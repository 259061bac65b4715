# SPDX-License-Identifier: Apache-2.0
"""Whose approval counts, for what, how often, and what happens when several things happen at once.

Law: after every refusal the request is as it was before; every request comes to one end, and nothing runs by any other way.
"""

from __future__ import annotations

import itertools
import random
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jitpam.wire import messages
from jitpam.wire.coding import encode
from jitpam.wire.framing import frame
from tests.attacks.raw import (
    CACHES,
    REALM,
    Raw,
    connected,
    credentials,
    hand_over,
    kinit,
    review,
    shown_to,
    submission,
    uid_of,
)
from tests.attacks.raw import principal as make_principal
from tests.system.conftest import OF_THE_LAB
from tests.times import times
from tests.waiting import wait_for

ROUNDS = times(12)
"""How often everything happens at the same moment."""
EXPIRIES = 4
"""How often the end of the time is part of it."""
_number = itertools.count(1)


def marker() -> Path:
    path = Path(f"/srv/review-{next(_number)}")
    path.unlink(missing_ok=True)
    return path


# --- one's own -----------------------------------------------------------------------------------------------------------

ANYBODY = """
[[permit]]
name = "anybody-reviews"
who = ["user:alice", "user:alice-adm", "user:twin"]
commands = [["**"]]
approvals = [
    { need = 1, from = [
        "group:ops", "user:alice", "user:alice-adm", "user:twin", "user:root", "principal:alice/root@EXAMPLE.TEST",
    ] },
]
"""
TABLE = f"""
[principals]
"alice/admin@{REALM}" = "alice-adm"
"alice/root@{REALM}" = "alice"
[people]
alice = ["alice", "alice-adm"]
"""
FORMS = {
    "the same principal": ("alice", "alice"),
    "another principal of the same account": ("alice/root", "alice"),
    "another account of the same person": ("alice-adm", "alice-adm"),
    "another principal of another account of the same person": ("alice/admin", "alice-adm"),
    "another account of the same number": ("twin", "twin"),
    "root without a ticket": (None, "root"),
}
"""Who it is, in words → the principal, and the account that they come from."""


@pytest.fixture(scope="module")
def identities():
    """The principals of FORMS and their caches, and the accounts behind them, all of whom a rule would let review."""
    subprocess.run(["useradd", "-m", "-u", "4801", "-G", "ops", "alice-adm"], check=True, capture_output=True)
    subprocess.run(["useradd", "-o", "-u", str(uid_of("alice")), "-G", "ops", "twin"], check=True, capture_output=True)
    caches = {None: None}
    for principal, account in FORMS.values():
        if principal is not None:
            if principal != "alice":
                make_principal(principal, "secret")
            password = "alicealice" if principal == "alice" else "secret"
            caches[principal] = kinit(CACHES / f"form-{principal.replace('/', '-')}", f"{principal}@{REALM}", password)
            subprocess.run(["chown", str(uid_of(account)), caches[principal]], check=True)
    yield caches
    subprocess.run(["userdel", "-f", "twin"], check=True, capture_output=True)
    subprocess.run(["userdel", "-r", "alice-adm"], check=True, capture_output=True)


@pytest.fixture(scope="module")
def anybodys(identities):
    from tests.system.conftest import House

    with House(ANYBODY, TABLE) as made:
        yield made


def by_command(house, identities, form, id):
    """``jitd approve`` as that identity: its exit status."""
    principal, account = FORMS[form]
    environment = [] if principal is None else [f"KRB5CCNAME=FILE:{identities[principal]}"]
    become = [] if account == "root" else ["setpriv", f"--reuid={uid_of(account)}", "--clear-groups", "--"]
    line = [*become, "env", *environment, f"JITD_SOCKET={house.socket}", "jitd", "approve", id, "--yes"]
    done = subprocess.run(line, capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd="/", check=False)
    return {3: "forbidden", 4: "unknown", 119: "unauthenticated"}.get(done.returncode, done.stderr)


def by_message(house, identities, form, id):
    """A Review at the socket, of the right fingerprint, by somebody who was not even shown the request."""
    principal, account = FORMS[form]
    with Raw(house, uid_of(account)) as raw:
        raw.sign_in(None if principal is None else credentials(identities[principal]))
        return raw.refusal(review(shown_to(house, "root", id)))[0]


@pytest.mark.parametrize("enter", [by_command, by_message], ids=["jitd approve", "the socket"])
@pytest.mark.parametrize("form", FORMS)
def test_nobody_reviews_their_own_by_whatever_name(anybodys, identities, form, enter):
    """THREATS A-01: six forms of one person, each at both entries, each with every right to review but that."""
    with connected(anybodys, "alice") as alice:
        id = alice.submit("true")
        before = shown_to(anybodys, "root", id)
        assert before["state"] == "pending"
        assert enter(anybodys, identities, form, id) in ("forbidden", "unknown", "unauthenticated")
        assert shown_to(anybodys, "root", id) == before
        assert alice.refusal(messages.Withdraw(id=id))[0] == "withdrawn"


def test_root_reads_that_root_reviews_nothing(anybodys, identities):
    """The rule names root, too: it is not for the rule to say."""
    with connected(anybodys, "alice") as alice:
        id = alice.submit("true")
        before = shown_to(anybodys, "root", id)
        with Raw(anybodys) as raw:
            raw.sign_in(None)
            code, text = raw.refusal(review(before))
        assert code == "forbidden" and "root may not review; do it from your own account" in text
        for words in (("approve", id), ("approve", id, "--yes"), ("deny", id, "--reason", "no")):
            done = anybodys.jitd(*words)
            assert done.returncode == 3 and "root may not review; do it from your own account" in done.stderr, done.stderr
        assert shown_to(anybodys, "root", id) == before
        assert alice.refusal(messages.Withdraw(id=id))[0] == "withdrawn"


@pytest.mark.parametrize("form", list(FORMS)[1:5])
def test_nor_the_other_way_round(anybodys, identities, form):
    """THREATS A-01: what is asked by another name is still one's own."""
    principal, account = FORMS[form]
    with Raw(anybodys, uid_of(account)) as other, connected(anybodys, "alice") as alice:
        other.sign_in(credentials(identities[principal]))
        id = other.submit("true")
        row = shown_to(anybodys, "root", id)
        assert row["requester"] == f"{principal}@{REALM}"
        assert alice.refusal(review(row))[0] in ("forbidden", "unknown")
        assert shown_to(anybodys, "root", id) == row
        assert other.refusal(messages.Withdraw(id=id))[0] == "withdrawn"


def test_one_person_counts_once_by_however_many_accounts(own_house, identities):
    """THREATS A-01: two approvals by one person are one; the second has to be somebody else's."""
    policy = (
        OF_THE_LAB.replace("need = 1", "need = 2")
        .replace("group:dba", "user:eve")
        .replace('"group:ops"', '"group:ops", "user:alice"')
    )
    house = own_house(policy, TABLE).start()
    with connected(house, "eve") as eve:
        id = eve.submit("true", waits=False)
    row = shown_to(house, "root", id)
    for principal, account in (
        ("alice", "alice"),
        ("alice-adm", "alice-adm"),
        ("alice/admin", "alice-adm"),
        ("alice/root", "alice"),
    ):
        with Raw(house, uid_of(account)) as raw:
            raw.sign_in(credentials(identities[principal]))
            assert raw.ask(review(row))[-1].type == "done"
        now = shown_to(house, "root", id)
        assert (now["state"], now["owed"]) == ("pending", 1)
    with connected(house, "bob") as bob:
        assert bob.ask(review(row))[-1].type == "done"
    assert shown_to(house, "root", id)["state"] == "approved"
    house.verify()


# --- the same again, and elsewhere -----------------------------------------------------------------------------------------


def test_a_review_that_is_repeated_does_nothing_more(house):
    """THREATS A-03: on the same connection, on another one, and after a restart of the daemon."""
    left = marker()
    with connected(house, "alice") as alice, connected(house, "bob") as bob:
        id = alice.submit("sh", "-c", f"echo ran >> {left}", waits=False)
        said = review(shown_to(house, "bob", id))
        assert bob.ask(said)[-1].text == f"request {id} is approved"
        after = shown_to(house, "root", id)
        n_records = len(house.records())
        for again in (bob, bob, connected(house, "bob")):
            assert "already" in again.ask(said)[-1].text
            assert bob.refusal(review(after, "deny"))[0] == "late"
    with connected(house, "carol") as carol:
        assert carol.refusal(said)[0] == "late"
    assert shown_to(house, "root", id) == after
    assert len(house.records()) == n_records
    assert len(after["reviews"]) == 1 and after["grant"]["left"] == 1
    assert not left.exists(), "an approval alone starts nothing"


def test_a_review_of_one_request_is_none_of_another(house):
    """THREATS A-03: neither of one that waits beside it, nor of the same command asked for again."""
    with connected(house, "alice") as alice, connected(house, "bob") as bob:
        one, other = (alice.submit("true", waits=False) for _ in range(2))
        rows = {id: shown_to(house, "root", id) for id in (one, other)}
        assert rows[one]["fingerprint"] != rows[other]["fingerprint"]
        for id, strange in ((one, other), (other, one)):
            assert bob.refusal(review(rows[strange], id=id))[0] == "not_done"
        assert alice.ask(messages.Withdraw(id=one))[-1].type == "done"
        assert bob.refusal(review(rows[one]))[0] == "late"
        third = alice.submit("true", waits=False)
        assert bob.refusal(review(rows[one], id=third))[0] == "not_done"
        assert shown_to(house, "root", third)["state"] == "pending"
        assert shown_to(house, "root", other) | {"alike": [one]} == rows[other]
        for id in (other, third):
            alice.ask(messages.Withdraw(id=id))


def test_a_review_of_another_fingerprint_is_refused(house):
    """THREATS A-03: one bit of any of its bytes, none of it, and more of it."""
    with connected(house, "alice") as alice, connected(house, "bob") as bob:
        id = alice.submit("true", waits=False)
        row = shown_to(house, "root", id)
        right = bytes.fromhex(row["fingerprint"])
        altered = [right[:n] + bytes([right[n] ^ 1 << n % 8]) + right[n + 1 :] for n in range(32)]
        for wrong in (*altered, b"", right[:31], right + b"\0", right * 2, bytes(32)):
            for verdict in ("approve", "deny"):
                assert bob.refusal(review(row, verdict, fingerprint=wrong))[0] == "not_done"
        for verdict in ("", "APPROVE", "yes", "approve\n", "permit"):
            assert bob.refusal(review(row, verdict))[0] == "usage"
        assert shown_to(house, "root", id) == row
        alice.ask(messages.Withdraw(id=id))


@pytest.mark.parametrize(
    "spelled", [str.lower, lambda id: id.replace("-", ""), lambda id: f" {id} ", lambda id: id.replace("0", "O")]
)
def test_an_id_has_several_spellings_and_one_request(house, spelled):
    """Part of A-08: what a person may type; a part of it is nobody's name."""
    with connected(house, "alice") as alice, connected(house, "bob") as bob:
        id = alice.submit("echo", str(next(_number)), waits=False)
        row = shown_to(house, "root", id)
        for part in (id[:8], id[:4], id[:-1], "", id + "0", id + ".x", id + ".0"):
            assert bob.refusal(review(row, id=part))[0] == "unknown", part
        assert bob.ask(review(row, id=spelled(id)))[-1].type == "done"
        assert shown_to(house, "root", id)["state"] == "approved"


# --- races ---------------------------------------------------------------------------------------------------------------

ENDED = {"approved", "denied", "withdrawn", "expired"}


def all_at_once(house, dice, *, expires=False):
    """One request; two who approve, one who denies, its requester who takes it back: in any order, all in one moment."""
    left = marker()
    crowd = {who: connected(house, who) for who in ("bob", "carol", "dave")}
    with connected(house, "alice") as alice, connected(house, "alice") as elsewhere:
        before = len(house.records())
        id = alice.submit("touch", str(left))
        asked_at = time.monotonic()
        row = shown_to(house, "root", id)
        said = [
            (crowd["bob"], review(row)),
            (crowd["carol"], review(row)),
            (crowd["dave"], review(row, "deny", "no")),
            (elsewhere, messages.Withdraw(id=id)),
        ]
        dice.shuffle(said)
        if expires:
            about = asked_at + 1.0 + dice.uniform(-0.03, 0.01)
            wait_for(lambda: time.monotonic() >= about)
        for raw, message in said[: dice.randint(2, 4)]:
            raw.send(frame(raw.seal(encode(message))))
        final = wait_for(lambda: state_of(house, id), what=f"the end of {id}")
        while (answer := alice.hear()).type == "progress":
            pass
        for raw in crowd.values():
            raw.close()
        new = [record for record in house.records()[before:] if record["id"] == id]  # of an earlier one a run may end yet
    return id, final, answer, new, left


def state_of(house, id):
    state = shown_to(house, "root", id)["state"]
    return state if state in ENDED else None


TOLD = {"denied": "reviewed", "withdrawn": "withdrawn", "expired": "expired"}


def check_round(house, id, final, answer, new, left):
    ends = [
        record for record in new if record["id"] == id and record["event"].startswith("request.") and record["state"] in ENDED
    ]
    assert len(ends) == 1, "one end"
    assert ends[0]["state"] == final
    after = [r for r in new if r["id"] == id and r["event"].startswith("request.") and r["number"] > ends[0]["number"]]
    assert after == [], "and nothing after it"
    grants = [record for record in new if record["id"] == id and record["event"] == "grant.issued"]
    assert len(grants) == (final == "approved")
    if final == "approved":
        assert answer.type == "start"
    else:
        assert answer.type == "refused" and answer.code == TOLD[final]
        assert not any(record["event"].startswith("run.") for record in new)
    assert not left.exists(), "nobody handed streams over"


def test_whatever_happens_in_the_same_moment_a_request_comes_to_one_end(own_house):
    """THREATS A-05: approve, approve, deny and withdraw in any order; the answer, the record and the state agree."""
    house = own_house().start()
    dice = random.Random(5)
    seen = set()
    for _ in range(ROUNDS):
        outcome = all_at_once(house, dice)
        check_round(house, *outcome)
        seen.add(outcome[1])
    assert len(seen) > 1, "the order did matter"
    house.verify()


def test_the_end_of_the_time_is_one_of_them(own_house):
    """THREATS A-05: the deadline passes while they decide."""
    house = own_house(OF_THE_LAB + 'expires = "1s"\n').start()
    dice = random.Random(7)
    for _ in range(EXPIRIES):
        outcome = all_at_once(house, dice, expires=True)
        check_round(house, *outcome)
    house.verify()


# --- the requester goes ----------------------------------------------------------------------------------------------------


def test_a_client_that_goes_between_the_approval_and_its_turn_runs_nothing(house):
    """THREATS A-06: killed before, at and after the approval, one that only stops: nothing is run, and the record says so."""
    stopped_left = marker()
    stopped = house.ask("alice", "touch", str(stopped_left))
    stopped_id = stopped.id
    subprocess.run(["kill", "-STOP", str(stopped.process.pid)], check=True)
    with connected(house, "bob") as bob:
        assert bob.ask(review(shown_to(house, "root", stopped_id)))[-1].type == "done"
        for after in range(6):
            left = marker()
            alice = connected(house, "alice")
            id = alice.submit("touch", str(left))
            said = review(shown_to(house, "root", id))
            if after == 0:
                alice.close()
            bob.say(said)
            if after == 1:
                alice.close()
            bob.hear()
            if after == 2:
                alice.close()
            if after == 3:
                alice.socket.shutdown(1)
            if after >= 4:
                wait_for(lambda alice=alice: alice.hear().type == "start")
                alice.close()
            row = wait_for(lambda id=id: has_settled(house, id))  # a monitor waits ten seconds for its client
            alice.close()
            if row["state"] == "approved":
                assert all(run["outcome"]["ending"] == "not started" for run in row["runs"])
                assert row["grant"]["left"] == 1, "the use is given back"
            else:
                assert row["state"] == "withdrawn" and row["runs"] == []
            assert not left.exists()
    row = wait_for(lambda: has_settled(house, stopped_id), what="the end of patience with who is stopped")
    assert row["runs"][0]["outcome"]["ending"] == "not started" and row["grant"]["left"] == 1
    stopped.process.kill()
    stopped.process.wait()
    assert not stopped_left.exists()


def has_settled(house, id):
    row = shown_to(house, "root", id)
    is_over = row["state"] in ENDED and all(run["state"] == "ended" for run in row["runs"])
    return row if is_over and (row["state"] != "approved" or row["runs"]) else None


def test_an_approval_without_a_client_starts_nothing_whoever_comes(house):
    """THREATS A-06: only the same principal, by resuming it, has the run; neither the approver nor anybody else."""
    left = marker()
    with connected(house, "alice") as alice:
        id = alice.submit("touch", str(left), waits=False)
    with connected(house, "bob") as bob:
        assert bob.ask(review(shown_to(house, "root", id)))[-1].type == "done"
    for who in ("bob", "carol", "dave", "eve", "root"):
        with connected(house, who) as raw:
            assert raw.refusal(messages.Resume(id=id, streams=["null"] * 3))[0] == "unknown"
            assert raw.refusal(messages.Withdraw(id=id))[0] == ("unknown" if who == "eve" else "forbidden")
    row = shown_to(house, "root", id)
    assert row["runs"] == [] and row["grant"]["left"] == 1
    assert not left.exists()


def test_one_use_is_one_run_however_many_resume_it_at_once(house):
    """THREATS A-03, A-05: the same person on many connections, and by asking for the same again."""
    with connected(house, "alice") as alice:
        id = alice.submit("echo", "once", waits=False)
    with connected(house, "bob") as bob:
        assert bob.ask(review(shown_to(house, "root", id)))[-1].type == "done"
    many = [connected(house, "alice") for _ in range(8)]
    for n, raw in enumerate(many):
        message = (
            messages.Resume(id=id, streams=["null"] * 3)
            if n % 2
            else submission("echo", "once", if_owed=False, streams=["null"] * 3)
        )
        raw.send(frame(raw.seal(encode(message))))
    with ThreadPoolExecutor(len(many)) as hearing:  # who comes late waits until the run has begun
        heard = list(hearing.map(answer_of, many))
    assert heard.count("start") == 1 and heard.count("refused") == 7
    (run,) = wait_for(lambda: ended_runs(house, id), what="the end of the run")
    assert run["outcome"]["ending"] == "exited"
    for raw in many:
        raw.close()


def answer_of(raw):
    """What its client hears after the news; who has the turn hands over streams: a use that did not begin is given back."""
    while (message := raw.hear()).type == "progress":
        pass
    if message.type == "start":
        hand_over(*raw.descriptors)
    return message.type


def ended_runs(house, id):
    runs = shown_to(house, "root", id)["runs"]
    return runs if all(run["state"] == "ended" for run in runs) else None
