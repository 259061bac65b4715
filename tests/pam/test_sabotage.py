# SPDX-License-Identifier: Apache-2.0
"""The PAM module sabotaged at every point: by what stands for jitd, and by what stands for the initiator.

Law: whatever is broken, the host program lives on and reads PAM_PERM_DENIED; PAM_SUCCESS only after a grant on its connection.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from tests.marks import full
from tests.pam.application import DENIED, STAGES, SUCCESS, Application, Bench, Script, Voice, grants, jitd, now
from tests.waiting import PATIENCE, wait_for

HASTE = "ANSWER_WITHIN = PROOF_WITHIN = FIRST_WORD_WITHIN = 0.3\n"
"""So that the tests need not wait as long as people, where the module ends by its own clock."""
MORE_AND_MORE = (HASTE, HASTE.replace("0.3", "3.0"), "")
"""On a busy host its clock may run out before it has come to what is sabotaged: then it has more time, at last that of tests."""
INITIATOR = """
import json, os, socket, sys, time
module = socket.socket(fileno=0)
def say(**words):
    body = json.dumps(words, separators=(",", ":")).encode()
    module.sendall(len(body).to_bytes(4, "big") + body)
def hear():
    return json.loads(module.recv(int.from_bytes(module.recv(4), "big")))
"""
PROVES = """
from _socket import socket
module = socket(fileno=0)
def say(body):
    module.sendall(len(body).to_bytes(4, "big") + body)
def hear():
    module.recv(int.from_bytes(module.recv(4), "big"))
hear(); say(b'{"type":"token","token":"AAAA"}'); hear(); say(b'{"type":"proof","proof":"AAAA"}'); hear()
"""
"""Started a thousand times: to import socket and json would take longer than all that it does."""


@pytest.fixture(scope="module")
def host(bench: Bench) -> Iterator[Application]:
    """One program for all of it: it has to survive everything."""
    with Application(bench.stacks) as made:
        yield made
        state = made.state()
        assert (state["threads"], state["children"]) == (1, 0)


def ask(host: Application, user: str | bytes | None = "alice", stage: str = "acct_mgmt") -> int:
    """The answer of one transaction."""
    host.start(user)
    try:
        return host.call(stage)
    finally:
        host.order("end", 0)


def refuses(voice: Voice) -> None:
    voice.proved()
    voice.refuse("sabotaged")


def test_what_is_not_sabotaged_is_granted_and_so_these_tests_test_something(bench: Bench, host: Application) -> None:
    bench.stack(bench.module("", PROVES))
    with jitd(bench.socket, grants):
        assert [ask(host, user, stage) for user in ("root", "alice") for stage in STAGES] == [SUCCESS] * 6


# --- what stands for jitd ----------------------------------------------------------------------------------------------


def _at(point: str, do: str, reached: list[str]) -> Script:
    """It does that at the point, and notes in ``reached`` that it has come to it."""

    def script(voice: Voice) -> None:
        voice.began = now()
        for step in ("nothing", "hello", "welcome", "enforce", "challenge", "token", "answer", "proof"):
            if step == "hello":
                voice.hear("hello")
                voice.say("hello", version=1, nonce="AAAA")
            elif step == "welcome":
                voice.say("welcome", principal="root", user="root", host="h", until=None, operator=True)
            elif step == "enforce":
                voice.hear("enforce")
            elif step == "challenge":
                voice.say("challenge", binding="AAAA")
            elif step == "token":
                voice.hear("token")
            elif step == "answer":
                voice.say("token", token="AAAA")
            elif step == "proof":
                voice.hear("proof")
            if step == point:
                reached.append(do)
                DEEDS[do](voice)
                return

    return script


DEEDS = {
    "closes": lambda voice: None,
    "resets": lambda voice: voice.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"),
    "hangs": lambda voice: voice.gone(),
    "grants": lambda voice: (voice.grant(voice.began - 1), voice.gone(1)),  # from before anything was asked
    "one byte": lambda voice: voice.connection.sendall(b"\0"),
    "half a frame": lambda voice: voice.connection.sendall(b"\0\0\0\x20{"),
    "4 GiB": lambda voice: (voice.connection.sendall(b"\xff" * 4), voice.gone(1)),
    "not UTF-8": lambda voice: (voice.send(b'{"type":"granted","x":"\xff\xfe"}'), voice.gone(1)),
    "not JSON": lambda voice: (voice.send(b"granted"), voice.gone(1)),
    "depth": lambda voice: (voice.send(b"[" * 100_000), voice.gone(1)),
    "list": lambda voice: (voice.send(b'["granted"]'), voice.gone(1)),
    "null": lambda voice: (voice.send(b"null"), voice.gone(1)),
    "no type": lambda voice: (voice.send(b"{}"), voice.gone(1)),
    "type is a list": lambda voice: (voice.send(b'{"type":["granted"]}'), voice.gone(1)),
    "another type": lambda voice: (voice.say("start", id="x", news=[]), voice.gone(1)),
    "empty frame": lambda voice: (voice.send(b""), voice.gone(1)),
    "refuses": lambda voice: voice.refuse(),
    "refuses without a text": lambda voice: (voice.send(b'{"type":"refused"}'), voice.gone(1)),
    "refuses with a number": lambda voice: (voice.send(b'{"type":"refused","code":"denied","text":0}'), voice.gone(1)),
    "digits": lambda voice: (voice.send(b'{"type":' + b"9" * 100_000 + b"}"), voice.gone(1)),
}
POINTS = ("nothing", "hello", "welcome", "enforce", "challenge", "token", "answer")


def hastes_of(deed: str) -> tuple[str, ...]:
    """How much time the module has, time after time: it ends by its own clock where nothing comes any more."""
    return MORE_AND_MORE if deed == "hangs" else MORE_AND_MORE[-1:]


def is_denied_at(
    deed: str, reached: list[str], script: Script, haste: str, bench: Bench, host: Application, user: str = "alice"
) -> bool:
    """It is denied; True if ``script`` has come to its deed by then."""
    bench.stack(bench.module(haste, PROVES))
    with jitd(bench.socket, script):
        assert ask(host, user) == DENIED, deed
    return reached == [deed]


LEAVES_OR_GRANTS = ("closes", "resets", "hangs", "grants", "another type")
"""What is done at each point; what makes no sense is read by the same function at all of them."""
DONE = [
    *(pytest.param(point, tuple(DEEDS) if point in ("nothing", "challenge") else LEAVES_OR_GRANTS, id=point) for point in POINTS),
    *(
        pytest.param(
            point,
            tuple(DEEDS),
            id=f"{point}, all",
            marks=full("every day, the test sends each senseless message at two points, and leaves or grants at each point"),
        )
        for point in POINTS
        if point not in ("nothing", "challenge")
    ),
]


@pytest.mark.parametrize(("point", "deeds"), DONE)
def test_whatever_jitd_does_before_it_has_the_proof_is_a_denial(
    point: str, deeds: tuple[str, ...], bench: Bench, host: Application
) -> None:
    """THREATS P-01, P-02."""
    for deed in deeds:
        reached: list[str] = []
        script = _at(point, deed, reached)
        assert any(is_denied_at(deed, reached, script, haste, bench, host) for haste in hastes_of(deed)), deed


@pytest.mark.parametrize("deed", sorted(set(DEEDS) - {"grants"}))
def test_whatever_jitd_says_instead_of_a_grant_is_a_denial(deed: str, bench: Bench, host: Application) -> None:
    """THREATS P-01."""
    for user in ("alice", "root"):
        reached: list[str] = []
        by_root = lambda voice: (voice.proved(), reached.append(deed), DEEDS[deed](voice))  # noqa: B023, E731
        script = _at("proof", deed, reached) if user == "alice" else by_root
        assert any(is_denied_at(deed, reached, script, haste, bench, host, user) for haste in hastes_of(deed)), user


MOMENTS = {
    "true": True, "false": False, "null": None, "text": "1", "list": [1], "object": {}, "zero": 0, "minus": -1, "huge": 2**63,
    "vast": 10**400,
    "float now": lambda: float(now()), "11 s old": lambda: now() - 11_000, "a second old": lambda: now() - 1000,
    "5 s ahead": lambda: now() + 5000, "NaN": float("nan"), "infinite": float("inf"), "minus infinite": float("-inf"),
    "in seconds": lambda: now() // 1000, "as text": lambda: str(now()),
}  # fmt: skip


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(moment, marks=full("every day, the test uses one moment of each kind"))
        if moment in ("null", "list", "false", "zero", "minus infinite", "text")
        else moment
        for moment in MOMENTS
    ],
)
def test_a_grant_of_another_moment_than_after_the_question_and_now_is_none(moment: str, bench: Bench, host: Application) -> None:
    bench.stack(bench.module("", PROVES))
    said: list[str] = []

    def script(voice: Voice) -> None:
        voice.proved()
        value = MOMENTS[moment]
        said.append(moment)
        voice.say("granted", id="AAAA-AAAA", boot_ms=value() if callable(value) else value, text="", places=[])
        voice.gone(1)

    with jitd(bench.socket, script):
        assert ask(host) == DENIED
    assert said == [moment]


def place(path: str, *, more: int = 0) -> list[str]:
    """A place as jitd tells it; with ``more``, another one than is there."""
    status = os.stat("/usr")
    return [base64.b64encode(word.encode()).decode() for word in (path, f"{status.st_dev}:{status.st_ino + more}")]


PLACES = {
    "no list": None, "a text": "/usr", "numbers": [1], "a path alone": [place("/usr")[:1]], "no base64": [["/usr", "1:1"]],
    "three of them": [[*place("/usr"), ""]], "another inode": [place("/usr", more=1)], "not there": [place("/nowhere")],
    "the second one": [place("/usr"), place("/etc")], "a NUL": [place("/u\0sr")], "nothing": [["", ""]],
}  # fmt: skip


@pytest.mark.parametrize("places", PLACES)
def test_a_grant_for_what_is_not_there_is_none(places: str, bench: Bench, host: Application) -> None:
    """THREATS P-14: beside one for what is there."""
    bench.stack(bench.module("", PROVES))
    for given, code in ((PLACES[places], DENIED), ([place("/usr")], SUCCESS)):

        def script(voice: Voice, given: object = given) -> None:
            voice.proved()
            voice.grant(places=given)

        with jitd(bench.socket, script):
            assert ask(host) == code


def test_a_grant_without_a_moment_is_none(bench: Bench, host: Application) -> None:
    bench.stack(bench.module("", PROVES))
    with jitd(bench.socket, lambda voice: (voice.proved(), voice.say("granted", id="x", text=""), voice.gone(1))) as had:
        assert ask(host) == DENIED
    assert had[0].heard[-1]["type"] == "proof"


def test_a_grant_that_lies_ready_before_the_proof_is_none(bench: Bench, host: Application) -> None:
    bench.stack(bench.module())

    def script(voice: Voice) -> None:
        voice.greet()
        voice.hear("enforce")
        body = b'{"type":"challenge","binding":"AAAA"}'
        grant = b'{"type":"granted","id":"x","text":"","places":[],"boot_ms":%d}' % (now() + 20)
        voice.connection.sendall(b"".join(len(part).to_bytes(4, "big") + part for part in (body, grant)))
        voice.gone(1)

    with jitd(bench.socket, script) as had:
        assert ask(host, "root") == DENIED
    assert had[0].heard[-1]["type"] == "enforce"


PROGRESS = {
    "news is text": {"news": "abc"}, "news is a number": {"news": 5}, "news is null": {"news": None},
    "news of numbers": {"news": [1, None]},
    "no news": {}, "news of lists": {"news": [["x"]]}, "a million": {"news": ["x"] * 10_000}, "long": {"news": ["y" * 100_000]},
    "controls": {"news": ["\x1b]0;x\x07\x00\r\n\u202e\ud800"]}, "until is a number": {"news": [], "until": 7},
}  # fmt: skip


@pytest.mark.parametrize("kind", PROGRESS)
def test_news_that_make_no_sense_do_no_harm(kind: str, bench: Bench, host: Application) -> None:
    bench.stack(bench.module())

    def script(voice: Voice) -> None:
        voice.proved()
        if kind == "no news":
            voice.say("progress", id="x", state="pending", owed=True)
        else:
            voice.news(**PROGRESS[kind])
        voice.refuse("after all")

    with jitd(bench.socket, script) as had:
        assert ask(host, "root") == DENIED
    assert had[0].heard[-1]["type"] == "proof"
    assert all(text.isprintable() and len(text.encode()) <= 512 for _, text in host.said)


def test_a_frame_that_says_to_be_longer_than_any_is_refused_at_once(bench: Bench, host: Application) -> None:
    bench.stack(bench.module())
    with jitd(bench.socket, lambda voice: (voice.hear("hello"), voice.connection.sendall(b"\0\4\0\1"), voice.gone())):
        assert ask(host) == DENIED
    assert "sent too long a message" in host.text, "and not that it does not answer"


def test_a_jitd_that_dribbles_is_given_up_in_time(bench: Bench, host: Application) -> None:
    begun: list[Voice] = []

    def script(voice: Voice) -> None:
        voice.hear("hello")
        begun.append(voice)
        voice.connection.sendall(b"\0\1\0\0")
        while True:
            voice.connection.sendall(b" ")
            time.sleep(0.01)

    for haste in MORE_AND_MORE:
        bench.stack(bench.module(haste))
        with jitd(bench.socket, script):
            assert ask(host) == DENIED
        assert "does not answer" in host.text
        if begun:
            break
    assert begun


def test_a_jitd_that_never_stops_telling_news_is_given_up_in_time(bench: Bench, host: Application) -> None:
    bench.stack(bench.module(), "wait=1")

    def script(voice: Voice) -> None:
        voice.proved()
        while True:
            voice.news()

    with jitd(bench.socket, script):
        assert ask(host, "root") == DENIED
    assert "nobody decided" in host.text


def test_a_jitd_that_does_not_read_is_given_up_in_time(bench: Bench) -> None:
    for haste in MORE_AND_MORE:  # it has to be greeted before
        bench.stack(bench.module(haste))
        has_ended = threading.Event()
        with (
            jitd(bench.socket, lambda voice: (voice.greet(), has_ended.wait(PATIENCE))),  # noqa: B023
            Application(bench.stacks, words=("A" * 100_000,) * 15) as host,
        ):
            host.order("uid", 4001)
            assert ask(host) == DENIED
            has_ended.set()
            if "does not listen" in host.text:
                break
    else:
        raise AssertionError(host.text)


def test_a_jitd_whose_process_is_not_roots_is_none(bench: Bench, host: Application) -> None:
    bench.stack(bench.module())
    bench.socket.unlink(missing_ok=True)
    says = b'{"type":"hello","version":1,"nonce":"A"}'
    code = (
        "import os, socket; s = socket.socket(socket.AF_UNIX); s.bind('jitd.sock'); os.setresuid(4005, 4005, 4005);"
        f"s.listen(); print('ready', flush=True); c, _ = s.accept(); c.sendall({len(says).to_bytes(4, 'big') + says!r});"
        "c.recv(9999); c.recv(9999)"
    )
    with subprocess.Popen(["/usr/bin/python3", "-c", code], cwd=bench.root, stdout=subprocess.PIPE) as impostor:
        assert impostor.stdout is not None
        impostor.stdout.readline()
        assert ask(host) == DENIED
        impostor.kill()
    assert "does not run as root" in host.text


@pytest.mark.parametrize(
    "place", ["nothing", "a file", "a directory", "a datagram socket", "nobody listens", "a long path", "full"]
)
def test_where_no_jitd_is_the_answer_is_a_denial(place: str, bench: Bench, host: Application) -> None:
    bench.stack(bench.module(HASTE.replace("0.3", "1.0") if place == "full" else ""))
    path = bench.socket
    path.unlink(missing_ok=True)
    with contextlib.ExitStack() as stack:
        if place == "a file":
            path.touch()
        elif place == "a directory":
            path.mkdir()
            stack.callback(path.rmdir)
        elif place in ("a datagram socket", "nobody listens", "full"):
            made = stack.enter_context(
                socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM if "datagram" in place else socket.SOCK_STREAM)
            )
            made.bind(str(path))
            stack.callback(path.unlink)
            if place == "full":
                made.listen(0)
                stack.enter_context(socket.socket(socket.AF_UNIX)).connect(str(path))
        elif place == "a long path":
            bench.stack(bench.module(), f"socket=/{'x' * 300}")
        assert ask(host) == DENIED
    assert "jitd" in host.text


# --- what stands for the initiator ----------------------------------------------------------------------------------------

INITIATORS = {
    "ends at once": "",
    "ends with 0": "raise SystemExit(0)",
    "is no Python": "}}}",
    "prints granted": "import sys; print('granted', flush=True); print('granted', file=sys.stderr)",
    "says granted": INITIATOR + "hear(); say(type='granted', id='x', boot_ms=0, text='', places=[])",
    "says granted in the frame of jitd": INITIATOR
    + "import time; say(type='granted', id='x', boot_ms=int(time.clock_gettime(7) * 1000), text='', places=[])",
    "says a token first": INITIATOR + "say(type='token', token='AAAA'); hear(); time.sleep(600)",
    "says the proof at once": INITIATOR + "hear(); say(type='proof', proof='AAAA')",
    "says a token that is no text": INITIATOR + "hear(); say(type='token', token=5)",
    "says a refusal that is no text": INITIATOR + "hear(); say(type='refused', text=None)",
    "says two things": INITIATOR + "hear(); say(type='token', token='A'); say(type='proof', proof='B'); time.sleep(600)",
    "writes megabytes": INITIATOR + "hear()\nwhile True: module.sendall(b'x' * 1000000)",
    "writes a frame of 4 GiB": INITIATOR + "module.sendall(b'\\xff' * 4); time.sleep(600)",
    "writes one byte": INITIATOR + "module.sendall(b'1')",
    "writes no JSON": INITIATOR + "module.sendall(b'\\0\\0\\0\\4true'); time.sleep(600)",
    "writes bytes": INITIATOR + "module.sendall(b'\\0\\0\\0\\4\\xff\\xfe\\0\\x80'); time.sleep(600)",
    "writes depth": INITIATOR + "module.sendall((9999).to_bytes(4, 'big') + b'[' * 9999); time.sleep(600)",
    "sleeps": "import time; time.sleep(600)",
    "closes and sleeps": INITIATOR + "module.close(); time.sleep(600)",
    "ignores signals": "import time, signal as s\nfor n in {*range(1, 32)} - {9, 19}: s.signal(n, s.SIG_IGN)\ntime.sleep(600)",
    "is killed": "import os; os.kill(os.getpid(), 9)",
    "is stopped": "import os; os.kill(os.getpid(), 19)",
    "dumps core": "import os; os.abort()",
    "leaves a child with the socket": INITIATOR + "os.fork() or (os.setsid(), time.sleep(0.5))",
    "goes through with it and lives on": PROVES.removesuffix("hear()\n") + "import signal; signal.pause()",
}
HANGS = ("says a token first", "sleeps", "ignores signals", "is stopped")
"""Those that are ended by the module's clock."""
STILL = r"time\.sleep\(600\)|os\.kill\(os\.getpid\(\), 19\)"


@pytest.mark.parametrize("kind", INITIATORS)
def test_nothing_that_an_initiator_does_is_a_verdict_and_nothing_of_it_is_left(
    kind: str, bench: Bench, host: Application
) -> None:
    """THREATS P-01."""
    reached, initiator = bench.root / "reached", INITIATORS[kind]
    if kind in HANGS:
        initiator = re.sub(STILL, rf"(__import__('os').mkdir('{reached}'), \g<0>)", initiator)

    def is_denied(haste: str) -> bool:
        """True if the initiator has come to where it hangs."""
        bench.stack(bench.module(haste, initiator))
        with jitd(bench.socket, refuses):
            assert ask(host) == DENIED
        return reached.exists()

    if kind in HANGS:
        assert any(map(is_denied, MORE_AND_MORE))
        reached.rmdir()
    else:
        is_denied(MORE_AND_MORE[-1])
    assert host.state()["children"] == 0
    wait_for(lambda: not any(_lines()), what="the end of all that the initiator was")


def _lines() -> Iterator[str]:
    for process in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            line = open(f"/proc/{process}/cmdline", encoding="utf-8", errors="replace").read()  # noqa: SIM115
            if "/initiator.py" in line:
                yield line


@pytest.mark.parametrize("kind", ["is missing", "is a directory", "is others'", "is no program"])
def test_an_initiator_that_cannot_be_or_is_not_roots_is_a_denial(kind: str, bench: Bench, host: Application) -> None:
    bench.stack(bench.module("", ""))
    initiator = bench.root / "initiator.py"
    if kind == "is missing":
        initiator.unlink()
    elif kind == "is a directory":
        initiator.unlink()
        initiator.mkdir()
    elif kind == "is others'":
        initiator.chmod(0o775)
    else:
        initiator.write_text("exit 0\n")
    with jitd(bench.socket, refuses):
        assert ask(host) == DENIED
    if kind == "is a directory":
        initiator.rmdir()
