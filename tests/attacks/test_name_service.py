# SPDX-License-Identifier: Apache-2.0
"""A directory of accounts that falls silent, behind the real NSS: whom that keeps waiting (THREATS O-08).

Law: it answers for what it alone would know, and sleeps while SILENT is there; whatever has come to it has left a mark in ASKED.
Who is in the host's own files is known without it.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jitd import workers
from jitd.server import identifying
from jitpam.wire import messages
from tests.attacks.raw import CACHES, REALM, Raw, connected, credentials, kinit, principal, review, submission, ticket_of, uid_of
from tests.news import without_news
from tests.pam.programs import BY_NAME, POLICY, Gated
from tests.system.conftest import OF_THE_LAB, House
from tests.waiting import wait_for

SWITCH, SILENT, ASKED = Path("/etc/nsswitch.conf"), Path("/run/directory-is-silent"), Path("/run/directory-was-asked")
SILENT_FOR = Path("/run/directory-is-silent-for")
MODULE = Path("/usr/lib/x86_64-linux-gnu/libnss_sleepy.so.2")
DIRECTORY = r"""
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <nss.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>
static enum nss_status sleepy(const char *name) {
    char mark[300];
    snprintf(mark, sizeof mark, "/run/directory-was-asked/%s", name);
    while (!access("/run/directory-is-silent", F_OK)) { close(open(mark, O_CREAT | O_WRONLY, 0600)); usleep(5000); }
    return NSS_STATUS_NOTFOUND;
}
static int is_number(const char *name) {  /* chown and setpriv look for a name like this first */
    return name[0] >= '0' && name[0] <= '9';
}
enum nss_status _nss_sleepy_getpwnam_r(const char *name, struct passwd *entry, char *room, size_t size, int *error) {
    return is_number(name) ? NSS_STATUS_NOTFOUND : sleepy(name);
}
enum nss_status _nss_sleepy_getpwuid_r(uid_t uid, struct passwd *entry, char *room, size_t size, int *error) {
    char name[20];
    snprintf(name, sizeof name, "%u", uid);
    return sleepy(name);
}
enum nss_status _nss_sleepy_getgrnam_r(const char *name, struct group *entry, char *room, size_t size, int *error) {
    return is_number(name) ? NSS_STATUS_NOTFOUND : sleepy(name);
}
enum nss_status _nss_sleepy_initgroups_dyn(
    const char *user, gid_t gid, long *at, long *size, gid_t **list, long limit, int *error) {
    char mark[300], silent[300];
    snprintf(silent, sizeof silent, "/run/directory-is-silent-for/%s", user);
    snprintf(mark, sizeof mark, "/run/directory-was-asked/%s", user);
    while (!access(silent, F_OK)) { close(open(mark, O_CREAT | O_WRONLY, 0600)); usleep(5000); }
    return NSS_STATUS_NOTFOUND;
}
"""
FREE = """
[[permit]]
name = "free"
who = ["user:alice", "user:eve"]
run_as = ["*"]
commands = [["/usr/bin/id", "**"]]
"""
NO_GHOSTS = FREE + '\n[[deny]]\nname = "no-ghosts"\nwho = ["group:ghosts"]\ncommands = [["/usr/bin/whoami"]]\n'


@pytest.fixture(autouse=True)
def directory(tmp_path: Path) -> Iterator[None]:
    source, before = tmp_path / "nss.c", SWITCH.read_text()
    source.write_text(DIRECTORY)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", MODULE, source], check=True)
    ASKED.mkdir(exist_ok=True)
    SILENT_FOR.mkdir(exist_ok=True)
    SWITCH.write_text(before.replace("passwd: files", "passwd: files sleepy").replace("group: files", "group: files sleepy"))
    yield
    SILENT.unlink(missing_ok=True)
    for who in SILENT_FOR.iterdir():
        who.unlink()
    SWITCH.write_text(before)
    MODULE.unlink()
    for mark in ASKED.iterdir():
        mark.unlink()


def has_come(*names: str) -> None:
    """Wait until somebody has asked the directory for all of these."""
    wait_for(lambda: all((ASKED / name).exists() for name in names), what=f"a question for {names}")


def is_late(began_at: float) -> bool:
    """Whether the daemon may have given up by now what it began then: its answer is another one after that."""
    return time.monotonic() - began_at > workers.PATIENCE - 2


def test_names_that_somebody_types_keep_none_of_their_own_files_waiting(own_house: Callable[..., House]) -> None:
    """THREATS O-08: ``-u NAME`` and ``-g NAME`` that no file knows; whose share of the threads they take."""
    house = own_house(FREE).start()
    asking = [connected(house, "eve") for _ in range(4)]
    SILENT.touch()
    began_at = time.monotonic()
    for raw, typed in zip(
        asking, ({"user": "ghost0"}, {"group": "ghost1"}, {"user": "ghost2"}, {"group": "ghost3"}), strict=True
    ):
        raw.say(submission("id", **typed))
    wait_for(lambda: len(list(ASKED.iterdir())) == 2, what="two questions")
    for who, typed in (("eve", {}), ("alice", {"user": "dave", "group": "ops"})):  # who is in a file is found
        with connected(house, who) as raw:
            assert isinstance(raw.ask(submission("id", waits=False, **typed))[-1], messages.Done), who
    SILENT.unlink()
    codes = ("usage", "failed") if is_late(began_at) else ("usage",)
    for raw in asking:
        heard = raw.hear()
        assert isinstance(heard, messages.Refused) and heard.code in codes, heard
        raw.close()
    house.verify()


def test_locks_on_names_that_nobody_answers_for_keep_root_and_the_gates_waiting_for_nothing(
    own_house: Callable[..., House],
) -> None:
    """THREATS O-08: each process that asks through PAM is root's as well, and has to be known as that."""
    house = own_house(FREE).start()
    locking = [connected(house, "dave") for _ in range(2)]
    SILENT.touch()
    began_at = time.monotonic()
    for n, raw in enumerate(locking):
        raw.say(messages.Lock(whom="user", name=f"ghost{n}", lasts_for=None, reason=""))
    has_come("ghost0", "ghost1")
    done = house.jitd("lock", "--user", "eve", "--reason", "by root")
    assert done.returncode == 0 and "could not be looked up" not in done.stderr, done.stderr
    assert [row["name"] for row in house.rows("locks")] == ["eve"]
    with Raw(house) as a_gate:
        a_gate.sign_in(None)
    SILENT.unlink()
    is_given_up = is_late(began_at)
    for raw in locking:
        heard = raw.hear()
        assert isinstance(heard, messages.Refused), heard
        assert "there is no account" in heard.text or (is_given_up and heard.code == "failed"), heard
        raw.close()
    house.verify()


def test_root_is_known_while_nobody_can_say_who_is_in_a_group_that_a_rule_denies_something_to(
    own_house: Callable[..., House],
) -> None:
    """THREATS O-08: everybody else has no answer, and so no permit; nobody takes root's threads, and no signal stops all."""
    house = own_house(NO_GHOSTS).start()
    house.jitd("locks")
    SILENT.touch()
    tickets = {who: ticket_of(who) for who in ("alice", "bob", "carol", "dave", "eve")}
    asking = []
    for who, ticket in tickets.items():
        for _ in range(3):
            asking.append(Raw(house, uid_of(who)))  # whose handshake may take some seconds: nothing else is done meanwhile
            knock(asking[-1], ticket)
    has_come("ghosts")
    assert house.process is not None
    house.process.send_signal(signal.SIGHUP)
    assert house.jitd("lock", "--all", "--reason", "the directory is down").returncode == 0
    assert house.sudo("root", "id", "-u").stdout == "0\n"
    assert house.jitd("unlock", "--all").returncode == 0
    for raw in asking:
        raw.close()
    SILENT.unlink()
    wait_for(lambda: house.sudo("alice", "id", "-u").stdout == "0\n", what="alice's answer")
    wait_for(lambda: [record for record in house.records() if record["event"] == "policy.loaded"], what="the reload")
    house.verify()


def test_whoever_waits_is_told_that_the_directory_is_slow_and_is_served_when_it_answers(own_house: Callable[..., House]) -> None:
    """THREATS O-08."""
    house = own_house(NO_GHOSTS).start()
    SILENT.touch()
    asking, quiet = house.ask("alice", "id", "-u"), house.ask("eve", "-q", "id", "-u")
    wait_for(lambda: asking.err_with_news == "jitsudo: the directory of accounts is slow; waiting\n", what="a word to who waits")
    SILENT.unlink()
    assert (asking.end(), asking.out, asking.err) == (0, "0\n", "")
    assert (quiet.end(), quiet.out, quiet.err_with_news) == (0, "0\n", "")
    SILENT.touch()
    listing = subprocess.Popen(
        house.line("eve", "jitd", "requests"), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    assert listing.stderr is not None
    assert listing.stderr.readline() == "jitd: the directory of accounts is slow; waiting\n"
    SILENT.unlink()
    assert listing.wait() == 0 and without_news(listing.stderr.read()).startswith("jitd: no open request")
    listing.stderr.close()
    house.verify()


def test_ctrl_c_ends_the_wait_for_a_slow_directory(own_house: Callable[..., House]) -> None:
    house = own_house(NO_GHOSTS).start()
    SILENT.touch()
    asking = house.ask("alice", "id", "-u")
    wait_for(lambda: asking.err_with_news, what="a word to whoever waits")
    asking.process.send_signal(signal.SIGINT)
    assert asking.end() == -signal.SIGINT and asking.err_with_news.count("\n") == 1, asking.err_with_news
    SILENT.unlink()
    assert house.kept("requests", ended=True) == []


def test_the_time_for_the_handshake_is_the_clients_own(own_house: Callable[..., House]) -> None:
    """THREATS O-08: who says nothing is sent away, and who has said everything is not."""
    house = own_house(NO_GHOSTS).start()
    alice = ticket_of("alice")
    SILENT.touch()
    with Raw(house, uid_of("alice")) as proved, Raw(house, uid_of("bob")) as silent:
        knock(proved, alice)
        assert silent.is_closed()
        slow = proved.hear(slow=True)
        assert isinstance(slow, messages.Slow) and 0 < slow.left_ms < identifying.GREETED_WITHIN * 1000
        SILENT.unlink()
        assert isinstance(proved.hear(), messages.Welcome)
    house.verify()


def test_a_directory_that_is_slow_for_some_people_holds_up_nobody_else(own_house: Callable[..., House]) -> None:
    """THREATS O-08: of each account two look-ups hang, and there are threads left for all others."""
    house = own_house(FREE).start()
    slow = {who: ticket_of(who) for who in ("alice", "bob", "carol", "dave")}
    for who in slow:
        (SILENT_FOR / who).touch()
    asking = []
    for who, ticket in slow.items():
        for _ in range(3):
            asking.append(Raw(house, uid_of(who)))
            knock(asking[-1], ticket)
    has_come(*slow)
    assert house.sudo("eve", "id", "-u").stdout == "0\n"
    for who in slow:
        (SILENT_FOR / who).unlink()
    for raw in asking:
        while not isinstance(raw.hear(), messages.Welcome):
            pass
        raw.close()
    house.verify()


def test_a_local_proof_of_a_subordinate_uid_asks_no_directory(own_house: Callable[..., House]) -> None:
    """THREATS O-08: nor does it when the directory is the only one who knows the owner."""
    file = Path("/etc/subuid")
    before = file.read_text() if file.exists() else None
    file.write_text("nobody-knows@corp.example:200000:65536\n")
    try:
        house = own_house(FREE).start()
        SILENT.touch()
        with Raw(house, 200007) as raw:
            raw.greet("local")
            heard = raw.hear()
            assert isinstance(heard, messages.Refused) and heard.code == "unauthenticated", heard
        assert not (ASKED / "200007").exists()
        SILENT.unlink()
        house.verify()
    finally:
        if before is None:
            file.unlink()
        else:
            file.write_text(before)


def test_a_gate_tells_whoever_waits_that_the_directory_is_slow() -> None:
    """THREATS O-08."""
    gated = Gated(POLICY + '\n[[deny]]\nname = "no-ghosts"\nwho = ["group:ghosts"]\ncommands = [["/usr/bin/whoami"]]\n')
    try:
        gated.start()
        SILENT.touch()
        typed = gated.type("carol", BY_NAME["sudo"])
        typed.reads("the directory of accounts is slow; waiting")
        SILENT.unlink()
        typed.is_let_in()
        gated.verify()
    finally:
        gated.close()


def knock(raw: Raw, ticket: object) -> None:
    """The handshake, without waiting for who one is to the daemon."""
    from tests.attacks.raw import initiator

    context = initiator(ticket, raw.greet())  # type: ignore[arg-type]
    answer = raw.offer(bytes(context.step() or b""))
    assert isinstance(answer, messages.DaemonToken), answer
    context.step(answer.token)
    raw.context = context


# --- what a denial needs ---------------------------------------------------------------------------------------------


@pytest.fixture
def guest() -> Iterator[str]:
    """Somebody of dba with an account and a principal of their own."""
    name = "guest"
    subprocess.run(["useradd", "-m", "-u", "4812", "-G", "dba", name], check=True, capture_output=True)
    principal(name, name * 2)
    yield name
    subprocess.run(["userdel", "-rf", name], check=False, capture_output=True)
    subprocess.run(["kadmin.local", "delprinc", "-force", f"{name}@{REALM}"], check=False, capture_output=True)


def test_a_request_can_be_denied_though_nothing_of_it_can_be_looked_at(own_house: Callable[..., House], guest: str) -> None:
    """THREATS O-08: else whoever hangs what is looked at cannot be told no. An approval needs all of it."""
    house = own_house(OF_THE_LAB).start()
    with Raw(house, uid_of(guest)) as raw:
        raw.sign_in(credentials(kinit(CACHES / guest, f"{guest}@{REALM}", guest * 2)))
        denied, approved = raw.submit("id", waits=False), raw.submit("id", "-u", waits=False)
    subprocess.run(["userdel", guest], check=True, capture_output=True)
    SILENT.touch()
    with connected(house, "bob") as bob:
        (row,) = bob.rows(messages.Show(id=denied))
        (last,) = bob.ask(review(row, "deny", "not today"))
        assert isinstance(last, messages.Done) and "is denied" in last.text, last
        (row,) = bob.rows(messages.Show(id=approved))
        code, text = bob.refusal(review(row))
        assert (code, "took too long: nothing was done" in text) == ("failed", True), text
    assert house.request_of(denied).state == "denied" and house.request_of(approved).state == "pending"
    assert house.kept("grants", ended=True) == []
    SILENT.unlink()
    done = house.approve(approved, "bob")
    assert done.returncode != 0 and house.request_of(approved).state == "denied", "who is gone gets nothing"
    house.verify()
