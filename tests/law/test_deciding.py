# SPDX-License-Identifier: Apache-2.0
"""One home for the decision: what asks the rules, the locks and the KDC about somebody is in one place each."""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache

import pytest

from tests.law.tree import MODULES

ASKED_BY = {
    ("jitd.core.policy", "decide"): {
        "jitd.deciding.knowledge",
        "jitd_policy.trying",
        "jitd.core.explaining",
    },  # which tells, and answers no request
    ("jitd.deciding.knowledge", "Knowledge"): {
        "jitd.deciding.decider",
        "jitd.deciding.explaining",
        "jitd.deciding.screening",
    },
    ("jitd.core.policy", "rules_for"): {"jitd.deciding.decider"},
    ("jitd.core.grant", "covers"): {"jitd.deciding.decider"},
    ("jitd.core.grant", "waits_for_its_own"): {"jitd.deciding.decider"},
    ("jitd.core.lease", "discharges"): {"jitd.deciding.decider"},
    ("jitd.deciding.screening", "look"): {"jitd.deciding.decider", "jitd.deciding.explaining"},
    ("jitd.deciding.screening", "look_again"): {"jitd.deciding.decider"},
    ("jitd.deciding.screening", "unopened"): {"jitd.deciding.decider"},
    ("jitd.core.approvers", "tally"): {
        "jitd.core.lease",
        "jitd.core.lock",
        "jitd.core.request",
        "jitd.verbs.reviews",  # whether an approval that is repeated is worth another decision
        "jitd.verbs.rows",  # which tells
    },
    ("jitd.core.approvers", "may_approve"): {"jitd.core.owed_review"},  # afterwards
    ("jitd.core.ways", "best"): {
        "jitd.core.approvers",
        "jitd.verbs.sentences",  # which tells
        "jitd_inspection.checking.known",  # which warns
    },
    ("jitd.core.decision", "still_owed"): {"jitd.core.ways"},
    ("jitd.core.ways", "opened"): {"jitd.core.lease", "jitd.core.request"},
    ("jitd.core.ways", "every_way"): {
        "jitd_inspection.checking.known",
        "jitd.core.approvers",  # which says why somebody may not
        "jitd.core.owed_review",  # all who were skipped
        "jitd_outsiders.announcing.assembly",
    },
    ("jitd.core.lock", "answer_to"): {"jitd.deciding.decider", "jitd.core.rights"},
    ("jitd.core.rights", "may"): {"jitd.verbs.access"},
    ("jitd.core.approvers", "may_review"): {"jitd.core.owed_review", "jitd.core.request", "jitd.core.rights"},
    ("jitd.core.owed_review", "roles_of"): {"jitd.core.rights"},
    ("jitd.core.visibility", "names_reader"): {"jitd.core.rights"},
    ("jitd.core.break_glass", "unbarred"): {"jitd.deciding.decider", "jitd.deciding.explaining"},
    ("jitd.core.break_glass", "under"): {"jitd.lifecycle.lifecycle"},
    ("jitd.core.gatekeeping", "folded"): {"jitd.deciding.decider"},
    ("jitd.core.gatekeeping", "judged"): {"jitd.core.request", "jitd.deciding.decider"},
    ("jitd.deciding.gatekeepers", "Answers"): {"jitd.deciding.decider", "jitd.deciding.hearings"},
    ("jitd.core.deed", "JITSUDO"): {"jitd.verbs.requests"},  # who lists the rules for it, and compares nothing
}
"""A question → who asks it. What is wired into one way to an answer and not into the other would be a way around it."""


@cache
def taken() -> list[tuple[str, list[ast.ImportFrom], dict[str, list[ast.Attribute]]]]:
    """Module, what it imports by ``from``, and the attributes that it takes, by their names: one walk for all questions."""
    found = []
    for module in MODULES:
        attributes = defaultdict(list)
        for node in module.nodes:
            if isinstance(node, ast.Attribute):
                attributes[node.attr].append(node)
        found.append((module.name, [node for node in module.nodes if isinstance(node, ast.ImportFrom)], dict(attributes)))
    return found


def users(of: str, name: str) -> set[str]:
    """The modules that take ``name`` from the module ``of``, by its name or as its attribute."""
    package, _, last = of.rpartition(".")
    found = set()
    for module, imports, attributes in taken():
        as_module = {
            alias.asname or alias.name for node in imports if node.module == package for alias in node.names if alias.name == last
        }
        imported = any(node.module == of and name in {alias.name for alias in node.names} for node in imports)
        if imported or any(_spelled(node.value) in {*as_module, of} for node in attributes.get(name, ())):
            found.add(module)
    return found


def _spelled(node: ast.expr) -> str:
    return ast.unparse(node)


@pytest.mark.parametrize("question", ASKED_BY, ids=".".join)
def test_a_question_is_asked_in_its_one_home(question: tuple[str, str]) -> None:
    assert users(*question) == ASKED_BY[question]


def test_the_rules_are_asked_in_two_places_on_the_path_and_with_the_file() -> None:
    (screening,) = (module for module in MODULES if module.name == "jitd.deciding.screening")
    asking = [
        function.name
        for function in screening.syntax.body
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and _spelled(node.func) == "knowledge.decide"
    ]
    assert asking == ["_with_file", "_on_path"]


def test_only_who_tries_again_or_says_so_knows_of_a_conflict() -> None:
    """``Conflict``: the store raises it, one place tries again, and two tell that it was in vain."""
    assert users("jitd.store", "Conflict") == {
        "jitd.store.sqlite",
        "jitd.lifecycle.perform",
        "jitd.server.connection",
        "jitd.daemon",
    }


def test_what_kind_of_deed_a_service_asks_for_is_found_in_one_place() -> None:
    """A comparison with a service's name would be a kind that nobody finds."""
    compares = {
        module.name
        for module in MODULES
        for node in module.nodes
        if isinstance(node, ast.Compare)
        and any(ast.unparse(side) in ("JITSUDO", "'jitsudo'") for side in (node.left, *node.comparators))
    }
    decide = {name for name in compares if name.startswith("jitd.") and not name.startswith("jitd.cli.")}
    assert decide == {"jitd.core.deed"}


def test_a_request_is_approved_in_one_place_after_a_count_or_by_a_lease() -> None:
    """Every way to approve ends in one function. It is called after ``tally`` has found that nothing is owed, or for a lease."""
    (life,) = (module for module in MODULES if module.name == "jitd.core.request")
    functions = {node.name: ast.unparse(node) for node in life.syntax.body if isinstance(node, ast.FunctionDef)}
    assert [name for name, text in functions.items() if "state=RequestState.APPROVED" in text] == ["_approved"]
    assert {name for name, text in functions.items() if "_approved(" in text} == {"_approved", "_screened", "_reviewed"}
    assert functions["_reviewed"].count("return _approved(") == 1 and functions["_screened"].count("return _approved(") == 2
    gate = "if tally(open_ways(request), (*event.standing, reviewer), request.requester) > 0:"
    assert functions["_reviewed"].index(gate) < functions["_reviewed"].index("return _approved(")
    for_a_lease, counted = functions["_screened"].split("return _approved(")[:2]
    assert for_a_lease.rstrip().endswith("if request.lease is not None:")
    assert "if tally(open_ways(request), event.standing, request.requester) == 0:" in counted
    elsewhere = {
        module.name
        for module in MODULES
        if module.name.startswith("jitd.") and "state=RequestState.APPROVED" in ast.unparse(module.syntax)
    }
    assert elsewhere == {"jitd.core.request"}


def test_only_ways_says_which_ways_are_open() -> None:
    """Else somebody could ask about approvals and forget that some of their ways are closed."""
    makes = {
        module.name
        for module in MODULES
        for node in module.nodes
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "Open"
    }
    assert makes == {"jitd.core.ways"}
