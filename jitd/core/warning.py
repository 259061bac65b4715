# SPDX-License-Identifier: Apache-2.0
"""The warnings of ``jitd check``. A warning is about a part of a rule. This part is valid, but perhaps the author of the rule did
not intend its effect.

Law: a warning is not a fault, so jitd still loads and uses the policy. The names of warnings do not change between versions,
because rules accept warnings by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

WARNINGS: Mapping[str, str] = {
    "never-matches": "the rule can never match a request",
    "shadowed": "another rule always decides in place of this one",
    "denies-everything": "a deny matches every request",
    "any-command-first": "a permit for any command stands before narrower permits",
    "no-such-command": "a file that a pattern names does not exist here, or has another name",
    "check-refuses": "a check of an edit refuses a file as it is, and so each edit of it",
    "dot-dot": "a component .. in an argument gets around a deny",
    "literal-character": "a character that is special in a regular expression matches only itself in a pattern",
    "last-star": "a last * after an option matches one word, so the command with a further option does not match",
    "amounts-to-root": "what is permitted, a command or a thing, can do whatever root can do",
    "can-destroy": "a command that is permitted can destroy something, or stop something that many need",
    "local-password": "while no KDC can be reached, a local password is enough",
    "no-kdc-named": "a rule accepts a local password, but this has no effect on this host",
    "bare-door": "a stolen ticket counts as an approval by the door, and the rule gives root",
    "untouched": "the rule gives root by approvals for which nobody has to touch a key",
    "one-provider": "only a fact of a provider keeps a person from being root",
    "all-groups": "an expression needs the name of each group of the requester",
    "cannot-give": "a thing is set up so that nobody can be given it",
    "still-given": "somebody has a thing that jitd cannot take back, because its table is not in jitd.toml",
    "no-approver": "nobody could give the approvals, or only the requester could",
    "unreachable": "a gatekeeper that rules name cannot be reached from here now",
    "no-such-name": "an account or a group does not exist here",
    "self-account": "run_as names self, and this host has an account of this name, which is not meant",
    "two-persons": "a line of [approvers] makes one person count twice, if a name means one person",
    "no-effect": "a line of [approvers], or a group in it, has no effect",
    "not-looked-up": "something could not be looked up, so it is not known whether there is more to warn about",
    "needless-accept": "the rule accepts a warning that does not arise",
}
OF_THE_HOST = ("cannot-give", "still-given", "unreachable", "two-persons", "no-effect", "not-looked-up", "needless-accept")
"""The warnings that are not about a rule, and that about a needless word of ``accept``."""
ACCEPTABLE = tuple(name for name in WARNINGS if name not in OF_THE_HOST)  # the warnings that a rule may accept


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning, one of WARNINGS, with a sentence without a full stop, about ``rule``, or "", at its file and line."""

    name: str
    file: str
    line: int
    rule: str
    sentence: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.line else f"{self.file}: " if self.file else ""
        about = f"rule {self.rule}: " if self.rule else ""
        return f"{where}{about}warning {self.name}: {self.sentence}"
