# SPDX-License-Identifier: Apache-2.0
"""Memberships that an earlier version of jitd gave: taken out of both files once, by its notes, with the real gpasswd."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd_things.givers.deed import done
from jitd_things.givers.kind import Failed, Order, Refused, Strays, Taken
from jitd_things.givers.messages import Give, Look, Search, Take
from jitd_things.givers.standing_groups import FILES, StandingGroups

GROUP, HOLDING, GIVER = "tapes", "WNC0-D702", "reels"
ORDER = Order(HOLDING, GIVER, "alice", 4001, 1_800_000_000)


class World:
    def __init__(self, notes: Path) -> None:
        self.notes = notes
        self.kind = StandingGroups(notes=notes)
        notes.mkdir()

    def note(self, holding: str = HOLDING, account: str = "alice", **changes: object) -> Path:
        """The note and the membership, as the earlier version left them."""
        uid, gid = pwd.getpwnam(account).pw_uid, int(run("getent", "group", GROUP).split(":")[2])
        told = {"holding": holding, "name": GIVER, "group": GROUP, "gid": gid, "account": account, "uid": uid, **changes}
        (self.notes / holding).write_text(json.dumps(told))
        run("gpasswd", "-a", account, GROUP)
        return self.notes / holding

    @property
    def members(self) -> list[set[str]]:
        """The members by group(5) and by gshadow(5)."""
        lines = [line.split(":") for file in FILES for line in file.read_text().splitlines()]
        return [set(filter(None, line[3].split(","))) for line in lines if line[0] in (GROUP, "reels")]


def run(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    run("groupadd", GROUP)
    run("gpasswd", "-a", "carol", GROUP)
    before = [file.read_bytes() for file in FILES]
    yield World(tmp_path / "groups")
    run("groupdel", GROUP)
    assert [file.read_bytes() for file in FILES] != before


def test_it_is_taken_out_of_both_files_and_never_called_taken_back_without_reserve(world: World) -> None:
    """THREATS Q-33"""
    note = world.note()
    assert world.members == [{"carol", "alice"}, {"carol", "alice"}]
    answer = world.kind.take(ORDER)
    assert isinstance(answer, Taken)
    assert answer.left.startswith(
        "alice is not a member of the group tapes any more; what alice runs keeps the group until it ends"
    )
    assert world.members == [{"carol"}, {"carol"}]
    assert not note.exists()


def test_it_is_taken_once_and_what_an_administrator_gives_afterwards_stays(world: World) -> None:
    """THREATS Q-33"""
    world.note()
    world.kind.take(ORDER)
    run("gpasswd", "-a", "alice", GROUP)
    answer = world.kind.take(ORDER)
    assert isinstance(answer, Taken) and "no note about this membership any more" in answer.left
    assert world.members == [{"carol", "alice"}, {"carol", "alice"}]


@pytest.mark.parametrize("file", FILES, ids=str)
def test_what_is_left_in_one_file_alone_is_taken_too(world: World, file: Path) -> None:
    """THREATS Q-30: newgrp(1) reads gshadow(5)."""
    world.note()
    for other in set(FILES) - {file}:
        other.write_text(other.read_text().replace(":carol,alice", ":carol"))
    assert isinstance(world.kind.take(ORDER), Taken)
    assert world.members == [{"carol"}, {"carol"}]


def test_a_group_that_was_renamed_is_found_by_its_gid(world: World) -> None:
    world.note()
    run("groupmod", "-n", "reels", GROUP)
    try:
        assert isinstance(world.kind.take(ORDER), Taken)
        assert world.members == [{"carol"}, {"carol"}]
    finally:
        run("groupmod", "-n", GROUP, "reels")


@pytest.mark.parametrize("tool", ["/dev/null", "/bin/true"])
def test_a_membership_that_gpasswd_cannot_take_is_not_called_taken(
    world: World, monkeypatch: pytest.MonkeyPatch, tool: str
) -> None:
    """THREATS Q-33"""
    monkeypatch.setattr("jitd_things.givers.deed.StandingGroups", lambda: world.kind)
    note = world.note()
    run("mount", "--bind", tool, "/usr/bin/gpasswd")
    try:
        answer = done(Take("group", ORDER), Path("/no-settings"))
    finally:
        run("umount", "--lazy", "/usr/bin/gpasswd")
    assert isinstance(answer, Failed) and "gpasswd" in answer.why
    assert note.exists() and world.members == [{"carol", "alice"}, {"carol", "alice"}]
    assert isinstance(world.kind.take(ORDER), Taken), "the daemon asks again"


def test_a_note_that_cannot_be_read_takes_nothing(world: World) -> None:
    world.note().write_text("{}")
    with pytest.raises(OSError, match="not the note that jitd wrote"):
        world.kind.take(ORDER)
    assert world.members == [{"carol", "alice"}, {"carol", "alice"}]


def test_the_deed_needs_no_settings_and_gives_nothing(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """THREATS Q-33: jitd.toml has no table for it any more."""
    monkeypatch.setattr("jitd_things.givers.deed.StandingGroups", lambda: world.kind)
    world.note()
    world.note("WNC0-D703", "dave")
    nowhere = tmp_path / "no.toml"
    refused = done(Give("group", ORDER), nowhere)
    assert isinstance(refused, Refused) and 'write run_as = ["self:GROUP"]' in refused.why
    assert isinstance(done(Look("group", ORDER), nowhere), Failed)
    assert done(Search("group", GIVER, (HOLDING,)), nowhere) == Strays(("WNC0-D703",))
    assert world.members == [{"carol", "alice", "dave"}] * 2
    assert isinstance(done(Take("group", ORDER), nowhere), Taken)
    assert world.members == [{"carol", "dave"}] * 2
    assert os.listdir(world.notes) == ["WNC0-D703"]
