# SPDX-License-Identifier: Apache-2.0
"""What a desk makes of the verbs of a host. A desk has the package jitsudo-client, and no jitd (ADR 0167): from there, verbs are
sent to hosts (``far``).

Law: a desk has every verb that can be used with ``--host``, and says of any other what it takes.
"""

from __future__ import annotations

from collections.abc import Iterable

import click

from jitd import packages
from jitd.cli.call import NotDone
from jitd.cli.far import AT_THE_DOOR, there

A_HOST = "this is a desk: install jitsudo to make it a host"


def listed(names: Iterable[str], above: str = "") -> list[str]:
    """Return those of the verbs ``names``, all below the verb ``above``, that are there, sorted."""
    verbs = {name: f"{above} {name}".strip() for name in names}
    if packages.is_desk():
        verbs = {name: whole for name, whole in verbs.items() if any(f"{one} ".startswith(f"{whole} ") for one in AT_THE_DOOR)}
    return sorted(verbs)


def must_have(verb: str) -> None:
    """Raise NotDone if this is a desk, and ``verb`` is of a host. With ``--host``, ``far`` says so."""
    if packages.is_desk() and there() is None and verb not in AT_THE_DOOR:
        raise NotDone(f"{verb} is for a host, and {A_HOST}", "usage")


def of_a_host(name: str) -> click.Command:
    """Return a command in the place of the verb ``name``, whose module is not there. It is not called (``must_have``)."""
    return click.Command(name)
