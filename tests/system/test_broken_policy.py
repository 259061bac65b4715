# SPDX-License-Identifier: Apache-2.0
"""A daemon that starts while its policy files have a fault: it permits nothing, and goes on with everything that takes away.

Law: each way to a permit is tried against such a daemon, and nothing but a denial is written. The same way is open before, and
again once the files are mended and read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from jitd.core.request import RequestState
from jitpam.wire import messages
from tests.attacks.raw import asked, connected, review, shown_to, submission
from tests.pam.programs import BY_NAME, Gated
from tests.system.conftest import OF_THE_LAB, House
from tests.system.gated import PASS, gated
from tests.waiting import wait_for

GLASS = """
[[permit]]
name = "glass"
who = ["group:dba"]
run_as = ["*"]
commands = [["**"]]
reason = "required"
break_glass = { instead_of = "lab-dba", review = "1h" }
"""
SLEEPS = '\n[[permit]]\nname = "sleeps"\nwho = ["user:carol"]\ncommands = [["/usr/bin/sleep", "*"]]\n'
WATCHED = """
[[permit]]
name = "watched"
who = ["group:dba"]
commands = [["/usr/bin/whoami"]]
approvals = [{ need = 1, from = ["group:ops"] }]
run = { observed = "required" }
"""
WHOLE = WATCHED + OF_THE_LAB + GLASS + SLEEPS
WHAT = "not TOML"
PLACE = "policy.d/60-broken.toml:2"


def sentence(house: House) -> str:
    return f"the policy is broken at {house.root}/{PLACE}, and permits nothing; root mends it, then: jitd reload"


def start_broken(house: House) -> None:
    """A file with a fault comes, and the daemon starts anew, as after a reboot."""
    house.set_policy("\npermit everything\n", "60-broken.toml")
    house.restart()


def mend(house: House) -> None:
    (house.root / "policy.d/60-broken.toml").unlink()
    house.reload()


def granted(house: House) -> list[tuple[str, int]]:
    return sorted((str(row["id"]), int(row["left"])) for row in house.rows("grants"))


@pytest.fixture(scope="module")
def lived() -> Iterator[tuple[House, dict[str, str]]]:
    """A daemon with a lease, an approved request, a request that waits and a run, which then starts with a broken policy."""
    house, made = House(WHOLE).start(), dict[str, str]()
    with connected(house, "alice") as alice, connected(house, "bob") as bob:
        for name in ("lease", "approved", "waiting", "unwanted"):
            terms = {"lasts_for": 600, "uses": 5} if name == "lease" else {}
            made[name] = alice.submit("echo", name, waits=False, **terms)
        made["watched"] = alice.submit("whoami", waits=False)
        for name in ("lease", "approved", "watched"):
            assert isinstance(bob.ask(review(shown_to(house, "root", made[name])))[-1], messages.Done)
        assert alice.ask(submission("echo", "lease", if_owed=False))[-1].type == "start", "before: the lease is used"
    running = house.ask("carol", "sleep", "1000")
    made["run"] = wait_for(lambda: next((run.id for run in house.kept("runs") if run.state == "running"), ""), what="a run")
    start_broken(house)
    try:
        yield house, made
        house.jitd("stop", made["run"])
        assert running.end() != 0
        house.verify()
    finally:
        house.close()


def test_what_nobody_may_and_everybody_could_before(lived: tuple[House, dict[str, str]]) -> None:
    """THREATS O-20: by a new request, a lease, an approval of before, broken glass, a thing; nothing is used up by it."""
    house, made = lived
    grants, said = granted(house), sentence(house)
    with connected(house, "alice") as alice, connected(house, "carol") as carol:
        for name, answer in {
            "a request": alice.refusal(submission("true")),
            "one that needs no approval": carol.refusal(submission("sleep", "1")),
            "a lease": alice.refusal(submission("echo", "lease", if_owed=False)),
            "an approval": alice.refusal(messages.Resume(id=made["approved"], streams=["null"] * 3)),
            "one that somebody has to watch": alice.refusal(messages.Resume(id=made["watched"], streams=["null"] * 3)),
            "broken glass": alice.refusal(messages.Breakglass(**asked("true", reason="down"), waits=True, if_owed=True)),
        }.items():
            assert answer[0] == "denied" and said in answer[1], (name, answer)
        assert alice.refusal(messages.List(what="rules", ended=False)) == ("denied", said)
    done = house.sudo("alice", "--get", "service-ticket:postgres/lab.example.test")
    assert done.returncode == 121 and said in done.stderr, done
    assert granted(house) == grants
    assert all(one.state is not RequestState.APPROVED for one in house.kept("requests"))


def test_root_goes_on(lived: tuple[House, dict[str, str]]) -> None:
    house, _ = lived
    assert house.sudo("root", "true").returncode == 0


def test_only_the_place_of_the_fault_is_told_to_who_asks(lived: tuple[House, dict[str, str]]) -> None:
    """THREATS O-20: what the files say is for root and the record."""
    house, _ = lived
    done = house.sudo("alice", "true")
    assert (done.returncode, done.stderr.strip()) == (121, f"jitsudo: denied: {sentence(house)}")
    (refused,) = [record for record in house.records() if record["event"] == "policy.refused"]
    assert WHAT in str(refused["detail"]["faults"])
    explained = house.jitd("explain", "true", who="alice")
    assert explained.returncode == 1 and sentence(house) in explained.stdout + explained.stderr


def test_what_was_asked_is_recorded_and_no_word_of_it_that_a_mask_may_have_hidden(lived: tuple[House, dict[str, str]]) -> None:
    """THREATS O-20: the masks and ``visible_to`` of the files are not known, so nothing that they could hide is kept or shown."""
    house, _ = lived
    assert house.sudo("alice", "--reason", "my-reason", "--yes-show", "echo", "--password=hunter2", "hunter3").returncode == 121
    last = house.kept("requests", ended=True)
    (denied,) = [one for one in last if one.claims.reason == "my-reason"]
    shown = str(house.show(denied.id)) + str(house.records())
    assert not any(word in shown for word in ("hunter2", "hunter3", "my-reason"))
    for file in house.root.glob("state/jitd.db*"):
        assert b"hunter" not in file.read_bytes()


def test_a_request_that_waits_stays_and_is_told_and_nobody_approves_it(lived: tuple[House, dict[str, str]]) -> None:
    """THREATS O-20."""
    house, made = lived
    done = house.approve(made["waiting"])
    assert done.returncode == 1 and sentence(house) in done.stderr, done
    assert house.show(made["waiting"])["state"] == "pending"
    resumed = house.ask("alice", f"--resume={made['waiting']}")
    wait_for(lambda: sentence(house) in resumed.err, what="the sentence")
    resumed.process.kill()
    assert resumed.end() != 0


def test_all_that_takes_away_goes_on(lived: tuple[House, dict[str, str]]) -> None:
    house, made = lived
    assert house.deny(made["unwanted"]).returncode == 0
    assert house.show(made["unwanted"])["state"] == "denied"
    assert house.jitd("lock", "--user", "eve", "--reason", "laptop stolen").returncode == 0
    assert len(house.rows("locks")) == 1
    assert house.sudo("eve", "true").stderr == 'jitsudo: denied: locked: "laptop stolen"\n'
    assert house.jitd("unlock", "--user", "eve").returncode == 0
    house.ended("stop", made["run"])
    assert not house.kept("runs")
    assert house.jitd("revoke", made["approved"]).returncode == 0
    assert made["approved"] not in {row["id"] for row in house.rows("grants")}
    assert house.jitd("audit", "show").returncode == 0


def test_mended_and_read_all_is_as_before(lived: tuple[House, dict[str, str]]) -> None:
    """A reload with a fault changes nothing; one without puts the policy in force, and what waited can be approved."""
    house, made = lived
    done = house.jitd("reload")
    assert done.returncode == 1 and f"{house.root}/{PLACE}" in done.stderr
    assert "stays" not in done.stderr, "there is no old policy that could stay"
    assert house.sudo("alice", "true").returncode == 121
    mend(house)
    assert house.approve(made["waiting"]).returncode == 0
    assert house.sudo("carol", "sleep", "0").returncode == 0
    with connected(house, "alice") as alice:
        assert alice.ask(submission("echo", "lease", if_owed=False))[-1].type == "start"


def test_nobody_outside_is_asked_and_what_they_were_asked_about_goes_on_afterwards() -> None:
    """THREATS O-20: gatekeepers and providers. A request that waits for a gatekeeper's answer stays, and is asked about again."""
    with gated() as stage:
        stage.calendar.hold()
        client = stage.start("asked")
        id = stage.submitted().id
        is_told = lambda: "asking" in client.err_with_news  # noqa: E731  # by which it knows its request, and comes back to it
        wait_for(lambda: stage.calendar.asked and is_told(), what="a question to the gatekeeper, and that the client is told")
        start_broken(stage.house)
        stage.calendar.answer(PASS)
        n_asked = len(stage.calendar.asked)
        for rule in ("free", "risky"):
            other = stage.start(rule)
            assert other.end() == 121 and sentence(stage.house) in other.err
        assert (len(stage.calendar.asked), stage.ticket.n_asked_for_risk, stage.ran) == (n_asked, 0, [])
        assert stage.found(id).state is RequestState.SCREENING
        mend(stage.house)
        wait_for(lambda: stage.found(id).state is RequestState.PENDING, what="the gatekeeper's answer")
        stage.approve(id)
        assert client.end() == 0, client.err
        assert stage.ran == ["asked"]


def test_sudo_is_closed_with_the_sentence_and_opens_again() -> None:
    """THREATS O-20: a gate in sudo's stack."""
    with contextlib.closing(Gated()) as gated:
        gated.start()
        gated.type("carol", BY_NAME["sudo"]).is_let_in()
        start_broken(gated)
        gated.type("carol", BY_NAME["sudo"]).is_kept_out("the policy is broken at")
        gated.type("root", BY_NAME["sudo"]).is_let_in()
        mend(gated)
        gated.type("carol", BY_NAME["sudo"]).is_let_in()
        gated.verify()
