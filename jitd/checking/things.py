# SPDX-License-Identifier: Apache-2.0
"""Warnings about rules that give things to people. There is a warning if a thing gives the same power as root. Examples of things
are a line of sudoers, a role of a database, and a name in a certificate.

Law: the check uses only the rules and the settings, and looks up nothing on this host or elsewhere. What a kind knows of itself
(``ways_to_root``) is not complete. Therefore a thing without a warning is not necessarily safe.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jitd.checking.reach import MOST_TOLD
from jitd.core.keys.approvals import describe_approvals
from jitd.core.policy import Rule
from jitd.core.warning import Warned
from jitd.settings.givers import Givers


def about_things(rules: Sequence[Rule], givers: Givers) -> Iterator[Warned]:
    """Yield the warnings about the things that the permits in ``rules`` give. ``givers`` contains this host's settings for
    things.
    """
    for rule in rules:
        if rule.verdict == "permit" and (ways := [way for thing in rule.gives or () for way in ways_of(thing, givers)]):
            after = f"after {describe_approvals(rule.approvals)}" if rule.approvals else "without any approval"
            more = f"; and {len(ways) - MOST_TOLD} more" if len(ways) > MOST_TOLD else ""
            said = f"{after}: {'; '.join(ways[:MOST_TOLD])}{more}"
            yield Warned("amounts-to-root", rule.file, rule.line, rule.name, said)


def ways_of(thing: str, givers: Givers) -> tuple[str, ...]:
    """There may be ways to get root's power through ``thing``. Return a part of a sentence about each of these ways."""
    giver = givers.get(thing.partition(":")[2])
    return () if giver is None else tuple(f"{thing}: {way}" for way in giver.ways_to_root())
