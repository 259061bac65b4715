# SPDX-License-Identifier: Apache-2.0
"""The import law: who may know whom. A change here is a change of the architecture, and ARCHITECTURE.md says so first."""

from __future__ import annotations

import sys

from tests.law.tree import MODULES, NAMES, Module, imports

CORE, WIRE = "jitd.core", "jitpam.wire"

LAW: dict[str, set[str]] = {
    # the side that asks
    "jitpam": set(),
    "jitpam.wire": {WIRE},
    "jitpam.krb5": set(),
    "jitpam.initiator": {"jitpam.krb5"},
    "jitpam.options": set(),
    "jitpam.shell": set(),
    "jitpam.signals": set(),
    "jitpam.guardian": set(),
    "jitpam.terminal": {"jitpam.guardian"},
    "jitpam.relay": {WIRE, "jitpam.signals", "jitpam.terminal"},
    "jitpam.saying": {WIRE},
    "jitpam.streams": set(),
    "jitpam.claims": {WIRE, "jitpam.options"},
    "jitpam.client": {WIRE, "jitpam.initiator"},
    "jitpam.failing": {WIRE, "jitpam.client", "jitpam.options", "jitpam.saying"},
    "jitpam.submission": {"jitpam.claims", "jitpam.options", "jitpam.saying", "jitpam.shell"},
    "jitpam.questions": {
        WIRE, "jitpam", "jitpam.claims", "jitpam.client", "jitpam.options", "jitpam.saying", "jitpam.submission",
    },
    "jitpam.asking": {
        WIRE, "jitpam.client", "jitpam.failing", "jitpam.options", "jitpam.questions", "jitpam.relay", "jitpam.saying",
        "jitpam.signals", "jitpam.submission",
    },
    "jitpam.jitsudo": {
        "jitpam.asking", "jitpam.client", "jitpam.failing", "jitpam.options", "jitpam.questions", "jitpam.streams",
    },
    "jitpam.pam_jit": set(),
    "jitpam.pam_guard": set(),
    "jitpam.pam_initiator": {"jitpam.initiator"},
    # the side that decides: the core, and what knows the core and nothing beside it
    "jitd": set(),
    "jitd.core": {CORE},
    "jitd.config": {CORE},
    "jitd.policyfile": {CORE},
    "jitd.deadlines": {CORE},
    "jitd.apreq": set(),
    "jitd.acceptor": {CORE, "jitd.apreq"},
    "jitd.store": {CORE, "jitd.store"},
    "jitd.audit": {CORE, "jitd.audit"},
    "jitd.recording": {"jitd.recording"},
    "jitd.kdc": set(),
    "jitd.pace": set(),
    "jitd.workers": set(),
    "jitd.silence": {"jitd.mounts"},
    "jitd.waiters": {CORE},
    "jitd.mounts": set(),
    "jitd.handlers": set(),
    "jitd.digests": set(),
    "jitd.inspection": {"jitd.digests", "jitd.handlers", "jitd.mounts"},
    "jitd.lookup": {"jitd.inspection", "jitd.mounts"},
    "jitd.operands": {"jitd.inspection"},
    "jitd.groups": set(),
    "jitd.facts": {CORE, "jitd.groups", "jitd.inspection"},
    "jitd.directory": {"jitd.facts"},
    "jitd.subordinates": {"jitd.facts"},
    "jitd.identifying": {CORE, "jitd.acceptor", "jitd.facts", "jitd.subordinates", "jitd.workers"},
    # what runs a command
    "jitd.monitor": {"jitd.monitor", "jitd.inspection", "jitd.operands", "jitd.recording", WIRE},
    "jitd.executor": {CORE, "jitd.executor", "jitd.monitor.orders", "jitd.monitor.places", "jitd.recording"},
    # the stations between a client and the core
    "jitd.log": {WIRE},
    "jitd.refusal": {WIRE},
    "jitd.sentences": {CORE, WIRE},
    "jitd.rows": {CORE, WIRE, "jitd.sentences"},
    "jitd.news": {CORE, WIRE, "jitd.refusal", "jitd.sentences"},
    "jitd.finding": {CORE, WIRE, "jitd.facts", "jitd.inspection", "jitd.lookup"},
    "jitd.screening": {
        CORE, "jitd.digests", "jitd.facts", "jitd.finding", "jitd.inspection", "jitd.lookup", "jitd.operands", "jitd.silence",
    },
    "jitd.reading": {CORE, WIRE, "jitd.finding", "jitd.refusal"},
    "jitd.lifecycle": {CORE, "jitd.store"},
    "jitd.integrity": {CORE, "jitd.store"},
    "jitd.jobs": {CORE, "jitd.config", "jitd.facts", "jitd.monitor.orders", "jitd.screening"},
    "jitd.deciding": {
        CORE, "jitd.config", "jitd.deciding", "jitd.facts", "jitd.finding", "jitd.screening", "jitd.silence",
        "jitd.store", "jitd.workers",
    },
    "jitd.perform": {
        CORE, "jitd.config", "jitd.deadlines", "jitd.deciding", "jitd.executor", "jitd.jobs", "jitd.lifecycle", "jitd.log",
        "jitd.store", "jitd.waiters", "jitd.workers",
    },
    "jitd.invocation": {"jitd.invocation"},
    "jitd.programs": {"jitd.pamlint"},
    "jitd.walking": {"jitd.inspection"},
    "jitd.view": {"jitd.inspection", "jitd.pamlint.places", "jitd.pamlint.stack", "jitd.walking"},
    "jitd.peer": {CORE, "jitd.facts"},
    "jitd.entering": {
        CORE, WIRE, "jitd.facts", "jitd.finding", "jitd.inspection", "jitd.invocation", "jitd.lookup",
        "jitd.pamlint.places", "jitd.programs", "jitd.view", "jitd.walking",
    },
    "jitd.asking": {
        CORE, WIRE, "jitd.config", "jitd.deciding", "jitd.entering", "jitd.finding", "jitd.pace", "jitd.perform", "jitd.refusal",
        "jitd.rows", "jitd.sentences", "jitd.store", "jitd.waiters", "jitd.workers",
    },
    "jitd.listing": {CORE, "jitd.rows", "jitd.store", "jitd.workers"},
    "jitd.overseeing": {
        CORE, WIRE, "jitd.asking", "jitd.config", "jitd.deciding", "jitd.listing", "jitd.pace", "jitd.perform", "jitd.refusal",
        "jitd.rows", "jitd.store", "jitd.waiters", "jitd.workers",
    },
    "jitd.recordings": {
        CORE, WIRE, "jitd.config", "jitd.lifecycle", "jitd.log", "jitd.overseeing", "jitd.pace", "jitd.recording", "jitd.refusal",
        "jitd.rows", "jitd.store", "jitd.workers",
    },
    "jitd.service": set(),
    "jitd.room": set(),
    "jitd.channel": {WIRE, "jitd.room"},
    "jitd.telling": {WIRE, "jitd.channel", "jitd.room", "jitd.rows"},
    "jitd.handshake": {WIRE, "jitd.acceptor", "jitd.refusal"},
    "jitd.locking": {
        CORE, WIRE, "jitd.asking", "jitd.directory", "jitd.facts", "jitd.overseeing", "jitd.perform", "jitd.refusal", "jitd.rows",
        "jitd.store", "jitd.waiters", "jitd.workers",
    },
    "jitd.answers": {CORE, WIRE, "jitd.asking", "jitd.locking", "jitd.overseeing", "jitd.reading", "jitd.refusal", "jitd.rows"},
    "jitd.house": {
        CORE, "jitd.acceptor", "jitd.asking", "jitd.locking", "jitd.overseeing", "jitd.recordings", "jitd.subordinates",
        "jitd.telling",
        "jitd.waiters",
    },
    "jitd.enforcing": {
        CORE, WIRE, "jitd.acceptor", "jitd.entering", "jitd.facts", "jitd.finding", "jitd.house", "jitd.news", "jitd.peer",
        "jitd.reading", "jitd.refusal", "jitd.rows", "jitd.view", "jitd.walking",
    },
    "jitd.connection": {
        CORE, WIRE, "jitd.acceptor", "jitd.answers", "jitd.channel", "jitd.enforcing", "jitd.facts", "jitd.handshake",
        "jitd.house", "jitd.log", "jitd.news", "jitd.peer", "jitd.reading", "jitd.refusal", "jitd.rows", "jitd.store",
        "jitd.telling", "jitd.walking",
    },
    "jitd.listener": {"jitd.channel", "jitd.connection", "jitd.house", "jitd.log", "jitd.peer", "jitd.room"},
    # whether the host is set up right: what is thought of it knows the core alone
    "jitd.doctor.checks": {CORE, "jitd.doctor.checks", "jitd.pamlint"},
    "jitd.doctor": {
        CORE, "jitpam", "jitpam.client", "jitpam.initiator", "jitd.audit", "jitd.config", "jitd.doctor", "jitd.groups",
        "jitd.monitor.places",
        "jitd.monitor.session", "jitd.pamlint", "jitd.policyfile", "jitd.recording", "jitd.store",
    },
    # what goes around a gate: files are read in one place of it
    "jitd.pamlint": {"jitd.pamlint"},
    "jitd.pamlint.places": {"jitd.pamlint", "jitd.inspection"},
    "jitd.cli": {
        WIRE, CORE, "jitpam", "jitpam.client", "jitpam.initiator", "jitpam.saying", "jitpam.streams", "jitpam.terminal",
        "jitd.audit", "jitd.cli", "jitd.config", "jitd.daemon", "jitd.doctor", "jitd.groups", "jitd.integrity", "jitd.pamlint",
        "jitd.policyfile", "jitd.recording", "jitd.store",
    },
    "jitd.daemon": {"jitd", "jitpam"},  # the one place where concrete parts are named
}  # fmt: skip
"""A module, or a package with all below it → what of ours it may import, likewise. The longest name that fits is the row."""

ALL_BELOW = {"jitd.daemon"}
"""Rows in which even ``jitd`` and ``jitpam`` mean all that is below them; in the others these two are the packages' own files."""

PURE_OF_PAMLINT = (
    "control", "environment", "evaluation", "findings", "gates", "judgement", "lines", "loading", "modules", "services",
    "sshdconfig", "stack", "starting", "sudoconf", "sudoers",
)  # fmt: skip
"""All of it but what reads files and what makes a round of it."""

PURE = {
    "jitd.core": "__future__ bisect collections dataclasses datetime difflib enum functools hashlib ipaddress itertools json"
    " math operator re stat string tomllib types typing unicodedata zoneinfo",
    "jitpam.wire": "__future__ _json binascii collections json re struct typing unicodedata",
    "jitd.recording.form": "__future__ dataclasses enum hashlib json re typing zlib",
    "jitd.recording.sequences": "__future__ codecs enum re typing",
    "jitd.recording.filter": "__future__ re",
    "jitd.recording.player": "__future__ collections itertools math",
    "jitd.doctor.checks": "__future__ collections dataclasses re stat struct",
    "jitd.recording.asciicast": "__future__ codecs collections json",
    "jitd.invocation": "__future__ collections dataclasses re",
    **{f"jitd.pamlint.{name}": "__future__ collections dataclasses fnmatch functools re typing" for name in PURE_OF_PAMLINT},
}
"""Package → the only modules of the standard library that it may import: no clock, file, socket, process, randomness or log."""


def row_of(name: str) -> str:
    """The row of LAW for the module ``name``. Raises KeyError where there is none."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        row = ".".join(parts[:length])
        if row in LAW and (length == len(parts) or length > 1):
            return row
    raise KeyError(name)


def is_allowed(imported: str, row: str) -> bool:
    """True if the modules of ``row`` may import ``imported``."""
    for allowed in LAW[row]:
        is_below = imported.startswith(allowed + ".") and (allowed not in ("jitd", "jitpam") or row in ALL_BELOW)
        if imported == allowed or is_below:
            return True
    return False


def trespasses(module: Module) -> list[str]:
    """What ``module`` imports of ours and may not."""
    row = row_of(module.name)
    ours = {name for name in imports(module) if name.split(".")[0] in ("jitd", "jitpam")}
    return sorted(name for name in ours if not is_allowed(name, row))


def test_a_module_imports_what_its_row_of_the_law_allows() -> None:
    found = {module.place: trespasses(module) for module in MODULES}
    assert {place: may_not for place, may_not in found.items() if may_not} == {}


def test_every_row_of_the_law_is_about_something_that_exists() -> None:
    assert sorted(LAW.keys() - NAMES) == []


def foreign(module: Module) -> set[str]:
    """What ``module`` imports that is not ours."""
    return {name.partition(".")[0] for name in imports(module)} - {"jitd", "jitpam"}


def test_what_is_pure_imports_pure_things_only() -> None:
    pure = [(module, package) for module in MODULES for package in PURE if module.name.startswith(package)]
    assert {package for _, package in pure} == PURE.keys(), "each of them exists"
    found = {module.place: sorted(foreign(module) - set(PURE[package].split())) for module, package in pure}
    assert {place: worldly for place, worldly in found.items() if worldly} == {}


def test_the_side_that_asks_starts_with_the_standard_library_alone() -> None:
    """Each import is a part of every start, and some of it runs inside somebody else's process."""
    found = {m.place: sorted(foreign(m) - sys.stdlib_module_names) for m in MODULES if m.name.startswith("jitpam")}
    assert len(found) > 20
    assert {place: more for place, more in found.items() if more} == {}


def test_the_wire_and_the_core_do_not_know_each_other() -> None:
    for module in MODULES:
        if module.name.startswith(CORE):
            assert not any(name.startswith("jitpam") for name in imports(module)), module.place
        if module.name.startswith(WIRE):
            assert not any(name.startswith("jitd") for name in imports(module)), module.place


def test_only_the_verb_that_is_the_daemon_imports_it() -> None:
    importers = {module.name for module in MODULES if any(name.startswith("jitd.daemon") for name in imports(module))}
    assert importers == {"jitd.cli.house"}
