# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: the builtins of shells. A text that a shell runs may use them. Their names begin with ``:`` in the table."""

from __future__ import annotations

import re

from jitd_commands.judging import Call, Row, may_start
from jitd_commands.programs.shared import texts
from jitd_commands.shell_text import Word


def _eval(call: Call) -> None:
    made = []
    for word in call.words:
        if word.is_free:
            return call.gives("runs a text that jitd cannot read")
        made.append(word.text)
    call.runs_text(Word(" ".join(made)))


def _source(call: Call) -> None:
    for word in call.words[:1]:
        call.runs_file(word)


def _exec(call: Call) -> None:
    call.start(call.operands, is_text=False)


def _command(call: Call) -> None:
    if not call.has("v", "V"):
        call.start(call.operands, is_text=True)


def _trap(call: Call) -> None:
    if len(call.operands) > 1 and call.operands[0].text not in ("", "-"):
        call.runs_text(call.operands[0])


def _sets(call: Call) -> None:
    """A builtin that writes to variables, and that evaluates the names of array elements."""
    names = call.operands
    if call.name == "printf":
        names = call.values("v")
    elif call.name == "getopts":
        names = call.operands[1:2]
    elif call.name in ("read", "mapfile", "readarray"):
        names = [*names, *call.values("a")]
    elif call.name == "wait":
        names = call.values("p")
    _named(call, names)
    if call.name in ("mapfile", "readarray"):
        _callback(call)


def _named(call: Call, names: list[Word]) -> None:
    for word in names:
        name = word.text.partition("[")[0]
        if may_start(word.text) or (word.is_free and not word.is_bound):
            call.gives("uses a name of a variable that jitd cannot read")
        elif re.fullmatch(r"[A-Za-z_]\w*", name):
            call.judge.set_variable(call, name, None)


def _evaluates(call: Call) -> None:
    """A builtin that makes numbers or names of its operands."""
    call.knows_all()
    for word in call.words:
        if may_start(word.text):
            call.gives("makes a number of a text that can start programs")
    for before, word in zip(call.words, call.words[1:], strict=False):
        if before.text in ("-v", "-R") and word.is_free and not word.is_bound:
            call.gives("uses a name of a variable that jitd cannot read")


def _hash(call: Call) -> None:
    for word in call.values("p"):
        call.start([word])


def _bind(call: Call) -> None:
    for word in call.values("x"):
        call.gives("gives a key a command that it starts" if word.text else "gives keys commands")
    for word in call.values("f"):
        call.runs_file(word)


def _history(call: Call) -> None:
    for word in [*call.values("r", "n"), *call.values("e")]:
        if call.name == "fc":
            call.start([word])
        else:
            call.reads(word)
    if call.name == "fc" and not call.has("l"):
        call.gives("runs commands again, or starts an editor")


def _declare(call: Call) -> None:
    call.knows_all()
    options = "".join(word.text for word in call.words if re.match(r"[-+]\w", word.text))
    for word in call.words:
        name, equals, value = word.text.partition("=")
        if "i" in options and may_start(value):
            call.gives("makes a number of a text that can start programs")
        if "n" in options and "-" in options and (word.is_free or equals):
            call.judge.set_variable(call, "*" if word.is_free else value.partition("[")[0], None)
        if may_start(name):
            call.gives("uses a name of a variable that jitd cannot read")
        if re.fullmatch(r"[A-Za-z_]\w*\+?", name) and (equals or word.is_free):
            call.judge.set_variable(call, name.rstrip("+"), Word(value, word.is_free))
        elif word.is_free and not word.text:
            call.judge.set_variable(call, "*", None)


def _alias(call: Call) -> None:
    call.knows_all()
    for word in call.words:
        _, equals, value = word.text.partition("=")
        if equals:
            call.runs_text(Word(f"{value} ", word.is_free))


def _enable(call: Call) -> None:
    for word in call.values("f"):
        call.runs_file(word)


def _callback(call: Call) -> None:
    for word in call.values("W"):
        if word.is_free or "$" in word.text or "`" in word.text:
            call.gives("expands a text that can start programs")
    for word in call.values("C", "F"):
        call.runs_text(word)


def _set(call: Call) -> None:
    """fish(1) sets a variable with ``set -x NAME VALUE``."""
    call.knows_all()
    if len(call.operands) > 1:
        call.judge.set_variable(call, call.operands[0].text, call.operands[1])


ROWS = (
    Row(":eval", _eval),
    Row(":. :source", _source),
    Row(":exec", _exec, "a: c l", is_first=True),
    Row(":command :builtin", _command, "p v V", is_first=True),
    Row(":trap", _trap),
    Row(":export :declare :typeset :local :readonly", _declare),
    Row(":alias", _alias),
    Row(":enable", _enable, "f: d n a p s"),
    Row(":mapfile :readarray", _sets, "C: F: c: n: O: s: u: d: t"),
    Row(":complete :compgen", _callback, "C: F: W: A: G: P: S: X: o:"),
    Row(":read", _sets, "a: d: i: n: N: p: t: u: e r s"),
    Row(":printf", _sets, "v:", is_first=True),
    Row(":wait", _sets, "p: n f"),
    Row(":getopts :unset", _sets, "f v n"),
    Row(":let :test :[", _evaluates),
    Row(":set", _set, "o:"),
    Row(":hash", _hash, "p: d l r t"),
    Row(":bind", _bind, "x: f: m: q: u: r: l p P s S v V X"),
    Row(":history :fc", _history, "e: r: n: l s c d: a: w:"),
    Row(
        ":: :true :false :echo :cd :pushd :popd :dirs :shift :exit :return :break"
        " :continue :umask :ulimit :type :times :jobs :fg :bg :shopt :suspend"
        " :logout :disown :caller :help :unalias :pwd",
        texts,
    ),
)
