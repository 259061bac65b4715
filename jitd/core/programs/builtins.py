# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: the builtins of shells. A text that a shell runs may use them. Their names begin with ``:`` in the table."""

from __future__ import annotations

import re

from jitd.core.judging import Call, Row
from jitd.core.shell_text import Word


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


def _declare(call: Call) -> None:
    for word in call.words:
        name, equals, value = word.text.partition("=")
        if re.fullmatch(r"[A-Za-z_]\w*\+?", name) and (equals or word.is_free):
            call.judge.set_variable(call, name.rstrip("+"), Word(value, word.is_free))
        elif word.is_free and not word.text:
            call.judge.set_variable(call, "*", None)


def _alias(call: Call) -> None:
    for word in call.words:
        _, equals, value = word.text.partition("=")
        if equals:
            call.runs_text(Word(f"{value} ", word.is_free))


def _enable(call: Call) -> None:
    for word in call.values("f"):
        call.runs_file(word)


def _callback(call: Call) -> None:
    for word in call.values("C", "F"):
        call.runs_text(word)


def _test(call: Call) -> None:
    return


ROWS = (
    Row(":eval", _eval),
    Row(":. :source", _source),
    Row(":exec", _exec, "a: c l", is_first=True),
    Row(":command :builtin", _command, "p v V", is_first=True),
    Row(":trap", _trap),
    Row(":export :declare :typeset :local :readonly", _declare),
    Row(":alias", _alias),
    Row(":enable", _enable, "f: d n a p s"),
    Row(":mapfile :readarray :complete :compgen", _callback, "C: F: c: n: O: s: u: d: t"),
    Row(
        ":: :true :false :echo :printf :test :[ :cd :pushd :popd :dirs :set :shift :unset :read :exit :return :break"
        " :continue :wait :umask :ulimit :type :hash :times :jobs :fg :bg :getopts :let :shopt :history :fc :suspend"
        " :logout :disown :bind :caller :help :unalias :pwd",
        _test,
    ),
)
