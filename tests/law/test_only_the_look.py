# SPDX-License-Identifier: Apache-2.0
"""A path that a person has chosen is followed by the look alone (``jitd.files.glance``): in one look no name is looked up twice.

The modules that get such paths call the kernel with no path. A row says whose path it is where one does.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.law.tree import MODULES, Module

LOOK = "jitd.files.glance"
ROOMS = (
    "jitd.deciding", "jitd.facts", "jitd.files", "jitd.monitor.checking", "jitd.monitor.child", "jitd.monitor.execution",
)  # fmt: skip
"""Whoever decides about a path of a person's, or executes what is at it."""
KERNEL = {
    "access", "chdir", "getxattr", "listdir", "listxattr", "lstat", "open", "readlink", "scandir", "stat", "statvfs", "walk",
}  # fmt: skip
OF_PATHS = {"exists", "getsize", "isdir", "isfile", "islink", "ismount", "lexists", "realpath", "samefile"}
OTHERS = {
    "jitd.deciding.accounts._content": "/etc/shadow and /etc/group",
    "jitd.deciding.accounts._stamp": "/etc/group",
    "jitd.deciding.edits._has_selinux": "a file of this process in /proc",
    "jitd.deciding.using._read": "a file of a process in /proc",
    "jitd.deciding.view._Settings.names": "the descriptor of a directory that a look has found",
    "jitd.deciding.walking.own_root": "the root directory",
    "jitd.facts.command_file.Files._packaged": "the path of a descriptor, which the database of packages knows; it is not opened",
    "jitd.facts.command_file.name_of": "/etc/passwd",
    "jitd.facts.packages": "the database of packages, and the directories of / that usr-merge has made links",
    "jitd.facts.sessions": "files of systemd and of processes, in /run and /proc",
    "jitd.files.durable": "files of root's own",
    "jitd.files.exchange._remove_left": "the descriptor of a directory",
    "jitd.files.exchange.attributes_of": "the descriptor of a file",
    "jitd.files.exchange.make_copy": "a new file, in a directory that only root can enter",
    "jitd.files.handlers": "the handlers of binfmt_misc, which only root can make",
    "jitd.files.inspection.copy_content": "a new file, in a directory that only root can enter",
    "jitd.files.names.names_of": "paths in rules, which are compared by their inodes for a deny or a mask",
    "jitd.files.names.other_names": "the directories of programs, which are root's",
    "jitd.files.operands._Entries._examined": "the descriptor of a directory",
    "jitd.files.path_lookup.status_of": "a working directory in procfs; the path to procfs is the one that the look has found",
    "jitd.files.silence": "the way to a mount that may be dead, before the look; nothing that it finds is used",
    "jitd.files.processes.read": "a file of a process in /proc, or a setting of the kernel",
    "jitd.files.mounts.Mounts.around": "files of processes in /proc",
    "jitd.monitor.checking._check": "/dev/null",
    "jitd.monitor.checking._is_changed": "the text that was checked, with the rights of the account: another file only refuses",
    "jitd.monitor.child._arrange": "/dev/null",
    "jitd.monitor.child._begin_in_directory": "the working directory, which is entered and then compared with the approved one",
    "jitd.monitor.child._enter_directory": "the same, with the rights of the account",
    "jitd.monitor.child._execute": "what execve has not found, with the rights of the account: it chooses an exit status",
    "jitd.monitor.child.become_command": "asked with the rights of the account, as exec asks; a no only refuses",
}


def functions(node: ast.AST, name: str) -> Iterator[tuple[str, ast.Call]]:
    """Each call below ``node``, with the name of the function in which it stands."""
    for below in ast.iter_child_nodes(node):
        inside = f"{name}.{below.name}" if isinstance(below, ast.FunctionDef | ast.ClassDef) else name
        if isinstance(below, ast.Call):
            yield name, below
        yield from functions(below, inside)


def is_by_path(call: ast.Call) -> bool:
    """True if ``call`` gives the kernel a path. A name in a directory whose descriptor is given is none, nor is a descriptor."""
    if any(word.arg in ("dir_fd", "dst_dir_fd", "src_dir_fd") for word in call.keywords):
        return False
    match call:
        case ast.Call(args=[ast.Call(func=ast.Name(id="link_to")), *_]):
            return False
    match call.func:
        case ast.Name(id="open"):
            return True
        case ast.Attribute(value=ast.Name(id="os"), attr=name):
            return name in KERNEL
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id="os"), attr="path"), attr=name):
            return name in OF_PATHS
    return False


def by_path(module: Module) -> set[str]:
    return {name for name, call in functions(module.syntax, module.name) if is_by_path(call)}


def row_of(name: str) -> str | None:
    return next((row for row in OTHERS if name == row or name.startswith(f"{row}.")), None)


def test_only_the_look_opens_a_path() -> None:
    """THREATS R-35."""
    found = {name for module in MODULES if module.name.startswith(ROOMS) and module.name != LOOK for name in by_path(module)}
    assert {name for name in found if row_of(name) is None} == set()
    assert OTHERS.keys() - {row_of(name) for name in found} == set(), "a row without a call"


def test_the_law_sees_a_path_and_no_descriptor() -> None:
    seen = "os.open(path, 0)", "os.path.isdir(path)", "open(path)", "os.access(path, 1)"
    fine = "os.fstat(file)", "os.open(name, 0, dir_fd=at)", "os.getxattr(link_to(file), name)", "glance.open(path)"
    calls = [ast.parse(text, mode="eval").body for text in (*seen, *fine)]
    assert [is_by_path(call) for call in calls if isinstance(call, ast.Call)] == [True] * 4 + [False] * 4
