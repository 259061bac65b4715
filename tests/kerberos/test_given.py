# SPDX-License-Identifier: Apache-2.0
"""What jitsudo does with a thing that is given: a real KDC, and a daemon made of a script, to which it comes as root."""

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from jitpam.wire.messages import Bye, DaemonHello, Done, Get, Given, Keep, Refused, Resume, Submit, Taken, Withdraw
from tests.client.acting import ID, TREE, FakeDaemon, OnTerminal, surroundings
from tests.waiting import PATIENCE, is_living, status_of, wait_for

SERVICE = "postgres/db1.example.test@EXAMPLE.TEST"
THING = "service-ticket:postgres/db1.example.test"
ALICE = "alice@EXAMPLE.TEST"
HOUR = 3_600_000
LOCAL = r"[A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d \S+"
"""A time as a person reads it, in the zone of the host."""


def start_of(tree, **changes):
    """The words that start jitsudo from ``tree``, with ``changes`` to constants of jitpam.holding. It waits for jitd and for the
    KDC as long as a busy host takes.
    """
    changed = f"from jitpam import client, ticket; client._AT_LEAST = ticket.FETCH_WITHIN = {PATIENCE}; "
    if changes:
        changed += "import jitpam.holding as h; " + "".join(f"h.{name} = {value}; " for name, value in changes.items())
    code = f"import sys; sys.path.insert(0, {str(tree)!r}); {changed}from jitpam.jitsudo import main; main()"
    return [sys.executable, "-IS", "-c", code]


@pytest.fixture(scope="module")
def service(realm):
    realm.k5.addprinc(SERVICE)
    realm.k5.run_kadminl(f"modprinc -maxlife 600s {SERVICE}")
    yield SERVICE
    realm.k5.run_kadminl(f"delprinc -force {SERVICE}")


class House:
    """A fake daemon, alice's cache, a runtime directory, and jitsudos that were started among them."""

    def __init__(self, realm, cache, directory):
        self.daemon = FakeDaemon(directory / "jitd.sock")
        self.runtime = directory / "runtime"
        self.runtime.mkdir(mode=0o700)
        more = {"KRB5CCNAME": f"FILE:{cache}", "KRB5_CONFIG": realm.configuration, "XDG_RUNTIME_DIR": str(self.runtime)}
        self.more = {**more, "A": "1"}
        self.surroundings = surroundings(self.daemon.path, **self.more)
        self.started = []

    def start(self, *words, tree=TREE, changes=None, **more):
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        process = subprocess.Popen([*start_of(tree, **(changes or {})), *words], env=self.surroundings, **{**pipes, **more})
        self.started.append(process)
        return process

    def run(self, *words, **more):
        process = self.start(*words, **more)
        process.out, process.err = (said.decode() for said in process.communicate(timeout=PATIENCE))
        return process

    def caches(self):
        """The caches that are there, below the runtime directory."""
        return sorted(self.runtime.glob("jitsudo-*/krb5cc"))

    def finish(self):
        self.daemon.finish()
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe:
                    pipe.close()


@pytest.fixture
def house(realm, cache, service, tmp_path):
    realm.kinit(cache)
    made = House(realm, cache, tmp_path)
    yield made
    made.finish()


def give(peer, *, stays=False, left_ms=HOUR, name=SERVICE, to=ALICE, news=(), id=ID, until=None):
    instant = until or time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + left_ms / 1000))
    peer.say(Given(id=id, thing=THING, name=name, to=to, until=instant, left_ms=left_ms, stays=stays, news=list(news)))


class Giving:
    """A daemon that gives at once; ``heard`` is what the client says, ``then(peer)`` what comes after."""

    def __init__(self, then=None, **given):
        self.heard = []
        self.then = then
        self.given = given

    def __call__(self, peer):
        self.heard.append(peer.welcome())
        peer.progress(f"request {ID}: {THING}", owed=False)
        give(peer, **self.given)
        if self.then:
            self.then(peer)
        while (message := peer.hear()) is not None:
            self.heard.append(message)


# --- what is asked


@pytest.mark.parametrize(
    ("words", "differs"),
    [
        ([], {}),
        (["--", "id"], {"stays": False}),
        (["-n"], {"if_owed": False}),
        (["--for=10m", "--reason=why"], {"lasts_for": 600, "reason": "why"}),
    ],
)
def test_a_thing_is_asked_for_with_these_fields(house, words, differs):
    heard = []

    def script(peer):
        heard.append(peer.welcome())
        peer.say(Refused(code="denied", text="no"))

    house.daemon.play(script)
    done = house.run("--get", THING, *words)
    assert (done.returncode, done.out, done.err) == (121, "", "jitsudo: no\n")
    asked = dict(heard[0].__dict__)
    assert isinstance(heard[0], Get)
    assert asked.pop("parents") and asked.pop("login_session") is not None
    plain = {"thing": THING, "also": [], "brought": "", "stays": True, "reason": None, "lasts_for": None, "tty": None}
    plain |= {"waits": True, "if_owed": True}
    assert asked == {**plain, **differs}


def test_without_waiting_the_id_alone_is_printed(house):
    heard = []

    def script(peer):
        heard.append(peer.welcome())
        peer.progress()
        peer.say(Done(text=""))

    house.daemon.play(script)
    done = house.run("--get", THING, "--no-wait")
    assert (done.returncode, done.out, done.err) == (0, f"{ID}\n", "")
    assert (heard[0].waits, heard[0].stays) == (False, True)


def test_ctrl_c_while_it_waits_withdraws(house):
    heard = []

    def script(peer):
        peer.welcome()
        peer.progress("wait")
        assert process.stderr.readline() == b"jitsudo: wait\n"
        process.send_signal(signal.SIGINT)
        heard.append(peer.hear())
        peer.say(Refused(code="withdrawn", text="withdrawn"))

    process = house.start("--get", THING)
    house.daemon.play(script)
    assert process.wait(PATIENCE) == -signal.SIGINT
    assert heard == [Withdraw(id=ID)]


def test_what_is_given_while_we_leave_is_given_back(house):
    """The thing crosses the withdrawal: no ticket is fetched, and no command runs."""
    heard = []

    def script(peer):
        peer.welcome()
        peer.progress("wait")
        assert process.stderr.readline() == b"jitsudo: wait\n"
        process.send_signal(signal.SIGINT)
        assert isinstance(peer.hear(), Withdraw)
        give(peer)
        heard.append(peer.hear())

    process = house.start("--get", THING, "--", "echo", "ran")
    house.daemon.play(script)
    assert process.wait(PATIENCE) == -signal.SIGINT
    house.daemon.finish()
    assert (heard, process.stdout.read(), house.caches()) == ([Bye()], b"", [])


def test_a_reason_that_is_wanted_is_asked_for_on_the_terminal(house):
    heard = []

    def script(peer):
        heard.append(peer.welcome().reason)
        peer.say(Refused(code="reason", text="rule r wants a reason"))
        heard.append(peer.hear().reason)
        peer.say(Refused(code="denied", text="no"))

    house.daemon.play(script)
    started = OnTerminal(("--get", THING), house.daemon.path, **house.more)
    started.read_until(b"reason: ")
    started.type(b"CHG-4711\n")
    assert started.end() == 121
    os.close(started.master)
    assert heard == [None, "CHG-4711"]


@pytest.mark.parametrize(
    ("word", "status", "says"),
    [
        ("no-such-command", 127, "command not found"),
        ("/", 126, "cannot be executed"),
        ("/etc/hostname", 126, "cannot be executed"),
    ],
)
def test_a_command_that_cannot_run_is_told_before_anybody_is_asked(house, word, status, says):
    heard = []

    def script(peer):
        assert peer.hear().authentication == "root"
        peer.say(DaemonHello(version=1, nonce=bytes(32)))
        heard.append(peer.hear())

    house.daemon.play(script)
    done = house.run("--get", THING, "--", word)
    house.daemon.finish()
    assert (done.returncode, done.out, heard) == (status, "", [None])
    assert says in done.err and "nothing was asked" in done.err


def test_what_cannot_be_executed_after_all_ends_as_in_a_shell(house, tmp_path):
    (tmp_path / "script").write_text("#!/no/such/interpreter\n")
    (tmp_path / "script").chmod(0o755)
    daemon = Giving()
    house.daemon.play(daemon)
    done = house.run("--get", THING, "--", str(tmp_path / "script"))
    assert done.returncode == 126
    assert "cannot be executed: No such file or directory" in done.err
    house.daemon.finish()
    assert (daemon.heard[1:], house.caches()) == ([Bye()], [])


# --- with a command


def test_the_command_has_the_ticket_and_all_else_of_the_person(house, cache):
    daemon = Giving(news=["approved by bob@EXAMPLE.TEST"])
    house.daemon.play(daemon)
    look = 'cat; klist; stat -c %a "${KRB5CCNAME#FILE:}"; echo "$A"; pwd; exit 7'
    process = house.start("--get", THING, "--", "sh", "-c", look, cwd="/usr/share")
    out, err = process.communicate(b"typed\n", timeout=PATIENCE)
    lines = out.decode().splitlines()
    assert process.returncode == 7
    assert err.decode().splitlines() == [f"jitsudo: request {ID}: {THING}", "jitsudo: approved by bob@EXAMPLE.TEST"]
    assert lines[0] == "typed" and lines[-3:] == ["600", "1", "/usr/share"]
    assert any(line.startswith(f"Ticket cache: FILE:{house.runtime}/jitsudo-") for line in lines)
    assert [line for line in lines if "krbtgt" in line] == []
    assert [line.split()[-1] for line in lines if "postgres" in line] == [SERVICE]
    house.daemon.finish()
    assert daemon.heard[1:] == [Bye()], "it is given back"
    assert list(house.runtime.iterdir()) == [], "the cache is destroyed"
    assert cache.exists()


@pytest.mark.parametrize("status", [0, 1, 125, 127, 255])
def test_the_status_is_the_commands(house, status):
    house.daemon.play(Giving())
    assert house.run("--get", THING, "--", "sh", "-c", f"exit {status}").returncode == status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGSEGV])
def test_if_a_signal_ended_the_command_jitsudo_ends_by_it(house, number):
    house.daemon.play(Giving())
    assert house.run("--get", THING, "--", "sh", "-c", f"kill -{number.value} $$").returncode == -number
    assert list(house.runtime.iterdir()) == []


def test_the_command_gets_the_signals_as_jitsudo_found_them(house):
    """Nothing is blocked, and nothing ignored but what the caller ignored: a pipe that closes ends it."""
    house.daemon.play(Giving())

    def ignore_usr2():
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)

    done = house.run("--get", THING, "--", "grep", "^Sig[BI]", "/proc/self/status", preexec_fn=ignore_usr2)
    masks = {line.split()[0]: int(line.split()[1], 16) for line in done.out.splitlines()}
    masks["SigIgn:"] &= ~(0b11 << 31)  # 32 and 33 are the C library's own: make(1) leaves them ignored
    assert masks == {"SigBlk:": 0, "SigIgn:": 1 << signal.SIGUSR2 - 1}


def reading(process, line):
    """Waits until the command has said ``line``: it runs by then."""
    assert process.stdout.readline().decode() == f"{line}\n"


def begun_by(pid):
    """What the processes are called that the process ``pid`` has started."""
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with suppress(OSError):  # it has ended
            found.append(Path(f"/proc/{child}/comm").read_text().strip())
    return found


TRAPS = "trap 'echo hung up; exit 3' HUP; echo begun; while :; do sleep 0.1; done"
IGNORES = "trap '' HUP; echo begun; exec sleep 1000"
DIES = "echo begun; exec sleep 1000"


@pytest.mark.parametrize(("what", "status"), [(DIES, -signal.SIGHUP), (TRAPS, 3)], ids=["dies", "catches"])
def test_what_is_taken_back_hangs_the_command_up(house, what, status):
    """A revoked grant."""

    def then(peer):
        reading(process, "begun")
        assert len(house.caches()) == 1
        peer.say(Taken(id=ID, because="bob@EXAMPLE.TEST revoked the grant"))

    process = house.start("--get", THING, "--", "sh", "-c", what, changes={"ENDS_WITHIN": PATIENCE})
    house.daemon.play(Giving(then))
    assert process.wait(PATIENCE) == status
    told = process.stderr.read().decode().splitlines()
    assert told[1] == f"jitsudo: {THING} is taken back: bob@EXAMPLE.TEST revoked the grant; hanging up sh"
    assert [line for line in told if "still running" in line] == []
    assert list(house.runtime.iterdir()) == []


def test_all_below_the_command_is_hung_up(house):
    def then(peer):
        pids.extend(int(process.stdout.readline()) for _ in range(3))
        peer.say(Taken(id=ID, because="over"))

    pids = []
    below = "sleep 1000 & echo $!; setsid sleep 1001 & echo $!; sh -c 'echo $$; sleep 1002; :'"
    process = house.start("--get", THING, "--", "bash", "-c", f"{below}; wait", changes={"ENDS_WITHIN": PATIENCE})
    house.daemon.play(Giving(then))
    assert process.wait(PATIENCE) == -signal.SIGHUP
    assert [pid for pid in pids if is_living(pid)] == []


def test_what_is_stopped_below_the_command_is_hung_up_too(house):
    def then(peer):
        pids.append(int(process.stdout.readline()))
        wait_for(lambda: status_of(pids[0])["State"].startswith("T"), what="a stop")
        peer.say(Taken(id=ID, because="over"))

    pids = []
    process = house.start(
        "--get", THING, "--", "bash", "-c", "sleep 1000 & kill -STOP $!; echo $!; wait", changes={"ENDS_WITHIN": PATIENCE}
    )
    house.daemon.play(Giving(then))
    assert process.wait(PATIENCE) == -signal.SIGHUP
    assert not is_living(pids[0])


def test_what_executes_another_file_after_the_hang_up_is_hung_up_again(house):
    """As the child of a shell that is between fork(2) and execve(2) when the signal comes: the shell's handler is forgotten."""

    def then(peer):
        pids.append(int(process.stdout.readline()))
        peer.say(Taken(id=ID, because="over"))

    pids = []
    forgets = "trap 'exec sleep 1000' HUP; echo $$; while :; do sleep 0.1; done"
    process = house.start("--get", THING, "--", "bash", "-c", forgets, changes={"ENDS_WITHIN": PATIENCE})
    house.daemon.play(Giving(then))
    assert process.wait(PATIENCE) == -signal.SIGHUP
    is_there = is_living(pids[0])
    if is_there:
        os.kill(pids[0], signal.SIGKILL)
    assert not is_there


def test_nothing_goes_on_because_something_else_was_hung_up_before_it(house, tmp_path):
    """The last process reads until the first one ends; a hundred are between the two."""

    def then(peer):
        bash = process.stdout.readline().decode().strip()
        wait_for(lambda: begun_by(bash) == ["sleep"] * 101 + ["bash"], what="all of them")
        peer.say(Taken(id=ID, because="over"))

    pipe, mark = tmp_path / "pipe", tmp_path / "went-on"
    os.mkfifo(pipe)
    between = "for n in {1..100}; do sleep 1001 & done"
    script = f"sleep 1000 >{pipe} & {between}; {{ read <{pipe}; : >{mark}; }} & echo $$; wait"
    process = house.start("--get", THING, "--", "bash", "-c", script)
    house.daemon.play(Giving(then))
    assert process.wait(PATIENCE) == -signal.SIGHUP
    assert not mark.exists()


def test_what_outlives_the_grant_is_named_and_left_alone(house):
    def then(peer):
        reading(process, "begun")
        wait_for(lambda: "sleep" in begun_by(process.pid), what="what ignores it")
        peer.say(Taken(id=ID, because="its time is over"))

    process = house.start("--get", THING, "--", "sh", "-c", IGNORES, changes={"ENDS_WITHIN": 0.3})
    house.daemon.play(Giving(then))
    assert process.wait(PATIENCE) == -signal.SIGHUP
    told = [process.stderr.readline().decode() for _ in range(3)]  # what lives on has it open, too
    found = re.fullmatch(r"jitsudo: the grant has ended; still running: (\d+) sleep\n", told[-1])
    assert found, told
    assert is_living(found[1]), "it runs with the person's own rights, and goes on"
    os.kill(int(found[1]), signal.SIGKILL)
    assert list(house.runtime.iterdir()) == []


def test_the_end_of_the_grant_comes_by_our_own_clock_too(house):
    house.daemon.play(Giving(left_ms=500))
    process = house.start("--get", THING, "--", "sh", "-c", DIES)
    assert process.wait(PATIENCE) == -signal.SIGHUP
    assert f"{THING} is taken back: its time is over" in process.stderr.read().decode()


def test_a_ticket_beyond_the_end_of_the_grant_is_warned_of(house):
    """The service's own limit is 10 minutes: no gate of a KDC has shortened this one."""
    house.daemon.play(Giving(left_ms=60_000))
    done = house.run("--get", THING, "--", "true")
    assert done.returncode == 0
    assert re.search(rf"jitsudo: warning: the KDC gave a ticket until {LOCAL}, beyond the end of the grant, {LOCAL}: ", done.err)


def test_a_ticket_within_the_grant_is_not_warned_of(house):
    house.daemon.play(Giving(left_ms=600_000 + round(1000 * PATIENCE)))  # it is issued later than the grant, on a busy host
    assert "warning" not in house.run("--get", THING, "--", "true").err


# --- signals and the terminal


def test_a_signal_to_jitsudo_is_passed_on(house):
    def then(peer):
        reading(process, "begun")
        process.send_signal(signal.SIGTERM)

    traps = "trap 'exit 4' TERM; echo begun; while :; do sleep 0.1; done"
    process = house.start("--get", THING, "--", "sh", "-c", traps)
    house.daemon.play(Giving(then))
    assert process.wait(PATIENCE) == 4


def test_keys_are_the_commands_affair(house):
    """SIGINT and SIGQUIT to jitsudo alone end nothing: from a keyboard the command has them already."""

    def then(peer):
        reading(process, "begun")
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGQUIT)
        process.send_signal(signal.SIGUSR1)

    traps = "trap 'exit 4' USR1; trap 'exit 5' INT; echo begun; while :; do sleep 0.1; done"
    process = house.start("--get", THING, "--", "sh", "-c", traps)
    house.daemon.play(Giving(then))
    assert process.wait(PATIENCE) == 4


def test_a_signal_that_the_command_sends_is_not_sent_back(house):
    house.daemon.play(Giving())
    handled = "grep -qz 'State:.S.*SigPnd:.0*.ShdPnd:.0*.SigBlk' /proc/$PPID/status"
    script = f"n=0; trap 'n=$((n+1))' TERM; kill -TERM $PPID; until {handled}; do :; done; exit $n"
    assert house.run("--get", THING, "--", "sh", "-c", script).returncode == 0


def test_ctrl_c_ends_the_command_and_jitsudo_like_it(house):
    daemon = Giving()
    house.daemon.play(daemon)
    started = OnTerminal(("--get", THING, "--", "sh", "-c", DIES), house.daemon.path, **house.more)
    started.read_until(b"begun")
    started.type(b"\x03")
    assert started.end() == -signal.SIGINT
    os.close(started.master)
    house.daemon.finish()
    assert (daemon.heard[1:], list(house.runtime.iterdir())) == ([Bye()], [])


def test_ctrl_z_stops_both_and_both_go_on(house):
    house.daemon.play(Giving())
    counts = "echo begun; read line; echo got $line; exit 6"
    started = OnTerminal(("--get", THING, "--", "sh", "-c", counts), house.daemon.path, under_shell=True, **house.more)
    started.read_until(b"begun")
    started.type(b"\x1a")
    assert started.told.readline() == "stopped\n"
    os.kill(-started.pid, signal.SIGCONT)
    started.type(b"a line\n")
    assert started.end() == 6
    assert b"got a line" in started.seen
    os.close(started.master)


STOPS = (["sh", "-c", "kill -STOP $$; exit 6"], ["perl", "-e", "setpgrp(0, 0); kill STOP => $$; exit 6"])


@pytest.mark.parametrize("command", STOPS, ids=["as less and vi", "in a group of its own"])
def test_a_command_that_stops_itself_stops_the_job(house, command):
    house.daemon.play(Giving())
    started = OnTerminal(("--get", THING, "--", *command), house.daemon.path, under_shell=True, **house.more)
    assert started.told.readline() == "stopped\n"
    os.kill(-started.pid, signal.SIGCONT)
    assert started.end() == 6
    os.close(started.master)


def test_an_interactive_shell_is_hung_up_with_its_job(house):
    """It leads a process group of its own, has the terminal, and its job has another group."""

    def then(peer):
        assert has_job.wait(PATIENCE)
        peer.say(Taken(id=ID, because="over"))

    has_job = threading.Event()
    words = ("--get", THING, "--", "bash", "--norc", "--noprofile", "-i")
    house.daemon.play(Giving(then))
    started = OnTerminal(words, house.daemon.path, under_shell=True, **{**house.more, "PS1": "begun "})
    started.read_until(b"begun")
    started.type(b"sleep 1000 & echo job $! is there; sleep 1001\n")
    started.read_until(b" is there\r\n")
    has_job.set()
    assert started.end() == 256 - signal.SIGHUP, "as OnTerminal's shell says it"
    job = int(re.search(rb"job (\d+) is there", started.seen)[1])
    wait_for(lambda: not is_living(job), what="the end of the shell's job")
    assert b"still running" not in started.seen
    os.close(started.master)


# --- where no ticket comes


def test_a_kdc_that_refuses_is_quoted_and_the_thing_given_back(house):
    daemon = Giving(name="nobody/db1@EXAMPLE.TEST")
    house.daemon.play(daemon)
    for words in (["--", "echo", "ran"], []):
        daemon.heard.clear()
        daemon.given["stays"] = not words
        done = house.run("--get", THING, *words)
        house.daemon.thread.join(PATIENCE)
        assert (done.returncode, done.out, daemon.heard[1:]) == (125, "", [Bye()])
        assert "not found in Kerberos database; what was given is given back" in done.err
        assert list(house.runtime.iterdir()) == []
        house.daemon.play(daemon) if words else None


@pytest.mark.parametrize("words", [["--", "echo", "ran"], []], ids=["a command", "kept"])
def test_an_expired_ticket_says_kinit(house, realm, cache, words):
    realm.kinit(cache, "-l", "1s")
    time.sleep(2.1)
    daemon = Giving(stays=not words)
    house.daemon.play(daemon)
    done = house.run("--get", THING, *words)
    house.daemon.finish()
    assert (done.returncode, done.out, daemon.heard[1:]) == (119, "", [Bye()])
    assert "expired: kinit" in done.err
    assert list(house.runtime.iterdir()) == []


# --- a daemon that goes away while the command runs


def leaving(house, *more, **given):
    """A first daemon that gives and goes when the command runs, then ``more``."""

    def first(peer):
        peer.welcome()
        peer.progress(f"request {ID}: {THING}", owed=False)
        give(peer, **given)
        reading(house.started[0], "begun")

    house.daemon.play(first, *more)


def test_a_daemon_that_comes_back_is_told_who_has_the_thing(house):
    heard = []

    def second(peer):
        heard.append(peer.welcome())
        peer.progress("again", owed=False)
        give(peer)
        go_on.set()
        heard.append(peer.hear())

    go_on = threading.Event()
    process = house.start("--get", THING, "--", "sh", "-c", "echo begun; read line; exit 8")
    leaving(house, second)
    assert go_on.wait(PATIENCE)
    process.stdin.write(b"go on\n")
    process.stdin.close()
    process.stdin = None
    assert process.wait(PATIENCE) == 8
    house.daemon.finish()
    assert heard == [Resume(id=ID, streams=[], place="command"), Bye()]
    assert process.stderr.read().decode() == f"jitsudo: request {ID}: {THING}\n", "an interactive command is not disturbed"


def test_a_daemon_that_comes_back_and_has_taken_the_thing_ends_it(house):
    def second(peer):
        peer.welcome()
        peer.say(Refused(code="late", text="it is taken back"))

    process = house.start("--get", THING, "--", "sh", "-c", DIES)
    leaving(house, second)
    assert process.wait(PATIENCE) == -signal.SIGHUP
    assert "is taken back: it is taken back; hanging up sh" in process.stderr.read().decode()


def test_a_daemon_that_does_not_come_back_is_told_once_and_the_end_comes_all_the_same(realm, cache, service, tmp_path):
    realm.kinit(cache)
    for left_ms in (2500, 10_000, 40_000):  # on a host that is too busy for the first, it is over before the daemon is missed
        (tmp_path / str(left_ms)).mkdir()
        house = House(realm, cache, tmp_path / str(left_ms))
        process = house.start("--get", THING, "--", "sh", "-c", DIES, changes={"COMES_BACK_WITHIN": 0.5})
        leaving(house, left_ms=left_ms)
        house.daemon.thread.join(PATIENCE)
        house.daemon.listener.close()
        assert process.wait(PATIENCE) == -signal.SIGHUP
        told = process.stderr.read().decode()
        with suppress(AssertionError):  # of the daemon's script, if the command has not begun
            house.finish()
        if "nobody listens" in told:
            break
    assert len(re.findall(rf"nobody listens .*; sh goes on, until {LOCAL} at most", told)) == 1, told
    assert "its time is over" in told


def test_a_command_that_ends_while_the_daemon_is_away_ends_jitsudo(house):
    process = house.start("--get", THING, "--", "sh", "-c", "echo begun; read line; exit 9")
    leaving(house)
    house.daemon.thread.join(PATIENCE)
    house.daemon.listener.close()
    process.stdin.write(b"go on\n")
    process.stdin.flush()
    assert process.wait(PATIENCE) == 9
    assert list(house.runtime.iterdir()) == []


# --- without a command


def kept(peer):
    assert peer.hear() == Keep()
    peer.say(Done(text="yours"))


def test_what_is_kept_is_used_by_the_line_that_is_printed(house):
    daemon = Giving(kept, stays=True)
    house.daemon.play(daemon)
    done = house.run("--get", THING)
    house.daemon.finish()
    assert done.returncode == 0
    assert re.fullmatch(rf"export KRB5CCNAME=FILE:{house.runtime}/jitsudo-[0-9a-f]+/krb5cc\n", done.out)
    assert re.search(
        rf"jitsudo: the ticket for {SERVICE} is good until {LOCAL}; for a new ticket until {LOCAL}: jitsudo --resume={ID}; "
        rf"to give it back sooner: jitd revoke {ID}\n$",
        done.err,
    )
    used = subprocess.run(["sh", "-c", f"{done.out}klist"], env=house.surroundings, capture_output=True, text=True, check=True)
    assert SERVICE in used.stdout and "krbtgt" not in used.stdout
    assert daemon.heard[1:] == [Bye()]
    assert [stat.S_IMODE(os.stat(path).st_mode) for path in house.caches()] == [0o600]


def test_the_line_is_quoted_for_a_shell(house):
    odd = house.runtime.with_name("it's $HOME")
    house.runtime.rename(odd)
    house.surroundings["XDG_RUNTIME_DIR"] = str(odd)
    house.daemon.play(Giving(kept, stays=True))
    done = house.run("--get", THING)
    used = subprocess.run(["sh", "-c", f'{done.out}printf %s "$KRB5CCNAME"'], capture_output=True, text=True, check=True)
    assert used.stdout.startswith(f"FILE:{odd}/jitsudo-") and used.stdout.endswith("/krb5cc")
    odd.rename(house.runtime)


def test_what_is_taken_before_it_is_kept_is_not_kept(house):
    def late(peer):
        assert peer.hear() == Keep()
        peer.say(Taken(id=ID, because="revoked"))
        peer.say(Refused(code="late", text="too late: it has already been taken back"))

    house.daemon.play(Giving(late, stays=True))
    done = house.run("--get", THING)
    assert (done.returncode, done.out) == (121, "")
    assert done.err.endswith("jitsudo: too late: it has already been taken back\n")
    assert list(house.runtime.iterdir()) == []


def test_a_daemon_that_goes_before_it_is_kept_is_come_back_to(house):
    heard = []

    def first(peer):
        peer.welcome()
        give(peer, stays=True)
        heard.append(peer.hear())

    def second(peer):
        heard.append(peer.welcome())
        give(peer, stays=True)
        kept(peer)

    house.daemon.play(first, second)
    done = house.run("--get", THING)
    assert done.returncode == 0
    assert heard == [Keep(), Resume(id=ID, streams=[], place="command")]
    assert [path.as_posix() for path in house.caches()] == [done.out.strip().partition("FILE:")[2]]


def test_a_line_that_cannot_be_printed_leaves_no_cache(house):
    house.daemon.play(Giving(kept, stays=True))
    with open("/dev/full", "w") as full:
        process = house.start("--get", THING, stdout=full)
        assert process.wait(PATIENCE) == 125
    assert "the line to use the ticket by cannot be written" in process.stderr.read().decode()
    assert list(house.runtime.iterdir()) == []


def test_a_request_that_is_resumed_is_kept(house):
    daemon = Giving(kept, stays=True)
    house.daemon.play(daemon)
    done = house.run("--resume", ID)
    house.daemon.finish()
    assert (done.returncode, daemon.heard[0].type) == (0, "resume")
    assert done.out.startswith("export KRB5CCNAME=")


def test_a_request_for_a_command_cannot_be_resumed_and_kept(house):
    daemon = Giving(stays=False)
    house.daemon.play(daemon)
    done = house.run("--resume", ID)
    house.daemon.finish()
    assert (done.returncode, done.out, daemon.heard[1:]) == (120, "", [Bye()])
    assert "was made for a command" in done.err


# --- what is loaded, and when


@pytest.mark.parametrize("words", [["--", "sh", "-c", "exit 7"], []], ids=["a command", "kept"])
def test_another_version_that_is_installed_while_it_waits_is_not_loaded_into_this_one(house, tmp_path, words):
    installed = tmp_path / "lib"
    shutil.copytree(TREE / "jitpam", installed / "jitpam")

    def script(peer):
        peer.welcome()
        peer.progress("wait")
        assert process.stderr.readline() == b"jitsudo: wait\n"
        shutil.rmtree(installed)
        give(peer, stays=not words)
        if not words:
            kept(peer)

    process = house.start("--get", THING, *words, tree=installed)
    house.daemon.play(script)
    assert process.wait(PATIENCE) == (7 if words else 0), process.stderr.read()


def test_a_run_loads_nothing_of_it(house):
    """What is for things costs no other start anything."""

    def script(peer):
        assert isinstance(peer.welcome(), Submit)
        peer.progress("wait")
        assert process.stderr.readline() == b"jitsudo: wait\n"

    code = f"import sys; sys.path.insert(0, {str(TREE)!r})\nfrom jitpam import saying\nsay = saying.say\n"
    code += "def told(text, *program):\n    say(text, *program)\n    print(*sys.modules, flush=True)\n"
    code += "saying.say = told\nfrom jitpam.jitsudo import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-IS", "-c", code, "true"], env=house.surroundings, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    house.started.append(process)
    house.daemon.play(script)
    loaded = process.stdout.readline().decode().split()
    assert "jitpam.relay" in loaded
    assert {"jitpam.holding", "jitpam.ticket", "jitpam.own_command", "jitpam.krb5_caches", "_datetime"} & set(loaded) == set()
