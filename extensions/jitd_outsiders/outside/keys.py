# SPDX-License-Identifier: Apache-2.0
"""Keeps the keys and certificates that jitd-outside receives when it starts. Each key and each certificate is identified by the
name of its file.
Law: keys are read once. A key is never written, sent or logged. An unknown name raises NoSuchKey, with a text that says what to
do.
Source: systemd.exec(5). If LoadCredential= names a directory, systemd puts a prefix and an underscore before the name of each
file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

DIRECTORY = "/etc/jitd/outside"  # the administrator's keys. jitd-helper@outside.service loads all files here
PREFIX = "outside_"  # the prefix that systemd puts before the name of each file of DIRECTORY
LONGEST = 64 * 1024


class NoSuchKey(Exception):
    """jitd-outside has no file with this name. The text of the exception is a sentence."""


class Keys:
    """Maps the name of a file to its content."""

    def __init__(self, found: Mapping[str, bytes]) -> None:
        self._found = dict(found)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._found))

    def get(self, name: str) -> bytes:
        """Return the content of the file ``name``. Raises NoSuchKey."""
        try:
            return self._found[name]
        except KeyError:
            why = f"jitd-outside was not given {name}: put the file into {DIRECTORY}, then: systemctl restart jitd-helper@outside"
            raise NoSuchKey(why) from None


def of_service_manager(directory: str | None) -> Keys:
    """Read what systemd has put into ``directory`` ($CREDENTIALS_DIRECTORY), if there is one. Raises OSError."""
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
