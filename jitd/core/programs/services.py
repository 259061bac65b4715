# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: services, units, timers, cron, and the host as a whole.

Law: starting and stopping is a change. Whoever chooses what a service starts has what the service has.
"""

from __future__ import annotations

import re

from jitd.core.judging import Call, Row, Verdict
from jitd.core.shell_text import Word

_NO_LOGIN, _NO_RECORD, _NO_LOGS = (
    "nobody can log in from elsewhere any more",
    "what people do is not recorded any more",
    "no more logs are written",
)
_NO_ALARM, _OPEN, _CUT = "attacks are not noticed any more", "anybody may reach this host then", "this host may be cut off"
GUARDS = {
    "jitd": "nothing is asked, watched or recorded any more",
    "jitd-kdc": "jitd gives no tickets any more",
    "ssh": _NO_LOGIN,
    "sshd": _NO_LOGIN,
    "sssd": "people of the directory cannot log in any more",
    "auditd": _NO_RECORD,
    "rsyslog": _NO_LOGS,
    "rsyslogd": _NO_LOGS,
    "syslog": _NO_LOGS,
    "syslog-ng": _NO_LOGS,
    "systemd-journald": _NO_LOGS,
    "systemd-logind": _NO_LOGIN,
    "krb5-kdc": _NO_LOGIN,
    "slapd": "people of the directory cannot log in any more",
    "firewalld": _OPEN,
    "nftables": _OPEN,
    "ufw": _OPEN,
    "iptables": _OPEN,
    "fail2ban": "attackers are not locked out any more",
    "crowdsec": "attackers are not locked out any more",
    "networking": _CUT,
    "NetworkManager": _CUT,
    "systemd-networkd": _CUT,
    "network": _CUT,
    "systemd-resolved": "names of other hosts are not found any more",
    "wazuh-agent": _NO_ALARM,
    "falcon-sensor": _NO_ALARM,
    "osqueryd": _NO_ALARM,
    "apparmor": "nothing restricts programs any more",
    "dbus": "most services need it",
    "polkit": "most services need it",
}
"""What a host loses while a service does not run."""
_STOPS = frozenset(("stop", "force-stop", "condstop", "disable", "mask", "kill", "freeze", "clean"))


def lost(name: str, verb: str = "stop") -> str:
    """Return what a host loses if ``verb`` of systemctl(1) is done to the service ``name``, or an empty text."""
    matters = GUARDS.get(name.partition("@")[0], "")
    return matters if verb in _STOPS or (matters == _CUT and "restart" in verb) else ""


_STOPPING = {
    "stop": "stops",
    "restart": "restarts",
    "try-restart": "restarts",
    "reload-or-restart": "restarts",
    "kill": "kills",
    "disable": "disables",
    "mask": "disables",
    "condrestart": "restarts",
    "force-reload": "restarts",
    "reload": "reloads",
    "freeze": "stops",
    "clean": "deletes files of",
    "reload-or-try-restart": "restarts",
    "revert": "changes",
    "start": "starts",
    "enable": "enables",
    "reenable": "enables",
    "unmask": "enables",
    "preset": "enables",
    "add-wants": "changes",
    "add-requires": "changes",
    "set-property": "changes the limits of",
    "thaw": "starts",
    "reset-failed": "",
    "daemon-reload": "",
    "daemon-reexec": "restarts",
    "preset-all": "enables",
    "bind": "changes",
    "mount-image": "changes",
    "force-stop": "stops",
    "condstop": "stops",
    "try-reload": "reloads",
    "status": "",
    "full-restart": "restarts",
}
_HOST = frozenset(
    [
        "poweroff",
        "reboot",
        "halt",
        "kexec",
        "soft-reboot",
        "suspend",
        "hibernate",
        "hybrid-sleep",
        "sleep",
        "suspend-then-hibernate",
        "isolate",
        "rescue",
        "emergency",
        "default",
        "exit",
    ]
)
_SHOWS = frozenset(("status", "show", "cat", ""))
_QUIET = frozenset(["is-active", "is-enabled", "is-failed", "is-system-running", "get-default", "show-environment", "whoami"])


_MILD = frozenset(("HUP", "USR1", "USR2", "WINCH", "CONT", "1", "10", "12", "28", "18"))
"""Signals that tell most programs to read their settings or open their files again."""


def pages(call: Call, what: str = "") -> None:
    """A program of systemd shows its output in a pager. It forbids less(1) to start programs (LESSSECURE), and starts no other
    pager, unless the command is in a session of the account that it runs as. A run of jitd is in no session, but a program in it
    may open one, as su(1) does, and on another host there is one.
    """
    if call.is_shown and not call.has("no-pager") and (call.has_session or call.elsewhere):
        call.leads(f"{what} starts a pager, which can start a shell".lstrip())


def _does(call: Call, verb: str, units: list[Word]) -> None:
    does = _STOPPING[verb]
    if not does:
        return None
    if not units:
        return call.changes(f"{does} services", is_whole=True)
    for unit in units:
        name = unit.text.removesuffix(".service").removesuffix(".socket")
        if unit.is_free and not name:
            call.changes(f"{does} any service", is_whole=True)
            continue
        matters = "" if unit.is_free else lost(name, verb)
        call.changes(f"{does} {name[:60]}", "", matters, is_whole=True)


def _systemctl(call: Call) -> None:
    verb = call.verb
    if verb is not None and verb.is_free:
        call.changes("can stop or restart the whole host")
        return call.gives("can choose what root runs by itself")
    name = verb.text if verb is not None else ""
    units = call.operands[1:]
    if call.has("root", "image"):
        call.gives("changes units below another root directory")
    if call.has("H", "host") or call.has("M", "machine"):
        call.changes("acts on another host or container")
    if name in _HOST:
        return (
            call.changes(f"can {name} the whole host", is_whole=True)
            if name != "isolate"
            else call.changes("stops all other services", is_whole=True)
        )
    if name in ("edit", "set-environment", "import-environment", "unset-environment"):
        return call.gives("can choose what root runs by itself")
    if name == "link" or (name in ("enable", "reenable", "start", "restart") and any("/" in unit.text for unit in units)):
        for unit in units:
            path = call.absolute(unit)
            if path is None:
                call.gives("can choose what root runs by itself")
            elif who := call.judge.changed_by(path):
                call.gives(
                    f"{path} belongs to {who}: root runs what it names",
                    path,
                    is_whole=True,
                )
            elif unit.is_free:
                call.gives("can choose what root runs by itself")
            else:
                call.leads(f"makes root run what {path} names", path, is_whole=True)
        return None
    if name == "set-default":
        return call.changes("changes what the host starts")
    if name == "set-property" and any(
        re.match(r"(Exec|Environment|User|Device|Bind|Root)", unit.text) or unit.is_any for unit in units[1:]
    ):
        return call.gives("can change or choose what a service may do")
    if name in ("start", "enable", "restart", "try-restart", "reload-or-restart", "isolate", "reenable") and (
        call.may_add_options or any(unit.is_any or unit.text in ("-", "--") and unit.is_free for unit in units)
    ):
        call.gives("can choose what the host starts")
        return None
    if name == "start":
        for unit in units:
            if re.fullmatch(
                r"(poweroff|reboot|halt|kexec|rescue|emergency|exit|shutdown|ctrl-alt-del)\.target|(systemd-)?(debug-shell|rescue|emergency)"
                r"(\.service)?",
                unit.text,
            ):
                return (
                    call.gives
                    if "debug-shell" in unit.text or "rescue" in unit.text or "emergency" in unit.text
                    else call.changes
                )(f"starts {unit.text}", is_whole=True)
    if name in ("enable", "unmask") and any("debug-shell" in unit.text for unit in units):
        return call.gives("enables a shell of root without a password")
    signals = [word.text.removeprefix("SIG") for word in call.values("s", "signal") if not word.is_free]
    if name == "kill" and signals and signals[-1] in _MILD:
        for unit in units:
            call.changes(f"sends the signal {signals[-1]} to {unit.text.removesuffix('.service')[:40]}", is_whole=True)
        return None
    if name in _STOPPING and name != "status":
        return _does(call, name, units[:1] if name == "set-property" else units)
    if name == "help":
        return call.leads("help shows manual pages in a pager, which can start a shell") if call.is_shown else None
    if name in _SHOWS or name.startswith("list-"):
        return pages(call, name or "list-units")
    if name in _QUIET:
        return None
    call.unknown(f"jitd does not know what {call.name} {name[:40]} does")


def _service(call: Call) -> None:
    if call.verb is None or call.verb.text == "--status-all":
        return None
    if call.verb.is_free:
        return call.gives("runs any code that it is given")
    if "/" in call.verb.text or ".." in call.verb.text:
        return call.gives("runs any file")
    action = call.operands[1].text if len(call.operands) > 1 else ""
    if len(call.operands) > 1 and call.operands[1].is_free:
        return call.changes(f"stops or restarts {call.verb.text[:60]}", is_whole=True)
    if action == "status":
        return pages(call)
    if action in _STOPPING:
        return _does(call, action, [call.verb])
    call.unknown(f"jitd does not know what {call.verb.text[:40]} {action[:40]} does")


def _journalctl(call: Call) -> None:
    if any(option.startswith("vacuum") for option in call.given):
        call.changes("deletes old logs")
    if call.has("D", "directory", "file", "root", "image"):
        for word in call.values("D", "directory", "file"):
            call.reads(word)
    if call.has("no-pager") or not call.is_shown:
        return
    if call.has(
        "f", "follow", "disk-usage", "list-boots", "flush", "sync", "verify", "rotate", "version", "help", "header"
    ) and not call.has("e"):
        return
    if any(option.startswith("vacuum") for option in call.given):
        return
    pages(call)


def _loginctl(call: Call) -> None:
    verb = call.verb.text if call.verb is not None else ""
    if call.verb is not None and call.verb.is_free:
        return call.changes("can end any session")
    if verb.startswith(("terminate", "kill", "lock", "unlock", "enable-linger", "disable-linger", "attach", "flush", "activate")):
        does = "ends sessions of others" if verb.startswith(("terminate", "kill")) else "changes sessions of others"
        return call.changes(f"{verb}: {does}")
    if verb and not re.fullmatch(r"list-(sessions|users|seats)|(session|user|seat)-status|show-(session|user|seat)", verb):
        return call.unknown(f"jitd does not know what loginctl {verb[:40]} does")
    pages(call)


def _machinectl(call: Call) -> None:
    verb = call.verb.text if call.verb is not None else ""
    if call.verb is None or verb in ("list", "status", "show", "list-images", "image-status"):
        pages(call)
    elif verb in ("poweroff", "reboot", "terminate", "kill", "remove", "stop", "disable", "start", "enable"):
        call.changes(f"{verb} changes containers")
    else:
        call.gives("can start containers that have the whole host")


def _pages(call: Call) -> None:
    if call.name == "coredumpctl":
        if call.verb is not None and call.verb.text in ("debug", "gdb"):
            return call.gives("starts a debugger")
        for word in call.values("o", "output"):
            call.writes(word)
        if call.verb is not None and call.verb.text == "dump":
            call.discloses("reads the memory of a process")
    if (
        call.name == "resolvectl"
        and call.verb is not None
        and (len(call.operands) > 2 or call.verb.text == "revert")
        and call.verb.text not in ("query", "service", "openpgp", "tlsa", "status", "statistics")
    ):
        return call.changes("changes where this host looks up names")
    if call.verb is not None and call.verb.text in ("flush-caches", "reset-statistics", "statistics", "query", "dns", "domain"):
        return None
    if call.name == "systemd-analyze" and call.verb is not None and call.verb.text in ("verify", "time", "calendar", "timespan"):
        for word in call.operands[1:]:
            call.reads(word)
        return None
    verb = call.verb.text if call.verb is not None else ""
    if (call.verb is not None and call.verb.is_free) or (verb and not re.fullmatch(_LOOKS.get(call.name, "(?!)"), verb)):
        return call.changes(f"{verb[:40]} changes {_CHANGED.get(call.name, 'settings of this host')}")
    if call.name == "userdbctl" and verb in ("user", "group", "") and call.has("o", "output", "j", "json"):
        call.discloses("shows password hashes")
    pages(call)


_LOOKS = {
    "coredumpctl": "list|info|dump",
    "networkctl": "list|status|lldp|label|cat|dump-config",
    "resolvectl": "query|service|openpgp|tlsa|status|statistics|show-cache|show-server-state|monitor|dns|domain|default-route"
    "|llmnr|mdns|dnssec|dnsovertls|nta|log-level|flush-caches|reset-statistics|reset-server-features",
    "bootctl": "status|list|is-installed|systemd-efi-options|reboot-to-firmware|kernel-identify|kernel-inspect",
    "systemd-analyze": "time|blame|critical-chain|plot|dot|dump|cat-config|unit-files|unit-paths|exit-status|capability|condition"
    "|syscall-filter|filesystems|calendar|timestamp|timespan|verify|security|inspect-elf|fdstore|pcrs|srk|architectures|has-tpm2"
    "|image-policy|malloc|smbios11",
    "systemd-cgls": ".*",
    "systemd-delta": ".*",
    "userdbctl": "user|group|users-in-group|groups-of-user|services|ssh-authorized-keys",
    "oomctl": "dump",
}
"""The verbs that only show something."""
_CHANGED = {
    "networkctl": "the network of this host, and may cut it off",
    "resolvectl": "where this host looks up names",
    "bootctl": "what the host boots",
    "systemd-analyze": "what systemd writes into its logs",
}


def _crontab(call: Call) -> None:
    if call.has("l"):
        return None
    if call.has("r"):
        whose = call.values("u")
        return call.changes(f"deletes the crontab of {whose[0].text[:60] if whose else 'root'}", is_whole=True)
    whose = call.values("u")
    if call.is_root and whose and not whose[0].is_free and whose[0].text != "root" and not call.has("e"):
        for word in call.operands:
            call.reads(word)
        if call.may_add_options:
            call.gives("can choose what root runs by itself")
        return call.leads(f"changes what {whose[0].text[:60]} starts by itself")
    call.gives("can choose what root runs by itself")


def _shutdown(call: Call) -> None:
    if call.has("w", "wtmp-only", "help", "c") and not call.may_add_options:
        return call.changes("cancels a shutdown") if call.has("c") else None
    call.changes("stops or restarts the whole host")


def _init(call: Call) -> None:
    call.changes("stops or restarts the whole host")


def _kill(call: Call) -> None:
    if call.has("l", "L", "list", "table") or [word.text for word in call.words[:1]] == ["-0"]:
        return None
    targets = [word for word in call.words if not word.text.startswith("-") or (word.is_free and word.text in ("", "-"))]
    if any(word.is_free for word in targets):
        return call.changes("ends processes", is_whole=True) if not call.judge.is_pattern else call.changes("can end any process")
    if any(word.text in ("1", "-1") for word in call.words[1:]):
        return call.changes("ends or signals the first process or all of them")
    told = " ".join(word.text for word in targets)[:60]
    mild = _mild_signal(call)
    if mild and told:
        whose = "process " if re.fullmatch("[0-9 ]+", told) else ""
        return call.changes(f"sends the signal {mild} to {whose}{told}", is_whole=True)
    for word in targets:
        if matters := lost(word.text) or lost(word.text.removesuffix("d")):
            return call.changes(f"ends {word.text}", "", matters, is_whole=True)
    call.changes(
        f"ends {'process ' if re.fullmatch('[0-9 ]+', told) else 'processes of '}{told}" if told else "ends processes",
        is_whole=True,
    )


def _mild_signal(call: Call) -> str:
    """Return the signal, if it is one that ends few programs."""
    first = call.words[0].text if call.words and not call.words[0].is_free else ""
    name = first[1:].removeprefix("SIG") if re.fullmatch("-[A-Z0-9]+", first) else ""
    return name if name in _MILD else ""


def _fuser(call: Call) -> None:
    if call.has("k", "kill") or call.may_add_options:
        call.changes("ends the processes that use a file", is_whole=True)


def _clock(call: Call) -> None:
    if call.name == "date":
        if (
            call.has("s", "set")
            or any(re.fullmatch(r"[0-9]{8,12}(\.[0-9]+)?", word.text) or word.is_any for word in call.operands)
            or call.may_add_options
        ):
            call.changes("changes the host's clock")
        for word in call.values("f", "file"):
            call.reads(word)
    elif call.name == "timedatectl":
        verb = call.verb.text if call.verb is not None else ""
        if verb.startswith("set-") or (call.verb is not None and call.verb.is_free):
            call.changes("changes the time zone" if verb == "set-timezone" else "changes the host's clock")
        elif verb == "list-timezones":
            pages(call)
    elif call.name == "hwclock":
        if any(option in call.given for option in ("w", "systohc", "s", "hctosys", "set", "adjust", "a")) or call.may_add_options:
            call.changes("changes the host's clock")
    elif call.name == "chronyc":
        verb = call.verb.text if call.verb is not None else ""
        if verb not in ("tracking", "sources", "sourcestats", "activity", "ntpdata", "serverstats", "waitsync", "authdata"):
            call.changes("changes the host's clock")
    else:
        call.changes("changes the host's clock")


def _hostname(call: Call) -> None:
    if call.operands and call.operands[0].text not in ("status", "hostname") or call.has("F", "file", "b"):
        call.changes("changes the host's name or settings")


def _named(call: Call) -> None:
    verb = call.verb.text if call.verb is not None else ""
    if verb.startswith("set-") or verb == "add" or (call.verb is not None and call.verb.is_free):
        call.changes("changes settings of this host")


def _always(what: str) -> Verdict:
    def judge(call: Call) -> None:
        if not (len(call.words) == 1 and call.words[0].text in ("--version", "--help", "-h", "-V", "version", "status", "list")):
            return call.gives(what)
        call.knows_all()

    return judge


def _bus(call: Call) -> None:
    words = [word.text for word in call.operands]
    if (
        words[:1]
        and words[0] in ("list", "tree", "introspect", "status", "get-property", "monitor", "capture")
        and call.name == "busctl"
    ):
        return (
            call.leads("starts a pager, which can start a shell")
            if call.is_shown and not call.has("no-pager") and words[0] in ("list", "tree", "introspect")
            else None
        )
    call.gives("can ask any service of the host for anything")


def _supervisor(call: Call) -> None:
    words = [word.text for word in call.operands]
    if not words:
        return call.gives("has a prompt for any command")
    verb = next((word for word in words if word in _STOPPING), "")
    if verb and _STOPPING[verb]:
        call.trusts_words()
        call.changes(f"{_STOPPING[verb]} {' '.join(word for word in words if word != verb)[:60]}", is_whole=True)
    elif words[0] not in ("status", "tail", "version", "maintail", "pid", "list", "ls", "show", "avail", "summary", "check"):
        call.trusts_words()
        call.changes("changes services")


_BOOT_SHOWS = {"grubby": r"--info=\S+|--default-(kernel|index|title)", "efibootmgr": r"-v|--verbose"}


def _boot(call: Call) -> None:
    shown = _BOOT_SHOWS.get(call.name, "(?!)")
    is_asked = bool(call.words or call.name == "efibootmgr")
    if is_asked and all(not word.is_free and re.fullmatch(shown, word.text) for word in call.words):
        return call.knows_all()
    if call.name not in ("update-alternatives", "alternatives"):
        for word in call.values("o", "output"):
            call.writes(word, is_use=False)
        call.trusts_words()
        return call.changes("changes what the host boots")
    if call.has("display", "list", "query") or (call.verb is not None and call.verb.text == "--get-selections"):
        return None
    is_elsewhere = call.has("altdir", "admindir", "install", "force", "log", "slave") or call.may_add_options
    if call.has("auto") or (call.has("set", "config") and not is_elsewhere):
        call.trusts_words()
        return call.changes("changes which program a name starts")
    call.gives("can choose which program a name starts")


def _credentials(call: Call) -> None:
    if call.verb is not None and call.verb.text in ("decrypt", "cat"):
        call.discloses("reads secrets of services")
        for word in call.operands[2:3]:
            if word.text != "-":
                call.writes(word, is_use=False)
        return
    if call.verb is not None and call.verb.text not in ("list", "has-tpm2", "encrypt"):
        call.changes("changes the key of the host's secrets")


ROWS = (
    Row(
        "systemctl",
        _systemctl,
        "t: type: state: p: property: P: n: lines: o: output: H: host: M: machine: root: image: s: signal: kill-whom:"
        " job-mode: what: when: timestamp: value no-pager now f force q quiet l full a all user system r recursive",
        harmless=(
            "failed plain legend: no-legend reverse after before with-dependencies show-types T show-transaction no-block"
            " wait no-wall no-ask-password dry-run check-inhibitors: i kill-who: kill-value: message: version h help"
            " timestamp: runtime global no-reload all quiet force recursive full before after state: drop-in: marked"
            " read-only mkdir 0 1 2 3 4 5 6 7 8 9"
        ),
    ),
    Row("service invoke-rc.d rc-service", _service, ""),
    Row(
        "journalctl",
        _journalctl,
        "u: unit: n:: lines:: o: output: S: since: U: until: t: identifier: p: priority: b:: boot:: D: directory: file:"
        " root: image: g: grep: c: cursor: M: machine: F: field: facility: vacuum-size: vacuum-time: vacuum-files:"
        " user-unit: x r f e k m a q no-pager follow",
        harmless=(
            "l full no-full reverse utc catalog no-hostname all no-tail quiet pager-end merge system user list-boots"
            " disk-usage header verify sync flush rotate case-sensitive:: dmesg output-fields: show-cursor after-cursor:"
            " T: exclude-identifier: namespace: list-namespaces fields N list-catalog truncate-newline h help version"
            " interval: W no-hostname 0 1 2 3 4 5 6 7 8 9 i:"
        ),
        operands="matches",
    ),
    Row(
        "loginctl",
        _loginctl,
        "p: property: n: lines: o: output: H: host: M: machine: s: signal: no-pager",
        harmless="value a all l full kill-whom: kill-who: no-legend no-ask-password h help version j json:",
    ),
    Row(
        "machinectl portablectl systemd-sysext systemd-confext",
        _machinectl,
        "p: property: o: output: H: host: M: machine: no-pager",
        harmless="a all l full q quiet no-legend h help version lines: n: json:",
    ),
    Row(
        "coredumpctl networkctl resolvectl bootctl systemd-analyze systemd-cgls systemd-delta userdbctl oomctl",
        _pages,
        "o: output: D: no-pager p: u:",
        harmless=(
            "no-legend json: 1 r reverse S: since: U: until: F: field: q quiet a all s stats l full n: lines: h help"
            " version user system global order require fuzz: from-pattern: to-pattern: iterations: base-time: threshold:"
            " man:: 4 6 i: interface: t: type: c: class: k unit: u: x xattr: c: cgroup-id:"
        ),
    ),
    Row("crontab fcrontab", _crontab, "u: l r e i s", harmless="V"),
    Row("shutdown reboot halt poweroff", _shutdown, "w wtmp-only help c"),
    Row("systemd-creds", _credentials, "H h name: key-file: with-key: p"),
    Row("telinit init", _init),
    Row("kill pkill killall killall5 skill snice xkill", _kill, "l L list table", harmless="V version h help 0 Z"),
    Row(
        "fuser",
        _fuser,
        "k kill n: namespace:",
        harmless=(
            "a all c f i interactive I inode l list-signals m mount M ismountpoint s silent u user v verbose V version 4"
            " ipv4 6 ipv6"
        ),
        operands="files or ports",
    ),
    Row(
        "date timedatectl hwclock ntpdate rdate ntpd sntp adjtimex",
        _clock,
        "s: set: d: date: f: file: r: reference: I:: rfc-3339: H: host: w systohc hctosys adjust a no-pager",
        harmless=(
            "u utc universal R rfc-email rfc-2822 iso-8601:: resolution debug value property: all monitor no-ask-password"
            " l localtime show verbose v test rtc: get help version V h"
        ),
    ),
    Row(
        "chronyc",
        _clock,
        "s: set: d: date: f: file: r: reference: I:: rfc-3339: H: host: w systohc hctosys adjust a no-pager",
        harmless=(
            "u utc universal R rfc-email rfc-2822 iso-8601:: resolution debug value property: all monitor no-ask-password"
            " l localtime show verbose v test rtc: get help version V h n N m d a 4 6 h p:"
        ),
    ),
    Row(
        "hostname domainname nisdomainname",
        _hostname,
        "F: file: b",
        harmless=(
            "a alias A all-fqdns d domain f fqdn long i ip-address I all-ip-addresses s short y yp nis boot h help V version"
        ),
    ),
    Row(
        "hostnamectl localectl",
        _named,
        "H: M: no-pager",
        harmless="static transient pretty no-ask-password json: j h help version l full host: machine:",
    ),
    Row(
        "busctl dbus-send gdbus qdbus dbus-monitor",
        _bus,
        "H: M: address: no-pager",
        harmless=(
            "show-machine unique acquired activatable list q quiet verbose json: j timeout: user system session l full"
            " no-legend h help version"
        ),
    ),
    Row(
        "supervisorctl monit sv s6-rc rc-update chkconfig update-rc.d initctl pm2 nssm svc",
        _supervisor,
        "c: s:",
        harmless="list h help version v V B",
    ),
    Row("systemd-nspawn systemd-vmspawn ", _always("can start containers that have the whole host")),
    Row(
        "systemd-tmpfiles systemd-sysusers systemd-firstboot systemd-cryptenroll systemd-repart",
        _always("changes files and accounts of the host"),
    ),
    Row(
        "update-alternatives alternatives update-initramfs dracut mkinitcpio update-grub update-grub2 grub-install"
        " grub2-install grub-mkconfig grub2-mkconfig grub-editenv grub-set-default grub-reboot grubby efibootmgr"
        " kernel-install bootupctl",
        _boot,
        "display: list: query: auto: config: install set o: output:",
    ),
    Row("run-init supervise runsvdir s6-svscan inetd xinetd", _always("starts programs that files name")),
)
