# SPDX-License-Identifier: Apache-2.0
"""The notes of givers on the disk."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Protocol

import pytest

from jitd_things.givers import account_notes
from jitd_things.givers.account_notes import USED, AccountNotes, Used
from jitd_things.givers.notes import Damaged
from jitd_things.giving import lease_notes
from jitd_things.giving.lease_notes import LeaseNotes, NoNote

ID = "K7QM-2XVD.2"
ACCOUNT = account_notes.Note(ID, "ops", "jit-k7qm-2xvd", 70000, "/home/jit-\u00e9", "/bin/bash", "ssh-ed25519 AAAA", 20500, 1000)
LEASE = lease_notes.Note("vault:app", "https://vault:8200", "a/b", "hmac", "database/creds/x/\u00e9", 1_800_000_000)
WRITTEN = {
    "account": (
        b'{"holding": "K7QM-2XVD.2", "name": "ops", "account": "jit-k7qm-2xvd", "uid": 70000, "home": "/home/jit-\\u00e9",'
        b' "shell": "/bin/bash", "key": "ssh-ed25519 AAAA", "expires": 20500, "holder": 1000}'
    ),
    "lease": (
        '{"thing":"vault:app","url":"https://vault:8200","namespace":"a/b","accessor":"hmac",'
        '"lease":"database/creds/x/\u00e9","until":1800000000}'
    ).encode(),
}
"""The bytes that are written, if not to the letter."""


class Store(Protocol):
    def read(self, holding: str) -> Any: ...
    def write(self, holding: str, note: Any) -> None: ...
    def remove(self, holding: str) -> None: ...


STORES: dict[str, tuple[Callable[[Path], Store], Any, str]] = {
    "account": (AccountNotes, ACCOUNT, ID),
    "lease": (LeaseNotes, LEASE, f"{ID}.json"),
}


@pytest.mark.parametrize("kind", STORES)
def test_what_is_written_is_read_again(tmp_path: Path, kind: str) -> None:
    make, note, name = STORES[kind]
    place = tmp_path / "notes"
    store = make(place)
    assert store.read(ID) is None and not place.exists()
    store.write(ID, note)
    assert json.loads((place / name).read_bytes()) == asdict(note) == json.loads(WRITTEN[kind])
    assert ((place / name).stat().st_mode & 0o777, place.stat().st_mode & 0o777) == (0o600, 0o700)
    assert store.read(ID) == note and os.listdir(place) == [name]
    (place / name).write_bytes(WRITTEN[kind])
    assert store.read(ID) == note
    store.remove(ID)
    store.remove(ID)
    assert store.read(ID) is None and os.listdir(place) == []


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda found: b"",
        lambda found: json.dumps([found]).encode(),
        lambda found: json.dumps(found).encode()[:-1],
        lambda found: json.dumps(found).encode() + b"{}",
        lambda found: b"[" * 100_000,
        lambda found: json.dumps({**found, "more": 1}).encode(),
        lambda found: json.dumps({name: value for name, value in found.items() if name not in ("accessor", "uid")}).encode(),
        lambda found: json.dumps({name: str(value) for name, value in found.items()}).encode(),
        lambda found: json.dumps({name: value if isinstance(value, str) else True for name, value in found.items()}).encode(),
    ],
    ids=["empty", "list", "cut", "longer", "deep", "another field", "a field less", "texts", "truths"],
)
def test_what_is_no_note_is_never_a_missing_note(tmp_path: Path, kind: str, spoil: Callable[[dict[str, Any]], bytes]) -> None:
    make, note, name = STORES[kind]
    store = make(tmp_path)
    store.write(ID, note)
    (tmp_path / name).write_bytes(spoiled := spoil(asdict(note)))
    with pytest.raises((Damaged, NoNote), match="not (the note that jitd wrote|a note of a lease)"):
        store.read(ID)
    assert (tmp_path / name).read_bytes() == spoiled


def test_a_note_under_the_name_of_another_holding_is_none(tmp_path: Path) -> None:
    store = AccountNotes(tmp_path)
    store.write(ID, replace(ACCOUNT, holding="AAAA-BBBB"))
    with pytest.raises(Damaged):
        store.read(ID)


@pytest.mark.parametrize("kind", STORES)
def test_a_link_in_the_place_of_a_note_is_not_followed(tmp_path: Path, kind: str) -> None:
    make, note, name = STORES[kind]
    store, other = make(tmp_path / "notes"), tmp_path / "other"
    store.write(ID, note)
    (tmp_path / "notes" / name).rename(other)
    (tmp_path / "notes" / name).symlink_to(other)
    with pytest.raises((OSError, NoNote)):
        store.read(ID)


def test_uids_that_were_noted_as_used_are_read(tmp_path: Path) -> None:
    notes, used = AccountNotes(tmp_path), Used(((70000, 70002),), "boot", ((70000, 70099),), ((1000, 1_800_000_000),))
    notes.use(used)
    inode = os.stat(tmp_path / USED).st_ino
    assert notes.used() == used
    before = {"uids": [[70000, 70002]], "boot": "boot", "searched": [[70000, 70099]], "begun": [[1000, 1_800_000_000]]}
    with open(tmp_path / USED, "r+") as stream:
        stream.truncate()
        stream.write(json.dumps({**before, "inode": inode}))
    assert notes.used() == used
