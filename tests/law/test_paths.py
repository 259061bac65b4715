# SPDX-License-Identifier: Apache-2.0
"""A path within the JSON of stored objects and records stands in one module, which the record owns."""

from __future__ import annotations

import ast
import re

from tests.law.tree import MODULES, Module

OWNER = "jitd.store.readable"
READS = re.compile(r"\$\.[a-z_]+\b(?!\()|json_(?:extract|type|array_length|valid|tree)\b|json_each\((?!:)")
"""A path, and what reads JSON by one. What makes JSON, and what reads a parameter, is something else."""


def read_in(module: Module) -> list[str]:
    """What the texts of a module read of JSON."""
    texts = [node.value for node in module.nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [found for text in texts for found in READS.findall(text)]


def test_sql_reads_json_by_the_names_of_one_module() -> None:
    """How a member of an object is spelled is a thing of the record. SQL elsewhere names a column of a view."""
    rooms = ("jitd.store", "jitd.verbs", "jitd.audit", "jitd.lifecycle", "jitd_evidence", "jitd_sinks")
    others = {one.name: found for one in MODULES if one.name != OWNER and one.name.startswith(rooms) and (found := read_in(one))}
    assert others == {}


def test_that_one_module_has_the_paths() -> None:
    (owner,) = (module for module in MODULES if module.name == OWNER)
    assert len(read_in(owner)) > 60
