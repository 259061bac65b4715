# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: containers, clusters, virtual machines, and the servers of databases.

Law: whoever chooses what a container mounts, or starts it with the rights of the host, has the host.
"""

from __future__ import annotations

import re
from dataclasses import replace

from jitd_commands.judging import THIS_HOST, Call, Row
from jitd_commands.places import is_tree, place_of, tree_matters
from jitd_commands.programs.decision_table import DecisionTable, told
from jitd_commands.programs.grammar import grammars
from jitd_commands.programs.shared import trusts, who_changes, words
from jitd_commands.shell_text import Word

_LOOKS = words(
    "ps pods images logs inspect stats top port version info events diff history search ls list df volumes config ping context"
    " get describe api-resources api-versions cluster-info explain wait auth rollout-status dominfo domstate dumpxml nodeinfo"
    " dommemstat net-list pool-list vol-list domblklist capabilities healthcheck inspecti imagefsinfo"
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


def _run(here: Call, call: Call, words: list[Word]) -> None:
    """``docker run`` or ``create``: the options before the image decide. The files of options are those of ``here``."""
    at = 0
    is_mounted = False
    while at < len(words):
        word = words[at]
        text = word.text
        if word.is_free and not word.is_bound and (not text or text.startswith("-") and "=" not in text):
            return call.gives("can start containers that have the whole host")
        if not text.startswith("-"):
            break
        at += 1
        name, equals, value = text.partition("=")
        is_mounted = is_mounted or name in ("--volume", "--mount") or re.match("-[A-Za-z]*v", text) is not None
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
            here.writes(given, is_use=False)
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
            here.reads(given)
    if at >= len(words) and call.may_add_options:
        return call.gives("can start containers that have the whole host")
    call.leads("starts a container, whose image others may have made")
    here.leaves(words[at + 1 :])
    if is_mounted and words[at + 1 :]:
        call.away("in a container").start(words[at + 1 :])


_FLAGS = words(
    "--privileged --rm --detach --init --interactive --tty --read-only --no-healthcheck --publish-all --sig-proxy"
    " --disable-content-trust --oom-kill-disable --help --quiet --replace --no-hosts --rmi --systemd --tls-verify -d -i -t -P -q"
)
_DOCKER = DecisionTable(
    """
    compose down|rm|stop|kill|pause|start|unpause|scale|restart --dry-run  harmless
    compose down|rm -v|--volumes        destroys  stops the containers of {project}, and deletes their volumes
    compose down                        changes   stops the containers of {project}, and deletes them
    compose rm                          changes   deletes stopped containers of {project}
    compose stop|kill|pause             changes   stops {:all containers} of {project}
    compose start|unpause|scale         changes   starts {:all containers} of {project}
    compose restart                     changes   restarts {:all containers} of {project}
    volume rm|remove                    destroys  deletes the volumes {}
    volume prune                        destroys  deletes the volumes that no container uses
    volume create                       changes   makes the volume {}
    system prune --volumes              destroys  deletes stopped containers, and the volumes and images that none uses
    system prune                        changes   deletes stopped containers, and the images and networks that none uses
    system reset                        destroys  deletes all containers, images and volumes
    container|pod prune                 changes   deletes stopped containers
    image|images prune                  changes   deletes images that no container uses
    network prune                       changes   deletes the networks that no container uses
    builder|buildx prune                changes   deletes what builds have cached
    machine rm                          destroys  deletes the machine {}, and its disk
    secret rm|remove                    destroys  deletes the secrets {}
    stack rm|down|remove                changes   deletes the services of the stack {}, whose volumes remain
    service rm|remove                   changes   deletes the services {}
    service scale|update|rollback       changes   changes the services {}
    swarm leave --force|-f  destroys  \
        takes this host out of the swarm, until it joins again  \
        and with the last manager, the swarm's services and secrets are gone
    swarm leave                         changes   takes this host out of the swarm
    swarm ca|unlock-key|join-token      reads     shows how a host joins or opens the swarm
    swarm *                             changes   changes the swarm, or who is in it
    node rm|remove                      changes   takes the host {} out of the swarm
    node demote                         changes   takes the control of the swarm from the host {}
    node update --availability=drain    changes   moves all containers away from the host {}
    network create                      changes   makes the network {}
    network rm|remove                   changes   deletes the network {}
    network connect|disconnect          changes   changes whether {4} is in the network {3}
    image|images rm|remove|delete       changes   deletes the images {}
    namespaces rm|remove|delete         destroys  deletes the namespaces {}, and all containers in them
    snapshots|content rm|remove|delete  destroys  deletes {}
    context use                         changes   chooses the host that later commands control: {}
    rmi                                 changes   deletes the images {}
    rm|remove|delete -v|--volumes       destroys  deletes {:containers}, and the volumes that only they use
    container|pod|containers|task|tasks rm|remove|delete  changes   deletes {:containers}
    rm|remove|delete|rmp                changes   deletes {:containers}
    container|pod|task|tasks stop|kill|pause  changes   stops {:containers}
    stop|kill|pause|stopp               changes   stops {:containers}
    container|pod|task|tasks start|unpause|restart  changes   starts {:containers}
    start|unpause                       changes   starts {:containers}
    restart|reload                      changes   restarts {:containers}
    update                              changes   changes the limits of {:containers}
    rename                              changes   renames {2} to {3}
    tag                                 changes   names the image {2} {3}
    push                                changes   publishes {:images}
    commit                              changes   saves {2} as an image
    load|import                         changes   loads an image: {}
    login                               changes   logs in to {:the registry}, and keeps the password
    logout                              changes   logs out of {:the registry}
    init                                changes   makes {:a template}
    wait                                harmless
    """,
    valued="-t --time --timeout -s --signal --filter --availability -m --memory --memory-swap --cpus --cpu-shares --restart",
)
_LXC = DecisionTable("""
    network|storage|image|profile|project|cluster|remote|warning|operation list|ls|show|info|get|get-default  harmless
    storage volume list|ls|show|info|get  harmless
    storage volume delete|rm  destroys  deletes the volume {-1} of the storage {4}
    storage delete|rm         destroys  deletes the storage {}, and what is in it
    project delete|rm         destroys  deletes the project {}
    cluster remove|rm         changes   takes the host {} out of the cluster
    image|network|profile|remote delete|rm|remove  changes   deletes the {kind} {}
    delete|rm                 destroys  deletes {}, with all files and snapshots
    restore                   destroys  takes {2} back to the snapshot {3}  and what is newer is gone
    rebuild                   destroys  empties {2}, and fills it with an image
    snapshot                  changes   saves {}
    publish                   changes   makes an image of {}
    stop|pause|freeze         changes   stops {:all containers}
    start|unfreeze            changes   starts {}
    restart|reboot            changes   restarts {}
    rename                    changes   renames {2} to {3}
    network *                 changes   changes the network {}
    init                      changes   makes {}
""")
_VIRSH = DecisionTable(
    """
    undefine --remove-all-storage|--wipe-storage|--storage  destroys  deletes the guest {}, and its disks
    undefine --snapshots-metadata|--checkpoints-metadata  destroys  \
        deletes the guest {}, and what is known of its snapshots  but its disks remain
    undefine                            destroys  deletes the guest {}  but its disks remain
    destroy                             changes   cuts the power of the guest {}
    shutdown                            changes   shuts down the guest {}
    reboot|reset                        changes   restarts the guest {}
    suspend|managedsave|dompmsuspend|save  changes   stops the guest {}
    start|resume|dompmwakeup            changes   starts the guest {}
    vol-delete|vol-wipe                 destroys  deletes the volume {2}
    pool-delete                         destroys  deletes the pool {2}, and its volumes
    pool-destroy                        changes   stops the pool {}, whose volumes remain
    pool-undefine|net-undefine          changes   forgets {}
    net-destroy                         changes   stops the network {}, and cuts off its guests
    net-start|pool-start                changes   starts {}
    snapshot-delete|checkpoint-delete   destroys  deletes the snapshot {3: that its options name} of the guest {2}
    snapshot-revert                     destroys  takes the guest {2} back to the snapshot {3}  and what is newer is gone
    managedsave-remove                  destroys  deletes the saved memory of the guest {}
    snapshot-create|snapshot-create-as  changes   saves the guest {2}
    detach-*                            changes   takes a device from the guest {2}
    autostart                           changes   changes whether {} starts with the host
    *-list|*-info|*-dumpxml|*-path|*-name|*-uuid|*-key|domcapabilities|version|uri|hostname|freecell|nodedev-list  harmless
    set*|domrename|domfsfreeze|domif-setlink|blockcommit|blockpull|blockresize  changes   changes the guest {2}
    """,
    valued="--snapshotname --pool",
)
_TABLES = {"virsh": _VIRSH, "lxc": _LXC, "incus": _LXC}
_VALUED_BEFORE = words(
    "-H --host --context -c --connect --config -l --log-level --url --connection -n --namespace -a --address --root --log"
    " --kubeconfig --cluster --user -s --server --token -f --file -p --project-name --profile --env-file --project-directory"
)
"""Options before the verb that have a value."""
_OF_COMPOSE = words("-f --file -p --project-name --profile --env-file --project-directory")
_KINDS = words(
    "container pod compose image volume network system stack service node swarm builder buildx plugin secret config manifest"
    " task tasks containers images snapshots namespaces machine kube play profile storage cluster remote checkpoint content"
    " trust context"
)
_STARTING = words("compose stack kube play plugin service")
_SPECIAL = words(
    "exec shell attach rsh debug console enter launch config qemu-monitor-command qemu-agent-command define edit attach-disk"
    " attach-device migrate restore play kube generate unshare mount proxy port-forward run create apply patch replace cp build"
    " bud from add file move copy import-image device"
)


def _there(call: Call, words: list[Word]) -> Call:
    """Return the call as it is made on the host that its options name, or the call itself."""
    names = ("-c", "--connect") if call.name == "virsh" else ("-H", "--host", "--url")
    pairs = zip(words, [*words[1:], Word("")], strict=False)
    options = [(word.text.partition("="), value.text) for word, value in pairs]
    places = [given if equals else value for (name, equals, given), value in options if name in names]
    found = re.match(r"(?:[\w+]*ssh|tcp|https?|tls)://(?:([^@/]*)@)?(\[[^]]*\]|[^:/?]+)", places[0]) if len(places) == 1 else None
    if found is None or THIS_HOST.fullmatch(found[2]):
        return call
    return call.on(found[2], found[1] or "root")


def _project(call: Call, words: list[Word]) -> str:
    """Return what compose works on."""
    given = [
        value for word, value in zip(words, words[1:], strict=False) if word.text in ("-p", "--project-name", "-f", "--file")
    ]
    return told(given) or (f"the project in {call.cwd}" if call.cwd else "the project")


def docker(call: Call) -> None:
    """Judge docker and its like: the verb decides, and for a verb that starts something, its options."""
    words = list(call.words)
    at = 0
    while at < len(words) and words[at].text.startswith("-"):
        if words[at].is_free:
            return call.gives("can start containers that have the whole host")
        at += 2 if words[at].text in _VALUED_BEFORE else 1
    for word, value in zip(words, [*words[1:], Word("")], strict=False):
        name, equals, given = word.text.partition("=")
        if name in ("--kubeconfig", "--config") and call.name in ("docker", "podman"):
            path = call.absolute(Word(given) if equals else value)
            if path is None or call.judge.changed_by(path):
                return call.gives("reads settings that start programs", path or "")
        if re.search(r"\+ext://|[?&](command|netcat|pkipath)=", word.text):
            return call.gives("starts the program that its connection names")
    verb = words[at] if at < len(words) else None
    if verb is None:
        return call.gives("has a prompt for any command") if call.name == "virsh" and call.is_shown and not words else None
    table, there = _TABLES.get(call.name, _DOCKER), _there(call, words[:at])
    if verb.is_free:
        table.tells(there, words[at:])
        return there.gives("can start containers that have the whole host")
    rest = words[at + 1 :]
    kind, name = "", verb.text
    if name in _KINDS and rest and table is _DOCKER:
        dry = list[Word]()
        while rest and rest[0].text.startswith("-"):
            dry += [rest[0]] if rest[0].text.startswith("--dry-run") else []
            rest = rest[2:] if rest[0].text in {*_OF_COMPOSE, "--sort"} else rest[1:]
        if not rest:
            return None
        kind, name = name, rest[0].text
        if rest[0].is_free:
            table.tells(there, [verb, *rest])
            return there.gives("can start containers that have the whole host")
        rest = [*dry, *rest[1:]]
    asked = [Word(kind)] if kind else []
    named = {"project": _project(call, words[at:]), "kind": name}
    if table.tells(there, [*asked, Word(name), *rest], named=named):
        return None
    if kind in _STARTING and name in ("up", "run", "build", "apply", "deploy", "play", "create", "enable", "install"):
        if kind == "compose" and name in ("up", "build", "create"):
            return _compose(call, words)
        return there.gives("starts containers with any rights on the host")
    if (
        kind in ("network", "volume", "system", "image", "secret", "config", "node", "swarm", "builder", "storage")
        and name not in _LOOKS
        and name not in ("pull", "push", "tag", "load", "save", "import", "build")
    ):
        if kind == "system" and name == "service":
            return there.gives("lets others control its containers, and so the host")
        return there.changes(
            f"{name} changes the {kind} {told([word for word in rest if not word.text.startswith('-')])}".rstrip()
        )
    if kind == "compose" and name in ("config", "convert"):
        return _compose_config(call, words, rest)
    _one(call, there, name, rest)


def _one(call: Call, there: Call, name: str, rest: list[Word]) -> None:
    """Judge a verb that only its options explain. Files are those of ``call``, and containers those of ``there``."""
    if name in ("pull", "fetch") or (name == "inspect" and call.name in ("docker", "podman") and _has_plain_format(rest)):
        return
    if name == "inspect" and call.name != "virsh":
        if not {"network", "image", "volume", "--type=image"} & {word.text for word in call.words}:
            there.discloses("shows the settings of containers, which may have secrets")
    elif name in ("run", "create") and call.name != "virsh":
        _run(call, there, rest)
    elif name in _SPECIAL or (name == "config" and call.name in ("lxc", "incus")):
        _special(call, there, name, rest)
    elif name in ("save", "export"):
        for word, value in zip(rest, rest[1:], strict=False):
            if word.text in ("-o", "--output"):
                call.writes(value, is_use=False)
    elif name not in _LOOKS and not name.startswith(("dom", "list", "get-", "net-list")):
        call.not_known(f"jitd does not know what {call.name} {name[:40]} does")


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
    name = told(rest[at : at + 1])
    while words and words[0].text == "--":
        words = words[1:]
    if any(word.text.startswith("--privileged") for word in rest) or not words:
        return call.leads(f"starts a program in the container {name} with rights on the host".replace("  ", " "))
    if words[0].text.rpartition("/")[2] in ("env", "printenv") and len(words) == 1:
        call.discloses(f"shows the variables of the container {name}, which may be secrets")
    call.away(f"in the container {name}" if name else "in a container").start(words)


_EXEC_VALUED = words(
    "-e --env --env-file -u --user -w --workdir --detach-keys -n --namespace -c --container --context --kubeconfig --index"
)


def _special(call: Call, there: Call, name: str, rest: list[Word]) -> None:
    if name in ("exec", "shell", "attach", "rsh", "console", "enter"):
        if call.may_add_options and call.judge.is_pattern:
            return there.gives("can start any command in containers that may have the whole host")
        return _inside(there, rest)
    if name == "cp" or name == "file" or name == "copy":
        operands = [word for word in rest if not word.text.startswith("-")]
        if operands and ":" not in operands[-1].text:
            call.writes(operands[-1])
        elif operands:
            for word in operands[:-1]:
                call.reads(word, is_tree=True)
            sources = [path for word in operands[:-1] if (path := call.absolute(word)) is not None]
            if any(call.judge.changed_by(path) for path in sources) or len(sources) < len(operands) - 1:
                there.leads("puts files of others into a container, which may start them")
            container, _, path = operands[-1].text.partition(":")
            there.changes(f"overwrites {path[:60]} in the container {container[:60]}", is_whole=True)
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
    there.gives("can start containers or machines that have the whole host")


_CLUSTER_SHOWS = {
    "barman": r"(list-\w+|list-server|status|check|show-[\w-]+|replication-status)( \S+)*",
    "patronictl": r"(list|topology|history|version|show-config)( \S+)*",
    "pgbackrest": r"info|check|version|help|repo-ls",
    "repmgr": r"cluster (show|matrix|crosscheck|event)|node (status|check)|(service|daemon) status",
    "wal-g": r"(backup|wal)-(list|show)",
}
"""What a program that keeps a database server running shows, with options that name no program or file."""


_SERVERS = DecisionTable(
    """
    expire --dry-run         harmless
    edit-config              gives     starts an editor
    remove                   destroys  deletes what the cluster {} knows of itself  and its hosts are in no cluster then
    delete|delete-backup|expire|stanza-delete  destroys  \
        deletes backups of a database server: { :what its settings no longer keep}
    drop                     destroys  takes this host out of its cluster
    restore|backup-fetch|recover|delta-restore  destroys  \
        overwrites a database server with a backup: { }  and what is newer is gone
    cluster cleanup          changes   deletes old records of the cluster
    stop|stop-all            changes   stops the database server {}
    restart|start|reload     changes   starts the database server {} anew
    switchover|failover|promote|standby|primary  changes   makes another host the first of the cluster {}
    reinit|rejoin|clone|init|initdb|register  changes   makes the copy of a database server anew: { }
    pause|resume|flush       changes   changes whether a cluster repairs itself: { }
    backup --no-expire-auto  harmless
    backup-push|archive-push|archive-get|wal-push|wal-fetch|wal-receive|receive-wal|cron|sync-backup  changes  \
        saves or fetches files of a database server
    ... *                    changes   changes a database server: {*}
    ...  unknown  jitd does not know what {program} {verbs} does
    """,
    valued="-c -s --stanza -f --config-file -D --pgdata",
)


def _pg_ctl(call: Call) -> None:
    words = [word.text for word in call.operands]
    if any(word.is_free for word in call.operands):
        _SERVERS.tells(call, call.words)
        return call.gives("can start servers with any settings")
    is_asked = re.fullmatch(_CLUSTER_SHOWS.get(call.name, "(?!)"), " ".join(words)) is not None
    if is_asked and not set(call.given) - {"s", "stanza", "output", "format", "f", "c", "config-file"}:
        return trusts(call, call.values("f", "c", "config-file"))
    if words[:1] == ["status"] or words[-1:] == ["status"] or words[1:2] == ["list"]:
        return None
    if call.has("o", "p", "options") and call.values("o", "options", "p"):
        return call.gives("starts a server with settings that start programs")
    for text in call.values("remote-ssh-command", "cmd-ssh", "cmd", "ssh-command"):
        call.start([text])
    is_only_shown = call.name == "wal-g" and words[:1] == ["delete"] and not call.has("confirm")
    is_new = call.name == "barman" and words[:1] == ["backup"]
    if not is_only_shown and not is_new:
        _SERVERS(call)


_ETCD = """
    --help ...                    harmless
    ()                            harmless
    version|help|completion ...   harmless
    snapshot restore [FILE:reads]  changes   makes the data of a cluster anew from {}
    snapshot status [FILE:reads]  harmless
    snapshot save FILE:writes     reads     reads the secrets of a cluster
    defrag|hashkv ...             changes   deletes old versions of the cluster's keys
"""


def _job(call: Call, file: Word) -> None:
    """Nomad reads the file of a job, which may name others."""
    if who := who_changes(call, file):
        call.discloses(f"shows files that {call.absolute(file) or 'any file'} names, which {who} can change")


def _compose_call(call: Call) -> None:
    docker(replace(call, arguments=(Word("compose"), *call.words)))


def _whole_host(call: Call) -> None:
    call.gives("can start containers that have the whole host")


_HOSTS_SHOW = {
    "pct": r"(list|status|config|df|listsnapshot|pending|cpusets)( \S+)*",
    "qm": r"(list|status|config|listsnapshot|pending|showcmd|agent \d+ ping)( \S+)*",
    "pvecm": r"(status|nodes)",
    "pvesm": r"(status|list|path|scan)( \S+)*",
    "pcs": r"config( show)?|constraint|node attribute|(status|resource (status|config)|property config|constraint (config|list)"
    r"|cluster status|quorum status|stonith status)( \S+)*",
    "crm": r"(status|configure show|resource status|node status|resource list)( \S+)*",
    "crm_mon": "",
}
_HOSTS_CHANGE = DecisionTable("""
    destroy                    destroys  deletes the guest {2}, and its disks
    delsnapshot                destroys  deletes the snapshot {3} of the guest {2}
    rollback                   destroys  takes the guest {2} back to the snapshot {3}  and what is newer is gone
    free                       destroys  deletes the volume {2}
    prune-backups              destroys  deletes backups
    delnode                    changes   takes the host {} out of the cluster
    template                   changes   makes a template of the guest {}
    stop|suspend|shutdown      changes   stops the guest {2}
    start|resume|reboot|reset  changes   starts the guest {2}
    snapshot                   changes   saves the guest {2}
    unlock                     changes   unlocks the guest {2}
    migrate                    changes   moves the guest {2} to {3}
""")
_SERVICES_CHANGE = DecisionTable("""
    cluster destroy                     destroys  deletes the settings of the cluster, and stops every service of it
    configure erase                     destroys  deletes the settings of the cluster, and stops every service of it
    stonith fence                       stops     cuts the power of the host {}  until it is up again
    node fence                          stops     cuts the power of the host {}  until it is up again
    cluster stop --all                  stops     stops every service of the cluster  until the cluster is started again
    cluster stop                        changes   moves all services away from {:this host}
    cluster start|enable|disable        changes   changes whether {:this host} takes services of the cluster
    resource delete|remove              changes   stops the service {}, and forgets it
    resource disable|stop               changes   stops the service {}
    resource enable|start|restart       changes   starts the service {}
    resource move|migrate|ban|relocate  changes   moves the service {3} to {4:another host}
    resource clear|cleanup|refresh|manage|unmanage  changes   changes where the service {:of the cluster} may run
    node standby|maintenance|drain      changes   moves all services away from {:this host}
    node unstandby|unmaintenance|online|ready  changes   lets {:this host} take services again
""")


_PVESH = DecisionTable(
    """
    get|ls|usage|help                   harmless
    delete /access*|/cluster/firewall*  changes   deletes accounts, rights or rules of the firewall of the cluster: {*}
    delete                              destroys  deletes {}, with its disks or backups
    create|set /nodes/*/status --command|-command=shutdown  stops     switches off the host {*}  until somebody switches it on
    create|set /nodes/*/status --command|-command=reboot  stops     restarts the host {*}  until it is up again
    create /nodes/*/stopall|/nodes/*/suspendall  stops     stops every guest of a host  until they are started again
    create *rollback                    destroys  takes a guest back to a snapshot: {*}  and what is newer is gone
    create *wipedisk                    destroys  empties a disk of the host: {*}
    create *vzdump --script|-script     gives     starts the program {--script}{-script}
    create *status/*|*startall|*migrate|*snapshot|*vzdump  changes   starts, stops, moves or saves guests: {*}
    """,
    valued="--command -command --script -script --output-format -output-format",
)


def _pvesh(call: Call) -> None:
    """The interface of a whole cluster of virtual machines: what is not known may be the settings of a guest, or an account."""
    if any(word.is_free for word in call.words):
        _PVESH.tells(call, call.words)
        return call.gives("can choose what the hosts of the cluster start")
    if call.words and not _PVESH.tells(call, call.words):
        call.gives("can choose what the hosts of the cluster start")


def _hosts(call: Call) -> None:
    """Programs that keep services or virtual machines running on several hosts."""
    asked = " ".join(word.text for word in call.operands)
    changes = _HOSTS_CHANGE if call.name in ("pct", "qm", "pvesm", "pvecm") else _SERVICES_CHANGE
    if any(word.is_free for word in call.words):
        changes.tells(call, call.words)
        return call.gives("can choose what the hosts of the cluster start")
    if call.name == "crm_mon":
        if not all(re.fullmatch(r"-[1rAfnNoRtVbjcsD]+|--one-shot|--inactive|--version|--help", word.text) for word in call.words):
            return call.gives("can start a program, or write a file")
        return call.knows_all()
    if call.name == "pct" and [word.text for word in call.words[:1]] == ["exec"] and len(call.words) > 2:
        call.leads(f"starts a program in the container {told(call.words[1:2])}", is_whole=True)
        rest = [word for word in call.words[2:] if word.text != "--"]
        return call.away(f"in the container {told(call.words[1:2])}").start(rest)
    is_shown = re.fullmatch(_HOSTS_SHOW[call.name], asked) is not None
    if is_shown and not any(word.text == "--file" or word.text.startswith("-f") for word in call.words):
        return None
    if is_shown or not call.operands or not changes.tells(call, call.words):
        call.gives("can choose what the hosts of the cluster start")


_SHOWING = (
    "a all q quiet f filter format no-trunc s size n last l latest tail since until t timestamps details no-stream v"
    " version help type follow services orphans hash images profiles volumes json i o output digests tree dry-run p"
    " project-name file d H host log-level D debug context verbose k namespace no-legend no-heading pretty no-log-prefix"
    " no-color index dangling include name id state status wait timeout h noheading sort pod ns ignore-pull-failures"
    " policy include-deps with-registry-auth environment"
)
"""Options of verbs that show containers and what belongs to them."""
ROWS = (
    *grammars(
        f"""
    = stonith_admin
        -F|--fence=SAID -B|--reboot=SAID -U|--unfence=SAID -l|--list=TEXT -L|--list-registered -I|--list-installed
        -s|--list-targets=TEXT -M|--metadata -Q|--query=TEXT -H|--history=TEXT -C|--confirm=TEXT -R|--register=TEXT
        -D|--deregister=TEXT -a|--agent=TEXT -o|--option=TEXT -e|--env-option=TEXT -K|--validate -t|--timeout=N -q|--quiet
        --delay=N -c|--cleanup -b|--broadcast -V|--verbose -v|--version -?|--help
        --fence ()    stops     cuts the power of the host {{-F}}  until somebody switches it on
        --reboot ()   stops     cuts the power of the host {{-B}}, and switches it on  until it is up again
        --unfence ()  changes   switches on the host {{-U}}
        --list|-L|-I|--list-targets|--metadata|--query|--version|--help ()  harmless
        --history ()  harmless
        ()            changes   changes how hosts of the cluster are fenced
    = fence_ipmilan fence_ilo
        -a|--ip=SAID -l|--username=TEXT -p|--password=TEXT -o|--action=TEXT -n|--plug=SAID -S|--password-script=SHELL
        -k|--identity-file=FILE:reads -L|--privlvl=TEXT -P|--lanplus -A|--auth=TEXT -C|--cipher=TEXT -m|--method=TEXT
        -u|--ipport=N -i|--ipmitool-path=FILE:runs -T|--ipmitool-timeout=N -f|--delay=N -4|--inet4-only -6|--inet6-only -z|--ssl
        --ssl-insecure --ssl-secure -t=TEXT -v|--verbose -D|--debug-file=FILE:writes -V|--version -h|--help
        --version|--help ()  harmless
        --action=status|monitor|list|list-status|metadata|validate-all ()  harmless
        --action=off ()  stops     cuts the power of the host {{-n|-a}}  until somebody switches it on
        --action=on ()   changes   switches on the host {{-n|-a}}
        ()               stops     cuts the power of the host {{-n|-a:that its input names}}  until it is up again
    = slapcat
        -a=TEXT -b=TEXT -c -d=N -f|-F=FILE:trusts -g -H=TEXT -l=FILE:writes -n=N -o=TEXT -s=TEXT -v
        ()  reads     {{program}} reads whole databases
    = rabbitmqctl rabbitmq-diagnostics
        -n|--node=HOST -l|--longnames -q|--quiet -s|--silent -t|--timeout=N -p|--vhost=TEXT --formatter=TEXT --no-table-headers
        --print-stacktrace --erlang-cookie=TEXT --dry-run --offline --online --priority=N --apply-to=TEXT -e|--if-empty
        -u|--if-unused --local --minimal --enabled -h|--help --version
        --version|--help ...            harmless
        status|cluster_status|environment|report|help|version|ping|list_*|check_*|node_health_check|await_startup ...  harmless
        eval|eval_file|exec|shell|remote_shell ...  gives     runs any code in the server
        delete_queue|purge_queue TEXT   destroys  deletes the messages of the queue {{2}}
        delete_vhost TEXT               destroys  deletes the virtual host {{2}}, and all queues in it
        delete_user TEXT                changes   deletes the account {{2}} of the broker
        reset|force_reset               destroys  \
            takes this host out of its cluster, and deletes all queues, accounts and settings
        stop|stop_app|shutdown [TEXT]   stops     stops the message broker  until somebody starts it again
        forget_cluster_node TEXT        destroys  takes the host {{2}} and what only it has out of the cluster
        add_user|change_password|set_*|clear_*|authenticate_user ...  changes   changes who may use the broker: {{2}}
        start_app|join_cluster|close_*|rotate_logs|sync_queue|enable_feature_flag|add_vhost|trace_* ...  changes  \
            changes the message broker: {{1+}}
    = nodetool
        -h|--host=SAID -p|--port=N -u|--username=TEXT -pw|--password=TEXT -pwf|--password-file=FILE:reads -pp|--print-port
        -r|--resolve-ip -f|--force -full|--full -pr|--partitioner-range -dc|--in-dc=TEXT -local|--in-local-dc -seq|--sequential
        -t|--tag=TEXT -cf|--column-family|--table=TEXT -kt-list|--kt-list=TEXT --all -sf|--skip-flush -j|--jobs=N -H -F=TEXT
        status|info|ring|describecluster|tpstats|compactionstats|netstats|version|gossipinfo|help|getlogginglevels ...  harmless
        list*|*stats|*histograms|get* ...  harmless
        flush ...                   harmless
        clearsnapshot ...           destroys  deletes snapshots {{}}
        stopdaemon                  stops     stops the server of {{-h:this host}}  until somebody starts it again
        drain|disablegossip|disablebinary  stops     makes this host answer nobody  until its server is started again
        decommission                changes   moves all data from this host, and takes it out of the cluster
        removenode|assassinate TEXT  destroys  takes the host {{2}} and what only it has out of the cluster
        repair|cleanup|compact|rebuild|scrub|snapshot|enable*|disable*|set*|upgradesstables|refresh|move|stop ...  changes  \
            changes the database server: {{1+}}
    = kafka-topics.sh
        --bootstrap-server=TEXT --command-config=FILE:reads --topic=SAID --list --describe --create --alter --delete
        --partitions=N --replication-factor=N --replica-assignment=TEXT --config=TEXT --delete-config=TEXT --if-exists
        --if-not-exists --exclude-internal --under-replicated-partitions --unavailable-partitions --topic-id=TEXT --version
        --help
        --delete ()  destroys  deletes the topic {{--topic:any}}, and its messages
        --create|--alter ()  changes   makes or changes the topic {{--topic:any}}
        --list|--describe|--version|--help ()  harmless
    = kafka-consumer-groups.sh
        --bootstrap-server=TEXT --command-config=FILE:reads --group=SAID --topic=TEXT --all-groups --all-topics --list
        --describe --members --offsets --state --verbose --delete --delete-offsets --reset-offsets --execute --dry-run --export
        --from-file=FILE:reads --to-earliest --to-latest --to-current --to-offset=N --to-datetime=TEXT --by-duration=TEXT
        --shift-by=N --timeout=N --version --help
        --reset-offsets --execute ()  changes   changes which messages the group {{--group:any}} reads next
        --delete|--delete-offsets ()  changes   forgets which messages the group {{--group:any}} has read
        ()                            harmless
    = vault: go
        -address|-agent-address=URL -ca-cert|-client-cert|-client-key=FILE:reads -ca-path=TEXT -header=TEXT -mfa=TEXT
        -namespace|-ns=TEXT -non-interactive -output-curl-string -output-policy -policy-override -tls-server-name=TEXT
        -tls-skip-verify -wrap-ttl=TEXT -format=TEXT -field=TEXT -mount=TEXT -version -versions=TEXT -h|-help -detailed -prefix
        -force|-f -sync -config=FILE:trusts -policy=TEXT -ttl=TEXT -period=TEXT -orphan -type=TEXT -path=TEXT -description=TEXT
        -options=TEXT -key-shares=N -key-threshold=N -no-store -renewable -display-name=TEXT -use-limit=N -accessor -mode=TEXT
        -method=TEXT -cas=N -local -seal-wrap -default-lease-ttl|-max-lease-ttl|-increment=TEXT -plugin-name=TEXT -id=TEXT
        -reset -migrate -dev -dev-root-token-id=TEXT -log-level=TEXT -init -decode=TEXT -otp=TEXT -nonce=TEXT -cancel -status
        -verify -metadata=TEXT -dr-token -no-print -token-only -explicit-max-ttl=TEXT -custom-metadata=TEXT -max-versions=N
        -h ...                          harmless
        -version ()                     harmless
        status|version|list|path-help ...  harmless
        auth|secrets|policy|audit|namespace list|read ...  harmless
        token lookup -accessor TEXT     harmless
        token lookup [TEXT]             reads     shows the token {{:of this account}}
        token capabilities ...          harmless
        operator members|diagnose|usage ...  harmless
        operator raft list-peers        harmless
        operator raft autopilot get-config|state  harmless
        kv list TEXT                    harmless
        kv metadata get TEXT            harmless
        kv metadata delete TEXT         destroys  deletes the secret {{}}, and all versions of it
        kv destroy TEXT                 destroys  deletes versions of the secret {{}}
        kv delete TEXT                  changes   deletes the secret {{}}, which undelete brings back if its engine keeps versions
        kv put|patch|rollback|undelete|enable-versioning|metadata ...  changes   changes the secret {{3}}
        secrets disable TEXT            destroys  deletes all secrets below {{}}
        secrets enable|move|tune ...    changes   changes where secrets are kept: {{}}
        auth disable TEXT               stops     lets nobody log in by {{}} any more  until it is set up again
        auth enable|tune ...            changes   changes how people log in: {{}}
        operator seal                   stops     closes the vault: no program gets a secret  until enough keys open it
        operator raft remove-peer TEXT  changes   takes {{}} out of the cluster
        operator raft snapshot restore TEXT  destroys  overwrites all secrets with those of {{}}
        operator init|generate-root|rekey|unseal ...  leads     gives or takes the keys that open all secrets
        operator raft snapshot save FILE:writes  reads     copies all secrets
        operator step-down|rotate|key-status|raft ...  changes   changes how the vault is kept: {{2+}}
        lease revoke -prefix|-force TEXT  stops  takes back every key below {{}}: its programs have none  until they ask again
        lease|token revoke ...          changes   takes back {{:a key}}
        token create ...                changes   makes a key for the vault, and shows it
        delete TEXT                     destroys  deletes {{}}
        policy write|delete ...         changes   changes who may read secrets: {{3}}
        write auth/*|sys/policies/*|sys/policy/* ...  changes   changes who may read secrets
        write TEXT ...                  changes   changes {{2}}
        lease|token|namespace|audit renew|create|delete|enable|disable ...  changes   changes {{2+}}
        read|unwrap|print|login ...     reads     reads the secret {{-1}}
        kv get TEXT...                  reads     reads the secret {{-1}}
        ssh|agent|server|plugin|proxy|debug ...  gives     {{program}} starts other programs
    = etcdctl
        --cacert=FILE:reads --cert=FILE:reads --key=FILE:reads --command-timeout=TEXT --debug --dial-timeout=TEXT
        -d|--discovery-srv=TEXT --discovery-srv-name=TEXT --endpoints=TEXT -h|--help --hex --insecure-discovery
        --insecure-skip-tls-verify --insecure-transport --keepalive-time=TEXT --keepalive-timeout=TEXT --password=TEXT
        --user=TEXT -w|--write-out=TEXT --version
        get: --consistency=TEXT --from-key --keys-only --count-only --limit=N --order=TEXT --prefix --print-value-only --rev=N \
            --sort-by=TEXT --max-create-rev=N --max-mod-rev=N --min-create-rev=N --min-mod-rev=N
        del: --from-key --prefix --prev-kv --range
        put: --ignore-lease --ignore-value --lease=TEXT --prev-kv
        watch: -i|--interactive --prefix --prev-kv --progress-notify --rev=N
        lock: --ttl=N
        elect: -l|--listen
        txn: -i|--interactive
        compaction|compact: --physical
        defrag: --cluster --data-dir=TEXT
        endpoint: --cluster --rev=N
        snapshot: --data-dir=TEXT --initial-advertise-peer-urls=TEXT --initial-cluster=TEXT --initial-cluster-token=TEXT \
            --name=TEXT --skip-hash-check --wal-dir=TEXT --bump-revision=N --mark-compacted
        member: --learner --peer-urls=TEXT
        lease: --once --keys
        role: --from-key --prefix
        user: --interactive --new-user-password=TEXT --no-password --detail
        make-mirror: --dest-cacert=FILE:reads --dest-cert=FILE:reads --dest-insecure-transport --dest-key=FILE:reads \
            --dest-prefix=TEXT --no-dest-prefix --prefix=TEXT --rev=N --max-txn-ops=N
        check: --auto-compact --auto-defrag --load=TEXT --prefix=TEXT
        --version ...                 harmless
        {_ETCD}
        endpoint health|status|hashkv ()  harmless
        member|alarm list ()          harmless
        get --keys-only|--count-only TEXT [TEXT]  harmless
        watch --interactive ...       gives     {{program}} starts other programs
        watch [TEXT] [TEXT] -- PROGRAM  reads     reads the secrets of a cluster, or keeps others from them
        lock TEXT PROGRAM             reads     reads the secrets of a cluster, or keeps others from them
        lock TEXT                     reads     reads the secrets of a cluster, or keeps others from them
        elect TEXT [TEXT]             reads     reads the secrets of a cluster, or keeps others from them
        watch|get TEXT [TEXT]         reads     reads the secrets of a cluster
        del --prefix|--from-key|--range TEXT [TEXT]  destroys  deletes all keys of the cluster that begin with {{2:anything}}
        del TEXT TEXT                 destroys  deletes the keys from {{2}} to {{3}} of the cluster
        del TEXT                      destroys  deletes the keys {{}} of the cluster
        put TEXT [TEXT]               changes   changes the key {{2}} of the cluster
        txn                           destroys  changes or deletes keys of the cluster as its input says
        member remove TEXT            changes   takes the member {{}} out of the cluster
        member add|update|promote TEXT  changes   changes the members of the cluster
        compaction|compact N          changes   deletes old versions of the cluster's keys
        role|user get|list [TEXT]     harmless
        auth status ()                harmless
        role|user|auth TEXT...        changes   changes who may use the cluster's keys
        lease list|timetolive [TEXT]  harmless
        lease revoke TEXT             destroys  deletes the keys of the cluster that hang on the lease {{3}}
        lease grant|keep-alive TEXT   changes   changes how long keys of the cluster last
        alarm disarm                  changes   changes the data of a cluster: alarm disarm
        check perf|datascale          changes   changes the data of a cluster: check {{2}}
        move-leader TEXT              changes   lets the member {{2}} lead the cluster
        make-mirror TEXT              reads     {{program}} copies the keys of the cluster to {{2}}
    = etcdutl
        -h|--help -w|--write-out=TEXT --data-dir=TEXT --initial-advertise-peer-urls=TEXT --initial-cluster=TEXT
        --initial-cluster-token=TEXT --name=TEXT --skip-hash-check --wal-dir=TEXT --bump-revision=N --mark-compacted --rev=N
        {_ETCD}
    = consul: go
        -http-addr=URL -token=TEXT -token-file=FILE:reads -datacenter=TEXT -ca-file|-client-cert|-client-key=FILE:reads
        -namespace|-partition=TEXT -stale -recurse -keys -detailed -wan -format=TEXT -separator=TEXT -cas -modify-index=N
        -flags=N -base64 -acquire -release -session=TEXT -enable -disable -reason=TEXT -force -prune -name=TEXT -id=TEXT
        -type=TEXT -key=TEXT -prefix=TEXT -service=TEXT -node=TEXT -tag=TEXT -state=TEXT -config-dir|-config-file=FILE:trusts
        -dev -server -bind=TEXT -client=TEXT -meta -log-level=TEXT -accessor-id=TEXT -policy-name=TEXT -h|-help -version
        -h|-version ...                   harmless
        members|info|version|validate|monitor|catalog|rtt ...  harmless
        operator raft list-peers|read     harmless
        operator autopilot get-config|state|health  harmless
        * list|status|get|list-peers|inspect|history|versions|read ...  harmless
        kv export [TEXT]                  reads     reads the keys of the cluster
        kv delete -recurse [TEXT]         destroys  deletes all keys below {{}}
        kv delete TEXT                    destroys  deletes the key {{}}
        kv put TEXT [TEXT]                changes   changes the key {{3}}
        kv import [FILE:reads]            changes   changes the keys of the cluster
        snapshot restore [TEXT]           destroys  overwrites the data of the cluster with those of {{}}
        snapshot save FILE:writes         reads     copies the keys of the cluster
        namespace|partition|peering delete ...  destroys  deletes the {{1}} {{}}
        acl bootstrap ...                 gives     shows a key that may do everything in the cluster
        acl * ...                         changes   changes who may use the cluster: {{2+}}
        leave|force-leave [TEXT]          changes   takes {{:this host}} out of the cluster
        operator raft remove-peer ...     changes   takes a host out of the cluster
        exec|watch|lock|agent ...         gives     {{program}} starts programs, on this host or others
        maint|config|intention|services|event|reload|join|keyring|login|logout|connect|tls|operator ...  changes  \
            changes the cluster: {{1+}}
    = nomad: go
        -address=URL -region|-namespace=TEXT -token=TEXT -ca-cert|-client-cert|-client-key=FILE:reads -tls-skip-verify -no-color
        -force-color -verbose -short -json -t=TEXT -stats -self -detach -purge -global -yes -y -enable -disable -deadline=TEXT
        -force -no-deadline -ignore-system -keep-ineligible -m|-message=TEXT -monitor -meta=TEXT -var=TEXT -var-file=FILE:reads
        -type=TEXT -policy=TEXT -name=TEXT -job -task=TEXT -group=TEXT -i -tty=TEXT -e=TEXT -tail -f -n=N -c=N -stderr -stdout
        -dev -server -client -config=FILE:trusts -check-index=N -diff=TEXT -policy-override -output -out=TEXT -filter=TEXT
        -per-page=N -allocs -evals -no-shutdown-delay -h|-help -version
        -h|-version ...                 harmless
        job plan|validate JOB...        harmless
        job allocs|deployments|eval ...  harmless
        alloc logs|checks ...           harmless
        alloc fs ...                    reads     shows files of a program: {{3+}}
        status|version|monitor|fmt|ui ...  harmless
        node eligibility ...            changes   moves all programs away from a host
        * list|status|get|list-peers|inspect|history|versions|members|info ...  harmless
        operator raft list-peers        harmless
        operator autopilot get-config|health  harmless
        operator raft remove-peer ...   changes   takes a host out of the cluster
        operator snapshot save [FILE:writes]  reads     copies the data of the cluster
        operator snapshot restore TEXT  destroys  overwrites the data of the cluster with those of {{}}
        namespace|volume|var|quota delete|purge ...  destroys  deletes the {{1}} {{3+}}
        acl bootstrap ...               gives     shows a key that may do everything in the cluster
        acl|var ...                     changes   changes who may use the cluster: {{2+}}
        job stop -purge TEXT...         changes   stops the job {{}}, and forgets it
        job stop TEXT...                changes   stops the job {{}}
        stop TEXT...                    changes   stops the job {{}}
        job restart|revert|scale|promote|periodic|dispatch ...  changes   runs {{2}} on the job {{}}
        system gc|reconcile             changes   deletes what ended jobs have left
        node drain ...                  changes   moves all programs away from a host
        run|job|alloc|agent|exec|plan ...  gives     {{program}} starts programs, on this host or others
        deployment|namespace|volume|quota|server|operator|node|eval|scaling|config ...  changes   changes the cluster: {{1+}}
        """,
        types={"JOB": _job},
    ),
    Row("pvesh", _pvesh, "output-format: human-readable noborder noheader quiet"),
    Row(
        " ".join(_HOSTS_SHOW),
        _hosts,
        "full v verbose current debug node: output-format: snapshot: help version"
        " all purge force skiplock destroy-unreferenced-disks: mp1: net0: memory: cores: sockets: cpu: onboot: rootfs:"
        " hostname: password: ostype: unprivileged: start: storage: full-clone name: newid: target: online"
        " with-local-disks targetstorage: timeout: forceStop overrule-shutdown description: features: nameserver:"
        " searchdomain: swap: unused: format: quiet migratedfrom: scsi0: virtio0: ide2: boot: agent: bios: machine:"
        " scsihw: vga: serial0: tags: pool: content: server: export: nodes: disable: restart bwlimit: wait:: enable"
        " start-cluster request-timeout: group: after: before: clone: master: promoted: options: op: role: lifetime:"
        " mtu: addr: link0: link1: votes: nodeid: f:: n: r: A o: R 1 simulate force-yes"
        " vmstate:",
    ),
    Row(
        "docker podman nerdctl ctr crictl lxc incus virsh buildah runc crun",
        docker,
        f"{_SHOWING} c connect"
        " rm privileged remove-orphans prune force nvram interactive detach entrypoint: env: e: env-file: expose:"
        " publish: network: net: hostname: link: mount: volume: volumes-from: user: u: workdir: w: restart: memory: m:"
        " cpus: cpu-shares: cap-add: cap-drop: device: dns: add-host: ip: label: pid: ipc: uts: userns: cgroupns:"
        " read-only tmpfs: ulimit: shm-size: security-opt: sysctl: gpus: platform: pull init log-driver: log-opt:"
        " no-cache build-arg: target: tag: secret: cache-from: build no-deps no-build no-recreate force-recreate"
        " quiet-pull scale: abort-on-container-exit detach-keys: author: pause signal: P publish-all username:"
        " password: password-stdin driver: opt: subnet: gateway: attachable internal replicas: image: env-add: env-rm:"
        " advertise-addr: stop-signal: stop-timeout: group-add: cpuset-cpus: pids-limit: tty rmi: no-start T no-TTY"
        " remove-signatures all-tags live persistent domain: disk-only remove-all-storage snapshots-metadata"
        " managed-save graceful mode: replace creds: src-creds: dest-creds: tls-verify:: src-tls-verify::"
        " dest-tls-verify:: raw multi-arch: names title atomic diskspec: memspec: reuse-external halt no-metadata"
        " autostart inactive persistent"
        " current managed-by domain details uuid table transient with-snapshot without-snapshot no-stream"
        " with-id changes sync all-tags pretty-print autodestroy config ignore-buildable status:"
        " renew-anon-volumes V always-recreate-deps sort: digests",
    ),
    Row(
        "docker-compose",
        _compose_call,
        f"{_SHOWING}"
        " d detach build pull: quiet-pull no-build no-deps no-recreate force-recreate no-start remove-orphans"
        " timeout: scale: wait wait-timeout: abort-on-container-exit exit-code-from: V renew-anon-volumes"
        " always-recreate-deps v volumes rmi: e: env: u: user: w: workdir: T no-TTY index: rm entrypoint: name:"
        " use-aliases P service-ports publish: no-cache build-arg: parallel: memory: compress ignore-pull-failures"
        " signal: s: stop force removed ansi: profile: env-file: project-directory: file: resolve-image-digests"
        " no-interpolate interactive tty privileged",
    ),
    Row(
        "lxc-start lxc-execute lxd",
        _whole_host,
        telling="--version:lxc-start,lxc-execute,lxd",
    ),
    Row(
        "patronictl repmgr pgbackrest barman wal-g",
        _pg_ctl,
        "set: type: dry-run no-expire-auto confirm W watch w: e extended help version json v verbose q quiet short minimal"
        " terse D: pgdata: o: options: p: l: m: t: c: s: stanza: U: f: config-file: output: format: remote-ssh-command:"
        " cmd-ssh: cmd: ssh-command:"
        " force delta all repo1-host: repo: pg1-path: process-max: log-level-console: candidate: leader: switchover"
        " scheduled: role: set-key: wait-time: db-path: target: target-action: target-time: archive-mode: backup-id:"
        " remote: jobs: immediate checkpoint d: host: name: keep: r: siblings-follow force-rewind stanza-repo"
        " target-timeline: tablespace: type-restore S: loglevel: dcs: k: insecure",
        telling=(
            "--version:repmgr,pgbackrest,barman --help:patronictl,repmgr,pgbackrest,barman version:patronictl,pgbackrest"
            " help:pgbackrest"
        ),
    ),
)
