# SPDX-License-Identifier: Apache-2.0
"""The extensions: what of the product is not the kernel. An engineer who works on the kernel needs none of them (ADR 0156).

Law: the table is literal, and this is the one module that imports a module of an extension by a string. Nothing is searched for:
an extension is there if its package is beside the kernel's, or below ``extensions/`` of the same checkout, and belongs to the
owner of the kernel. No module of the kernel imports an extension.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from jitd.packages import TOP, places

if TYPE_CHECKING:
    import click

    from jitd.core.grader import Grader


@dataclass(frozen=True, slots=True)
class Extension:
    """One extension. Its package is named ``jitd_`` and its name. ``needs`` are packages of others that it cannot do without and
    that may be missing. ``otherwise`` tells people what to do if it is not installed.
    """

    name: str
    verbs: tuple[str, ...] = ()
    """The verbs of ``jitd`` that it has. A verb is a click command of this name in the package itself."""
    needs: tuple[str, ...] = ()
    otherwise: str = "install it beside jitd"

    @property
    def package(self) -> str:
        """The name of its package."""
        return f"jitd_{self.name}"

    @property
    def is_installed(self) -> bool:
        """True if it is there, as the kernel's owner has put it there, with all that it needs."""
        return _is_ours(self.package) and all(find_spec(need) is not None for need in self.needs)


EXTENSIONS: Mapping[str, Extension] = MappingProxyType(
    {
        one.name: one
        for one in (
            Extension("commands", otherwise="without it, nothing is told of what a command gives or destroys"),
            Extension("board", verbs=("board",), needs=("textual",), otherwise="apt install jitsudo-board, or use jitd requests"),
        )
    }
)
VERBS: Mapping[str, Extension] = MappingProxyType({verb: one for one in EXTENSIONS.values() for verb in one.verbs})
"""Maps each verb that an extension has to this extension."""


def verb(name: str) -> click.Command | None:
    """Import and return the verb ``name`` of an extension. Return None if the extension is not installed."""
    extension = VERBS[name]
    if not extension.is_installed:
        return None
    command: click.Command = getattr(import_module(extension.package), name)
    return command


@cache
def grader() -> Grader | None:
    """Return what knows programs; None if the extension commands is not installed. It is an adviser, and only warns."""
    if not EXTENSIONS["commands"].is_installed:
        return None
    found: Grader = import_module("jitd_commands.assembly").grader()
    return found


def _is_ours(package: str) -> bool:
    """True if the directory of ``package`` is one of ours, and nobody but the kernel's owner and root may change it."""
    owners = (0, os.lstat(TOP / "jitd").st_uid)
    for place in places():
        try:
            found = os.lstat(Path(place, package))
        except OSError:
            continue
        return stat.S_ISDIR(found.st_mode) and found.st_uid in owners and not found.st_mode & 0o022
    return False
