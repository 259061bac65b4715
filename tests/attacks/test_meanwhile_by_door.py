# SPDX-License-Identifier: Apache-2.0
"""What changes between an approval that came by the door and its use: no approval counts that would not be taken now.

Law: after each change nothing has run, and without the change the same use runs.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import gssapi
import pytest

from jitpam.wire import messages
from tests.attacks.at_door import AtDoor, door_house
from tests.attacks.raw import connected, credentials, kinit, principal, review, ticket_of
from tests.system.conftest import REALM, House
from tests.waiting import wait_for

VERA = f"vera@{REALM}"
STACK, ACCESS = Path("/etc/pam.d/jitd-test-door"), Path("/etc/jitd-test-door-access.conf")
PAM = '[pam]\nrequester = "jitd-test-door"\n'
LINE = f'[approvers."{VERA}"]\nperson = "vera"\ngroups = ["remote"]\n'
DOOR = 'from = ["group:remote", "group:night"], door = true'
POLICY = f"""
[[permit]]
name = "one"
who = ["user:alice"]
run_as = ["root"]
commands = [["/usr/bin/touch", "*"]]
approvals = [{{ need = 1, {DOOR} }}]
grant = {{ lasts = "1h", uses = 100 }}

[[permit]]
name = "two"
who = ["user:alice"]
run_as = ["root"]
commands = [["/usr/bin/mkdir", "*"]]
approvals = [{{ need = 1, {DOOR} }}, {{ need = 1, from = ["user:bob"] }}]
"""


def run(*line: str) -> None:
    subprocess.run(line, check=True, capture_output=True)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """carol is in the group night of this host, and vera has a line."""
    STACK.write_text(f"account required pam_access.so accessfile={ACCESS}\n")
    ACCESS.write_text("+ : ALL : ALL\n")
    run("groupadd", "night")
    run("gpasswd", "-a", "carol", "night")
    made = door_house(tmp_path_factory.mktemp("meanwhile"), policy=POLICY, limits=PAM + LINE)
    (made.root / "ran").mkdir()
    yield made
    made.verify()
    made.close()
    run("groupdel", "night")
    for file in (STACK, ACCESS):
        file.unlink()


@pytest.fixture(scope="module")
def veras(tmp_path_factory: pytest.TempPathFactory) -> gssapi.Credentials:
    return credentials(kinit(tmp_path_factory.mktemp("vera") / "cache", principal("vera", "visitor"), "visitor"))


# --- what changes ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """``made`` happens after ``who`` has approved, and ``undone`` after the test."""

    who: str
    made: Callable[[House], None]
    undone: Callable[[House], None]


def settings(old: str, new: str) -> Callable[[House], None]:
    def change(house: House) -> None:
        text = house.config_file.read_text()
        assert old in text
        house.config_file.write_text(text.replace(old, new))
        house.restart()

    return change


def rules(old: str, new: str) -> Callable[[House], None]:
    def change(house: House) -> None:
        text = (house.root / "policy.d/50-test.toml").read_text()
        assert old in text
        house.set_policy(text.replace(old, new))
        house.reload()

    return change


def command(*line: str) -> Callable[[House], None]:
    return lambda house: run(*line)


def pam(text: str) -> Callable[[House], None]:
    return lambda house: ACCESS.write_text(text) and None


def lock(house: House) -> None:
    assert house.jitd("lock", "--principal", VERA, "--reason", "test").returncode == 0


def unlock(house: House) -> None:
    assert house.jitd("unlock", "--principal", VERA).returncode == 0


NO_LINE, NOT_IN = "[approvers]\n", 'groups = ["remote"]'
ALICES = '[people]\nalice = ["alice", "vera"]\n' + LINE.replace('person = "vera"', 'person = "alice"')
CHANGES = {
    "nothing": Change("vera", lambda house: None, lambda house: None),
    "nothing, by an account": Change("carol", lambda house: None, lambda house: None),
    "the line is removed": Change("vera", settings(LINE, NO_LINE), settings(NO_LINE, LINE)),
    "the line gives no group": Change("vera", settings(NOT_IN, "groups = []"), settings("groups = []", NOT_IN)),
    "the settings say that she is the requester": Change("vera", settings(LINE, ALICES), settings(ALICES, LINE)),
    "the rule takes none by the door": Change(
        "vera", rules(", door = true", ""), rules('"group:night"]', '"group:night"], door = true')
    ),
    "the same for an account": Change(
        "carol", rules(", door = true", ""), rules('"group:night"]', '"group:night"], door = true')
    ),
    "the rule demands an indicator": Change(
        "vera", rules("door = true", 'door = true, indicators = ["otp"]'), rules(', indicators = ["otp"]', "")
    ),
    "the principal gets an account": Change("vera", command("useradd", "vera"), command("userdel", "vera")),
    "a lock": Change("vera", lock, unlock),
    "the account leaves the group": Change(
        "carol", command("gpasswd", "-d", "carol", "night"), command("gpasswd", "-a", "carol", "night")
    ),
    "the account expires": Change(
        "carol", command("usermod", "-e", "1970-01-02", "carol"), command("usermod", "-e", "", "carol")
    ),
    "PAM keeps the account out": Change("carol", pam("- : carol : ALL\n+ : ALL : ALL\n"), pam("+ : ALL : ALL\n")),
    "the stack of PAM is gone": Change(
        "carol", lambda house: STACK.rename("/etc/gone") and None, lambda house: Path("/etc/gone").rename(STACK) and None
    ),
}
RUNS = {"nothing", "nothing, by an account"}


@pytest.fixture(params=CHANGES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Meanwhile:
    """A request of alice, the change, and what ran."""

    def __init__(self, house: House, change: Change, veras: gssapi.Credentials) -> None:
        self.house, self._change = house, change
        self._ticket = veras if change.who == "vera" else ticket_of(change.who)
        self.place = house.root / "ran" / os.urandom(4).hex()

    def asked(self, program: str, **more: object) -> str:
        with connected(self.house, "alice") as raw:
            return raw.submit(f"/usr/bin/{program}", str(self.place), waits=False, **more)

    def approved_by_door(self, id: str) -> None:
        with AtDoor(self.house) as who:
            who.sign_in(self._ticket)
            (row,) = who.rows(messages.Show(id=id))
            who.stamp()
            answer = who.ask(review(row))[-1]
            assert isinstance(answer, messages.Done), answer

    def happens(self) -> None:
        self._change.made(self.house)

    def is_untouched(self) -> bool:
        return not self.place.exists() and not self.house.kept("runs")

    def undo(self) -> None:
        self._change.undone(self.house)


@pytest.fixture
def meanwhile(house: House, name: str, veras: gssapi.Credentials) -> Iterator[Meanwhile]:
    made = Meanwhile(house, CHANGES[name], veras)
    yield made
    made.undo()


def test_an_approval_by_the_door_does_not_count_at_a_use_after_the_change(meanwhile: Meanwhile, name: str) -> None:
    """THREATS F-12, F-17."""
    id = meanwhile.asked("touch")
    meanwhile.approved_by_door(id)
    assert str(meanwhile.house.request_of(id).state) == "approved"
    meanwhile.happens()
    used = meanwhile.house.sudo("alice", f"--resume={id}")
    if name in RUNS:
        assert used.returncode == 0 and meanwhile.place.exists(), used
        return
    assert used.returncode == 121 and meanwhile.is_untouched(), used
    assert not any(one.id.startswith(id) for one in meanwhile.house.kept("runs", ended=True))


def test_it_does_not_count_at_the_next_use_of_a_lease(meanwhile: Meanwhile, name: str) -> None:
    """THREATS F-12, F-17."""
    house, line = meanwhile.house, ("/usr/bin/touch", str(meanwhile.place))
    id = meanwhile.asked("touch", uses=5, lasts_for=3600)
    meanwhile.approved_by_door(id)
    assert house.sudo("alice", f"--resume={id}").returncode == 0
    meanwhile.place.unlink()
    house.at_rest()
    meanwhile.happens()
    used = house.sudo("alice", "-n", *line)
    if name in RUNS:
        assert used.returncode == 0 and meanwhile.place.exists(), used
        return
    assert used.returncode in (118, 121) and meanwhile.is_untouched(), used
    assert len([one for one in house.kept("runs", ended=True) if one.id.startswith(id)]) == 1


def test_it_does_not_count_when_the_next_approver_approves(meanwhile: Meanwhile, name: str) -> None:
    """THREATS F-12, F-17."""
    house = meanwhile.house
    waiting = house.ask("alice", "/usr/bin/mkdir", str(meanwhile.place))
    id = waiting.id
    meanwhile.approved_by_door(id)
    meanwhile.happens()
    wait_for(
        lambda: not house.show(id)["gone"], what="the client of the request"
    )  # it comes back to a jitd that has started again
    with connected(house, "bob") as bob:
        (row,) = bob.rows(messages.Show(id=id))
        answer = bob.ask(review(row))[-1]
    if name in RUNS:
        assert isinstance(answer, messages.Done) and waiting.end() == 0 and meanwhile.place.exists(), answer
        return
    assert str(house.request_of(id).state) in ("pending", "denied") and meanwhile.is_untouched(), answer
    house.jitd("deny", id, "--reason", "over", who="bob")
    assert waiting.end() != 0 and meanwhile.is_untouched()


# --- whom PAM keeps out ------------------------------------------------------------------------------------------------


@pytest.fixture
def kept_out() -> Iterator[None]:
    ACCESS.write_text("- : carol : ALL\n+ : ALL : ALL\n")
    yield
    ACCESS.write_text("+ : ALL : ALL\n")


DENIED = "the account policy of this host denies your account (jitd-test-door): it may not be used on this host"


def test_an_account_that_only_pam_keeps_out_is_not_let_in_at_the_door(house: House, kept_out: None) -> None:
    """THREATS F-17. On the host nobody is asked about who reviews, because a login has asked."""
    before = house.head()
    with AtDoor(house) as carol:
        with pytest.raises(AssertionError) as refused:
            carol.sign_in(ticket_of("carol"))
        assert "forbidden" in str(refused.value) and DENIED in str(refused.value)
        assert carol.hear() is None
    assert house.head() == before
    with connected(house, "carol") as carol:
        assert isinstance(carol.ask(messages.List(what="requests", ended=False))[-1], messages.Done)


@pytest.mark.parametrize("verdict", ["approve", "deny"])
def test_who_is_kept_out_in_the_middle_of_a_conversation_approves_nothing_more_and_may_deny(
    house: House, veras: gssapi.Credentials, verdict: str
) -> None:
    """THREATS F-17."""
    meanwhile = Meanwhile(house, CHANGES["PAM keeps the account out"], veras)
    id = meanwhile.asked("touch")
    with AtDoor(house) as carol:
        carol.sign_in(ticket_of("carol"))
        (row,) = carol.rows(messages.Show(id=id))
        carol.stamp()
        meanwhile.happens()
        try:
            answer = carol.ask(review(row, verdict, "no"))[-1]
        finally:
            meanwhile.undo()
    if verdict == "deny":
        assert isinstance(answer, messages.Done) and str(house.request_of(id).state) == "denied"
    else:
        assert isinstance(answer, messages.Refused) and (answer.code, answer.text) == ("forbidden", DENIED)
        assert str(house.request_of(id).state) == "pending" and not house.request_of(id).reviews
