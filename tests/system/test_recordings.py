# SPDX-License-Identifier: Apache-2.0
"""Recordings, from the rule that wants one to whoever watches it: who may, what they see, and what is kept.

Law: what is shown is what was written, sealed, and harmless to the viewer's terminal; each look is in the chain, and a refused
one shows nothing.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import random
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest

from tests.descriptors import links
from tests.on_terminal import OnTerminal
from tests.system.conftest import Asking, House
from tests.times import times
from tests.waiting import PATIENCE, is_at_rest, wait_for

POLICY = """
[[permit]]
name = "kept"
who = ["group:dba"]
commands = [["**"]]
approvals = [{ need = 1, from = ["group:ops"] }]
grant = { lasts = "1h", uses = 100 }
run = { record = "output" }
"""
FREE = """
[[permit]]
name = "free"
who = ["group:dba"]
run_as = ["eve"]
commands = [["**"]]
run = { record = "%s" }
"""
HOSTILE = r"\033]0;title\007\033]52;c;ZXZpbA==\007\033[6n\033[c\033P$qm\033\\\033[5i\033[?1000hplain\033[31mred\033[0m\n"


@pytest.fixture(scope="module")
def kept() -> Iterator[House]:
    with House(POLICY) as made:
        made.set_policy(FREE % "output", "60-free.toml")
        made.reload()
        yield made


def recorded(house: House, *words: str, terminal: bool = False) -> str:
    """A run that alice asked for and bob approved, over by now; its id."""
    asking = house.ask("alice", *words)
    house.approved(asking.id)
    asking.end()
    wait_for(lambda: house.run_of(asking.id).outcome)
    return asking.id


def live(house: House, *words: str) -> Asking:
    asking = house.ask("alice", *words)
    house.approved(asking.id)
    wait_for(lambda: house.run_of(asking.id).started_at)
    return asking


def looks(house: House) -> int:
    return sum(record["event"] == "recording.watched" for record in house.records())


def file_of(house: House, id: str) -> Path:
    return house.root / "state/recordings" / f"{id}.recording"


# --- who may ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["alice", "bob", "dave", "root"])
def test_requester_reviewers_and_operators_may_watch_and_it_is_in_the_chain(kept: House, who: str) -> None:
    id = recorded(kept, "echo", f"for {who}")
    before = looks(kept)
    done = kept.jitd("replay", id, who=who)
    assert (done.returncode, done.stdout) == (0, f"for {who}\n"), done.stderr
    assert looks(kept) == before + 1
    last = [record for record in kept.records() if record["event"] == "recording.watched"][-1]
    assert last["actor"].partition("@")[0] == who and last["detail"] == {"run": id, "live": False}


def test_for_others_there_is_no_such_run(kept: House) -> None:
    id = recorded(kept, "echo", "secret")
    before = looks(kept)
    for verb in ("replay", "watch"):
        done = kept.jitd(verb, id, who="eve")
        assert (done.returncode, done.stdout) == (4, "") and done.stderr.replace(id, "ID") == kept.jitd(
            verb, "ZZZZ-ZZZZ", who="eve"
        ).stderr.replace("ZZZZ-ZZZZ", "ID")
    assert looks(kept) == before


def test_a_rule_says_who_may_watch(own_house: Callable[..., House]) -> None:
    house = own_house(POLICY.replace('record = "output"', 'record = "output", watch = ["principal:carol@EXAMPLE.TEST"]')).start()
    id = recorded(house, "echo", "hello")
    for who, status in (("alice", 3), ("bob", 3), ("carol", 0), ("dave", 0), ("eve", 4)):
        done = house.jitd("replay", id, who=who)
        assert (done.returncode, done.stdout) == (status, "hello\n" if status == 0 else ""), (who, done.stderr)
    assert looks(house) == 2


def test_who_may_see_it_no_longer_is_shown_no_more(kept: House) -> None:
    """A connection may be hours old: who follows a run is asked again whether they may."""
    asking = live(kept, "sh", "-c", "echo first; sleep 600")
    watcher = subprocess.Popen(kept.line("carol", "jitd", "watch", asking.id), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)  # fmt: skip
    assert watcher.stdout is not None and watcher.stdout.readline() == "first\n"
    subprocess.run(["gpasswd", "-d", "carol", "ops"], check=True, capture_output=True)
    try:
        _, said = watcher.communicate(timeout=PATIENCE)
        assert watcher.returncode == 4 and "as far as you may see" in said
    finally:
        watcher.kill()
        subprocess.run(["gpasswd", "-a", "carol", "ops"], check=True, capture_output=True)
        kept.jitd("stop", asking.id)
    asking.end()


# --- what is seen ----------------------------------------------------------------------------------------------------


def test_a_run_is_followed_while_it_happens(kept: House) -> None:
    go = kept.root / "said" / "go-on"
    go.parent.mkdir(exist_ok=True)
    go.unlink(missing_ok=True)
    asking = live(kept, "sh", "-c", f"echo line 1; echo line 2; until [ -e {go} ]; do sleep 0.05; done; echo line 3; exit 4")
    first, *rest = map(str, kept.line("bob", "jitd", "watch", asking.id))
    screen = OnTerminal(first, rest, cwd="/", timeout=PATIENCE, encoding="utf-8")
    screen.expect_exact("line 1")
    screen.expect_exact("line 2")  # as it comes, and not at the end
    go.touch()
    screen.expect_exact("line 3")
    screen.expect_exact("it ended with status 4")
    screen.expect(pexpect.EOF)
    screen.close()
    assert screen.exitstatus == 0 and asking.end() == 4


@pytest.mark.parametrize("leave", ["q", "\x03"])
def test_who_watches_may_leave_and_the_run_does_not_notice(kept: House, leave: str) -> None:
    go = kept.root / "said" / "left"
    go.unlink(missing_ok=True)
    asking = live(kept, "sh", "-c", f"echo here; until [ -e {go} ]; do sleep 0.05; done; exit 5")
    first, *rest = map(str, kept.line("bob", "jitd", "watch", asking.id))
    screen = OnTerminal(first, rest, cwd="/", timeout=PATIENCE, encoding="utf-8")
    screen.expect_exact("here")
    before = os.get_terminal_size(screen.child_fd), screen.getecho()
    screen.send(leave)
    screen.expect(pexpect.EOF)
    screen.close()
    assert not before[1] and screen.exitstatus == 0
    go.touch()
    assert asking.end() == 5


def n_sockets(pid: int) -> int:
    return sum(to.startswith("socket:") for to in links(pid).values())


def test_a_watcher_that_goes_away_is_noticed(kept: House) -> None:
    asking = live(kept, "sleep", "600")
    assert kept.process is not None
    daemon = kept.process.pid
    wait_for(lambda: n_sockets(asking.process.pid) == 1, what="the end of the client's connection")
    wait_for(lambda: is_at_rest(daemon), what="that the daemon has heard of that end")
    before = n_sockets(daemon)
    watcher = subprocess.Popen(kept.line("bob", "jitd", "watch", asking.id), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)  # fmt: skip
    wait_for(lambda: n_sockets(daemon) > before)
    watcher.kill()
    watcher.wait()
    wait_for(lambda: n_sockets(daemon) <= before, what="the end of its connection")
    assert kept.jitd("stop", asking.id).returncode == 0
    asking.end()


@pytest.mark.parametrize("verb", ["replay", "watch"])
def test_what_would_harm_a_viewers_terminal_does_not_reach_it(kept: House, verb: str) -> None:
    """THREATS L-06."""
    id = recorded(kept, "printf", HOSTILE)
    done = subprocess.run(kept.line("bob", "jitd", verb, id), stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert done.returncode == 0 and b"plain" in done.stdout and b"red" in done.stdout
    for harm in (b"\x1b]", b"\x1bP", b"\x1b[6n", b"\x1b[c", b"\x1b[5i", b"?1000h", b"evil", b"title"):
        assert harm not in done.stdout, harm


def test_a_terminal_session_is_replayed_with_its_keys(kept: House) -> None:
    first, *rest = map(str, kept.line("alice", "jitsudo", "-u", "eve", "bash", "--norc", "-c", "echo o''ne; sleep 2; echo t''wo"))
    terminal = OnTerminal(first, rest, cwd="/", timeout=PATIENCE, encoding="utf-8", dimensions=(30, 100))
    terminal.expect(pexpect.EOF)
    terminal.close()
    id = next(row["id"] for row in reversed(kept.rows("runs", "--all")) if "echo o" in row["argv"][-1])
    wait_for(lambda: kept.run_of(id).outcome)
    first, *rest = map(str, kept.line("alice", "jitd", "replay", "--speed=0.02", id))  # two seconds last longer than a test waits
    player = OnTerminal(first, rest, cwd="/", timeout=PATIENCE, encoding="utf-8")
    player.expect_exact("one")
    player.send(" ++++++++++")
    with pytest.raises(pexpect.TIMEOUT):  # it would be there in a moment, if it did not pause
        player.expect_exact("two", timeout=2)
    player.send(" ")
    player.expect_exact("two")
    player.expect_exact("it ended with status 0")
    player.expect(pexpect.EOF)
    player.close()
    assert player.exitstatus == 0
    quick = kept.jitd("replay", id, "--speed=100", who="alice")
    assert quick.stdout.replace("\r", "") == "one\ntwo\n"


def test_a_recording_is_byte_for_byte_what_was_written(kept: House) -> None:
    """What came out of the requester's terminal, and what came out of the pipe, is what is in the recording."""
    wild = kept.root / "said/wild"
    wild.write_bytes(os.urandom(100_000) + HOSTILE.encode() + bytes(range(256)) * 50)
    script = f"cat {wild}; sleep 0.1; cat {wild} >&2"
    first, *rest = map(str, kept.line("alice", "jitsudo", "-qu", "eve", "sh", "-c", script))
    terminal = OnTerminal(first, rest, cwd="/", timeout=PATIENCE)
    with (kept.root / "said/teed").open("wb") as terminal.logfile_read:
        terminal.expect(pexpect.EOF)
    terminal.close()
    id = kept.rows("runs", "--all")[-1]["id"]
    wait_for(lambda: kept.run_of(id).outcome)
    raw = subprocess.run(kept.line("root", "jitd", "replay", "--raw", id), capture_output=True, check=True).stdout
    assert len(raw) > 200_000 and raw == (kept.root / "said/teed").read_bytes()
    id = recorded(kept, "cat", str(wild))
    raw = subprocess.run(kept.line("root", "jitd", "replay", "--raw", id), capture_output=True, check=True).stdout
    assert raw == wild.read_bytes()


PIECES = (
    "head -c {n} {wild}", "seq {n} | head -200", "sleep 0.0{digit}", "printf '%{digit}0d\\n' {n}", "tail -c {n} {wild} >&2",
    "(sleep 0.05; echo late) & wait", "read -r word; echo \"got $word\"", "stty -echo; read -r word; stty echo; echo",
    "stty size", "yes {n} | head -c {n}", "stty raw; head -c 5 {wild}; stty cooked",
    "tput cup 3 {digit}; tput smcup; echo {n}; tput rmcup",
)  # fmt: skip


@pytest.mark.parametrize("seed", range(times(6)))
def test_random_work_at_a_terminal_is_recorded_byte_for_byte(kept: House, seed: int) -> None:
    """Bursts, pauses, keys, sizes: what the requester's terminal was given is what is in the recording, and nothing else is."""
    draw = random.Random(seed)
    wild = kept.root / "said/random"
    wild.write_bytes(draw.randbytes(60_000) + HOSTILE.encode())
    pieces = [
        piece.format(n=draw.randrange(1, 40_000), digit=draw.randrange(1, 9), wild=wild) for piece in draw.choices(PIECES, k=14)
    ]
    first, *rest = map(str, kept.line("alice", "jitsudo", "-qu", "eve", "sh", "-c", "; ".join(["echo begun", *pieces])))
    terminal = OnTerminal(first, rest, cwd="/", timeout=PATIENCE, env={**os.environ, "TERM": "xterm"})
    with (kept.root / "said/teed").open("wb") as terminal.logfile_read:
        terminal.expect_exact("begun\r\n")  # until then it is the requester's own terminal that echoes
        for _ in range(sum("read" in piece for piece in pieces)):
            terminal.setwinsize(draw.randrange(2, 60), draw.randrange(2, 200))
            with contextlib.suppress(pexpect.TIMEOUT):
                terminal.expect(pexpect.EOF, timeout=draw.random() / 5)
            terminal.send(f"{draw.randrange(10**6)} \x7f\xc3\xa9\n".encode("latin-1"))
        terminal.expect(pexpect.EOF)
    terminal.close()
    id = kept.rows("runs", "--all")[-1]["id"]
    wait_for(lambda: kept.run_of(id).outcome)
    raw = subprocess.run(kept.line("root", "jitd", "replay", "--raw", id), capture_output=True, check=True).stdout
    assert raw == (kept.root / "said/teed").read_bytes(), pieces


def test_what_is_not_recorded_cannot_be_watched(kept: House) -> None:
    kept.set_policy(FREE.replace("free", "silent").replace('"**"', '"/usr/bin/true"') % "none", "55-silent.toml")
    kept.reload()
    assert kept.sudo("alice", "-u", "eve", "true").returncode == 0
    id = next(row["id"] for row in reversed(kept.at_rest().rows("runs", "--all")) if row["argv"] == ["true"])
    done = kept.jitd("replay", id, who="alice")
    assert (done.returncode, done.stderr) == (1, f"jitd: run {id} was not recorded\n")


# --- what is proved --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sealed(kept: House) -> tuple[str, str, bytes]:
    """A recording's id, that of another, and what is in the first."""
    id = recorded(kept, "sh", "-c", "echo sealed; sleep 0.4; echo twice")
    other = recorded(kept, "sh", "-c", "echo sealed; sleep 0.4; echo other")
    return id, other, file_of(kept, id).read_bytes()


@pytest.mark.parametrize("how", ["a byte", "the end", "another's", "more", "nothing left"])
def test_a_recording_that_is_not_what_was_sealed_is_not_shown(kept: House, sealed: tuple[str, str, bytes], how: str) -> None:
    """THREATS L-04."""
    id, other, content = sealed
    file = file_of(kept, id)
    changed = {
        "a byte": content[:-60] + bytes([content[-60] ^ 1]) + content[-59:],
        "the end": content[: len(content) // 2],
        "another's": file_of(kept, other).read_bytes(),
        "more": content + content[-100:],
        "nothing left": b"",
    }[how]
    file.write_bytes(changed)
    for verb in ("replay", "watch"):
        done = kept.jitd(verb, id, who="bob")
        assert done.returncode == 1 and done.stdout == "" and "is damaged, or somebody has changed it" in done.stderr, done.stderr
    file.write_bytes(content)
    for verb in ("replay", "watch"):
        assert kept.jitd(verb, id, who="bob").stdout == "sealed\ntwice\n"
    (noted,) = [
        record["detail"]["recording"] for record in kept.records() if record["event"] == "run.ended" and record["id"] == id
    ]
    assert noted["size"] == len(content)


# --- exports ---------------------------------------------------------------------------------------------------------


def test_sudoreplay_and_asciinema_play_what_is_exported(kept: House, tmp_path: Path) -> None:
    id = recorded(kept, "sh", "-c", "echo to out; echo to err >&2")
    done = kept.jitd("replay", id, "--export=sudo", f"--to={tmp_path}/session")
    assert done.returncode == 0, done.stderr
    played = subprocess.run(
        ["sudoreplay", "-n", "-d", tmp_path, "session"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert played.returncode == 0, played.stderr
    assert "to out" in played.stdout
    assert kept.jitd("replay", id, "--export=asciicast-2", f"--to={tmp_path}/cast").returncode == 0
    shown, status = pexpect.run(f"asciinema cat {tmp_path}/cast", encoding="utf-8", withexitstatus=True)  # it wants a terminal
    assert status == 0 and "to out" in shown and "to err" in shown
    lines = kept.jitd("replay", id, "--export=asciicast").stdout.splitlines()
    assert json.loads(lines[0])["version"] == 3
    again = kept.jitd("replay", id, "--export=asciicast", f"--to={tmp_path}/cast")
    assert again.returncode == 1 and "File exists" in again.stderr, "nothing is overwritten"


# --- what is kept ----------------------------------------------------------------------------------------------------


def test_the_oldest_go_when_there_is_too_much_and_the_record_says_so(own_house: Callable[..., House]) -> None:
    """But one that is old by the wall clock alone does not go at once. When it goes: tests/recording/test_storage.py."""
    house = own_house(POLICY, "[recordings]\ndays = 2\nmib_in_all = 1\n").start()
    old = recorded(house, "echo", "old")
    large = [recorded(house, "head", "-c", "700000", "/dev/urandom") for _ in range(3)]
    assert all(file_of(house, id).exists() for id in (old, *large))
    at = time.time() - 90 * 86400
    os.utime(file_of(house, large[2]), (at, at))
    house.restart()
    wait_for(lambda: not file_of(house, large[1]).exists())
    assert [file_of(house, id).exists() for id in (old, *large)] == [False, False, False, True], "the last of the record stays"
    done = house.jitd("replay", large[0])
    why = "it was removed after its time (then jitd audit show has recording.removed), or somebody else removed it"
    assert (done.returncode, done.stderr) == (1, f"jitd: the recording of run {large[0]} is gone: {why}\n")

    def removed() -> list[str]:
        return [record["detail"]["run"] for record in house.records() if record["event"] == "recording.removed"]

    wait_for(lambda: len(removed()) == 3, what="the record of the last removal, which comes after it")
    assert removed() == [old, *large[:2]]
    house.verify()


def test_one_that_cannot_be_removed_keeps_no_other(own_house: Callable[..., House]) -> None:
    house = own_house(POLICY, "[recordings]\nmib_in_all = 1\n").start()
    stays, *others = [recorded(house, "head", "-c", "700000", "/dev/urandom") for _ in range(3)]
    obstacle = file_of(house, stays).with_name(f".{file_of(house, stays).name}")
    obstacle.mkdir()
    house.restart()
    wait_for(lambda: not file_of(house, others[0]).exists())
    assert file_of(house, stays).exists() and file_of(house, others[1]).exists()
    told = (line for line in house.log().splitlines() if "an old recording could not be removed" in line)
    assert stays in next(told) and next(told, None) is None
    obstacle.rmdir()
    house.restart()
    wait_for(lambda: not file_of(house, stays).exists())


def test_a_run_that_cannot_be_recorded_says_so_to_whoever_asked(own_house: Callable[..., House]) -> None:
    house = own_house(POLICY, "[recordings]\nmib_per_run = 1\n").start()
    asking = live(house, "head", "-c", "5000000", "/dev/urandom")
    assert asking.end() != 0
    assert "it cannot be recorded any more: the recording has reached its quota" in asking.err
    wait_for(lambda: house.run_of(asking.id).outcome)
    outcome = house.show(asking.id)["runs"][0]["outcome"]
    assert "quota" in outcome["because"]
    assert "not all of it was kept" in house.jitd("replay", asking.id).stderr


def test_the_file_is_roots_alone(kept: House) -> None:
    """THREATS L-05."""
    id = recorded(kept, "echo", "mine")
    status = file_of(kept, id).stat()
    assert (status.st_mode & 0o777, status.st_uid) == (0o600, 0)
    assert file_of(kept, id).parent.stat().st_mode & 0o777 == 0o700


def test_an_input_is_kept_only_where_the_rule_says_all(kept: House) -> None:
    kept.set_policy(FREE.replace("free", "all").replace('"**"', '"/usr/bin/cat"') % "all", "56-all.toml")
    kept.reload()
    done = kept.sudo("alice", "-u", "eve", "cat", input="typed in\n")
    assert done.stdout == "typed in\n"
    id = next(row["id"] for row in reversed(kept.rows("runs", "--all")) if row["argv"] == ["cat"])
    wait_for(lambda: kept.run_of(id).outcome)
    cast = kept.jitd("replay", id, "--export=asciicast").stdout
    assert re.search(r'"i", "typed in', cast) and re.search(r'"o", "typed in', cast)


LOOPS = (
    ("while read l; do jitsudo -u eve true; echo $l; done <given", "one two three"),
    ("cat given | while read l; do jitsudo -u eve true; echo $l; done", "one two three"),
    ("cat given | { jitsudo -u eve sh -c 'read a; echo $a'; cat; }", "one two three"),
    ("{ jitsudo -u eve sh -c 'read a; echo $a'; cat; } <given", "one two three"),
    ("cat given | while read l; do jitsudo -u eve cat; echo $l; done", "two three one"),
    ("cat given | jitsudo -u eve cat", "one two three"),
)
"""Lines for a shell, and what the same lines write with sudo, which does not record."""


@pytest.mark.parametrize(("line", "written"), LOOPS)
def test_a_shells_loop_finds_each_line_of_its_input(kept: House, line: str, written: str) -> None:
    """THREATS L-07."""
    kept.set_policy(FREE.replace("free", "all-of-all") % "all", "55-all-of-all.toml")
    kept.reload()
    try:
        done = kept.run("alice", "sh", "-c", f"cd $(mktemp -d); printf 'one\\ntwo\\nthree\\n' >given; {line}")
        assert done.stdout.split() == written.split(), done.stderr
    finally:
        kept.set_policy("", "55-all-of-all.toml")
        kept.reload()


def test_every_export_contains_what_a_command_has_left_of_its_input_and_marks_it(kept: House, tmp_path: Path) -> None:
    """THREATS L-07."""
    kept.set_policy(FREE.replace("free", "all-of-all") % "all", "55-all-of-all.toml")
    kept.reload()
    try:
        done = kept.run("alice", "sh", "-c", "printf 'one\\ntwo\\n' | jitsudo -u eve sh -c 'read a; echo $JITSUDO_REQUEST'")
        id = done.stdout.strip()
        wait_for(lambda: kept.run_of(id).outcome)
        cast = kept.jitd("replay", id, "--export=asciicast").stdout.splitlines()
        events = [json.loads(line)[1:] for line in cast[1:]]
        assert ["i", "one\r\n"] in events
        assert ["m", "standard input that was offered to the command, and left there: two\n"] in events
        done = kept.jitd("replay", id, "--export=sudo", f"--to={tmp_path}/log")
        assert done.returncode == 0 and "sudoreplay does not show this: " in done.stderr
        assert "4 more bytes of its standard input were offered to the command, and left there\n" in done.stderr
        assert gzip.decompress((tmp_path / "log" / "stdin").read_bytes()) == b"one\n"
        assert gzip.decompress((tmp_path / "log" / "stdin.left").read_bytes()) == b"two\n"
    finally:
        kept.set_policy("", "55-all-of-all.toml")
        kept.reload()


def test_who_switches_the_echo_off_first_is_recorded_all_the_same(kept: House) -> None:
    """THREATS L-08: at a real terminal, with a shell that does not edit its line."""
    kept.set_policy(FREE.replace("free", "all-typed") % "all", "55-all-typed.toml")
    kept.reload()
    try:
        first, *rest = map(str, kept.line("alice", "sh", "-c", "stty -echo; jitsudo -u eve sh; stty -a | grep -wo -- -echo"))
        terminal = OnTerminal(first, rest, cwd="/", timeout=PATIENCE, encoding="utf-8")
        terminal.send("echo be''gun\n")
        terminal.expect_exact("begun")
        terminal.send("echo secret''ly; exit\n")
        terminal.expect_exact("secretly")
        terminal.expect_exact("-echo")  # the caller's own terminal is as it was
        terminal.expect(pexpect.EOF)
        terminal.close()
        id = next(row["id"] for row in reversed(kept.rows("runs", "--all")) if row["argv"] == ["sh"])
        wait_for(lambda: kept.run_of(id).outcome)
        events = [json.loads(line) for line in kept.jitd("replay", id, "--export=asciicast").stdout.splitlines()[1:]]
        typed = "".join(data for _, code, data in events if code == "i")
        assert "echo secret''ly; exit" in typed and not any("without an echo" in str(data) for _, _, data in events)
    finally:
        kept.set_policy("", "55-all-typed.toml")
        kept.reload()


def test_a_broken_daemon_ends_the_watching_with_a_sentence(own_house: Callable[..., House]) -> None:
    house = own_house(POLICY).start()
    go = house.root / "go-on"
    asking = live(house, "sh", "-c", f"echo here; until [ -e {go} ]; do sleep 0.05; done; exit 6")
    watcher = subprocess.Popen(house.line("bob", "jitd", "watch", asking.id), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)  # fmt: skip
    assert watcher.stdout is not None and "here" in watcher.stdout.readline()
    house.kill()
    _, said = watcher.communicate(timeout=PATIENCE)
    assert watcher.returncode == 125 and "jitd" in said
    house.start()
    go.touch()
    again = house.jitd("watch", asking.id, who="bob")
    assert again.returncode == 0 and again.stdout.startswith("here") and "it ended with status 6" in again.stderr
    assert asking.end() == 6
