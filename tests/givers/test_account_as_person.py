# SPDX-License-Identifier: Apache-2.0
"""A made account is its holder's person, with a daemon, a KDC and accounts that are real: in both directions, and afterwards.

Law: after a refusal nothing has changed. The account is entered as its holder would: with tickets of the holder's own.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from jitd.core.holding import HoldingState
from jitd.store.sqlite import SqliteStore
from jitpam.client import RefusedByDaemon
from jitpam.wire.messages import Message, Revoke, Unlock
from tests.givers.account_world import NOTES, made_for, of_host
from tests.system.conftest import House
from tests.waiting import PATIENCE, wait_for

POLICY = """
[[permit]]
name = "accounts"
who = ["group:dba"]
gives = ["account:contractor"]
grant = { lasts = "1h", uses = 5 }

[[permit]]
name = "commands"
who = ["group:staff", "group:dba", "principal:carol@EXAMPLE.TEST"]
run_as = ["*"]
commands = [["**"]]
approvals = [{ need = 1, from = ["group:dba", "group:ops"] }]
grant = { lasts = "1h", uses = 100 }
"""
CONFIG = """
[givers.contractor]
kind = "account"
uids = "70000-79999"
search = ["/srv"]
"""
STACK, ACCESS = Path("/etc/pam.d/jitd-test-made"), Path("/etc/jitd-test-made.conf")


class Scene:
    """An account that was made for alice. It is in the group that approves, and in that of the operators."""

    def __init__(self, house: House) -> None:
        self.before = of_host()
        self.house = house
        asking = self.house.ask("alice", "--get", "account:contractor", "--reason", "x")
        assert asking.end() == 0, asking.err + self.house.log()
        (self.account,) = made_for("alice")
        self.name = self.account.pw_name
        subprocess.run(["usermod", "-aG", "staff,ops,security", self.name], check=True)  # an administrator's mistake
        self.grant = self.house.kept("holdings")[0].grant

    def ticket_of(self, who: str) -> str:
        """A copy of the credentials of ``who`` that the account may read."""
        cache = subprocess.run(["as", who, "sh", "-c", "klist | head -1"], capture_output=True, text=True, check=True).stdout
        copy = f"/tmp/{who}-in-{self.name}"
        shutil.copyfile(cache.partition(": ")[2].strip().removeprefix("FILE:"), copy)
        os.chown(copy, self.account.pw_uid, self.account.pw_gid)
        os.chmod(copy, 0o600)
        return copy

    def line(self, *words: str, ticket_of: str = "alice") -> list[str]:
        environment = [f"JITD_SOCKET={self.house.socket}", f"KRB5CCNAME={self.ticket_of(ticket_of)}"]
        environment.append(f"PATH={os.environ['PATH']}")
        ids = [f"--reuid={self.account.pw_uid}", f"--regid={self.account.pw_gid}", "--clear-groups"]
        return ["setpriv", *ids, "--", "env", "-i", "LANG=C.UTF-8", *environment, *words]

    def by_it(self, *words: str, ticket_of: str = "alice") -> subprocess.CompletedProcess[str]:
        """``words`` by the account, to their end."""
        line = self.line(*words, ticket_of=ticket_of)
        return subprocess.run(
            line, capture_output=True, text=True, check=False, cwd="/", stdin=subprocess.DEVNULL, timeout=PATIENCE
        )

    def asks(self) -> str:
        """The account asks for a command and does not wait. Return the request's id."""
        done = self.by_it("jitsudo", "--no-wait", "--reason", "x", "id")
        waiting = [one for one in self.house.kept("requests") if one.requester.user == self.name]
        assert waiting, done.stderr
        return waiting[-1].id

    def end(self) -> None:
        self._say(Revoke(id=self.grant, of=None, reason=""))
        wait_for(lambda: not self.house.kept("holdings"), what=f"the end of the account ({self.house.log()})")

    def leave(self) -> None:
        """End everything else that would be there in the next scene."""
        for lock in self.house.kept("locks"):
            self._say(Unlock(id=lock.id, whom=None, name=None, reason=""))
        for request in self.house.kept("requests"):
            self.house.deny(request.id)
        for grant in self.house.kept("grants"):
            self._say(Revoke(id=grant.id, of=None, reason=""))
        self.house.at_rest()
        assert [*self.house.kept("locks"), *self.house.kept("requests"), *self.house.kept("grants")] == []

    def _say(self, message: Message) -> None:
        with suppress(RefusedByDaemon):  # it has ended meanwhile
            self.house.asked(message)


@pytest.fixture(scope="module")
def shared_house() -> Iterator[House]:
    """A daemon that serves all scenes, one after another."""
    Path("/run/jitd-accounts").mkdir(mode=0o755, exist_ok=True)
    house = House(POLICY, CONFIG).start()
    try:
        yield house
        house.verify()
    finally:
        house.close()
        shutil.rmtree(NOTES, ignore_errors=True)
        for name in {one.pw_name for one in pwd.getpwall() if one.pw_name.startswith("jit-")}:
            subprocess.run(["userdel", "-f", name], check=False, capture_output=True)


@pytest.fixture
def scene(shared_house: House) -> Iterator[Scene]:
    made = Scene(shared_house)
    try:
        yield made
        made.end()
        assert of_host() == made.before
    finally:
        made.leave()


@pytest.fixture
def asking_pam() -> Iterator[Scene]:
    """A scene of a daemon that asks PAM about accounts. PAM lets everybody in at first."""
    STACK.write_text(f"account required pam_access.so accessfile={ACCESS}\n")
    ACCESS.write_text("+ : ALL : ALL\n")
    Path("/run/jitd-accounts").mkdir(mode=0o755, exist_ok=True)
    house = House(POLICY, CONFIG + '\n[pam]\nrequester = "jitd-test-made"\n').start()
    try:
        made = Scene(house)
        yield made
        ACCESS.write_text("+ : ALL : ALL\n")
        made.end()
        made.leave()
        house.verify()
    finally:
        house.close()
        shutil.rmtree(NOTES, ignore_errors=True)
        STACK.unlink()
        ACCESS.unlink()


def test_by_the_account_the_holders_own_tickets_count_as_the_holders(scene: Scene) -> None:
    id = scene.asks()
    asked = scene.house.request_of(id).requester
    assert (asked.user, asked.principal, asked.person) == (scene.name, "alice@EXAMPLE.TEST", "alice")
    scene.house.approved(id)  # somebody else approves it


def test_whose_own_account_has_expired_does_not_go_on_by_the_account(scene: Scene) -> None:
    """THREATS K-25: neither with a ticket nor without one."""
    before = scene.house.head()
    subprocess.run(["chage", "-E", "0", "alice"], check=True)
    try:
        for words in ((), ("env", "-u", "KRB5CCNAME")):
            done = scene.by_it(*words, "jitsudo", "--no-wait", "--reason", "x", "id")
            assert done.returncode != 0 and done.stdout == "", done
        assert scene.house.kept("requests") == [] and scene.house.head() == before
    finally:
        subprocess.run(["chage", "-E", "-1", "alice"], check=True)
    scene.house.approved(scene.asks())  # in good standing again, the holder asks by the account


def test_whom_pam_denies_their_own_account_does_not_go_on_by_the_account(asking_pam: Scene) -> None:
    """THREATS K-25: a domain's rules name the person's own account, and none that jitd made."""
    id = asking_pam.asks()
    ACCESS.write_text("- : alice : ALL\n+ : ALL : ALL\n")
    denied = asking_pam.by_it("jitsudo", "--no-wait", "--reason", "x", "id", "-u")
    told = "the account policy of this host denies your own account alice (jitd-test-made): it may not be used on this host"
    assert denied.returncode == 121 and told in denied.stderr, denied
    asking_pam.house.approve(id)
    assert asking_pam.house.show(id)["state"] == "denied"
    ACCESS.write_text(f"- : {asking_pam.name} : ALL\n+ : ALL : ALL\n")
    denied = asking_pam.by_it("jitsudo", "--no-wait", "--reason", "x", "id", "-u")
    assert denied.returncode == 121 and "denies your account (jitd-test-made)" in denied.stderr, denied


def test_nobody_elses_tickets_count_there(scene: Scene) -> None:
    """THREATS Q-21."""
    before = scene.house.head()
    for other in ("bob", "carol"):
        done = scene.by_it("jitsudo", "--reason", "x", "id", ticket_of=other)
        assert done.returncode != 0 and "not" in done.stderr
    assert scene.house.head() == before


def test_the_holder_does_not_approve_what_they_asked_for_by_the_account(scene: Scene) -> None:
    """THREATS Q-21: alice is in a group that approves, by her own account."""
    id = scene.asks()
    before = scene.house.head()
    refused = scene.house.approve(id, who="alice")
    assert refused.returncode != 0 and "your own" in refused.stderr
    assert scene.house.head() == before and scene.house.request_of(id).is_open


def test_the_holder_does_not_approve_by_the_account_what_they_asked_for(scene: Scene) -> None:
    """THREATS Q-21: the account is in a group that approves."""
    asking = scene.house.ask("alice", "--reason", "x", "id")
    before = (scene.house.head(), asking.id)[0] if asking.id else None
    before = scene.house.head()
    refused = scene.by_it("jitd", "approve", asking.id, "--yes")
    assert refused.returncode != 0, refused.stdout
    assert scene.house.head() == before and scene.house.request_of(asking.id).is_open


def test_the_account_approves_nobodys_requests_and_is_no_operator(scene: Scene) -> None:
    """THREATS Q-22."""
    asking = scene.house.ask("carol", "--reason", "x", "id")
    id = asking.id
    before = scene.house.head()
    for words in (
        ("approve", id, "--yes"),
        ("deny", id, "--reason", "x"),
        ("lock", "--user", "bob", "--reason", "x"),
        ("reload",),
    ):
        refused = scene.by_it("jitd", *words)
        assert refused.returncode != 0, (words, refused.stdout)
    assert scene.house.head() == before and scene.house.request_of(id).is_open
    scene.house.approved(id, who="bob")


def test_a_lock_on_the_holder_ends_the_account_and_what_was_asked_by_it(scene: Scene) -> None:
    """THREATS Q-23."""
    id = scene.asks()
    assert scene.house.jitd("lock", "--user", "alice", "--reason", "x").returncode == 0
    assert str(scene.house.request_of(id).state) == "denied"
    wait_for(lambda: not made_for("alice"), what="the end of the account")


def test_a_lock_on_the_account_is_on_its_holder_also_after_it_is_gone(scene: Scene) -> None:
    """THREATS Q-23."""
    scene.end()
    done = scene.house.jitd("lock", "--user", scene.name, "--reason", "x")
    assert done.returncode == 0, done.stderr
    (placed,) = scene.house.kept("locks")
    assert placed.person == "alice"
    refused = scene.house.sudo("alice", "--reason", "x", "id")
    assert refused.returncode != 0 and "locked" in refused.stderr


def test_its_end_ends_what_was_got_by_it(scene: Scene) -> None:
    """THREATS Q-24."""
    waits, permitted = scene.asks(), scene.asks()
    assert waits != permitted and scene.house.approve(permitted).returncode == 0
    assert [one.id for one in scene.house.kept("grants")] == [scene.grant, permitted]
    scene.end()
    assert scene.house.kept("grants") == [] and not scene.house.request_of(waits).is_open


def test_what_it_asked_for_counts_as_its_holders(scene: Scene) -> None:
    """THREATS Q-25: limits are those of the person."""
    scene.asks()
    with closing(SqliteStore.reading(scene.house.database)) as store:
        assert store.n_open("alice") == 1 and store.n_open(scene.name) == 0


def test_while_it_is_taken_back_nobody_acts_by_it(scene: Scene) -> None:
    """THREATS Q-24."""
    subprocess.run(["mount", "--bind", "/dev/null", "/usr/sbin/userdel"], check=True)
    try:
        scene.house.jitd("revoke", scene.grant)
        wait_for(lambda: scene.house.kept("holdings")[0].state is HoldingState.TAKING, what="the end of the account")
        before = scene.house.head()
        done = scene.by_it("jitsudo", "--reason", "x", "id")
        assert done.returncode != 0 and scene.house.kept("requests") == []
        assert scene.house.head() == before
    finally:
        subprocess.run(["umount", "--lazy", "/usr/sbin/userdel"], check=True)


@pytest.mark.parametrize("is_gone", [False, True], ids=["while-it-is-taken", "after-its-end"])
def test_what_still_runs_under_its_uid_is_nobody_whatever_tickets_it_has(scene: Scene, *, is_gone: bool) -> None:
    """THREATS Q-35: with the holder's own tickets, too."""
    if not is_gone:
        subprocess.run(["mount", "--bind", "/dev/null", "/usr/sbin/userdel"], check=True)
    try:
        scene.house.jitd("revoke", scene.grant)
        if is_gone:
            scene.end()
        else:
            wait_for(lambda: scene.house.kept("holdings")[0].state is HoldingState.TAKING, what="the end of the account")
        before = scene.house.head()
        for words in (("jitsudo", "--no-wait", "--reason", "x", "id"), ("jitsudo", "-l"), ("jitd", "requests")):
            done = scene.by_it(*words)
            assert done.returncode != 0 and "alice" not in done.stdout, (words, done)
        assert scene.house.kept("requests") == [] and scene.house.head() == before
    finally:
        if not is_gone:
            subprocess.run(["umount", "--lazy", "/usr/sbin/userdel"], check=True)
    asking = scene.house.ask("alice", "--reason", "x", "id")
    scene.house.approved(asking.id)  # alice herself goes on by her own account


def test_while_it_is_taken_back_nobody_runs_anything_as_the_account(scene: Scene) -> None:
    """THREATS Q-24: an administrator edits with vipw, so the account is there for as long as that takes. A rule and an approval
    from before that count for nothing.
    """
    words = ("-u", scene.name, "--reason", "x", "id")
    asking = scene.house.ask("alice", "--uses", "9", *words, "-u")
    scene.house.approved(asking.id)
    assert asking.end() == 0 and asking.out.strip() == str(scene.account.pw_uid)
    again = scene.house.sudo("alice", *words, "-u")
    assert again.stdout.strip() == str(scene.account.pw_uid), again.stderr  # this needs no more approval
    subprocess.run(["mount", "--bind", "/dev/null", "/usr/sbin/userdel"], check=True)
    try:
        scene.house.jitd("revoke", scene.grant)
        wait_for(lambda: scene.house.kept("holdings")[0].state is HoldingState.TAKING, what="the end of the account")
        for option in ("-u", "-g"):
            refused = scene.house.sudo("alice", *words, option)
            assert refused.returncode != 0 and refused.stdout == "", refused
            assert f"the account {scene.name} is taken back" in refused.stderr, refused
        assert scene.house.kept("runs") == []
    finally:
        subprocess.run(["umount", "--lazy", "/usr/sbin/userdel"], check=True)
