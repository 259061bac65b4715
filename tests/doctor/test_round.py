# SPDX-License-Identifier: Apache-2.0
"""The round: what hangs, breaks or dies is a finding, and holds up nobody."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from jitd.cli.call import NotDone, status_of
from jitd_inspection.doctor import round as doctor_round
from jitd_inspection.doctor.finding import Result, bad, given_up, ok, unknown, weak
from jitd_inspection.doctor.round import FROM_CHILD, Examination, Finished, examine
from jitd_inspection.verbs import doctoring
from tests.waiting import PATIENCE, wait_for


def fine() -> Iterator[Result]:
    yield ok("a", "well, as it were: \udcff\x1b[31m")
    yield weak("b", "so so", "do it")


def breaks() -> Iterator[Result]:
    yield ok("c", "well")
    raise PermissionError("no")


def dies() -> Iterator[Result]:
    yield ok("f", "well")
    os.kill(os.getpid(), signal.SIGKILL)


GOLDEN = Path(__file__).parent / "golden"
MESSAGES = {
    "found": ok("host.name", "the host is called \u2018db1\u2019, as it were: \udcff\x1b[31m"),
    "found-with-a-remedy": bad("keytab.keys", "the keytab has no key of jitd/db1", "make one", command="kadmin ktadd jitd/db1"),
    "finished": Finished(),
}


def of(look: object, name: str = "x") -> Examination:
    return Examination(name, look, f"{name} is silent", "wake it")  # type: ignore[arg-type]


def test_findings_come_whole_and_in_the_order_of_the_examinations() -> None:
    found = list(examine([of(fine), of(lambda: [ok("z", "well")])]))
    assert [finding.check for finding in found] == ["a", "b", "z"]
    assert found[:2] == list(fine())


def test_one_that_breaks_is_bad_and_what_it_had_found_counts() -> None:
    found = list(examine([of(breaks), of(fine)]))
    assert [(finding.check, finding.level) for finding in found] == [("c", "ok"), ("x", "bad"), ("a", "ok"), ("b", "weak")]
    assert "PermissionError: no" in found[1].sentence


def test_one_that_is_killed_is_bad() -> None:
    found = list(examine([of(dies)]))
    assert [(finding.check, finding.level) for finding in found] == [("f", "ok"), ("x", "bad")]


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_has_the_bytes_that_it_has_always_had(name: str) -> None:
    frozen = (GOLDEN / f"{name}.json").read_bytes()
    assert FROM_CHILD.write(MESSAGES[name]) == frozen and FROM_CHILD.read(frozen) == MESSAGES[name]
    assert {file.stem for file in GOLDEN.iterdir()} == MESSAGES.keys()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"ok"', b'"fine"'), (b'"mend":""', b'"mend":"x"'), (b',"command":""', b""), (b'"command":""', b'"command":null'),
        (b'"mend":""', b'"mend":"","more":1'), (b"31m", b"31m\\u0000"), (b"found", b"lost"), (b"}", b"}}"),
    ],
)  # fmt: skip
def test_a_message_that_is_otherwise_is_refused(before: bytes, after: bytes) -> None:
    frozen = (GOLDEN / "found.json").read_bytes()
    assert frozen.count(before) >= 1
    with pytest.raises(ValueError):
        FROM_CHILD.read(frozen.replace(before, after, 1))


def test_what_cannot_be_told_is_bad_and_the_rest_is_told() -> None:
    found = list(examine([of(lambda: [ok("c", "a\0b"), ok("d", "well")]), of(fine)]))
    assert [(finding.check, finding.level) for finding in found] == [("x", "bad"), ("d", "ok"), ("a", "ok"), ("b", "weak")]
    assert "(c, ok) cannot be told" in found[0].sentence


def test_what_cannot_be_read_is_bad_and_nothing_after_it_is_believed() -> None:
    """What an examination loads may write to a descriptor that is not its own."""

    def opened() -> dict[int, str]:
        return {int(link.name): os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}

    before = set(opened().values())

    def writes_to_another() -> Iterator[Result]:
        for number, file in opened().items():
            if file.startswith("pipe:") and file not in before:
                with suppress(OSError):  # the other end of it
                    os.write(number, b'{"level":"ok"}\n')
        yield ok("c", "well")

    found = list(examine([of(writes_to_another), of(fine)]))
    assert [(finding.check, finding.level) for finding in found] == [("x", "bad"), ("a", "ok"), ("b", "weak")]
    assert "said what cannot be read" in found[0].sentence


def here(look: object) -> Examination:
    return Examination("x", look)  # type: ignore[arg-type]


def test_what_cannot_hang_is_done_in_this_process_and_in_its_turn() -> None:
    def whose() -> Iterator[Result]:
        yield ok("pid", str(os.getpid()))

    found = list(examine([of(whose), here(whose), of(fine)]))
    assert [finding.check for finding in found] == ["pid", "pid", "a", "b"]
    assert found[0].sentence != str(os.getpid()) == found[1].sentence


def test_one_that_breaks_in_this_process_holds_up_nobody_either() -> None:
    found = list(examine([here(breaks), of(fine)]))
    assert found == [*examine([of(breaks)]), *fine()]
    assert [(finding.check, finding.level) for finding in found[:2]] == [("c", "ok"), ("x", "bad")]


def test_those_that_may_hang_have_begun_before_anything_is_looked_at_in_this_process(tmp_path: Path) -> None:
    def begins() -> Iterator[Result]:
        (tmp_path / "begun").touch()
        yield ok("x", "well")

    def waits() -> Iterator[Result]:
        wait_for((tmp_path / "begun").exists, what="the other one")
        yield ok("y", "well")

    assert [finding.check for finding in examine([here(waits), of(begins)])] == ["y", "x"]


class Standing:
    """A clock for the round that stands still until ``is_time``, and then shows that all time is over."""

    def __init__(self, is_time: Callable[[], bool]) -> None:
        self._is_time, self._left = is_time, 2
        """Two looks at the clock more: what has been said by then is taken in at the first."""
        self._gives_up = time.monotonic() + PATIENCE
        self.sleep = time.sleep

    def monotonic(self) -> float:
        assert time.monotonic() < self._gives_up, "what is waited for does not come about"
        self._left -= self._is_time()
        return 0.0 if self._left > 0 else 1e6


def test_those_that_hang_take_their_seconds_together_and_are_given_up_and_not_bad(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them have begun before the first one's time is over: the clock waits for that."""

    def told(name: str, look: Callable[[], Iterable[Result]]) -> Callable[[], Iterator[Result]]:
        def looks() -> Iterator[Result]:
            yield from look()
            (tmp_path / name).touch()
            if name != "fine":
                time.sleep(600)
                yield ok("e", "never")

        return looks

    looks: list[tuple[str, Callable[[], Iterable[Result]]]] = [
        ("x", lambda: [ok("d", "well")]), ("fine", fine), ("y", lambda: [ok("d", "well")]), ("z", list),
    ]  # fmt: skip

    others = set(ended())

    def all_have_begun() -> bool:
        return len(os.listdir(tmp_path)) == len(looks) and len(set(ended()) - others) == 1

    monkeypatch.setattr(doctor_round, "time", Standing(all_have_begun))
    found = list(examine([of(told(name, look), name) for name, look in looks], within=0.05))
    assert [(finding.check, finding.level) for finding in found] == [
        ("d", "ok"), ("x", "unknown"), ("a", "ok"), ("b", "weak"), ("d", "ok"), ("y", "unknown"), ("z", "unknown"),
    ]  # fmt: skip
    assert (found[1].sentence, found[1].mend) == ("x is silent, or this host is busy (gave up after 0.05 s)", "wake it")


def test_what_hangs_is_gone_afterwards_with_all_that_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def starts_another() -> Iterator[Result]:
        if (child := os.fork()) == 0:
            time.sleep(600)
        (tmp_path / "new").write_text(f"{os.getpid()} {child}")
        (tmp_path / "new").rename(tmp_path / "pids")
        time.sleep(600)
        yield ok("x", "never")

    monkeypatch.setattr(doctor_round, "time", Standing((tmp_path / "pids").exists))
    list(examine([of(starts_another)], within=0.05))
    for pid in (tmp_path / "pids").read_text().split():
        wait_for(lambda pid=pid: _state(pid) == "Z", what=f"the end of {pid}")


def test_nobody_waits_longer_than_the_seconds_that_are_given() -> None:
    """By the real clock, and not after the minutes that the look itself would take."""

    def looks() -> Iterator[Result]:
        time.sleep(600)
        yield ok("x", "never")

    (found,) = examine([of(looks)], within=0.2)
    assert (found.check, found.level) == ("x", "unknown")


def ended() -> list[str]:
    """The processes that this one has started, that have ended, and for which nobody has waited yet."""
    pid = os.getpid()
    return [child for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split() if _state(child) == "Z"]


def _state(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def test_an_examination_writes_to_no_stream_of_ours(capfd: object) -> None:
    def loud() -> Iterator[Result]:
        os.write(1, b"out")
        os.write(2, b"err")
        yield ok("x", "well")

    list(examine([of(loud)]))
    assert capfd.readouterr() == ("", "")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("found", "status"),
    [
        ([ok("a", "well")], 0),
        ([weak("a", "so so", "do it")], 0),
        ([unknown("a", "only root can look at it", "be root")], 0),
        ([bad("a", "broken", "mend it")], 1),
        ([ok("a", "well"), given_up("b", "the KDC does not answer", 5, "wait")], 1),
    ],
    ids=["well", "weak", "unknown to everybody but root", "bad", "given up"],
)
def test_the_exit_status_is_0_only_if_nothing_is_bad_and_no_look_was_given_up(
    found: list[Result], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctoring, "_examinations", lambda config: [Examination("a", lambda: found)])
    try:
        assert doctoring.doctor.main([], standalone_mode=False) is None and status == 0
    except NotDone as ending:
        assert status_of(ending) == status == 1
