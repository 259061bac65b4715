# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: programs that watch a host, check it or report on it."""

from __future__ import annotations

import re

from jitd_commands.judging import Call, Row
from jitd_commands.programs.shared import looks, nothing, rows_of, trusts
from jitd_commands.shell_text import Word


def _checks(call: Call) -> None:
    trusts(call, call.values("c", "config", "configfile", "profile"))


def _atrm(call: Call) -> None:
    call.changes(f"deletes the planned jobs {' '.join(word.text for word in call.operands if word.text)[:60] or 'that it names'}")


def _top(call: Call) -> None:
    if not call.is_shown or call.has("b", "h", "V", "v", "version", "help") or (call.name == "atop" and call.has("r")):
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


_WATCHES = """
    debsecan        suite: format: only-fixed no-obsolete
    tcptraceroute   n N i: f: l: q: w: m: p: s: S A E F d
    ntpq            4 ipv4 6 ipv6 n numeric p peers c: command: d debug s srcname S srcnumber u units w wide W: width: h V
    atq             q: V
    printenv        0 null
    nethogs         V h d: v: c: t p s a l b C P:
    mongostat    h: host: u: username: p: password: port: n: rowcount: noheaders json discover all humanReadable:
    ssh-keyscan     4 6 c D H p: T: t: v f:
    systemd-cgtop   p c t m i order: cpu:: P k recursive: n: iterations: 1 d: delay: depth: M: machine: b batch r raw h
    aa-enabled      q quiet h
    yamllint        f: format: s strict d: config-data: c: config-file: no-warnings v list-files
"""


def _amtool(call: Call) -> None:
    words = [word.text for word in call.operands[:2]]
    if words[:1] == ["silence"] and words[1:] not in ([], ["query"]) or any(word.is_free for word in call.operands[:2]):
        return call.changes("changes which alarms are silent")
    if words[:1] not in ([], ["alert"], ["silence"], ["check-config"], ["cluster"], ["config"]):
        call.not_known(f"jitd does not know what amtool {words[0][:40]} does")


ROWS = (
    *rows_of(nothing, _WATCHES, also="help version", operands="names"),
    Row("promtool", looks("check test query", "changes data of the monitoring"), "h help version format: o: output:"),
    Row("amtool", _amtool, "h help version alertmanager.url: o: output: verify-config"),
    Row(
        "rkhunter lynis",
        _checks,
        "check C sk skip-keypress rwo report-warnings-only nocolors version V h help audit Q quick no-colors cronjob"
        " auditor: pentest verbose limit: detail: service: range: archives c: config: configfile: profile: logdir: a b q",
        chosen="does what any file says",
        operands="what is checked",
    ),
    Row("atrm", _atrm),
    Row(
        "top htop atop",
        _top,
        "1 0 a A B C D F f G g i I j l m M N P R t T U: v V h help version x X y Y z d: no-color no-colour tree sort-key:"
        " delay: user: e: s batch iterations: c w: E: k L O o: q stdout b n: p: u: r S H",
        operands="numbers",
    ),
    Row("needrestart", _needrestart, "help version c: m: r: u: w: n: b l p k v q", telling="--help"),
    Row("zabbix_agentd", _zabbix, "c: config: t: test: p V h R: f", chosen="runs the programs that any file names"),
    Row(
        "sosreport sos",
        _collects,
        "batch only-plugins: n: skip-plugins: e: enable-plugins: k: plugin-option: l list-plugins a alloptions"
        " all-logs since: log-size: z: compression-type: label: case-id: name: ticket-number: q quiet v verbose clean"
        " mask no-report preset: p: profile: threads: low-priority t A",
        telling="--help:sosreport,sos",
    ),
    Row("sysdig", _sysdig, "w: r: p: c: n: A", telling="--version --help"),
)
