# SPDX-License-Identifier: Apache-2.0
"""Where recordings are kept, and which have to go (THREATS L-04: names, exhaustion)."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.recording.storage import (
    DAY,
    Kept,
    RecordingError,
    aged,
    create,
    is_live,
    look_at,
    name_of,
    open_recording,
    outdated,
    remove,
    run_of,
    runs_in,
    usage,
)  # fmt: skip
from jitd.verbs.recordings import Aging
from tests.recording.tape import EXITED, HEADER, place_of, recorder

NO_RUNS = [
    "", ".", "..", "../K7QM-2XVD", "/etc/passwd", "K7QM-2XVD/..", "K7QM-2XVD\n", "K7QM-2XVD\0", "K7QM2XVD",
    "k7qm-2xvd", "K7QM-2XVD.0",
    "K7QM-2XVD.", "K7QM-2XVD.1234567890", "K7QM-2XVD.recording", "K7QM-2XVD ", "ILOU-ILOU", "K7QM-2XV\u0664",
]  # fmt: skip


def survey(directory: str) -> list[Kept]:
    return look_at(directory, runs_in(directory))


@pytest.mark.parametrize("run", NO_RUNS)
def test_nothing_but_a_runs_id_becomes_a_name(tmp_path: Path, run: str) -> None:
    with pytest.raises(ValueError, match="not a run"):
        name_of(run)
    with pytest.raises(RecordingError):
        create(str(tmp_path / "recordings"), run)
    assert list(tmp_path.iterdir()) == []
    assert run_of(run + ".recording") is None


@given(st.text(max_size=40))
def test_a_name_is_one_component_whatever_the_id_was(run: str) -> None:
    try:
        name = name_of(run)
    except ValueError:
        return
    assert "/" not in name and not name.startswith(".") and run_of(name) == run


def test_a_recording_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        recorder(tmp_path).close(EXITED)
    finally:
        os.umask(old)
    before = place_of(tmp_path).read_bytes()
    assert stat.S_IMODE(place_of(tmp_path).stat().st_mode) == 0o600
    assert stat.S_IMODE(place_of(tmp_path).parent.stat().st_mode) == 0o700
    with pytest.raises(RecordingError, match="File exists"):
        recorder(tmp_path)
    assert place_of(tmp_path).read_bytes() == before


def test_a_link_in_the_place_of_the_file_or_the_directory_is_refused(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (tmp_path / "recordings").symlink_to(elsewhere)
    with pytest.raises(RecordingError):
        recorder(tmp_path)
    (tmp_path / "recordings").unlink()
    (tmp_path / "recordings").mkdir(mode=0o700)
    place_of(tmp_path).symlink_to(elsewhere / "file")
    with pytest.raises(RecordingError):
        recorder(tmp_path)
    with pytest.raises(RecordingError):
        open_recording(str(tmp_path / "recordings"), HEADER.run)
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("mode", [0o701, 0o710, 0o755, 0o777, 0o1777])
def test_a_directory_that_is_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings").chmod(mode)
    with pytest.raises(RecordingError, match="other users must not have access"):
        recorder(tmp_path)
    with pytest.raises(RecordingError, match="other users must not have access"):
        survey(str(tmp_path / "recordings"))
    assert list((tmp_path / "recordings").iterdir()) == []


def test_before_the_first_recording_there_is_none_and_that_is_no_fault(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_recording(str(tmp_path / "none"), "K7QM-2XVD")
    assert not remove(str(tmp_path / "none"), "K7QM-2XVD")
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_in_the_place_of_a_recording_is_no_recording(tmp_path: Path) -> None:
    (tmp_path / "recordings").mkdir(mode=0o700)
    os.mkfifo(place_of(tmp_path))
    with pytest.raises(RecordingError, match="not a regular file"):
        open_recording(str(tmp_path / "recordings"), HEADER.run)


def test_a_short_recording_counts_what_it_takes_of_the_disk(tmp_path: Path) -> None:
    """THREATS O-15. 10 GiB of recordings of 480 bytes took 90 GB."""
    directory, n = str(tmp_path / "recordings"), 40
    for number in range(2, n + 2):
        recorder(tmp_path, run=f"K7QM-2XVD.{number}").close(EXITED)
    files = list((tmp_path / "recordings").iterdir())
    on_disk = sum(file.stat().st_blocks * 512 for file in files)
    assert on_disk > 4 * sum(file.stat().st_size for file in files), "a file takes whole blocks"
    assert usage(survey(directory)) == on_disk
    assert len(outdated(survey(directory), (), quota=on_disk // 2)) == n // 2


def test_what_is_being_written_is_known_and_not_removed(tmp_path: Path) -> None:
    directory = str(tmp_path / "recordings")
    assert survey(directory) == []
    live = recorder(tmp_path)
    ended = recorder(tmp_path, run="K7QM-2XVD.2")
    ended.close(EXITED)
    os.utime(place_of(tmp_path, "K7QM-2XVD.2"), (1000, 1000))
    (tmp_path / "recordings" / "notes.txt").write_text("not a recording")
    kept = survey(directory)
    assert [(one.run, one.is_live) for one in kept] == [("K7QM-2XVD.2", False), ("K7QM-2XVD", True)]
    assert usage(kept) >= sum(place_of(tmp_path, one.run).stat().st_size for one in kept)
    assert not remove(directory, "K7QM-2XVD") and place_of(tmp_path).exists()
    assert remove(directory, "K7QM-2XVD.2") and not place_of(tmp_path, "K7QM-2XVD.2").exists()
    assert not remove(directory, "K7QM-2XVD.2")
    live.close(EXITED)
    assert remove(directory, "K7QM-2XVD")
    assert [path.name for path in (tmp_path / "recordings").iterdir()] == ["notes.txt"]


def test_a_recording_is_in_view_only_once_it_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who watches a run would take it for one that has ended, and who removes old recordings could remove it."""
    directory = str(tmp_path / "recordings")
    before: list[list[Kept]] = []
    lock = fcntl.flock

    def looks_first(file: int, how: int) -> None:
        if how & fcntl.LOCK_EX:
            before.append(survey(directory))
            with pytest.raises(FileNotFoundError):
                open_recording(directory, HEADER.run)
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", looks_first)
    live = recorder(tmp_path)
    assert before == [[]] and [one.is_live for one in survey(directory)] == [True]
    assert os.listdir(directory) == [name_of(HEADER.run)]
    live.close(EXITED)


def test_what_cannot_be_locked_or_named_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.listdir("/proc/self/fd")
    for call in ("fcntl.flock", "os.rename"):
        with monkeypatch.context() as patched, pytest.raises(RecordingError, match="No space"):
            patched.setattr(call, fails)
            recorder(tmp_path)
        assert os.listdir(tmp_path / "recordings") == [] and os.listdir("/proc/self/fd") == opened


def fails(*args: object, **more: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_what_a_killed_process_has_left_without_a_name_is_no_recording_and_goes_with_it(tmp_path: Path) -> None:
    directory = tmp_path / "recordings"
    directory.mkdir(mode=0o700)
    left = directory / f".{name_of(HEADER.run)}"
    left.touch()
    assert survey(str(directory)) == []
    assert not remove(str(directory), "K7QM-2XVD.2") and left.exists()
    assert not remove(str(directory), HEADER.run) and os.listdir(directory) == []


def test_two_readers_do_not_make_a_recording_live(tmp_path: Path) -> None:
    recorder(tmp_path).close(EXITED)
    files = [open_recording(str(tmp_path / "recordings"), HEADER.run) for _ in range(2)]
    assert [is_live(file) for file in files] == [False, False]
    for file in files:
        os.close(file)


all_kept = st.lists(
    st.builds(
        Kept, st.integers(0, 10**6).map(str), st.integers(0, 1000), st.floats(0, 100 * DAY), st.booleans(), st.integers(0, 9),
        st.sampled_from(["alice", "bob", "carol"]),
    ),
    max_size=12, unique_by=lambda one: one.run,
)  # fmt: skip


def ended(kept: list[Kept]) -> list[Kept]:
    return [one for one in kept if not one.is_live]


@given(all_kept, st.integers(0, 120), st.none() | st.integers(0, 5000))
def test_the_oldest_of_who_has_most_go_first_and_no_more_than_have_to(kept: list[Kept], days: int, quota: int | None) -> None:
    old = aged(kept, 100.0 * DAY, days)
    going = outdated(kept, old, quota=quota)
    staying = [one for one in kept if one not in going]
    assert not any(one.is_live for one in going)
    assert all(one.is_live or one.run not in old for one in staying)
    if quota is not None:
        assert usage(ended(staying)) <= quota
    young = [one for one in going if one.run not in old]
    if young:
        own = usage(one for one in kept if one.is_live and one.person == young[-1].person)
        assert quota is not None and usage(ended(staying)) + young[-1].size + own > quota
    for one in young:
        later = [other for other in ended(staying) if other.person == one.person]
        assert all((one.number, one.ended_at) <= (other.number, other.ended_at) for other in later)


@given(all_kept, st.integers(0, 5000))
def test_live_recordings_cost_only_their_own_person(kept: list[Kept], quota: int) -> None:
    """THREATS O-13. Whatever alice records now, nobody else loses more than without it."""
    going = outdated(kept, frozenset(), quota=quota)
    without = outdated([one for one in kept if not one.is_live or one.person != "alice"], frozenset(), quota=quota)
    assert {one for one in going if one.person != "alice"} <= {one for one in without if one.person != "alice"}
    for person in ("alice", "bob", "carol"):
        own = [one for one in kept if one.person == person]
        if not any(one.is_live for one in own) and usage(ended(kept)) <= quota:
            assert not any(one in going for one in own), "who records nothing now loses nothing"


def test_many_live_recordings_of_one_lease_push_out_their_own_persons_oldest() -> None:
    """THREATS O-13."""
    his = [Kept(f"b{n}", 10, 1.0 * n, False, n, "bob") for n in range(5)]
    hers = [Kept(f"a{n}", 10, 1.0 * n, False, 10 + n, "alice") for n in range(5)]
    now = [Kept(f"l{n}", 100, 9.0, True, 20 + n, "alice") for n in range(20)]
    assert outdated([*hers, *his], frozenset(), quota=100) == []
    assert [one.run for one in outdated([*hers, *his, *now], frozenset(), quota=100)] == [f"a{n}" for n in range(5)]
    assert [one.run for one in outdated([*hers, *his, now[0]._replace(size=20)], frozenset(), quota=100)] == ["a0", "a1"]


def test_who_records_much_pushes_out_nobody_elses() -> None:
    """Hers were made later, and are a hundred times as much: his stay, whenever they were made."""
    his = [Kept(f"b{n}", 10, 1.0 * n, False, n, "bob") for n in range(5)]
    hers = [Kept(f"a{n}", 100, 1000.0 + n, False, 10 + n, "alice") for n in range(50)]
    going = outdated([*hers, *his], frozenset(), quota=1000)
    assert [one.run for one in going] == [f"a{n}" for n in range(41)]


def test_the_order_is_the_records_whatever_the_clocks_and_the_files_say() -> None:
    kept = [
        Kept(run, 10, at, False, number, "alice") for run, at, number in (("1st", 900.0, 1), ("2nd", 5.0, 2), ("3rd", 7.0, 3))
    ]
    assert [one.run for one in outdated(kept, frozenset(), quota=15)] == ["1st", "2nd"]


def test_a_recording_is_no_older_than_one_that_came_before_it() -> None:
    """A clock that was not set yet, or a file that was touched, says 1970: what came before it is young."""
    now = 100 * DAY
    kept = [Kept("1st", 1, now - 20 * DAY, False, 1), Kept("2nd", 1, now - DAY, False, 2), Kept("3rd", 1, 0.0, False, 3)]
    assert aged(kept, now, 10) == {"1st"}
    assert aged([*kept, Kept("0th", 1, 9e9, False, 0)], now, 10) == set(), "what is to come is now"


def test_without_a_bound_nothing_goes() -> None:
    assert outdated([Kept("a", 10**15, 0.0, False)], frozenset(), quota=None) == []


def test_what_is_old_by_a_clock_that_was_set_is_not_old() -> None:
    """It has to be so for an hour of the boot clock, in which nobody sets the clock."""
    aging, old = Aging(), frozenset({"a"})
    day, wall, boot = DAY, 1e9, 500.0
    assert aging.sure(old, wall, boot) == frozenset()
    for n in range(1, 6):
        assert aging.sure(old, wall + n * 600, boot + n * 600) == frozenset()
    assert aging.sure(old, wall + 3600, boot + 3600) == old, "the other side: it goes after an hour"
    assert aging.sure(old, wall + 90 * day, boot + 4200) == frozenset(), "the clock was set forward"
    assert aging.sure(frozenset(), wall + 4800, boot + 4800) == frozenset(), "and back"
    assert aging.sure(old, wall + 8400, boot + 8400) == frozenset(), "it is old anew"
    assert aging.sure(old, wall + 12000, boot + 12000) == old
