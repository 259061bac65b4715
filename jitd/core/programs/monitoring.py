# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: programs that watch a host, check it or report on it."""

from __future__ import annotations

import re

from jitd.core.judging import Call, Row
from jitd.core.programs.shared import nothing, trusts
from jitd.core.shell_text import Word


def _checks(call: Call) -> None:
    trusts(call, call.values("c", "config", "configfile", "profile"))


def _sysbench(call: Call) -> None:
    for word in call.operands[:1]:
        if "/" in word.text or word.text.endswith(".lua") or word.is_free:
            call.runs_file(word)


def _atrm(call: Call) -> None:
    call.changes(f"deletes the planned jobs {' '.join(word.text for word in call.operands if word.text)[:60] or 'that it names'}")


def _top(call: Call) -> None:
    if (
        call.name in ("glances", "nmon")
        or not call.is_shown
        or call.has("b", "h", "V", "v", "version", "help")
        or (call.name == "atop" and call.has("r"))
    ):
        return
    call.changes("can end processes at a key")


def _needrestart(call: Call) -> None:
    trusts(call, call.values("c"))
    if call.has("b", "l", "p") or any(word.text == "l" for word in call.values("r")):
        return
    call.changes("may restart services")


def _zabbix(call: Call) -> None:
    trusts(call, call.values("c", "config"))
    for key in call.values("t", "test"):
        found = re.fullmatch(r"system\.run\[(.*?)(?:,(?:no)?wait)?\]", key.text, re.DOTALL)
        if not key.is_free and (shown := re.fullmatch(r"vfs\.file\.[a-z]+\[\"?([^\",\]]+).*", key.text)):
            call.reads(Word(shown[1]))
        elif not key.is_free and re.fullmatch(
            r"(system\.(uptime|boottime|hostname|localtime|uname|cpu|swap|sw|users)|vm|net|proc|kernel|agent|vfs\.(fs|dev))\b[^|;&`$]*",
            key.text,
        ):
            continue
        elif found is not None or key.is_free:
            call.runs_text(Word(found[1] if found else "", key.is_free))
        else:
            call.unknown()


def _sysdig(call: Call) -> None:
    for file in call.values("w"):
        call.writes(file)
    call.discloses("shows what all processes read and write")


def _collects(call: Call) -> None:
    call.discloses("collects configurations, logs and keys of the host")


ROWS = (
    Row(
        "chkrootkit debsecan promtool amtool zabbix_get zabbix_sender nload bmon"
        " pwdx tcptraceroute ntpq ntpstat atq printenv nethogs vnstat pg_activity mytop innotop mongostat mongotop ssh-keyscan"
        " systemd-cgtop aa-enabled yamllint ethstatus",
        nothing,
    ),
    Row(
        "aide rkhunter lynis logwatch", _checks, "c: config: configfile: profile: logdir: a b q", chosen="does what any file says"
    ),
    Row("sysbench", _sysbench),
    Row("atrm", _atrm),
    Row("top htop btop atop glances nmon", _top, "b d: n: p: u: U: o: w: r s S E: e: H c i"),
    Row("needrestart", _needrestart, "c: m: r: u: w: n: b l p k v q"),
    Row(
        "zabbix_agentd zabbix_agent2 zabbix_agent",
        _zabbix,
        "c: config: t: test: p V h R: f",
        chosen="runs the programs that any file names",
    ),
    Row("sosreport sos supportconfig", _collects),
    Row("sysdig csysdig falco opensnoop execsnoop bashreadline ttysnoop", _sysdig, "w: r: p: c: n: A"),
)
