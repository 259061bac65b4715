# SPDX-License-Identifier: Apache-2.0
"""The product's modules, read as text and never imported. Law: nothing here knows what the laws are."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

TREE = Path(__file__).parents[2]
EXTENSIONS = TREE / "extensions"
STANDARD = sys.stdlib_module_names | {"_sha256", "_sha2"}
"""The modules of the standard library: ``_sha256`` of Python 3.11, and ``_sha2`` of later ones, whichever of them runs this."""


@dataclass(frozen=True)
class Module:
    """One file of the product: its dotted name, its place from the top, its text, and what that parses to."""

    name: str
    place: str
    text: str
    syntax: ast.Module

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """All of ``syntax``: a walk of all modules takes half a second, and many laws take one."""
        return tuple(ast.walk(self.syntax))


def modules() -> list[Module]:
    """All of them."""
    found = []
    for package in (TREE / "jitd", TREE / "jitpam", *sorted(EXTENSIONS.glob("jitd_*"))):
        for file in sorted(package.rglob("*.py")):
            place = file.relative_to(TREE)
            name = ".".join(file.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")
            text = file.read_text("utf-8")
            found.append(Module(name, str(place), text, ast.parse(text)))
    return found


MODULES = modules()
NAMES = frozenset(module.name for module in MODULES)


def is_ours(name: str) -> bool:
    """True if ``name`` is of the product: of ``jitpam``, of the kernel, or of an extension."""
    first = name.partition(".")[0]
    return first in ("jitd", "jitpam") or first.startswith("jitd_")


@cache
def imports(module: Module) -> frozenset[str]:
    """The dotted names of all that ``module`` imports, wherever in it; ``from jitd import log`` is ``jitd.log``."""
    found: set[str] = set()
    for node in module.nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module is not None, f"{module.place}: a relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in NAMES else node.module)
    return frozenset(found)
