# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: services, units, timers, cron, and the host as a whole.

Law: starting and stopping is a change. Whoever chooses what a service starts has what the service has.
"""

from __future__ import annotations

import re

from jitd.core.conditions import Glob
from jitd_commands.judging import Call, Row
from jitd_commands.programs.decision_table import pages_securely
from jitd_commands.programs.grammar import Effect, grammars
from jitd_commands.programs.shared import gives, words
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
_STOPS = frozenset(("stop", "force-stop", "condstop", "disable", "disable-now", "mask", "mask-now", "kill", "freeze", "clean"))


def lost(name: str, verb: str = "stop") -> str:
    """Return what a host loses if ``verb`` of systemctl(1) is done to the service ``name``, or an empty text."""
    names = filter(Glob(name).matches, GUARDS) if "*" in name else [name.partition("@")[0]]
    matters = max((GUARDS.get(one, "") for one in names), key=_MANY_NEED.__contains__, default="")
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
    **dict.fromkeys(("disable", "mask"), "disables"),
    **dict.fromkeys(("disable-now", "mask-now"), "stops and disables"),
    "freeze": "holds up",
    "clean": "deletes files of",
    "revert": "deletes changes of the settings of",
    "start": "starts",
    "unmask": "enables",
    "preset": "enables or disables",
    "thaw": "lets run again",
}
_BACK = {
    "disable": "from the next start of the host on",
    "disable-now": "until it is enabled and started again",
    **dict.fromkeys(("mask", "mask-now"), "and nothing can start it until it is unmasked"),
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
_MILD = frozenset(("HUP", "USR1", "USR2", "WINCH", "CONT", "1", "10", "12", "28", "18"))
"""Signals that tell most programs to read their settings or open their files again."""


def _does(call: Call, verb: str, unit: Word) -> bool:
    """``verb`` of systemctl(1) is done to ``unit``. Return True, because this is told."""
    does, back = _STOPPING[verb], _BACK.get(verb, "until it is started again")
    name = unit.text.removesuffix(".service").removesuffix(".socket")[:60]
    if (unit.is_free and not name) or name == "*":
        if verb in _STOPS:
            call.stops(f"{does} any service, the logins of people and jitd too", back=back, is_whole=True)
        else:
            call.changes(f"{does} any service", is_whole=True)
        return True
    name = f"{name}*" if unit.is_free else name
    matters = lost(name, verb)
    if matters in _MANY_NEED and verb in _STOPS and verb != "clean":
        call.stops(f"{does} {name}", matters, back=back, is_whole=True)
    else:
        call.changes(f"{does} {name}", "", matters, is_whole=True)
    return True


def _cleans(call: Call, unit: Word) -> bool:
    what = ",".join(word.text for word in call.values("what"))
    if not (call.may_add_options or re.search("state|all|config|logs", what)):
        return _does(call, "clean", unit)
    call.destroys(f"deletes what {unit.text[:60] or 'any service'} has stored ({what[:40] or 'any of it'})", is_whole=True)
    return True


def _kills(call: Call, unit: Word) -> bool:
    signal = [Word(""), *call.values("signal")][-1]
    if call.may_add_options or signal.is_free or (name := signal.text.removeprefix("SIG")) not in _MILD:
        return _does(call, "kill", unit)
    call.changes(f"sends the signal {name} to {unit.text.removesuffix('.service')[:40]}", is_whole=True)
    return True


_ENDINGS = {**{f"{one}.target": one for one in _HOST}, **{f"systemd-{one}.service": one for one in _HOST}}
_ENDINGS |= dict.fromkeys(("shutdown.target", "ctrl-alt-del.target"), "reboot") | {one: one for one in _HOST}
"""Units that end the host, and what they do to it."""
_SHELLS = ("debug-shell", "systemd-debug-shell")


def _starts(verb: str) -> Effect:
    """Return what ``verb`` does, which makes systemd start a unit, now or by itself."""

    def starts(call: Call, unit: Word) -> bool:
        text = unit.text
        is_now = verb in ("start", "isolate")
        may_end = unit.is_free and is_now and any(one.startswith(text) or text.startswith(one) for one in _ENDINGS)
        if may_end:
            call.stops("can stop or restart the whole host", back=_OFF)
        if may_end or (unit.is_free and (not text or any(one.startswith(text) for one in _SHELLS))):
            call.gives("can choose what the host starts")
        elif "/" in text:
            _links(call, unit)
        elif text.removesuffix(".service") in _SHELLS and verb in ("start", "isolate", "enable", "unmask"):
            told = f"starts {text}" if is_now else "enables a shell of root without a password"
            call.gives(told, is_whole=is_now)
        elif is_now and text in _ENDINGS:
            does, back = _HOST[_ENDINGS[text]]
            if verb == "start" and _ENDINGS[text] in ("rescue", "emergency"):
                call.gives(f"starts {text}", is_whole=True)
            call.stops(does, back=back, is_whole=True)
        else:
            return verb != "isolate" and _does(call, verb, unit)
        return True

    return starts


def _links(call: Call, unit: Word) -> bool:
    """Root runs what the file ``unit`` names."""
    path = call.absolute(unit)
    if path is None or (unit.is_free and not call.judge.changed_by(path)):
        call.gives("can choose what root runs by itself")
    elif who := call.judge.changed_by(path):
        call.gives(f"{path} belongs to {who}: root runs what it names", path, is_whole=True)
    else:
        call.leads(f"makes root run what {path} names", path, is_whole=True)
    return True


def _sets(call: Call, limit: Word) -> bool:
    is_code = limit.is_free or re.match(r"(Exec|Environment|User|Device|Bind|Root)", limit.text) is not None
    if is_code:
        call.gives("can change or choose what a service may do")
    return is_code


_UNITS: dict[str, Effect] = {
    **{f"UNIT:{verb}": lambda call, unit, verb=verb: _does(call, verb, unit) for verb in _STOPPING},  # type: ignore[misc]
    **{f"UNIT:{verb}": _starts(verb) for verb in ("start", "restart", "enable", "isolate", "unmask")},
    "UNIT:clean": _cleans,
    "UNIT:kill": _kills,
    "UNIT:link": _links,
    "LIMIT": _sets,
    "ROOT": lambda call, word: call.gives("changes units below another root directory"),
}
"""What systemctl(1) does with a unit, and with values of its options."""


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
        return pages_securely(call)
    if action in _STOPPING:
        _does(call, action, call.verb)
        return None
    call.unknown(f"jitd does not know what {call.verb.text[:40]} {action[:40]} does")


_NEARLY_ALL = {
    "time": r"\d+\s*(u?s|ms|sec\w*|m|min\w*|h|hours?|)",
    "size": r"\d+[Kk]?|\d[Mm]?",
    "files": r"[01]",
}
"""Values with which no journal worth the name remains."""


def _vacuums(kind: str) -> Effect:
    def vacuums(call: Call, limit: Word) -> None:
        if limit.is_free or re.fullmatch(_NEARLY_ALL[kind], limit.text):
            call.destroys(f"deletes nearly all of the journal ({kind} {limit.text[:20] or 'any'})")
        else:
            call.changes(f"deletes what the journal has beyond {limit.text[:20]}{' files' if kind == 'files' else ''}")

    return vacuums


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


_BOOT_SHOWS = {"grubby": r"--info=\S+|--default-(kernel|index|title)", "efibootmgr": r"-v|--verbose"}


_BOOTS = {
    **dict.fromkeys(("update-initramfs", "dracut"), "makes anew what the kernel starts with"),
    "grub-install": "writes the boot loader of the host",
    **dict.fromkeys(("update-grub", "grub-mkconfig"), "makes the list of what the host boots anew"),
    "grubby": "changes which kernel the host boots, and how",
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
        named = " ".join(word.text for word in call.operands if word.text)[:60]
        return call.changes(f"{_BOOTS.get(call.name, 'changes what the host boots')}{f': {named}' if named else ''}")
    if call.has("display", "list", "query") or (call.verb is not None and call.verb.text == "--get-selections"):
        return None
    is_elsewhere = call.has("altdir", "admindir", "install", "force", "log", "slave") or call.may_add_options
    if call.has("auto") or (call.has("set", "config") and not is_elsewhere):
        call.trusts_words()
        name, *file = [word.text[:40] for word in [*call.values("auto"), *call.operands] if word.text] or ["a name"]
        return call.changes(f"changes which program {name} starts{f': {file[0]}' if file else ''}")
    call.gives("can choose which program a name starts")


_SIGNALS = (
    "V version h help 0 Z l L list table u: user: U: euid: uid:"
    " HUP INT QUIT KILL TERM USR1 USR2 STOP CONT ALRM PIPE ABRT SEGV CHLD WINCH TSTP SIGHUP SIGINT SIGQUIT SIGKILL"
    " SIGTERM SIGUSR1 SIGUSR2 SIGSTOP SIGCONT 1 2 3 4 5 6 7 8 9 s: signal: n: f full x exact newest oldest o P:"
    " parent: t: terminal: g: pgroup: G: group: a e echo c count i ignore-case interactive q quiet v verbose w"
    " wait r: regexp: y: younger-than: older-than: F: pidfile: inverse process-group nslist: ns:"
)
"""Options of programs that send signals."""
_ENDS = "\n".join(f"{verb} [TEXT]  stops  {does}  {back}" for verb, (does, back) in _HOST.items())
"""Lines of systemctl(1) for what ends the host."""
_OF_BUS = "-h|--help --version --no-pager --no-ask-password -H|--host=HOST -M|--machine=HOST"
"""Options of each program that speaks with systemd of any host."""
_OF_ITSELF = """
        --version ...  harmless
        --help ...     pages-securely
"""
"""Lines of each program of systemd."""


def _application(call: Call, word: Word) -> bool:
    """pm2 starts a service of its own, or a file."""
    if word.is_free or "/" in word.text or "." in word.text:
        call.runs_file(word)
        return False
    return _does(call, "start", word)


ROWS = (
    *grammars(
        """
        = supervisorctl  -c|--configuration=FILE:trusts -h|--help -i|--interactive -s|--serverurl=URL -u|--username=TEXT
        -p|--password=TEXT -r|--history-file=FILE:writes -f
        --help ...           harmless
        ()                   gives     {program} has a prompt for any command
        --interactive ...    gives     {program} has a prompt for any command
        status|tail|version|maintail|pid|avail|help ...  harmless
        start UNIT:start...  changes   starts {2+:services}
        stop UNIT:stop...    changes   stops {2+:services}
        restart UNIT:restart...  changes   restarts {2+:services}
        * ...                changes   {program} runs {1+} on services
        = monit  -c=FILE:trusts -d=N -g=TEXT -l=FILE:made -p=FILE:made -s=FILE:made -I -B -t -v -vv -H=FILE:reads -V|--version
        -h|--help
        --version|--help|-t ...  harmless
        ()                   changes   {program} starts the service {program}
        status|summary|report|procmatch ...  harmless
        start UNIT:start...  changes   starts {2+:services}
        stop UNIT:stop...    changes   stops {2+:services}
        restart UNIT:restart...  changes   restarts {2+:services}
        monitor UNIT:enable...  changes   lets {program} watch {2+:services}
        unmonitor UNIT:disable...  changes   lets {program} watch {2+:services} no more
        * ...                changes   {program} runs {1+} on services
        = chkconfig  --list[=TEXT] --add --del --override --level|--levels=TEXT --type=TEXT --no-redirect -h|--help -v|--version
        --help|--version ()  harmless
        --list [TEXT]        harmless
        --add UNIT:enable    changes   lets the host start {1}
        --del UNIT:disable   changes   disables {1}
        UNIT:disable off     changes   disables {1}
        UNIT:enable on       changes   lets the host start {1}
        TEXT reset|resetpriorities  changes   enables or disables {1}
        [TEXT]               harmless
        = pm2  -h|--help -v|--version -s|--silent -n|--name=TEXT -i|--instances=TEXT -w|--watch[=TEXT] --cwd=DIR:reads
        -f|--force --interpreter=FILE:runs --time --update-env -a -u|--user=TEXT -l|--log=FILE:writes -e|--error=FILE:writes
        -o|--output=FILE:writes --lines=N --json --raw --nostream --env=TEXT --no-daemon --no-autorestart --only=TEXT
        --help|--version ()  harmless
        ()                   harmless
        list|ls|l|ps|status|show|describe|info|logs|prettylist|jlist|id|pid|report|ping|env|conf ...  harmless
        start APP...         changes   starts {2+:services}
        stop UNIT:stop...    changes   stops {2+:services}
        delete|del UNIT:disable...  changes   takes {2+:services} away
        restart|reload UNIT:restart...  changes   restarts {2+:services}
        * APP...             changes   {program} runs {1+} on services
        = svc  -u -d -o -p -c -h -a -i -t -k -x -1 -2 -q -w -T=N -l
        ...                  changes   {program} starts or stops services: {1+:that it names}
        = fuser  -a|--all -c -f -i|--interactive -I|--inode -k|--kill -l|--list-signals -m|--mount -M|--ismountpoint
        -n|--namespace=TEXT -s|--silent -u|--user -v|--verbose -V|--version -4|--ipv4 -6|--ipv6 -w -1 -2 -9 -15 -HUP -INT -QUIT
        -KILL -TERM -USR1 -USR2
        --kill --mount|-M /|/home|/var|/usr ...  stops  ends every process that uses {1+}  until the host has started again
        --kill ...           changes   ends every process that uses {1+:a file}
        ...                  harmless
        = crontab  -V -u=SAID -l -r -e -i -s -n=TEXT -c -T=FILE:reads -x=TEXT
        -l|-V|-T ()       harmless
        -r ()             destroys  deletes the whole crontab of {-u:root}
        -u=root [TEXT]    gives     {program} can choose what root runs by itself
        -u -e ()          also-gives  {program} starts an editor, which can start a shell
        -u [FILE:reads]   leads     {program} changes what {-u} starts by itself
        [TEXT]            gives     {program} can choose what root runs by itself
        = telinit init  -t=N --help --no-wall
        --help ()    harmless
        0            stops     switches off the whole host  until somebody switches it on
        6            stops     restarts the whole host  which is away until it has started again
        1|s|S        stops     stops all services, the logins of people too  until somebody at its console starts them again
        q|Q|u|U      changes   {program} lets the first process read its settings again
        TEXT         changes   {program} changes to the runlevel {1}
        = hostname  -a|--alias -A|--all-fqdns -d|--domain -f|--fqdn|--long -i|--ip-address -I|--all-ip-addresses -s|--short
        -y|--yp|--nis --boot -h|--help -V|--version -F|--file=FILE:reads -b
        --file|-b [TEXT]  changes   {program} gives the host the name {1:that a file has}
        ()                harmless
        status|hostname ()  harmless
        TEXT              changes   {program} gives the host the name {1}
        = systemd-creds: abbreviates  -h|--help --version --no-pager --no-legend --json=TEXT --system --transcode=TEXT
        --newline=TEXT -p|--pretty --name=TEXT --timestamp=TEXT --not-after=TEXT --with-key=TEXT -H -T --tpm2-device=TEXT
        --tpm2-pcrs=TEXT -q|--quiet --tpm2-public-key=FILE:reads --tpm2-public-key-pcrs=TEXT --tpm2-signature=FILE:reads --user
        --uid=TEXT
        --help|--version ...  harmless
        list|has-tpm2|encrypt ...  harmless
        ()           harmless
        cat ...      reads     {program} reads secrets of services
        decrypt FILE:reads [FILE:made]  reads     {program} reads secrets of services
        setup        changes   {program} changes the key of the host's secrets
        = shutdown: abbreviates  -H|--halt -P|--poweroff -p -h -r|--reboot -k --no-wall -c --show --help -f -F -t=N -a -n -i
        -c ...       changes   {program} cancels a shutdown
        --help|--show|-k ...  harmless
        --reboot ...  stops    restarts the whole host  which is away until it has started again
        --halt ...   stops     halts the whole host  until somebody switches it on
        ...          stops     switches off the whole host  until somebody switches it on
        = reboot halt poweroff: abbreviates  -w|--wtmp-only -d|--no-wtmp --no-wall -n|--no-sync -f|--force -p|-P|--poweroff
        -H|--halt -r|--reboot --help -i -h -k --reboot-argument=TEXT --boot-loader-entry=TEXT --boot-loader-menu=TEXT
        --firmware-setup --message=TEXT -M=TEXT --host=HOST -F -t=N -a
        --help ...   harmless
        --wtmp-only ...  changes   {program} writes into the record of logins that the host ends
        --reboot ...  stops    restarts the whole host  which is away until it has started again
        --poweroff ...  stops  switches off the whole host  until somebody switches it on
        --halt ...   stops     halts the whole host  until somebody switches it on
        reboot: ...  stops     restarts the whole host  which is away until it has started again
        halt: ...    stops     halts the whole host  until somebody switches it on
        poweroff: ...  stops   switches off the whole host  until somebody switches it on
        """,
        types={**_UNITS, "APP": _application},
    ),
    *grammars(
        f"""
    = systemctl: abbreviates
        {_OF_BUS} --system --user -C|--capsule=TEXT --root=ROOT --image=ROOT --image-policy=TEXT -t|--type=TEXT --state=TEXT
        -p|--property=TEXT -P=TEXT -a|--all --failed -l|--full -r|--recursive --reverse --with-dependencies --job-mode=TEXT
        -T|--show-transaction --show-types --value --check-inhibitors=TEXT -i -s|--signal=SAID --kill-whom|--kill-who=TEXT
        --kill-value=N --kill-subgroup=TEXT --what=SAID --now --dry-run -q|--quiet -v|--verbose --no-warn --wait --no-block
        --message=TEXT --no-wall --no-reload --legend=TEXT --no-legend --global --runtime -f|--force --preset-mode=TEXT
        -n|--lines=N -o|--output=TEXT:plain --firmware-setup --boot-loader-menu=TEXT --boot-loader-entry=TEXT
        --reboot-argument=TEXT
        --plain --timestamp=TEXT --read-only --mkdir --marked --drop-in=TEXT --when=TEXT --stdin --after --before
        {_OF_ITSELF}
        list-*|status|show|cat ...  pages-securely
        ()                          pages-securely
        help ...                    leads     {{program}} help shows manual pages in a pager, which can start a shell
        is-*|get-default|show-environment|whoami|reset-failed|daemon-reload ...  harmless
        {"|".join(_HOST)} --dry-run [TEXT]  harmless
        {_ENDS}
        edit|set-environment|import-environment|unset-environment ...  gives  {{program}} can choose what root runs by itself
        switch-root ...             gives     {{program}} can start any other system
        link UNIT:link...           changes   makes systemd know units
        set-property TEXT LIMIT...  changes   sets {{3+:limits}} of {{2}}
        stop|condstop UNIT:stop...  changes   stops services
        restart|*-restart|force-reload|condrestart UNIT:restart...  changes   restarts services
        reload|try-reload UNIT:reload...  changes   reloads services
        start UNIT:start...         changes   starts services
        isolate UNIT:isolate        changes   stops all services that {{2}} does not need
        enable|reenable UNIT:enable...  changes   lets the host start services
        disable --now UNIT:disable-now...  changes  stops and disables services
        disable UNIT:disable...     changes   disables services
        mask --now UNIT:mask-now...  changes  stops and disables services
        mask UNIT:mask...           changes   disables services
        unmask UNIT:unmask...       changes   enables services
        kill UNIT:kill...           changes   kills services
        freeze UNIT:freeze...       changes   holds up services
        thaw UNIT:thaw...           changes   lets services run again
        clean UNIT:clean...         changes   deletes files of services
        revert UNIT:revert...       changes   deletes changes of the settings of services
        preset UNIT:preset...       changes   enables or disables services
        preset-all ()               changes   enables or disables all services
        daemon-reexec ()            changes   restarts systemd itself, not its services
        add-wants|add-requires TEXT UNIT:enable...  changes   starts {{3+}} whenever {{2}} starts
        set-default TEXT            changes   lets the host start {{2}} by itself
        bind TEXT FILE:trusts [TEXT]  changes   shows {{3}} to {{2}} at {{4:the same place}}
        mount-image TEXT FILE:trusts [TEXT] [TEXT]  changes   shows what is in the image {{3}} to {{2}} at {{4}}
        default ()                  changes   starts the default target, and stops what it does not need
        cancel ...                  changes   cancels jobs of systemd
        log-level|log-target|service-watchdogs ()  harmless
        log-level|log-target|service-watchdogs TEXT  changes   changes what systemd logs or watches
    = journalctl: abbreviates  -h|--help --version --no-pager --system --user -M|--machine=HOST -m|--merge
    -D|--directory=DIR:reads -i|--file=FILE:reads --root=DIR:reads --image=FILE:reads --image-policy=TEXT --namespace=TEXT
    -S|--since=TEXT -U|--until=TEXT -c|--cursor=TEXT --after-cursor=TEXT --cursor-file=FILE:writes -b|--boot[=TEXT]
    -u|--unit=TEXT --user-unit=TEXT -t|--identifier=TEXT -T|--exclude-identifier=TEXT -p|--priority=TEXT --facility=TEXT
    -g|--grep=TEXT --case-sensitive[=TEXT] -k|--dmesg -o|--output=TEXT:plain --output-fields=TEXT -n|--lines[=N] -r|--reverse
    --show-cursor --utc -x|--catalog --no-hostname --full -l --no-full -a|--all -f|--follow --no-tail -q|--quiet -e|--pager-end
    --interval=TEXT --verify-key=TEXT --force -N|--fields -F|--field=TEXT --list-boots --list-invocations --list-namespaces
    --disk-usage -W --truncate-newline --vacuum-size=VACUUM:size --vacuum-files=VACUUM:files --vacuum-time=VACUUM:time --verify
    --sync --relinquish-var --smart-relinquish-var --flush --rotate --header --list-catalog --dump-catalog --update-catalog
    --setup-keys -0 -1 -2 -3 -4 -5 -6 -7 -8 -9
        {_OF_ITSELF}
        --setup-keys ...  changes   makes the keys anew that seal the journal
        --relinquish-var|--smart-relinquish-var|--update-catalog ...  changes   changes where the journal is kept
        ...               pages-securely
    = loginctl: abbreviates
        {_OF_BUS} --no-legend -p|--property=TEXT -P=TEXT -a|--all --value -l|--full --kill-whom|--kill-who=TEXT -s|--signal=TEXT
        -n|--lines=N -o|--output=TEXT:plain -j --json=TEXT
        {_OF_ITSELF}
        list-*|show-*|session-status|user-status|seat-status ...  pages-securely
        ()                     pages-securely
        terminate-user ...     changes   ends all sessions and programs of {{2+:an account}}
        terminate-* ...        changes   ends all programs of the session {{2+:that it names}}
        kill-* ...             changes   sends a signal to all programs of {{2+:a session}}
        lock-* ...             changes   locks the screens of {{2+:all sessions}}
        unlock-* ...           changes   unlocks the screens of {{2+:all sessions}}
        enable-linger ...      changes   lets programs of {{2+:an account}} run without a session
        disable-linger ...     changes   ends programs of {{2+:an account}} with its last session
        activate TEXT          changes   shows the session {{2}} at its seat
        attach|flush-devices ...  changes   changes which devices belong to a seat
    = machinectl: abbreviates
        {_OF_BUS} --no-legend -p|--property=TEXT -q|--quiet -a|--all --value -l|--full --kill-whom=TEXT -s|--signal=TEXT
        --uid=TEXT -E|--setenv=TEXT --read-only --mkdir -n|--lines=N --max-addresses=N -o|--output=TEXT:plain --verify=TEXT
        --force
        --format=TEXT --runner=TEXT --now -j
        {_OF_ITSELF}
        list|list-images|list-transfers|status|show|image-status|show-image ...  pages-securely
        ()                     pages-securely
        remove TEXT...         destroys  deletes the images {{2+}} with all that is in them
        clean --all            destroys  deletes all images
        clean                  changes   deletes hidden images
        terminate|kill TEXT...  destroys  ends {{2+}} at once  and a virtual machine loses what it has not written
        poweroff|stop TEXT...  changes   stops the containers {{2+}}
        reboot TEXT...         changes   restarts the containers {{2+}}
        start TEXT...          changes   starts the containers {{2+}}
        enable|disable TEXT...  changes   changes whether the host starts the containers {{2+}}
        * ...                  gives     {{program}} can start containers that have the whole host
    = networkctl: abbreviates  -h|--help --version --no-pager --no-legend -a|--all -s|--stats -l|--full -n|--lines=N --json=TEXT
    --drop-in=TEXT --no-reload --runtime
        {_OF_ITSELF}
        list|status|lldp|label|cat|dump-config|persistent-storage ...  pages-securely
        ()                pages-securely
        down TEXT...      stops     takes the interfaces {{2+}} down  until they are up again
        delete TEXT...    stops     deletes the interfaces {{2+}}  until they are made again
        up TEXT...        changes   takes the interfaces {{2+}} up
        reload|reconfigure|renew|forcerenew ...  changes   sets the network of {{2+:all interfaces}} anew
        edit|mask|unmask ...  gives     {{program}} chooses the settings of the network
    = resolvectl: abbreviates  -h|--help --version --no-pager -4 -6 -i|--interface=TEXT -p|--protocol=TEXT -t|--type=TEXT
    -c|--class=TEXT --service-address=TEXT --service-txt=TEXT --cname=TEXT --validate=TEXT --synthesize=TEXT --cache=TEXT
    --zone=TEXT --trust-anchor=TEXT --network=TEXT --stale-data=TEXT --search=TEXT --raw[=TEXT] --legend=TEXT --json=TEXT -j
        {_OF_ITSELF}
        query|service|openpgp|tlsa|statistics|monitor|flush-caches|reset-*|show-* ...  harmless
        dns|domain|default-route|llmnr|mdns|dnsovertls|dnssec|nta|log-level [TEXT]  harmless
        status ...        pages-securely
        ()                pages-securely
        revert TEXT       changes   forgets the name servers of {{2}}
        dns TEXT TEXT...  changes   asks {{3+}} for the names of other hosts
        domain|default-route|llmnr|mdns|dnsovertls|dnssec|nta TEXT TEXT...  changes   sets {{1}} of {{2}} to {{3+}}
    = bootctl: abbreviates  -h|--help --version --no-pager --esp-path=DIR:obeys --boot-path=DIR:obeys --root=DIR:obeys
    --image=FILE:obeys --install-source=TEXT -p|--print-esp-path -x|--print-boot-path -R|--print-root-device --no-variables
    --graceful -q|--quiet --make-entry-directory=TEXT --entry-token=TEXT --json=TEXT --all-architectures
    --efi-boot-option-description=TEXT --dry-run
        {_OF_ITSELF}
        status|list|is-installed|systemd-efi-options|kernel-identify|kernel-inspect ...  pages-securely
        reboot-to-firmware ()  harmless
        ()                pages-securely
        remove            stops     takes away what starts the host  until a boot loader is installed again
        unlink|cleanup [TEXT]  changes   deletes what the host may boot: {{2+:what is not used}}
        set-* TEXT        changes   changes what the host boots next: {{2}}
        install|update|random-seed|reboot-to-firmware ...  changes   installs the boot loader of the host
    = coredumpctl: abbreviates  -h|--help --version --no-pager --no-legend --json=TEXT -1 -r|--reverse -n=N -S|--since=TEXT
    -U|--until=TEXT -F|--field=TEXT -q|--quiet -a|--all -o|--output=FILE:writes -D|--directory=DIR:reads --file=FILE:reads
    --root=DIR:reads --image=FILE:reads --image-policy=TEXT --debugger=TEXT -A|--debugger-arguments=TEXT
        {_OF_ITSELF}
        list|info ...     pages-securely
        ()                pages-securely
        dump ...          reads     {{program}} reads the memory of a process
        debug|gdb ...     gives     {{program}} starts a debugger
    = systemd-analyze: abbreviates
        {_OF_BUS} --recursive-errors=TEXT --offline=TEXT --threshold=N --security-policy=FILE:reads --json=TEXT --system --user
        --global --order --require --from-pattern=TEXT --to-pattern=TEXT --fuzz=TEXT --man[=TEXT] --generators[=TEXT]
        --iterations=N --base-time=TEXT --profile=FILE:reads -q|--quiet --root=DIR:reads --image=FILE:reads --no-legend
        --image-policy=TEXT --unit=TEXT --table --scale-svg=TEXT --detailed --tldr --instance=TEXT -m|--mask
        {_OF_ITSELF}
        verify FILE:reads...  harmless
        time|calendar|timestamp|timespan|compare-versions|condition ...  harmless
        blame|critical-chain|plot|dot|dump|cat-config|unit-files|unit-paths|exit-status|capability ...  pages-securely
        syscall-filter|filesystems|security|inspect-elf|fdstore|pcrs|srk|has-tpm2|image-policy|malloc ...  pages-securely
        log-level|log-target|service-watchdogs ()  harmless
        ()                harmless
        log-level|log-target|service-watchdogs TEXT  changes   sets {{1}} of systemd to {{2}}
    = systemd-cgls: abbreviates  -h|--help --version --no-pager -a|--all -l|--full -u|--unit=TEXT --user-unit=TEXT -k
    -x|--xattr=TEXT -c|--cgroup-id=TEXT -M|--machine=HOST
        {_OF_ITSELF}
        ...  pages-securely
    = systemd-sysext: abbreviates  -h|--help --version --no-pager --no-legend --root=DIR:obeys --json=TEXT --force
    --image-policy=TEXT --mutable=TEXT --no-reload --noexec=TEXT
        {_OF_ITSELF}
        list|status|check  pages-securely
        ()                 pages-securely
        merge|unmerge|refresh  gives     {{program}} changes the programs or settings of the host
    = timedatectl: abbreviates
        {_OF_BUS} --adjust-system-clock --monitor -p|--property=TEXT -P=TEXT -a|--all --value
        {_OF_ITSELF}
        list-timezones         pages-securely
        status|show|timesync-status|show-timesync  harmless
        ()                     harmless
        set-timezone TEXT      changes   sets the time zone to {{2}}
        set-ntp TEXT           changes   sets whether others set the clock to {{2}}
        set-time|set-local-rtc TEXT...  changes   sets the host's clock to {{2+}}
        ntp-servers|revert ...  changes   changes which hosts set the clock
    = hostnamectl: abbreviates  -h|--help --version --no-ask-password -H|--host=HOST -M|--machine=HOST --transient --static
    --pretty --json=TEXT -j
        {_OF_ITSELF}
        status ()              harmless
        ()                     harmless
        hostname|icon-name|chassis|deployment|location ()  harmless
        hostname|icon-name|chassis|deployment|location TEXT  changes   sets {{1}} of this host to {{2}}
        set-* TEXT             changes   sets {{*}} of this host to {{2}}
    = localectl: abbreviates
        {_OF_BUS} -l|--full --no-convert
        {_OF_ITSELF}
        status ()              harmless
        ()                     harmless
        list-* ...             pages-securely
        set-* TEXT...          changes   sets {{*}} of this host to {{2+}}
    = date: abbreviates  -d|--date=TEXT -f|--file=FILE:reads -I|--iso-8601[=TEXT] -R|--rfc-email|--rfc-2822 --rfc-3339=TEXT
    --debug --resolution -r|--reference=FILE:lists -s|--set=TEXT -u|--utc|--universal --help --version
        --set [TEXT]  changes   date sets the host's clock to {{-s}}
        +* ()         harmless
        ()            harmless
        N             changes   date sets the host's clock to {{1}}
    = hwclock: abbreviates  -r|--show --get -w|--systohc -s|--hctosys --systz -a|--adjust --set --predict --getepoch --setepoch
    --date=TEXT --epoch=N -u|--utc --localtime|-l -f|--rtc=TEXT --directisa --badyear --noadjfile --adjfile=FILE:writes --test
    --param-get=TEXT --param-set=TEXT --vl-read --vl-clear --delay=N --update-drift -D|--debug -v|--verbose -h|--help
    -V|--version
        --test ()  harmless
        --set --date ()  changes   sets the host's hardware clock to {{--date}}
        --systohc|--hctosys|--systz|--adjust|--set|--setepoch|--param-set|--vl-clear ()  changes   changes the host's clock
        ()         harmless
    = chronyc  -4 -6 -a -c -d -e -h=HOST -m -n -N -p=N -f=TEXT -s -u=TEXT -v|--version --help
        --version|--help ...  harmless
        tracking|sources|sourcestats|activity|ntpdata|serverstats|waitsync|authdata|sourcename|clients|rtcdata|help ...  harmless
        ()    gives     {{program}} has a prompt that changes the host's clock
        * ...  changes   changes the host's clock: {{1+}}
        """,
        types={**_UNITS, **{f"VACUUM:{kind}": _vacuums(kind) for kind in _NEARLY_ALL}},
    ),
    Row(
        "service",
        _service,
        ""
        " status-all full-restart full skip-redirect quiet disclose-deny query ifexists ifstarted nodeps dry-run D d i"
        " s Z N S C h help version v V",
    ),
    Row("pkill", _kill, f"{_SIGNALS} n r: runstates:", telling="--version --help -V -h"),
    Row("killall", _kill, f"{_SIGNALS} n: o: y: r regexp g process-group Z: context:", telling="--version --help -V"),
    Row("kill killall5", _kill, _SIGNALS, telling="--version:kill --help:kill -V:kill"),
    Row(
        "busctl dbus-send gdbus",
        _bus,
        "show-machine unique acquired activatable list q quiet verbose json: j timeout: user system session l full no-legend"
        " h help version H: M: address: no-pager",
        telling="--version:busctl,dbus-send,gdbus --help:dbus-send",
    ),
    Row("systemd-nspawn", gives("can start containers that have the whole host", unless="version status list")),
    Row("systemd-tmpfiles systemd-sysusers systemd-firstboot systemd-cryptenroll systemd-repart", _makes),
    Row(
        "update-alternatives alternatives update-initramfs dracut update-grub grub-install grub-mkconfig grubby efibootmgr"
        " kernel-install",
        _boot,
        "display: list: query: auto: config: install set o: output:"
        " u k: c d all force f kver: regenerate-all hostonly H no-hostonly add: a: omit: q quiet v verbose l"
        " list-modules p preset: S: slave: remove: remove-all: set-selections get-selections boot-directory: target:"
        " efi-directory: bootloader-id: recheck removable no-nvram modules: edit-env remove-args: default-kernel"
        " set-default: title: copy-default make-default b t s: keep grubconfig skip-fs-probe themes: locales:"
        " no-floppy debug",
        telling="--version:update-alternatives,alternatives,dracut,grub-install,grub-mkconfig,grubby,efibootmgr"
        " --help:update-alternatives,alternatives,dracut,grub-install,grub-mkconfig,efibootmgr",
    ),
    Row("inetd xinetd", gives("starts programs that files name", unless="version status list")),
)
