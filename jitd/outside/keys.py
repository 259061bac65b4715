# SPDX-License-Identifier: Apache-2.0
"""The keys and certificates that jitd-outside was given when it was started, by the names of their files.

Law: they are read once, and are never written, sent or logged. A name that was not given raises NoSuchKey, with what to do.
Sources: systemd.exec(5), LoadCredential= of a directory: the name of each file comes after an underscore.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

DIRECTORY = "/etc/jitd/outside"
"""Where an administrator puts them. jitd-outside.service loads all that lies there."""
PREFIX = "outside_"
"""What systemd puts before the name of each file of that directory."""
LONGEST = 64 * 1024


class NoSuchKey(Exception):
    """jitd-outside has no file of this name. The text is a sentence."""


class Keys:
    """Maps the name of a file to its content."""

    def __init__(self, found: Mapping[str, bytes]) -> None:
        self._found = dict(found)

    @property
    def names(self) -> tuple[str, ...]:
        """Return all names."""
        return tuple(sorted(self._found))

    def get(self, name: str) -> bytes:
        """Return the content of the file ``name``. Raises NoSuchKey."""
        try:
            return self._found[name]
        except KeyError:
            why = f"jitd-outside was not given {name}: put the file into {DIRECTORY} and restart jitd-outside.service"
            raise NoSuchKey(why) from None


def of_service_manager(directory: str | None) -> Keys:
    """Read what systemd has put into ``directory`` ($CREDENTIALS_DIRECTORY); nothing, if that is None. Raises OSError."""
    if directory is None:
        return Keys({})
    files = sorted(Path(directory).glob(f"{PREFIX}*"))
    return Keys({file.name.removeprefix(PREFIX): file.read_bytes()[:LONGEST] for file in files})


def of_descriptors(passed: Mapping[str, int]) -> Keys:
    """Read and close the descriptors in ``passed``, which maps the name of a file to its descriptor. Raises OSError."""
    found = {}
    for name, descriptor in passed.items():
        with open(descriptor, "rb") as stream:
            found[name] = stream.read(LONGEST)
    return Keys(found)
