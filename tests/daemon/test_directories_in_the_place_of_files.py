# SPDX-License-Identifier: Apache-2.0
"""Where a directory stands in the place of a file that is read, the fault names it, and not the number of a descriptor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from jitd.audit import key_file, signing_key
from jitd_fleet import pins
from jitd_things.givers import notes

READ: dict[str, Callable[[Path], object]] = {
    "the key of a witness": key_file.key_in,
    "the key of the record": signing_key._read,
    "a note of a giver": notes.read_object,
    "what a desk knows of hosts": lambda place: pins.read(),
}


@pytest.mark.parametrize("what", READ)
def test_a_directory_in_the_place_of_a_file_is_named(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "it"
    place.mkdir()
    monkeypatch.setattr(pins, "file", lambda: place)
    with pytest.raises((OSError, ValueError)) as told:
        READ[what](place)
    fault = told.value
    said = f"{fault.filename}: {fault.strerror}" if isinstance(fault, OSError) else str(fault)
    assert str(place) in said and "Is a directory" in said
