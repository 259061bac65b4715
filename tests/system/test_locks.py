# SPDX-License-Identifier: Apache-2.0
"""The emergency brake on a living daemon: nothing new is permitted to whom is locked, what they had ends, and all are told why.

Law: after each refusal nothing has changed; after each test nobody is locked.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jitd.verbs.endings import GONE_WITHIN
from jitpam.wire import messages
from tests.attacks.raw import connected
from tests.marks import full
from tests.system.conftest import OF_THE_LAB, REALM, House, house_with
from tests.system.fork_server import fork_server
from tests.waiting import PATIENCE, wait_for

WHY = 'locked: "laptop stolen"'
STRICT = "".join(
    OF_THE_LAB.replace('"lab-dba"', f'"{command}"')
    .replace('["**"]', f'["/usr/bin/{command}"]')
    .replace("need = 1", f"need = {need}")
    for command, need in (("true", 2), ("id", 3))
)
"""A command that two have to approve, and one that three have to."""


@pytest.fixture(autouse=True)
def unlocked(request):
    """Whatever a test locks in a house that others share. What it ran has ended, too: a lock says how many runs it stops."""
    yield
    for name in {"house", "strict"} & set(request.fixturenames):
        house = request.getfixturevalue(name).at_rest()
        for row in house.rows("locks"):
            lift(house, row["id"])


def lift(house, id):
    """As root, and without a process."""
    house.asked(messages.Unlock(id=id, whom=None, name=None, reason=""))


def lock(house, *words, who="dave", reason="laptop stolen"):
    done = house.jitd("lock", *words, "--reason", reason, who=who)
    assert done.returncode == 0, done.stderr
    return re.search(r"lock ([0-9A-Z]{4}-[0-9A-Z]{4}) is on", done.stderr)[1]


def is_running(house, asked):
    """The run of ``asked``, once it is said to be."""
    return wait_for(lambda: [run for run in [house.run_of(asked.id)] if run.state == "running"], what="a run")[0]


def state_of(house):
    """All that has ever happened: no lock, request, grant or run changes without a record."""
    return house.head()


def test_what_waits_is_denied_and_requester_approver_and_operator_are_told_why(house):
    asked = house.ask("alice", "true")
    assert asked.id
    other = house.ask("alice", "--no-wait", "true")
    assert other.end() == 0
    done = house.jitd("lock", "--user", "alice", "--reason", "laptop stolen", who="dave")
    assert done.returncode == 0
    assert re.fullmatch(r"jitd: lock \S{9} is on user alice: 2 requests denied\n", done.stderr)
    assert asked.end() == 121
    assert f"jitsudo: denied: {WHY}" in asked.err
    late = house.approve(asked.id)
    assert late.returncode == 5 and WHY in late.stderr
    row = house.show(asked.id, "bob")
    (placed,) = house.rows("locks", who="dave")
    assert (row["state"], row["because"], row["lock"]) == ("denied", WHY, placed["id"])
    page = house.jitd("show", asked.id, who="bob").stdout
    assert WHY in page and f"lock {placed['id']}" in page
    listed = house.jitd("requests", "--all", who="bob").stdout
    assert [line for line in listed.splitlines() if asked.id in line and "denied (locked)" in line]
    again = house.sudo("alice", f"--resume={other.out.strip()}")
    assert again.returncode == 121


def test_nothing_new_is_permitted_and_after_unlock_it_is_as_before(house):
    id = lock(house, "--user", "alice")
    left = Path("/srv/locked-out")
    left.unlink(missing_ok=True)
    for words in (("touch", str(left)), ("-n", "touch", str(left)), ("--no-wait", "touch", str(left))):
        done = house.sudo("alice", *words)
        assert (done.returncode, done.stdout, done.stderr) == (121, "", f"jitsudo: denied: {WHY}\n")
    looked = house.sudo("alice", "-l", "true")
    assert looked.returncode == 1 and WHY in looked.stdout
    assert house.sudo("alice", "-l").returncode == 121
    assert not left.exists()
    assert house.jitd("unlock", id, who="dave").returncode == 0
    assert house.sudo("alice", "-n", "true").returncode == 118
    asked = house.ask("alice", "true")
    house.approved(asked.id)
    assert asked.end() == 0


STUBBORN = "trap '' TERM HUP INT; ulimit -u 200; f() { while :; do (sleep 61234 &) ; sleep 61234 & done; }; f & f"


def test_what_runs_is_gone_when_lock_returns_though_it_forks_and_ignores_every_signal(house):
    """THREATS G-02."""
    asked = house.ask("alice", "-u", "eve", "bash", "-c", STUBBORN)
    house.approved(asked.id)
    is_running(house, asked)
    wait_for(lambda: len(sleepers()) > 30, what="a hundred processes")
    began = time.monotonic()
    done = house.jitd("lock", "--user", "alice", "--reason", "laptop stolen", who="dave")
    remaining = sleepers()
    assert "1 grant revoked, 1 run stopped" in done.stderr
    if done.returncode == 1 and "is gone yet" in done.stderr:  # a busy host takes longer than the verb waits
        assert time.monotonic() - began >= GONE_WITHIN
        wait_for(lambda: sleepers() == [], what="the end of all of them")
    else:
        assert (done.returncode, remaining) == (0, []), done.stderr
    assert asked.end() == -signal.SIGKILL
    assert WHY in asked.err
    assert house.at_rest().rows("runs") == []
    assert WHY in house.jitd("show", asked.id).stdout


def sleepers():
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = place.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[:2] == [b"sleep", b"61234"]:
            found.append(int(place.parts[2]))
    return found


NOT_GONE = {
    ("lock", "--user", "alice"): "1 run stopped, but not all of what ran is gone yet",
    ("revoke", "ID"): "is revoked, but what runs under it is not gone yet",
    ("stop", "ID"): "was told to stop, but it is not gone yet",
}


def test_what_is_not_gone_in_time_is_said_and_goes_on_being_ended(own_house):
    """All of them at once, each in a house of its own: here one only waits."""
    houses = [own_house().start() for _ in NOT_GONE]
    with ThreadPoolExecutor(len(houses)) as playing:
        assert list(playing.map(end_what_stands_still, houses, NOT_GONE, NOT_GONE.values())) == [None] * len(houses)
    for house in houses:
        house.verify()


def end_what_stands_still(house, verb, told):
    asked = house.ask("alice", "sleep", "61235")
    house.approved(asked.id)
    above = parents(is_running(house, asked).pid, wait_for(lambda: house.launcher, what="the launcher"))
    for pid in above:
        os.kill(pid, signal.SIGSTOP)
    try:
        done = house.jitd(*(word.replace("ID", asked.id) for word in verb), who="dave")
        assert done.returncode == 1 and told in done.stderr, done.stderr
        assert [row["name"] for row in house.rows("locks")] == ["alice"] * (verb[0] == "lock"), "but it holds"
        assert house.rows("grants") == [] or verb[0] == "stop"
        if verb[0] == "revoke":
            for again in (("revoke", asked.id), ("revoke", "--of", "alice"), ("lock", "--user", "alice")):
                told_again = house.jitd(*again, who="dave")
                assert told_again.returncode == 1 and "gone yet" in told_again.stderr, (again, told_again.stderr)
    finally:
        for pid in above:
            os.kill(pid, signal.SIGCONT)
    asked.end()
    wait_for(lambda: house.kept("runs") == [])


def parents(pid, launcher):
    """Whoever stands between the launcher of monitors and the command ``pid``."""
    found = []
    while True:
        pid = int(re.search(r"^PPid:\s(\d+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)[1])
        if pid in (0, 1, launcher):
            return found
        found.append(pid)


def test_a_lease_ends_and_does_not_come_back(house):
    id = house.sudo("alice", "--no-wait", "--for", "10m", "--uses", "5", "echo", "leased").stdout.strip()
    house.approved(id)
    assert house.sudo("alice", "-n", "echo", "leased").returncode == 0
    lock(house, "--principal", f"alice@{REALM}")
    assert house.sudo("alice", "-n", "echo", "leased").returncode == 121
    assert house.sudo("alice", f"--resume={id}").returncode == 121
    row = house.show(id)
    assert (row["grant"]["state"], row["grant"]["ended_because"]) == ("revoked", WHY)
    assert house.jitd("unlock", "--principal", f"alice@{REALM}", who="dave").returncode == 0
    assert house.sudo("alice", "-n", "echo", "leased").returncode == 118


def test_a_lock_outlives_the_daemon(own_house):
    house = own_house().start()
    asked = house.ask("alice", "true")
    assert asked.id
    id = lock(house, "--user", "alice")
    lasting = lock(house, "--user", "eve", "--for=1h")
    lock(house, "--user", "carol", "--for=2s")
    house.restart()
    assert asked.end() == 121
    wait_for(lambda: len(house.kept("locks")) == 2, what="the end of the short one, kept by the new daemon")
    rows = house.rows("locks", who="dave")
    assert [row["id"] for row in rows] == [id, lasting]
    assert (rows[0]["ends_at"], rows[1]["lasts_for"]) == (None, 3600)
    assert house.sudo("alice", "true").returncode == 121
    house.verify()


def n_denied(house):
    return sum(one.state == "denied" for one in house.kept("requests", ended=True))


def goes_on(house, for_):
    """Until there are so many records more."""
    enough = house.head().number + for_
    wait_for(lambda: house.head().number > enough, what=f"{for_} records")


AT_ONCE = OF_THE_LAB.replace('approvals = [{ need = 1, from = ["group:ops"] }]\n', "")


ROUNDS = [
    pytest.param(2, 8, id="some"),
    pytest.param(3, 20, id="many", marks=full("every day, the test makes two locks in fewer requests")),
]


@pytest.mark.parametrize(("n_rounds", "n_requests"), ROUNDS)
def test_whatever_is_on_its_way_nothing_begins_after_a_lock(own_house, n_rounds, n_requests):
    """Requests that are permitted at once, as many as will go, and a lock in their midst."""
    house = own_house(AT_ONCE).start()
    line = house.line("alice", "sh", "-c", "while :; do jitsudo true; jitsudo --no-wait --for=1m true; done")
    clients = [
        subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(4)
    ]
    try:
        wait_for(lambda: len(house.kept("runs", ended=True)) > n_requests)
        for _ in range(n_rounds):
            house.asked(messages.Lock(whom="user", name="alice", lasts_for=None, reason="laptop stolen"))
            assert house.rows("grants") == house.rows("requests") == []
            enough = n_denied(house) + n_requests
            wait_for(lambda enough=enough: n_denied(house) >= enough, what=f"{n_requests} denied requests")
            (placed,) = house.kept("locks")
            lift(house, placed.id)
            goes_on(house, for_=30)
    finally:
        for client in clients:
            client.kill()
            client.wait()
    is_locked, n_before, n_under = False, 0, 0
    for record in house.records():
        if record["event"] in ("lock.placed", "lock.lifted"):
            is_locked = record["event"] == "lock.placed"
        n_before += record["event"] == "run.starting" and not is_locked
        n_under += record["event"] == "request.screened" and is_locked
        if is_locked:
            assert record["event"] not in ("grant.issued", "grant.used", "run.starting"), record
            assert record["event"] != "request.screened" or record["detail"]["why"] == "locked", record
    assert n_before > n_requests and n_under > n_requests
    house.verify()


# --- approvers -------------------------------------------------------------------------------------------------------


def test_who_is_locked_reviews_nothing(house):
    asked = house.ask("alice", "true")
    assert asked.id
    lock(house, "--user", "bob")
    before = house.show(asked.id)
    for done in (house.approve(asked.id, "bob"), house.deny(asked.id, "bob")):
        assert done.returncode == 3
        assert f"you may review nothing: {WHY}" in done.stderr
    assert house.show(asked.id) == before
    house.approved(asked.id, "carol")
    assert asked.end() == 0


strict = house_with(STRICT)


def test_an_approval_given_before_the_lock_counts_no_longer(strict):
    house = strict
    asked = house.ask("alice", "true")
    house.approved(asked.id, "bob")
    assert house.show(asked.id)["owed"] == 1
    lock(house, "--user", "bob")
    void = f"jitsudo: the approval by bob@{REALM} does not count: {WHY}\n"
    wait_for(lambda: void in asked.err)
    row = house.show(asked.id)
    assert (row["owed"], row["reviews"][0]["counts"]) == (2, False)
    assert "does not count: locked" in house.jitd("show", asked.id).stdout
    done = house.approve(asked.id, "carol")
    assert done.returncode == 0 and "more are needed" in done.stderr
    row = house.show(asked.id)
    assert (row["state"], row["grant"]) == ("pending", None)
    house.approved(asked.id, "dave")
    assert asked.end() == 0
    assert asked.err.count("does not count") == 1


def test_an_approval_counts_again_when_the_lock_is_lifted(strict):
    house = strict
    asked = house.ask("alice", "id")
    house.approved(asked.id, "bob")
    id = lock(house, "--user", "bob")
    assert house.show(asked.id)["owed"] == 3
    assert house.jitd("unlock", id).returncode == 0
    assert house.show(asked.id)["owed"] == 2
    house.approved(asked.id, "carol")
    wait_for(lambda: f"the approval by bob@{REALM} counts again" in asked.err)
    house.approved(asked.id, "dave")
    assert asked.end() == 0


def test_what_stands_on_the_approval_of_who_is_locked_ends(house):
    asked = house.ask("alice", "sleep", "61236")
    house.approved(asked.id, "bob")
    is_running(house, asked)
    other = house.ask("alice", "sleep", "61237")
    house.approved(other.id, "carol")
    is_running(house, other)
    lock(house, "--user", "bob")
    assert asked.end() == -signal.SIGTERM and WHY in asked.err
    assert [row["id"] for row in house.rows("runs")] == [other.id], "carol's approval stands"
    assert house.jitd("stop", other.id).returncode == 0
    other.end()


# --- everybody, operators, root --------------------------------------------------------------------------------------


def test_a_lock_on_all_leaves_root_the_way_in(house):
    waiting = house.ask("alice", "true")
    assert waiting.id
    lock(house, "--all", reason="incident 4711")
    assert waiting.end() == 121
    for who in ("alice", "bob", "dave", "eve"):
        done = house.sudo(who, "true")
        assert done.returncode == 121 and 'locked: "incident 4711"' in done.stderr
    done = house.sudo("root", "id", "-un")
    assert (done.returncode, done.stdout) == (0, "root\n")
    assert len(house.rows("locks")) == 1
    assert house.jitd("unlock", "--all").returncode == 0
    assert house.sudo("alice", "-n", "true").returncode == 118


def test_operators_lift_a_lock_on_all_though_it_is_on_them(house):
    lock(house, "--all")
    assert house.jitd("unlock", "--all", who="dave").returncode == 0
    assert house.rows("locks") == []


def test_an_operator_who_is_locked_by_name_neither_lifts_nor_places(house):
    id = lock(house, "--user", "dave", who="root")
    before = house.rows("locks", "--all"), len(house.records())
    for words in (("unlock", id), ("unlock", "--user", "dave"), ("lock", "--user", "bob"), ("lock", "--all")):
        done = house.jitd(*words, who="dave")
        assert done.returncode == 3 and f"you are locked yourself: another operator, or root, has to {words[0]}" in done.stderr
    assert (house.rows("locks", "--all"), len(house.records())) == before
    assert house.jitd("unlock", id).returncode == 0


def test_who_is_no_operator_neither_locks_nor_unlocks_nor_sees_locks(house):
    id = lock(house, "--user", "carol")
    before = state_of(house)
    for who in ("alice", "bob", "eve"):
        with connected(house, who) as raw:
            for message in (
                messages.Lock(whom="user", name="bob", lasts_for=None, reason=""),
                messages.Lock(whom="user", name="nobody-of-that-name", lasts_for=None, reason=""),
                messages.Lock(whom="all", name="", lasts_for=None, reason=""),
                messages.Unlock(id=id, whom=None, name=None, reason=""),
                messages.Unlock(id="0000-0000", whom=None, name=None, reason=""),
                messages.Unlock(id=None, whom="user", name="carol", reason=""),
                messages.List(what="locks", ended=False),
                messages.List(what="locks", ended=True),
            ):
                (refused,) = raw.ask(message)
                assert (refused.type, refused.code) == ("refused", "forbidden"), (who, message, refused)
    assert state_of(house) == before


def test_the_verbs_tell_who_is_no_operator_nothing(house):
    id = lock(house, "--user", "carol")
    before = state_of(house)
    for words in (
        ("lock", "--user", "bob"),
        ("lock", "--user", "nobody-of-that-name"),
        ("lock", "--all"),
        ("unlock", id),
        ("unlock", "0000-0000"),
        ("unlock", "--user", "carol"),
        ("locks",),
        ("locks", "--all", "--json"),
    ):
        done = house.jitd(*words, who="eve")
        assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert state_of(house) == before


def test_two_operators_at_once_lock_twice_and_what_ends_ends_once(house):
    asked = house.ask("alice", "sleep", "61238")
    house.approved(asked.id)
    is_running(house, asked)
    lines = [house.line(who, "jitd", "lock", "--user", "alice", "--reason", who) for who in ("dave", "root", "dave", "root")]
    ended = [subprocess.Popen(line, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for line in lines]
    said = [process.communicate(timeout=PATIENCE)[1] for process in ended]
    assert [process.returncode for process in ended] == [0] * 4, said
    asked.end()
    rows = house.rows("locks")
    assert sorted(row["placed_by"] for row in rows) == [f"dave@{REALM}"] * 2 + ["root"] * 2
    revoked = [r for r in house.records() if r["event"] == "grant.revoked" and r["id"] == asked.id]
    assert len(revoked) == 1
    assert house.jitd("unlock", rows[0]["id"]).stderr.endswith("is lifted; 3 more are on it\n")
    assert house.sudo("alice", "-n", "true").returncode == 121
    done = house.jitd("unlock", "--user", "alice", who="dave")
    assert done.stderr == "jitd: 3 locks on user alice are lifted\n"
    assert house.sudo("alice", "-n", "true").returncode == 118


def test_a_lock_on_an_account_is_on_the_other_accounts_of_the_person(own_house):
    policy = OF_THE_LAB.replace('"group:dba"', '"group:dba", "user:eve"')
    house = own_house(policy, '[people]\nalice = ["alice", "eve"]').start()
    assert house.sudo("eve", "-n", "true").returncode == 118
    lock(house, "--user", "alice")
    assert house.sudo("eve", "-n", "true").returncode == 121
    lock(house, "--principal", f"bob@{REALM}")
    assert sorted(row["whom"] for row in house.rows("locks")) == ["principal", "user"]


# --- time ------------------------------------------------------------------------------------------------------------


def test_a_lock_ends_by_itself_when_its_time_is_over(house):
    long = lock(house, "--user", "carol", "--for=1h")
    began = time.monotonic()
    said = house.jitd("lock", "--user", "alice", "--for=2s", who="dave").stderr
    assert "is on user alice for 2 seconds: none of their requests waited and none of their commands ran" in said
    wait_for(lambda: [one.id for one in house.kept("locks")] == [long], what="its end")
    assert time.monotonic() - began >= 2
    assert house.sudo("alice", "-n", "true").returncode == 118
    assert house.sudo("carol", "-n", "true").returncode == 121
    (row,) = [row for row in house.rows("locks", "--all") if row["state"] == "expired"]
    assert (row["ended_by"], row["lasts_for"]) == ("clock", 2)


SHIFTED = """\
#!/usr/bin/python3 -IS
import json, sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
sys.path += ["/usr/lib/jitd", "/usr/lib/jitd/site-packages"]  # as the installed command has it
from jitd.deciding import origins
true = origins.moment
def moment():
    by, now = json.loads(Path(sys.argv[2]).read_text()), true()
    return replace(now, at=now.at + timedelta(seconds=by["wall"]), boot=now.boot - by["boot"], boot_id=by["id"] or now.boot_id)
origins.moment = moment
from jitd.daemon import serve
sys.exit(serve(Path(sys.argv[1])))
"""


def start_shifted(house, **by):
    """Start the daemon of ``house`` on clocks that a test sets: the host's own cannot be."""
    shift(house, **by)
    program = house.root / "jitd-shifted"
    program.write_text(SHIFTED)
    program.chmod(0o755)
    with house.log_file.open("ab") as log:
        house.process = fork_server("daemon").start([str(program), str(house.config_file), str(house.root / "clock")], log, log)
    wait_for(house._accepts, what=f"the daemon ({house.log()})")


def shift(house, wall=0.0, boot=0.0, id=""):
    """``boot``: the seconds of this host's boot clock at which the boot ``id`` began."""
    place = house.root / "clock.new"
    place.write_text(json.dumps({"wall": wall, "boot": boot, "id": id}))
    place.rename(house.root / "clock")


@pytest.fixture
def shifted(own_house):
    made = own_house()
    start_shifted(made)
    yield made
    made.verify()


HOUR, TEN_YEARS = 3600.0, 10 * 365 * 86400.0
JUMPS = [
    pytest.param((HOUR, -TEN_YEARS), id="some"),
    pytest.param(
        (HOUR, -HOUR, TEN_YEARS, -TEN_YEARS),
        id="all",
        marks=full("every day, the test uses one jump forward and one jump backward"),
    ),
]
LASTS_FOR = 4.0


@pytest.fixture(scope="module")
def jumping(request):
    """For each jump a daemon of its own, all at once: here one only waits. A test of locks and one of grants share them."""
    houses = {jump: House() for jump in request.param}
    for house in houses.values():
        start_shifted(house)
    yield houses
    for house in houses.values():
        house.verify()
        house.close()


def seconds_until_none(which, jumping, began):
    """For each house: how long after it ``began`` there were no such things any more."""

    def seconds(jump):
        wait_for(lambda: jumping[jump].kept(which) == [], what=f"the end after a jump of {jump}")
        return time.monotonic() - began[jump]

    with ThreadPoolExecutor(len(jumping)) as watching:
        return list(watching.map(seconds, jumping))


@pytest.mark.parametrize("jumping", JUMPS, indirect=True)
def test_no_jump_of_the_wall_clock_opens_a_lock_early_or_holds_it_longer(jumping):
    """THREATS G-01. Longer would be an hour."""
    began = {}
    for jump, house in jumping.items():
        began[jump] = time.monotonic()
        lock(house, "--user", "alice", f"--for={LASTS_FOR:.0f}s", who="root")
        shift(house, jump)
    assert min(seconds_until_none("locks", jumping, began)) >= LASTS_FOR
    for house in jumping.values():
        shift(house)
        assert house.sudo("alice", "-n", "true").returncode == 118


def run_for(house, seconds):
    """When a run was asked for, and who asked, once it runs. Its grant lasts longer where this host was too slow to begin it."""
    began = time.monotonic()
    asked = house.ask("root", f"--for={seconds:.0f}s", "sleep", "61240")
    wait_for(lambda: [run for run in house.kept("runs") if run.state == "running"] or asked.process.poll() is not None)
    return (began, asked) if asked.process.poll() is None else run_for(house, 5 * seconds)


@pytest.mark.parametrize("jumping", JUMPS, indirect=True)
def test_no_jump_of_the_wall_clock_ends_a_grant_early_or_extends_it(jumping):
    """THREATS G-01. Longer would be an hour."""
    began, asked = {}, {}
    for jump, house in jumping.items():
        began[jump], asked[jump] = run_for(house, LASTS_FOR)
        shift(house, jump)
    assert min(seconds_until_none("grants", jumping, began)) >= LASTS_FOR
    for jump, house in jumping.items():
        asked[jump].end()
        assert "its grant has ended" in asked[jump].err
        assert {grant.state for grant in house.kept("grants", ended=True)} == {"expired"}


def test_a_lock_is_carried_over_a_boot_and_no_wall_clock_shortens_it(shifted):
    """THREATS G-01."""
    for_ever = lock(shifted, "--principal", f"eve@{REALM}", who="root")
    for seconds in (6, 40):  # on a busy host the time may be over before the daemon is away
        began = time.monotonic()
        lock(shifted, "--user", "alice", f"--for={seconds}s", who="root")
        time.sleep(1)
        shifted.process.send_signal(signal.SIGTERM)
        shifted.process.wait(PATIENCE)
        held_for = time.monotonic() - began
        began_again = time.monotonic()
        # The host is a year ahead when it is back.
        start_shifted(shifted, wall=365 * 86400.0, boot=time.clock_gettime(time.CLOCK_BOOTTIME), id=f"a-new-boot-{seconds}")
        carried = [record for record in shifted.records() if record["event"] == "lock.carried"]
        if carried:
            break
    rows = {row["id"]: row for row in shifted.rows("locks")}
    assert rows[for_ever]["ends_at"] is None
    assert len(carried) == 1 and 1 <= float(carried[0]["detail"]["spent_for"]) <= held_for
    wait_for(lambda: [one.id for one in shifted.kept("locks")] == [for_ever], what="its end")
    assert held_for + time.monotonic() - began_again >= seconds, "the seconds of two boots, and none of a wall clock"


# --- what is typed ---------------------------------------------------------------------------------------------------


OTHER_WORDS = full("every day, the test uses other words of the same kind")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("lock", "--user", "alcie"), 4, "there is no account alcie here"),
        pytest.param(("lock", "--user", "Alice"), 4, "there is no account Alice here", marks=OTHER_WORDS),
        (("lock", "--user", "#54321"), 4, "there is no account #54321 here"),
        (("lock", "--user", "alice\x1b[2J"), 4, r"there is no account alice\x1b[2J here"),
        (("lock", "--principal", "alice@OTHER.TEST"), 4, "there is no principal alice@OTHER.TEST here"),
        pytest.param(("lock", "--principal", "alice"), 4, "there is no principal alice here", marks=OTHER_WORDS),
        (("lock", "--principal", "älice@EXAMPLE.TEST"), 4, "there is no principal"),
        (("lock", "--user", "root"), 2, "no lock is on root without a ticket"),
        (("lock", "--user", "#0"), 2, "no lock is on root without a ticket"),
        (("lock",), 2, "name one of --user"),
        (("lock", "--user", ""), 2, "name one of --user"),
        (("lock", "--user", "alice", "--all"), 2, "one of --user, --principal and --all"),
        pytest.param(("lock", "--all", "--for=0s"), 2, "must be a duration such as", marks=OTHER_WORDS),
        (("lock", "--all", "--for=-1s"), 2, "must be a duration such as"),
        pytest.param(("lock", "--all", "--for=1e9s"), 2, "must be a duration such as", marks=OTHER_WORDS),
        pytest.param(("lock", "--all", "--for=999999999d"), 2, "must be a duration such as", marks=OTHER_WORDS),
        pytest.param(("lock", "--all", "--for=١٥m"), 2, "must be a duration such as", marks=OTHER_WORDS),
        (("lock", "--all", "--reason", "x" * 4097), 2, "a reason has at most 4096 bytes"),
        (("unlock",), 2, "name either"),
        (("unlock", "0000-0000", "--all"), 2, "name either"),
        (("unlock", "0000-0000"), 4, "there is no lock 0000-0000"),
        pytest.param(("unlock", "../etc"), 4, "there is no lock ../etc", marks=OTHER_WORDS),
        (("unlock", "--user", "alice"), 4, "there is no lock on user alice"),
        (("unlock", "--all"), 4, "there is no lock on everybody; jitd locks"),
    ],
)
def test_what_makes_no_sense_or_names_nobody_locks_nobody(house, words, status, said):
    before = state_of(house)
    done = house.jitd(*words, who="dave")
    assert done.returncode == status, done.stderr
    assert said in done.stderr and done.stdout == ""
    assert state_of(house) == before


def test_a_lock_that_has_ended_is_too_late_to_lift(house):
    id = lock(house, "--user", "alice")
    assert house.jitd("unlock", id.lower().replace("-", ""), who="dave").returncode == 0
    before = state_of(house)
    done = house.jitd("unlock", id, who="dave")
    assert done.returncode == 5 and "it is lifted" in done.stderr
    assert state_of(house) == before


HOSTILE = "gone\x1b[31m\n'\"\\ \u202eevil\u2066 \u200b{}%s $(id) ü"


def test_a_hostile_reason_is_shown_harmless_everywhere_and_kept_whole(house):
    asked = house.ask("alice", "true")
    assert asked.id
    lock(house, "--user", "alice", reason=HOSTILE)
    asked.end()
    shown = r"gone\x1b[31m\x0a'\"".replace(r"\"", '"')
    texts = [
        asked.err,
        house.sudo("alice", "true").stderr,
        house.jitd("locks").stdout,
        house.jitd("locks", "--json").stdout,
        house.jitd("show", asked.id).stdout,
        house.jitd("audit", "show").stdout,
        house.log(),
    ]
    for text in texts:
        assert not set("\x1b\u202e\u2066\u200b") & set(text)
    assert shown.split("\\x0a")[0] in texts[0] and len(texts[0].splitlines()) == 3
    (placed,) = [r for r in house.records() if r["event"] == "lock.placed" and r["detail"]["reason"] == HOSTILE]
    assert placed["detail"]["name"] == "alice"


def test_a_reason_that_is_no_text_is_refused_and_locks_nobody(house):
    before = state_of(house)
    done = house.run("root", "jitd", "lock", "--all", "--reason", b"a\xffb")
    assert done.returncode == 2 and "reason is not text" in done.stderr and "Traceback" not in done.stderr
    assert state_of(house) == before


def test_the_record_tells_who_locked_whom_why_and_all_that_came_of_it(house):
    asked = house.ask("alice", "sleep", "61239")
    house.approved(asked.id)
    is_running(house, asked)
    waits = house.ask("alice", "true")
    assert waits.id
    before = house.records()[-1]["number"]
    id = lock(house, "--user", "alice", "--for=1h")
    waits.end()
    asked.end()
    assert house.jitd("unlock", id, "--reason", "found it").returncode == 0
    told = [(r["event"], r.get("id"), r["actor"], r["detail"]) for r in house.records() if r["number"] > before]
    dave = f"dave@{REALM}"
    reason = {"because": WHY}
    assert told[:4] == [
        ("lock.placed", id, dave, {"whom": "user", "name": "alice", "reason": "laptop stolen", "lasts_for": 3600}),
        ("request.locked", waits.id, dave, {"lock": id, **reason}),
        ("grant.revoked", asked.id, dave, reason),
        ("run.stop_ordered", asked.id, dave, reason),
    ]
    assert ("lock.lifted", id, "root", {"because": '"found it"'}) in told
    house.verify()
