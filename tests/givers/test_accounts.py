# SPDX-License-Identifier: Apache-2.0
"""The kind account, with the host's own useradd and real processes: who may act by it, and what is left of it.

Law: the host is judged by its own files and by /proc, never by a note of ours.
"""

from __future__ import annotations

import json
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from jitd_things.givers import account, account_home, account_lock, account_numbers, account_processes, account_remains
from jitd_things.givers.account import Accounts
from jitd_things.givers.account_notes import USED, AccountNotes
from jitd_things.givers.kind import Failed, Given, Order, Refused, Seen, State, Strays, Taken
from tests.givers.account_host import HOLDING, NAME, NEXT, World
from tests.marks import full
from tests.waiting import PATIENCE, handles, wait_for

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH+qB1Qd9xkSe8cJE8bSZHEbkyRfTzVN6jFYHJ8FbTqQ"
FORKS = "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass\n"
STOPS = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    try:
        os.kill(-1, signal.SIGSTOP)
        os.kill(-1, signal.SIGKILL)
    except ProcessLookupError:
        pass
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(account_processes, "ENDS_WITHIN", PATIENCE)  # what ends in the end, and is searched, on a busy host too
    monkeypatch.setattr(account_remains, "ENDS_WITHIN", PATIENCE)
    monkeypatch.setattr(account_lock, "ENDS_WITHIN", PATIENCE)
    monkeypatch.setattr(account, "TIDIES_FOR", PATIENCE)
    monkeypatch.setattr(account_numbers, "SEARCH_FOR", PATIENCE)
    Path("/run/jitd-accounts").mkdir(mode=0o755, exist_ok=True)
    made = World(tmp_path)
    yield made
    made.close()


def test_an_account_is_made_for_one_use_and_gone_afterwards(world: World) -> None:
    made = world.give()
    assert made.pw_uid == made.pw_gid == 70000 and made.pw_gecos == f"jitd {HOLDING} for alice"
    assert world.run("id", "-nG").stdout.split() == [NAME]
    assert world.run("cat", f"/home/{NAME}/.profile").stdout == Path("/etc/skel/.profile").read_text()
    assert os.stat(f"/home/{NAME}").st_mode & 0o7777 == 0o700
    assert world.kind.look(world.order()) == Seen(State.STANDS)
    assert world.take() == Taken()
    assert world.is_as_before()
    assert world.take() == Taken(), "a second time it is the same"


def test_it_has_no_password_no_subordinate_uids_and_an_end(world: World) -> None:
    world.give()
    fields = next(line for line in Path("/etc/shadow").read_text().splitlines() if line.startswith(f"{NAME}:")).split(":")
    assert fields[1] == "*" and 0 < int(fields[7]) - world.until // 86400 <= 2
    for file in ("/etc/subuid", "/etc/subgid"):
        assert NAME not in Path(file).read_text()
    world.take()


def test_given_twice_it_is_one_account(world: World) -> None:
    assert world.give() == world.give()
    assert json.loads((world.notes / USED).read_text())["uids"] == [[70000, 70000]]
    world.take()
    assert world.is_as_before()


def test_two_holdings_are_two_accounts_and_the_end_of_one_leaves_the_other(world: World) -> None:
    first, second = world.give(), world.give(NEXT)
    assert first.pw_uid != second.pw_uid
    world.take()
    assert world.kind.look(world.order(NEXT)) == Seen(State.STANDS)
    world.take(NEXT)
    assert world.is_as_before()


# --- numbers -------------------------------------------------------------------------------------------------------------


def test_no_uid_is_used_twice(world: World) -> None:
    """THREATS Q-27."""
    uids = []
    for number in range(1, 4):
        holding = f"WNC0-D702.{number}"
        assert isinstance(world.kind.give(world.order(holding)), Given)
        uids.append(pwd.getpwnam(f"jit-wnc0d702-{number}").pw_uid)
        assert isinstance(world.kind.take(world.order(holding)), Taken)
    assert uids == [70000, 70001, 70002]


def test_a_uid_is_noted_as_used_before_anything_has_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS Q-27."""

    def killed(*words: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("jitd_things.givers.account_entry.make", killed)
    with pytest.raises(KeyboardInterrupt):
        world.kind.give(world.order())
    assert json.loads((world.notes / USED).read_text())["uids"] == [[70000, 70000]]
    monkeypatch.undo()
    assert world.give().pw_uid == 70000, "the same holding has the same uid"
    world.take()
    assert world.give(NEXT).pw_uid == 70001
    world.take(NEXT)


def test_notes_that_were_restored_lose_to_the_files_of_the_host(world: World) -> None:
    """THREATS Q-27."""
    old = Path("/srv/report")
    world.give(), world.take()
    restored = (world.notes / USED).read_bytes()
    for number in range(2, 5):
        world.kind.give(world.order(f"WNC0-D702.{number}"))
        world.kind.take(world.order(f"WNC0-D702.{number}"))
    old.touch()
    os.chown(old, 70003, 70003)
    (world.notes / USED).rename(world.notes / "away")
    (world.notes / USED).write_bytes(restored)
    try:
        assert world.give(NEXT).pw_uid == 70004
        world.take(NEXT)
    finally:
        old.unlink()


def test_notes_that_are_gone_lose_to_the_accounts_of_the_host(world: World) -> None:
    """THREATS Q-27."""
    subprocess.run(["useradd", "-u", "70007", "-M", "-K", "SUB_UID_COUNT=0", "-K", "SUB_GID_COUNT=0", "left"], check=True)
    try:
        assert world.give().pw_uid == 70008
        world.take()
    finally:
        subprocess.run(["userdel", "left"], check=True)


@pytest.mark.parametrize(
    ("uids", "first"),
    [
        ((61180, 70010), 61180),
        ((61184, 70010), 65520),
        ((65530, 70010), 65530),
        ((59990, 60590), 60578),
        ((99990, 200000), 99990),
    ],
)
def test_uids_that_something_else_hands_out_are_passed_over(world: World, uids: tuple[int, int], first: int) -> None:
    world.settings = replace(world.settings, uids=uids)
    assert world.give().pw_uid == first
    world.take()


def test_a_range_that_subuid_has_is_refused(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "subuid").write_text("alice:70000:65536\n")
    monkeypatch.setattr(account_numbers, "SUBORDINATE", (tmp_path / "subuid",))
    refused = world.kind.give(world.order())
    assert isinstance(refused, Refused) and "may also be given out by" in refused.why
    assert world.is_as_before()


def test_a_range_that_is_used_up_is_refused(world: World) -> None:
    world.settings = replace(world.settings, uids=(70000, 70001))
    world.give(), world.take()
    refused = world.kind.give(world.order(NEXT))
    assert isinstance(refused, Refused) and "were used" in refused.why
    assert world.is_as_before()


def test_where_the_files_cannot_be_searched_to_the_end_no_uid_is_handed_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_numbers, "SEARCH_FOR", -1.0)
    refused = world.kind.give(world.order())
    assert isinstance(refused, Refused) and "the search for used uids has not ended" in refused.why
    assert world.is_as_before()


# --- what is refused -------------------------------------------------------------------------------------------------------


def test_root_and_made_accounts_get_none(world: World) -> None:
    assert isinstance(world.kind.give(replace(world.order(), account="root", uid=0)), Refused)
    made = world.give()
    refused = world.kind.give(replace(world.order(NEXT), account=NAME, uid=made.pw_uid))
    assert isinstance(refused, Refused) and "cannot get another account" in refused.why
    world.take()
    assert world.is_as_before()


def test_what_is_there_already_is_refused_and_left_alone(world: World) -> None:
    """THREATS Q-28."""
    subprocess.run(["useradd", "-u", "4900", "-M", NAME], check=True)
    try:
        assert isinstance(world.kind.give(world.order()), Refused)
        assert world.take() == Taken()
        assert pwd.getpwnam(NAME).pw_uid == 4900
    finally:
        subprocess.run(["userdel", NAME], check=True)


def test_a_home_that_is_there_already_is_refused_and_left_alone(world: World) -> None:
    home = Path(f"/home/{NAME}")
    home.mkdir()
    try:
        assert isinstance(world.kind.give(world.order()), Refused)
        assert world.take() == Taken() and home.is_dir()
    finally:
        home.rmdir()


# --- what it leaves ------------------------------------------------------------------------------------------------------


def test_all_of_its_processes_are_ended_however_they_fork(world: World) -> None:
    """THREATS Q-26."""
    made = world.give()
    world.begin("nice", "-n", "19", "prlimit", "--nproc=150", sys.executable, "-c", FORKS)  # other tests need the processor, too
    wait_for(lambda: len(account_processes.of(made.pw_uid)) > 50, what="a crowd")
    assert world.take() == Taken()
    assert account_processes.of(made.pw_uid) == [] and world.is_as_before()


def test_a_process_that_kills_all_it_may_does_not_keep_the_others_alive(world: World) -> None:
    """THREATS Q-26."""
    made = world.give()
    world.begin(sys.executable, "-c", STOPS)
    (stops,) = world.begun
    wait_for(lambda: handles(stops.pid, signal.SIGTERM), what="a process that kills")
    world.begin("sleep", "600")
    assert world.begun[-1].wait(PATIENCE) == -signal.SIGKILL and stops.poll() is None, "it kills whoever of its uid comes"
    world.take()
    assert account_processes.of(made.pw_uid) == [] and world.is_as_before()


def test_a_process_that_hides_behind_another_real_uid_is_ended(world: World) -> None:
    """THREATS Q-26."""
    made = world.give()
    hides = f"import os, time; os.setresuid(4002, {made.pw_uid}, 4002); print(flush=True); time.sleep(600)"
    hidden = subprocess.Popen([sys.executable, "-c", hides], stdout=subprocess.PIPE)
    assert hidden.stdout is not None and hidden.stdout.readline()
    world.take()
    assert hidden.wait(PATIENCE) == -signal.SIGKILL
    hidden.stdout.close()


def test_processes_of_others_live_on(world: World) -> None:
    """THREATS Q-28."""
    world.give()
    others = [
        subprocess.Popen(["setpriv", f"--reuid={name}", "--clear-groups", "sleep", "600"]) for name in ("alice", "bob", "root")
    ]
    wait_for(lambda: all(Path(f"/proc/{one.pid}/comm").read_text() == "sleep\n" for one in others), what="processes of others")
    world.take()
    assert [one.poll() for one in others] == [None, None, None]
    for one in others:
        one.kill()
        one.wait()


def test_no_process_is_signalled_by_a_number_of_the_distribution(world: World) -> None:
    for uid, ender in ((0, 70099), (33, 70099), (70000, 0), (70000, 70000), (70000, 4)):
        with pytest.raises(ValueError, match="does not end the processes"):
            account_processes.end(uid, ender)


def test_jobs_of_cron_and_at_and_lingering_are_removed(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS Q-26."""
    made = world.give()
    for name in ("crontabs", "linger", "at"):
        (tmp_path / name).mkdir()
    (tmp_path / "crontabs" / NAME).touch()
    (tmp_path / "crontabs" / "alice").touch()
    (tmp_path / "linger" / NAME).touch()
    (tmp_path / "at" / "a00001").touch()
    (tmp_path / "at" / "a00002").touch()
    os.chown(tmp_path / "at" / "a00001", made.pw_uid, made.pw_uid)
    monkeypatch.setattr(account_remains, "CRONTABS", (tmp_path / "crontabs",))
    monkeypatch.setattr(account_remains, "LINGERING", tmp_path / "linger")
    monkeypatch.setattr(account_remains, "AT", (tmp_path / "at",))
    world.take()
    assert sorted(
        str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file() and "accounts" not in str(file)
    ) == [
        "at/a00002",
        "crontabs/alice",
    ]


def test_what_it_has_in_the_kernel_is_removed(world: World) -> None:
    """THREATS Q-26."""
    made = world.give()
    world.run("ipcmk", "-M", "4096", "-S", "1", "-Q")
    assert all(account_remains._ipc_of(made.pw_uid).values())
    assert world.take() == Taken()
    assert account_remains._ipc_of(made.pw_uid) == {"shm": [], "sem": [], "msg": []}


def test_its_temporary_files_and_mail_are_removed_and_nobody_elses(world: World) -> None:
    """THREATS Q-28."""
    made = world.give()
    ours = [Path(place, made.pw_name) for place in ("/tmp", "/dev/shm")]
    for each in ours:
        world.run("sh", "-c", f"mkdir -p {each}/deep/er; echo x >{each}/deep/er/x; ln -s /etc {each}/link; chmod 0 {each}/deep")
    mail = Path("/var/mail", made.pw_name)
    mail.touch()
    others = [Path("/tmp/of-bob"), Path("/dev/shm/of-bob")]
    for other in others:
        other.mkdir()
        (other / "x").touch()
        other.chmod(0o1777)
    try:
        assert world.take() == Taken()
        assert not any(each.exists() for each in (*ours, mail)) and Path("/etc/passwd").exists()
        assert all((other / "x").exists() for other in others)
    finally:
        subprocess.run(["rm", "-rf", *map(str, others)], check=True)
    assert world.is_as_before()


def test_its_files_elsewhere_stay_under_a_uid_that_nobody_gets_again(world: World) -> None:
    """THREATS Q-27."""
    made = world.give()
    Path("/srv/shared").mkdir(mode=0o777)
    Path("/srv/shared").chmod(0o777)
    world.run("sh", "-c", "echo work >/srv/shared/report; cp /usr/bin/id /srv/shared/id; chmod 6755 /srv/shared/id")
    try:
        assert world.take() == Taken()
        line = ["setpriv", "--reuid=bob", "--regid=bob", "--clear-groups", "/srv/shared/id"]
        said = subprocess.run(line, capture_output=True, text=True, check=True).stdout
        assert f"euid={made.pw_uid} egid={made.pw_gid}" in said, "it has a number without a name"
        assert world.give(NEXT).pw_uid == made.pw_uid + 1
        world.take(NEXT)
    finally:
        subprocess.run(["rm", "-rf", "/srv/shared"], check=True)


def test_a_name_that_became_a_link_leads_nowhere(tmp_path: Path) -> None:
    """THREATS Q-28."""
    others = tmp_path / "others"
    others.mkdir()
    (others / "x").touch()
    home = tmp_path / "home"
    home.symlink_to(others)
    assert account_home.remove(home, time.monotonic() + PATIENCE) == []
    assert not home.is_symlink() and (others / "x").exists()


def test_a_removal_without_time_says_so(tmp_path: Path) -> None:
    """THREATS Q-37."""
    (tmp_path / "home" / "a").mkdir(parents=True)
    (left,) = account_home.remove(tmp_path / "home", time.monotonic() - 1)
    assert str(tmp_path / "home") in left and "no time" in left and (tmp_path / "home" / "a").exists()


# --- how many ------------------------------------------------------------------------------------------------------------


def test_nobody_has_more_accounts_at_a_time_than_are_allowed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS Q-38."""
    monkeypatch.setattr(account_numbers, "MOST_OPEN", 1)
    world.give()
    used = (world.notes / USED).read_bytes()
    refused = world.kind.give(world.order(NEXT))
    assert isinstance(refused, Refused) and "you have 1 accounts" in refused.why
    assert (world.notes / USED).read_bytes() == used
    bob = replace(world.order(NEXT), account="bob", uid=pwd.getpwnam("bob").pw_uid)
    assert isinstance(world.kind.give(bob), Given), "others have what one person is refused"
    world.take(NEXT), world.take()
    world.give(NEXT), world.take(NEXT)
    assert world.is_as_before()


def test_nobody_uses_up_the_uids_in_a_day(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS Q-38."""
    monkeypatch.setattr(account_numbers, "MOST_A_DAY", 2)
    for _ in range(2):
        world.give(), world.take()
    refused = world.kind.give(world.order())
    assert isinstance(refused, Refused) and "ask again in" in refused.why
    bob = replace(world.order(NEXT), account="bob", uid=pwd.getpwnam("bob").pw_uid)
    assert isinstance(world.kind.give(bob), Given)
    world.take(NEXT)
    monkeypatch.setattr(account_numbers, "DAY", 0)
    world.give(), world.take()
    assert world.is_as_before()


def test_a_home_belongs_to_its_account_only_when_all_in_it_does(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS Q-37: whoever could enter it earlier could lead root's chown by a link to something else."""
    (world.notes.parent / "skel/deep/deeper").mkdir(parents=True)
    (world.notes.parent / "skel/deep/deeper/file").touch()
    monkeypatch.setattr("jitd_things.givers.account_home.SKELETON", world.notes.parent / "skel")
    is_open: list[bool] = []
    plain = os.chown

    def chown(path: str, *words: int, **named: bool) -> None:
        is_open.append(os.stat(f"/home/.{NAME}.new").st_uid != 0)
        plain(path, *words, **named)

    monkeypatch.setattr(os, "chown", chown)
    made = world.give()
    assert len(is_open) == 4 and not any(is_open)
    assert {os.stat(f"{made.pw_dir}/{name}").st_uid for name in ("", "deep", "deep/deeper", "deep/deeper/file")} == {70000}


# --- killed in the middle, changed by hand ---------------------------------------------------------------------------------

STEPS = (
    "jitd_things.givers.account_entry.make", "jitd_things.givers.account_home.make", "jitd_things.givers.account_home.admit",
    "jitd_things.givers.account_notes.AccountNotes.write", "jitd_things.givers.account_notes.AccountNotes.use",
)  # fmt: skip
ENDS = (
    "jitd_things.givers.account_home.shut", "jitd_things.givers.account_remains.unschedule",
    "jitd_things.givers.account_processes.end", "jitd_things.givers.account_remains.left_in_kernel",
    "jitd_things.givers.account_home.remove",
    "jitd_things.givers.account_remains.left_in_shared", "jitd_things.givers.account_entry.remove",
    "jitd_things.givers.account_notes.AccountNotes.remove",
)  # fmt: skip


APART = (
    "jitd_things.givers.account_home.admit", "jitd_things.givers.account_processes.end",
    "jitd_things.givers.account_remains.left_in_shared",
    "jitd_things.givers.account_notes.AccountNotes.remove",
)  # fmt: skip
"""What no other of these steps follows at once. After each of the others, the host is as it is before the next."""
SAME_MOMENT = full("every day, the deed is killed before the next step, which is the same moment")


def moments(steps: tuple[str, ...], same: pytest.MarkDecorator) -> pytest.MarkDecorator:
    """A kill before each of the steps, and one after it. The latter has the mark ``same`` if the next step follows at once."""
    rows = [pytest.param(step, False, id=f"{step}-before") for step in steps]
    rows += [pytest.param(step, True, id=f"{step}-after", marks=() if step in APART else same) for step in steps]
    return pytest.mark.parametrize(("step", "afterwards"), rows)


def dies(kind: Accounts, deed: str, order: Order, step: str, *, afterwards: bool) -> None:
    """Have a child do ``deed``, which is killed before or after ``step``."""
    pid = os.fork()
    if pid == 0:
        place, _, name = step.rpartition(".")
        module, _, cls = place.rpartition(".")
        owner = getattr(sys.modules[module], cls) if cls == "AccountNotes" else sys.modules[place]
        plain = getattr(owner, name)

        def killed(*words: object, **named: object) -> object:
            if afterwards:
                plain(*words, **named)
            os.kill(os.getpid(), signal.SIGKILL)

        try:
            setattr(owner, name, killed)
            getattr(kind, deed)(order)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


@moments(STEPS, SAME_MOMENT)
def test_killed_while_it_is_given_it_is_given_or_taken_by_the_next(
    world: World, step: str, afterwards: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_home, "why_shut", lambda account: "")
    for then in ("give", "take"):
        dies(world.kind, "give", world.order(brought=KEY), step, afterwards=afterwards)
        if then == "give":
            world.give(brought=KEY)
            assert world.kind.look(world.order()) == Seen(State.STANDS)
            assert world.run("cat", f"/home/{NAME}/.profile").returncode == 0
        assert world.take() == Taken()
        assert world.is_as_before()


@moments(ENDS, SAME_MOMENT)
def test_killed_while_it_is_taken_it_is_taken_by_the_next(world: World, step: str, afterwards: bool) -> None:
    made = world.give()
    world.begin("sleep", "600")
    world.run("sh", "-c", "echo x >/tmp/left")
    dies(world.kind, "take", world.order(), step, afterwards=afterwards)
    assert world.take() == Taken()
    assert world.is_as_before() and account_processes.of(made.pw_uid) == [] and not Path("/tmp/left").exists()


def test_a_note_that_was_half_written_is_removed_by_the_next_deed(world: World) -> None:
    world.notes.mkdir(mode=0o700, parents=True, exist_ok=True)
    half = world.notes / f".{HOLDING}.new"
    half.touch()
    world.give()
    assert not half.exists() and (world.notes / HOLDING).exists()
    half.touch()
    assert world.take() == Taken()
    assert not half.exists() and world.is_as_before()


def test_an_account_without_a_note_is_known_by_its_comment(world: World) -> None:
    world.give()
    (world.notes / HOLDING).unlink()
    assert world.kind.strays([]) == Strays((HOLDING,))
    assert world.kind.look(world.order()).state is State.CHANGED
    world.take()
    assert world.is_as_before()


def test_what_is_there_without_a_holding_is_found(world: World) -> None:
    world.give(), world.give(NEXT)
    assert world.kind.strays([world.order()]) == Strays((NEXT,))
    assert world.kind.strays([world.order(), world.order(NEXT)]) == Strays()
    world.take(), world.take(NEXT)


@pytest.mark.parametrize(
    "change",
    [
        f"usermod -p $(openssl passwd -6 secret) {NAME}", f"usermod -s /bin/bash {NAME}",
        f"usermod -L {NAME}", f"chage -E -1 {NAME}", f"echo x >/run/jitd-accounts/{NAME}", f"userdel {NAME}",
    ],
)  # fmt: skip
def test_a_change_by_hand_is_seen_and_mended(world: World, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS Q-29."""
    monkeypatch.setattr(account_home, "why_shut", lambda account: "")
    before = world.give(brought=KEY)
    subprocess.run(["sh", "-c", change], check=True, capture_output=True)
    seen = world.kind.look(world.order(brought=KEY))
    assert isinstance(seen, Seen) and seen.state is (State.GONE if change.startswith("userdel") else State.CHANGED) and seen.why
    assert world.give(brought=KEY) == before
    assert world.kind.look(world.order(brought=KEY)) == Seen(State.STANDS)
    world.take()
    assert world.is_as_before()


def test_another_account_by_its_name_is_never_taken(world: World) -> None:
    """THREATS Q-28."""
    world.give()
    subprocess.run(["sh", "-c", f"userdel {NAME}; useradd -u 4900 -M {NAME}"], check=True, capture_output=True)
    assert world.kind.look(world.order()).state is State.CHANGED
    assert isinstance(world.kind.give(world.order()), Refused)
    failed = world.kind.take(world.order())
    assert isinstance(failed, Failed) and "4900" in failed.why
    assert pwd.getpwnam(NAME).pw_uid == 4900
    subprocess.run(["userdel", NAME], check=True)
    world.take()


@pytest.mark.parametrize("group", ["", f"; groupmod -n other {NAME}"])
@pytest.mark.parametrize("mend", [f"usermod -l {NAME} other", "userdel -f other"])
def test_an_account_that_was_renamed_is_never_called_taken_and_what_to_do_is_said(world: World, group: str, mend: str) -> None:
    """THREATS Q-28."""
    made = world.give()
    back = f"rename the account back (usermod -l {NAME} other), so that jitd can remove the account"
    step = f"was renamed to other: {back}; or remove the account yourself (userdel"
    try:
        world.begin("sleep", "600")
        wait_for(lambda: account_processes.of(made.pw_uid), what="a process")
        world.begun[-1].kill()  # usermod renames no account that has processes
        world.begun[-1].wait()
        subprocess.run(["sh", "-c", f"usermod -l other {NAME}{group}"], check=True, capture_output=True)
        seen = world.kind.look(world.order())
        assert isinstance(seen, Seen) and seen.state is State.CHANGED and step in seen.why
        given = world.kind.give(world.order())
        assert isinstance(given, Failed) and step in given.why
        for _ in range(2):
            failed = world.kind.take(world.order())
            assert isinstance(failed, Failed) and step in failed.why
        assert pwd.getpwnam("other").pw_uid == made.pw_uid, "it is left to who renamed it"
        subprocess.run(["sh", "-c", mend], check=True, capture_output=True)
        if group and "userdel" not in mend:
            failed = world.kind.take(world.order())
            assert isinstance(failed, Failed) and "groupdel other" in failed.why
        subprocess.run(["groupdel", "other"], check=False, capture_output=True)
        world.take()
        assert world.is_as_before()
    finally:
        for words in (["userdel", "-f", "other"], ["groupdel", "other"]):
            subprocess.run(words, check=False, capture_output=True)


def test_a_tool_that_fails_is_a_failure_and_the_processes_are_ended_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = world.give()
    world.begin("sleep", "600")
    wait_for(lambda: account_processes.of(made.pw_uid), what="a process")
    monkeypatch.setattr("jitd_things.givers.account_entry.USERDEL", "/bin/false")
    failed = world.kind.take(world.order())
    assert isinstance(failed, Failed) and "the account cannot be removed" in failed.why
    assert account_processes.of(made.pw_uid) == [] and pwd.getpwnam(NAME) == made
    monkeypatch.undo()
    world.take()
    assert world.is_as_before()


# --- the key ---------------------------------------------------------------------------------------------------------------


def test_a_key_is_refused_where_sshd_would_not_look_for_it(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS Q-29."""
    sshd = tmp_path / "sshd"
    monkeypatch.setattr(account_home, "SSHD", str(sshd))
    refused = world.kind.give(world.order(brought=KEY))
    assert isinstance(refused, Refused) and "without --key" in refused.why
    for files, is_given in ((".ssh/authorized_keys", False), ("/run/jitd-accounts/%u .ssh/authorized_keys", False)):
        sshd.write_text(f"#!/bin/sh\necho port 22\necho authorizedkeysfile {files}\n")
        sshd.chmod(0o755)
        refused = world.kind.give(world.order(brought=KEY))
        assert isinstance(refused, Refused) and "Match User jit-*" in refused.why, is_given
    assert world.is_as_before()
    sshd.write_text("#!/bin/sh\necho authorizedkeysfile /run/jitd-accounts/%u\n")
    given = world.kind.give(world.order(brought=KEY))
    assert isinstance(given, Given) and f"ssh {NAME}@" in given.tell
    line = Path(f"/run/jitd-accounts/{NAME}").read_text()
    assert line.startswith('expiry-time="') and f" {KEY} jitd:{HOLDING}" in line
    assert os.stat(f"/run/jitd-accounts/{NAME}").st_uid == 0
    world.take()
    assert world.is_as_before()


def test_a_key_that_is_none_is_refused(world: World) -> None:
    refused = world.kind.give(world.order(brought="ssh-ed25519 AAAA"))
    assert isinstance(refused, Refused) and world.is_as_before()


def test_a_note_that_is_damaged_is_never_no_note(world: World) -> None:
    world.give()
    kept = (world.notes / HOLDING).read_bytes()
    for damaged in (b"", b"{}", kept[:-2], kept.replace(b"70000", b'"70000"')):
        (world.notes / HOLDING).write_bytes(damaged)
        with pytest.raises(OSError, match="not the note"):
            world.kind.take(world.order())
    (world.notes / USED).write_bytes(b"{}")
    with pytest.raises(OSError, match="not the file"):
        AccountNotes(world.notes).used()
    (world.notes / HOLDING).write_bytes(kept)
    world.take()
