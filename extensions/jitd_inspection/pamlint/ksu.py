# SPDX-License-Identifier: Apache-2.0
"""Checks ksu, which is a part of Kerberos. ksu makes a person root without PAM, so no gate can stop it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jitd.hosts.findings import Linted, Place, weak
from jitd.hosts.stack import Source

KSU = "/usr/bin/ksu"
LISTS = ("/root/.k5login", "/root/.k5users")  # the files with the names of the people who may become root by ksu (ksu(1))


def of_ksu(lists: Iterable[Source | None]) -> Iterator[Linted]:
    """Yield a finding for each person in ``lists``. Call this function only if ksu is installed and set-user-id."""
    for source in filter(None, lists):
        for number, line in enumerate(source.data.decode("utf-8", "replace").split("\n"), 1):
            if words := line.split():
                told = f"{words[0]} becomes root by ksu, which does not ask PAM, and so does not ask jitd"
                mend = f"remove the line, or the set-user-ID bit: chmod u-s {KSU}"
                yield weak("other-door", Place(source.file, number), told, mend)
