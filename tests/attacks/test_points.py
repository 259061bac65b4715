# SPDX-License-Identifier: Apache-2.0
"""Enforcement points, spoken by hand: who may be one, what proves the person, what becomes of a request by one (PROTOCOL.md
section 9).

Law: after each refusal nothing was granted, and nobody is known by more than they proved.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from jitpam.wire import messages
from tests.attacks.raw import VIEW, Raw, asked, connected, initiator, ticket_of, uid_of
from tests.descriptors import links
from tests.narrow import type_of
from tests.system.conftest import House, house_with
from tests.waiting import PATIENCE, wait_for

POLICY = """
[[permit]]
name = "free"
who = ["group:dba"]
services = ["sudo", "jitsudo"]
commands = [["/usr/bin/true"]]

[[permit]]
name = "owed"
who = ["group:dba"]
services = ["sudo", "login"]
run_as = ["*"]
commands = [["/usr/bin/id", "**"], ["**"]]
approvals = [{ need = 1, from = ["group:ops"] }]
grant = { lasts = "1h", uses = 5 }

[[permit]]
name = "doas"
who = ["group:dba"]
services = ["doas"]
commands = [["/usr/bin/id", "**"]]
run = { cwd = "/srv", options = "allow" }

[[permit]]
name = "free-with-ticket"
who = ["user:dave"]
services = ["sudo"]
commands = [["/usr/bin/id"]]
grant = { lasts = "1h", uses = 5 }

[[permit]]
name = "owed-without-ticket"
who = ["user:dave"]
services = ["sudo"]
commands = [["/usr/bin/id"]]
ticket = "optional"
approvals = [{ need = 1, from = ["group:ops"] }]

[[permit]]
name = "without-ticket"
who = ["user:eve"]
services = ["sudo", "sshd"]
run_as = ["*"]
commands = [["/usr/bin/id"]]
ticket = "optional"

[[permit]]
name = "logs-in-without-ticket"
who = ["group:dba"]
services = ["sshd"]
run_as = ["*"]
commands = [["**"]]
ticket = "optional"
approvals = [{ need = 1, from = ["group:ops"] }]
"""


gated = house_with(POLICY)


def question(who: str, *words: str, **changes: Any) -> messages.Enforce:
    """What sudo's module would ask for ``who``."""
    plain: dict[str, Any] = {
        "service": "sudo", "stage": "account", "user": who, "uid": uid_of(who), "ruser": who, "rhost": None, "tty": b"/dev/pts/9",
        "login_session": 7, "authenticated": None, "words": [b"sudo", *(word.encode() for word in words)],
        "posix": False, "search_path": b"/usr/bin:/bin", "shell": b"/bin/bash", "cwd": b"/", "cwd_device": os.stat("/").st_dev,
        "cwd_inode": os.stat("/").st_ino, "reason": None, "waits": True,
    }  # fmt: skip
    return messages.Enforce(**{**plain, **changes})


def login(who: str, **changes: Any) -> messages.Enforce:
    return question(who, **{"service": "sshd", "words": [], "ruser": None, "rhost": b"10.0.0.9", "waits": False, **changes})


class Point:
    """One question, up to the proof."""

    def __init__(self, house: House, ask: messages.Enforce) -> None:
        self.raw = Raw(house)
        self.raw.sign_in(None)
        self.raw.say(ask)
        self.challenge = self.raw.hear()

    def prove(
        self, who: str, bound_to: bytes | None = None, says: Callable[[bytes], bytes] | None = None
    ) -> messages.Message | None:
        """Give the proof of ``who``; what comes of it."""
        assert isinstance(self.challenge, messages.Challenge), self.challenge
        binding = self.challenge.binding
        context = initiator(ticket_of(who), binding if bound_to is None else bound_to)
        answer = self.raw.offer(bytes(context.step() or b""))
        if not isinstance(answer, messages.DaemonToken):
            return answer
        context.step(answer.token)
        said = (says or (lambda it: b"jitd proof 1\n" + it))(binding)
        self.raw.say(messages.Proof(proof=context.wrap(said, True).message, because=""))
        return self.raw.hear()

    def without_proof(self) -> messages.Message | None:
        self.raw.say(messages.Proof(proof=None, because="you have no ticket: kinit"))
        return self.raw.hear()


@contextmanager
def point(house: House, ask: messages.Enforce) -> Iterator[Point]:
    made = Point(house, ask)
    try:
        yield made
    finally:
        made.raw.close()


def n_things(house: House) -> tuple[int, int]:
    return len(house.rows("requests", "--all")), len(house.rows("grants", "--all"))


# --- who may be one, and what proves the person -----------------------------------------------------------------------


def test_only_root_is_an_enforcement_point(gated):
    before = n_things(gated)
    with connected(gated, "alice") as raw:
        assert raw.refusal(question("alice", "true"))[0] == "forbidden"
    assert n_things(gated) == before


@pytest.mark.parametrize(
    "passed, code",
    [
        ((), "usage"),
        (VIEW[:2], "usage"),
        (("/etc/passwd", *VIEW[1:]), "usage"),
        ((*VIEW[:2], "/proc/self/ns/mnt"), "forbidden"),
        ((*VIEW[:2], "/"), "forbidden"),
        ((*VIEW, "/"), None),
    ],
)
def test_a_point_that_passes_no_view_of_its_own_is_none(gated, passed, code):
    """THREATS S-04: root, working directory and user namespace, and nothing else; one more ends the connection."""
    before = n_things(gated)
    with connected(gated, "root") as raw:
        raw.enforce(question("alice", "true"), *passed)
        heard = raw.hear()
        assert (heard.code if isinstance(heard, messages.Refused) else heard) == code
    assert n_things(gated) == before


def of_clients(house: House) -> Counter[str]:
    """What the daemon holds that has to do with its clients: a file that it reads at the moment does not count."""
    kinds: Counter[str] = Counter()
    for to in links(house.process.pid).values():
        kinds[to.partition(":")[0] if to.startswith(("socket:", "user:")) else to] += 1
    return Counter({kind: n for kind, n in kinds.items() if kind in ("socket", "user", "anon_inode:[pidfd]", "/")})


def test_a_point_that_waits_costs_two_descriptors_and_one_that_is_gone_none(gated):
    connected(gated, "root").close()
    wait_for(lambda: of_clients(gated)["anon_inode:[pidfd]"] == 0)
    before = of_clients(gated)
    with point(gated, question("dave", "/usr/bin/id")) as one:
        assert isinstance(one.without_proof(), messages.Progress)
        wait_for(lambda: of_clients(gated) <= before + Counter({"socket": 1, "anon_inode:[pidfd]": 1}))
        assert of_clients(gated)["anon_inode:[pidfd]"] == 1
    for passed in ((), VIEW[:2], (*VIEW[:2], "/"), VIEW, (*VIEW, "/")):
        with connected(gated, "root") as raw:
            raw.enforce(question("alice", "true"), *passed)
            raw.hear()
    wait_for(lambda: of_clients(gated) <= before)


def test_descriptors_with_any_other_message_end_the_connection(gated):
    with connected(gated, "root") as raw:
        raw.enforce(messages.Show(id="K7QM-2XVD"), *VIEW)
        assert raw.is_closed()


IN_A_NAMESPACE = """
import sys
from pathlib import Path
from types import SimpleNamespace
from tests.attacks.test_points import VIEW, connected, question
raw = connected(SimpleNamespace(socket=sys.argv[1]), "root")
raw.enforce(question("alice", "true"), *VIEW[:2], sys.argv[2])
print(raw.hear())
"""


def in_namespace(gated: House, *unshare: str, users: str = VIEW[2]) -> str:
    """What a process of uid 0 is answered in a namespace that ``unshare`` makes, where it passes ``users`` for its own."""
    given = os.open("/proc/self/ns/user", os.O_RDONLY)
    line = ["unshare", *unshare, sys.executable, "-c", IN_A_NAMESPACE, str(gated.socket), users.format(given)]
    done = subprocess.run(line, capture_output=True, text=True, cwd=Path(__file__).parents[2], pass_fds=[given], check=False)
    os.close(given)
    return done.stdout or done.stderr


def test_root_of_a_user_namespace_is_no_enforcement_point_and_root_of_another_namespace_is_one(gated):
    """THREATS S-04: to the daemon both are uid 0, and somebody else may have handed it the host's user namespace."""
    before = n_things(gated)
    for users in (VIEW[2], "/proc/self/fd/{}"):
        assert "forbidden" in in_namespace(gated, "--user", "--map-root-user", users=users), users
    assert n_things(gated) == before
    assert "Challenge(" in in_namespace(gated, "--mount", "--uts", "--ipc", "--net")


def test_a_point_whose_process_has_ended_asks_for_nobody(gated):
    """THREATS S-01: who has its connection now is another process; so it is when the use is taken."""
    before = n_things(gated)
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        try:
            made = Raw(gated)
            made.sign_in(None)
            socket.send_fds(theirs, [b"x"], [made.socket.fileno()])
        finally:
            os._exit(0)
    _, (passed,), _, _ = socket.recv_fds(ours, 1, 1)
    os.waitpid(child, 0)
    with Raw(gated) as raw:
        raw.socket.close()
        raw.socket = socket.socket(fileno=passed)
        raw._poll.register(raw.socket, 1)
        raw.say(question("alice", "true"))
        heard = raw.hear()
        assert isinstance(heard, messages.Refused) and heard.code == "failed", heard
    ours.close()
    theirs.close()
    assert n_things(gated) == before


def test_a_use_is_given_to_no_process_that_has_ended_meanwhile(gated):
    """THREATS S-01: its connection is still open, since another process has it too."""
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        try:
            one = Point(gated, question("dave", "/usr/bin/id"))
            one.without_proof()
            socket.send_fds(theirs, [b"x"], [one.raw.socket.fileno()])
            signal.pause()
        finally:
            os._exit(1)
    _, (passed,), _, _ = socket.recv_fds(ours, 1, 1)
    (row,) = wait_for(lambda: rows if len(rows := gated.rows("requests")) == 1 else [], what="one request")
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    gated.approved(row["id"])
    with socket.socket(fileno=passed) as left:
        left.settimeout(PATIENCE)
        said = b""
        while b'"refused"' not in said:
            assert (piece := left.recv(65536)), said
            said += piece
    assert b'"granted"' not in said and b"nobody is let in: the process that asked has ended" in said
    ours.close()
    theirs.close()


def test_root_with_a_ticket_of_a_persons_is_none(gated):
    """Whoever holds a ticket is that person, and says nothing of others."""
    before = n_things(gated)
    with Raw(gated, uid_of("alice")) as raw:
        raw.sign_in(ticket_of("alice"))
        assert raw.refusal(question("bob", "true"))[0] == "forbidden"
    assert n_things(gated) == before


def test_a_proof_lets_in_and_is_recorded(gated):
    before = time.clock_gettime(time.CLOCK_BOOTTIME) * 1000
    with point(gated, question("alice", "true")) as one:
        granted = one.prove("alice")
        assert isinstance(granted, messages.Granted), granted
        assert before - 1 < granted.boot_ms <= time.clock_gettime(time.CLOCK_BOOTTIME) * 1000 + 1
    row = gated.show(granted.id)
    assert (row["requester"], row["service"], row["state"], row["argv"]) == ("alice@EXAMPLE.TEST", "sudo", "approved", ["true"])
    assert row["grant"]["state"] == "spent" and row["runs"] == [] and row["point"]["stage"] == "account"


def wrong_proofs() -> dict[str, Callable[[Point], messages.Message | None]]:
    def replayed(one: Point) -> messages.Message | None:
        binding = one.challenge.binding  # type: ignore[union-attr]
        token = bytes(initiator(ticket_of("alice"), binding).step() or b"")
        assert isinstance(one.raw.offer(token), messages.DaemonToken)
        return one.raw.offer(token)

    def no_token(one: Point) -> messages.Message | None:
        one.raw.say(messages.Proof(proof=b"x" * 60, because=""))
        return one.raw.hear()

    return {
        "of somebody else": lambda one: one.prove("bob"),
        "bound to another question": lambda one: one.prove("alice", bound_to=os.urandom(32)),
        "bound to the channel alone": lambda one: one.prove("alice", bound_to=hashlib.sha256(b"jitd channel 1\n").digest()),
        "of another sentence": lambda one: one.prove("alice", says=lambda binding: b"jitd proof 2\n" + binding),
        "of another binding in the seal": lambda one: one.prove("alice", says=lambda _: b"jitd proof 1\n" + bytes(32)),
        "of nothing": lambda one: one.prove("alice", says=lambda _: b""),
        "given twice": replayed,
        "without a token": no_token,
        "that is none": Point.without_proof,
    }


@pytest.mark.parametrize("wrong", wrong_proofs())
def test_a_wrong_proof_lets_nobody_in_and_leaves_no_request(gated, wrong):
    before = n_things(gated)
    with point(gated, question("alice", "true")) as one:
        answer = wrong_proofs()[wrong](one)
        assert isinstance(answer, messages.Refused), answer
        assert answer.code in ("unauthenticated", "protocol", "denied")
    assert n_things(gated) == before


def test_one_proof_does_not_serve_two_questions(gated):
    before = n_things(gated)
    with point(gated, question("alice", "true")) as one, point(gated, question("alice", "true")) as other:
        assert isinstance(one.challenge, messages.Challenge)
        assert isinstance(other.prove("alice", bound_to=one.challenge.binding), messages.Refused)
    assert n_things(gated) == before


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"uid": 4002}, "unauthenticated"),
        ({"uid": 2**31 - 2}, "unauthenticated"),
        ({"uid": 2**32 - 2}, "unauthenticated"),
        ({"uid": 2**32 - 1}, "unauthenticated"),
        ({"uid": 2**40}, "unauthenticated"),
        ({"uid": 65534}, "unauthenticated"),
        ({"ruser": "bob"}, "unauthenticated"),
        ({"ruser": "nobody-here"}, "unauthenticated"),
        ({"stage": "setcred"}, "usage"),
        ({"stage": ""}, "usage"),
        ({"service": ""}, "usage"),
        ({"service": "x" * 65}, "usage"),
        ({"service": "su\ndo"}, "usage"),
        ({"service": "other"}, "denied"),
        ({"cwd": b"relative"}, "usage"),
        ({"cwd": b"/\0"}, "usage"),
        ({"reason": "x" * 5000}, "usage"),
        ({"words": []}, "denied"),
        ({"words": [b""]}, "denied"),
        ({"words": [b"sudo"]}, "denied"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_question_that_makes_no_sense_lets_nobody_in(gated, changes, code):
    who = "eve"  # whom no rule lets run what is in doubt
    before = [row for row in gated.at_rest().rows("grants", "--all")]
    n_logged = gated.log().count("a gate denied service=")
    with point(gated, question(who, "id", **changes)) as one:
        answer = one.challenge if isinstance(one.challenge, messages.Refused) else one.prove(who)
        assert isinstance(answer, messages.Refused) and answer.code == code, answer
    assert gated.rows("grants", "--all") == before
    assert gated.log().count("a gate denied service=") - n_logged == (code == "unauthenticated"), "where there is no request"


# --- what is asked ----------------------------------------------------------------------------------------------------


def test_a_request_waits_is_told_of_and_is_granted(gated):
    with point(gated, question("alice", "-u", "bob", "id", "-un")) as one:
        waits = one.prove("alice")
        assert isinstance(waits, messages.Progress) and waits.owed
        assert waits.news[0] == f"request {waits.id}: id -un (as bob on lab)"
        row = gated.show(waits.id)
        assert (row["run_as"], row["path"], row["argv"]) == ("bob", "/usr/bin/id", ["id", "-un"])
        gated.approved(waits.id)
        heard = [one.raw.hear(), one.raw.hear()]
        assert [type(message) for message in heard] == [messages.Progress, messages.Granted]


def test_whatever_a_point_is_told_is_narrow(gated):
    """Also of megabytes, of what nobody can type, and of what is decided in other letters. ``hear_body`` looks at each body."""
    odd = '\u00fc\u202e \x7f\t\n"\\/\U0001f600'
    asks = question("alice", "id", odd, odd * 20_000, reason=odd)
    for ends in ("approved", "denied", "gone wrong"):
        with point(gated, asks) as one:
            assert isinstance(one.challenge, messages.Challenge)
            if ends == "gone wrong":
                one.raw.say(messages.Proof(proof=b"x", because=odd))
            else:
                waits = one.prove("alice")
                assert isinstance(waits, messages.Progress)
                if ends == "approved":
                    gated.approved(waits.id)
                else:
                    assert gated.deny(waits.id, reason=odd.replace("\n", " ").replace("\t", " ")).returncode == 0
            while (body := one.raw.hear_body()) is not None and type_of(body) not in ("granted", "refused"):
                pass
            assert body is not None and type_of(body) == ("granted" if ends == "approved" else "refused")


def test_a_denial_and_a_withdrawal_are_told(gated):
    for end in ("deny", "withdraw", "gone"):
        with point(gated, question("alice", "id", end)) as one:
            waits = one.prove("alice")
            assert isinstance(waits, messages.Progress)
            if end == "deny":
                gated.deny(waits.id)
                answer = one.raw.hear()
                assert isinstance(answer, messages.Refused) and answer.code == "reviewed"
            elif end == "withdraw":
                one.raw.say(messages.Withdraw(id=""))
                answer = one.raw.hear()
                assert isinstance(answer, messages.Refused) and answer.code == "withdrawn"
        state = "denied" if end == "deny" else "withdrawn"
        wait_for(lambda id=waits.id, state=state: gated.request_of(id).state == state)
        assert gated.show(waits.id)["grant"] is None


def test_whoever_cannot_wait_leaves_the_request_and_takes_what_becomes_of_it(gated):
    """One request, however often somebody tries meanwhile; then one use."""
    with point(gated, login("alice")) as one:
        first = one.prove("alice")
    assert isinstance(first, messages.Refused) and first.code == "owed"
    (row,) = (row for row in gated.rows("requests") if row["service"] == "sshd")
    assert row["id"] in first.text and "try again" in first.text and row["waits"] is False
    with point(gated, login("alice")) as one:
        again = one.prove("alice")
    assert isinstance(again, messages.Refused) and again.code == "owed" and row["id"] in again.text
    assert len([each for each in gated.rows("requests") if each["service"] == "sshd"]) == 1
    gated.approved(row["id"])
    with point(gated, login("alice")) as one:
        assert isinstance(one.prove("alice"), messages.Granted)
    with point(gated, login("alice")) as one:
        spent = one.prove("alice")
    assert isinstance(spent, messages.Refused) and spent.code == "owed"
    (left,) = (each for each in gated.rows("requests") if each["service"] == "sshd")
    assert gated.jitd("withdraw", left["id"], who="alice").returncode == 0


def test_a_grant_that_was_asked_for_beforehand_is_found_and_asking_takes_no_use(gated):
    with connected(gated, "alice") as raw:
        ask = messages.Submit(**asked("id", service="sudo", uses=2, lasts_for=600, streams=[]), waits=True, if_owed=True)
        raw.say(ask)
        waits = raw.hear()
        assert isinstance(waits, messages.Progress)
        gated.approved(waits.id)
        while isinstance(done := raw.hear(), messages.Progress):
            pass  # who is asked, and that it is approved
        assert isinstance(done, messages.Done) and waits.id in done.text
    assert gated.show(waits.id)["grant"]["left"] == 2
    for left in (1, 0):
        with point(gated, question("alice", "id")) as one:
            assert isinstance(one.prove("alice"), messages.Granted)
        assert gated.show(waits.id)["grant"]["left"] == left
    with point(gated, question("alice", "id")) as one:
        assert isinstance(one.prove("alice"), messages.Progress)


def test_a_grant_for_sudo_runs_nothing_by_jitsudo_and_a_jitsudo_request_lets_no_sudo_in(gated):
    with connected(gated, "alice") as raw:
        raw.say(messages.Submit(**asked("true", service="sudo", streams=[]), waits=True, if_owed=True))
        done = raw.hear()
        assert isinstance(done, messages.Done)
        id = done.text.split()[1]
        raw.say(messages.Resume(id=id, streams=["null"] * 3))
        assert isinstance(raw.hear(), messages.Done)
    assert gated.show(id)["runs"] == [] and gated.show(id)["grant"]["left"] == 1


@pytest.mark.parametrize(
    ("ask", "is_told"),
    [
        ({"service": "sshd"}, "runs no command"),
        ({"service": "sudo", "argv": []}, "say which command"),
        ({"service": "su\ndo"}, "a service has a name of letters"),
        ({"service": ""}, "a service has a name of letters"),
        ({"service": "jitsudo\u202e"}, "a service has a name of letters"),
        ({"service": "x" * 65}, "a service has a name of letters"),
    ],
)
def test_what_cannot_be_asked_beforehand_is_said(gated, ask, is_told):
    with connected(gated, "alice") as raw:
        code, text = raw.refusal(messages.Submit(**asked("id", streams=[], **ask), waits=True, if_owed=True))
    assert code == "usage" and is_told in text


# --- what a person's surroundings make of a command ---------------------------------------------------------------------


def doubt_of(house: House, ask: messages.Enforce, who: str = "alice") -> tuple[str, dict[str, Any]]:
    """Why the command is in doubt, and the request."""
    with point(house, ask) as one:
        answer = one.prove(who)
    assert answer is not None
    row = house.rows("requests", "--all")[-1]
    return str(row["doubt"]), row


@pytest.mark.parametrize(
    ("path", "is_certain"),
    [
        (b"/usr/bin:/bin", True),
        (b"/usr/local/sbin:/usr/bin", True),
        (b"/usr/bin:.", True),  # it has been found before that is looked at
        (b".:/usr/bin", False),
        (b":/usr/bin", False),
        (b"/usr/sbin:.", False),
        (b"/proc/self/cwd:/usr/bin", False),
        (b"/home/alice/bin:/usr/bin", False),
        (b"/tmp:/usr/bin", False),
        (b"/nonexistent:/usr/bin", False),
        (b"", False),
    ],
)
def test_a_bare_name_of_doas_is_certain_where_nobody_but_root_can_put_another(gated, path, is_certain):
    doubt, row = doubt_of(gated, question("alice", service="doas", words=[b"doas", b"id", b"-u"], search_path=path))
    assert (doubt == "", row["path"]) == (is_certain, "/usr/bin/id" if is_certain else "")
    assert "/home" not in doubt and "/tmp" not in doubt, "it says nothing of what is where"


def test_a_name_that_doas_would_find_elsewhere_is_in_doubt_though_we_find_it(gated):
    doubt, _ = doubt_of(gated, question("alice", service="doas", words=[b"doas", b"chroot"], search_path=b"/usr/bin:."))
    assert "depends on the caller's PATH" in doubt


def test_a_directory_that_goes_up_again_is_in_doubt(gated):
    words = [b"sudo", b"-D", b"/home/alice/link/../x", b"id"]
    assert "contains .., and links on this path" in doubt_of(gated, question("alice", words=words))[0]


def test_a_directory_of_a_rule_is_no_programs_directory(gated):
    _, row = doubt_of(gated, question("alice", service="doas", words=[b"doas", b"id"], cwd=b"/home"))
    assert (row["cwd"], row["state"]) == ("/home", "approved")


def test_a_login_shell_whose_home_cannot_be_entered_is_in_doubt(gated):
    words = [b"sudo", b"-i", b"-u", b"nobody", b"id"]
    assert "home directory" in doubt_of(gated, question("alice", service="sudo-i", words=words))[0]


def test_a_home_that_its_account_cannot_reach_is_in_doubt(gated):
    """As root we could look into it; the login shell begins wherever the person stands."""
    closed = Path("/srv/games")
    closed.mkdir(mode=0o700)
    home = pwd.getpwnam("games").pw_dir
    subprocess.run(["usermod", "-d", closed, "games"], check=True)
    try:
        for service, words in (("sudo-i", [b"sudo", b"-iu", b"games", b"pwd"]), ("su-l", [b"su", b"-", b"games", b"-c", b"pwd"])):
            ask = question("alice", service=service, words=words, user="games" if service == "su-l" else "alice")
            assert "home directory" in doubt_of(gated, ask)[0]
    finally:
        subprocess.run(["usermod", "-d", home, "games"], check=True)
        closed.rmdir()


@pytest.mark.parametrize(
    ("service", "words", "options"),
    [
        ("su", "su -c x -T", ["(the person's environment)"]),
        ("su", "su -c x", ["(the person's environment)"]),
        ("sudo", "sudo -E -D /a/../b id", ["--preserve-env"]),
        ("sudo", "sudo -u #00 id", []),
    ],
)
def test_what_is_in_doubt_says_no_less_of_its_environment(gated, service, words, options):
    """Else an odd wording would be the way around a rule that lets no options in."""
    _, row = doubt_of(gated, question("alice", service=service, words=words.encode().split(), user="root"))
    assert row["options"] == options, row


def test_a_program_that_nobody_knows_is_in_doubt_and_no_login(gated):
    doubt, row = doubt_of(gated, question("alice", service="sudo-strict", words=[b"sudo", b"id"]))
    assert "how sudo-strict reads its command line is not known" in doubt and row["argv"] == ["sudo", "id"]


def test_options_count_where_it_is_too_long_to_be_shown(gated):
    words = [b"sudo", *(b"--preserve-env=" + b"%d" % n + bytes([1]) * 110_000 for n in range(14)), b"id"]
    before = gated.at_rest().rows("requests", "--all")
    with point(gated, question("alice", words=words)) as one:
        answer = one.prove("alice")
    assert isinstance(answer, messages.Refused) and "too long to be shown" in answer.text
    assert gated.rows("requests", "--all") == before


def test_what_waits_for_a_program_is_not_taken_by_jitsudo(gated):
    with point(gated, login("alice")) as one:
        assert isinstance(one.prove("alice"), messages.Refused)
    (row,) = (each for each in gated.rows("requests") if each["service"] == "sshd")
    done = gated.sudo("alice", f"--resume={row['id']}")
    assert done.returncode == 120 and "use sshd again" in done.stderr
    assert gated.jitd("withdraw", row["id"], who="alice").returncode == 0


def test_what_a_ticket_was_given_without_an_approval_discharges_none_without_a_ticket(gated):
    with connected(gated, "dave") as raw:
        raw.say(messages.Submit(**asked("id", service="sudo", lasts_for=600, uses=5, streams=[]), waits=True, if_owed=True))
        done = raw.hear()
        assert isinstance(done, messages.Done)
    with point(gated, question("dave", "id")) as one:
        waits = one.without_proof()
        assert isinstance(waits, messages.Progress) and waits.owed
    assert gated.jitd("revoke", done.text.split()[1]).returncode == 0


# --- without a ticket -------------------------------------------------------------------------------------------------


def test_without_a_ticket_a_rule_that_wants_none_lets_in_and_says_whom(gated):
    with point(gated, question("eve", "id")) as one:
        granted = one.without_proof()
    assert isinstance(granted, messages.Granted), granted
    row = gated.show(granted.id)
    assert (row["requester"], row["account"], row["ticket_ends_at"]) == ("local:eve", "eve", None)
    page = gated.jitd("show", granted.id).stdout
    assert "NONE: sudo says who it is, without a Kerberos proof" in page


def test_without_a_ticket_nobody_writes_a_denial_into_the_record(gated):
    before = gated.at_rest().records()
    for _ in range(3):
        with point(gated, question("alice", "id")) as one:
            answer = one.without_proof()
            assert isinstance(answer, messages.Refused) and answer.code == "denied"
            assert "without a Kerberos ticket (you have no ticket: kinit)" in answer.text
    assert gated.records() == before


def test_a_grant_asked_for_with_a_ticket_lets_the_account_in_without_one_where_a_rule_wants_none(gated):
    with connected(gated, "alice") as raw:
        raw.say(messages.Submit(**asked(argv=[], service="sshd", user="alice", streams=[]), waits=True, if_owed=True))
        waits = raw.hear()
        assert isinstance(waits, messages.Progress)
        gated.approved(waits.id)
    with point(gated, login("alice")) as one:
        assert isinstance(one.without_proof(), messages.Granted)
    with point(gated, login("alice")) as one:
        spent = one.without_proof()
    assert isinstance(spent, messages.Refused) and spent.code == "owed"
    (left,) = (each for each in gated.rows("requests") if each["service"] == "sshd")
    assert left["requester"] == "local:alice"
    assert gated.jitd("withdraw", left["id"], who="alice").returncode == 0, "it is alice's own"


def test_a_lock_on_the_principal_keeps_the_account_out_too(gated):
    assert gated.jitd("lock", "--principal", "eve@EXAMPLE.TEST", "--reason", "laptop stolen").returncode == 0
    try:
        with point(gated, question("eve", "id")) as one:
            answer = one.without_proof()
        assert isinstance(answer, messages.Refused) and "laptop stolen" in answer.text
    finally:
        assert gated.jitd("unlock", "--principal", "eve@EXAMPLE.TEST").returncode == 0
    with point(gated, question("eve", "id")) as one:
        assert isinstance(one.without_proof(), messages.Granted)


def test_root_proves_nothing_and_is_roots_own(gated):
    with point(gated, question("root", "id", uid=0, ruser="root")) as one:
        assert isinstance(one.without_proof(), messages.Granted)


def test_a_daemon_that_is_restarted_withdraws_what_waited_at_a_point(own_house):
    house = own_house(POLICY).start()
    beforehand = house.ask("alice", "--service", "sudo", "--for", "10m", "id", "-u")
    house.approved(beforehand.id)
    assert beforehand.end() == 0
    with point(house, question("alice", "id")) as one:
        waits = one.prove("alice")
        assert isinstance(waits, messages.Progress)
        house.restart()
        assert one.raw.is_closed()
    wait_for(lambda: house.request_of(waits.id).state == "withdrawn")
    assert house.show(waits.id)["grant"] is None
    assert house.show(beforehand.id)["grant"]["state"] == "active", "whoever asked beforehand need not come back"


def test_only_a_sudo_that_has_asked_for_its_password_goes_on_when_lines_are_taken_back(gated: House) -> None:
    """THREATS Q-48. At the stage auth, sudo asks for the password after its gate, and may wait there."""
    notes = gated.socket.parent / "let_in"
    for file in notes.iterdir():  # all points of this file are in one process
        file.unlink()
    for stage, noted in (("auth", set()), ("account", {str(uid_of("eve"))})):
        with point(gated, question("eve", "/usr/bin/id", stage=stage)) as made:
            assert isinstance(made.without_proof(), messages.Granted)
            assert {file.name.split(":")[0] for file in notes.iterdir()} == noted
