# SPDX-License-Identifier: Apache-2.0
r"""Text that another account may have chosen is bytes, and is cut at ``\n`` alone.

``splitlines`` cuts at CR, and of str also at VT, FF, FS, GS, RS, U+0085, U+2028 and U+2029, which the kernel and most programs
write as they are. A file that is opened as text has CR turned into ``\n``, and cannot be read at all where it is no UTF-8. So
both are for what nobody but root, jitd or the kernel by itself has written. Each module that does so stands here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.law.tree import MODULES, Module

WRITTEN_BY = {
    "the kernel: numbers and words of its own, and no name": {
        "jitd.deciding.origins",  # boot_id
        "jitd.executor.remains",  # cgroup.events, memory.events
        "jitd.facts.sessions",  # children
        "jitd.hosts.places",  # sys/fs
        "jitd.monitor.housing",  # cgroup.events
        "jitd.monitor.seats",  # uevent of a terminal
        "jitd.monitor.signalling",  # cgroup.procs, cgroup.events
        "jitd.monitor.tape",  # boot_id
        "jitd_inspection.doctor.clock",  # boot_id
        "jitd_inspection.doctor.host",  # locks
        "jitd_sinks.metrics.answer",  # statm
        "jitd_things.givers.account_numbers",  # boot_id
        "jitd_things.givers.account_remains",  # sysvipc
    },
    "root, in a file that others cannot change": {
        "jitd.deciding.seats",  # nsswitch.conf
        "jitd.settings.host",  # krb5.conf
        "jitd_inspection.doctor.local_password",  # a stack of PAM
        "jitd_inspection.doctor.pam",  # a stack of PAM, nsswitch.conf
        "jitd_inspection.doctor.people",  # login.defs
        "jitd_inspection.setup.host",  # what setup writes, as it is
        "jitd_inspection.verbs.steps",  # what setup writes, as it is, and what its programs print
        "jitd_things.givers.sudoers",  # sudoers, in which one line is looked for
    },
    "jitd": {
        "jitd.audit.signing_key",
        "jitd.lifecycle.integrity",
        "jitd.monitor.namespace",  # a child of this process, about one attempt
        "jitd.store.sqlite",  # the steps of the schema
        "jitd_evidence.pack.verifier",  # its own source
        "jitd_evidence.witness_directory",
        "jitd_sinks.sinks.host_log",
        "jitd_things.givers.account_home",  # a key that was checked before
    },
    "whoever runs the program, for themselves": {"jitd_evidence.pack.verify"},
}
"""Who has written the text → the modules that cut it, or open it as text."""


def is_text_mode(call: ast.Call) -> bool:
    """Whether ``call`` opens a file to read it as text, or starts a program whose output is read as text."""
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if any(isinstance(given.get(word), ast.Constant) and given[word].value is True for word in ("text", "universal_newlines")):
        return True
    if isinstance(given.get("newline"), ast.Constant) and given["newline"].value in ("\n", ""):
        return False
    if name in ("read_text", "TextIOWrapper"):
        return name == "TextIOWrapper" or not is_of_ours(call)
    if name not in ("open", "fdopen"):
        return False
    place = 0 if isinstance(call.func, ast.Attribute) and name == "open" else 1
    mode = given.get("mode") or (call.args[place] if len(call.args) > place else None)
    if isinstance(call.func, ast.Attribute) and name == "open" and not given.keys() & {"encoding", "errors"}:
        return isinstance(mode, ast.Constant) and mode.value in ("r", "r+", "rt")  # other things are opened, too
    return mode is None or (isinstance(mode, ast.Constant) and "b" not in mode.value and set(mode.value) & {"r", "+"} != set())


def is_of_ours(call: ast.Call) -> bool:
    """Whether it is a function of ours that is called like that of pathlib."""
    return not isinstance(call.func, ast.Attribute) or ast.unparse(call.func.value) in ("naming", "self")


def places(module: Module) -> Iterator[str]:
    for node in module.nodes:
        if isinstance(node, ast.Call):
            is_cut = isinstance(node.func, ast.Attribute) and node.func.attr == "splitlines"
            if is_cut or is_text_mode(node):
                yield f"{module.place}:{node.lineno}: {ast.unparse(node)[:80]}"


FOUND = {module.name: found for module in MODULES if (found := list(places(module)))}


def test_text_is_cut_and_opened_as_text_only_if_nobody_else_has_chosen_it() -> None:
    """THREATS R-42."""
    known = set[str]().union(*WRITTEN_BY.values())
    assert [place for name, found in FOUND.items() if name not in known for place in found] == []


def test_a_module_that_does_neither_any_more_is_not_in_the_list() -> None:
    assert {who: sorted(names - FOUND.keys()) for who, names in WRITTEN_BY.items() if names - FOUND.keys()} == {}


def test_the_law_sees_each_way_to_cut_a_text_or_to_open_it_as_one() -> None:
    seen = (
        "x.splitlines()", "open(x)", "open(x, encoding='utf-8')", "open(x, 'r')", "open(x, 'r+')", "p.read_text()", "p.open('r')",
        "p.open(encoding='ascii')", "os.fdopen(x)", "run(x, text=True)", "run(x, universal_newlines=True)", "io.TextIOWrapper(x)",
    )  # fmt: skip
    unseen = (
        "x.split('\\n')", "open(x, 'rb')", "open(x, 'w')", "open(x, 'x', encoding='ascii')", "p.read_bytes()", "p.open('rb')",
        "os.open(x, os.O_RDONLY)", "open(x, newline='\\n')", "connection.open()", "naming.read_text(x)", "os.fdopen(x, 'wb')",
    )  # fmt: skip
    for expression in (*seen, *unseen):
        module = Module("x", "x", "", ast.parse(expression))
        assert bool(list(places(module))) is (expression in seen), expression
