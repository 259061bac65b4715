# SPDX-License-Identifier: Apache-2.0
"""contrib/gates/gate.c, by which a gate asks jitd in C: with a real jitd and a real ticket, and with what stands for them.

Law: whatever happens, it is a denial unless jitd has granted it just now; and the process is afterwards as it was.
"""

from __future__ import annotations

import base64
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jitpam.wire.framing import LIMIT_BEFORE_AUTHENTICATION
from tests.attacks.raw import kinit
from tests.krb5.driver import SANITIZED
from tests.marks import full
from tests.pam.application import Bench, Voice, grants, jitd, now
from tests.pam.test_sabotage import PROVES
from tests.prover import ALICE, INSTALLED, SOURCES
from tests.system.conftest import House, house_with
from tests.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's people, and a socket of root's")
DRIVE = Path(__file__).with_name("gate_drive.c")
POLICY = """
[[permit]]
name = "free"
who = ["group:dba"]
services = ["sudo"]
commands = [["/usr/bin/true"]]

[[permit]]
name = "owed"
who = ["group:dba"]
services = ["sudo"]
commands = [["/usr/bin/id", "**"]]
approvals = [{ need = 1, from = ["group:ops"] }]
"""


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, under sanitizers."""
    to = tmp_path_factory.mktemp("drive") / "drive"
    sources = [DRIVE, SOURCES / "gate.c", SOURCES / "narrow.c"]
    words = ["cc", *SANITIZED, "-Wl,--wrap=malloc,--wrap=calloc,--wrap=syscall", f"-I{SOURCES}", *sources, "-o", to]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return to


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    made = Bench()
    made.module("", PROVES)  # the initiator that stands for ours
    yield made
    made.close()


class Asked:
    """One call of the library, in a process of its own."""

    def __init__(self, program: Path, socket: Path, initiator: Path, *words: str, **how: Any) -> None:
        ignored = how.pop("ignored", None)
        said = {"uid": ALICE, "wait": 60, "cache": "", "no_proof": "-", "fails_from": 0, **how}
        line = [program, socket, initiator, *map(str, said.values()), "sudo", *words]
        ignoring = None if ignored is None else lambda: signal.signal(ignored, signal.SIG_IGN)
        # Not buffered: what a buffer has read beside a line is lost to communicate().
        self.process = subprocess.Popen(line, bufsize=0, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=ignoring)
        assert self._line() == "ready\n"

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode()

    def hears(self) -> str:
        """The next line that it is told."""
        line = self._line()
        assert line.startswith("told "), line
        return line[5:-1]

    def rest(self) -> str:
        """What it says until its end."""
        return self.process.communicate(timeout=2 * PATIENCE)[0].decode()

    def ends(self) -> tuple[bool, str]:
        """Whether it is granted, and else why not."""
        text = self.rest()
        assert self.process.returncode == 0, text
        found = re.search(r"^answer (\d)\nwhy (.*)\nleft 0 0 0\n\Z", text, re.MULTILINE)
        assert found is not None, text  # the mask, the descriptors or the children are others than before
        return found[1] == "1", found[2]


# --- for real ------------------------------------------------------------------------------------------------------------


house = house_with(POLICY)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[str]:
    for path in (*list(tmp_path.parents)[:-2], tmp_path):
        path.chmod(path.stat().st_mode | 0o055)
    place = tmp_path / "cache"
    kinit(place, "alice", "alicealice")
    os.chown(place, ALICE, ALICE)
    yield f"FILE:{place}"


def test_a_real_jitd_grants_what_a_rule_permits_to_who_has_a_ticket(drive: Path, house: House, cache: str) -> None:
    assert Asked(drive, house.socket, INSTALLED, "true", cache=cache).ends() == (True, "")
    answer, why = Asked(drive, house.socket, INSTALLED, "false", cache=cache).ends()
    assert not answer and "no rule permits this" in why
    answer, why = Asked(drive, house.socket, INSTALLED, "true", cache="FILE:/nowhere/x").ends()
    assert not answer and "you have no Kerberos ticket (KRB5CCNAME is FILE:/nowhere/x): kinit" in why
    answer, why = Asked(drive, house.socket, INSTALLED, "true", cache=cache, uid=4002).ends()
    assert not answer, why


def test_who_has_to_wait_is_told_and_is_let_in_when_somebody_has_approved(drive: Path, house: House, cache: str) -> None:
    asked = Asked(drive, house.socket, INSTALLED, "id", "-u", cache=cache)
    id = asked.hears().removeprefix("request ")[:9]
    house.approved(id)
    assert asked.ends() == (True, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP])
def test_who_gives_up_has_withdrawn(drive: Path, house: House, cache: str, number: signal.Signals) -> None:
    asked = Asked(drive, house.socket, INSTALLED, "id", number.name, cache=cache)
    id = asked.hears().removeprefix("request ")[:9]
    asked.process.send_signal(number)
    wait_for(lambda: house.request_of(id).state == "withdrawn")
    if number is signal.SIGTSTP:  # the program's own handler has it, once the mask is as before
        assert asked.ends() == (False, "withdrawn")
    else:
        asked.rest()
        assert asked.process.returncode == -number, "the signal was kept, and ends the program once the mask is as before"
    assert house.show(id)["grant"] is None


def test_a_signal_that_the_program_ignores_ends_no_wait(drive: Path, house: House, cache: str) -> None:
    asked = Asked(drive, house.socket, INSTALLED, "id", "ignored", cache=cache, ignored=signal.SIGINT)
    id = asked.hears().removeprefix("request ")[:9]
    asked.process.send_signal(signal.SIGINT)
    house.approved(id)
    assert asked.ends() == (True, "")


# --- what stands for jitd -------------------------------------------------------------------------------------------------


def seen(path: str) -> list[str]:
    status = os.lstat(path)
    return [base64.b64encode(text.encode()).decode() for text in (path, f"{status.st_dev}:{status.st_ino}")]


def with_places(*places: list[str]) -> Callable[[Voice], None]:
    def script(voice: Voice) -> None:
        voice.proved()
        voice.grant(places=list(places))

    return script


def test_what_stands_for_jitd_can_grant_and_so_these_tests_test_something(drive: Path, bench: Bench) -> None:
    for script in (grants, with_places(seen("/"), seen("/usr/bin/true"))):
        with jitd(bench.socket, script):
            assert Asked(drive, bench.socket, bench.root / "initiator.py", "true").ends() == (True, "")
    with jitd(bench.socket, grants):
        assert Asked(drive, bench.socket, Path("/nowhere"), "true", no_proof="").ends() == (True, ""), "root proves nothing"


def answered(*bodies: bytes) -> Callable[[Voice], None]:
    def script(voice: Voice) -> None:
        voice.proved()
        for body in bodies:
            voice.send(body)

    return script


def grant_of(**changes: Any) -> Callable[[Voice], None]:
    def script(voice: Voice) -> None:
        voice.proved()
        voice.grant(**{name: value() if callable(value) else value for name, value in changes.items()})

    return script


OTHER, DENIED = "sent an unexpected message", "sent a message that cannot be read"
DEEDS: dict[str, tuple[Callable[[Voice], Any], str]] = {
    "refuses": (lambda voice: (voice.proved(), voice.refuse("n\u00f6\x9b\n")), "n\u00f6??"),
    "hangs": (lambda voice: (voice.hear("hello"), voice.gone()), "jitd does not answer"),
    "refuses at once": (lambda voice: voice.refuse("too many"), "too many"),
    "refuses after the greeting": (lambda voice: (voice.greet(), voice.refuse("no root here")), "no root here"),
    "goes away": (lambda voice: voice.proved(), "jitd went away: ask again"),
    "goes away at once": (lambda voice: None, "jitd went away: ask again"),
    "says something else": (answered(b'{"type":"start","id":"x","news":[]}'), OTHER),
    "says granted with a blank": (answered(b'{"type": "granted","id":"x","boot_ms":1,"text":"","places":[]}'), OTHER),
    "says half a grant": (answered(b'{"type":"granted","id":"x"'), DENIED),
    "says a grant and more": (grant_of(more=1), DENIED),
    "granted when the host was half as old": (grant_of(boot_ms=lambda: now() // 2), OTHER),
    "grants tomorrow": (grant_of(boot_ms=lambda: now() + 86_400_000), "too long ago"),
    "grants at no time": (grant_of(boot_ms="x"), DENIED),
    "grants a negative time": (grant_of(boot_ms=-1), DENIED),
    "grants before it is asked": (lambda voice: (voice.challenge(), voice.grant(), voice.gone()), OTHER),
    "grants another file": (with_places(seen("/"), ["L3Vzci9iaW4vdHJ1ZQ==", "MTox"]), "is not the one that jitd has checked"),
    "grants a file that is not there": (with_places(["L25vd2hlcmU=", "MTox"]), "is not the one that jitd has checked"),
    "grants a file and no number": (with_places([seen("/")[0], ""]), "is not the one that jitd has checked"),
    "grants a path with a NUL": (with_places(["LwB4", seen("/")[1]]), "is not the one that jitd has checked"),
    "says a frame of 4 GiB": (lambda voice: (voice.proved(), voice.connection.sendall(b"\xff" * 4)), "sent too long a message"),
    "says a frame of a byte too many": (answered(b" " * (LIMIT_BEFORE_AUTHENTICATION + 1)), "sent too long a message"),
    "says nothing in a frame": (answered(b""), OTHER),
    "says news that are none": (answered(b'{"type":"progress","id":"x","state":"","owed":true,"news":[1]}'), DENIED),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_whatever_jitd_says_in_place_of_a_grant_is_a_denial(deed: str, drive: Path, bench: Bench) -> None:
    """THREATS P-01, P-18."""
    script, because = DEEDS[deed]
    with jitd(bench.socket, lambda voice: script(voice)):
        answer, why = Asked(drive, bench.socket, bench.root / "initiator.py", "true").ends()
    assert not answer and because in why, why


@pytest.mark.parametrize("kind", ["is missing", "is no program", "ends at once", "refuses", "says a token of another kind"])
def test_without_a_proof_jitd_is_told_why(kind: str, drive: Path, bench: Bench, tmp_path: Path) -> None:
    """An initiator that cannot be started is a denial at once."""
    texts = {
        "ends at once": "",
        "refuses": """hear(); say(b'{"type":"refused","text":"no ticket: \\u00fc"}')""",
        "says a token of another kind": """hear(); say(b'{"type":"token","token":5}')""",
    }
    program = tmp_path / "initiator"
    if kind == "is no program":
        program.write_text("exit 0\n")
    elif kind != "is missing":
        program.write_text(
            "#!/usr/bin/python3 -IS\n" + PROVES.rpartition("hear(); say(b")[0].rpartition("hear(); say(b")[0] + texts[kind]
        )
    if program.exists():
        program.chmod(0o755)
    with jitd(bench.socket, lambda voice: (voice.proved(), voice.refuse("no proof"))) as had:
        answer, why = Asked(drive, bench.socket, program, "true").ends()
    assert not answer
    if kind in ("is missing", "is no program"):
        assert why.startswith("jitd's Kerberos initiator cannot be started ("), why
    else:
        (proof,) = [message for voice in had for message in voice.heard if message["type"] == "proof"]
        assert proof["proof"] is None and why == "no proof"
        because = {"ends at once": "went away", "refuses": "no ticket: \u00fc", "says a token of another kind": "cannot be read"}
        assert because[kind] in proof["because"]


def test_who_gives_up_while_the_proof_is_made_is_told_that_too(drive: Path, bench: Bench, tmp_path: Path) -> None:
    """The initiator may wait for a KDC, and a denial without a sentence tells nobody what happened."""
    program, begun = tmp_path / "initiator", tmp_path / "begun"
    program.write_text("#!/usr/bin/python3 -IS\n" + PROVES.rpartition("hear(); say(b")[0].rpartition("hear(); say(b")[0])
    program.write_text(f"{program.read_text()}hear(); open({str(begun)!r}, 'w').close(); module.recv(1)\n")
    program.chmod(0o755)
    with jitd(bench.socket, lambda voice: (voice.challenge(), voice.gone())):
        asked = Asked(drive, bench.socket, program, "true")
        wait_for(begun.exists)
        asked.process.send_signal(signal.SIGTSTP)
        assert asked.ends() == (False, "withdrawn")


def test_there_is_no_grant_without_memory(drive: Path, bench: Bench) -> None:
    """THREATS P-01: whichever of its calls fails, until none does."""
    for fails_from in range(1, 10):
        with jitd(bench.socket, grants):
            answer, why = Asked(drive, bench.socket, bench.root / "initiator.py", "true", fails_from=fails_from).ends()
        if answer:
            break
        assert why == "there is no memory to ask jitd"
    assert fails_from == 3, "it asks for memory twice"


def test_an_initiator_that_cannot_be_killed_is_not_asked_and_does_not_stay(drive: Path, bench: Bench) -> None:
    with jitd(bench.socket, lambda voice: (voice.challenge(), voice.gone())):
        answer, why = Asked(drive, bench.socket, bench.root / "initiator.py", "true", fails_from=-1).ends()
    assert not answer and why == "jitd's Kerberos initiator cannot be started (Too many open files)"


def test_an_initiator_that_cannot_be_killed_and_hangs_is_left(drive: Path, bench: Bench, tmp_path: Path) -> None:
    """Who asked would wait for ever, with all signals blocked."""
    program, begun = tmp_path / "initiator", tmp_path / "begun"
    program.write_text(f"#!/bin/sh\necho $$ >{begun}\nexec sleep 600\n")
    program.chmod(0o755)
    with jitd(bench.socket, lambda voice: (voice.challenge(), voice.gone())):
        asked = Asked(drive, bench.socket, program, "true", fails_from=-1)
        text = asked.rest()
    os.kill(int(begun.read_text()), signal.SIGKILL)
    assert text == "answer 0\nwhy jitd's Kerberos initiator cannot be started (Too many open files)\nleft 0 0 1\n"


def test_signals_that_come_all_the_time_leave_no_child_behind(drive: Path, bench: Bench, tmp_path: Path) -> None:
    program = tmp_path / "initiator"
    program.write_text(f"#!/usr/bin/python3 -IS\n{PROVES}module.recv(1)\n")
    program.chmod(0o755)
    with jitd(bench.socket, grants):
        assert Asked(drive, bench.socket, program, "true", fails_from=-3).ends() == (True, "")


def test_a_process_that_got_the_id_of_the_ended_initiator_is_not_killed(drive: Path, bench: Bench) -> None:
    """THREATS P-19: who runs su with SIGCHLD ignored may stop su, kill the initiator, and wait for another process."""
    with jitd(bench.socket, lambda voice: (voice.challenge(), voice.gone())):
        asked = Asked(drive, bench.socket, bench.root / "initiator.py", "true", fails_from=-2, ignored=signal.SIGCHLD)
        text = asked.rest()
    why = "jitd's Kerberos initiator cannot be started (No child processes)"
    assert text == f"told the other process lives\nanswer 0\nwhy {why}\nleft 0 0 0\n"


def test_who_listens_without_being_root_is_no_jitd(drive: Path, bench: Bench) -> None:
    """THREATS S-09."""
    code = """if True:
        import os, socket, sys
        made = socket.socket(socket.AF_UNIX)
        os.setresuid(4001, 4001, 4001)
        made.bind(sys.argv[1]), made.listen(), print(flush=True), made.accept()
    """
    place = Path("/tmp/not-jitd.sock")
    place.unlink(missing_ok=True)
    with subprocess.Popen(["/usr/bin/python3", "-c", code, place], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline()
        assert Asked(drive, place, INSTALLED, "true").ends() == (
            False,
            "the process that answers in jitd's place does not run as root",
        )
        other.kill()


@pytest.mark.parametrize(
    "number", [100_000, pytest.param(1_000_000, marks=full("every day, the same generator makes the first 100,000 of these"))]
)
def test_odd_streams_in_jitds_place_permit_nothing_that_they_must_not(tmp_path: Path, number: int) -> None:
    """THREATS P-01, P-18: many more with make -C contrib/gates fuzz (make torture)."""
    subprocess.run(
        ["make", "-s", "-C", SOURCES, f"{tmp_path}/fuzz-answers", f"FUZZ={tmp_path}/fuzz"], check=True, capture_output=True
    )
    done = subprocess.run([tmp_path / "fuzz-answers", str(number), "1"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = dict(re.findall(r"(\w+)=(\d+)", done.stdout))
    assert int(counts["inputs"]) == number
    assert int(counts["granted"]) > number / 20 and int(counts["greeted"]) > number / 10, "it reads what is right, too"
