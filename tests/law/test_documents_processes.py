# SPDX-License-Identifier: Apache-2.0
"""docs/processes.md: each module that makes a process or a thread is in it, and what it says of files and limits is so."""

from __future__ import annotations

import ast
import re

import pytest

from jitd.executor.unit import LAUNCHER
from jitd.monitor import places
from jitd.settings.config import Config
from tests.law.tree import MODULES, TREE, Module

PAGE = (TREE / "docs/processes.md").read_text("utf-8")
UNIT = (TREE / "contrib/systemd/jitd.service").read_text("utf-8")

MAKERS = {
    "os.fork", "posix.fork", "os.posix_spawn", "subprocess.run", "subprocess.Popen", "asyncio.create_subprocess_exec",
    "fork_sibling", "fork_beside", "Thread", "threading.Thread", "ThreadPoolExecutor", "_thread.start_new_thread",
    "asyncio.to_thread",
}  # fmt: skip
"""What makes a process or a thread, by the name it is called by; a method by its own name."""


def makes(module: Module) -> set[str]:
    """What ``module`` calls of MAKERS."""
    called = {node.func for node in ast.walk(module.syntax) if isinstance(node, ast.Call)}
    names = {ast.unparse(function) for function in called}
    return (names | {function.attr for function in called if isinstance(function, ast.Attribute)}) & MAKERS


MOST_KINDS = 20
"""A process of a kind that is there is a row of its table."""
MAKING = {module.place for module in MODULES if makes(module)}


def test_every_module_that_makes_a_process_or_a_thread_is_on_the_page() -> None:
    assert len(MAKING) > 10, "they were found"
    assert sorted(place for place in MAKING if f"`{place}`" not in PAGE) == []


def test_every_file_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"`((?:jitd|jitpam)/[\w/]+(?:\.py|/))`", PAGE))
    assert len(named) > 20, "they were read"
    assert sorted(name for name in named if not (TREE / name).exists()) == []


def test_each_process_says_what_it_is_worth_to_an_attacker() -> None:
    """Each kind in a line of its own, or each process of the kind in its item of a list."""
    parts = re.split(r"^##", PAGE.partition("\n## Questions\n")[0], flags=re.MULTILINE)[2:]
    kinds = [part for part in parts if part.startswith("# ") or items(part)]
    assert 10 < len(kinds) <= MOST_KINDS
    silent = [part for part in kinds if "\n- Taken over: " not in part and not items(part)]
    assert [part.partition("\n")[0] for part in silent] == []
    each = [item for part in kinds if not re.search(r"\n- Taken over: (?!.*below)", part) for item in items(part)]
    assert len(each) >= 12
    assert [item for item in each if "Taken over: " not in " ".join(item.split())] == []


def items(part: str) -> list[str]:
    """The items of the lists of processes in a section: each begins with a name."""
    return re.findall(r"^- \*\*(.*(?:\n  .*)*)", part, flags=re.MULTILINE)


def test_the_bounds_of_the_service_are_those_of_its_unit() -> None:
    said = re.findall(r"`([A-Z]\w+=[^`]+)`", PAGE)
    assert len(said) > 7
    assert [line for line in said if line not in UNIT.splitlines()] == []


def test_a_restart_of_the_daemon_restarts_all_that_it_speaks_with() -> None:
    """Their messages are those of one version."""
    units = {path.name: path.read_text("utf-8").splitlines() for path in (TREE / "contrib/systemd").glob("jitd-*.service")}
    spoken_with = [name for name in units if (TREE / "contrib/systemd" / name).with_suffix(".socket").exists()]
    assert {*spoken_with} == {"jitd-launcher.service", "jitd-helper@.service", "jitd-door-tcp.service"}
    assert [name for name in spoken_with if "PartOf=jitd.service" not in units[name]] == []


@pytest.mark.parametrize("path", [Config(frozenset(), "h").socket, LAUNCHER, places.socket_path("/run/jitd")], ids=str)
def test_the_sockets_are_those_of_the_code(path: object) -> None:
    assert f"| `{path}`, " in PAGE


@pytest.mark.parametrize("line", ["os.fork()", "pid = self.housing.fork_beside()", "Thread(target=f)", "subprocess.run(x)"])
def test_that_law_sees_what_it_looks_for(line: str) -> None:
    assert makes(Module("x", "x.py", line, ast.parse(line)))
