# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: mail servers."""

from __future__ import annotations

import re

from jitd.core.judging import Call, Row
from jitd.core.programs.shared import changes, looks, trusts


def _postfix(call: Call) -> None:
    trusts(call, call.values("c"))
    if call.verb is None or (call.verb.text in ("check", "status") and not call.verb.is_free):
        return
    call.changes("starts, stops or reloads the mail server")


def _postconf(call: Call) -> None:
    trusts(call, call.values("c"))
    if call.has("e", "X", "#") or any("=" in word.text or word.is_any for word in call.operands):
        call.gives("changes the settings of the mail server, which names programs")


def _postqueue(call: Call) -> None:
    trusts(call, call.values("c"))
    if not call.has("p", "j") and call.name != "mailq":
        call.changes("sends the mail that waits")


def _exim(call: Call) -> None:
    trusts(call, call.values("C"))
    for word in call.values("X"):
        call.writes(word)
    if any(word.text.startswith(("-be", "-D", "-bf", "-bF")) for word in call.words) or call.may_add_options:
        return call.gives("runs expressions, which can start programs")
    if any(word.text in ("-bp", "-bpc", "-bpr", "-bpa", "-bt", "-bv", "-bV", "-bP") for word in call.words):
        return None
    if any(re.match("-Mv[bhlc]", word.text) for word in call.words):
        return call.discloses("shows other people's mail")
    call.changes("sends, holds or deletes mail")


def _sendmail(call: Call) -> None:
    trusts(call, call.values("C"))
    if call.has("bp"):
        return
    call.changes("sends mail")


def _postcat(call: Call) -> None:
    call.discloses("shows other people's mail")


ROWS = (
    Row("postfix", _postfix, "c: v D"),
    Row("postconf", _postconf, "c: e X # M n d p"),
    Row("postqueue mailq exiqgrep qshape", _postqueue, "c: i: s: f p j v", harmless="b"),
    Row("postcat", _postcat),
    Row("postsuper", changes("deletes or holds mail"), "c: d: h: H: r:"),
    Row("postmap postalias newaliases", changes("changes tables of the mail server")),
    Row("exim exim4", _exim, "C: M:", harmless="bp bpc bpr bpu bpa bt bV bP Mvh Mvl Mvb V d"),
    Row("sendmail msmtp swaks qmail-inject", _sendmail, "C: f: F: r: X: bp"),
    Row("doveadm", looks("who version", "changes or shows other people's mail"), harmless="u: A h help"),
)
