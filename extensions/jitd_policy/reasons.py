# SPDX-License-Identifier: Apache-2.0
"""Why something that sudo says is not carried over, and what to do about it."""

from __future__ import annotations

from enum import Enum


class Reason(Enum):
    """A kind of reason. ``why`` is what the kind has in common, and ``do`` is what to do. Both are parts of a sentence."""

    EXCLUDES = "rules cannot exclude commands", "list what is allowed"
    LATER = "a later line excludes or limits what may be the same command", "put what is allowed into one line"
    EXCLUDES_PEOPLE = "rules cannot exclude people", "name those who may"
    EXCLUDES_HOSTS = "rules cannot exclude hosts", "name the hosts"
    EVERYBODY = "a rule names people or groups", "name a group"
    NAMES = "rules know accounts and groups by their names alone", "name them"
    TARGETS = "rules know accounts to run as by their names alone", "name them"
    HOSTS = "rules know hosts by their whole names alone", "name them"
    WORDS = "a * of sudo is any number of words, and one of a rule is one word", "write the words"
    PATTERNS = "no pattern of a rule says this", "name each program, and its words"
    DIGEST = "a rule names no digest", "leave it out, because an approval is bound to the file that was approved"
    TAGS = "no rule can say it", "write a rule by hand, if the command may run without it"
    TIMES = "no rule begins or ends by itself", "write a rule by hand, and delete it in time"
    SETTING = "a setting may change what every line means", "import a copy without it, if it does not matter"
    BOUND = "a setting may be about the line, and cannot be translated", "import a copy without it, if it does not matter"
    TEXT = "it is not printable text", "correct it"
    ROOT = "root needs no rule", ""
    REFUSED = "sudo refuses what the rule would permit", "write a narrower one by hand"
    UNREADABLE = "it makes no rule that jitd reads", "write one by hand"

    def __init__(self, why: str, do: str) -> None:
        self.why = why
        self.do = do


class NotCarried(Exception):
    """Something is not carried over. The text is a sentence without a full stop. If it is not given, the reason has it."""

    def __init__(self, reason: Reason, about: str = "") -> None:
        said = about or reason.why
        super().__init__(f"{said}{'; ' if ': ' in said else ': '}{reason.do}" if reason.do else said)
        self.reason = reason
