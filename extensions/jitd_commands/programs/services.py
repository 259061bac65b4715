# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: services, units, timers, cron, and the host as a whole.

Law: starting and stopping is a change. Whoever chooses what a service starts has what the service has.
"""

from __future__ import annotations

import re
from dataclasses import replace

from jitd.core.conditions import Glob
from jitd_commands.judging import Call, Row
from jitd_commands.programs.decision_table import DecisionTable
from jitd_commands.programs.shared import gives, objects, trusts, words
from jitd_commands.shell_text import Word

_NO_LOGIN, _NO_RECORD, _NO_LOGS = (
    "nobody can log in from elsewhere any more",
    "what people do is not recorded any more",
    "no more logs are written",
)
_NO_ALARM, _OPEN, _CUT = "attacks are not noticed any more", "anybody may reach this host then", "this host may be cut off"
_NO_PEOPLE, _NEEDED = "people of the directory cannot log in any more", "most services need it"
_NO_DATABASE, _NO_CONTAINERS = "whatever needs its databases stops working", "all containers that it runs may stop"
_NO_CLUSTER = "this host leaves its cluster"
GUARDS = {
    "jitd": "nothing is asked, watched or recorded any more",
    "jitd-kdc": "jitd gives no tickets any more",
    "ssh": _NO_LOGIN,
    "sshd": _NO_LOGIN,
    "sssd": _NO_PEOPLE,
    "winbind": _NO_PEOPLE,
    "nslcd": _NO_PEOPLE,
    "dropbear": _NO_LOGIN,
    "auditd": _NO_RECORD,
    "rsyslog": _NO_LOGS,
    "rsyslogd": _NO_LOGS,
    "syslog": _NO_LOGS,
    "syslog-ng": _NO_LOGS,
    "systemd-journald": _NO_LOGS,
    "systemd-logind": _NO_LOGIN,
    "krb5-kdc": _NO_LOGIN,
    "slapd": _NO_PEOPLE,
    "ipa": _NO_PEOPLE,
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
    "dbus": _NEEDED,
    "dbus-broker": _NEEDED,
    "polkit": _NEEDED,
    "multi-user.target": _NEEDED,
    "graphical.target": _NEEDED,
    "basic.target": _NEEDED,
    "sysinit.target": _NEEDED,
    "network.target": _CUT,
    "user.slice": "the sessions of all people end",
    "system.slice": _NEEDED,
    **dict.fromkeys(
        words(
            "postgres postgresql mysql mysqld mariadb mariadbd mongod mongodb redis redis-server valkey valkey-server cassandra"
            " elasticsearch opensearch influxdb influxd couchdb clickhouse-server neo4j mssql-server oracle"
        ),
        _NO_DATABASE,
    ),
    **dict.fromkeys(words("docker dockerd containerd crio"), _NO_CONTAINERS),
    **dict.fromkeys(
        words("kubelet k3s k3s-agent rke2-server rke2-agent etcd pacemaker corosync pve-cluster ceph.target"), _NO_CLUSTER
    ),
}
"""What a host loses while a service does not run."""
_MANY_NEED = frozenset(
    {
        _NO_LOGIN,
        _NO_PEOPLE,
        _OPEN,
        _CUT,
        _NEEDED,
        _NO_DATABASE,
        _NO_CONTAINERS,
        _NO_CLUSTER,
        GUARDS["jitd"],
        GUARDS["jitd-kdc"],
        GUARDS["user.slice"],
    }
)
_STOPS = frozenset(("stop", "force-stop", "condstop", "disable", "mask", "kill", "freeze", "clean"))


def lost(name: str, verb: str = "stop") -> str:
    """Return what a host loses if ``verb`` of systemctl(1) is done to the service ``name``, or an empty text."""
    name = next((guard for guard in GUARDS if "*" in name and Glob(name).matches(guard)), name)
    matters = GUARDS.get(name.partition("@")[0], "")
    return matters if verb in _STOPS or (matters == _CUT and "restart" in verb) else ""


_STOPPING = {
    **dict.fromkeys(("stop", "force-stop", "condstop"), "stops"),
    **dict.fromkeys(
        ("restart", "try-restart", "reload-or-restart", "try-reload-or-restart", "condrestart", "force-reload"), "restarts"
    ),
    **dict.fromkeys(("reload-or-try-restart", "full-restart"), "restarts"),
    **dict.fromkeys(("reload", "try-reload"), "reloads"),
    **dict.fromkeys(("enable", "reenable"), "lets the host start"),
    "kill": "kills",
    "disable": "disables",
    "mask": "disables",
    "freeze": "holds up",
    "clean": "deletes files of",
    "revert": "deletes changes of the settings of",
    "start": "starts",
    "unmask": "enables",
    "preset": "enables or disables",
    "preset-all": "enables or disables all of the",
    "thaw": "lets run again",
    "daemon-reexec": "restarts systemd itself, not its",
    "reset-failed": "",
    "daemon-reload": "",
    "status": "",
}
_BACK = {
    "disable": "from the next start of the host on",
    "mask": "and nothing can start it until it is unmasked",
    "freeze": "until it is thawed",
}
"""Until when a service is stopped."""
_OFF, _AGAIN, _ASLEEP = "until somebody switches it on", "which is away until it has started again", "until somebody wakes it"
_RESCUE = ("stops all services, the logins of people too", "until somebody at its console starts them again")
_HOST = {
    "poweroff": ("switches off the whole host", _OFF),
    "halt": ("halts the whole host", _OFF),
    "reboot": ("restarts the whole host", _AGAIN),
    "kexec": ("starts the whole host with another kernel", _AGAIN),
    "soft-reboot": ("restarts all services of the host", _AGAIN),
    **dict.fromkeys(
        ("suspend", "hibernate", "hybrid-sleep", "sleep", "suspend-then-hibernate"), ("puts the whole host to sleep", _ASLEEP)
    ),
    "rescue": _RESCUE,
    "emergency": _RESCUE,
    "exit": ("ends the first process, and with it the host", _AGAIN),
}
"""What verbs and targets do to the host, and until when."""
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
    back = _BACK.get(verb, "until it is started again")
    if call.has("now") and verb in ("disable", "mask"):
        does, back = f"stops and {does}", _BACK["mask"] if verb == "mask" else "until it is enabled and started again"
    for unit in units:
        name = unit.text.removesuffix(".service").removesuffix(".socket")
        if (unit.is_free and not name) or name == "*":
            if verb in _STOPS:
                call.stops(f"{does} any service, the logins of people and jitd too", back=back, is_whole=True)
            else:
                call.changes(f"{does} any service", is_whole=True)
            continue
        matters = "" if unit.is_free else lost(name, verb)
        what = ",".join(word.text for word in call.values("what"))
        if verb == "clean" and re.search("state|all|config|logs", what):
            call.destroys(f"deletes what {name[:60]} has stored ({what[:40]})", is_whole=True)
        elif matters in _MANY_NEED and verb in _STOPS and verb != "clean":
            call.stops(f"{does} {name[:60]}", matters, back=back, is_whole=True)
        else:
            call.changes(f"{does} {name[:60]}", "", matters, is_whole=True)


_UNITS = DecisionTable("""
    set-property *            changes   sets {3+:limits} of {2}
    add-wants|add-requires *  changes   starts {3+} whenever {2} starts
    set-default *             changes   lets the host start {2} by itself
    bind * *                  changes   shows {3} to {2} at {4:the same place}
    mount-image *             changes   shows what is in the image {3} to {2} at {4}
    default                   changes   starts the default target, and stops what it does not need
    isolate *                 changes   stops all services that {2} does not need
    cancel                    changes   cancels jobs of systemd
    log-level|log-target|service-watchdogs *  changes   changes what systemd logs or watches
    switch-root               gives     {program} can start any other system
    set-environment           gives     {program} can choose what root runs by itself
""")


def _systemctl(call: Call) -> None:
    verb = call.verb
    if verb is not None and verb.is_free:
        call.stops("can stop or restart the whole host", back=_OFF)
        return call.gives("can choose what root runs by itself")
    name = verb.text if verb is not None else ""
    units = call.operands[1:]
    if call.has("root", "image"):
        call.gives("changes units below another root directory")
    for where in call.values("H", "host", "M", "machine"):
        call.changes(f"acts on {where.text[:60] or 'another host or container'}")
        if name in _HOST or name in _STOPPING:
            call = replace(call, elsewhere=f"on {where.text.rpartition('@')[2][:60]}")
    target = units[0].text if units else ""
    ends = name if name in _HOST else target.removesuffix(".target").removesuffix(".service").removeprefix("systemd-")
    if name in _HOST and call.has("dry-run") and not call.may_add_options:
        return call.knows_all()
    if name in _HOST or (ends in _HOST and name in ("isolate", "start")):
        does, back = _HOST[ends]
        if name == "start" and ends in ("rescue", "emergency"):
            call.gives(f"starts {target}", is_whole=True)
        return call.stops(does, back=back, is_whole=True)
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
            if re.fullmatch(r"(shutdown|ctrl-alt-del)\.target", unit.text):
                return call.stops("restarts the whole host", back=_AGAIN, is_whole=True)
            if re.fullmatch(r"(systemd-)?debug-shell(\.service)?", unit.text):
                return call.gives(f"starts {unit.text}", is_whole=True)
    if name in ("enable", "unmask") and any("debug-shell" in unit.text for unit in units):
        return call.gives("enables a shell of root without a password")
    signals = [word.text.removeprefix("SIG") for word in call.values("s", "signal") if not word.is_free]
    if name == "kill" and signals and signals[-1] in _MILD:
        for unit in units:
            call.changes(f"sends the signal {signals[-1]} to {unit.text.removesuffix('.service')[:40]}", is_whole=True)
        return None
    if name in _STOPPING and name != "status":
        return _does(call, name, units)
    if name == "help":
        return call.leads("help shows manual pages in a pager, which can start a shell") if call.is_shown else None
    if name in _SHOWS or name.startswith("list-"):
        return pages(call, name or "list-units")
    if name in _QUIET:
        return None
    for source in units[1:2] if name in ("bind", "mount-image") else ():
        trusts(call, [source])
    _UNITS(call)


def _service(call: Call) -> None:
    if call.verb is None or call.verb.text == "--status-all":
        return None
    if call.verb.is_free:
        return call.gives("runs any code that it is given")
    if "/" in call.verb.text or ".." in call.verb.text:
        return call.gives("runs any file")
    action = call.operands[1].text if len(call.operands) > 1 else ""
    if len(call.operands) > 1 and call.operands[1].is_free:
        if (matters := lost(call.verb.text)) in _MANY_NEED:
            return call.stops(f"can stop {call.verb.text}", matters, back="until it is started again", is_whole=True)
        return call.changes(f"stops or restarts {call.verb.text[:60]}", is_whole=True)
    if action == "status":
        return pages(call)
    if action in _STOPPING:
        return _does(call, action, [call.verb])
    call.unknown(f"jitd does not know what {call.verb.text[:40]} {action[:40]} does")


_NEARLY_ALL = {
    "vacuum-time": r"\d+\s*(u?s|ms|sec\w*|m|min\w*|h|hours?|)",
    "vacuum-size": r"\d+[Kk]?|\d[Mm]?",
    "vacuum-files": r"[01]",
}
"""Values with which no journal worth the name remains."""


def _journalctl(call: Call) -> None:
    for option in ("vacuum-time", "vacuum-size", "vacuum-files"):
        for word in call.values(option):
            if word.is_free or re.fullmatch(_NEARLY_ALL[option], word.text):
                call.destroys(f"deletes nearly all of the journal ({option.removeprefix('vacuum-')} {word.text[:20] or 'any'})")
            else:
                call.changes(f"deletes what the journal has beyond {word.text[:20]}{' files' if option[-1] == 's' else ''}")
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


_LOOKING = {
    "loginctl": r"list-(sessions|users|seats)|((session|user|seat)-status|show-(session|user|seat))( .*)?|",
    "machinectl": r"list|list-images|(image-)?status( .*)?|show(-image)?( .*)?|",
    "portablectl": r"list|inspect .*|is-attached .*|",
    "systemd-sysext": r"list|status|check|",
    "systemd-confext": r"list|status|check|",
    "networkctl": r"(list|status|lldp|label|cat|dump-config|persistent-storage)( .*)?|",
    "resolvectl": r"(status|query|service|openpgp|tlsa|statistics|monitor|show-\S+)( .*)?|"
    r"(dns|domain|default-route|llmnr|mdns|dnsovertls|dnssec|nta|log-level)( \S+)?|",
    "bootctl": r"status|list|is-installed|systemd-efi-options|reboot-to-firmware|kernel-(identify|inspect) .*|",
    "coredumpctl": r"(list|info|dump)( .*)?|[A-Z].*|",
    "systemd-analyze": r"(time|blame|critical-chain|plot|dot|dump|cat-config|unit-files|unit-paths|exit-status|capability"
    r"|condition|syscall-filter|filesystems|calendar|timestamp|timespan|verify|security|inspect-elf|fdstore|pcrs|srk|architectures|has-tpm2"
    r"|image-policy|malloc|smbios11)( .*)?|log-level|log-target|service-watchdogs|",
    "userdbctl": r"(user|group|users-in-group|groups-of-user|services|ssh-authorized-keys)( .*)?|",
    "oomctl": r"dump|",
}
"""What programs of systemd only show, with a pager."""
_ACTS = DecisionTable("""
    loginctl: terminate-user           changes   ends all sessions and programs of {2+:an account}
    loginctl: terminate-*              changes   ends all programs of the session {2+:that it names}
    loginctl: kill-*                   changes   sends a signal to all programs of {2+:a session}
    loginctl: lock-*                   changes   locks the screens of {2+:all sessions}
    loginctl: unlock-*                 changes   unlocks the screens of {2+:all sessions}
    loginctl: enable-linger            changes   lets programs of {2+:an account} run without a session
    loginctl: disable-linger           changes   ends programs of {2+:an account} with its last session
    loginctl: activate                 changes   shows the session {2} at its seat
    loginctl: attach|flush-devices     changes   changes which devices belong to a seat
    machinectl|portablectl: remove     destroys  deletes the images {2+:that it names} with all that is in them
    machinectl: clean --all            destroys  deletes all images
    machinectl: clean                  changes   deletes hidden images
    machinectl: poweroff|stop|terminate|kill  changes   stops the containers {2+:that it names}
    machinectl: reboot                 changes   restarts the containers {2+:that it names}
    machinectl: start                  changes   starts the containers {2+:that it names}
    machinectl: enable|disable         changes   changes whether the host starts the containers {2+}
    machinectl|portablectl: *          gives     {program} can start containers that have the whole host
    systemd-sysext|systemd-confext: *  gives     {program} changes the programs or settings of the host
    networkctl: down                   stops     takes the interfaces {2+:that it names} down  until they are up again
    networkctl: delete                 stops     deletes the interfaces {2+:that it names}  until they are made again
    networkctl: up                     changes   takes the interfaces {2+:that it names} up
    networkctl: reload|reconfigure|renew|forcerenew  changes   sets the network of {2+:all interfaces} anew
    networkctl: edit|mask|unmask       gives     {program} chooses the settings of the network
    resolvectl: flush-caches|reset-*   harmless
    resolvectl: revert                 changes   forgets the name servers of {2}
    resolvectl: dns                    changes   asks {3+} for the names of other hosts
    resolvectl: log-level              changes   changes what is logged of names
    resolvectl: *                      changes   sets {1} of {2} to {3+}
    bootctl: remove                    stops     takes away what starts the host  until a boot loader is installed again
    bootctl: unlink|cleanup            changes   deletes what the host may boot: {2+:what is not used}
    bootctl: set-*                     changes   changes what the host boots next: {2}
    bootctl: *                         changes   installs the boot loader of the host
    systemd-analyze: *                 changes   sets {1} of systemd to {2}
""")


def _pages(call: Call) -> None:
    if call.name == "coredumpctl":
        if call.verb is not None and call.verb.text in ("debug", "gdb"):
            return call.gives("starts a debugger")
        for word in call.values("o", "output"):
            call.writes(word)
        if call.verb is not None and call.verb.text == "dump":
            call.discloses("reads the memory of a process")
    if call.name == "systemd-analyze" and call.verb is not None and call.verb.text in ("verify", "time", "calendar", "timespan"):
        for word in call.operands[1:]:
            call.reads(word)
        return None
    asked = " ".join(word.text for word in call.operands)
    if any(word.is_free for word in call.operands) or not re.fullmatch(_LOOKING.get(call.name, ".*"), asked):
        return _ACTS(call)
    if re.match("statistics|query|dns|domain", asked):
        return None
    if call.name == "userdbctl" and re.fullmatch("(user|group)( .*)?|", asked) and call.has("o", "output", "j", "json"):
        call.discloses("shows password hashes")
    pages(call)


def _crontab(call: Call) -> None:
    if call.has("l"):
        return None
    if call.has("r"):
        whose = call.values("u")
        return call.destroys(
            f"deletes the whole crontab of {whose[0].text[:60] if whose else call.whom or 'root'}", is_whole=True
        )
    whose = call.values("u")
    if call.is_root and whose and not whose[0].is_free and whose[0].text != "root":
        if call.has("e"):
            call.gives("starts an editor, which can start a shell")
        for word in call.operands:
            call.reads(word)
        if call.may_add_options:
            call.gives("can choose what root runs by itself")
        return call.leads(f"changes what {whose[0].text[:60]} starts by itself")
    call.gives("can choose what root runs by itself")


def _shutdown(call: Call) -> None:
    if call.has("w", "wtmp-only", "help", "c") and not call.may_add_options:
        if call.has("w", "wtmp-only"):
            return call.changes("writes into the record of logins that the host ends")
        return call.changes("cancels a shutdown") if call.has("c") else None
    verb = "poweroff" if call.name == "shutdown" else call.name
    for ends, options in (("reboot", ("r", "reboot")), ("halt", ("H", "halt")), ("poweroff", ("P", "p", "poweroff"))):
        verb = ends if call.has(*options) else verb
    does, back = _HOST[verb]
    call.stops(does, back=back, is_whole=True)


def _init(call: Call) -> None:
    level = call.verb.text if call.verb is not None else ""
    ends = {"0": "poweroff", "6": "reboot", "1": "rescue", "s": "rescue", "S": "rescue"}.get(level)
    if ends or call.verb is None or call.verb.is_free:
        does, back = _HOST[ends or "poweroff"]
        return call.stops(does, back=back, is_whole=True)
    call.changes("lets the first process read its settings again" if level in "qQuU" else f"changes to the runlevel {level[:20]}")


def _kill(call: Call) -> None:
    if any(word.text in ("-l", "-L", "--list", "--table") for word in call.words) or [word.text for word in call.words[:1]] == [
        "-0"
    ]:
        return None
    targets = [word for word in call.words if not word.text.startswith("-") or (word.is_free and word.text in ("", "-"))]
    if any(word.is_free for word in targets):
        if not call.judge.is_pattern:
            return call.changes("ends processes that jitd cannot tell", is_whole=True)
        return call.stops("can end any process, jitd too", back="until it is started again")
    mild = _mild_signal(call)
    if not mild and (call.name == "killall5" or any(word.text in ("1", "-1") for word in call.words[call.name == "kill" :])):
        every = call.name == "killall5" or any(word.text == "-1" for word in call.words[1:])
        told = "ends all processes" if every else "ends the first process, and with it the host"
        return call.stops(told, back="until the host has started again", is_whole=True)
    told = " ".join(word.text for word in targets)[:60]
    if mild and told:
        whose = "process " if re.fullmatch("[0-9 ]+", told) else ""
        return call.changes(f"sends the signal {mild} to {whose}{told}", is_whole=True)
    for word in targets:
        if matters := lost(word.text) or lost(word.text.removesuffix("d")):
            if matters in _MANY_NEED:
                return call.stops(f"ends {word.text}", matters, back="until it is started again", is_whole=True)
            return call.changes(f"ends {word.text}", "", matters, is_whole=True)
    users = [word.text for word in call.values("u", "user", "U", "euid", "uid")]
    if {"root", "0"} & set(users):
        return call.stops("ends all processes of root, jitd too", back="until the host has started again", is_whole=True)
    if not told:
        return call.changes("ends processes", is_whole=True)
    if not re.fullmatch("[0-9 ]+", told):
        return call.changes(f"ends processes of {told}" if call.name != "kill" else f"ends {told}", is_whole=True)
    many = " " in told
    known = "which programs they are" if many else "which program it is"
    call.changes(f"ends process{'es' if many else ''} {told}, and jitd has not looked {known}", is_whole=True)


def _mild_signal(call: Call) -> str:
    """Return the signal, if it is one that ends few programs."""
    first = call.words[0].text if call.words and not call.words[0].is_free else ""
    name = first[1:].removeprefix("SIG") if re.fullmatch("-[A-Z0-9]+", first) else ""
    return name if name in _MILD else ""


def _fuser(call: Call) -> None:
    if call.has("k", "kill") or call.may_add_options:
        files = objects(call, "a file")
        if call.has("m", "M", "mount") and {"/", "/home", "/var", "/usr"} & {word.text for word in call.operands}:
            return call.stops(f"ends every process that uses {files}", back="until the host has started again", is_whole=True)
        call.changes(f"ends every process that uses {files}", is_whole=True)


def _clock(call: Call) -> None:
    if call.name == "date":
        if (
            call.has("s", "set")
            or any(re.fullmatch(r"[0-9]{8,12}(\.[0-9]+)?", word.text) or word.is_any for word in call.operands)
            or call.may_add_options
        ):
            value = " ".join(word.text for word in [*call.values("s", "set"), *call.operands] if word.text)[:40]
            call.changes(f"sets the host's clock to {value or 'any time'}")
        for word in call.values("f", "file"):
            call.reads(word)
    elif call.name == "timedatectl":
        verb = call.verb.text if call.verb is not None else ""
        if verb.startswith("set-") or (call.verb is not None and call.verb.is_free):
            value = " ".join(word.text for word in call.operands[1:])[:40] or "something else"
            told = {"set-timezone": f"sets the time zone to {value}", "set-ntp": f"sets whether others set the clock to {value}"}
            call.changes(told.get(verb, f"sets the host's clock to {value}"))
        elif verb == "list-timezones":
            pages(call)
    elif call.name == "hwclock":
        if any(option in call.given for option in ("w", "systohc", "s", "hctosys", "set", "adjust", "a")) or call.may_add_options:
            call.changes(f"changes the host's clock: {' '.join(word.text for word in call.words)[:60]}")
    elif call.name == "chronyc":
        verb = call.verb.text if call.verb is not None else ""
        if verb not in ("tracking", "sources", "sourcestats", "activity", "ntpdata", "serverstats", "waitsync", "authdata"):
            call.changes(f"changes the host's clock: {' '.join(word.text for word in call.words)[:60]}")
    elif call.name != "ntpdate" or not call.has("q") or call.may_add_options or not call.operands:
        call.changes(f"changes the host's clock: {' '.join(word.text for word in call.words)[:60]}")


def _hostname(call: Call) -> None:
    if call.operands and call.operands[0].text not in ("status", "hostname") or call.has("F", "file", "b"):
        call.changes(f"gives the host the name {call.operands[0].text[:60] if call.operands else 'that a file has'}")


def _named(call: Call) -> None:
    verb = call.verb.text if call.verb is not None else ""
    is_set = verb in ("hostname", "icon-name", "chassis", "deployment", "location") and len(call.operands) > 1
    if is_set or verb.startswith("set-") or verb == "add" or (call.verb is not None and call.verb.is_free):
        call.changes(
            f"sets {verb.removeprefix('set-')[:20] or 'a setting'} of this host to {call.operands[-1].text[:40] or 'any value'}"
        )


_MAKES = {
    "systemd-tmpfiles": "makes or deletes the files that settings name",
    "systemd-sysusers": "makes the accounts that settings name",
    "systemd-firstboot": "sets the name, the keys or the root password of the host",
    "systemd-cryptenroll": "changes what opens an encrypted disk",
    "systemd-repart": "makes the partitions that settings name",
}


def _makes(call: Call) -> None:
    is_dry = call.has("dry-run") and not call.values("dry-run") and call.name in ("systemd-tmpfiles", "systemd-sysusers")
    if is_dry and not call.may_add_options:
        for word in call.operands:
            call.reads(word)
        return call.knows_all()
    disk = call.operands[-1].text[:60] if call.operands else "a disk"
    if call.has("wipe-slot"):
        call.destroys(f"takes keys of {disk} away: without another one, what is on it is gone", back="", is_whole=True)
    if call.has("remove", "purge") and call.name == "systemd-tmpfiles":
        call.destroys("deletes the files and directories that settings name", is_whole=True)
    if any(word.text in ("no", "false", "0") for word in call.values("dry-run")) or call.has("factory-reset"):
        call.destroys(f"deletes or changes partitions of {disk}", is_whole=True)
    gives(_MAKES[call.name], unless="version status list")(call)


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


_SWITCHES = {
    **dict.fromkeys(words("off del delete remove unmonitor"), "disable"),
    **dict.fromkeys(words("on add defaults"), "enable"),
}


def _supervisor(call: Call) -> None:
    words = [word.text for word in call.operands]
    if not words:
        return call.gives("has a prompt for any command")
    verb = next((_SWITCHES.get(word, word) for word in words if word in _STOPPING or word in _SWITCHES), "")
    if verb and _STOPPING[verb]:
        call.trusts_words()
        named = ["all services" if word == "all" else word for word in words if _SWITCHES.get(word, word) != verb]
        for name in named if verb in _STOPS else ():
            if (matters := lost(name)) in _MANY_NEED:
                back = _BACK.get(verb, "until it is started again")
                return call.stops(f"{_STOPPING[verb]} {name[:60]}", matters, back=back, is_whole=True)
        call.changes(f"{_STOPPING[verb]} {' '.join(named)[:60] or 'services'}", is_whole=True)
    elif words[0] not in ("status", "tail", "version", "maintail", "pid", "list", "ls", "show", "avail", "summary", "check"):
        call.trusts_words()
        call.changes(f"runs {' '.join(words)[:60]} on services")


_BOOT_SHOWS = {"grubby": r"--info=\S+|--default-(kernel|index|title)", "efibootmgr": r"-v|--verbose"}


_BOOTS = {
    **dict.fromkeys(("update-initramfs", "dracut", "mkinitcpio"), "makes anew what the kernel starts with"),
    **dict.fromkeys(("grub-install", "grub2-install", "bootupctl"), "writes the boot loader of the host"),
    **dict.fromkeys(
        ("update-grub", "update-grub2", "grub-mkconfig", "grub2-mkconfig"), "makes the list of what the host boots anew"
    ),
    **dict.fromkeys(
        ("grub-set-default", "grub-reboot", "grubby", "grub-editenv"), "changes which kernel the host boots, and how"
    ),
    "efibootmgr": "changes from what the firmware starts the host",
    "kernel-install": "adds or removes a kernel",
}


def _boot(call: Call) -> None:
    shown = _BOOT_SHOWS.get(call.name, "(?!)")
    is_asked = bool(call.words or call.name == "efibootmgr")
    if is_asked and all(not word.is_free and re.fullmatch(shown, word.text) for word in call.words):
        return call.knows_all()
    if call.name not in ("update-alternatives", "alternatives"):
        for word in call.values("o", "output"):
            call.writes(word, is_use=False)
        call.trusts_words()
        named = " ".join(word.text for word in call.words if word.text)[:60]
        return call.changes(f"{_BOOTS.get(call.name, 'changes what the host boots')}{f': {named}' if named else ''}")
    if call.has("display", "list", "query") or (call.verb is not None and call.verb.text == "--get-selections"):
        return None
    is_elsewhere = call.has("altdir", "admindir", "install", "force", "log", "slave") or call.may_add_options
    if call.has("auto") or (call.has("set", "config") and not is_elsewhere):
        call.trusts_words()
        name, *file = [word.text[:40] for word in [*call.values("auto"), *call.operands] if word.text] or ["a name"]
        return call.changes(f"changes which program {name} starts{f': {file[0]}' if file else ''}")
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


_SIGNALS = (
    "V version h help 0 Z l L list table u: user: U: euid: uid:"
    " HUP INT QUIT KILL TERM USR1 USR2 STOP CONT ALRM PIPE ABRT SEGV CHLD WINCH TSTP SIGHUP SIGINT SIGQUIT SIGKILL"
    " SIGTERM SIGUSR1 SIGUSR2 SIGSTOP SIGCONT 1 2 3 4 5 6 7 8 9 s: signal: n: f full x exact newest oldest o P:"
    " parent: t: terminal: g: pgroup: G: group: a e echo c count i ignore-case interactive q quiet v verbose w"
    " wait r: regexp: y: younger-than: older-than: F: pidfile: inverse process-group nslist: ns:"
)
"""Options of programs that send signals."""
ROWS = (
    Row(
        "systemctl",
        _systemctl,
        "failed plain legend: no-legend reverse after before with-dependencies show-types T show-transaction no-block wait"
        " no-wall no-ask-password dry-run check-inhibitors: i kill-who: kill-value: message: version h help timestamp:"
        " runtime global no-reload all quiet force recursive full state: drop-in: marked read-only mkdir 0 1 2 3 4 5 6 7 8 9"
        " t: type: p: property: P: n: lines: o: output: H: host: M: machine: root: image: s: signal: kill-whom: job-mode:"
        " what: when: value no-pager now f q l a user system r"
        " boot-loader-entry: boot-loader-menu: firmware-setup preset-mode: reboot-argument: kill-subgroup: stdin"
        " failed-only no-warn C: capsule:",
        telling="--version",
    ),
    Row(
        "service invoke-rc.d rc-service",
        _service,
        ""
        " status-all full-restart full skip-redirect quiet disclose-deny query ifexists ifstarted nodeps dry-run D d i"
        " s Z N S C h help version v V",
    ),
    Row(
        "journalctl",
        _journalctl,
        "l full no-full reverse utc catalog no-hostname all no-tail quiet pager-end merge system user list-boots disk-usage"
        " header verify sync flush rotate case-sensitive:: dmesg output-fields: show-cursor after-cursor: T:"
        " exclude-identifier: namespace: list-namespaces fields N list-catalog truncate-newline h help version interval: W 0"
        " 1 2 3 4 5 6 7 8 9 i: u: unit: n:: lines:: o: output: S: since: U: until: t: identifier: p: priority: b:: boot:: D:"
        " directory: file: root: image: g: grep: c: cursor: M: machine: F: field: facility: vacuum-size: vacuum-time:"
        " vacuum-files: user-unit: x r f e k m a q no-pager follow",
        operands="matches",
    ),
    Row(
        "loginctl machinectl portablectl systemd-sysext systemd-confext",
        _pages,
        "value a all l full kill-whom: kill-who: q quiet no-legend no-ask-password h help version j json: p: property: n:"
        " lines: o: output: H: host: M: machine: s: signal: no-pager"
        " P:",
        telling="--version",
    ),
    Row(
        "coredumpctl networkctl resolvectl bootctl systemd-analyze systemd-cgls systemd-delta userdbctl oomctl",
        _pages,
        "no-legend json: 1 r reverse S: since: U: until: F: field: q quiet a all s stats l full n: lines: h help version"
        " user system global order require fuzz: from-pattern: to-pattern: iterations: base-time: threshold: man:: 4 6 i:"
        " interface: t: type: c: class: k unit: u: x xattr: cgroup-id: o: output: D: no-pager p:",
        telling="--version",
    ),
    Row("crontab fcrontab", _crontab, "V u: l r e i s", telling="-V:crontab"),
    Row(
        "shutdown reboot halt poweroff",
        _shutdown,
        "w wtmp-only help c r reboot H halt P p poweroff"
        " f force n no-wall no-wtmp d reboot-argument: k show boot-loader-entry: boot-loader-menu: firmware-setup"
        " message: host: M: h F t: a i",
    ),
    Row("systemd-creds", _credentials, "H h name: key-file: with-key: p"),
    Row("telinit init", _init),
    Row("pkill", _kill, f"{_SIGNALS} n r: runstates:", telling="--version --help -V -h"),
    Row("killall", _kill, f"{_SIGNALS} n: o: y: r regexp g process-group Z: context:", telling="--version --help -V"),
    Row("kill killall5 skill snice xkill", _kill, _SIGNALS, telling="--version:kill --help:kill -V:kill"),
    Row(
        "fuser",
        _fuser,
        "a all c f i interactive I inode l list-signals m mount M ismountpoint s silent u user v verbose V version 4 ipv4 6"
        " ipv6 k kill n: namespace:",
        operands="files or ports",
    ),
    Row(
        "date timedatectl hwclock ntpdate rdate ntpd sntp adjtimex",
        _clock,
        "u utc universal R rfc-email rfc-2822 iso-8601:: resolution debug value property: all monitor no-ask-password l"
        " localtime show verbose v test rtc: get help version V h s: set: d: date: f: file: r: reference: I:: rfc-3339: H:"
        " host: w systohc hctosys adjust a no-pager"
        " delay: noadjfile adjfile: b q t: 4 6 update-drift",
        telling="--version:hwclock,ntpd,adjtimex --help:hwclock,ntpd",
    ),
    Row(
        "chronyc",
        _clock,
        "u utc universal R rfc-email rfc-2822 iso-8601:: resolution debug value property: all monitor no-ask-password l"
        " localtime show verbose v test rtc: get help version V h n N m d: a 4 6 p: s: set: date: f: file: r: reference: I::"
        " rfc-3339: H: host: w systohc hctosys adjust no-pager"
        " c e",
    ),
    Row(
        "hostname domainname nisdomainname",
        _hostname,
        "a alias A all-fqdns d domain f fqdn long i ip-address I all-ip-addresses s short y yp nis boot h help V version F:"
        " file: b",
    ),
    Row(
        "hostnamectl localectl",
        _named,
        "static transient pretty no-ask-password json: j h help version l full host: machine: H: M: no-pager"
        " no-convert adjust-system-clock monitor a all p: property: value",
    ),
    Row(
        "busctl dbus-send gdbus qdbus dbus-monitor",
        _bus,
        "show-machine unique acquired activatable list q quiet verbose json: j timeout: user system session l full no-legend"
        " h help version H: M: address: no-pager",
        telling="--version:busctl,dbus-send,gdbus,dbus-monitor --help:dbus-send,dbus-monitor",
    ),
    Row(
        "supervisorctl monit sv s6-rc rc-update chkconfig update-rc.d initctl pm2 nssm svc",
        _supervisor,
        "list h help version v V B c: s:"
        " level: add del n f override type: levels: no-redirect no-wait d q"
        " u: username: p: password: r: history-file: i interactive w: g: d: I t l: level: add del levels: update-env"
        " watch name: time json instances: cwd: interpreter: f force",
        telling="--version:supervisorctl,monit,pm2 --help:supervisorctl,monit,pm2 -V:monit -v:pm2 version:supervisorctl",
    ),
    Row("systemd-nspawn systemd-vmspawn ", gives("can start containers that have the whole host", unless="version status list")),
    Row("systemd-tmpfiles systemd-sysusers systemd-firstboot systemd-cryptenroll systemd-repart", _makes),
    Row(
        "update-alternatives alternatives update-initramfs dracut mkinitcpio update-grub update-grub2 grub-install"
        " grub2-install grub-mkconfig grub2-mkconfig grub-editenv grub-set-default grub-reboot grubby efibootmgr"
        " kernel-install bootupctl",
        _boot,
        "display: list: query: auto: config: install set o: output:"
        " u k: c d all force f kver: regenerate-all hostonly H no-hostonly add: a: omit: q quiet v verbose l"
        " list-modules p preset: S: slave: remove: remove-all: set-selections get-selections boot-directory: target:"
        " efi-directory: bootloader-id: recheck removable no-nvram modules: edit-env remove-args: default-kernel"
        " set-default: title: copy-default make-default b t s: keep grubconfig skip-fs-probe themes: locales:"
        " no-floppy debug",
        telling=(
            "--version:update-alternatives,alternatives,dracut,grub-install,grub2-install,grub-mkconfig,grub2-mkconfig,"
            "grub-editenv,grub-set-default,grub-reboot,grubby,efibootmgr"
            " --help:update-alternatives,alternatives,dracut,grub-install,grub2-install,grub-mkconfig,grub2-mkconfig,"
            "grub-editenv,grub-set-default,grub-reboot,efibootmgr"
        ),
    ),
    Row(
        "run-init supervise runsvdir s6-svscan inetd xinetd",
        gives("starts programs that files name", unless="version status list"),
    ),
)
