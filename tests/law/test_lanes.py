# SPDX-License-Identifier: Apache-2.0
"""contrib/lanes/run: every test is in a lane, and no lane is green by luck."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from contrib.lanes import first
from contrib.scripts import load
from tests.law.tree import TREE

lanes = load("lanes/run")
measured = lanes.read_seconds(*lanes.PARTS)
SECONDS_OF_THE_FIRST_ANSWER = 3600
"""The sum over all files, which is more than it takes: lanes go side by side, and mostly wait."""
EVERY = sorted(str(path.relative_to(TREE)) for path in TREE.glob("tests/**/test_*.py"))


def test_every_file_of_tests_is_played() -> None:
    every = lanes.test_files()
    assert list(every) == list(lanes.KINDS)
    assert len(EVERY) > 140
    assert {file for files in every.values() for file in files} == set(EVERY)


@pytest.mark.parametrize(("kind", "place"), [("db1", "tests/db1/"), ("ad", "tests/ad/"), ("ad-other", "tests/ad/")])
def test_what_takes_further_hosts_is_played_in_the_labs_that_have_them_and_nowhere_else(kind: str, place: str) -> None:
    every = lanes.test_files()
    assert every[kind] and all(file.startswith(place) for file in every[kind])
    assert set(every[kind]) & {*every["plain"], *every["systemd"]} == set()


def test_with_all_news_at_once_a_few_files_are_played_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    every = lanes.test_files()["news"]
    assert [pattern for pattern in lanes.WITH_NEWS if not list(TREE.glob(pattern))] == []
    assert set(every) < set(lanes.test_files()["plain"]) and sum(measured["news"].values()) < 90
    monkeypatch.setattr(lanes, "LAB", "/bin/echo")
    for kind, is_told in (("news", True), ("plain", False)):
        lane = lanes.Lane("one", kind, ["tests/a.py"], [])
        lane.end()
        assert ("--news-at-once" in lane.lines[0].split()) is is_told


def test_what_computes_is_played_apart_behind_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    every = lanes.test_files()
    directories = {"audit", "commands", "core", "daemon", "evidence", "law", "setup", "wire"}
    assert {file.split("/")[1] for file in every["computing"]} == directories
    assert set(every["computing"]) & {*every["plain"], *every["systemd"], *every["db1"], *every["ad"]} == set()
    monkeypatch.setattr(lanes, "LAB", "/bin/echo")
    monkeypatch.setattr(lanes, "BEHIND", ["/bin/echo", "behind"])
    for kind in ("computing", "plain"):
        lane = lanes.Lane("one", kind, ["tests/a.py"], [])
        lane.end()
        assert lane.lines[0].startswith("behind ") is (kind == "computing")


def test_each_kind_has_a_lane_for_what_promises_a_time() -> None:
    assert lanes.TIMED_LANES.keys() == lanes.KINDS.keys()


def test_what_both_executors_do_alike_is_played_without_a_systemd_every_day() -> None:
    every = lanes.test_files()
    alike = {file for file in EVERY if re.search(r"^(@alike|pytestmark = alike)$", (TREE / file).read_text("utf-8"), re.M)}
    assert alike and alike <= {*every["plain"]} & {*every["systemd"]}


def test_what_is_played_under_systemd_exists() -> None:
    for pattern in lanes.UNDER_SYSTEMD:
        assert list(TREE.glob(pattern)), pattern


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_the_files_are_dealt_once_each_and_always_alike(n: int) -> None:
    for kind, files in lanes.test_files().items():
        took = measured[kind]
        hands = lanes.deal(files, n, took)
        assert sorted(file for hand in hands for file in hand) == files
        assert len(hands) == n and (all(hands) or len(files) < n)
        assert hands == lanes.deal(list(reversed(files)), n, took)


def test_no_lane_has_much_more_to_do_than_another() -> None:
    took = {"a": 9.0, "b": 5.0, "c": 4.0, "d": 1.0}
    assert lanes.deal(list(took), 2, took) == [["a", "d"], ["b", "c"]]


def test_a_file_that_nobody_has_measured_counts_as_the_mean_of_its_directory() -> None:
    took = {"tests/x/a.py": 8.0, "tests/x/b.py": 12.0, "tests/y/c.py": 1.0}
    files = ["tests/x/new.py", "tests/y/new.py", "tests/y/newer.py", "tests/x/b.py"]
    assert lanes.deal(files, 2, took) == [["tests/x/b.py"], ["tests/x/new.py", "tests/y/new.py", "tests/y/newer.py"]]


def test_a_file_has_seconds_of_its_own_in_each_kind_of_lane(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same file is played in two kinds, and takes longer in one of them. So has what each part plays of it."""

    def lane(kind: str, **took: float) -> SimpleNamespace:
        return SimpleNamespace(kind=kind, seconds=lambda: {f"tests/{file}.py": seconds for file, seconds in took.items()})

    monkeypatch.setattr(lanes, "SECONDS", tmp_path / "seconds")
    assert lanes.read_seconds(*lanes.PARTS) == {kind: {} for kind in lanes.KINDS}, "nobody has measured"
    none: dict[str, list[str]] = {kind: [] for kind in lanes.KINDS}
    played = [lane("systemd", a=40.0), lane("plain", a=9.0, b=1.0), lane("systemd", c=2.0), lane("plain", d=3.25)]
    lanes.write_seconds("rest", played, {"first": none, "rest": none})
    assert {kind: took for kind, took in lanes.read_seconds("rest").items() if took} == {
        "plain": {"tests/a.py": 9.0, "tests/b.py": 1.0, "tests/d.py": 3.2},
        "systemd": {"tests/a.py": 40.0, "tests/c.py": 2.0},
    }
    there = {**none, "plain": ["tests/a.py", "tests/b.py"]}
    lanes.write_seconds("rest", [lane("plain", b=5.0)], {"first": none, "rest": there})
    assert lanes.read_seconds("rest")["plain"] == {"tests/a.py": 9.0, "tests/b.py": 5.0}, "a was not played, and d is gone"
    lanes.write_seconds("first", [lane("plain", a=0.5)], {"first": there, "rest": there})
    assert lanes.read_seconds("first")["plain"] == {"tests/a.py": 0.5}
    assert lanes.read_seconds(*lanes.PARTS)["plain"] == {"tests/a.py": 9.5, "tests/b.py": 5.0}


class Played:
    """A lane in which seven tests have passed."""

    name, lines, counts, processor = "1", ["7 passed in 3.10s"], {"passed": 7}, 31.4

    def seconds(self) -> dict[str, float]:
        return {"tests/pam/test_a.py": 90.0, "tests/core/test_b.py": 4.0, "tests/pam/test_c.py": 20.0}


def test_each_part_and_each_directory_of_tests_says_how_long_it_took_before_the_last_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    parts: dict[str, float] = {}
    with pytest.raises(OSError), lanes.clocked(parts, "setup"):
        raise OSError
    assert list(parts) == ["setup"] and 0 <= parts["setup"] < 60
    parts = {"setup": 3.2, "lanes": 1391.4, "bench": 150.0}
    lanes.tell([Played(), Played()], [], 0.0, parts, {})
    told = capsys.readouterr().out.splitlines()
    assert told[:3] == [
        "parts: setup 3 s · lanes 1391 s · bench 150 s", "tests: pam 220 s · core 8 s", "lanes: 1 114 s (31) · 1 114 s (31)",
    ]  # fmt: skip
    assert len(told) == 4 and told[-1].startswith("14 passed in ")


def test_a_bench_that_cannot_be_played_whole_is_an_error_of_the_last_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    lab = tmp_path / "lab"
    lab.write_text('#!/bin/sh\necho "$@"\nexit 1\n')
    lab.chmod(0o755)
    monkeypatch.setattr(lanes, "LAB", lab)
    assert lanes.play_bench("--once") == 1
    assert capfd.readouterr().out.endswith("contrib/bench/run --once\n"), "what it says is seen at once"
    lanes.tell([Played()], [], 0.0, {}, {"contrib/bench/run --once": 1, "contrib/lanes/run --other --full": 0})
    told = capfd.readouterr().out.splitlines()
    assert "ERROR contrib/bench/run --once ended with 1" in told and told[-1].startswith("7 passed, 1 error in ")


BENCH = """
import sys
sys.path[:0] = [{tree!r}, {tree!r} + "/contrib/bench"]
from contrib.scripts import load
bench = load("bench/run")
bench.get_ticket = lambda name: None
def crashes(size, start):
    raise OSError("it is broken")
bench.PARTS = {{"slow": lambda size, start: [bench.at_most("a start", [9.0], 1, "ms")], "broken": crashes}}
print(bench.measure(sys.argv[2:], bench.Size(sys.argv[1])))
"""


@pytest.mark.parametrize(
    ("size", "part", "is_whole"), [("quick", "slow", "True"), ("quick", "broken", "False"), ("once", "slow", "True")]
)
def test_a_bench_that_misses_a_bar_says_so_and_one_of_which_a_part_is_broken_is_red(size: str, part: str, is_whole: str) -> None:
    """On a busy host every bar is missed, so that says nothing of the code; of one round, none is held against a bar."""
    line = [sys.executable, "-c", BENCH.format(tree=str(TREE)), size, part]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == is_whole
    assert ("MISSED" in done.stdout) is ((size, part) == ("quick", "slow"))
    assert ("it is broken" in done.stderr) is (part == "broken")


@pytest.mark.parametrize("kind", lanes.KINDS)
def test_what_was_measured_is_what_is_played_there(kind: str) -> None:
    """The rest are files that nobody has measured yet, and those that are gone."""
    files, took = set(lanes.test_files()[kind]), set(measured[kind])
    assert len(files & took) > 0.5 * len(files | took)


def test_a_lane_says_how_much_of_a_processor_it_took(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = tmp_path / "lab"
    lab.write_text('#!/bin/sh\npython3 -c "import time\nwhile time.process_time() < 0.3: pass"\necho 3 passed in 0.05s\nexit 7\n')
    lab.chmod(0o755)
    monkeypatch.setattr(lanes, "LAB", lab)
    lane = lanes.Lane("one", "plain", ["tests/a.py"], [])
    assert lane.end() == 7 and 0.3 <= lane.processor < 60
    assert lane.has_ended() and lane.process.poll() == 7, "it is not waited for twice"


def test_several_lanes_of_a_kind_are_told_apart() -> None:
    assert lanes.names("plain", 2) == ["1", "2"]
    assert lanes.names("systemd", 2) == ["systemd 1", "systemd 2"]
    assert lanes.names("systemd", 1) == ["systemd"] and lanes.names("db1", 1) == ["db1"]


def test_a_lane_that_is_held_plays_nothing_before_it_is_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = tmp_path / "lab"
    lab.write_text('#!/bin/sh\nuntil [ "$1" = -- ]; do shift; done\nshift\nexec "$@"\n')
    lab.chmod(0o755)
    monkeypatch.setattr(lanes, "LAB", lab)
    monkeypatch.setattr(lanes, "PYTHON", sys.executable)
    told, never = (
        lanes.Lane(name, "plain", ["tests/wire/test_shown.py"], ["-m", "not timed"], "2/9") for name in ("told", "never")
    )
    never.process.stdin.close()
    assert never.end() != 0 and "passed" not in never.counts
    assert told.process.poll() is None, "it waits"
    told.go()
    assert told.end() == 0, told.lines
    assert 0 < 7 * told.counts["passed"] < told.counts["deselected"] + told.counts["passed"], "it plays its share alone"
    lab.write_text("#!/bin/sh\necho it cannot start\nexit 125\n")
    broken = lanes.Lane("broken", "plain", ["tests/a.py"], ["-m", "timed"], "1/1")
    broken.process.wait()
    broken.go()
    assert (broken.end(), broken.lines) == (125, ["it cannot start"])


def test_what_makes_hosts_is_played_on_this_one_and_in_no_lab() -> None:
    every = lanes.test_files()
    assert every["hosts"] and all(file.startswith("tests/hosts/") for file in every["hosts"])
    assert [kind for kind, files in every.items() if set(files) & set(every["hosts"])] == ["hosts"]


def test_what_is_played_on_the_other_release_exists_and_is_played_here_too() -> None:
    every = lanes.test_files()
    assert [pattern for pattern in lanes.ON_THE_OTHER if not list(TREE.glob(pattern))] == []
    assert set(every["other"]) < {*every["computing"], *every["plain"]}
    assert {file.split("/")[1] for file in every["other"]} > {"core", "kerberos", "law", "pam", "wire"}


def test_on_the_other_release_a_lane_begins_with_a_checkout_and_without_a_mirror_it_is_red(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on = tmp_path / "on"
    on.write_text('#!/bin/sh\necho "$1 $2 $3"\ntar -t | grep -x Makefile\necho "on: no Debian can be made"\nexit 1\n')
    on.chmod(0o755)
    monkeypatch.setattr(lanes, "ON", on)
    lane = lanes.Lane("other", "other", ["tests/a.py"], [])
    assert lane.end() == 1
    assert lane.lines == [f"--packages git,make,python3 {lanes.other_release()}", "Makefile", "on: no Debian can be made"]
    assert lanes.faults("other", lane.lines) == (lane.lines, ["ERROR lane other ended without a summary"])
    assert lane.outcome() == "other FAILED BEFORE ITS END", "and not done"
    on.write_text("#!/bin/sh\necho '....'\necho '3 passed, 1 deselected in 0.05s'\n")
    played = lanes.Lane("hosts", "other", ["tests/a.py"], [])
    assert played.end() == 0 and played.outcome() == "hosts done"
    capsys.readouterr()
    lanes.tell([lane, played], [], 0.0, {}, {})
    told = capsys.readouterr().out.splitlines()
    assert told[-2] == f"lanes: other FAILED ({lane.processor:.0f}) · hosts 0 s ({played.processor:.0f})"
    assert told[-1].startswith("3 passed, 1 deselected, 1 error in "), "the last line alone tells, too"
    assert "on: no Debian can be made" in told


@pytest.mark.parametrize("command", lanes.COMMANDS.values())
def test_all_of_it_is_played_on_the_other_release_by_the_same_command_in_a_checkout(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    on, made = tmp_path / "on", tmp_path / "made"
    on.write_text(f'#!/bin/sh\necho "$1 $2 $3"\ncd {tmp_path}; "$4" "$5" "$(echo "$6" | sed s:/usr/local/src:{made}:)"\n')
    on.chmod(0o755)
    made.mkdir()
    (tmp_path / "make").write_text('#!/bin/sh\nls -d Makefile .git\necho "make $*"\nexit 2\n')
    (tmp_path / "make").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(lanes, "ON", on)
    assert lanes.play_all_on_the_other(command) == 2
    began = f"--packages git,make,python3 {lanes.other_release()}"
    assert capfd.readouterr().out.splitlines() == [began, ".git", "Makefile", f"make {command} ARGS=--here"]


@pytest.mark.parametrize(
    ("options", "n_parts", "n_wholes"),
    [([], 1, 0), (["--rest"], 1, 0), (["--full"], 0, 1), (["--rest", "--here"], 0, 0), (["--here", "--full"], 0, 0)],
)
def test_with_full_all_is_played_on_the_other_release_in_the_place_of_a_part_and_counts(
    options: list[str], n_parts: int, n_wholes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds: list[str] = []
    marks: dict[str, str] = {}
    wholes: list[str] = []
    sizes: list[str] = []
    told: list[dict[str, int]] = []

    def lane(_: str, kind: str, __: list[str], chosen: list[str], *___: object) -> Pretended:
        kinds.append(kind)
        marks.setdefault(kind, chosen[1])
        return Pretended(kind)

    def play_bench(size: str) -> int:
        sizes.append(size)
        return 0

    def play_all(command: str) -> int:
        wholes.append(command)
        return 3

    monkeypatch.setattr(sys, "argv", ["run", *options])
    monkeypatch.setattr(lanes, "subprocess", SimpleNamespace(run=lambda *_, **__: SimpleNamespace(returncode=0)))
    monkeypatch.setattr(lanes, "compile_tests", lambda files: None)
    monkeypatch.setattr(lanes, "Lane", lane)
    monkeypatch.setattr(lanes, "wait_for_all", lambda *_: 0)
    monkeypatch.setattr(lanes, "play_bench", play_bench)
    monkeypatch.setattr(lanes, "play_all_on_the_other", play_all)
    monkeypatch.setattr(lanes, "tell", lambda *what: told.append(what[-1]))
    assert lanes.main() == 3 * n_wholes
    assert kinds.count("other") == n_parts and wholes == ["test-full"] * n_wholes
    assert list(told[0].values()) == [0, *[3] * n_wholes]
    assert [kind for kind in marks if "not alike" in marks[kind]] == ([] if "--full" in options else ["systemd"])
    assert sizes == (["--quick"] if "--full" in options else ["--once"])


def test_the_first_answer_takes_no_other_host_and_plays_what_no_other_part_plays(monkeypatch: pytest.MonkeyPatch) -> None:
    played: dict[str, set[tuple[str, str]]] = {}
    for part in lanes.PARTS:
        told: list[tuple[str, list[str], list[str]]] = []

        def lane(_: str, kind: str, files: list[str], chosen: list[str], *__: object, to: list = told) -> Pretended:
            to.append((kind, files, chosen))
            return Pretended(kind)

        benches: list[str] = []
        monkeypatch.setattr(sys, "argv", ["run", f"--{part}"])
        monkeypatch.setattr(lanes, "subprocess", SimpleNamespace(run=lambda *_, **__: SimpleNamespace(returncode=0)))
        monkeypatch.setattr(lanes, "compile_tests", lambda files: None)
        monkeypatch.setattr(lanes, "Lane", lane)
        monkeypatch.setattr(lanes, "wait_for_all", lambda *_: 0)
        monkeypatch.setattr(lanes, "play_bench", lambda size, to=benches: to.append(size) or 0)
        monkeypatch.setattr(lanes, "tell", lambda *what: None)
        assert lanes.main() == 0
        assert benches == ([] if part == "first" else ["--once"])
        assert {kind for kind, _, chosen in told if f"--{part}" in chosen} <= set(first.KINDS), (
            "of other kinds, all is of the rest"
        )
        beside = [(kind, files) for kind, files, chosen in told if not chosen[1].startswith("timed")]
        assert (len(beside) < len(told)) is (part == "rest"), "what promises a time is of the rest"
        played[part] = {(kind, file) for kind, files in beside for file in files}
    assert {kind for kind, _ in played["first"]} == set(first.KINDS)
    every = {(kind, file) for kind, files in lanes.test_files().items() for file in files if kind != "ad-other"}
    assert played["first"] | played["rest"] == every
    assert [file for _, file in played["first"] & played["rest"] if first.is_whole(file)] == [], "nothing of it is left"


@pytest.mark.parametrize(
    ("file", "function", "marks", "is_booted", "is_one"),
    [
        ("tests/core/test_ids.py", "test_of_no_attack", set(), False, True),
        ("tests/core/test_ids.py", "test_of_no_attack", {"full", "parametrize"}, False, False),
        ("tests/core/test_ids.py", "test_of_no_attack", {"timed"}, False, False),
        ("tests/system/test_spine.py", "test_of_no_attack", set(), False, True),
        ("tests/system/test_spine.py", "test_of_no_attack", set(), True, True),
        ("tests/booted/test_cookbook.py", "test_of_no_attack", set(), True, True),
        ("tests/system/test_kills.py", "test_named", set(), False, True),
        ("tests/system/test_kills.py", "test_of_no_attack", set(), False, False),
        ("tests/system/test_kills.py", "test_named", set(), True, False),
        ("tests/booted/test_ssh.py", "test_named", set(), True, True),
        ("tests/booted/test_ssh.py", "test_of_no_attack", set(), True, False),
    ],
)
def test_what_a_sabotage_names_is_of_the_first_answer(
    file: str, function: str, marks: set[str], is_booted: bool, is_one: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = frozenset({"test_named"})
    monkeypatch.setattr(first, "named", lambda: {"tests/system/test_kills.py": some, "tests/booted/test_ssh.py": some})
    assert first.is_first(file, function, marks, is_booted=is_booted) is is_one


def test_each_pattern_of_the_first_answer_has_a_file() -> None:
    assert [pattern for pattern in first.WHOLE if not list(TREE.glob(pattern))] == []
    twins = {file for file in lanes.test_files()["systemd"] if first.is_whole(file) and not file.startswith("tests/booted/")}
    assert twins == set(first.TWINS), "else it would be of neither part under systemd"


def test_the_first_answer_stays_one() -> None:
    """A commit that makes it longer raises this number, and says why."""
    assert sum(sum(took.values()) for took in lanes.read_seconds("first").values()) <= SECONDS_OF_THE_FIRST_ANSWER


def test_what_promises_a_time_under_systemd_is_played_before_the_others_and_alone() -> None:
    alone, one, other = Pretended("systemd"), Pretended("plain"), Pretended("db1")
    assert lanes.by_promise([one, alone, other]) == [[alone], [one, other]]
    assert lanes.by_promise([one]) == [[one]] and lanes.by_promise([]) == []


class Pretended:
    """A lane that has ended."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def has_ended(self) -> bool:
        return True

    def go(self) -> None:
        """It has gone."""

    def outcome(self) -> str:
        return self.kind

    def end(self) -> int:
        return 0


def test_a_file_is_compiled_again_when_it_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "TREE", tmp_path)
    monkeypatch.setattr(lanes, "PYTHON", sys.executable)
    (tmp_path / ".hypothesis/unicode_data").mkdir(parents=True)  # what else it makes is there
    file = tmp_path / "test_one.py"
    file.write_text("def test_one():\n    assert 1 + 1 == 2\n")
    assert not lanes.is_compiled(file)
    lanes.compile_tests(["test_one.py"])
    assert lanes.is_compiled(file)
    os.utime(file, (file.stat().st_mtime + 60,) * 2)
    assert not lanes.is_compiled(file)
    file.write_text("this is no Python\n")
    lanes.compile_tests(["test_one.py"])  # its lane tells


@pytest.mark.parametrize(
    ("last", "status", "counts", "worth"),
    [
        ("12 passed in 3.10s", 0, {"passed": 12}, 0),
        ("== 12 passed, 1 skipped, 3 deselected in 63.10s (0:01:03) ==", 0, {"passed": 12, "skipped": 1, "deselected": 3}, 0),
        ("1 failed, 11 passed in 3.10s", 1, {"failed": 1, "passed": 11}, 1),
        ("11 passed, 1 error in 3.10s", 1, {"passed": 11, "errors": 1}, 1),
        ("12 passed in 3.10s", 137, {"passed": 12}, 137),
        ("12 skipped in 3.10s", 0, {"skipped": 12}, 1),
        ("4 deselected in 0.10s", 5, {"deselected": 4}, 0),
        ("no tests ran in 0.10s", 5, {}, 0),
        ("no tests ran in 0.10s", 4, {}, 4),
        ("......", 0, {}, 1),
        ("lab: the kernel refuses an overlay of /", 125, {}, 125),
    ],
)
def test_a_lane_is_worth_what_it_says_of_itself(last: str, status: int, counts: dict[str, int], worth: int) -> None:
    assert lanes.judge(["....", last], status) == (counts, worth)
    assert lanes.judge([], status)[1] != 0


def test_what_a_failed_test_printed_is_told_whole_and_nothing_else() -> None:
    said = """\
.F [100%]
=================================== FAILURES ===================================
____ test_it ____
E   assert False
----- Captured stdout call -----
what it printed
============================== slowest durations ===============================
1.00s call     tests/a/test_a.py::test_it
=========================== short test summary info ============================
FAILED tests/a/test_a.py::test_it - assert False
1 failed, 1 passed in 1.00s""".splitlines()
    whole, short = lanes.faults("2", said)
    assert whole == [said[1] + "  [lane 2]", *said[2:6]]
    assert short == ["FAILED tests/a/test_a.py::test_it - assert False"]
    assert lanes.judge(said, 1)[0] == {"failed": 1, "passed": 1}


def test_a_lane_that_dies_is_told_whole() -> None:
    assert lanes.faults("2", ["....", "Killed"]) == (["....", "Killed"], ["ERROR lane 2 ended without a summary"])
