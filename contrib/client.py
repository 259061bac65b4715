# SPDX-License-Identifier: Apache-2.0
"""What a desk has: the client, without the daemon. contrib/deb/divide makes the package jitsudo-client of it, and contrib/wheel a
wheel (ADR 0167).

Law: it is what the verbs import, wherever in a module, what that imports, and nothing else. What of it is neither ours nor of the
standard library is declared in setup.cfg.
"""

from __future__ import annotations

import ast
import configparser
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

TREE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TREE))

from jitd.packages import OF_A_HOST  # noqa: E402

SETTINGS = configparser.ConfigParser()
SETTINGS.read(TREE / "setup.cfg", "utf-8")
VERSION = SETTINGS["metadata"]["version"]
TOPS = (TREE, TREE / "extensions")
WHOLE = ("jitd/cli", "jitd_fleet")
"""The packages of which it has every module, but for those of OF_A_HOST."""
PAGES = ("jitd.8", "jitd-approve.8", "jitd-audit.8", "jitd-revoke.8", "jitsudo.7")
OF_NATS = "nats-py"
"""What only hosts reached by NATS take. The Debian package of a desk has it, and the wheel declares it as an extra (ADR 0167)."""
STANDARD = sys.stdlib_module_names | {"_sha256", "_sha2"}
"""The modules of the standard library: ``_sha256`` of Python 3.11, and ``_sha2`` of later ones, whichever of them runs this."""


class Fault(Exception):
    pass


def file_of(module: str) -> Path | None:
    """The file of ``module``, if it is ours."""
    for top in TOPS:
        place = top / module.replace(".", "/")
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file():
                return file
    return None


def imported(file: Path) -> Iterator[str]:
    """The modules that ``file`` imports, wherever in it, but for types alone."""

    def walk(node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for below in node.orelse:
                yield from walk(below)
            return
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if file_of(name) else str(node.module) for name in whole)
        for below in ast.iter_child_nodes(node):
            yield from walk(below)

    yield from walk(ast.parse(file.read_text("utf-8")))


@cache
def modules() -> dict[str, Path]:
    """Each module of the client, with its file."""
    found: dict[str, Path] = {}
    files = [file.relative_to(top) for top in TOPS for name in WHOLE for file in (top / name).rglob("*.py")]
    left = {".".join(file.with_suffix("").parts).removesuffix(".__init__") for file in files}
    while left := left - {*found, *OF_A_HOST}:
        module = left.pop()
        if file := file_of(module):
            found[module] = file
            left |= {name for name in imported(file) if file_of(name)} | {module.rpartition(".")[0]} - {""}
    return dict(sorted(found.items()))


def files() -> dict[str, Path]:
    """Each file of the client: its path in the directory that has our packages, and where it is in this tree."""
    found = {}
    for module, file in modules().items():
        path = module.replace(".", "/")
        found[f"{path}/__init__.py" if file.name == "__init__.py" else f"{path}.py"] = file
    return found


def declared() -> dict[str, str]:
    """Each package of others that setup.cfg declares, with its line."""
    lines = filter(None, SETTINGS["options"]["install_requires"].split("\n"))
    return {re.split(r"[\[ ~=<>]", line)[0]: line for line in lines}


def needs() -> dict[str, str]:
    """Each package of others that the client imports, but for OF_NATS, with its line, such as ``click ~= 8.1``. Raises Fault."""
    names = {name.partition(".")[0] for file in modules().values() for name in imported(file) if not file_of(name)}
    names -= STANDARD | {"nats"}
    if lacking := sorted(names - declared().keys()):
        raise Fault(f"the client imports what setup.cfg does not declare by that name: {', '.join(lacking)}")
    return {name: declared()[name] for name in sorted(names)}
