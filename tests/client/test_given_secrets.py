# SPDX-License-Identifier: Apache-2.0
"""What jitsudo does with things that are no tickets, with several at once, and with secrets: against a daemon made of a script.

Law: the planted secret is nowhere but where it was asked for: not on a stream, not on a command line, in no file but ``--to``'s.
"""

import fcntl
import json
import os
import stat
import sys

import pytest

from jitd.beside.secret import SEALS
from jitpam.appointment import here
from jitpam.wire.messages import Bye, Done, Get, Given, Keep, Refused, Resume, Taken
from tests.client.acting import ID

PLANTED = b"planted-4be1-secret\n"
DOOR, ROLE = "program:door", "postgres-role:reporting"
HOUR = 3_600_000
UNTIL = "2030-01-01T00:00:00Z"
SHOWN_UNTIL = here(UNTIL)


def sealed(content=PLANTED, seals=SEALS):
    made = os.memfd_create("secret", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(made, content)
    fcntl.fcntl(made, fcntl.F_ADD_SEALS, seals)
    return made


def given(thing=ROLE, secret="here", more=0, number=1, **fields):
    id = ID if number == 1 else f"{ID}.{number}"
    fields = {"stays": False, "left_ms": HOUR, "name": "", "news": [], **fields}
    return Given(id=id, thing=thing, to="root@EXAMPLE.TEST", until=UNTIL, more=more, secret=secret, **fields)


class Giving:
    """A daemon that gives ``things`` at once; ``heard`` is what the client says, ``then(peer)`` what comes after."""

    def __init__(self, *things, then=None):
        self.things = things
        self.then = then
        self.heard = []

    def __call__(self, peer):
        self.heard.append(peer.welcome())
        peer.progress(f"request {ID}", owed=False)
        for message in self.things:
            descriptor = sealed() if message.secret == "here" else None
            peer.say(message, descriptor)
            if descriptor is not None:
                os.close(descriptor)
        if self.then:
            self.then(peer)
        while (message := peer.hear()) is not None:
            self.heard.append(message)


def keeps(peer):
    assert isinstance(peer.hear(), Keep)
    peer.say(Done(text=""))


READS = "import os; [print(n, os.read(int(n), 100)) for n in os.environ['JITSUDO_ACCESS_FD'].split(',')]"


def python(code):
    return ["--", sys.executable, "-IS", "-c", code]


# --- several


def test_several_are_asked_for_in_one_message_and_the_command_begins_when_all_are_there(daemon, jitsudo):
    script = Giving(given(DOOR, "", more=1, name="the door is open"), given(ROLE, "", number=2))
    daemon.play(script)
    done = jitsudo("--get", DOOR, "--get", ROLE, *python("print('ran')"))
    assert (done.returncode, done.stdout) == (0, b"ran\n") and b"the door is open" in done.stderr
    daemon.finish()
    asked, bye = script.heard
    assert isinstance(asked, Get) and (asked.thing, asked.also, asked.stays) == (DOOR, [ROLE], False)
    assert isinstance(bye, Bye), "it is given back when the command ends"


def test_a_daemon_that_stops_in_the_middle_runs_nothing(daemon, jitsudo):
    def script(peer):
        peer.welcome()
        peer.progress(f"request {ID}", owed=False)
        peer.say(given(DOOR, "", more=1))

    def gone(peer):
        peer.welcome()
        peer.say(Refused(code="unknown", text="there is no such request"))

    daemon.play(script, gone)
    done = jitsudo("--get", DOOR, "--get", ROLE, *python("print('ran')"))
    assert done.returncode != 0 and b"ran" not in done.stdout


def test_what_is_kept_names_all_of_it(daemon, jitsudo):
    gate = "program:gate"
    daemon.play(Giving(given(DOOR, "", more=1, stays=True), given(gate, "", number=2, stays=True), then=keeps))
    done = jitsudo("--get", DOOR, "--get", gate)
    assert done.returncode == 0 and done.stdout == b""
    told = f"{DOOR} is yours until {SHOWN_UNTIL}, {gate} is yours until {SHOWN_UNTIL}"
    assert f"jitsudo: {told}; to give them back sooner: jitd revoke {ID}".encode() in done.stderr


# --- secrets, with a command


def test_a_command_reads_the_secret_by_the_number_in_its_environment(daemon, jitsudo):
    """THREATS T-24."""
    daemon.play(Giving(given()))
    done = jitsudo("--get", ROLE, *python(READS))
    assert done.returncode == 0, done.stderr
    number, _, read = done.stdout.decode().partition(" ")
    assert int(number) > 2 and read == f"{PLANTED!r}\n"


def test_of_several_secrets_the_numbers_stand_in_the_order_that_was_typed(daemon, jitsudo):
    daemon.play(Giving(given(DOOR, more=2), given("program:gate", "", more=1, number=2), given(ROLE, number=3)))
    done = jitsudo("--get", DOOR, "--get", "program:gate", "--get", ROLE, *python(READS))
    assert len(done.stdout.splitlines()) == 2 and done.stdout.count(repr(PLANTED).encode()) == 2


def test_a_command_without_a_secret_has_no_number(daemon, jitsudo):
    daemon.play(Giving(given(secret="")))
    done = jitsudo("--get", ROLE, *python("import os; print(os.environ.get('JITSUDO_ACCESS_FD'))"))
    assert done.stdout == b"None\n"


def test_the_secret_is_on_no_command_line_in_no_environment_and_not_in_jitsudos_memory(daemon, jitsudo):
    """jitsudo passes the descriptor on and never reads it. THREATS T-24."""
    look = (
        "import os, re\n"
        "for pid in ('self', str(os.getppid())):\n"
        "    for what in ('cmdline', 'environ'):\n"
        "        data = open(f'/proc/{pid}/{what}', 'rb').read(); assert b'planted-' + b'4be1' not in data\n"
        "maps = open(f'/proc/{os.getppid()}/maps').read()\n"
        "mem = open(f'/proc/{os.getppid()}/mem', 'rb', 0)\n"
        "for line in maps.splitlines():\n"
        "    begin, end, mode = re.match('([0-9a-f]+)-([0-9a-f]+) (....)', line).groups()\n"
        "    if mode.startswith('rw'):\n"
        "        mem.seek(int(begin, 16))\n"
        "        try: data = mem.read(int(end, 16) - int(begin, 16))\n"
        "        except OSError: continue\n"
        "        assert b'planted-' + b'4be1' not in data, line\n"
        "print(os.read(int(os.environ['JITSUDO_ACCESS_FD']), 100))\n"
    )
    daemon.play(Giving(given()))
    done = jitsudo("--get", ROLE, *python(look))
    assert (done.returncode, done.stdout) == (0, f"{PLANTED!r}\n".encode()), done.stderr
    assert PLANTED.strip() not in done.stderr


def test_nobody_can_change_the_secret_in_the_commands_hands(daemon, jitsudo):
    """THREATS T-24."""
    daemon.play(Giving(given()))
    done = jitsudo("--get", ROLE, *python("import os; os.pwrite(int(os.environ['JITSUDO_ACCESS_FD']), b'x', 0)"))
    assert done.returncode == 1 and b"PermissionError" in done.stderr


def test_a_descriptor_that_nobody_announced_ends_the_connection(daemon, jitsudo):
    """THREATS T-24."""

    def script(peer):
        peer.welcome()
        peer.progress(f"request {ID}", owed=False)
        peer.say(given(secret=""), sealed())

    def refuse(peer):
        assert isinstance(peer.welcome(), Resume)
        peer.say(Refused(code="unknown", text="there is no such request"))

    daemon.play(script, refuse)
    done = jitsudo("--get", ROLE, *python("print('ran')"))
    assert done.returncode != 0 and done.stdout == b""


def test_a_secret_that_was_announced_and_does_not_come_runs_nothing(daemon, jitsudo):
    def script(peer):
        peer.welcome()
        peer.progress(f"request {ID}", owed=False)
        peer.say(given(secret="here"))

    def refuse(peer):
        assert isinstance(peer.welcome(), Resume)
        peer.say(Refused(code="unknown", text="there is no such request"))

    daemon.play(script, refuse)
    done = jitsudo("--get", ROLE, *python("print('ran')"))
    assert done.returncode != 0 and done.stdout == b""


def test_a_secret_that_was_handed_over_before_is_said_and_the_thing_is_given_back(daemon, jitsudo):
    script = Giving(given(secret="handed"))
    daemon.play(script)
    done = jitsudo("--get", ROLE, *python("print('ran')"))
    assert (done.returncode, done.stdout) == (125, b"") and b"is not sent again: request it again" in done.stderr
    daemon.finish()
    assert isinstance(script.heard[-1], Bye)


# --- --to FILE


@pytest.fixture
def there(tmp_path):
    return tmp_path / "role.password"


def test_to_writes_a_new_file_for_its_owner_alone(daemon, jitsudo, there):
    """Whatever the umask. THREATS T-24."""
    daemon.play(Giving(given(stays=True), then=keeps))
    done = jitsudo("--get", ROLE, "--to", there, preexec_fn=lambda: os.umask(0))
    assert (done.returncode, done.stdout) == (0, b"") and there.read_bytes() == PLANTED
    assert stat.S_IMODE(there.stat().st_mode) == 0o600 and there.stat().st_uid == os.geteuid()
    assert PLANTED.strip() not in done.stderr


@pytest.mark.parametrize("what", ["a file", "a link", "a link to nothing", "a directory"])
def test_to_writes_into_nothing_that_is_there(daemon, jitsudo, there, what):
    """Nobody is asked. THREATS T-24."""
    other = there.with_name("other")
    if what != "a link to nothing":
        other.write_bytes(b"mine")
    {"a file": lambda: there.write_bytes(b"mine"), "a directory": there.mkdir}.get(what, lambda: there.symlink_to(other))()
    done = jitsudo("--get", ROLE, "--to", there)
    assert done.returncode == 120 and b"nothing was asked" in done.stderr
    assert not other.exists() or other.read_bytes() == b"mine"


def test_a_file_that_appears_while_the_request_waits_is_not_written(daemon, jitsudo, there):
    """THREATS T-24."""
    script = Giving(given(stays=True))

    def late(peer):
        there.write_bytes(b"mine")
        script(peer)

    daemon.play(late)
    done = jitsudo("--get", ROLE, "--to", there)
    assert done.returncode == 125 and there.read_bytes() == b"mine" and b"given back" in done.stderr
    daemon.finish()
    assert isinstance(script.heard[-1], Bye)


def test_what_cannot_be_kept_leaves_no_file(daemon, jitsudo, there):
    """THREATS T-24."""

    def no(peer):
        assert isinstance(peer.hear(), Keep)
        peer.say(Taken(id=ID, because="an incident"))
        peer.say(Refused(code="late", text="too late: it has already been taken back"))

    daemon.play(Giving(given(stays=True), then=no))
    done = jitsudo("--get", ROLE, "--to", there)
    assert done.returncode != 0 and not there.exists()


def test_the_file_of_a_command_goes_with_the_command(daemon, jitsudo, there):
    """THREATS T-24."""
    daemon.play(Giving(given()))
    done = jitsudo("--get", ROLE, "--to", there, *python(f"print(open({str(there)!r}, 'rb').read())"))
    assert (done.returncode, done.stdout) == (0, f"{PLANTED!r}\n".encode()) and not there.exists()


def test_another_file_of_that_name_is_left_alone(daemon, jitsudo, there):
    daemon.play(Giving(given()))
    moves = f"import os; os.unlink({str(there)!r}); open({str(there)!r}, 'w').write('mine')"
    assert jitsudo("--get", ROLE, "--to", there, *python(moves)).returncode == 0
    assert there.read_text() == "mine"


@pytest.mark.parametrize(
    "things", [(given(secret="", stays=True),), (given(DOOR, more=1, stays=True), given(ROLE, number=2))], ids=["none", "two"]
)
def test_to_takes_one_secret(daemon, jitsudo, there, things):
    daemon.play(Giving(*things))
    done = jitsudo("--get", DOOR, "--to", there)
    assert done.returncode == 125 and b"--to takes one secret" in done.stderr and not there.exists()


def test_a_secret_that_nobody_would_read_is_said_and_the_thing_is_given_back(daemon, jitsudo):
    script = Giving(given(DOOR, stays=True))
    daemon.play(script)
    done = jitsudo("--get", DOOR)
    assert done.returncode == 125 and b"--to FILE" in done.stderr and PLANTED.strip() not in done.stdout + done.stderr
    daemon.finish()
    assert isinstance(script.heard[-1], Bye)


@pytest.mark.parametrize("words", [(), ("--json",), ("--get", DOOR)])
def test_a_secret_that_nobody_would_read_is_not_asked_for(daemon, jitsudo, words):
    daemon.play()
    done = jitsudo("--get", ROLE, *words)
    assert done.returncode == 120 and f"{ROLE} comes with a secret".encode() in done.stderr + done.stdout


# --- --json


def row(done):
    (line,) = done.stdout.decode().splitlines()
    return json.loads(line)


def test_json_says_what_is_held_in_one_line(daemon, jitsudo, there):
    daemon.play(Giving(given(DOOR, "", more=1, stays=True), given(ROLE, number=2, stays=True), then=keeps))
    found = row(jitsudo("--get", DOOR, "--get", ROLE, "--json", "--to", there))
    assert (found["state"], found["request"], found["file"], found["variables"]) == ("held", ID, str(there), {})
    assert [(one["holding"], one["thing"], one["until"]) for one in found["things"]] == [
        (ID, DOOR, UNTIL),
        (f"{ID}.2", ROLE, UNTIL),
    ]


def test_json_says_what_was_submitted(daemon, jitsudo):
    def script(peer):
        assert peer.welcome().waits is False
        peer.progress(f"request {ID}")
        peer.say(Done(text=""))

    daemon.play(script)
    done = jitsudo("--get", ROLE, "--json", "--no-wait")
    assert done.returncode == 0 and row(done) == {"state": "submitted", "request": ID}


@pytest.mark.parametrize(
    ("code", "status"),
    [("denied", 121), ("reviewed", 122), ("owed", 118), ("expired", 124), ("withdrawn", 123), ("failed", 125)],
)
def test_json_says_why_nothing_is_held_and_the_status_is_the_same(daemon, jitsudo, code, status):
    def script(peer):
        peer.welcome()
        peer.progress(f"request {ID}")
        peer.say(Refused(code=code, text="no, and why"))

    daemon.play(script)
    done = jitsudo("--get", DOOR, "--json")
    expected = {"state": "failed", "request": ID, "code": code, "because": "no, and why", "status": status}
    assert done.returncode == status and row(done) == expected


def test_json_says_that_jitd_is_not_there(tmp_path, jitsudo):
    done = jitsudo("--get", DOOR, "--json", env={"JITD_SOCKET": str(tmp_path / "nothing")})
    found = row(done)
    assert done.returncode == found["status"] == 125 and (found["request"], found["code"]) == ("", "failed")


def test_json_says_that_what_was_given_cannot_be_used(daemon, jitsudo):
    daemon.play(Giving(given(DOOR, stays=True)))
    done = jitsudo("--get", DOOR, "--json")
    found = row(done)
    assert done.returncode == found["status"] == 125 and (found["request"], found["code"]) == (ID, "unusable")
