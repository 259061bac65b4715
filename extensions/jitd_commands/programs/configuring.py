# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: programs that configure hosts as files or a server say."""

from __future__ import annotations

import re

from jitd_commands.judging import ALL_HOSTS, Call, Row
from jitd_commands.programs.decision_table import DecisionTable, told
from jitd_commands.programs.grammar import grammars
from jitd_commands.programs.shared import gives, trusts, who_changes, words
from jitd_commands.shell_text import Word

_SHELL_MODULES = words("command shell raw script expect")
_FACTS = words("ping setup debug stat getent service_facts package_facts gather_facts wait_for wait_for_connection win_ping")
_WRITING = words("copy template file lineinfile blockinfile replace unarchive get_url fetch synchronize")
_LOCAL = words("localhost 127.0.0.1")


def _files(call: Call, *options: str) -> None:
    """The program runs what the values of ``options`` say, if they are files, and what they contain, if they are text."""
    for word in call.values(*options):
        text = word.text.removeprefix("@")
        if word.is_free or "/" in text or who_changes(call, Word(text)):
            trusts(call, [Word(text, word.is_free)])


def _hosts(pattern: Word) -> str:
    """Return the hosts that ``pattern`` means, as a sentence names them."""
    return ALL_HOSTS if pattern.text in ("all", "*") else pattern.text


def _ansible(call: Call) -> None:
    trusts(
        call, [word for word in call.values("i", "inventory", "M", "module-path", "playbook-dir") if not word.text.endswith(",")]
    )
    _files(call, "e", "extra-vars", "vault-password-file", "private-key")
    if call.has("ssh-common-args", "ssh-extra-args", "scp-extra-args", "sftp-extra-args"):
        call.gives("starts what its options for ssh name")
    if call.has("version", "list-hosts", "h", "help"):
        return None if not call.operands or not call.operands[0].is_free else call.gives("runs any code that it is given")
    module = ([word.text for word in call.values("m", "module-name")] or ["command"])[-1].removeprefix("ansible.builtin.")
    hosts = call.verb
    if hosts is None:
        return None
    if hosts.is_free or any(word.is_free for word in call.values("m", "module-name", "a", "args")):
        return call.gives("runs any code that it is given, on any of its hosts")
    here = call
    is_here = hosts.text in _LOCAL or call.has("c", "connection")
    if not is_here:
        call = call.on(_hosts(hosts), "root" if call.has("b", "become") else (call.values("u", "user") or [Word("")])[-1].text)
    if module in _FACTS or call.has("C", "check"):
        return None
    for text in call.values("a", "args"):
        if module in _SHELL_MODULES:
            call.runs_text(Word(re.sub(r"\b(?:chdir|creates|removes)=\S+ ?", "", text.text)))
        else:
            _module(call, module.rpartition(".")[2], dict(re.findall(r"\b(\w+)=['\"]?([^\s'\"]+)", text.text)), here)
    if not call.values("a", "args"):
        _module(call, module.rpartition(".")[2], {}, here)


_SAME = {
    ("postgresql_db", "absent"): "dropdb {name}",
    ("mysql_db", "absent"): "mysqladmin drop {name}",
    ("filesystem", "absent"): "wipefs -a {dev}",
    ("lvol", "absent"): "lvremove {vg}/{lv}",
    ("lvg", "absent"): "vgremove {vg}",
    ("parted", "absent"): "parted {device} rm {number}",
    ("zfs", "absent"): "zfs destroy {name}",
    ("docker_volume", "absent"): "docker volume rm {name}",
    ("docker_container", "absent"): "docker rm {name}",
    ("k8s", "absent"): "kubectl delete {kind} {name} -n {namespace}",
}
"""The command that does the same as a module of Ansible in a state."""


def _same(module: str, given: dict[str, str]) -> list[Word]:
    command = _SAME.get((module, given.get("state", "")), "")
    if module == "filesystem" and not command and given.get("force", "").lower() in ("yes", "true"):
        command = f"mkfs.{given.get('fstype', 'ext4')} {{dev}}"
    return [Word(re.sub(r"\{(\w+)\}", lambda found: given.get(found[1], ""), word)) for word in command.split()]


def _module(call: Call, module: str, given: dict[str, str], here: Call) -> None:
    """Judge ``module`` of Ansible as the command that does the same. ``here`` is the call on this host."""
    name, state = given.get("name", ""), given.get("state", "")
    place = given.get("dest") or given.get("path") or given.get("src", "")
    if command := _same(module, given):
        return call.start(command)
    if module == "fetch":
        call.reads(Word(given.get("src", "")))
        return here.writes(Word(given.get("dest", ""), is_free=not given.get("dest")))
    if module == "reboot":
        return call.start([Word("reboot")])
    if module == "file" and state == "absent":
        return call.removes(Word(place), is_tree=True)
    if module in ("service", "systemd", "systemd_service", "sysvinit"):
        verb = {"started": "start", "stopped": "stop", "restarted": "restart", "reloaded": "reload"}.get(state, "enable")
        return call.start([Word("systemctl"), Word(verb), Word(name)])
    if module in ("user", "group") and state == "absent":
        removes = [Word("-r")] if given.get("remove", "") in ("yes", "true", "True") else []
        return call.start([Word(f"{module}del"), *removes, Word(name)])
    if module in ("apt", "dnf", "yum", "package") and name:
        verb = "remove" if state in ("absent", "removed") else "install"
        return call.start([Word("apt-get" if module in ("apt", "package") else module), Word(verb), Word(name)])
    if place:
        call.writes(Word(place))
        if module in _WRITING:
            return None
    call.leads(f"does what its module {module[:40]} says{f': {name[:40]} {state[:20]}'.rstrip() if name else ''}")


def _playbook(call: Call) -> None:
    trusts(call, [word for word in call.values("i", "inventory", "M", "module-path") if not word.text.endswith(",")])
    _files(call, "e", "extra-vars", "vault-password-file", "private-key")
    is_only_read = call.has("version", "list-hosts", "list-tasks", "list-tags", "syntax-check", "h", "help")
    if call.may_add_options or (not call.operands and not is_only_read):
        call.gives("runs any code that it is given")
    if is_only_read:
        return trusts(call, call.operands)
    for word in call.operands:
        call.runs_file(word)


def _puppet(call: Call) -> None:
    verb = call.verb
    if verb is None or verb.text in ("help", "config", "lookup", "facts", "parser", "epp", "--version") and not verb.is_free:
        return None
    if call.has("e", "execute", "modulepath", "confdir", "vardir", "server") or verb.is_free:
        return call.gives("runs any code that it is given")
    if verb.text == "agent":
        if call.has("disable", "enable"):
            return call.changes("changes whether the host is configured by its server")
        if call.has("noop"):
            return None
        return call.leads("configures the host as its server says")
    if verb.text in ("apply", "script", "plan", "task"):
        for word in call.operands[1:]:
            call.runs_file(word)
        if not call.operands[1:]:
            call.runs_input()
        return None
    if verb.text in ("resource", "describe", "node", "catalog") and not any("=" in word.text for word in call.operands):
        return None
    call.changes("changes the host, or who may configure it")


def _salted(verb: str, rest: list[Word]) -> list[Word]:
    """Return the command that does the same as the function ``verb`` of Salt."""
    module, _, name = verb.partition(".")
    if module == "service" and name in ("start", "stop", "restart", "reload", "enable", "disable"):
        return [Word("systemctl"), Word(name), *rest[:1]]
    if module == "pkg" and name in ("install", "remove", "purge"):
        return [Word("apt-get"), Word("-y"), Word(name), *rest]
    return []


def _salt_master(call: Call) -> None:
    """What the server of Salt does itself, and which hosts it knows."""
    trusts(call, call.values("c", "config-dir"))
    if any(word.is_free for word in call.words):
        return call.gives("runs any code that it is given")
    if call.name == "salt-run":
        verb = call.verb
        if verb is not None and not re.match(r"(manage\.(?!bootstrap)|jobs\.|fileserver\.(file|dir)_list|test\.)", verb.text):
            call.gives("runs programs of the server, or code on its hosts")
        if any("removekeys" in word.text for word in call.operands):
            call.changes("changes which hosts the server knows")
        return None
    if call.has("a", "accept", "A", "accept-all"):
        hosts = told(call.values("a", "accept")) or "all that ask"
        call.leads(f"lets the hosts {hosts} have what the server keeps for them", is_whole=True)
    elif call.has("d", "delete", "D", "delete-all", "r", "reject", "R", "reject-all", "gen-keys"):
        call.changes("changes which hosts the server knows")
    elif call.has("p", "print", "P", "print-all", "f", "finger", "F", "finger-all", "l", "list", "L", "list-all"):
        return None
    return None


def _salt(call: Call) -> None:
    trusts(call, call.values("c", "config-dir", "file-root", "pillar-root", "m", "module-dirs"))
    verb = call.verb
    if verb is None:
        return None
    if call.name == "salt" and len(call.operands) > 1:
        verb = call.operands[1]
    if call.name == "salt" and verb.text in ("cmd.run", "cmd.run_all", "cmd.shell") and not call.operands[0].is_free:
        for text in call.operands[2:3]:
            call.on(_hosts(call.operands[0]), "root").runs_text(text)
    if (
        call.name == "salt"
        and not call.operands[0].is_free
        and verb.text in ("system.reboot", "system.shutdown", "system.poweroff")
    ):
        call.on(_hosts(call.operands[0]), "root").start([Word(verb.text.partition(".")[2])])
    rest = call.operands[call.operands.index(verb) + 1 :]
    if (command := _salted(verb.text, rest)) and not any(word.is_free for word in call.operands):
        return (call if call.name != "salt" else call.on(_hosts(call.operands[0]), "root")).start(command)
    if verb.is_free or re.match(r"(cmd|cmdmod|saltutil|state\.(template|single)|module|salt|ssh|file|user|cron)\.", verb.text):
        return call.gives("runs any code that it is given")
    if verb.text in ("test.ping", "test.version") or re.match(
        r"(grains|pillar|network|status|disk|pkg\.(list|version)|service\.status)\b", verb.text
    ):
        return None
    call.leads("configures the host as its files or its server say")


_VAGRANT = DecisionTable("""
    destroy               destroys  deletes the machines {:of its files}, and their disks
    snapshot delete       destroys  deletes the snapshot {-1}
    snapshot restore|pop  destroys  takes a machine back to the snapshot {-1}  and what is newer is gone
    box remove|prune      changes   deletes the images {}
    halt|suspend          changes   stops the machines {:of its files}
""")


def _vagrant(call: Call) -> None:
    verb = call.verb
    if verb is None or (verb.text in ("status", "global-status", "version", "port", "validate", "help") and not verb.is_free):
        return
    if who := who_changes(call, Word(".")):
        call.gives(f"runs what a file of {who} says")
    if _VAGRANT.tells(call, call.words):
        return
    call.leads("runs what a file says in a machine")


_SHARED = (
    "i: inventory: e: extra-vars: l: limit: t: tags: u: user: f: forks: M: module-path: vault-password-file: private-key:"
    " c: connection: T: b K k v C D"
)


def _pulled(call: Call, place: Word) -> None:
    """ansible-pull(1) runs what it gets from ``place``."""
    if "://" in place.text or place.is_free or "@" in place.text:
        call.gives("runs what a place says")
    else:
        trusts(call, [place])


ROWS = (
    *grammars(
        """
        = ansible-inventory ansible-doc ansible-lint ansible-config  --graph --list --host=TEXT --vars -y --yaml --toml -t=TEXT
        --type=TEXT -l -s --snippet -j --json -F --list_files -v --version -h --help --limit=TEXT -q --only-changed
        --format=TEXT -f=TEXT -i=FILE:trusts --inventory=FILE:trusts -c=FILE:trusts
        --version|--help ...  harmless
        ansible-doc: ...  pages  {program}
        ansible-lint: [FILE:trusts]...  harmless
        ansible-inventory|ansible-config: ...  harmless
        = ansible-galaxy  --upgrade -U --force -f --force-with-deps --no-deps -n -p=DIR:writes --roles-path=DIR:writes
        --collections-path=DIR:writes -r=FILE:trusts --role-file=FILE:trusts --requirements-file=FILE:trusts -s=TEXT
        --server=TEXT -i --ignore-errors -c
        --ignore-certs --pre --offline -v --vv --vvv --verbose --token=TEXT --api-key=TEXT --timeout=TEXT --keep-scm-meta -g
        --disable-gpg-verify -h --help --version
        list|search|info|verify ...  harmless
        collection|role list|search|info|verify ...  harmless
        ...           leads     {program} takes files from where anybody can publish
        = ansible-pull  -i=FILE:trusts --inventory=FILE:trusts -e=TEXT --extra-vars=TEXT -l=TEXT --limit=TEXT -t=TEXT
        --tags=TEXT -u=TEXT
        --user=TEXT -f=TEXT --forks=TEXT -M=DIR:obeys --module-path=DIR:obeys --vault-password-file=FILE:runs
        --private-key=TEXT -c=TEXT
        --connection=TEXT -T=TEXT -b -K -k -v -C=TEXT -D -U=PULLED --url=PULLED -d=DIR:writes --directory=DIR:writes
        --checkout=TEXT
        --version
        --version ()  harmless
        ...           leads     {program} runs what a place says that others control
        = ansible-vault  --vault-password-file=FILE:runs --vault-id=TEXT --encrypt-vault-id=TEXT --output=FILE:writes
        edit|create ...  gives  {program} {1} starts an editor
        view ...      also-pages  {program} view
        view|decrypt ...  reads     {program} shows secrets
        ()            harmless
        * ...         changes   {program} changes secrets
        = chef-client chef-solo cf-agent  -c=FILE:trusts --config=FILE:trusts -j=FILE:trusts --json-attributes=FILE:trusts
        -f=FILE:trusts --file=FILE:trusts -D=FILE:trusts --inputs=FILE:trusts -o=TEXT -r=TEXT --runlist=TEXT -l=TEXT -L=TEXT -v
        -h|--help --version -z|--local-mode -W|--why-run -N|--node-name=TEXT -E|--environment=TEXT -S|--server=TEXT
        --version|--help ()  harmless
        [FILE:runs]...  leads     {program} configures the host as its files or its server say
        """,
        types={"PULLED": _pulled},
    ),
    Row(
        "ansible",
        _ansible,
        "o one-line timeout: verbose check diff forks: user: become limit: h help "
        f"{_SHARED} m: module-name: a: args: ssh-common-args: ssh-extra-args: scp-extra-args: sftp-extra-args:"
        f" playbook-dir: version list-hosts"
        " B: background: P: poll: tree: ask-become-pass ask-pass become-user: vv vvv task-timeout:",
        chosen="runs any code that it is given",
    ),
    Row(
        "ansible-playbook",
        _playbook,
        f"{_SHARED} skip-tags: start-at-task: become-user: become-method: version list-hosts list-tasks list-tags syntax-check"
        " diff check step flush-cache force-handlers timeout: vv vvv vvvv vvvvv verbose ask-become-pass ask-pass"
        " ask-vault-pass ask-vault-password J key-file: vault-id: become remote-user: h help list",
        chosen="runs any code that it is given",
    ),
    Row("ansible-console ansible-connection", gives("runs any code that it is given")),
    Row(
        "puppet",
        _puppet,
        "e: execute: modulepath: confdir: vardir: server: environment: logdest: t test noop disable enable"
        " tags: skip_tags: onetime no-daemonize daemonize verbose v debug d color: no-splay splay fingerprint"
        " waitforcert: detailed-exitcodes summarize show_diff certname: no-noop all",
        chosen="runs any code",
    ),
    Row(
        "salt-call salt",
        _salt,
        "version versions-report versions help out: output: no-color t: timeout: E L G N S C c: config-dir: file-root:"
        " pillar-root: m: module-dirs: l: log-level: id: local",
        chosen="runs any code that it is given",
    ),
    Row(
        "salt-run salt-key",
        _salt_master,
        "version versions-report help h out: output: no-color t: timeout: l: log-level: q quiet c: config-dir: a: accept: d:"
        " delete: r: reject: p: print: f: finger: list: gen-keys:",
    ),
    Row("vagrant", _vagrant),
)
