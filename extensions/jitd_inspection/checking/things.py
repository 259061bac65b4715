# SPDX-License-Identifier: Apache-2.0
"""Warnings about things that people get or have. There is a warning if a thing gives the same power as root. Examples of things
are a line of sudoers, a role of a database, and a name in a certificate. There is another one if somebody has a thing that the
settings do not know any more.

Law: the check looks up nothing elsewhere: it gets the rules, the settings, and what is given. What a kind knows of itself
(``ways_to_root``, ``faults``) is not complete. Therefore a thing without a warning is not necessarily safe.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from jitd.core.holding import Holding
from jitd.core.policy import Rule
from jitd.core.warning import Warned
from jitd_inspection.checking.reach import gives_root

if TYPE_CHECKING:
    from jitd_things.settings import Givers


def about_things(rules: Sequence[Rule], givers: Givers) -> Iterator[Warned]:
    """Yield the warnings about the things that the permits in ``rules`` give. ``givers`` contains this host's settings for
    things.
    """
    for rule in rules:
        if rule.verdict == "permit" and (ways := [way for thing in rule.gives or () for way in ways_of(thing, givers)]):
            yield Warned("amounts-to-root", rule.file, rule.line, rule.name, gives_root(rule, ways))


def ways_of(thing: str, givers: Givers) -> tuple[str, ...]:
    """There may be ways to get root's power through ``thing``. Return a part of a sentence about each of these ways."""
    giver = givers.get(thing.partition(":")[2])
    return () if giver is None else tuple(f"{thing}: {way}" for way in giver.ways_to_root())


def about_set_up(givers: Givers) -> Iterator[Warned]:
    """Yield a warning for each thing that nobody could be given, as far as this is known before."""
    for name, giver in givers.items():
        for fault in giver.faults():
            yield Warned("cannot-give", "", 0, "", f"[givers.{name}] of jitd.toml: {fault}: it is refused after its approval")


def about_given(held: Sequence[Holding], known: Collection[str]) -> Iterator[Warned]:
    """Yield a warning for each thing in ``held`` that jitd.toml does not set up. It sets up those in ``known``."""
    for one in held:
        kind, _, name = one.thing.partition(":")
        if one.thing not in known:
            yield Warned(
                "still-given",
                "",
                0,
                "",
                f"{one.to} has {one.thing}, and without the table [givers.{name}] of kind {kind}, jitd cannot take it back: "
                f"write the table there again, and restart jitd if it was started without it; then: jitd revoke {one.grant}",
            )
