# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: containers, clusters, virtual machines, and the servers of databases.

Law: whoever chooses what a container mounts, or starts it with the rights of the host, has the host.
"""

from __future__ import annotations

import re
from dataclasses import replace

from jitd.core.judging import Call, Row
from jitd.core.places import is_tree, place_of, tree_matters
from jitd.core.programs.shared import trusts
from jitd.core.shell_text import Word

_LOOKS = frozenset(
    [
        "ps",
        "pods",
        "images",
        "logs",
        "inspect",
        "stats",
        "top",
        "port",
        "version",
        "info",
        "events",
        "diff",
        "history",
        "search",
        "ls",
        "list",
        "df",
        "volumes",
        "config",
        "ping",
        "context",
        "get",
        "describe",
        "api-resources",
        "api-versions",
        "cluster-info",
        "explain",
        "wait",
        "auth",
        "rollout-status",
        "dominfo",
        "domstate",
        "dumpxml",
        "nodeinfo",
        "dommemstat",
        "net-list",
        "pool-list",
        "vol-list",
        "domblklist",
        "capabilities",
        "healthcheck",
    ]
)


def _mounted(call: Call, source: Word, *, is_read_only: bool = False) -> None:
    """A container gets the path ``source`` of the host. What a container writes there as root may be set-uid."""
    text = source.text
    if source.is_free and not source.is_bound:
        return call.gives("starts containers that have the whole host")
    if not text.startswith(("/", "~", ".")):
        return None
    path = call.absolute(source)
    if path is None:
        return call.gives("starts containers that have the whole host")
    if is_read_only and not path.endswith(".sock"):
        call.reads(source, is_tree=True)
        return call.changes(f"gives a container {path}", path)
    place = place_of(path)
    if is_tree(path) or (place is not None and place.written > 3) or path.endswith(".sock"):
        call.gives(f"gives a container {path}", path, place.matters if place else tree_matters(path))
    else:
        call.gives(f"gives a container {path}, where it writes as root", path)


def _run(call: Call, words: list[Word]) -> None:
    """``docker run`` or ``create``: the options before the image decide."""
    at = 0
    while at < len(words):
        word = words[at]
        text = word.text
        if word.is_free and not word.is_bound and (not text or text.startswith("-") and "=" not in text):
            return call.gives("can start containers that have the whole host")
        if not text.startswith("-"):
            break
        at += 1
        name, equals, value = text.partition("=")
        if re.match("-[A-Za-z]", text) and not text.startswith("--"):
            letters = re.match(r"-([A-Za-z]*?)([vueplwhmac])(.*)", text)
            name = f"-{letters[2]}" if letters else text
            value, equals = (letters[3].removeprefix("="), letters[3]) if letters else ("", "")
            if not letters:
                continue
        elif name in _FLAGS:
            if name == "--privileged" and value != "false":
                call.gives("starts a container with all rights on the host")
            continue
        if name == "--rootfs" and not equals:  # a directory stands in the place of the image
            for root in words[at : at + 1]:
                _mounted(call, root, is_read_only=False)
            continue
        given = Word(value, word.is_free) if equals else words[at] if at < len(words) else Word("")
        at += 0 if equals else 1
        if name in ("--cidfile", "--pidfile", "--conmon-pidfile", "--pid-file", "--iidfile", "--digestfile", "--log-uri"):
            call.writes(given, is_use=False)
        if name in ("-v", "--volume"):
            _mounted(
                call,
                Word(given.text.partition(":")[0] if ":" in given.text else "", given.is_free and ":" not in given.text)
                if not given.is_free
                else Word(given.text.partition(":")[0], is_free=":" not in given.text),
                is_read_only=not given.is_free and given.text.count(":") > 1 and "ro" in given.text.rpartition(":")[2].split(","),
            )
        elif name == "--mount":
            parts = given.text.split(",")
            is_read_only = bool({"ro", "readonly", "ro=true", "readonly=true"} & set(parts))
            for part in parts:
                key, _, source = part.partition("=")
                if key in ("source", "src"):
                    _mounted(call, Word(source), is_read_only=is_read_only)
            if given.is_free:
                call.gives("starts containers that have the whole host")
        elif (
            name in ("--pid", "--ipc", "--uts", "--userns", "--cgroupns")
            and (given.text == "host" or given.is_free)
            and name != "--ipc"
        ):
            call.gives(
                "starts a container that sees all processes of the host"
                if name == "--pid"
                else f"starts a container with the host's {name[2:]}"
            )
        elif name in ("--network", "--net") and given.text == "host":
            call.changes("starts a container in the host's network")
        elif name == "--cap-add" and (
            given.is_free
            or re.search(
                r"(?i)all|sys_(admin|ptrace|module|rawio|chroot|boot)|dac_(override|read_search)|mknod|setfcap|bpf|perfmon|net_admin",
                given.text,
            )
        ):
            call.gives("starts a container with rights on the host")
        elif name in ("--device", "--device-cgroup-rule") and not re.match(
            r"/dev/(dri|snd|video\d|fuse|net/tun|ttyUSB|ttyACM|kvm|null|zero)", given.text
        ):
            call.gives("gives a container devices of the host")
        elif name == "--security-opt" and re.search(r"unconfined|disable|no-new-privileges[:=]false|systempaths", given.text):
            call.gives("starts a container without what restricts it")
        elif name in ("--volumes-from",):
            call.leads("starts a container with the files of another one")
        elif name in ("--runtime",):
            call.leads("starts a container with another runtime")
        elif name in ("--env-file",):
            call.reads(given)
    if at >= len(words) and call.may_add_options:
        return call.gives("can start containers that have the whole host")
    call.leads("starts a container, whose image others may have made")


_FLAGS = frozenset(
    [
        "--privileged",
        "--rm",
        "--detach",
        "--init",
        "--interactive",
        "--tty",
        "--read-only",
        "--no-healthcheck",
        "--publish-all",
        "--sig-proxy",
        "--disable-content-trust",
        "--oom-kill-disable",
        "--help",
        "--quiet",
        "--replace",
        "--no-hosts",
        "--rmi",
        "--systemd",
        "--tls-verify",
        "-d",
        "-i",
        "-t",
        "-P",
        "-q",
    ]
)
_VERBS = {
    "stop": "stops",
    "restart": "restarts",
    "kill": "kills",
    "rm": "deletes",
    "rmi": "deletes images:",
    "pause": "stops",
    "unpause": "starts",
    "start": "starts",
    "remove": "deletes",
    "prune": "deletes unused",
    "update": "changes",
    "rename": "renames",
    "pull": "fetches",
    "tag": "names",
    "push": "publishes",
    "commit": "saves",
    "login": "logs in to",
    "logout": "logs out of",
    "wait": "",
    "down": "stops",
    "load": "loads",
    "import": "loads",
    "save": "",
    "export": "",
    "delete": "deletes",
    "destroy": "stops",
    "shutdown": "stops",
    "reboot": "restarts",
    "undefine": "deletes",
    "suspend": "stops",
    "resume": "starts",
    "init": "creates",
    "leave": "leaves",
    "drain": "empties",
    "cordon": "closes",
    "uncordon": "opens",
    "scale": "changes the number of",
    "rollout": "changes",
    "taint": "changes",
    "label": "changes",
    "annotate": "changes",
    "autoscale": "changes",
    "expose": "opens",
    "set": "changes",
    "create": "creates",
    "snapshot": "saves",
    "snapshot-create": "saves",
    "autostart": "changes",
    "reset": "restarts",
    "rmp": "deletes",
    "rmpod": "deletes",
    "stopp": "stops",
    "network": "changes networks",
    "volume": "changes volumes",
    "image": "changes images",
    "system": "changes",
    "node": "changes",
}


def docker(call: Call) -> None:
    """Judge docker and its like: the verb decides, and for a verb that starts something, its options."""
    words = list(call.words)
    at = 0
    while at < len(words) and words[at].text.startswith("-"):
        if words[at].is_free:
            return call.gives("can start containers that have the whole host")
        at += (
            2
            if words[at].text
            in (
                "-H",
                "--host",
                "--context",
                "-c",
                "--config",
                "-l",
                "--log-level",
                "--url",
                "--connection",
                "-n",
                "--namespace",
                "-a",
                "--address",
                "--root",
                "--log",
                "--kubeconfig",
                "--cluster",
                "--user",
                "-s",
                "--server",
                "--token",
                "-f",
                "--file",
                "-p",
                "--project-name",
                "--profile",
                "--env-file",
                "--project-directory",
            )
            else 1
        )
    for word, value in zip(words, [*words[1:], Word("")], strict=False):
        name, equals, given = word.text.partition("=")
        if name in ("--kubeconfig", "--config") and call.name in ("docker", "podman"):
            path = call.absolute(Word(given) if equals else value)
            if path is None or call.judge.changed_by(path):
                return call.gives("reads settings that start programs", path or "")
        if re.search(r"\+(ext|ssh|libssh2?)://|[?&](command|netcat|pkipath)=", word.text):
            return call.gives("starts the program that its connection names")
    verb = words[at] if at < len(words) else None
    if verb is None:
        return call.gives("has a prompt for any command") if call.name == "virsh" and call.is_shown and not words else None
    if verb.is_free:
        return call.gives("can start containers that have the whole host")
    rest = words[at + 1 :]
    name = verb.text
    if (
        name
        in (
            "container",
            "pod",
            "compose",
            "image",
            "volume",
            "network",
            "system",
            "stack",
            "service",
            "node",
            "swarm",
            "builder",
            "buildx",
            "plugin",
            "secret",
            "config",
            "manifest",
            "task",
            "tasks",
            "containers",
            "images",
            "snapshots",
            "namespaces",
            "machine",
            "kube",
            "play",
            "profile",
            "storage",
            "cluster",
            "remote",
            "checkpoint",
            "content",
            "trust",
        )
        and rest
        and call.name not in ("virsh", "lxc", "incus")
    ):
        while rest and rest[0].text.startswith("-"):
            rest = (
                rest[2:]
                if rest[0].text in ("-f", "--file", "-p", "--project-name", "--profile", "--env-file", "--project-directory")
                else rest[1:]
            )
        if not rest:
            return None
        if rest[0].is_free:
            return call.gives("can start containers that have the whole host")
        kind, name, rest = name, rest[0].text, rest[1:]
        if name in ("up", "run", "build", "apply", "deploy", "play", "create", "enable", "install") and kind in (
            "compose",
            "stack",
            "kube",
            "play",
            "plugin",
            "service",
        ):
            if kind == "compose" and name in ("up", "build", "create"):
                return _compose(call, words)
            return call.gives("starts containers with any rights on the host")
        if (
            kind in ("network", "volume", "system", "image", "secret", "config", "node", "swarm", "builder", "storage")
            and name not in _LOOKS
            and name not in ("ls", "inspect", "df", "rm", "prune", "pull", "push", "tag", "load", "save", "import", "build")
        ):
            if kind == "system" and name == "service":
                return call.gives("lets others control its containers, and so the host")
            return call.changes(f"changes a {kind}")
        if kind == "compose" and name in ("config", "convert"):
            return _compose_config(call, words, rest)
    match name:
        case "pull" | "fetch":
            return None
        case "inspect" if call.name in ("docker", "podman") and _has_plain_format(rest):
            return None
        case "inspect" if call.name not in ("virsh", "skopeo"):
            if not {"network", "image", "volume", "--type=image"} & {word.text for word in words}:
                call.discloses("shows the settings of containers, which may have secrets")
        case "run" | "create" if call.name != "virsh":
            _run(call, rest)
        case (
            "exec"
            | "shell"
            | "attach"
            | "rsh"
            | "debug"
            | "console"
            | "enter"
            | "launch"
            | "config"
            | "qemu-monitor-command"
            | "qemu-agent-command"
            | "define"
            | "edit"
            | "attach-disk"
            | "attach-device"
            | "migrate"
            | "restore"
            | "play"
            | "kube"
            | "generate"
            | "unshare"
            | "mount"
            | "proxy"
            | "port-forward"
            | "run"
            | "create"
            | "apply"
            | "patch"
            | "replace"
            | "cp"
            | "build"
            | "bud"
            | "from"
            | "add"
            | "file"
            | "move"
            | "copy"
            | "import-image"
            | "device"
        ):
            _special(call, name, rest)
        case _ if name in _LOOKS or name.startswith(("dom", "list", "get-", "net-list")):
            if name == "config" and call.name in ("lxc", "incus"):
                _special(call, name, rest)
        case _ if name in _VERBS:
            if call.may_add_options and name in ("start",):
                return None
            if name in ("save", "export"):
                for word, value in zip(rest, rest[1:], strict=False):
                    if word.text in ("-o", "--output"):
                        call.writes(value, is_use=False)
                return None
            told = " ".join(word.text for word in rest if not word.text.startswith("-"))[:40]
            if _VERBS[name]:
                call.changes(f"{_VERBS[name]} {told or 'containers'}")
        case _:
            call.unknown(f"jitd does not know what {call.name} {name[:40]} does")


_PLAIN_FIELD = re.compile(
    r"\s*((json|println|len)\s+)?\.(State|NetworkSettings|Id|Name|Image|Created|Mounts|RestartCount|Platform|Driver|LogPath|RepoTags"
    r"|RepoDigests|Size|Architecture|HostConfig\.(RestartPolicy|NetworkMode|Memory|NanoCpus|CpuShares|PortBindings|Binds|Privileged)"
    r"|Config\.(Image|Hostname|User|WorkingDir|ExposedPorts))(\.\w+)*\s*"
)
"""Fields of a container that hold no variables, arguments or labels."""


def _has_plain_format(rest: list[Word]) -> bool:
    """True if the only format shows fields that hold no secrets."""
    formats = [
        Word(word.text.partition("=")[2], word.is_free) if "=" in word.text else value
        for word, value in zip(rest, [*rest[1:], Word("")], strict=True)
        if word.text.startswith("--format=") or word.text in ("-f", "--format")
    ]
    if len(formats) != 1 or any(word.is_free for word in rest):
        return False
    actions = re.findall(r"\{\{-?(.*?)-?\}\}", formats[0].text)
    return bool(actions) and all(_PLAIN_FIELD.fullmatch(action) for action in actions)


def _compose_config(call: Call, words: list[Word], rest: list[Word]) -> None:
    """Settings are checked or shown. They may name any file as one with variables."""
    for word, value in zip(rest, rest[1:], strict=False):
        if word.text in ("-o", "--output"):
            call.writes(value)
    for word in rest:
        if word.text.startswith("--output=") or re.match("-o.", word.text):
            call.writes(Word(word.text.partition("=")[2] or word.text[2:], word.is_free))
    files = [value for word, value in zip(words, words[1:], strict=False) if word.text in ("-f", "--file")] or [Word(".")]
    others = any((path := call.absolute(word)) is None or call.judge.changed_by(path) for word in files)
    if others or not {"-q", "--quiet", "--services", "--images", "--volumes"} & {word.text for word in rest}:
        call.discloses("shows the settings of containers, which may have secrets")


def _compose(call: Call, words: list[Word]) -> None:
    files = [value for word, value in zip(words, words[1:], strict=False) if word.text in ("-f", "--file")]
    files = files or ([Word(call.cwd)] if call.cwd else [])
    for word in files:
        path = call.absolute(word)
        if path is not None and (who := call.judge.changed_by(path)):
            return call.gives(f"{path} belongs to {who}: it names what containers have", path, is_whole=True)
    if not files or any(call.absolute(word) is None for word in files):
        return call.gives("starts containers with any rights on the host")
    call.leads("starts containers of images that others may have made")


def _inside(call: Call, rest: list[Word]) -> None:
    """A program is started in a container that runs."""
    at = 0
    while at < len(rest) and rest[at].text.startswith("-") and rest[at].text != "--":
        at += 2 if rest[at].text in _EXEC_VALUED else 1
    words = rest[at + 1 :]
    while words and words[0].text == "--":
        words = words[1:]
    if any(word.text.startswith("--privileged") for word in rest) or not words:
        return call.leads("starts a program in a container with rights on the host")
    if words[0].text.rpartition("/")[2] in ("env", "printenv") and len(words) == 1:
        call.discloses("shows the variables of a container, which may be secrets")
    call.away("in a container").start(words)


_EXEC_VALUED = frozenset(
    [
        "-e",
        "--env",
        "--env-file",
        "-u",
        "--user",
        "-w",
        "--workdir",
        "--detach-keys",
        "-n",
        "--namespace",
        "-c",
        "--container",
        "--context",
        "--kubeconfig",
        "--index",
    ]
)


def _special(call: Call, name: str, rest: list[Word]) -> None:
    if name in ("exec", "shell", "attach", "rsh", "console", "enter"):
        if call.may_add_options and call.judge.is_pattern:
            return call.gives("can start any command in containers that may have the whole host")
        return _inside(call, rest)
    if name == "cp" or name == "file" or name == "copy":
        operands = [word for word in rest if not word.text.startswith("-")]
        if operands and ":" not in operands[-1].text:
            call.writes(operands[-1])
        elif operands:
            for word in operands[:-1]:
                call.reads(word, is_tree=True)
            sources = [path for word in operands[:-1] if (path := call.absolute(word)) is not None]
            if any(call.judge.changed_by(path) for path in sources) or len(sources) < len(operands) - 1:
                call.leads("puts files of others into a container, which may start them")
            call.changes("changes files in a container")
        return None
    if name in ("build", "bud"):
        for word, value in zip(rest, [*rest[1:], Word("")], strict=False):
            if re.match(r"-o|--output|--iidfile|--metadata-file", word.text):
                text = re.sub(r"^(-o|--[a-z-]+=)", "", word.text) or value.text
                text = value.text if text.startswith("--") else text
                found = re.search(r"(?:^|,)dest=([^,]*)", text)
                target = found[1] if found else text
                if "type=" not in target and target != "-":
                    call.writes(Word(target, word.is_free or value.is_free), is_tree=True)
        for word in [word for word in rest if not word.text.startswith("-") and "/" in word.text or word.text == "."][-1:]:
            path = call.absolute(word)
            if path is not None and (who := call.judge.changed_by(path)):
                return call.leads(f"builds an image from {path}, which belongs to {who}", path, is_whole=True)
        if (
            any(
                word.text.startswith(("--security", "--privileged", "--device", "-v", "--volume", "--cap-add", "--allow"))
                for word in rest
            )
            or call.may_add_options
        ):
            return call.gives("builds with rights on the host")
        return call.leads("builds an image: runs others' code in a container")
    if call.name in ("lxc", "incus") and name == "config" and rest and rest[0].text in ("show", "get"):
        return None
    call.gives("can start containers or machines that have the whole host")


def _dump(call: Call) -> None:
    """Dumps of databases: they contain what the database protects."""
    if call.may_add_options:
        call.gives("can change any file")
    for word in call.values("f", "file", "r", "result-file", "out", "o", "D", "pgdata", "target-dir"):
        call.writes(word, is_use=False)
    if call.name in ("pg_dumpall",) and not call.has("s.only", "no-role-passwords", "t", "tablespaces-only", "s", "schema-only"):
        return call.discloses("reads all databases, and the hashes of their passwords")
    call.discloses("reads whole databases")


def _database(call: Call) -> None:
    if call.may_add_options:
        call.gives("can change any database")
    if call.name == "vacuumdb" and not call.has("f", "full") or call.name == "createdb":
        return None
    if call.has("rsyncable", "command", "use-list") and call.values("command"):
        call.gives("starts other programs")
    if call.name in ("createuser",) and call.has("s", "superuser"):
        return call.gives("creates a superuser of a database")
    call.changes(
        {
            "dropdb": "deletes a database",
            "dropuser": "deletes a role of a database",
            "createdb": "creates a database",
            "createuser": "creates a role of a database",
        }.get(call.name, "changes a database")
    )


_CLUSTER_SHOWS = {
    "barman": r"(list-\w+|list-server|status|check|show-[\w-]+|replication-status)( \S+)*",
    "patronictl": r"(list|topology|history|version|show-config)( \S+)*",
    "pg_autoctl": r"(show|version)( \S+)*",
    "pgbackrest": r"info|check|version|help|repo-ls",
    "repmgr": r"cluster (show|matrix|crosscheck|event)|node (status|check)|(service|daemon) status",
    "wal-g": r"(backup|wal)-(list|show)",
}
"""What a program that keeps a database server running shows, with options that name no program or file."""


def _pg_ctl(call: Call) -> None:
    words = [word.text for word in call.operands]
    if any(word.is_free for word in call.operands):
        return call.gives("can start servers with any settings")
    is_asked = re.fullmatch(_CLUSTER_SHOWS.get(call.name, "(?!)"), " ".join(words)) is not None
    if is_asked and not set(call.given) - {"s", "stanza", "output", "format", "f", "c", "config-file"}:
        return trusts(call, call.values("f", "c", "config-file"))
    if call.name == "pg_lsclusters" or words[:1] == ["status"] or words[-1:] == ["status"] or words[1:2] == ["list"]:
        return None
    if call.has("o", "p", "options") and call.values("o", "options", "p"):
        return call.gives("starts a server with settings that start programs")
    verb = next(
        (
            word
            for word in words
            if word
            in (
                "stop",
                "restart",
                "start",
                "reload",
                "promote",
                "init",
                "initdb",
                "switchover",
                "failover",
                "reinit",
                "edit-config",
                "remove",
                "pause",
                "resume",
                "flush",
            )
        ),
        "",
    )
    if verb == "edit-config":
        return call.gives("starts an editor")
    call.changes(f"{verb or 'changes'} {'a database server' if verb else 'a database server'}")


def _rabbit(call: Call) -> None:
    verb = call.verb.text if call.verb is not None else ""
    if call.name == "kafka-topics.sh" and call.has("list", "describe"):
        for word in call.values("command-config"):
            call.reads(word)
        if not (call.has("create", "delete", "alter") or call.may_add_options):
            return None
    if verb in (
        "status",
        "list_queues",
        "list_users",
        "list_vhosts",
        "cluster_status",
        "list_permissions",
        "ping",
        "version",
        "environment",
        "list_connections",
        "list_exchanges",
        "list_bindings",
        "list_channels",
        "report",
        "list",
        "help",
        "node_health_check",
        "await_startup",
    ) or verb.startswith("list"):
        return None
    if verb in ("eval", "eval_file", "exec"):
        return call.gives("runs any code in the server")
    call.changes("changes a message broker")


def _vault(call: Call) -> None:
    verb = call.verb.text if call.verb is not None else ""
    if verb in ("status", "version", "list", "path-help") or (
        verb in ("auth", "secrets", "policy", "token")
        and call.operands[1:2]
        and call.operands[1].text in ("list", "lookup", "read")
    ):
        return None
    if verb in ("read", "kv", "get", "unwrap", "token", "print", "login"):
        if verb == "kv" and call.operands[1:2] and call.operands[1].text in ("put", "delete", "patch", "destroy", "rollback"):
            return call.changes("changes secrets")
        return call.discloses("reads secrets")
    if verb in ("ssh", "agent", "server", "plugin"):
        return call.gives("starts other programs")
    call.changes("changes secrets, or who may read them")


def _etcd(call: Call) -> None:
    verb = call.verb.text if call.verb is not None else ""
    if verb in ("get", "snapshot", "watch"):
        return call.discloses("reads the secrets of a cluster")
    if verb in ("endpoint", "member", "version", "alarm") and (
        not call.operands[1:] or call.operands[1].text in ("list", "status", "health", "hashkv")
    ):
        return None
    call.changes("changes the data of a cluster")


def _sql_server(call: Call) -> None:
    call.changes("repairs or changes tables")


def _consul(call: Call) -> None:
    verb = call.verb.text if call.verb is not None else ""
    rest = [word.text for word in call.operands[1:2]]
    if verb in ("members", "info", "version", "status", "validate", "monitor") or rest in (
        ["list"],
        ["status"],
        ["get"],
        ["list-peers"],
    ):
        return None
    if verb in ("exec", "watch", "lock", "agent") or (verb == "alloc" and rest == ["exec"]) or verb in ("job", "run"):
        return call.gives("starts programs, on this host or others")
    call.changes("changes the cluster")


def _compose_call(call: Call) -> None:
    docker(replace(call, arguments=(Word("compose"), *call.words)))


def _whole_host(call: Call) -> None:
    call.gives("can start containers that have the whole host")


_HOSTS_SHOW = {
    "pct": r"(list|status|config|df|listsnapshot|pending|cpusets)( \S+)*",
    "qm": r"(list|status|config|listsnapshot|pending|showcmd|agent \d+ ping)( \S+)*",
    "pvecm": r"(status|nodes)",
    "pvesm": r"(status|list|path|scan)( \S+)*",
    "ha-manager": r"(status|config)",
    "pveversion": r".*",
    "pcs": r"config( show)?|constraint|node attribute|(status|resource (status|config)|property config|constraint (config|list)"
    r"|cluster status|quorum status|stonith status)( \S+)*",
    "crm": r"(status|configure show|resource status|node status|resource list)( \S+)*",
    "crm_mon": "",
}
_HOSTS_CHANGE = {
    "pct": r"(start|stop|shutdown|reboot|suspend|resume|snapshot|delsnapshot|unlock)( \S+)*",
    "qm": r"(start|stop|shutdown|reboot|reset|suspend|resume|snapshot|delsnapshot|unlock|migrate)( \S+)*",
    "pcs": r"(resource (move|ban|clear|enable|disable|restart|cleanup|refresh|relocate|manage"
    r"|unmanage)|node (standby|unstandby|maintenance"
    r"|unmaintenance)|cluster (start|stop|enable|disable))( \S+)*",
    "crm": r"(resource (move|migrate|clear|start|stop|restart|cleanup|refresh|manage|unmanage)"
    r"|node (standby|online|maintenance|ready))( \S+)*",
}


def _hosts(call: Call) -> None:
    """Programs that keep services or virtual machines running on several hosts."""
    asked = " ".join(word.text for word in call.operands)
    if any(word.is_free for word in call.words):
        return call.gives("can choose what the hosts of the cluster start")
    if call.name == "crm_mon":
        if not all(re.fullmatch(r"-[1rAfnNoRtVbjcsD]+|--one-shot|--inactive|--version|--help", word.text) for word in call.words):
            return call.gives("can start a program, or write a file")
        call.knows_all()
    elif call.name in _HOSTS_CHANGE and re.fullmatch(_HOSTS_CHANGE[call.name], asked):
        call.changes(f"{asked[:50]}: changes where services of the cluster run")
    elif not re.fullmatch(_HOSTS_SHOW[call.name], asked) or any(
        word.text == "--file" or word.text.startswith("-f") for word in call.words
    ):
        call.gives("can choose what the hosts of the cluster start")


ROWS = (
    Row(" ".join(_HOSTS_SHOW), _hosts),
    Row(
        "docker podman nerdctl ctr crictl lxc incus virsh buildah skopeo runc crun",
        docker,
        harmless=(
            "a all q quiet f filter format no-trunc s size n last l latest tail since until t timestamps details"
            " no-stream v version help type follow services orphans hash images profiles volumes json i o output digests"
            " tree dry-run p project-name file d H host log-level D debug context verbose k namespace n no-legend"
            " no-heading pretty no-log-prefix no-color index dangling include name id state status wait timeout h"
            " noheading sort latest pod ns ignore-pull-failures policy include-deps with-registry-auth environment"
        ),
    ),
    Row(
        "docker-compose podman-compose",
        _compose_call,
        harmless=(
            "a all q quiet f filter format no-trunc s size n last l latest tail since until t timestamps details"
            " no-stream v version help type follow services orphans hash images profiles volumes json i o output digests"
            " tree dry-run p project-name file d H host log-level D debug context verbose k namespace n no-legend"
            " no-heading pretty no-log-prefix no-color index dangling include name id state status wait timeout h"
            " noheading sort latest pod ns ignore-pull-failures policy include-deps with-registry-auth environment"
        ),
    ),
    Row("lxc-attach lxc-start lxc-execute lxc-create distrobox toolbox apptainer singularity lxd", _whole_host),
    Row(
        "slapcat ldbsearch redis-dump sqldump",
        _dump,
        "f: file: r: result-file: out: o: D: pgdata: target-dir: h: host: p: port: U: username: u: user: d: dbname: n:"
        " schema: N: T: t: table: F: format: Z: compress: j: jobs: E: password:: l: b: no-role-passwords s schema-only"
        " tablespaces-only",
    ),
    Row(
        "mysql_secure_installation",
        _database,
        "h: host: p: port: U: username: u: user: d: dbname: O: owner: T: template: E: f: file: D: pgdata: command: s"
        " superuser W w e i",
    ),
    Row(
        "patronictl repmgr pgbackrest barman wal-g pg_conftool pg_autoctl",
        _pg_ctl,
        "D: pgdata: o: options: p: l: m: t: c: s: stanza: U: f: config-file: output: format:",
        harmless="W watch w: e extended help version json v verbose q quiet short minimal terse",
    ),
    Row(
        "rabbitmqctl rabbitmqadmin rabbitmq-plugins rabbitmq-diagnostics kafka-topics.sh nodetool cockroach",
        _rabbit,
        "n: p: q s u: list describe create delete alter bootstrap-server: topic: command-config:",
        harmless=(
            "node: formatter: quiet silent no-table-headers longnames l t: timeout: vhost: local minimal m enabled E"
            " verbose v help version h p: port: host:"
        ),
    ),
    Row(
        "vault bao aws-vault",
        _vault,
        "field: format: address: namespace: mount:",
        harmless="format: version detailed tls-skip-verify help h",
    ),
    Row(
        "etcdctl etcdutl zkCli.sh",
        _etcd,
        "endpoints: cert: key: cacert: user: w: write-out:",
        harmless="cluster hex command-timeout: dial-timeout: debug insecure-skip-tls-verify help version h",
    ),
    Row(
        "consul nomad",
        _consul,
        harmless=(
            "http-addr: token: detailed wan address: namespace: region: verbose json short t: format: help version"
            " datacenter: stale"
        ),
    ),
    Row("myisamchk aria_chk innochecksum", _sql_server, "e:"),
)
