# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: programs that watch a host, check it or report on it."""

from __future__ import annotations

import re

from jitd_commands.judging import Call, Row
from jitd_commands.programs.grammar import grammars
from jitd_commands.programs.shared import looks, nothing, rows_of
from jitd_commands.shell_text import Word


def _top(call: Call) -> None:
    if not call.is_shown or call.has("b", "h", "V", "v", "version", "help") or (call.name == "atop" and call.has("r")):
        return
    call.changes("can end processes at a key")


_AGENT = (
    r"(system\.(uptime|boottime|hostname|localtime|uname|cpu|swap|sw|users)|vm|net|proc|kernel|agent|vfs\.(fs|dev))\b"
    r"[^|;&`$]*"
)
"""Keys of Zabbix that only tell something of the host."""


def _key(call: Call, key: Word) -> None:
    """Zabbix tells the value of ``key``."""
    run = re.fullmatch(r"system\.run\[(.*?)(?:,(?:no)?wait)?\]", key.text, re.DOTALL)
    if key.is_free or run:
        call.runs_text(Word(run[1] if run else "", key.is_free))
    elif shown := re.fullmatch(r"vfs\.file\.[a-z]+\[\"?([^\",\]]+).*", key.text):
        call.reads(Word(shown[1]))
    elif not re.fullmatch(_AGENT, key.text):
        call.unknown()


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


ROWS = (
    *grammars(
        """
        = amtool  -h --help --version --alertmanager.url=TEXT -o=TEXT:plain --output=TEXT:plain --verify-config
        alert|check-config|cluster|config ...  harmless
        silence query ...     harmless
        silence|alert ()      harmless
        silence ...           changes   {program} changes which alarms are silent
        --help|--version ...  harmless
        = rkhunter  -c|--check --sk|--skip-keypress --rwo|--report-warnings-only --nocolors -q|--quiet -V|--version -h|--help
        --update --propupd[=TEXT] --list[=TEXT] --versioncheck --configfile=FILE:trusts --cronjob -l|--logfile[=FILE:writes]
        --enable=TEXT --disable=TEXT --summary --nosummary --append-log -x|--autox -X|--no-autox --vl|--verbose-logging
        --pkgmgr=TEXT --nolog
        --update|--propupd ()  changes   changes with what {program} compares the files of this host
        ()                     harmless
        = lynis  --auditor=TEXT --cronjob --debug -Q|--quick -q|--quiet --no-colors --no-log --pentest --profile=FILE:trusts
        --verbose --version|-V --view-manpage|--man --tests=TEXT --tests-from-group=TEXT --tests-category=TEXT --upload
        --warnings-only --reverse-colors --help|-h --slow-warning=N --logfile=FILE:writes --report-file=FILE:writes
        --plugin-dir=DIR:obeys -c|--check-all
        audit system|dockerfile|system ...  harmless
        show|update ...       harmless
        configure|generate|upload-only ...  changes   changes what {program} has stored
        ()                    harmless
        = atrm  -V
        -V ()  harmless
        TEXT...  changes   deletes the planned jobs {:that it names}
        = needrestart  --help --version -c=FILE:trusts -m=TEXT -r=TEXT -u=TEXT -w=TEXT -n=TEXT -b -l -p -k -v -q
        --help|--version|-b|-l|-p ()  harmless
        -r=l ()  harmless
        ()       changes   {program} may restart services
        = zabbix_agentd  -c|--config=FILE:trusts -t|--test=KEY -p|--print -V|--version -h|--help -R=TEXT -f|--foreground
        --test|--print|--version|--help ()  harmless
        ()       changes   {program} starts the agent of the monitoring
        = sosreport sos  --batch --only-plugins=TEXT -n=TEXT --skip-plugins=TEXT -e=TEXT --enable-plugins=TEXT -k=TEXT
        --plugin-option=TEXT -l --list-plugins -a --alloptions --all-logs --since=TEXT --log-size=TEXT -z=TEXT
        --compression-type=TEXT --label=TEXT --case-id=TEXT --name=TEXT --ticket-number=TEXT -q --quiet -v --verbose --clean
        --mask --no-report --preset=TEXT -p=TEXT --profile=TEXT --threads=TEXT --low-priority -t -A --help
        --help ...            harmless
        --list-plugins ...    harmless
        ...                   reads     {program} collects configurations, logs and keys of the host
        = sysdig  -w=FILE:writes -r=FILE:reads -p=TEXT -c=FILE:trusts -n=N -A --version --help
        --version|--help ()   harmless
        ...                   reads     {program} shows what all processes read and write
        """,
        types={"KEY": _key},
    ),
    *rows_of(nothing, _WATCHES, also="help version", operands="names"),
    Row("promtool", looks("check test query", "changes data of the monitoring"), "h help version format: o: output:"),
    Row(
        "top htop atop",
        _top,
        "1 0 a A B C D F f G g i I j l m M N P R t T U: v V h help version x X y Y z d: no-color no-colour tree sort-key:"
        " delay: user: e: s batch iterations: c w: E: k L O o: q stdout b n: p: u: r S H",
        operands="numbers",
    ),
)
