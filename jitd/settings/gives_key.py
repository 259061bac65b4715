# SPDX-License-Identifier: Apache-2.0
"""The key ``gives`` of a rule. Law: it is a fault if a permit gives a thing that jitd.toml does not set up."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from jitd.core.policy import Rule
from jitd.core.thing import is_service_ticket
from jitd.core.toml_document import Fault
from jitd.core.toml_table import quoted


def faults_of(rules: Iterable[Rule], things: Collection[str]) -> list[Fault]:
    """Check the things that ``rules`` give, and return the faults. ``things`` are the names of all things in jitd.toml."""
    faults = []
    for rule in rules:
        for thing in rule.gives or ():
            if rule.verdict == "permit" and not is_service_ticket(thing) and thing not in things:
                kind, _, name = thing.partition(":")
                said = f'jitd.toml sets up no {quoted(thing)}: write a table "[givers.{name}]" with kind = "{kind}" there'
                faults.append(Fault(rule.file, rule.line, rule.name, said))
    return faults
