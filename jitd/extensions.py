# SPDX-License-Identifier: Apache-2.0
"""The extensions: what the product has beside its kernel, each of which may be missing. The kernel knows of them what stands
here. An engineer who works on the kernel needs none of them (ADR 0156).

Law: the table is literal, and this is the one module that imports a module of an extension by a string. No directory is searched,
because a process of root would run what it finds: an extension is where the kernel's packages are (``packages``). What is
missing, or could be changed by another account than jitd itself, is not used, and what needs it is a fault.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jitd import packages

if TYPE_CHECKING:
    import click

    from jitd.beside.serving import Work
    from jitd.core.grader import Grader
    from jitd.settings.section import Section, ThingSettings


@dataclass(frozen=True, slots=True)
class Extension:
    """One extension. ``does`` says in a few words what it is for. ``needs`` are the extensions without which it cannot be used,
    and ``packages`` those of others that may be missing. ``otherwise`` tells people what to do without it.

    The kernel imports its module ``settings``, if it has keys in jitd.toml, before the launcher is forked. It imports its module
    ``assembly`` afterwards. ``joins`` are the functions of that module that the kernel calls: ``adviser``, ``doer`` and
    ``reader`` build parts of the daemon (``extension_points``), and the others work without a daemon.
    """

    name: str
    does: str
    joins: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()  # its top-level keys in jitd.toml. Its module `settings` has their section, as `SECTION`.
    verbs: Mapping[str, str] = field(default_factory=dict)
    """Maps each verb that it has, such as ``audit pack``, to the module with the click command of the last word."""
    helpers: Mapping[str, str] = field(default_factory=dict)
    """Maps each helper (``beside.processes``) whose work is here to the package that has it, in its module ``process``."""
    otherwise: str = ""

    @property
    def package(self) -> str:
        return f"jitd_{self.name}"

    def why_not(self) -> str:
        """Return why this extension is not used, as the end of a sentence, or an empty string if it is used."""
        for name in self.needs:
            if why := EXTENSIONS[name].why_not():
                return f"needs the extension {name}, which {why}"
        if (place := _place_of(self.package)) is None:
            return "is not installed"
        if why := _who_else_changes(place):
            return f"is not used, because {why}"
        return "" if all(map(_can_be_found, (self.package, *self.packages))) else "is not installed"

    @property
    def is_used(self) -> bool:
        """True if it is installed, and nobody but the kernel's owner and root may change it."""
        return not self.why_not()

    def section(self) -> type[Section]:
        """Import the settings of this extension. Call ``why_not`` first."""
        from jitd.settings.section import Section

        found: object = vars(import_module(f"{self.package}.settings")).get("SECTION")
        if not isinstance(found, type) or not issubclass(found, Section):
            raise TypeError(f"{self.package} has no section")
        return found


EXTENSIONS = {
    one.name: one
    for one in (
        Extension(
            "sinks",
            "sends the record to collectors",
            joins=("reader",),
            needs=("outsiders",),
            keys=("sinks",),
            verbs={"metrics": "jitd_sinks.verbs.metrics"},
            otherwise="install the extension sinks in /usr/lib/jitd",
        ),
        Extension(
            "outsiders",
            "asks providers and gatekeepers, and notifies people",
            joins=("adviser",),
            keys=("notify", "providers", "gatekeepers", "outside"),
            helpers={
                "outside": "jitd_outsiders.outside",
                "programs": "jitd_outsiders.programs",
                "programs-net": "jitd_outsiders.programs",
                "terminals": "jitd_outsiders.terminals",
            },
        ),
        Extension(
            "things",
            "gives things for a limited time",
            joins=("doer",),
            needs=("outsiders",),
            keys=("givers",),
            helpers={"givers": "jitd_things.givers"},
        ),
        Extension(
            "gates",
            "writes into the KDC who may get a service ticket",
            joins=("doer",),
            keys=("kdc", "renew"),
            verbs={"kdc": "jitd_gates.gating"},
            helpers={"kdc": "jitd_gates"},
            otherwise="install the extension gates in /usr/lib/jitd",
        ),
        Extension("commands", "tells what a command gives and destroys", joins=("grader",)),
        Extension(
            "inspection",
            "judges whether a host is set up right, and warns of rules",
            joins=("inspector",),
            verbs={
                "doctor": "jitd_inspection.verbs.doctoring",
                "setup": "jitd_inspection.verbs.setting_up",
                "pam-lint": "jitd_inspection.verbs.linting",
                "pam-install": "jitd_inspection.verbs.stacks",
            },
            otherwise="install the extension inspection in /usr/lib/jitd",
        ),
        Extension(
            "evidence",
            "makes packs and reports of the record, and countersigns records",
            joins=("reader", "verifier"),
            verbs={
                "audit pack": "jitd_evidence.verbs.packing",
                "audit report": "jitd_evidence.verbs.reported",
                "audit witness": "jitd_evidence.verbs.witnessing",
                "audit digests": "jitd_evidence.verbs.witnessing",
                "audit countersigned": "jitd_evidence.verbs.witnessing",
            },
            otherwise="install the extension evidence in /usr/lib/jitd",
        ),
        Extension(
            "fleet",
            "carries approvers to the doors of other hosts",
            joins=("hosts", "saw"),
            otherwise="install the extension fleet in /usr/lib/jitd, or name a host with --host and --via",
        ),
        Extension(
            "policy",
            "tries rules with tables of what they should decide",
            joins=("tables",),
            verbs={"policy": "jitd_policy.verbs"},
            otherwise="install the extension policy in /usr/lib/jitd",
        ),
        Extension(
            "board",
            "shows what waits and runs, live",
            packages=("textual",),
            verbs={"board": "jitd_board"},
            otherwise="apt install jitsudo-board, or use jitd requests",
        ),
    )
}
"""Sorted by what a person is told first, if several need the same helper."""
KEYS = tuple(key for one in EXTENSIONS.values() for key in one.keys)
VERBS = {verb: one for one in EXTENSIONS.values() for verb in one.verbs}
HELPERS = {helper: one for one in EXTENSIONS.values() for helper in one.helpers}


def is_used(name: str) -> bool:
    return EXTENSIONS[name].is_used


def why_not(name: str) -> str:
    """Return why the extension ``name`` is not used, as the end of a sentence, or an empty string if it is used."""
    return EXTENSIONS[name].why_not()


def used() -> Iterator[type[Section]]:
    """Yield the sections of all extensions that can be used."""
    return (one.section() for one in EXTENSIONS.values() if one.keys and one.is_used)


@cache
def kinds() -> Mapping[str, type[ThingSettings]]:
    """Return the kinds of things that rules may give. They stay as long as the process, whatever becomes of its files."""
    return {name: kind for section in used() for name, kind in section.KINDS.items()}


def verb(name: str) -> click.Command | None:
    """Import and return the verb ``name`` of an extension. Return None if the extension is not used."""
    extension = VERBS[name]
    if not extension.is_used:
        return None
    command: click.Command = getattr(import_module(extension.verbs[name]), name.rpartition(" ")[2].replace("-", "_"))
    return command


def work(helper: str) -> Work:
    """Import the work of ``helper``, and nothing of another. Call ``why_not`` of its extension first."""
    found: Work = import_module(f"{HELPERS[helper].helpers[helper]}.process").served
    return found


def joined(by: str) -> dict[str, Callable[..., Any]]:
    """Import and return the functions ``by`` with which extensions join, by the names of the extensions that are used."""
    return {
        one.name: getattr(import_module(f"{one.package}.assembly"), by)
        for one in EXTENSIONS.values()
        if by in one.joins and one.is_used
    }


def of_first(by: str, *given: object) -> Any:
    """Call the first function ``by`` with which an extension joins. Return None if there is none."""
    return next((join(*given) for join in joined(by).values()), None)


@cache
def grader() -> Grader | None:
    """Return what knows programs; None if the extension commands is not used. It is an adviser, and only warns."""
    found: Grader | None = of_first("grader")
    return found


def _place_of(module: str) -> Path | None:
    """Return the file of ``module``, if it is where our packages are."""
    path = Path(*module.split("."))
    for place in packages.places():
        for file in (Path(place, path.with_suffix(".py")), Path(place, path, "__init__.py")):
            if file.is_file():
                return file
    return None


def _can_be_found(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _who_else_changes(file: Path) -> str:
    """Return who else than root and the kernel's owner may change ``file``, what it may import from its own directory and from
    those below, or a directory above it up to that of the kernel's package. If others may change the kernel itself, as in many a
    checkout, nobody is named.
    """
    if _who_else(_up_from(Path(packages.__file__))):
        return ""
    below = (os.path.join(at, name) for at, directories, files in os.walk(file.parent) for name in (*directories, *files))
    return _who_else((*_up_from(file), *sorted(below)))


def _up_from(file: Path) -> Iterator[Path]:
    return takewhile(lambda place: place != packages.TOP, (file, *file.parents))


def _who_else(places: Iterable[Path | str]) -> str:
    from jitd.core.ownership import who_else_may_write

    owner = os.stat(packages.__file__).st_uid
    for place in places:
        try:
            status = os.stat(place)
        except FileNotFoundError:  # a link that leads nowhere: nothing is imported from it
            continue
        except OSError as fault:  # such as a link that leads to itself
            return f"{place} cannot be looked at ({fault.strerror})"
        if why := who_else_may_write(status.st_uid, status.st_mode, owner):
            return f"{place} {why}"
    return ""
