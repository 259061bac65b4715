# SPDX-License-Identifier: Apache-2.0
"""Many transactions in one process, hostile bytes in every item of PAM's, broken surroundings, and signals.

Law: memory is bounded, and descriptors, threads, children and the program's signals are afterwards what they were before.
"""

from __future__ import annotations

import base64
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.descriptors import links
from tests.marks import full
from tests.pam.application import DENIED, MODULE, SUCCESS, Application, Bench, Voice, grants, jitd, now
from tests.pam.test_sabotage import PROVES, ask
from tests.prover import HANGS_AS_THE_PERSON, HANGS_AT_ONCE, built
from tests.waiting import PATIENCE, is_living, status_of, wait_for

SYSTEM_ERR = 4
A_FEW_PAGES = 64
"""KiB by which the memory of a process may differ although nothing is left: on a busy host, the kernel gives and takes."""
WITHOUT_CACHE = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}
"""malloc counts as given what each thread keeps for the next time: without it, a byte more is one that somebody has left."""


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    made.stack(made.module("", PROVES))
    yield made
    made.close()


@pytest.fixture
def host(bench: Bench) -> Iterator[Application]:
    with Application(bench.stacks, env={"PATH": "/usr/bin:/bin", **WITHOUT_CACHE}) as made:
        yield made


def waits(voice: Voice) -> None:
    voice.proved()
    voice.news("request AAAA-AAAA: true")
    voice.gone(PATIENCE)


@pytest.mark.parametrize(
    "count", [50, pytest.param(10_000, marks=full("as many transactions take long; every day, the test makes 50"))]
)
def test_many_transactions_in_one_process_leave_nothing_behind(count: int, bench: Bench, host: Application) -> None:
    """THREATS P-05."""
    with jitd(bench.socket, grants):
        for number in range(5):
            assert ask(host, "alice" if number % 2 else "root") == SUCCESS
        before = host.state()
        for number in range(count):
            assert ask(host, "alice" if number % 2 else "root") == SUCCESS
        after = host.state()
    grown = after.pop("rss") - before.pop("rss")
    assert after == before, "not a byte of the heap"
    assert (after["threads"], after["children"]) == (1, 0)
    assert grown < A_FEW_PAGES, f"{grown / count} KiB a transaction"


def test_a_hundred_questions_of_one_transaction_cost_no_memory_at_all(bench: Bench, host: Application) -> None:
    with jitd(bench.socket, grants):
        host.start("alice")
        for _ in range(10):
            host.call("acct_mgmt")
        before = host.state()
        for _ in range(100):
            assert host.call("acct_mgmt") == SUCCESS
        after = host.state()
    assert after["rss"] - before["rss"] < 1024
    assert after["descriptors"] == before["descriptors"]


def test_interleaved_transactions_do_not_know_of_each_other(bench: Bench, host: Application) -> None:
    """THREATS P-04."""

    def script(voice: Voice) -> None:
        voice.proved()
        (asked,) = [message for message in voice.heard if message["type"] == "enforce"]
        voice.grant() if asked["user"] in ("root", "alice") else voice.refuse()

    with jitd(bench.socket, script):
        people = ["root", "eve", "alice", "bob"]
        for slot, user in enumerate(people):
            host.start(user, slot=slot)
        for _ in range(3):
            for slot in (2, 0, 3, 1):
                host.order("slot", slot)
                assert host.call("acct_mgmt") == (SUCCESS if people[slot] in ("root", "alice") else DENIED)
        for slot in (0, 3, 1):
            host.order("slot", slot)
            host.order("end", 0)
        host.order("slot", 2)
        assert host.call("open_session") == SUCCESS
        host.order("end", 0)
        assert ask(host, "eve") == DENIED


HOSTILE = {
    "long": b"x" * 4096, "very long": b"y" * 100_000, "format": b"%n%n%s%s", "newline": b"a\nb", "escape": b"\x1b]0;x\x07\x7f",
    "not UTF-8": b"\xff\xfe\x80", "surrogate": b"\xed\xa0\x80", "overlong": b"\xc0\xaf", "right to left": "\u202e\u2066".encode(),
    "json": b'","uid":0,"x":"', "path": b"../../etc/shadow", "space": b" ", "emoji": "\U0001f600".encode(), "equals": b"A=B",
}  # fmt: skip


OTHERS = ("tty", "rhost", "ruser", "xdisplay", "ssh")
"""All but the user, without whom nothing is asked."""


def set_items(host: Application, items: tuple[str, ...], value: bytes | None) -> list[str]:
    """Those of them that could be set."""
    done = []
    for item in items:
        if item == "ssh":
            host.order("env", (b"SSH_AUTH_INFO_0=" + (value or b"")).hex())
        if item == "ssh" or host.set(item, value) == 0:
            done.append(item)
    return done


@pytest.mark.parametrize("items", [("user",), OTHERS], ids=["user", "others"])
def test_hostile_bytes_in_any_item_do_no_harm(items: tuple[str, ...], bench: Bench, host: Application) -> None:
    """THREATS P-02: whatever is there reaches jitd as it is or not at all, and what is no text names nobody."""
    n_asked = 0
    for name, value in [*HOSTILE.items(), ("none", None), ("nothing", b"")]:
        with jitd(bench.socket, grants) as had:
            host.start("root")
            done = set_items(host, items, value)
            code = host.call("acct_mgmt") if done else DENIED
            host.order("end", 0)
        asked = [message for voice in had for message in voice.heard if message["type"] == "enforce"]
        if value is not None and len(value) > 9000 and code == SYSTEM_ERR:
            code = SUCCESS  # libpam itself cannot write so much into the kernel's audit log, and fails after us
        if items == ("user",):
            assert (code, asked) == (DENIED, []), f"{name}: there is no such account"
            continue
        assert code == SUCCESS, name
        text = value if value and _is_text(value) else None
        whole = base64.b64encode(text[:4096]).decode() if text else None
        expected = {"tty": whole, "rhost": whole, "ssh": whole, "ruser": text.decode() if text else None}
        for item in set(done) & expected.keys():
            n_asked += 1
            assert asked[0][{"ssh": "authenticated"}.get(item, item)] == expected[item], (name, item)
    assert n_asked > 40 or items == ("user",)
    assert ask_with(bench, host) == SUCCESS


@pytest.mark.parametrize(
    "name", [b"x" * 200, b"%n%s", b"a\nb", b"\x1b]0;x\x07", b"\xff\xfe", "\u202e".encode(), b" ", b'","uid":0,"']
)
def test_a_service_of_a_hostile_name_is_named_as_it_is_or_not_at_all(name: bytes, bench: Bench, host: Application) -> None:
    os.link(bench.stacks / "su", os.path.join(os.fsencode(bench.stacks), name))
    with jitd(bench.socket, grants) as had:
        host.start("root", name)
        assert host.call("acct_mgmt") == SUCCESS
    (asked,) = [message for voice in had for message in voice.heard if message["type"] == "enforce"]
    assert asked["service"] == (name.decode() if _is_text(name) else "?")


def ask_with(bench: Bench, host: Application) -> int:
    with jitd(bench.socket, grants):
        return ask(host)


def _is_text(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize(
    "user",
    [
        *(None, b"", b"nobody-of-that-name", b"x" * 4096, b"\xff", b"root\n"),
        *(
            pytest.param(
                user,
                marks=full(
                    "every day, the test uses no name, an unknown and a long one, bytes that are not text, and a line end"
                ),
            )
            for user in (b"%n", b"a\nb", b"0", b":")
        ),
    ],
)
def test_who_has_no_account_is_denied_without_a_word_to_jitd_and_before_they_are_known_without_a_reason(
    user: bytes | None, bench: Bench, host: Application
) -> None:
    """THREATS P-13: in ``auth`` the sentence is that of a known account without a rule, letter by letter."""
    with jitd(bench.socket, lambda voice: (voice.proved(), voice.refuse("denied: no rule permits this"))) as had:
        host.start(b"x")
        host.set("user", user)
        assert host.call("authenticate") == DENIED
        said = host.said
        assert had == []
        host.order("end", 0)
        assert ask(host, "bob", "authenticate") == DENIED
        assert len(had) == 1
        host.start("bob")
        host.call("authenticate")
        assert host.said == said == [(3, "jitd: denied")]


# --- what the caller may have left ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2)])
def test_closed_standard_streams_do_not_become_the_line_to_jitd(closed: tuple[int, ...], bench: Bench, host: Application) -> None:
    for stream in closed:
        host.order("close", stream)
    before = host.state()["descriptors"]
    seen: list[list[str]] = []

    def script(voice: Voice) -> None:
        voice.proved()
        seen.append([to for descriptor, to in links(host.process.pid).items() if descriptor <= 2])
        voice.grant()

    with jitd(bench.socket, script):
        assert ask(host) == SUCCESS
    assert not [name for names in seen for name in names if name.startswith("socket:")]
    assert host.state()["descriptors"] == before


LIMITS = {
    "FSIZE": (1, 0),
    "NPROC": (6, 1),
    "CORE": (4, 0),
    "NOFILE": (7, 230),
    "NOFILE too few": (7, 1),
    "AS": (9, 60_000_000),
    "STACK": (3, 65536),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_the_limits_of_a_caller_end_in_an_answer_and_never_in_a_grant_that_was_not(
    limit: str, bench: Bench, host: Application
) -> None:
    number, value = LIMITS[limit]
    with jitd(bench.socket, grants) as had:
        host.start("alice")
        host.order("limit", number, value)
        code = host.call("acct_mgmt")
        assert code != SUCCESS or len(had) == 1
        assert code == SUCCESS or limit in ("NOFILE too few", "AS", "STACK"), "these do not matter to it"


HOWS = ("ignore", "catch", "block")
OF_EVERY_DAY = ((signal.SIGPIPE, "ignore"), (signal.SIGINT, "block"), (signal.SIGALRM, "catch"), (signal.SIGTERM, "block"))


@pytest.mark.parametrize(
    ("number", "how"),
    [
        *((signal.SIGCHLD, how) for how in HOWS),
        *OF_EVERY_DAY,
        *(
            pytest.param(number, how, marks=full("every day, SIGCHLD is set in each way, and each other signal in one way"))
            for number in (signal.SIGPIPE, signal.SIGINT, signal.SIGALRM, signal.SIGTERM)
            for how in HOWS
            if (number, how) not in OF_EVERY_DAY
        ),
    ],
)
def test_what_a_program_has_set_for_its_signals_is_as_it_was(
    how: str, number: signal.Signals, bench: Bench, host: Application
) -> None:
    host.order("signal", how, int(number))
    before = host.state()
    with jitd(bench.socket, grants):
        assert [ask(host, "alice"), ask(host, "root")] == [SUCCESS, SUCCESS]
    after = host.state()
    names = {"SigBlk", "SigIgn", "SigCgt", "SigPnd", "ShdPnd", "children", "descriptors"}
    if (how, number) == ("block", signal.SIGCHLD):
        names.remove("ShdPnd")  # one is pending there: of the initiator, which has been waited for
    assert {name: after[name] for name in names} == {name: before[name] for name in names}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP])
def test_what_ends_a_program_withdraws_and_then_reaches_it(number: signal.Signals, bench: Bench, host: Application) -> None:
    host.order("signal", "catch", int(number))
    host.start("alice")
    with jitd(bench.socket, waits) as had:
        host.tell("acct_mgmt", 0)
        wait_for(lambda: had and had[0].heard and had[0].heard[-1]["type"] == "proof")
        os.kill(host.process.pid, number)
        assert host.result() == DENIED
        assert "withdrawn" in host.text
        assert host.state()["caught"] & 1 << number
        wait_for(lambda: b'"withdraw"' in getattr(had[0], "rest", b""))


@pytest.mark.parametrize("how", ["catch", "default"])
def test_a_program_that_would_stop_only_after_a_grant_is_not_granted_it(how: str, bench: Bench, host: Application) -> None:
    """sudo catches SIGTSTP, and heeds it when PAM is through: the command would run when it is continued, hours later. What stops
    at once is looked at when it goes on (see above)."""
    host.order("signal", how, int(signal.SIGTSTP))
    host.start("alice")

    def script(voice: Voice) -> None:
        voice.proved()
        os.kill(host.process.pid, signal.SIGTSTP)
        if how == "catch":
            voice.gone(PATIENCE)  # it has left before anything is granted
        else:  # in a group without a parent nobody is stopped by it: it is dropped as soon as it is looked at
            wait_for(lambda: not int(status_of(host.process.pid)["ShdPnd"], 16) >> signal.SIGTSTP - 1 & 1)
            voice.grant()

    with jitd(bench.socket, script) as had:
        host.tell("acct_mgmt", 0)
        assert host.result() == (DENIED if how == "catch" else SUCCESS)
    assert ("withdrawn" in host.text) == (b'"withdraw"' in getattr(had[0], "rest", b"")) == (how == "catch")


def test_a_stop_that_comes_just_before_the_grant_is_looked_at_with_it(bench: Bench, host: Application) -> None:
    """Between two looks there was time for it: the program was granted the command, and stopped before it ran it."""
    bench.stack(bench.module("LOOK_EVERY = 1000.0\n", PROVES))
    host.order("signal", "catch", int(signal.SIGTSTP))
    host.start("alice")

    def script(voice: Voice) -> None:
        voice.proved()
        before = times_slept(host)
        wait_for(lambda: times_slept(host) > before or status_of(host.process.pid)["State"].startswith("S"))
        os.kill(host.process.pid, signal.SIGTSTP)
        voice.grant()

    with jitd(bench.socket, script):
        host.tell("acct_mgmt", 0)
        assert host.result() == DENIED
    assert "withdrawn" in host.text


def test_a_signal_that_is_ignored_or_came_before_does_not_withdraw(bench: Bench, host: Application) -> None:
    host.order("signal", "ignore", int(signal.SIGINT))
    host.order("signal", "block", int(signal.SIGTERM))
    host.order("signal", "send", int(signal.SIGTERM))

    bench.stack(bench.module("LOOK_EVERY = 0.02\n", PROVES))

    def script(voice: Voice) -> None:
        voice.proved()
        os.kill(host.process.pid, signal.SIGINT)
        before = times_slept(host)
        wait_for(lambda: times_slept(host) > before + 5, what="a look at the signals, five times")
        voice.grant()

    with jitd(bench.socket, script):
        assert ask(host) == SUCCESS


def test_ctrl_c_withdraws_in_a_login_that_ignores_it(bench: Bench, host: Application) -> None:
    """login of util-linux ignores it until PAM has finished, and is not ended by it afterwards, either."""
    bench.stack(bench.module("READABLE_FOR = 0.0\n", PROVES), service="login")
    host.order("signal", "ignore", int(signal.SIGINT))
    host.start("alice", "login")

    def script(voice: Voice) -> None:
        voice.proved()
        os.kill(host.process.pid, signal.SIGINT)
        voice.gone(PATIENCE)

    with jitd(bench.socket, script):
        host.tell("open_session", 0)
        assert host.result() == DENIED
    assert "withdrawn" in host.text
    assert host.state()["SigIgn"] & 1 << signal.SIGINT - 1 and not host.state()["ShdPnd"]


def times_slept(host: Application) -> int:
    """How often it has waited for something: after each time the module looks at the signals."""
    return int(status_of(host.process.pid)["voluntary_ctxt_switches"])


def test_a_program_that_is_killed_while_it_waits_withdraws_by_that(bench: Bench, host: Application) -> None:
    host.start("alice")
    left: list[bool] = []

    def script(voice: Voice) -> None:
        voice.proved()
        host.process.kill()
        left.append(voice.gone(PATIENCE))

    with jitd(bench.socket, script):
        host.tell("acct_mgmt", 0)
        wait_for(lambda: left)
    assert left == [True]


@pytest.mark.parametrize(("act_within_ms", "answer"), [(60_000, SUCCESS), (300, DENIED)], ids=["a moment", "too long"])
def test_a_grant_that_came_while_the_program_was_stopped_for_long_is_none(
    act_within_ms: int, answer: int, bench: Bench, host: Application
) -> None:
    bench.stack(bench.module(f"ACT_WITHIN = {act_within_ms}\n", PROVES))
    host.start("root")

    def script(voice: Voice) -> None:
        voice.proved()
        os.kill(host.process.pid, signal.SIGSTOP)
        wait_for(lambda: status_of(host.process.pid)["State"].startswith("T"), what="the stop")
        granted_at = now()
        voice.grant(granted_at)
        wait_for(lambda: answer == SUCCESS or now() > granted_at + act_within_ms)
        os.kill(host.process.pid, signal.SIGCONT)

    with jitd(bench.socket, script):
        host.tell("acct_mgmt", 0)
        assert host.result() == answer
    assert ("while this program was stopped" in host.text) == (answer == DENIED)


@pytest.mark.parametrize("hangs", ["before it is asked", "in the library", "everywhere"])
def test_an_initiator_does_not_outlive_a_program_that_was_killed(hangs: str, bench: Bench, host: Application) -> None:
    replaced = {"in the library": HANGS_AS_THE_PERSON, "everywhere": HANGS_AT_ONCE}.get(hangs, {})
    prover, changed = built(bench.root / "prove", {"ENDS_WITHIN": "3"}, replaced), {}
    if hangs == "before it is asked":
        changed = {"    snprintf(number, sizeof(number)": "    pause();\n    snprintf(number, sizeof(number)"}
    bench.stack(bench.module("", prover, replaced=changed))
    host.start("alice")
    with jitd(bench.socket, waits):
        host.tell("acct_mgmt", 0)
        initiator = wait_for(lambda: Path(f"/proc/{host.process.pid}/task/{host.process.pid}/children").read_text().split())[0]
        host.process.kill()
        host.process.wait()
        wait_for(lambda: not is_living(initiator))


def test_the_log_says_why_without_touching_the_programs_own_way_of_logging(bench: Bench) -> None:
    """To /dev/log, where one is: this lab has none, so this is looked at in a trace."""
    trace = bench.root / "trace"
    line = ("strace", "-f", "-s", "400", "-o", str(trace), "-e", "trace=sendto,connect")
    with jitd(bench.socket, lambda voice: (voice.proved(), voice.refuse("a\nb"))), Application(bench.stacks, line=line) as host:
        assert ask(host, "root") == DENIED
    found = [words for words in trace.read_text().splitlines() if "pam_jit[" in words]
    assert len(found) == 1
    assert "<85>pam_jit[" in found[0]
    assert "MSG_DONTWAIT" in found[0]
    assert "refused: a?b" in found[0]
    assert subprocess.run(["grep", "-c", "syslog", bench.root / MODULE], capture_output=True).stdout == b"0\n"
