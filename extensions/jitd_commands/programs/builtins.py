# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: the builtins of shells. A text that a shell runs may use them. Their names begin with ``:`` in the table."""

from __future__ import annotations

import re
from collections.abc import Sequence

from jitd_commands.judging import Call, Row, may_start
from jitd_commands.programs.grammar import Deed, grammars
from jitd_commands.programs.shared import joins, texts
from jitd_commands.shell_text import Word


def _name(call: Call, word: Word) -> None:
    """The name of a variable that is written. The index of an array's element is evaluated."""
    name = word.text.partition("[")[0]
    if may_start(word.text) or (word.is_free and not word.is_bound):
        call.gives("uses a name of a variable that jitd cannot read")
    elif re.fullmatch(r"[A-Za-z_]\w*", name):
        call.judge.set_variable(call, name, None)


def _handler(call: Call, word: Word) -> None:
    if word.is_free or word.text not in ("", "-"):
        call.runs_text(word)


def _expanded(call: Call, word: Word) -> None:
    if word.is_free or "$" in word.text or "`" in word.text:
        call.gives("expands a text that can start programs")


def _key(call: Call, word: Word) -> None:
    call.gives("gives a key a command that it starts" if word.text else "gives keys commands")


def _alias(call: Call, word: Word) -> None:
    _, equals, value = word.text.partition("=")
    if equals or word.roams:
        call.runs_text(Word(f"{value} ", word.is_free))


def _builtin(here: Call, call: Call, words: Sequence[Word]) -> None:
    call.start(words, is_text=True)


def _declare(here: Call, call: Call, words: Sequence[Word]) -> None:
    for word in words:
        name, equals, value = word.text.partition("=")
        if call.has("i") and may_start(value):
            call.gives("makes a number of a text that can start programs")
        if call.has("n") and (word.is_free or equals):
            call.judge.set_variable(call, "*" if word.is_free else value.partition("[")[0], None)
        if may_start(name):
            call.gives("uses a name of a variable that jitd cannot read")
        if re.fullmatch(r"[A-Za-z_]\w*\+?", name) and (equals or word.is_free):
            call.judge.set_variable(call, name.rstrip("+"), Word(value, word.is_free))
        elif word.is_free and not word.text:
            call.judge.set_variable(call, "*", None)


def _set(here: Call, call: Call, words: Sequence[Word]) -> None:
    """fish(1) sets a variable with ``set -x NAME VALUE``."""
    if len(words) > 1:
        call.judge.set_variable(call, words[0].text, words[1])


def _evaluates(call: Call) -> None:
    """A builtin that makes numbers or names of its operands."""
    call.knows_all()
    for word in call.words:
        if may_start(word.text):
            call.gives("makes a number of a text that can start programs")
    for before, word in zip(call.words, call.words[1:], strict=False):
        if before.text in ("-v", "-R") and word.is_free and not word.is_bound:
            call.gives("uses a name of a variable that jitd cannot read")


_DEEDS: dict[str, Deed] = {
    "changes:joined": joins,
    "changes:builtin": _builtin,
    "changes:declared": _declare,
    "changes:set": _set,
}
ROWS = (
    *grammars(
        r"""
    = :eval: posix
        ...  changes:joined
    = :. :source: posix
        [FILE:runs] ...  harmless
    = :exec: posix  -a=TEXT -c -l
        [PROGRAM]  harmless
    = :command :builtin: posix  -p -v -V
        -v|-V ...  harmless
        ...        changes:builtin
    = :trap: posix  -l -p -P
        HANDLER TEXT ...  harmless
        [TEXT]            harmless
    = :export :declare :typeset :local :readonly: posix  -a -A -f -F -g -i -I -l -n -p -r -t -u -x
        -i|-n ...  changes:declared
        ...        changes:declared
    = :alias: posix  -p
        ALIAS...  harmless
    = :enable: posix  -f=FILE:runs -d -n -a -p -s
        ...  harmless
    = :mapfile :readarray: posix  -C=SHELL -c=TEXT -d=TEXT -n=TEXT -O=TEXT -s=TEXT -t -u=TEXT
        NAME...  harmless
    = :complete :compgen: posix  -a -b -c -d -e -f -g -j -k -s -u -v -p -r -D -E -I -C=SHELL -F=SHELL -W=EXPANDED -A=TEXT
        -G=TEXT -P=TEXT -S=TEXT -X=TEXT -o=TEXT
        ...  harmless
    = :read: posix  -a=NAME -d=TEXT -e -E -i=TEXT -n=TEXT -N=TEXT -p=TEXT -r -s -t=TEXT -u=TEXT
        NAME...  harmless
    = :printf: posix  -v=NAME
        ...  harmless
    = :wait: posix  -f -n -p=NAME
        ...  harmless
    = :getopts: posix
        [TEXT] [NAME] ...  harmless
    = :unset: posix  -f -n -v
        NAME...  harmless
    = :set: posix  -a -b -B -C -e -E -f -g -h -H -k -l -L -m -n -p -P -q -t -T -u -U -v -x -o=TEXT --erase --export --global
        --local --query
        ...  changes:set
    = :hash: posix  -d -l -p=PROGRAM -r -t
        ...  harmless
    = :bind: posix  -f=FILE:runs -l -m=TEXT -p -P -q=TEXT -r=TEXT -s -S -u=TEXT -v -V -x=KEY -X
        ()  harmless
    = :fc: posix  -e=PROGRAM -l -n -r -s
        -l ...  harmless
        ...     gives  fc runs commands again, or starts an editor
    = :history: posix  -a -c -d=TEXT -n -p -r -s -w
        -r|-n [FILE:reads]   harmless
        -a|-w [FILE:writes]  harmless
        ...                  harmless
    """,
        types={"NAME": _name, "HANDLER": _handler, "EXPANDED": _expanded, "KEY": _key, "ALIAS": _alias},
        deeds=_DEEDS,
    ),
    Row(":let :test :[", _evaluates),
    Row(
        ":: :true :false :echo :cd :pushd :popd :dirs :shift :exit :return :break"
        " :continue :umask :ulimit :type :times :jobs :fg :bg :shopt :suspend"
        " :logout :disown :caller :help :unalias :pwd",
        texts,
    ),
)
