# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: containers, clusters, virtual machines, and the servers of databases.

Law: whoever chooses what a container mounts, or starts it with the rights of the host, has the host.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from jitd_commands.judging import Call, Row
from jitd_commands.places import is_tree, place_of, tree_matters
from jitd_commands.programs.decision_table import DecisionTable, told
from jitd_commands.programs.grammar import EFFECTS, grammars
from jitd_commands.programs.shared import UNWRITTEN, trusts, who_changes
from jitd_commands.shell_text import Word


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


_RIGHTS = (
    ("privileged", r"(?!false\Z)", "starts a container with all rights on the host"),
    ("pid", r"host\Z", "starts a container that sees all processes of the host"),
    ("uts", r"host\Z", "starts a container with the host's uts"),
    ("userns", r"host\Z", "starts a container with the host's userns"),
    ("cgroupns", r"host\Z", "starts a container with the host's cgroupns"),
    (
        "cap-add",
        r"(?i)(.*,)?(cap_)?(all|sys_(admin|ptrace|module|rawio|chroot|boot)|dac_(override|read_search)|mknod|setfcap|bpf|perfmon"
        "|net_admin)",
        "starts a container with rights on the host",
    ),
    ("device", r"(?!/dev/(dri|snd|video\d|fuse|net/tun|ttyUSB|ttyACM|kvm|null|zero))", "gives a container devices of the host"),
    ("device-cgroup-rule", "", "gives a container devices of the host"),
    (
        "security-opt",
        ".*(unconfined|disable|no-new-privileges[:=]false|systempaths)",
        "starts a container without what restricts it",
    ),
)
"""Options that give a container rights on its host, and which values of them do."""


def _run(call: Call, there: Call, words: Sequence[Word]) -> None:
    """A container is started of an image, or of a directory that stands in its place."""
    if not words or words[0].is_any:
        return there.gives("can start containers that have the whole host")
    for option, wanted, what in _RIGHTS:
        values = call.values(option) or ([Word("")] if option == "privileged" and call.has(option) else [])
        if any(word.is_free or re.match(wanted, word.text) for word in values):
            there.gives(what)
    for word in call.values("volume"):
        source, colon, rest = word.text.partition(":")
        is_read_only = not word.is_free and ":" in rest and "ro" in rest.rpartition(":")[2].split(",")
        _mounted(there, Word(source if colon or word.is_free else "", word.is_free and not colon), is_read_only=is_read_only)
    for word in call.values("mount"):
        parts = word.text.split(",")
        is_read_only = bool({"ro", "readonly", "ro=true", "readonly=true"} & {*parts})
        for source in (one.partition("=")[2] for one in parts if one.startswith(("source=", "src="))):
            _mounted(there, Word(source), is_read_only=is_read_only)
        if word.is_free:
            there.gives("starts containers that have the whole host")
    if call.has("rootfs"):
        _mounted(there, words[0])
    if any(word.text == "host" for word in call.values("network")) or call.has("net-host"):
        there.changes("starts a container in the host's network")
    if call.has("volumes-from", "runtime"):
        there.leads("starts a container with the files of another one, or with another runtime")
    there.leads("starts a container, whose image others may have made")
    command = words[2:] if call.name == "ctr" else words[1:]  # whose second word is the container's name
    if call.has("volume", "mount") and command:
        there.away("in a container").start(command)


def _inside(call: Call, there: Call, words: Sequence[Word]) -> None:
    """A program is started in a container that runs."""
    if any(word.is_any for word in words):
        return there.gives("can start any command in containers that may have the whole host")
    name, command = told(words[:1]), words[2:] if words[1:] and words[1].text == "--" else words[1:]
    if call.has("privileged") or not command:
        return there.leads(f"starts a program in the container {name} with rights on the host".replace("  ", " "))
    if command[0].text.rpartition("/")[2] in ("env", "printenv") and len(command) == 1:
        there.discloses(f"shows the variables of the container {name}, which may be secrets")
    there.away(f"in the container {name}" if name else "in a container").start(command)


def copy_in_or_out(call: Call, there: Call, words: Sequence[Word]) -> None:
    """Files are copied into a container, or out of one: which of them has a colon in its name."""
    target = words[-1] if words else Word("", is_free=True)
    if ":" not in target.text:
        return call.writes(target)
    for word in words[:-1]:
        call.reads(word, is_tree=True)
    sources = [path for word in words[:-1] if (path := call.absolute(word)) is not None]
    if any(map(call.judge.changed_by, sources)) or len(sources) < len(words) - 1:
        there.leads("puts files of others into a container, which may start them")
    container, _, path = target.text.partition(":")
    there.changes(f"overwrites {path[:60]} in the container {container[:60]}", is_whole=True)


def _output(call: Call, word: Word) -> None:
    """What a build makes is put where ``word`` says, such as ``type=local,dest=/srv/x``."""
    found = re.search(r"(?:^|,)dest=([^,]*)", word.text)
    target = found[1] if found else word.text
    if "type=" not in target and target != "-":
        call.writes(Word(target, word.is_free), is_tree=True)


def _build(call: Call, there: Call, words: Sequence[Word]) -> None:
    for word in words[-1:]:
        path = call.absolute(word)
        if path is not None and (who := call.judge.changed_by(path)):
            return call.leads(f"builds an image from {path}, which belongs to {who}", path, is_whole=True)
    if any(word.is_any for word in words) or call.has("security-opt", "allow", "device", "volume", "cap-add"):
        return call.gives("builds with rights on the host")
    call.leads("builds an image: runs others' code in a container")


_PLAIN_FIELD = re.compile(
    r"\s*((json|println|len)\s+)?\.(State|NetworkSettings|Id|Name|Image|Created|Mounts|RestartCount|Platform|Driver|LogPath|RepoTags"
    r"|RepoDigests|Size|Architecture|HostConfig\.(RestartPolicy|NetworkMode|Memory|NanoCpus|CpuShares|PortBindings|Binds|Privileged)"
    r"|Config\.(Image|Hostname|User|WorkingDir|ExposedPorts))(\.\w+)*\s*"
)
"""Fields of a container that hold no variables, arguments or labels."""


def _settings(call: Call, there: Call, words: Sequence[Word]) -> None:
    """The settings of containers are shown, unless the only format shows fields that hold no secrets."""
    formats = call.values("format")
    actions = re.findall(r"\{\{-?(.*?)-?\}\}", formats[0].text) if len(formats) == 1 else []
    is_plain = bool(actions) and all(map(_PLAIN_FIELD.fullmatch, actions))
    if not is_plain or any(word.is_free for word in (*formats, *words)):
        there.discloses("shows the settings of containers, which may have secrets")


def _shown_project(call: Call, there: Call, words: Sequence[Word]) -> None:
    """Settings are checked, or their names are shown. They may name any file as one with variables."""
    files = call.values("file") or [Word(call.cwd or ".")]
    others = any((path := call.absolute(word)) is None or call.judge.changed_by(path) for word in files)
    if others or any(word.is_any for word in words):
        call.discloses("shows the settings of containers, which may have secrets")


def _project(call: Call, there: Call, words: Sequence[Word]) -> None:
    files = call.values("file") or ([Word(call.cwd)] if call.cwd else [])
    for word in files:
        path = call.absolute(word)
        if path is not None and (who := call.judge.changed_by(path)):
            return call.gives(f"{path} belongs to {who}: it names what containers have", path, is_whole=True)
    if not files or any(call.absolute(word) is None for word in files) or any(word.is_any for word in words):
        return call.gives("starts containers with any rights on the host")
    call.leads("starts containers of images that others may have made")


_DEEDS = {
    "leads:run": _run,
    "leads:inside": _inside,
    "changes:copy": copy_in_or_out,
    "leads:build": _build,
    "reads:settings": _settings,
    "reads:project": _shown_project,
    "leads:project": _project,
    "leads:compose": lambda call, there, words: there.start([Word("docker-compose"), *words]),
}
_ENGINE = """
    --help ...                          harmless
    --version ()                        harmless
    ()                                  harmless
    image|network|volume|secret|config|node|service|stack|plugin|context|builder|buildx|manifest|pod ()  harmless
    compose ...                         leads:compose
    ps|ls|list|images|logs|top|port|version|info|diff|events|history|search|stats|wait|pull|help|completion ...  harmless
    image|network|volume ls|list|inspect|exists|history|pull|search|tree ...  harmless
    secret|config|machine|pod|node|service ls|list|ps|exists|logs|top|stats ...  harmless
    stack|plugin|context|builder|buildx|manifest ls|list|ps|exists|services|du|version|show ...  harmless
    * inspect ...                       reads:settings
    system df|info|events|version ...   harmless
    inspect --type=image|network|volume ...  harmless
    inspect ...                         reads:settings
    run|create TEXT ...                 leads:run
    exec TEXT ...                       leads:inside
    attach TEXT                         leads     starts a program in the container {} with rights on the host
    cp TEXT TEXT                        changes:copy
    build TEXT                          leads:build
    image|builder|buildx build|bake TEXT...  leads:build
    volume rm|remove TEXT...            destroys  deletes the volumes {}
    volume prune                        destroys  deletes the volumes that no container uses
    volume create [TEXT]                changes   makes the volume {}
    system prune --volumes              destroys  deletes stopped containers, and the volumes and images that none uses
    system prune                        changes   deletes stopped containers, and the images and networks that none uses
    prune                               changes   deletes stopped containers
    image|images prune                  changes   deletes images that no container uses
    network prune                       changes   deletes the networks that no container uses
    builder|buildx prune                changes   deletes what builds have cached
    network create TEXT                 changes   makes the network {}
    network rm|remove TEXT...           changes   deletes the network {}
    network connect|disconnect TEXT TEXT  changes   changes whether {4} is in the network {3}
    image rm|remove TEXT...             changes   deletes the images {}
    rmi TEXT...                         changes   deletes the images {}
    rm|remove --volumes TEXT...         destroys  deletes {:containers}, and the volumes that only they use
    rm|remove TEXT...                   changes   deletes {:containers}
    stop|kill|pause TEXT...             changes   stops {:containers}
    start|unpause TEXT...               changes   starts {:containers}
    restart TEXT...                     changes   restarts {:containers}
    update TEXT...                      changes   changes the limits of {:containers}
    rename TEXT TEXT                    changes   renames {2} to {3}
    tag TEXT TEXT...                    changes   names the image {2} {3}
    image tag TEXT TEXT...              changes   names the image {3} {4}
    push TEXT...                        changes   publishes {:images}
    image push TEXT...                  changes   publishes {:images}
    commit TEXT [TEXT]                  changes   saves {2} as an image
    save|export ...                     harmless
    image save ...                      harmless
    load|import ...                     changes   loads an image: {-i: }
    image load|import ...               changes   loads an image: {-i: }
    login [TEXT]                        changes   logs in to {:the registry}, and keeps the password
    logout [TEXT]                       changes   logs out of {:the registry}
"""
"""What docker, podman and nerdctl do alike."""


def _connection(call: Call, word: Word) -> None:
    """A connection of virsh may name a program that makes it."""
    if word.is_free or re.search(r"\+ext://|[?&](command|netcat|pkipath)=", word.text):
        call.gives("starts the program that its connection names")
    EFFECTS["DAEMON"](call, word)


def _disk(call: Call, word: Word) -> None:
    call.gives("can start containers or machines that have the whole host")


_CLUSTER_SHOWS = {
    "barman": r"(list-\w+|list-server|status|check|show-[\w-]+|replication-status)( \S+)*",
    "pgbackrest": r"info|check|version|help|repo-ls",
    "repmgr": r"cluster (show|matrix|crosscheck|event)|node (status|check)|(service|daemon) status",
    "wal-g": r"(backup|wal)-(list|show)",
}
"""What a program that keeps a database server running shows, with options that name no program or file."""


_SERVERS = DecisionTable(
    """
    expire --dry-run         harmless
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


def _image_file(image: Word) -> Word | None:
    """Return the file or the directory that an image's name says, as ``dir:/srv/web`` and ``oci-archive:/srv/web.tar:1.2``."""
    found = re.match(r"(?:dir|oci|sif|docker-archive|oci-archive|ostree):([^:@]+)", image.text)
    return Word(found[1], image.is_free, image.is_bound) if found else None


def _image(call: Call, image: Word) -> None:
    if file := _image_file(image):
        call.reads(file, is_tree=image.text.startswith(("dir:", "oci:", "ostree:")))


def _image_made(call: Call, image: Word) -> bool:
    if file := _image_file(image):
        call.writes(file, is_tree=image.text.startswith(("dir:", "oci:", "ostree:")))
    elif image.is_free:
        call.gives("can change any file")
    return file is not None


def _job(call: Call, file: Word) -> None:
    """Nomad reads the file of a job, which may name others."""
    if who := who_changes(call, file):
        call.discloses(f"shows files that {call.absolute(file) or 'any file'} names, which {who} can change")
    call.reads(file)


_GUESTS = """
        destroy TEXT            destroys  deletes the guest {2}, and its disks
        delsnapshot TEXT TEXT   destroys  deletes the snapshot {3} of the guest {2}
        rollback TEXT TEXT      destroys  takes the guest {2} back to the snapshot {3}  and what is newer is gone
        template TEXT           changes   makes a template of the guest {2}
        suspend|shutdown TEXT   changes   stops the guest {2}
        start|resume|reboot TEXT  changes   starts the guest {2}
        snapshot TEXT TEXT      changes   saves the guest {2}
        resize TEXT TEXT TEXT   changes   makes the disk {3} of the guest {2} larger
        unlock TEXT             changes   unlocks the guest {2}
        migrate TEXT TEXT       changes   moves the guest {2} to {3}
        * ...                   gives     {program} can choose what the hosts of the cluster start
"""
"""What pct and qm do alike."""


def _whole_host(call: Call) -> None:
    call.gives("can start containers that have the whole host")


_HOSTS_SHOW = {
    "pcs": r"config( show)?|constraint|node attribute|(status|resource (status|config)|property config|constraint (config|list)"
    r"|cluster status|quorum status|stonith status)( \S+)*",
    "crm": r"(status|configure show|resource status|node status|resource list)( \S+)*",
    "crm_mon": "",
}
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
    node|cluster standby --all          stops     stops every service of the cluster  until a host may run them again
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
    create *qemu/*status/stop|*qemu/*status/reset  destroys  cuts the power: {2}  so what the guest has not written is lost
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
    """Programs that keep services running on several hosts."""
    asked = " ".join(word.text for word in call.operands)
    if any(word.is_free for word in call.words):
        _SERVICES_CHANGE.tells(call, call.words)
        return call.gives("can choose what the hosts of the cluster start")
    if call.name == "crm_mon":
        if not all(re.fullmatch(r"-[1rAfnNoRtVbjcsD]+|--one-shot|--inactive|--version|--help", word.text) for word in call.words):
            return call.gives("can start a program, or write a file")
        return call.knows_all()
    is_shown = re.fullmatch(_HOSTS_SHOW[call.name], asked) is not None
    if is_shown and not any(word.text == "--file" or word.text.startswith("-f") for word in call.words):
        return None
    if is_shown or not call.operands or not _SERVICES_CHANGE.tells(call, call.words):
        call.gives("can choose what the hosts of the cluster start")


_SHORT = """
    logs, service logs: -f|--follow -t|--timestamps
    rm|rmi|prune, * rm|remove|prune|disable|leave: -f|--force -l|--link -v|--volumes
    build, image|builder|buildx build|bake: -f|--file=FILE:reads -t|--tag=TEXT -m|--memory=TEXT -c|--cpu-shares=TEXT \
        --security-opt|--allow|--device|--volume|--cap-add=SAID -o|--output=OUT --iidfile|--metadata-file=FILE:writes
    kill|stop|restart: -s|--signal=TEXT -t|--time|--timeout=N
    commit|import, image import: -a|--author=TEXT -c|--change=TEXT -m|--message=TEXT -p|--pause
    load, image load: -i|--input=FILE:reads
    save|export, image save: -o|--output=FILE:writes
    cp: -L|--follow-link -a|--archive
    exec +: -e|--env=TEXT --env-file=FILE:reads -i|--interactive -t|--tty -u|--user=TEXT -w|--workdir=TEXT \
        --privileged[=SAID] --detach-keys=TEXT -d|--detach
    inspect: -f|--format=SAID
    network|volume|secret|config create: -d|--driver=TEXT -o|--opt=TEXT -l|--label=TEXT --internal --ipv4 --ipv6
    network connect: --link=TEXT
    login: -p|--password=TEXT -u|--username=TEXT
    update: -c|--cpu-shares=TEXT -m|--memory=TEXT
    start: -a|--attach -i|--interactive
"""
"""The options of verbs that nerdctl takes as docker does."""
ROWS = (
    *grammars(
        f"""
    = stonith_admin  -F|--fence=SAID -B|--reboot=SAID -U|--unfence=SAID -l|--list=TEXT -L|--list-registered -I|--list-installed
    -s|--list-targets=TEXT -M|--metadata -Q|--query=TEXT -H|--history=TEXT -C|--confirm=TEXT -R|--register=TEXT
    -D|--deregister=TEXT -a|--agent=TEXT -o|--option=TEXT -e|--env-option=TEXT -K|--validate -t|--timeout=N -q|--quiet --delay=N
    -c|--cleanup -b|--broadcast -V|--verbose -v|--version -?|--help
        --fence ()    stops     cuts the power of the host {{-F}}  until somebody switches it on
        --reboot ()   stops     cuts the power of the host {{-B}}, and switches it on  until it is up again
        --unfence ()  changes   switches on the host {{-U}}
        --list|-L|-I|--list-targets|--metadata|--query|--version|--help ()  harmless
        --history ()  harmless
        ()            changes   changes how hosts of the cluster are fenced
    = fence_ipmilan fence_ilo  -a|--ip=SAID -l|--username=TEXT -p|--password=TEXT -o|--action=TEXT -n|--plug=SAID
    -S|--password-script=SHELL -k|--identity-file=FILE:reads -L|--privlvl=TEXT -P|--lanplus -A|--auth=TEXT -C|--cipher=TEXT
    -m|--method=TEXT -u|--ipport=N -i|--ipmitool-path=FILE:runs -T|--ipmitool-timeout=N -f|--delay=N -4|--inet4-only
    -6|--inet6-only -z|--ssl --ssl-insecure --ssl-secure -t=TEXT -v|--verbose -D|--debug-file=FILE:writes -V|--version -h|--help
        --version|--help ()  harmless
        --action=status|monitor|list|list-status|metadata|validate-all ()  harmless
        --action=off ()  stops     cuts the power of the host {{-n|-a}}  until somebody switches it on
        --action=on ()   changes   switches on the host {{-n|-a}}
        ()               stops     cuts the power of the host {{-n|-a:that its input names}}  until it is up again
    = slapcat  -a=TEXT -b=TEXT -c -d=N -f|-F=FILE:trusts -g -H=TEXT -l=FILE:writes -n=N -o=TEXT -s=TEXT -v
        ()  reads     {{program}} reads whole databases
    = rabbitmqctl rabbitmq-diagnostics  -n|--node=HOST -l|--longnames -q|--quiet -s|--silent -t|--timeout=N -p|--vhost=TEXT
    --formatter=TEXT --no-table-headers --print-stacktrace --erlang-cookie=TEXT --dry-run --offline --online --priority=N
    --apply-to=TEXT -e|--if-empty -u|--if-unused --local --minimal --enabled -h|--help --version
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
    = nodetool  -h|--host=SAID -p|--port=N -u|--username=TEXT -pw|--password=TEXT -pwf|--password-file=FILE:reads
    -pp|--print-port -r|--resolve-ip -f|--force -full|--full -pr|--partitioner-range -dc|--in-dc=TEXT -local|--in-local-dc
    -seq|--sequential -t|--tag=TEXT -cf|--column-family|--table=TEXT -kt-list|--kt-list=TEXT --all -sf|--skip-flush -j|--jobs=N
    -H -F=TEXT
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
    = kafka-topics.sh  --bootstrap-server=TEXT --command-config=FILE:reads --topic=SAID --list --describe --create --alter
    --delete --partitions=N --replication-factor=N --replica-assignment=TEXT --config=TEXT:plain --delete-config=TEXT --if-exists
    --if-not-exists --exclude-internal --under-replicated-partitions --unavailable-partitions --topic-id=TEXT --version --help
        --delete ()  destroys  deletes the topic {{--topic:any}}, and its messages
        --create|--alter ()  changes   makes or changes the topic {{--topic:any}}
        --list|--describe|--version|--help ()  harmless
    = kafka-consumer-groups.sh  --bootstrap-server=TEXT --command-config=FILE:reads --group=SAID --topic=TEXT --all-groups
    --all-topics --list --describe --members --offsets --state --verbose --delete --delete-offsets --reset-offsets --execute
    --dry-run --export --from-file=FILE:reads --to-earliest --to-latest --to-current --to-offset=N --to-datetime=TEXT
    --by-duration=TEXT --shift-by=N --timeout=N --version --help
        --reset-offsets --execute ()  changes   changes which messages the group {{--group:any}} reads next
        --delete|--delete-offsets ()  changes   forgets which messages the group {{--group:any}} has read
        ()                            harmless
    = vault: go  -address|-agent-address=URL -ca-cert|-client-cert|-client-key=FILE:reads -ca-path=TEXT -header=TEXT -mfa=TEXT
    -namespace|-ns=TEXT -non-interactive -output-curl-string -output-policy -policy-override -tls-server-name=TEXT
    -tls-skip-verify -wrap-ttl=TEXT -format=TEXT -field=TEXT -mount=TEXT -version -versions=TEXT -h|-help -detailed -prefix
    -force|-f -sync -config=FILE:trusts -policy=TEXT -ttl=TEXT -period=TEXT -orphan -type=TEXT -path=TEXT -description=TEXT
    -options=TEXT -key-shares=N -key-threshold=N -no-store -renewable -display-name=TEXT -use-limit=N -accessor -mode=TEXT
    -method=TEXT -cas=N -local -seal-wrap -default-lease-ttl|-max-lease-ttl|-increment=TEXT -plugin-name=TEXT -id=TEXT -reset
    -migrate -dev -dev-root-token-id=TEXT -log-level=TEXT -init -decode=TEXT -otp=TEXT -nonce=TEXT -cancel -status -verify
    -metadata=TEXT -dr-token -no-print -token-only -explicit-max-ttl=TEXT -custom-metadata=TEXT -max-versions=N
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
    = etcdctl  --cacert=FILE:reads --cert=FILE:reads --key=FILE:reads --command-timeout=TEXT --debug --dial-timeout=TEXT
    -d|--discovery-srv=TEXT --discovery-srv-name=TEXT --endpoints=TEXT -h|--help --hex --insecure-discovery
    --insecure-skip-tls-verify --insecure-transport --keepalive-time=TEXT --keepalive-timeout=TEXT --password=TEXT --user=TEXT
    -w|--write-out=TEXT --version
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
        check: --auto-compact --auto-defrag --load=TEXT:plain --prefix=TEXT
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
    = etcdutl  -h|--help -w|--write-out=TEXT --data-dir=TEXT --initial-advertise-peer-urls=TEXT --initial-cluster=TEXT
    --initial-cluster-token=TEXT --name=TEXT --skip-hash-check --wal-dir=TEXT --bump-revision=N --mark-compacted --rev=N
        {_ETCD}
    = consul: go  -http-addr=URL -token=TEXT -token-file=FILE:reads -datacenter=TEXT
    -ca-file|-client-cert|-client-key=FILE:reads -namespace|-partition=TEXT -stale -recurse -keys -detailed -wan -format=TEXT
    -separator=TEXT -cas -modify-index=N -flags=N -base64 -acquire -release -session=TEXT -enable -disable -reason=TEXT -force
    -prune -name=TEXT -id=TEXT -type=TEXT -key=TEXT -prefix=TEXT -service=TEXT -node=TEXT -tag=TEXT -state=TEXT
    -config-dir|-config-file=FILE:trusts -dev -server -bind=TEXT -client=TEXT -meta -log-level=TEXT -accessor-id=TEXT
    -policy-name=TEXT -h|-help -version
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
    = nomad: go  -address=URL -region|-namespace=TEXT -token=TEXT -ca-cert|-client-cert|-client-key=FILE:reads -tls-skip-verify
    -no-color -force-color -verbose -short -json -t=TEXT -stats -self -detach -purge -global -yes -y -enable -disable
    -deadline=TEXT -force -no-deadline -ignore-system -keep-ineligible -m|-message=TEXT -monitor -meta=TEXT -var=TEXT
    -var-file=FILE:reads -type=TEXT -policy=TEXT -name=TEXT -job -task=TEXT -group=TEXT -i -tty=TEXT -e=TEXT -tail -f -n=N -c=N
    -stderr -stdout -dev -server -client -config=FILE:trusts -check-index=N -diff=TEXT -policy-override -output -out=FILE:writes
    -filter=TEXT -per-page=N -allocs -evals -no-shutdown-delay -h|-help -version
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
        "full v verbose debug node: output-format: help version all purge force skiplock name: target: timeout: quiet disable:"
        " f:: wait:: enable start-cluster request-timeout: group: after: before: clone: master: promoted: options: op: role: mtu:"
        " lifetime: addr: n: r: A o R 1 simulate force-yes",
    ),
    *grammars(
        f"""
    = docker: nested without container  --config=FILE:trusts -c|--context=TEXT -D|--debug -H|--host=DAEMON -l|--log-level=TEXT
    --tls --tlsverify -v|--version --tlscacert|--tlscert|--tlskey=FILE:reads --help
        compose --:
        run|create +: -v|--volume=SAID --mount=SAID --pid=SAID --uts=SAID --userns=SAID --cgroupns=SAID --cap-add=SAID
        run|create +: --device=SAID --device-cgroup-rule=SAID --security-opt=SAID --network|--net=SAID --volumes-from=SAID
        run|create +: --runtime=SAID --privileged[=SAID] --cidfile=FILE:writes --env-file|--label-file=FILE:reads -a|--attach=TEXT
        run|create +: -c|--cpu-shares=TEXT -e|--env=TEXT -h|--hostname=TEXT -l|--label=TEXT -m|--memory=TEXT -p|--publish=TEXT
        run|create +: -u|--user=TEXT -w|--workdir=TEXT
        run|create +: --add-host|--annotation|--blkio-weight|--blkio-weight-device|--cap-drop|--cgroup-parent|--cpu-*=TEXT
        run|create +: --cpus|--cpuset-cpus|--cpuset-mems|--detach-keys|--device-read-bps|--device-read-iops=TEXT
        run|create +: --device-write-bps|--device-write-iops|--dns|--dns-option|--dns-search|--domainname|--entrypoint=TEXT
        run|create +: --expose|--gpus|--group-add|--health-*|--io-maxbandwidth|--io-maxiops|--ip|--ip6|--ipc|--isolation=TEXT
        run|create +: --link|--link-local-ip|--log-driver|--log-opt|--mac-address|--memory-*|--name|--network-alias=TEXT
        run|create +: --oom-score-adj|--pids-limit|--platform|--pull|--restart|--shm-size|--stop-signal|--stop-timeout=TEXT
        run|create +: --storage-opt|--sysctl|--tmpfs|--ulimit|--volume-driver=TEXT -d|--detach -i|--interactive -t|--tty
        run|create +: -q|--quiet -P|--publish-all --init --no-healthcheck --oom-kill-disable --read-only --rm --sig-proxy
        run|create +: --use-api-socket --disable-content-trust
        *: --help -a|--all -q|--quiet -s|--size -v|--volumes|--verbose -d|--detach -l|--latest -H|--human -f|--filter=TEXT
        *: -n|--last|--tail=TEXT --format=SAID --availability|--type=TEXT -u|--user=TEXT --cap-add=TEXT --mount=TEXT
        *: --network=TEXT --security-opt=TEXT
        *: --*-add|--*-addr|--*-driver|--*-opt|--add-host|--alias|--arch|--args|--author|--aux-address=TEXT
        *: --blkio-weight|--build-arg|--ca-cert|--ca-key|--cache-from|--cap-drop|--cert-expiry|--cgroup-parent=TEXT
        *: --change|--checkpoint|--checkpoint-dir|--config-from|--config-rm|--constraint=TEXT --compose-file=FILE:reads
        *: --constraint-rm|--container-label|--container-label-rm|--cpu-*|--cpus|--cpuset-cpus|--cpuset-mems=TEXT
        *: --credential-spec|--data-path-port|--default-addr-pool|--default-addr-pool-mask-length=TEXT
        *: --description|--detach-keys|--dispatcher-heartbeat|--dns|--dns-*|--docker|--driver|--endpoint-mode=TEXT
        *: --entrypoint|--env|--env-rm|--external-ca|--from|--gateway|--generic-resource|--generic-resource-rm=TEXT
        *: --group|--group-rm|--gw-priority|--health-*|--host-rm|--hostname|--image|--ip|--ip-range|--ip6=TEXT
        *: --isolation|--keep-storage|--label|--label-rm|--limit|--limit-*|--link-local-ip|--max-concurrent=TEXT
        *: --max-snapshots|--memory|--memory-*|--message|--mode|--mount-rm|--name|--network-rm|--oom-score-adj=TEXT
        *: --opt|--os|--os-features|--os-version|--password|--pids-limit|--placement-pref|--placement-pref-rm=TEXT
        *: --platform|--publish|--publish-rm|--replicas|--replicas-max-per-node|--required-bytes|--reserve-cpu=TEXT
        *: --reserve-memory|--resolve-image|--restart|--restart-*|--role|--rollback-*|--scope|--secret=TEXT
        *: --secret-rm|--sharing|--shm-size|--signal|--since|--snapshot-interval|--stop-grace-period=TEXT
        *: --stop-signal|--subnet|--sysctl|--sysctl-rm|--tag|--target|--task-history-limit|--timeout|--token=TEXT
        *: --topology-preferred|--topology-required|--ulimit|--ulimit-rm|--until|--update-*|--username=TEXT
        *: --variant|--workdir=TEXT --all-tags --amend --archive --attach --attachable --autolock --cluster --compress
        *: --config-only --details --digests --disable --follow --follow-link --force-new-cluster --force-rm
        *: --grant-all-permissions --ingress --init --insecure --interactive --leave-running --no-cache --no-healthcheck
        *: --no-pause --no-prune --no-resolve --no-resolve-image --no-stdin --no-stream --no-task-ids --no-trunc --password-stdin
        *: --pretty --prune --pull --purge --raw --read-only --rm --rollback --rotate --sig-proxy --skip-interpolation
        *: --skip-remote-check --squash --timestamps --tree --tty --with-registry-auth
        {_SHORT}
        service create|update: -e|--env=TEXT -l|--label=TEXT -p|--publish=TEXT -t|--tty -w|--workdir=TEXT
        stack deploy|up: -c|--compose-file=FILE:reads
        manifest push: -p|--purge
        {_ENGINE}
        service|stack|plugin create|deploy|up|install|enable|set|upgrade ...  gives  \
            starts containers with any rights on the host
        service rm|remove TEXT...           changes   deletes the services {{}}
        service scale|update|rollback TEXT...  changes   changes the services {{}}
        stack rm|down|remove TEXT...        changes   deletes the services of the stack {{}}, whose volumes remain
        plugin rm|remove|disable TEXT...    changes   changes the plugins {{}}
        secret|config create TEXT [FILE:reads]  changes   makes the {{1}} {{3}}
        secret rm|remove TEXT...            destroys  deletes the secrets {{}}
        config rm|remove TEXT...            changes   deletes the settings {{}}
        swarm leave --force                 destroys  \
            takes this host out of the swarm, until it joins again  \
            and with the last manager, the swarm's services and secrets are gone
        swarm leave                         changes   takes this host out of the swarm
        swarm ca|unlock-key|join-token [TEXT]  reads     shows how a host joins or opens the swarm
        swarm init|join|unlock|update ...   changes   changes the swarm, or who is in it
        node rm|remove TEXT...              changes   takes the host {{}} out of the swarm
        node demote TEXT...                 changes   takes the control of the swarm from the host {{}}
        node update --availability=drain TEXT  changes   moves all containers away from the host {{}}
        node update|promote TEXT...         changes   changes the host {{}} of the swarm
        context use TEXT                    changes   chooses the host that later commands control: {{}}
        context create|update|rm|remove|import|export TEXT...  changes   changes which hosts later commands control: {{}}
        manifest create|annotate|push|rm TEXT...  changes   changes the manifest {{}}
        buildx use|create|rm|stop|install ...  changes   changes where images are built
        trust sign|revoke|key|signer ...    changes   changes which images are trusted
        checkpoint ls TEXT                  harmless
        checkpoint create|rm TEXT TEXT      changes   changes the saved states of {{3}}
        system dial-stdio                   gives     lets others control its containers, and so the host
    = nerdctl: nested without container  -a|-H|--address|--host=DAEMON -n|--namespace=TEXT
    --snapshotter|--storage-driver=TEXT --cni-path|--cni-netconfpath=DIR:obeys --data-root=TEXT
    --cgroup-manager|--host-gateway-ip|--userns-remap=TEXT --insecure-registry --selinux-enabled --debug --debug-full
    --hosts-dir=TEXT -v|--version -h|--help
        compose --:
        run|create +: -v|--volume=SAID --mount=SAID --pid=SAID --uts=SAID --userns=SAID --cgroupns=SAID --cap-add=SAID
        run|create +: --device=SAID --device-cgroup-rule=SAID --security-opt=SAID --network|--net=SAID --volumes-from=SAID
        run|create +: --runtime=SAID --privileged[=SAID] --rootfs[=SAID] --cidfile|--pidfile=FILE:writes
        run|create +: --env-file|--label-file=FILE:reads -a|--attach=TEXT -e|--env=TEXT -h|--hostname=TEXT -l|--label=TEXT
        run|create +: -m|--memory=TEXT -p|--publish=TEXT -u|--user=TEXT -w|--workdir=TEXT
        run|create +: --add-host|--annotation|--blkio-weight|--blkio-weight-device|--cap-drop|--cgroup-conf=TEXT
        run|create +: --cgroup-parent|--cosign-*|--cpu-*|--cpus|--cpuset-cpus|--cpuset-mems|--detach-keys=TEXT
        run|create +: --device-read-bps|--device-read-iops|--device-write-bps|--device-write-iops|--dns|--dns-*=TEXT
        run|create +: --domainname|--entrypoint|--gpus|--group-add|--health-*|--init-binary|--ip|--ip6|--ipc=TEXT
        run|create +: --ipfs-address|--isolation|--kernel-memory|--log-driver|--log-opt|--mac-address|--memory-*|--name=TEXT
        run|create +: --oom-score-adj|--pids-limit|--platform|--pull|--rdt-class|--restart|--shm-size|--stop-signal=TEXT
        run|create +: --stop-timeout|--sysctl|--systemd|--tmpfs|--ulimit|--umask|--verify=TEXT -d|--detach -i|--interactive
        run|create +: -t|--tty -q|--quiet --init --no-healthcheck --oom-kill-disable --read-only --rm --sig-proxy
        *: --help -a|--all -q|--quiet -s|--size -v|--volumes|--verbose -d|--detach -l|--latest -H|--human -f|--filter=TEXT
        *: -n|--last|--tail=TEXT --format=SAID --type=TEXT -u|--user=TEXT --allow=TEXT --network=TEXT
        *: --add-host|--arch|--attest|--author|--aux-address|--blkio-weight|--build-arg|--build-context=TEXT
        *: --buildkit-host|--cache-from|--cache-to|--change|--checkpoint|--compression|--cosign-*|--cpu-*=TEXT
        *: --cpus|--cpuset-cpus|--cpuset-mems|--detach-keys|--driver|--estargz-*|--gateway|--ip-range=TEXT
        *: --ipam-driver|--ipam-opt|--ipfs-address|--kernel-memory|--label|--limit|--memory=TEXT
        *: --memory-reservation|--memory-swap|--message|--mode|--notation-key-name|--opt|--os|--os-features=TEXT
        *: --os-version|--password|--pids-limit|--platform|--progress|--provenance|--pull|--restart|--sbom=TEXT
        *: --secret|--sign|--signal|--since|--soci-*|--ssh|--subnet|--tag|--target|--time=TEXT --source-policy-file=FILE:reads
        *: --unpack|--until|--username|--variant|--verify|--workdir|--zstdchunked-chunk-size=TEXT
        *: --zstdchunked-compression-level=TEXT --all-platforms --all-tags --allow-nondistributable-artifacts --amend --async
        *: --attach --cgroup --details --digests --env --estargz --follow --follow-link --image --insecure --interactive
        *: --internal --ipfs --ipv4 --ipv6 --leave-running --names --no-cache --no-stdin --no-stream --no-trunc --password-stdin
        *: --pause --purge --timestamps --tty --zstdchunked
        {_SHORT}
        {_ENGINE}
        namespace ls|list|inspect ...       harmless
        namespace rm|remove TEXT...         destroys  deletes the namespaces {{}}, and all containers in them
        namespace create|update TEXT...     changes   changes the namespace {{}}
        image convert|encrypt|decrypt TEXT TEXT  changes   makes the image {{4}}
        apparmor|ipfs ...                   changes   changes what containers may do, or who gets images
    = podman: nested without container  -c|--connection=TEXT --url=DAEMON --identity=FILE:reads --log-level=TEXT -r|--remote
    --ssh=TEXT --syslog --noout -v|--version
    --root|--runroot|--conmon|--hooks-dir|--network-cmd-path|--network-config-dir|--tmpdir|--volumepath=FILE:obeys
    --runtime=FILE:obeys --runtime-flag|--storage-driver|--storage-opt|--cgroup-manager|--events-backend|--namespace=TEXT
    --imagestore|--module|--config=FILE:trusts --transient-store --out=FILE:writes -h|--help
        compose --:
        run|create +: -v|--volume=SAID --mount=SAID --pid=SAID --uts=SAID --userns=SAID --cgroupns=SAID --cap-add=SAID
        run|create +: --device=SAID --device-cgroup-rule=SAID --security-opt=SAID --network|--net=SAID --volumes-from=SAID
        run|create +: --privileged[=SAID] --cidfile|--conmon-pidfile|--pidfile|--pod-id-file=FILE:writes
        run|create +: --env-file|--label-file=FILE:reads -a|--attach=TEXT -c|--cpu-shares=TEXT -e|--env=TEXT -h|--hostname=TEXT
        run|create +: -l|--label=TEXT -m|--memory=TEXT -p|--publish=TEXT -u|--user=TEXT -w|--workdir=TEXT
        run|create +: --add-host|--annotation|--arch|--authfile|--blkio-weight|--blkio-weight-device|--cap-drop=TEXT
        run|create +: --cgroup-conf|--cgroup-parent|--cgroups|--chrootdirs|--cpu-*|--cpus|--cpuset-cpus|--cpuset-mems=TEXT
        run|create +: --detach-keys|--device-read-bps|--device-read-iops|--device-write-bps|--device-write-iops|--dns=TEXT
        run|create +: --dns-option|--dns-search|--entrypoint|--env-merge|--expose|--gidmap|--group-add|--health-*=TEXT
        run|create +: --hostuser|--image-volume|--init-ctr|--init-path|--ip|--ip6|--ipc|--log-driver|--log-opt=TEXT
        run|create +: --mac-address|--memory-*|--name|--network-alias|--oom-score-adj|--os|--passwd-entry|--personality=TEXT
        run|create +: --pids-limit|--platform|--pod|--preserve-fds|--pull|--requires|--restart|--sdnotify=TEXT
        run|create +: --seccomp-policy|--secret|--shm-size|--stop-signal|--stop-timeout|--subgidname|--subuidname=TEXT
        run|create +: --sysctl|--systemd|--timeout|--tmpfs|--tz|--uidmap|--ulimit|--umask|--unsetenv|--variant=TEXT -d|--detach
        run|create +: -i|--interactive -t|--tty -q|--quiet -P|--publish-all --disable-content-trust --env-host --http-proxy --init
        run|create +: --no-healthcheck --no-hosts --oom-kill-disable --passwd --read-only --read-only-tmpfs --replace --rm --rmi
        run|create +: --sig-proxy --tls-verify --unsetenv-all --rootfs[=SAID]
        *: --help -a|--all -q|--quiet -s|--size -v|--volumes|--verbose -d|--detach -l|--latest -H|--human -i|--ignore
        *: -f|--filter=TEXT -n|--last|--tail=TEXT --format=SAID --type=TEXT -u|--user=TEXT --cap-add=TEXT --cgroupns=TEXT
        *: --device=TEXT --network=TEXT --pid=TEXT --security-opt=TEXT --userns=TEXT --uts=TEXT --volume=TEXT --volumes-from=TEXT
        *: --*-dir|--*-driver|--*-path|--add-host|--after|--alias|--annotation|--arch|--authfile|--author=TEXT
        *: --blkio-weight|--blkio-weight-device|--build-arg|--build-context|--cache-*|--cap-drop=TEXT
        *: --cgroup-parent|--change|--compression-format|--condition|--configmap|--container=TEXT
        *: --container-prefix|--cors|--cpp-flag|--cpu-*|--cpus|--cpuset-cpus|--cpuset-mems|--create-image=TEXT
        *: --creds|--decryption-key|--detach-keys|--device-*|--directory|--disk-size|--dns|--dns-option=TEXT
        *: --dns-search|--driver|--driver-opts|--exit-policy|--export|--features|--from=TEXT --filename=FILE:writes
        *: --exec=TEXT:plain
        *: --gateway|--gidmap|--hostname|--identity|--ignorefile|--import|--import-previous|--infra-*=TEXT
        *: --interval|--ip|--ip-range|--ip6|--ipc|--isolation|--jobs|--label|--limit|--log-opt=TEXT --label-file=FILE:reads
        *: --mac-address|--manifest|--memory|--memory-*|--message|--network-alias|--new-runtime|--opt|--os=TEXT
        *: --os-*|--password|--platform|--pod-prefix|--port|--preserve-fds|--pubkeysfile|--publish|--pull=TEXT
        *: --requires|--restart-policy|--restart-sec|--retry|--retry-delay|--runtime-flag=TEXT
        *: --seccomp-profile-root|--secret|--separator|--share|--shm-size|--sign-*|--signal|--since|--sort=TEXT
        *: --ssh|--start-timeout|--stop-timeout|--subgidname|--subnet|--subuidname|--sysctl|--tag|--target=TEXT
        *: --time|--timestamp|--timezone|--uidmap|--ulimit|--unsetenv|--until|--username|--userns-*|--variant=TEXT
        *: --wants|--watch|--workdir=TEXT --all-platforms --all-tags --amend --archive --attach --build --color --compact
        *: --compatible --ctr-ids --ctr-names --ctr-status --default --depend --destroy --digests --disable-compression
        *: --disable-content-trust --disable-dns --display --external --file-locks --files --follow --force-rm --get-login
        *: --history --http-proxy --identity-label --ignore-rootfs --ignore-static-ip --ignore-static-mac --ignore-volumes
        *: --include-volumes --infra --interactive --internal --ipv6 --json --keep --layers --leave-running --list-tags --logsplit
        *: --multi-image-archive --names --new --no-cache --no-header --no-hosts --no-prune --no-reset --no-stdin --no-stream
        *: --no-trunc --noheading --now --ns --omit-history --overwrite --password-stdin --pause --pre-checkpoint --pretty
        *: --print-stats --raw --remove-signatures --replace --rm --rmi --rootful --rootless-netns --run --running --save-ignition
        *: --save-image --save-keys --service --share-parent --sig-proxy --skip-unused-stages --squash --squash-all --start
        *: --stdin --sync --tcp-established --template --timestamps --tls-verify --tty --uncompressed --whatrequires
        *: --with-previous
        logs, pod logs: -f|--follow -t|--timestamps -n|--names --color
        rm|rmi|prune, * rm|prune|remove|reset|down|systemd: -f|--force -t|--time=N -v|--volumes -n|--name -e|--env=TEXT
        build, image build: -f|--file=FILE:reads -t|--tag=TEXT -m|--memory=TEXT -c|--cpu-shares=TEXT -v|--volume=SAID -D \
            --security-opt|--device|--cap-add=SAID --env=TEXT -o|--output=OUT --iidfile|--logfile=FILE:writes
        kill|stop|restart, pod kill|stop|restart: -s|--signal=TEXT -t|--time|--timeout=N -i|--ignore
        commit|import, image import: -a|--author=TEXT -c|--change=TEXT -m|--message=TEXT -p|--pause -s|--squash -f=TEXT
        load, image load: -i|--input=FILE:reads
        save|export, image save, volume export: -o|--output=FILE:writes -m|--multi-image-archive
        cp: -L|--follow-link -a|--archive --overwrite
        exec +: -e|--env=TEXT --env-file=FILE:reads -i|--interactive -t|--tty -u|--user=TEXT -w|--workdir=TEXT \
            --privileged[=SAID] --detach-keys=TEXT -d|--detach --preserve-fds=N -l|--latest
        inspect: -f|--format=SAID -t|--type=TEXT
        network|volume|secret create: -d|--driver=TEXT -o|--opt=TEXT -l|--label=TEXT --internal --ipv6 --env
        login: -p|--password=TEXT -u|--username=TEXT -v|--verbose
        update: -c|--cpu-shares=TEXT -m|--memory=TEXT
        start: -a|--attach -i|--interactive
        ps|ls|list: -p|--pod -w|--watch=N --ns --sync --external
        stats|wait, pod stats: -i|--interval=TEXT --no-reset
        push|manifest, image|manifest push: --digestfile=FILE:writes
        pod create|clone: --pod-id-file|--infra-conmon-pidfile=FILE:writes
        pod create|clone: -h|--hostname=TEXT -l|--label=TEXT -n|--name=TEXT -p|--publish=TEXT -v|--volume=SAID -m|--memory=TEXT
        checkpoint|restore: -e|--export=FILE:writes -i|--import=FILE:reads -c|--compress=TEXT -k|--keep -P -R -n|--name=TEXT
        generate|kube kube|generate: -f|--filename=FILE:writes -s|--service -t|--type=TEXT
        system connection add: -d|--default -p|--port=TEXT
        auto-update: --dry-run --rollback[=TEXT] --tls-verify
        {_ENGINE}
        volume export TEXT                  reads     reads what is in the volume {{}}
        volume import TEXT [FILE:reads]     destroys  overwrites what is in the volume {{3}}
        secret create TEXT [FILE:reads]     changes   makes the {{1}} {{3}}
        secret rm TEXT...                   destroys  deletes the secrets {{}}
        system reset                        destroys  deletes all containers, images and volumes
        system service [TEXT]               gives     lets others control its containers, and so the host
        system migrate|renumber|connection ...  changes   changes how containers are kept: {{2+}}
        machine rm [TEXT]                   destroys  deletes the machine {{}}, and its disk
        machine start|stop|set|init|os|reset ...  changes   changes the machine {{}}
        pod prune                           changes   deletes stopped containers
        pod rm [TEXT]...                    changes   deletes {{:containers}}
        pod stop|kill|pause TEXT...         changes   stops {{:containers}}
        pod start|unpause|restart TEXT...   changes   starts {{:containers}}
        pod create|clone ...                gives     starts containers with any rights on the host
        generate systemd|spec TEXT          harmless
        generate|kube kube|generate TEXT...  reads     shows the settings of containers, which may have secrets
        play|kube kube|play|apply|down ...  gives     starts containers with any rights on the host
        auto-update --dry-run               harmless
        auto-update                         leads     starts containers of images that others may have made
        unshare|mount|unmount|umount ...    gives     can start containers or machines that have the whole host
        init|cleanup|restore|checkpoint TEXT...  changes   changes {{}}
        manifest create|add|annotate|push|rm|remove ...  changes   changes the manifest {{}}
        image mount|unmount|umount|scp|sign|untag|trust ...  changes   changes the image {{}}
        untag TEXT...                       changes   takes the names from the image {{}}
        clone|runlabel ...                  gives     starts containers with any rights on the host
        network reload TEXT...              changes   changes the network {{}}
    = docker-compose: nested  -f|--file=FILE:reads -p|--project-name=SAID
    --profile|--ansi|--progress|--project-directory|--parallel=TEXT --env-file=FILE:reads --dry-run --compatibility --verbose
    --all-resources --no-ansi -H|--host=DAEMON -c|--context=TEXT -v|--version --help
        *: --help -a|--all -q|--quiet -d|--detach -i|--interactive -T|--no-tty|--no-TTY -V|--renew-anon-volumes -w|--watch
        *: -y|--yes -n|--tail=N -t|--timeout=N -c|--change=TEXT -e|--env=TEXT -u|--user=TEXT -m|--memory|--message=TEXT
        *: -o|--output=FILE:writes --format|--filter=TEXT
        *: --attach|--author|--build-arg|--builder|--cap-drop|--detach-keys|--entrypoint=TEXT --env-from-file=FILE:reads
        *: --exit-code-from|--from|--indentation-size|--index|--label|--name|--no-attach|--oci-version=TEXT
        *: --parallel|--policy|--project-dir|--protocol|--provenance|--rmi|--sbom|--scale|--signal|--since=TEXT
        *: --ssh|--status|--templates|--transformation|--until|--volume|--wait-timeout|--workdir=TEXT --abort-on-container-exit
        *: --abort-on-container-failure --always-recreate-deps --app --archive --attach-dependencies --build --check
        *: --down-project --environment --follow --follow-link --force-recreate --ignore-buildable --ignore-pull-failures
        *: --ignore-push-failures --image --include-deps --json --lock-image-digests --menu --models --networks --no-build
        *: --no-cache --no-color --no-consistency --no-deps --no-env-resolution --no-interpolate --no-log-prefix --no-normalize
        *: --no-path-resolution --no-recreate --no-start --no-stdin --no-stream --no-trunc --no-up --orphans --pause --ports
        *: --print --profiles --prune --push --quiet-build --quiet-pull --remove-orphans --resolve-image-digests --rm
        *: --service-ports --short --sig-proxy --spaces --stop --timestamps --use-aliases --variables --wait --with-dependencies
        *: --with-env
        *: --dry-run --volumes --images --services --privileged --pull|--hash=TEXT
        logs|version: -f|--follow -t|--timestamps --format=TEXT
        rm|kill: -f|--force -s|--stop -v|--volumes --signal=TEXT
        kill: -s|--signal=TEXT
        down: -v|--volumes
        build: --pull
        ls: --format|--filter=TEXT
        exec|run +: -w|--workdir=TEXT -v|--volume=TEXT -l|--label=TEXT -P|--service-ports -p|--publish|--cap-add=TEXT
        --help ...              harmless
        --version ()            harmless
        ()                      harmless
        ps|ls|logs|top|images|port|events|pull|version|stats|volumes|help|wait ...  harmless
        down|rm|stop|kill|pause|start|unpause|scale|restart|up|create|build --dry-run ...  harmless
        config|convert --quiet|--services|--images|--volumes|--profiles|--networks|--hash ...  reads:project
        config|convert ...      reads     shows the settings of containers, which may have secrets
        down|rm --volumes [TEXT]...  destroys  stops the containers of {{-p|-f:the project}}, and deletes their volumes
        down [TEXT]...          changes   stops the containers of {{-p|-f:the project}}, and deletes them
        rm [TEXT]...            changes   deletes stopped containers of {{-p|-f:the project}}
        stop|kill|pause [TEXT]...  changes   stops {{:all containers}} of {{-p|-f:the project}}
        scale *=0               changes   stops all containers of {{*}} of {{-p|-f:the project}}
        start|unpause|scale [TEXT]...  changes   starts {{:all containers}} of {{-p|-f:the project}}
        restart [TEXT]...       changes   restarts {{:all containers}} of {{-p|-f:the project}}
        exec TEXT ...           leads:inside
        attach|cp|export|commit|push|publish ...  leads     starts a program in a container, or changes its files
        up|create|build|watch [TEXT]...  leads:project
        run ...                 gives     starts containers with any rights on the host
    = crictl: nested  -c|--config=FILE:trusts -D|--debug -i|--image-endpoint|-r|--runtime-endpoint|-t|--timeout=TEXT
    --enable-tracing --tracing-endpoint|--tracing-sampling-rate-per-million|--max-retries=TEXT
    --profile-cpu|--profile-mem=FILE:writes -v|--version -h|--help
        *: -h|--help -a|--all -f|--force -l|--latest -q|--quiet -v|--verbose -w|--watch --no-trunc --prune -k|--keep-logs
        *: --id|--image|--label|--last|-n|--name|--namespace|-p|--pod|-s|--state|--seconds|--since|--tail=TEXT
        *: -o|--output=TEXT:plain
        *: --limit-bytes|--template|--creds|--auth|--annotation|--pod-config|--pull-timeout|--runtime|--transport|--filter=TEXT
        *: --cpu-count|--cpu-maximum|--cpu-period|--cpu-quota|--cpu-share|--cpuset-cpus|--cpuset-mems|--memory|--timeout=TEXT
        *: --digests --pinned -R|--resolve-image-path --no-pull --with-pull --list --get|--set|--cancel-timeout=TEXT
        *: -e|--export=FILE:writes
        logs: -f|--follow -p|--previous -r|--reopen -t|--timestamps
        stop: -t|--timeout=N
        exec +: -s|--sync -t|--tty -i|--interactive -q|--quiet -r|--transport|--timeout=TEXT --privileged[=SAID]
        --help ...                  harmless
        --version ()                harmless
        ()                          harmless
        ps|pods|images|image|img|logs|stats|statsp|version|info|pull|imagefsinfo|inspecti|inspectp|completion|help ...  harmless
        events|event|metricsp|metricdescs|runtime-config ...  harmless
        inspect ...                 reads     shows the settings of containers, which may have secrets
        exec TEXT ...               leads:inside
        attach TEXT                 leads     starts a program in the container {{}} with rights on the host
        rmi ...                     changes   deletes the images {{}}
        rm [TEXT]...                changes   deletes {{:containers}}
        rmp [TEXT]...               changes   deletes {{:containers}}
        stop|stopp [TEXT]...        changes   stops {{:containers}}
        start [TEXT]...             changes   starts {{:containers}}
        update [TEXT]...            changes   changes the limits of {{:containers}}
        checkpoint [TEXT]...        changes   saves {{:containers}}
        config --list               harmless
        config|update-runtime-config ...  changes   changes how crictl asks containers
        run|runp|create|port-forward ...  gives     can start containers or machines that have the whole host
    = ctr: nested  --debug -a|--address=DAEMON --timeout|--connect-timeout|-n|--namespace=TEXT -v|--version -h|--help
        *: -h|--help -q|--quiet -a|--all -f|--force -l -k|--skip-verify --plain-http --http-dump --http-trace --all-platforms
        *: --all-metadata --print-chainid --local --no-unpack --digests --compress-blobs --sync --keep-snapshot --rw
        *: --platform|--user|-u|--refresh|--hosts-dir|--snapshotter|--label|--max-concurrent-downloads|--base-name=TEXT
        *: --index-name|--exec-id|-s|--signal|--format|--manifest|--manifest-type|--labels=TEXT
        *: --tlscacert|--tlscert|--tlskey=FILE:reads -c|--cgroup
        run, containers|container|c create: --mount=SAID --privileged[=SAID] --rootfs[=SAID] --device|--with-ns=SAID
        run, containers|container|c create: --cap-add=SAID --runtime=SAID --net-host[=SAID] -c|--config|--env-file=FILE:reads
        run, containers|container|c create: --runc-binary|--runtime-config-path=FILE:runs --pid-file=FILE:writes
        run, containers|container|c create: --cwd|--env|--annotation|--log-uri|--fifo-dir|--runc-root|--uidmap|--gidmap=TEXT
        run, containers|container|c create: --cpus|--cpu-shares|--cpu-quota|--cpu-period|--snapshotter-label|--gpus=TEXT
        run, containers|container|c create: --memory-limit|--cap-drop|--rdt-class|--rootfs-propagation|--seccomp-profile=TEXT
        run, containers|container|c create: --apparmor-default-profile|--apparmor-profile=TEXT --rm --null-io -d|--detach --cni
        run, containers|container|c create: --runc-systemd-cgroup --remap-labels --read-only -t|--tty --allow-new-privs --seccomp
        run, containers|container|c create: --no-pivot
        run +:
        tasks|task|t exec +: --cwd|--fifo-dir|--log-uri|--exec-id|--user=TEXT -t|--tty -d|--detach
        tasks|task|t start: --null-io --log-uri|--fifo-dir=TEXT --pid-file=FILE:writes -d|--detach
        --help ...                  harmless
        --version ()                harmless
        ()                          harmless
        version|events|event|help|pprof ...  harmless
        * list|ls|info|ps|metrics|metric|check|usage|pull|active|get|tree ...  harmless
        run TEXT TEXT ...           leads:run
        tasks|task|t exec TEXT ...  leads:inside
        tasks|task|t attach TEXT    leads     starts a program in the container {{}} with rights on the host
        namespaces|namespace|ns remove|rm|delete|del TEXT...  destroys  deletes the namespaces {{}}, and all containers in them
        snapshots|snapshot|content remove|rm|delete|del|prune ...  destroys  deletes {{}}
        containers|container|c|tasks|task|t remove|rm|delete|del TEXT...  changes   deletes {{:containers}}
        images|image|i remove|rm|delete|del TEXT...  changes   deletes the images {{}}
        tasks|task|t kill|pause TEXT...  changes   stops {{:containers}}
        tasks|task|t start|resume TEXT...  changes   starts {{:containers}}
        images|image|i export FILE:writes TEXT...  harmless
        images|image|i import FILE:reads  changes   loads an image: {{}}
        images|image|i push|tag|label|convert ...  changes   changes the image {{}}
        namespaces|namespace|ns|containers|container|c|leases create|label|checkpoint|delete ...  changes   changes {{}}
        install|oci|shim|containers|container|c|tasks|task|t|images|image|i|snapshots|snapshot|content|leases ...  gives  \
            can start containers or machines that have the whole host
    = pct: go open
        exec --:
        help ...                harmless
        ()                      harmless
        list|status|config|df|listsnapshot|pending|cpusets ...  harmless
        exec TEXT ...           leads:inside
        enter|console TEXT      leads     starts a program in the container {{2}} with rights on the host
        stop TEXT               changes   ends all programs of the container {{2}} at once
        fstrim TEXT             changes   frees what the container {{2}} does not use
        push TEXT FILE:reads TEXT  changes  overwrites {{4}} in the container {{2}}
        pull TEXT TEXT FILE:writes  changes  copies {{3}} of the container {{2}}
{_GUESTS}
    = qm: go open
        help ...                harmless
        ()                      harmless
        list|status|config|listsnapshot|pending|showcmd ...  harmless
        agent|guest TEXT ping|info|get-*|network-get-interfaces ...  harmless
        agent|guest TEXT shutdown|suspend-*|fstrim|fsfreeze-* ...  changes  runs {{3}} in the guest {{2}}
        stop TEXT               destroys  cuts the power of the guest {{2}}  {UNWRITTEN}
        reset TEXT              destroys  resets the guest {{2}}  {UNWRITTEN}
        terminal TEXT           leads     gives the console of the guest {{2}}
{_GUESTS}
    = pvesm: go open
        help|status|list|path|scan|apiinfo ...  harmless
        ()                      harmless
        free TEXT               destroys  deletes the volume {{2}}
        prune-backups ...       destroys  deletes backups
        * ...                   gives     {{program}} can choose what the hosts of the cluster start
    = pvecm: go open
        help|status|nodes ...   harmless
        ()                      harmless
        delnode TEXT            changes   takes the host {{}} out of the cluster
        * ...                   gives     {{program}} can choose what the hosts of the cluster start
    = patronictl: abbreviates  -c|--config-file=FILE:trusts -d|--dcs-url|--dcs=URL -k|--insecure --help --group=N --role|-r=TEXT
    --force --wait --at|--scheduled|--leader|--primary|--candidate|--member|-m|--format|-f|--pg-version=TEXT -e|--extended
    -t|--timestamp -w -W|--watch=N --any --pending --timeout=TEXT
        query: --command=SAID --file=FILE:reads --format=TEXT -U|--username=TEXT --password --dbname=TEXT --delimiter=TEXT
        edit-config: -q|--quiet -s|--set|-p|--pg=TEXT --apply=FILE:reads --replace=FILE:reads
        --help ...              harmless
        list|topology|history|version|show-config|dsn ...  harmless
        remove TEXT             destroys  deletes what the cluster {{}} knows of itself  and its hosts are in no cluster then
        edit-config -s|-p|--apply|--replace ...  changes  changes the settings of the cluster {{:of databases}}
        edit-config ...         gives     starts an editor
        restart|reload ...      changes   starts the database server {{2}} anew
        switchover|failover|demote-cluster|promote-cluster ...  changes  makes another host the first of the cluster {{}}
        reinit TEXT TEXT...     changes   makes the copy of a database server anew: {{ }}
        pause|resume|flush ...  changes   changes whether a cluster repairs itself: {{ }}
        query ...               changes   changes what the databases of a cluster have
    = lxc incus  --debug --force-local -h|--help --project=TEXT -q|--quiet -v|--verbose --version --sub-commands
    --format|--target|--target-project|--description|--type|--mode|--compression|--alias|--profile|--device=TEXT
    --config=TEXT:plain
    --storage|--uid|--gid|--user|--group|--cwd|--env|--timeout|--expiry|--expire|--network|--columns|--listen|--console=TEXT
    --address|--action|--protocol|--auth-type|--token|--projects|--request|-X|--data|--interval|--destination-target=TEXT
    --all-projects --all --vm --reuse --refresh --recursive --public --no-profiles --create-dirs --stateless --stateful
    --instance-only --volume-only --optimized-storage --no-expiry --interactive --expanded --ephemeral --empty --force
    --allow-inconsistent --resources --restricted --show-log[=TEXT] --bytes --fast --copy-aliases --property --yes
    --force-interactive --force-noninteractive --disable-stdin --accept-certificate --auto-update --domain=TEXT
    --name|--password=TEXT --external --no-auth
        *: -a -c=TEXT -d=TEXT -f -i -p -r -s=TEXT -t=TEXT
        list|ls|network|storage|image|profile|project|cluster|remote|warning|operation|version|monitor|top|alias|snapshot: -f=TEXT
        delete|rm|stop|restart|pause|cluster|project|publish|move: -f
        config|copy|launch|init|info|show: -e
        launch|init|copy|cp|move|mv|create|rebuild: -p|-n=TEXT
        exec: -n -T -t
        --help ...              harmless
        --version ()            harmless
        ()                      harmless
        list|ls|info|version|monitor|top|wait|manpage ...  harmless
        network|storage|image|profile|project list|ls|show|info|get|get-default ...  harmless
        cluster|remote|warning|operation|alias list|ls|show|info|get|get-default ...  harmless
        storage volume list|ls|show|info|get ...  harmless
        storage bucket list|ls|show|get ...  harmless
        network acl|forward|peer|zone list|ls|show|get ...  harmless
        config show|get [TEXT] [TEXT]  harmless
        config trust list|ls|show ...  harmless
        config device list|ls|show|get ...  harmless
        config device remove|rm TEXT TEXT  changes   takes the device {{5}} from {{4}}
        config set TEXT limits.* [N]   changes   limits what {{3}} may use
        storage volume delete|rm TEXT TEXT  destroys  deletes the volume {{-1}} of the storage {{4}}
        storage volume ...      changes   changes the volume {{3+}}
        storage delete|rm TEXT  destroys  deletes the storage {{}}, and what is in it
        project delete|rm TEXT  destroys  deletes the project {{}}
        cluster remove|rm TEXT  changes   takes the host {{}} out of the cluster
        image|network|profile|remote delete|rm|remove TEXT...  changes   deletes the {{1}} {{}}
        delete|rm TEXT...       destroys  deletes {{}}, with all files and snapshots
        incus: snapshot list|ls|show TEXT...  harmless
        incus: snapshot restore TEXT TEXT  destroys  takes {{3}} back to the snapshot {{4}}  and what is newer is gone
        incus: snapshot delete|rm TEXT TEXT  destroys  deletes the snapshot {{4}} of {{3}}
        incus: snapshot create|rename TEXT...  changes   saves {{3}}
        restore TEXT TEXT       destroys  takes {{2}} back to the snapshot {{3}}  and what is newer is gone
        rebuild ...             destroys  empties {{3}}, and fills it with an image
        lxc: snapshot TEXT...   changes   saves {{}}
        publish TEXT...         changes   makes an image of {{}}
        stop|restart|reboot --force|-f [TEXT]...  destroys  cuts the power of {{:all containers}}  \
            and a virtual machine loses what it has not written
        stop|pause|freeze [TEXT]...  changes   stops {{:all containers}}
        start|unfreeze|resume [TEXT]...  changes   starts {{:all containers}}
        restart|reboot [TEXT]...  changes   restarts {{:all containers}}
        rename TEXT TEXT        changes   renames {{2}} to {{3}}
        network ...             changes   changes the network {{2+}}
        image|remote|alias|warning|operation|cluster|project ...  changes   changes the {{1}} {{2+}}
        init ...                changes   makes {{}}
        exec|shell TEXT ...     leads:inside
        console TEXT            leads     starts a program in the container {{}} with rights on the host
        file pull|push TEXT...  changes:copy
        export|import|move|mv|copy|cp|launch|create|config|profile|storage|file|query|admin|file|webui ...  gives  \
            can start containers or machines that have the whole host
    = virsh: nested  -c|--connect=DAEMON:starts -d|--debug=N -e|--escape=TEXT -h|--help
    -k|--keepalive-interval|-K|--keepalive-count=N -l|--log=FILE:writes -q|--quiet -r|--readonly -t|--timing -v|-V
    --version[=TEXT]
        *: --help --domain|--vol|--network|--nwfilter|--secret=SAID --pool|--snapshotname|--checkpointname=SAID
        *: --file|--xml|--xmlfile|--backupxml|--checkpointxml=FILE:trusts
        *: --*-length|--*-limit|--*-max|--*-sec|--action|--adapter-*|--address|--algorithm|--alias=TEXT
        *: --allocation|--arch|--auth-type|--auth-username|--auto-converge-increment|--auto-converge-initial=TEXT
        *: --backing-vol|--backing-vol-format|--bandwidth|--base|--base64|--binding|--bridge|--buf-size=TEXT
        *: --cache|--cap|--capacity|--cell|--cellno|--codeset|--comp-*|--count|--cpu|--cpulist=TEXT --command=TEXT:plain
        *: --cmd=SAID
        *: --delay|--description|--dest|--dev|--device|--device-weights|--devname|--dir|--disks-port=TEXT
        *: --disks-uri|--diskspec|--dname|--downtime|--driver|--duration|--emulator|--emulatorbin|--event=TEXT
        *: --format|--from|--granularity|--graphicsuri|--group-name|--holdtime|--host|--inbound|--initiator=TEXT
        *: --inputpool|--io|--key|--keycode|--length|--listen-address|--mac|--machine|--memspec=TEXT
        *: --migrate-disks|--migrateuri|--min-guarantee|--minimum|--mode|--model|--mountpoint|--new-desc=TEXT
        *: --new-name|--newname|--node|--nodeset|--offset|--outbound|--pagecount|--pagesize=TEXT
        *: --parallel-connections|--parent-index|--pass-fds|--password|--path|--period|--persistent-xml|--pid=TEXT
        *: --poll-*|--port|--postcopy-bandwidth|--requested-size|--screen|--seconds|--secret-usage=TEXT --script=FILE:runs
        *: --secret-uuid|--secrethdr|--section|--serial|--set|--set-address|--shm-*|--signame|--source-*=TEXT
        *: --sourcetype|--start|--subdriver|--target|--targetbus|--thread-pool-min|--threshold|--time=TEXT
        *: --timeout|--tls-destination|--top|--type|--uri|--vcpulist|--virttype|--weight|--wwn|--xpath=TEXT --*-only --abort
        *: --abort-on-error --active --add --all --allocate --anystats --async --atomic --auto-converge --autodestroy --autostart
        *: --backing --balloon --block --blockdev --build --bypass-cache --bytes --change-protection --children --clone
        *: --completed --compressed --console --copy-* --cpu-total --crash --current --daemon --delete --delete-snapshots
        *: --delete-storage-volume-snapshots --delta --descendants --details --direct --dirtyrate --disk --edit --eject
        *: --encrypted --enforce --ephemeral --err --error --external --features --filesystem --finish --force --force-boot --full
        *: --graceful --guest --halt --hmp --hostname --hotpluggable --human --inactive --include-password --info --insert
        *: --interactive --internal --keep-* --leaves --list --list-* --live --loop --managed --managed-save --maximum --memory
        *: --no-autostart --no-case --no-domain --no-ephemeral --no-leaves --no-metadata --no-overwrite --no-private --no-start
        *: --no-stp
        *: --metadata --migratable --multifunction --noseclabel --now --nowait --nvram --offline --os --overwrite --p2p
        *: --parallel --parent --paused --percent --perf --persistent --physical --pivot --plain --postcopy
        *: --postcopy-after-precopy --postcopy-resume --prealloc-metadata --pretty --print-xml --private --quiesce --raw --rawio
        *: --rawstats --rdma-pin-all --readonly --reason --redefine --redefine-validate --reflink --regex --remove --remove-logs
        *: --rename --reset --reset-nvram --return-value --reuse-external --roots --running --safe --seclabel-restore
        *: --seclabel-writable --security-info --shallow --shell --shrink --skip-validate --sparse --split --src --state-*
        *: --suspend --sync --synchronous-writes --table --timeout-postcopy --timeout-suspend --timestamp --timezone --title --tls
        *: --topological --total --tpm --transient --transient-job --tree --tunnelled --undefinesource --unsafe --update
        *: --update-cpu --uuid --validate --verbose --vm --wait --with-* --without-* --wrap --zerocopy
        *: --remove-all-storage --wipe-storage --snapshots-metadata --checkpoints-metadata --storage=SAID --desturi=URL
        *: --source=DISK:gives --config --disable --enable --id --interface --iothread --name --size --state --user --vcpu
        perf|iothread*|setmem|setmaxmem|blockresize|migrate-compcache|domxml-*: --disable|--enable|--id|--size=TEXT \
            --config=TEXT:plain
        domif*|iface-*|set-user-*|get-user-*|vcpupin: --interface|--state|--user|--vcpu=TEXT
        *-as|connect|dom-fd-associate|iothreadpin|attach-disk: --name|--iothread=TEXT
        --help|-v|-V|--version ...  harmless
        ()                      gives     has a prompt for any command
        *-list|*-info|*-dumpxml|*-path|*-name|*-uuid|*-key|domcapabilities|version|uri|hostname|freecell|list|help ...  harmless
        dominfo|domstate|dumpxml|nodeinfo|dommemstat|domblk*|domif*|domstats|domtime|domdisplay|domid|domname ...  harmless
        domuuid|domcontrol|domjobinfo|domhostname|domfsinfo|capabilities|sysinfo|maxvcpus|vcpuinfo|vcpucount ...  harmless
        cpu-*|node*stats|nodecpumap|net-dhcp-leases|net-event|event|vncdisplay|snapshot-current|guestinfo ...  harmless
        undefine --remove-all-storage|--wipe-storage|--storage [TEXT]  destroys  deletes the guest {{--domain|2}}, and its disks
        undefine --snapshots-metadata|--checkpoints-metadata [TEXT]  destroys  \
            deletes the guest {{--domain|2}}, and what is known of its snapshots  but its disks remain
        undefine [TEXT]         destroys  deletes the guest {{--domain|2}}  but its disks remain
        destroy [TEXT]          destroys  cuts the power of the guest {{--domain|2}}  {UNWRITTEN}
        reset [TEXT]            destroys  resets the guest {{--domain|2}}  {UNWRITTEN}
        shutdown [TEXT]         changes   shuts down the guest {{--domain|2}}
        reboot [TEXT]           changes   restarts the guest {{--domain|2}}
        suspend|managedsave|dompmsuspend [TEXT] [TEXT] [TEXT]  changes   stops the guest {{--domain|2}}
        save TEXT FILE:writes   changes   stops the guest {{--domain|2}}
        start|resume|dompmwakeup [TEXT]  changes   starts the guest {{--domain|2}}
        vol-delete|vol-wipe [TEXT] [TEXT]  destroys  deletes the volume {{--vol|2}}
        pool-delete [TEXT]      destroys  deletes the pool {{--pool|2}}, and its volumes
        pool-destroy [TEXT]     changes   stops the pool {{--pool|2}}, whose volumes remain
        pool-undefine|net-undefine [TEXT]  changes   forgets {{--pool|2}}
        net-destroy [TEXT]      changes   stops the network {{--network|2}}, and cuts off its guests
        net-start|pool-start [TEXT]  changes   starts {{--network|2}}
        snapshot-delete|checkpoint-delete [TEXT] [TEXT]  destroys  \
            deletes the snapshot {{--snapshotname|3: that its options name}} of the guest {{--domain|2}}
        snapshot-revert [TEXT] [TEXT]  destroys  \
            takes the guest {{--domain|2}} back to the snapshot {{--snapshotname|3}}  and what is newer is gone
        managedsave-remove [TEXT]  destroys  deletes the saved memory of the guest {{--domain|2}}
        snapshot-create|snapshot-create-as ...  changes   saves the guest {{--domain|2}}
        detach-* ...            changes   takes a device from the guest {{--domain|2}}
        autostart|net-autostart|pool-autostart [TEXT]  changes   changes whether {{--domain|2}} starts with the host
        migrate ...             changes   moves the guest {{--domain|2}} to another host
        set*|domrename|domfsfreeze|domfsthaw|domfstrim|blockcommit|blockpull|blockjob|blkiotune|memtune|schedinfo ...  changes  \
            changes the guest {{--domain|2}}
        blockresize|vcpupin|emulatorpin|numatune|domiftune|send-key|inject-nmi|desc|metadata|change-media ...  changes  \
            changes the guest {{--domain|2}}
        pool-refresh|pool-build|vol-create-as|vol-resize|vol-clone|net-update|nodesuspend ...  changes  \
            changes {{2+}}
        console [TEXT]          leads     starts a program in the container {{}} with rights on the host
        secret-get-value [TEXT]  reads     shows the secret {{--secret|2}}
        dump|screenshot|vol-download [TEXT] [FILE:writes]  reads     copies the memory or a disk of the guest {{--domain|2}}
        define|create|edit|attach-*|restore|*-define|*-create|*-edit|qemu-*|lxc-* ...  gives  \
            can start containers or machines that have the whole host
        *-undefine|*-delete|*-destroy|*-wipe ...  destroys  deletes {{2+}}
        vol-upload|update-device|guest-*|domxml-*|iface-*|nodedev-*|secret-* ...  gives  \
            can start containers or machines that have the whole host
    = skopeo: nested  --command-timeout|--override-arch|--override-os|--override-variant|--tmpdir|--user-agent-prefix=TEXT --debug
    --insecure-policy --policy|--registries.d|--registries-conf=FILE:trusts -h|--help -v|--version
        *: --authfile|--creds|--cert-dir|--username|--password|--registry-token|--format|-f=TEXT --retry-times=TEXT
        *: --src-*|--dest-*=TEXT --tls-verify[=TEXT] --no-creds --raw --config -n|--no-tags -q|--quiet -a|--all
        *: --preserve-digests --remove-signatures
        sync: -s|--src=SAID -d|--dest=SAID --scoped --dry-run --keep-going --append-suffix=TEXT
        --help ...              harmless
        --version ()            harmless
        inspect|list-tags|manifest-digest IMAGE:read  harmless
        help ...                harmless
        delete TEXT             destroys  deletes the image {{2}} of its registry
        copy IMAGE:read IMAGE:made  changes  copies the image {{2}} to {{3}}
        sync --src=dir --dest=dir DIR:reads DIR:writes  changes  copies images to {{3}}
        sync --src=dir DIR:reads TEXT  changes  copies the images in {{2}} to {{3}}
        sync --dest=dir TEXT DIR:writes  changes  copies images to {{3}}
        sync|login|logout ...   changes   changes the images or the keys of a registry
        * ...                   gives     can start programs with keys of a registry
    = talosctl: open  -n|--nodes=SAID -e|--endpoints|-c|--context|--cluster=TEXT --talosconfig=FILE:reads -h|--help --short --json
    -o=TEXT -k|--kubernetes -f|--follow --tail=N -i|--insecure --graceful[=TEXT] --reboot[=TEXT] --wait[=TEXT] --timeout=TEXT
        --help ...              harmless
        ()                      harmless
        version|get|list|ls|stats|service|services|dmesg|logs|health|containers|processes|memory|mounts|netstat|time ...  harmless
        usage|du|events|dashboard|inspect|completion|disks|cgroups ...  harmless
        reset ...               destroys  deletes everything on {{-n:a host}} of the cluster
        shutdown|reboot ...     stops     stops {{-n:a host}} of the cluster  until it is up again
        etcd members|status|alarm ...  harmless
        etcd leave|remove-member|forfeit-leadership|defrag ...  changes   changes the members of the cluster
        kubeconfig|copy|cp|read|cat|pcap|support|config ...  reads     shows files or keys of hosts of the cluster
        * ...                   leads     chooses what hosts of the cluster start
    = lxc-ls  -1|--line -f|--fancy -F|--fancy-format=TEXT -g|--groups=TEXT --active --running --frozen --stopped --defined
    --nesting[=N] --filter=TEXT -P|--lxcpath=DIR:obeys --version -?|--help --usage
        ...                     harmless
    = lxc-stop  -n|--name=SAID -r|--reboot -W|--nowait -t|--timeout=N -k|--kill --nolock --nokill -P|--lxcpath=DIR:obeys
    -o|--logfile=FILE:writes -l|--logpriority=TEXT -q|--quiet
        [TEXT]                  changes   stops the container {{-n|1}}
    = lxc-destroy  -n|--name=SAID -f|--force -s|--snapshots -P|--lxcpath=DIR:obeys -o|--logfile=FILE:writes
    -l|--logpriority=TEXT -q|--quiet
        [TEXT]                  destroys  deletes the container {{-n|1}}, with all files
    = pveversion  -v|--verbose -verbose
        ()                      harmless
    = vzdump: go  -all[=N] -bwlimit|-ionice|-lockwait|-pigz|-zstd|-stopwait|-size=N -compress|-exclude|-exclude-path=TEXT
    -fleecing|-job-id|-mailnotification|-mailto|-mode|-node|-notes-template|-notification-mode|-performance|-pool|-storage=TEXT
    -dumpdir|-tmpdir=DIR:writes -maxfiles=N -protected[=N] -prune-backups=TEXT -quiet[=N] -remove=N -script=FILE:runs
    -stdexcludes=N -stdout -stop[=N] -help
        -help ...               harmless
        help ...                harmless
        -prune-backups|-maxfiles ...  destroys  deletes older backups of the guests {{1+:of this host}}
        ...                     changes   saves the guests {{1+:of this host}}
    = gitlab-ctl  -h|--help --quiet -q --no-wait
        --help ...              harmless
        ()                      harmless
        status|tail|service-list|help|diff-config|check-config ...  harmless
        show-config ...         reads     shows the settings of GitLab, which may have secrets
        cleanse ...             destroys  deletes everything that GitLab keeps
        start|stop|restart|graceful-kill|hup|int|kill|term|once|reconfigure|upgrade ...  changes   \
            stops, starts or changes {{2+:GitLab}}
        * ...                   leads     chooses what GitLab starts
    = gitlab-runner: nested  --debug --log-level|--log-format=TEXT --cpuprofile=FILE:writes -h|--help -v|--version
        *: -c|--config=FILE:trusts -n|--name|-t|--token|-u|--url=TEXT --delete --all-runners -h|--help
        -h|-v ...               harmless
        list|status|verify|help ...  harmless
        unregister|start|stop|restart|reset-token ...  changes   changes which jobs this host takes
        * ...                   gives     {{program}} starts jobs, whose code is of others
    = xl  -v -f -N -t -T
        create|config-update: -c -d -e -F -p -q -V -A -f|--defconfig=FILE:trusts --ignore-global-affinity-masks
        *: -a -F -w -c -Z -l|--long -v|--verbose -n|--cpu|--numa -r -h|--help -p|--pause
        --help ...              harmless
        ()                      harmless
        list|info|uptime|vcpu-list|domid|domname|dmesg|vm-list|top|help|*-list|cpupool-* ...  harmless
        destroy TEXT            destroys  cuts the power of the guest {{2}}  {UNWRITTEN}
        shutdown [TEXT]         changes   shuts down {{2:all guests}}
        reboot [TEXT]           changes   restarts {{2:all guests}}
        pause|save|migrate TEXT...  changes   stops the guest {{2}}
        unpause TEXT            changes   starts the guest {{2}}
        mem-set|mem-max|vcpu-set|vcpu-pin|sched-*|rename|sysrq|trigger ...  changes   changes the guest {{2}}
        console|vncviewer TEXT  leads     gives the console of the guest {{2}}
        * ...                   gives     can start containers or machines that have the whole host
    = VBoxManage vboxmanage: go open  -v|-V|-version -q|-nologo -h|-help
        list: -l|-long -s|-sorted
        showvminfo: -details -machinereadable -log=N
        startvm: -type|-E|-putenv=TEXT
        unregistervm: -delete -delete-all
        closemedium: -delete
        -help ...               harmless
        -version ()             harmless
        ()                      harmless
        list|showvminfo|showmediuminfo|guestproperty|metrics|getextradata|help ...  harmless
        controlvm TEXT poweroff|reset  destroys  cuts the power of the guest {{2}}  {UNWRITTEN}
        controlvm TEXT acpipowerbutton|acpisleepbutton|shutdown|reboot|pause|savestate  changes   stops the guest {{2}}
        controlvm TEXT resume   changes   starts the guest {{2}}
        unregistervm -delete|-delete-all TEXT  destroys  deletes the guest {{2}}, and its disks
        closemedium -delete ...  destroys  deletes the disk {{-1}}
        snapshot TEXT list|showvminfo ...  harmless
        snapshot TEXT delete TEXT  destroys  deletes the snapshot {{4}} of the guest {{2}}
        snapshot TEXT restore|restorecurrent ...  destroys  takes the guest {{2}} back to a snapshot  and what is newer is gone
        snapshot TEXT take TEXT ...  changes   saves the guest {{2}}
        discardstate TEXT       destroys  deletes the saved memory of the guest {{2}}
        * ...                   gives     can start virtual machines that have any disk of the host
    = buildah: nested  --log-level|--storage-driver|--storage-opt|--userns-uid-map|--userns-gid-map=TEXT --cgroup-manager=TEXT
    -h|--help -v|--version
    --root|--runroot|--registries-conf|--registries-conf-dir|--short-name-alias-conf|--default-mounts-file=FILE:trusts
        *: -a|--all -q|--quiet -f|--filter=TEXT --format|--type=TEXT --json -n|--noheading --no-trunc --digests --history --help
        rm|rmi|prune: -f|--force -p|--prune
        run|from|bud|build: -v|--volume|-t|--tag|--name|--isolation|--cap-add|--network|--build-arg|-e|--env=TEXT
        run|from|bud|build: --file=FILE:reads --tty
        --help ...              harmless
        --version ()            harmless
        ()                      harmless
        images|containers|ps|ls|list|version|info|inspect|pull|help ...  harmless
        rm|delete [TEXT]...     changes   deletes {{:containers}}
        rmi|prune [TEXT]...     changes   deletes the images {{}}
        push TEXT IMAGE:made    changes   publishes {{2}}
        commit TEXT IMAGE:made  changes   makes the image {{3}}
        tag|push|rename|commit|login|logout|manifest ...  changes   changes the image {{}}
        run|from|bud|build|add|copy|config|mount|umount|unmount|unshare|source ...  gives  \
            can start containers or machines that have the whole host
    = runc crun: nested  --debug --log=FILE:writes --log-format|--log-level|--criu|--rootless|--cgroup-manager=TEXT
    --root=DIR:obeys -h|--help -v|--version --systemd-cgroup
        *: -f|--format=TEXT -q|--quiet -b|--bundle=DIR:obeys --help -a|--all --stats --interval=N
        delete: -f|--force --regex
        --help ...              harmless
        --version ()            harmless
        ()                      harmless
        list|ps|state|events|features|help ...  harmless
        delete TEXT...          changes   deletes {{:containers}}
        kill TEXT [TEXT]        changes   stops {{2}}
        pause|resume TEXT       changes   changes whether {{2}} runs
        update TEXT             changes   changes the limits of {{2}}
        run|create|exec|start|spec|restore|checkpoint ...  gives     can start containers or machines that have the whole host
        """,
        types={
            "OUT": _output,
            "DAEMON:starts": _connection,
            "DISK:gives": _disk,
            "IMAGE:read": _image,
            "IMAGE:made": _image_made,
        },
        deeds=_DEEDS,
    ),
    Row(
        "lxc-start lxc-execute lxd",
        _whole_host,
        telling="--version:lxc-start,lxc-execute,lxd",
    ),
    Row(
        "repmgr pgbackrest barman wal-g",
        _pg_ctl,
        "set: type: dry-run no-expire-auto confirm W watch w: e extended help version json v verbose q quiet short minimal"
        " terse D: pgdata: o: options: p: l: m: t: c: s: stanza: U: f: config-file: output: format: remote-ssh-command:"
        " cmd-ssh: cmd: ssh-command:"
        " force delta all repo1-host: repo: pg1-path: process-max: log-level-console: candidate: leader: switchover"
        " scheduled: role: set-key: wait-time: db-path: target: target-action: target-time: archive-mode: backup-id:"
        " remote: jobs: immediate checkpoint d: host: name: keep: r: siblings-follow force-rewind stanza-repo"
        " target-timeline: tablespace: type-restore S: loglevel: dcs: k: insecure",
        telling=("--version:repmgr,pgbackrest,barman --help:repmgr,pgbackrest,barman version:pgbackrest help:pgbackrest"),
    ),
)
