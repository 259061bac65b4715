# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: programs that change the network, and programs that fetch from it or listen to it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from jitd.core.grade import Grade
from jitd_commands.judging import Call
from jitd_commands.places import place_of
from jitd_commands.programs.decision_table import told
from jitd_commands.programs.grammar import Deed, Effect, grammars
from jitd_commands.shell_text import Word

_CONTROLS = "who uses it can control this host"
_ASKS = r"(?i)\s*(stats?|version|show|info|ping|get|head|quit|ruok|srvr|mntr|status|help|list)\b"
"""How a text begins that only asks a service something."""


def _batch(call: Call, word: Word) -> None:
    call.reads(word)
    call.runs_file(word)


def _socket(call: Call, word: Word) -> None:
    """The socket of a service, which does what it is asked."""
    path = call.absolute(word)
    if path is None or place_of(path) is not None:
        call.gives("talks to a service that has the whole host", path or "", _CONTROLS)
    elif call.input is None or not re.match(_ASKS, call.input.text or ""):
        call.changes(f"talks to the service at {path}")


def _sent(here: Call, call: Call, operands: Sequence[Word]) -> None:
    """netcat sends what it reads from its input."""
    given = here.input
    if given is None:
        return
    if given.path is not None:
        here.reads(given.path, then=f"sends it to {told(operands)}" if operands else "")
    if given.text and not re.match(_ASKS, given.text):
        where = " ".join(word.text for word in operands)[:40]
        call.changes(f"sends what may change the service at {where}: {given.text.strip()[:30]}")


def _address(call: Call, word: Word) -> None:
    """An address of socat: a kind, what belongs to it, and options behind commas."""
    kind, _, rest = word.text.partition(":")
    upper, first = kind.upper(), rest.partition(",")[0]
    if (word.is_free and not kind) or upper.startswith(("SYSTEM", "SHELL")) or "exec" in word.text.lower():
        call.gives("starts other programs")
    elif word.text.partition(",")[0].upper() in ("STDIO", "STDIN", "STDOUT", "-"):
        return
    elif re.fullmatch(r"/(var/)?run/\S+\.sock(et)?", kind) and place_of(kind) is None:
        _socket(call, Word(kind))
    elif upper.startswith(("FILE", "OPEN", "GOPEN", "CREATE", "CREAT", "PIPE")) or "/" in kind:
        call.writes(Word((rest if upper.isalpha() and rest else word.text).partition(",")[0], word.is_free))
    elif upper.startswith(("UNIX", "ABSTRACT")):
        if place_of(call.absolute(Word(first)) or "/root") is not None or word.is_free:
            _socket(call, Word(first, word.is_free))
    else:
        call.changes("opens a way through the network")


def _named_by_at(values: Iterable[Word]) -> list[Word]:
    """Return the files that ``values`` name behind an ``@``."""
    found = ((word, re.search(r"(?:^|=|^\w+)[@<](.+)", word.text)) for word in values)
    return [Word(name[1].partition(";")[0], word.is_free) for word, name in found if name]


def _saved(call: Call, word: Word) -> None:
    """A file that a client fetches, in the directory that another option names."""
    base = call.values("output-dir")
    if word.text in ("-", "%"):
        return
    if base and not word.text.startswith("/") and not base[-1].is_free:
        word = Word(f"{base[-1].text}/{word.text}", word.is_free)
    call.writes(word)


def _fetched(here: Call, call: Call, operands: Sequence[Word]) -> None:
    """A client writes files with the names that they have elsewhere."""
    base = here.values("directory-prefix", "output-dir")[-1:] or [Word(".")]
    here.writes(Word(f"{base[0].text.rstrip('/')}/", is_free=True, is_bound=not base[0].is_free), how="writes")


def _asked(here: Call, call: Call, operands: Sequence[Word]) -> None:
    """curl asks another service to do something, and sends it data."""
    named = [word.text.partition("?")[0] for word in [*operands, *here.values("url")] if word.text]
    where, path = named[0][:60] if named else "another service", named[0] if named else ""
    for word in operands:
        if word.text.startswith(("file:", "FILE:")):
            here.reads(Word(re.sub(r"(?i)file:/*(?:localhost)?", "/", word.text), word.is_free))
    method = here.values("request")
    is_asked = re.search(r"/_(refresh|search|count|msearch|field_caps|analyze|validate/query|mget)/?\Z", path) is not None
    data = here.values("data", "data-binary", "form", "json")
    least, n_recorded = Grade.READS, here.judge.n_recorded
    if is_asked and method[-1:] in ([], [Word("GET")], [Word("POST")]):
        pass
    elif any(word.text == "DELETE" for word in method):
        call.destroys(f"asks {where} to delete it", is_whole=True)
    elif path.endswith("/_delete_by_query"):
        call.destroys(f"asks {where} to delete what it finds", is_whole=True)
    elif any(word.text in ("POST", "PUT", "PATCH") for word in method) or here.has("data", "data-binary", "form", "json", "T"):
        least = Grade.CHANGES
    for word in [*_named_by_at([*data, *here.values("data-urlencode", "url-query")]), *here.values("T")]:
        here.reads(word, then=f"sends it to {where}", least=least)
    if least is Grade.CHANGES and here.judge.n_recorded == n_recorded:
        call.changes(f"sends data to {where}")


def _format(call: Call, word: Word) -> None:
    for output in re.finditer(r"%output\{(?:>>)?([^}]*)", word.text):
        call.writes(Word(output[1]))
    _credential(call, word)


def _credential(call: Call, word: Word) -> None:
    if "=" not in word.text:
        call.reads(Word(word.text.removeprefix("@"), word.is_free))


def _header(call: Call, word: Word) -> None:
    for file in _named_by_at([word]):
        call.reads(file)


def _script(call: Call, word: Word) -> None:
    if word.text not in ("default", "safe"):
        call.gives("can start any other command")


def _code(call: Call, word: Word) -> None:
    if word.text not in ("default", "legacy", "base", "fips"):
        call.gives("loads code that it is given")


def _made(call: Call, word: Word) -> None:
    """A file that openssl makes. What is kept with a key cannot be opened any more, if another key is made in its place."""
    verb = call.operands[0].text if call.operands else ""
    is_key = word in call.values("keyout") or verb in ("genrsa", "genpkey", "gendsa") or call.has("genkey")
    path = call.absolute(word) if is_key and not word.is_free else None
    place = place_of(path) if path is not None else None
    seen = call.judge.look(path) if path is not None else None
    if path and place and place.shown == "private keys" and not (seen and seen.is_absent) and not call.is_hers(path):
        call.destroys(f"puts another key in place of {path[:60]}", path, place.matters, is_whole=True)
    call.writes(word)


def _settings(call: Call, word: Word) -> None:
    path = call.absolute(word)
    if path is None or call.judge.changed_by(path):
        call.gives("reads settings that start other programs")
    else:
        call.reads(word)


def _told_share(call: Call, text: Word) -> None:
    """smbclient is told ``text``."""
    where = told(call.operands[:1]) or "another host"
    if "!" in text.text or text.is_free:
        call.gives("starts other programs")
    elif re.search(r"(?i)(^|;)\s*(del|deltree|rm|rmdir)\b", text.text):
        call.destroys(f"on {where}: {text.text[:60]}", is_whole=True)
    else:
        call.changes(f"on {where}: {text.text[:60]}", is_whole=True)


def _routed(call: Call, text: Word) -> None:
    """A daemon for routes is asked ``text``."""
    if text.is_free or (text.text and not re.fullmatch(r"(show|sh)\b[^\n]*", text.text)):
        said = text.text[:60] or "what is typed"
        if re.search(r"\b(disable|down|no router|shutdown)\b", said):
            call.stops(f"switches off routes of this host: {said}", back="until they are enabled again", is_whole=True)
        else:
            call.changes(f"changes the routes of this host, and may cut it off: {said}")


def _tunnel(call: Call, word: Word) -> None:
    """Settings that may stand in a file of their own, and start programs."""
    if "/" in word.text or word.text.endswith((".conf", ".ovpn")) or word.is_free:
        call.runs_file(word)


_TYPES: Mapping[str, Effect] = {
    "VTY": _routed,
    "BATCH": _batch,
    "EXPORTED": lambda call, word: call.writes(replace(word, text=word.text.partition(",")[2]), is_tree=True),
    "FILE:dumps": lambda call, word: call.writes(word, is_use=False),
    "HELPER": lambda call, word: call.gives("starts another program"),
    "XDP": lambda call, word: call.runs_file(word) if word.text or call.judge.is_pattern else None,
    "LISTED": lambda call, word: call.writes(Word(word.text[1:], word.is_free)),
    "SOCKET": _socket,
    "ADDRESS": _address,
    "SAVED": _saved,
    "FORMAT": _format,
    "CREDENTIAL": _credential,
    "HEADER": _header,
    "SCRIPT": _script,
    "CODE": _code,
    "MADE": _made,
    "PASS": lambda call, word: call.reads(Word(word.text.removeprefix("file:"), word.is_free)),
    "CACHE": lambda call, word: call.writes(Word(word.text.removeprefix("FILE:"), word.is_free)),
    "SETTINGS": _settings,
    "SMB": _told_share,
    "TUNNEL": _tunnel,
}
_DEEDS: Mapping[str, Deed] = {
    "harmless:sent": _sent,
    "changes:fetched": _fetched,
    "changes:asked": _asked,
    "gives:shown": lambda here, call, operands: here.gives("can start a shell") if here.is_shown else None,
}
ROWS = grammars(
    """
    = vtysh: abbreviates  -c|--command=VTY -f|--inputfile=FILE:runs -d|--daemon=TEXT -N|--pathspace=TEXT --filename=FILE:runs
    --config_dir=FILE:runs --vty_socket=FILE:runs -h|--help -b|--boot -C|--dryrun -E|--echo -u|--user -t|--timestamp
    -n|--noerror
    --help ()     harmless
    -c|-f ()      harmless
    ()            gives     {program} has a prompt, which can write any file
    = birdc  -s=FILE:reads -f -v -r -l
    show|sh ...   harmless
    configure check ...  harmless
    disable|down ...  stops     switches off routes of this host: {1+}  until they are enabled again
    ()            changes   {program} changes the routes of this host, and may cut it off: what is typed
    * ...         changes   {program} changes the routes of this host, and may cut it off: {1+}
    = ss: abbreviates  -h|--help -V|--version -n|--numeric -r|--resolve -a|--all -l|--listening -B|--bound-inactive -o|--options
    -e|--extended -m|--memory -p|--processes -T|--threads -i|--info --tos --cgroup --tipcinfo -s|--summary -E|--events
    -Z|--context -z|--contexts -N|--net=TEXT -b|--bpf -4|--ipv4 -6|--ipv6 -0|--packet -t|--tcp -M|--mptcp -S|--sctp -u|--udp
    -d|--dccp -w|--raw -x|--unix --tipc --vsock --xdp --inet-sockopt -f|--family=TEXT -K|--kill -A|--query|--socket=TEXT
    -D|--diag=FILE:dumps -F|--filter=FILE:reads -H|--no-header -O|--oneline -Q|--no-queues
    -K TEXT...  changes   closes the connections {1+:of this host}
    ...         harmless
    = ip: words without dev  -Version|-V -human|-h|-human-readable -statistics|-stats|-s -details|-d -loops|-l=N -family|-f=TEXT
    -4 -6 -B -M -0 -oneline|-o -resolve|-r -netns|-n=TEXT -Numeric|-N -all|-a -color[=TEXT] -c[=TEXT] -timestamp|-t -tshort|-ts
    -iec -brief|-br -json|-j -pretty|-p -echo -help -batch|-b=BATCH -force -D -rcvbuf|-rc=N
    netns exec, vrf exec --: -all
    -Version|-help ...  harmless
    -batch ()           harmless
    ()                  harmless
    * ()                harmless
    monitor|help ...    harmless
    link set ... object|object-file|object-pinned|pinned XDP ...  also-changes  loads a program into the kernel
    link set ... down ...  stops     takes the interface {3} down  until it is up again
    link set ... up ...    changes   takes the interface {3} up
    link set TEXT...       changes   sets {4+:settings} of the interface {3}
    * show|list|lst|ls|get|help|monitor|identify|pids|id ...  harmless
    link delete dummy*|veth*|vxlan*|tap*|tun*|docker*|br-*|lxc*|vnet* ...  changes   deletes the interface {3}
    link delete TEXT...    stops     deletes the interface {3+}  until it is made again
    link add TEXT...       changes   makes the interface {3+}
    address delete TEXT...  changes  takes the address {3} from the interface {4:that has it}, which may cut this host off
    address flush ...      stops     takes all addresses from the interface {3+}  until it has some again
    address * TEXT...      changes   gives the interface {4:that it names} the address {3}
    route delete default|::/0|0.0.0.0/0 ...  stops  deletes the way of this host to others  until it is added again
    route flush cache      changes   forgets by which ways other hosts were reached
    route flush ...        stops     deletes the routes {3+:of this host}  until they are added again
    route delete TEXT...   changes   deletes the route to {3}
    route * blackhole|unreachable|prohibit default|::/0|0.0.0.0/0 ...  \
        stops     drops all that leaves this host  until it is deleted
    route * TEXT via TEXT ...  changes  sends what goes to {3} through {5+}
    route * TEXT...        changes   sends what goes to {3} through {4+:an interface}
    rule flush ...         stops     deletes all rules for routes  until they are added again
    neighbour|neighbor * TEXT...  changes  changes by which addresses neighbours are reached: {3+}
    -all netns exec PROGRAM  harmless
    netns|vrf exec TEXT PROGRAM  harmless
    netns|vrf exec         gives     {program} can start any other command
    netns delete ...       changes   deletes the network space {3:that it names}
    netns add TEXT ...     changes   makes the network space {3}
    * * ...                changes   changes the network of this host, and may cut it off: {1} {2}
    = tc: words  -statistics|-s|-stats -details|-d -raw|-r -pretty|-p -graph|-g -json|-j -oneline|-o -Version|-V -iec|-i
    -help|-h -force|-f -batch|-b=BATCH -netns|-n=TEXT -Numeric|-N -names|-nm -cf|-conf=FILE:reads -color[=TEXT] -c
    -timestamp|-t -tshort|-ts -brief|-br
    -Version|-help ...  harmless
    ()                  harmless
    qdisc|class|filter|chain|actions show|list|ls|lst|get|help ...  harmless
    qdisc|class|filter|chain|monitor|help ()  harmless
    exec ...            gives     {program} can load programs into the kernel
    qdisc|class|filter|actions ... object-file|object-pinned FILE:trusts ...  changes   \
        changes how fast {4:an interface} sends, or what it drops
    qdisc add|change|replace|link ... netem ... loss ... 100%|100 ...  \
        stops     lets {4} send nothing more  until the rule is deleted
    qdisc|class|filter|chain|actions delete|flush ...  changes   lets {4:an interface} send as fast as it can
    qdisc|class|filter|chain|actions add|change|replace|link ...  changes   \
        changes how fast {4:an interface} sends, or what it drops
    = ipset  -h|--help -v|--version -!|--exist -o|--output=TEXT:plain -q|--quiet -r|--resolve -s|--sorted -n|--name -t|--terse
    -f|--file=FILE:dumps -L|--list -S|--save -T|--test -N|--create -X|--destroy -F|--flush -A|--add -D|--del -E|--rename
    -W|--swap -R|--restore
    --help|--version ...    harmless
    -L|-S|-T ...            harmless
    list|save|test|version|help ...  harmless
    flush|destroy|-F|-X [TEXT]  changes  deletes what is in the set of addresses {2:and in all others}
    -F|-X [TEXT]            changes  deletes what is in the set of addresses {1:and in all others}
    restore|create|add|del|rename|swap ...  changes  changes the set of addresses {2:it names}: {1} {3+}
    -N|-A|-D|-E|-W|-R ...   changes  changes the set of addresses {1:it names}
    = conntrack: abbreviates  -L|--dump -G|--get -D|--delete -I|--create -U|--update -E|--event -F|--flush -C|--count -S|--stats
    -A|--add -h|--help -V|--version -s|--src|--orig-src=TEXT -d|--dst|--orig-dst=TEXT -r|--reply-src=TEXT -q|--reply-dst=TEXT
    -p|--proto=TEXT --sport|--orig-port-src=TEXT --dport|--orig-port-dst=TEXT --reply-port-src=TEXT --reply-port-dst=TEXT
    --state=TEXT -m|--mark=TEXT -w|--zone=TEXT -f|--family=TEXT -t|--timeout=N -u|--status=TEXT -l|--label=TEXT
    -c|--secmark=TEXT -o|--output=TEXT:plain -e|--event-mask=TEXT -b|--buffer-size=N -n|--src-nat[=TEXT] -g|--dst-nat[=TEXT]
    -j|--any-nat[=TEXT] -a|--tuple-src=TEXT -z|--zero -R|--load-file=FILE:reads
    -F ...                  changes   forgets all connections, which the firewall may then cut
    -D|-I|-U|-A|-R ...      changes   changes what the firewall knows of connections
    -z ...                  changes   changes what the firewall knows of connections
    ...                     harmless
    = ipvsadm  -A|--add-service -E|--edit-service -D|--delete-service -C|--clear -R|--restore -S|--save -a|--add-server
    -e|--edit-server -d|--delete-server -L|-l|--list -Z|--zero --set --start-daemon=TEXT --stop-daemon=TEXT -h|--help
    -t|--tcp-service=TEXT -u|--udp-service=TEXT --sctp-service=TEXT -f|--fwmark-service=N -s|--scheduler=TEXT
    -b|--sched-flags=TEXT -p|--persistent[=N] -M|--netmask=TEXT -r|--real-server=TEXT -g|--gatewaying -i|--ipip
    -m|--masquerading -w|--weight=N -x|--u-threshold=N -y|--l-threshold=N --mcast-interface=TEXT --syncid=N -c|--connection
    --timeout --daemon --stats --rate --exact --thresholds --persistent-conn --tun-info --nosort --sort -o|--ops -n|--numeric
    -6|--ipv6 --pe=TEXT --version
    -C ...                  stops     stops to share out all services to other hosts  until its rules are loaded again
    -A|-E|-D|-R|-a|-e|-d|-Z|--set|--start-daemon|--stop-daemon ...  changes  changes to which hosts a service is shared out
    ...                     harmless
    = fail2ban-client  -c|--conf=DIR:obeys -s|--socket=TEXT -p|--pidfile=TEXT --pname=TEXT --loglevel=TEXT --logtarget=TEXT
    --syslogsocket=TEXT -d --dp|--dump-pretty -t|--test -i -v -q -x -b -f --async --timeout=N --str2sec=TEXT -h|--help
    -V|--version
    --help|--version|-t|-d|--dp|--str2sec ...  harmless
    status|version|ping|banned|get|help|echo ...  harmless
    set * action|addaction|action* ...  gives     {program} makes a service of root's start other programs
    stop ...                changes   locks attackers out no more
    set * banip ...         changes   locks {4+} out of {2}
    set * unbanip ...       changes   lets {4+} back in to {2}
    ()                      changes   changes who is locked out
    * ...                   changes   changes who is locked out: {1} {2:}
    = shorewall
    check|show|dump|ls|list|status|version|help [FILE:trusts]...  harmless
    stop|clear ...          stops     empties or closes the firewall  until it is started again
    * ...                   changes   changes the firewall
    = netfilter-persistent
    flush                   stops     empties the firewall: anybody may reach this host  until its rules are loaded again
    save                    changes   keeps the rules of the firewall for the next start of the host
    start|reload            changes   loads the rules of the firewall again
    = firewall-cmd  -h|--help -V|--version -q|--quiet --state --permanent --zone=TEXT --policy=TEXT --ipset=TEXT --service=TEXT
    --timeout=TEXT --family=TEXT --type=TEXT --option=TEXT --list-all --list-all-zones --list-all-policies --list-ports
    --list-services --list-protocols --list-sources --list-interfaces --list-rich-rules --list-forward-ports --list-icmp-blocks
    --list-source-ports --list-lockdown-whitelist-commands --get-active-zones --get-active-policies --get-default-zone
    --get-zones --get-policies --get-services --get-icmptypes --get-ipsets --get-helpers --get-log-denied --get-target
    --get-entries --get-description --get-short --get-zone-of-interface=TEXT --get-zone-of-source=TEXT --query-port=TEXT
    --query-service=TEXT --query-interface=TEXT --query-source=TEXT --query-rich-rule=TEXT --query-masquerade --query-panic
    --query-protocol=TEXT --query-forward-port=TEXT --query-lockdown --query-icmp-block=TEXT --info-zone=TEXT
    --info-service=TEXT --info-icmptype=TEXT --info-ipset=TEXT --info-policy=TEXT --check-config --add-port=TEXT
    --add-service=TEXT --add-source=TEXT --add-interface=TEXT --add-rich-rule=TEXT --add-forward-port=TEXT --add-protocol=TEXT
    --add-masquerade --add-icmp-block=TEXT --add-source-port=TEXT --add-entry=TEXT --add-forward --remove-port=TEXT
    --remove-service=TEXT --remove-source=TEXT --remove-interface=TEXT --remove-rich-rule=TEXT --remove-forward-port=TEXT
    --remove-protocol=TEXT --remove-masquerade --remove-icmp-block=TEXT --remove-source-port=TEXT --remove-entry=TEXT
    --change-interface=TEXT --set-default-zone=TEXT --set-target=TEXT --set-log-denied=TEXT --set-description=TEXT
    --set-short=TEXT --new-zone=TEXT --new-service=TEXT --new-ipset=TEXT --delete-zone=TEXT --delete-service=TEXT
    --delete-ipset=TEXT --runtime-to-permanent --reload --complete-reload --reset-to-defaults --panic-on --panic-off
    --lockdown-on --lockdown-off --direct
    --panic-on ()            stops     drops all packets, and cuts this host off  until panic mode is off
    --remove-service=ssh ()  stops     keeps everybody from the SSH of this host  until the service is added again
    --reload|--complete-reload ()  changes   loads the rules of the firewall again
    --add-* ()               changes   adds to what the firewall lets through or drops
    --remove-* ()            changes   takes from what the firewall lets through or drops
    --set-*|--new-*|--delete-*|--change-*|--lockdown-* ()  changes   changes the settings of the firewall
    --direct|--reset-to-defaults|--runtime-to-permanent|--panic-off ...  changes   changes the firewall
    ()                       harmless
    = ufw  --dry-run --force -h|--help --version
    --help|--version ...           harmless
    --dry-run ...                  harmless
    status|show|version|help ...   harmless
    app list|info ...              harmless
    disable|reset ()               stops     empties the firewall: anybody may reach this host  until it is enabled again
    enable ()                      changes   switches the firewall on, which cuts off what no rule allows
    reload ()                      changes   loads the rules of the firewall again
    default deny|reject [TEXT]     changes   cuts off what no rule of the firewall allows ({3:incoming})
    allow from any ... port|proto|app ...  changes   lets others reach {-1} of this host
    allow from any ...             stops     empties the firewall: anybody may reach this host  until the rule is deleted
    allow from TEXT ...            changes   lets {3} reach this host
    allow TEXT ...                 changes   lets others reach {2} of this host
    deny|reject 22|22/tcp|ssh|OpenSSH ...  stops     keeps everybody from the SSH of this host  until the rule is deleted
    deny|reject|limit from TEXT ...  changes   keeps {3} out
    deny|reject|limit TEXT ...     changes   keeps others from {2} of this host
    delete TEXT ...                changes   deletes a rule of the firewall: {2} {3:}
    default|logging|route|insert|prepend|app TEXT ...  changes   changes the firewall: {1} {2}
    = nft  -h|--help -v|--version -V -f|--file=FILE:reads -D|--define=TEXT -i|--interactive -I|--includepath=DIR:reads
    -c|--check -o|--optimize -a|--handle -s|--stateless -t|--terse -S|--service -N|--reversedns -u|--guid -n|--numeric
    -y|--numeric-priority -p|--numeric-protocol -T|--numeric-time -e|--echo -j|--json -d|--debug=TEXT
    --help|--version|-V ()         harmless
    --interactive ()               changes   changes the firewall as it is told
    --check ...                    harmless
    --file ()                      changes   changes the firewall as {-f|--file:…} says
    list|monitor|describe|help ...  harmless
    flush|delete|destroy ruleset|table|chain ...  stops  empties the firewall: anybody may reach this host  until it is loaded
    add|create|insert|replace|delete|destroy|reset|rename|flush|import|export TEXT ...  changes  changes the firewall: {1} {2}
    = iptables ip6tables iptables-legacy iptables-nft ip6tables-legacy ip6tables-nft ebtables arptables  -t|--table=TEXT
    -A|--append=TEXT -D|--delete=TEXT -I|--insert=TEXT -R|--replace=TEXT -P|--policy=TEXT -N|--new-chain=TEXT
    -E|--rename-chain=TEXT -L|--list -S|--list-rules -C|--check=TEXT -F|--flush -X|--delete-chain -Z|--zero -v|--verbose
    -n|--numeric -x|--exact -w|--wait[ N] -W|--wait-interval=N --line-numbers -4|--ipv4 -6|--ipv6 -f|--fragment
    -c|--set-counters=N
    -h|--help -V|--version -M|--modprobe=HELPER -s|--source|--src=TEXT -d|--destination|--dst=TEXT -p|--protocol|--proto=TEXT
    -i|--in-interface=TEXT -o|--out-interface=TEXT -j|--jump=TEXT -g|--goto=TEXT -m|--match=TEXT --dport|--destination-port=TEXT
    --sport|--source-port=TEXT --dports=TEXT --sports=TEXT --ports=TEXT --ctstate=TEXT --state=TEXT --ctdir=TEXT
    --ctorigdst=TEXT --comment=TEXT --to-destination=TEXT --to-source=TEXT --to-ports=TEXT --to=TEXT --reject-with=TEXT
    --log-prefix=TEXT --log-level=TEXT --log-uid --limit=TEXT --limit-burst=TEXT --icmp-type=TEXT --icmpv6-type=TEXT
    --tcp-flags=TEXT --syn --mac-source=TEXT --match-set=TEXT --src-range=TEXT --dst-range=TEXT --uid-owner=TEXT
    --gid-owner=TEXT --mark=TEXT --set-mark=TEXT --set-xmark=TEXT --save-mark --restore-mark --mask=TEXT --set-mss=TEXT
    --clamp-mss-to-pmtu --connlimit-above=TEXT --connlimit-mask=TEXT --hashlimit-name=TEXT --hashlimit-above=TEXT
    --hashlimit-upto=TEXT --hashlimit-mode=TEXT --hashlimit-burst=TEXT --name=TEXT --set --rcheck --update --rsource --rdest
    --seconds=TEXT --hitcount=TEXT --nflog-prefix=TEXT --nflog-group=TEXT --queue-num=TEXT --physdev-in=TEXT --physdev-out=TEXT
    --dst-type=TEXT --src-type=TEXT --algo=TEXT --string=TEXT --hex-string=TEXT --timestart=TEXT --timestop=TEXT --weekdays=TEXT
    --random --persistent
    --help|--version ...           harmless
    -Z ...                         changes   sets the counters of the firewall to zero
    -L|-S|-C ...                   harmless
    -F ...                    stops     empties the firewall: anybody may reach this host  until its rules are loaded again
    -P ACCEPT|accept               changes   lets all packets through that no rule drops ({-P})
    -P ...                         stops     drops all packets that no rule lets through  until the policy is changed
    -A|-I -s ...                   changes   adds a rule for {-s|--source} to {-A|-I} of the firewall
    -I=INPUT --dport=22|ssh -j=DROP|REJECT ...  stops  keeps everybody from the SSH of this host  until the rule is deleted
    -A|-I -d|-p|-i|-o|-m ...       changes   adds a rule to {-A|-I} of the firewall
    -A|-I=INPUT|OUTPUT|FORWARD -j=DROP|REJECT ...  stops  drops all packets, and cuts this host off  until the rule is deleted
    -A|-I|-R ...                   changes   adds a rule to {-A|-I|-R} of the firewall
    -N|-E ...                      changes   makes the chain {-N|-E} of the firewall
    -D ...                         changes   deletes a rule from {-D} of the firewall
    -X ...                         changes   deletes the chain {1:that no rule names} of the firewall
    = iptables-restore ip6tables-restore  -c|--counters -v|--verbose -V|--version -t|--test -h|--help -n|--noflush
    -M|--modprobe=HELPER -T|--table=TEXT -w|--wait[ N]
    --help|--version ...      harmless
    --test [FILE:reads]       harmless
    --noflush [FILE:reads]    changes   adds the rules in {1:its input} to the firewall
    [FILE:reads]              changes   replaces all rules of the firewall by those in {1:its input}
    = netstat: abbreviates  -r|--route -g|--groups -i|--interfaces -M|--masquerade -s|--statistics -v|--verbose -W|--wide
    -n|--numeric --numeric-hosts --numeric-ports --numeric-users -N|--symbolic -A|--protocol=TEXT -c|--continuous -e|--extend
    -o|--timers -p|--programs --program -l|--listening -a|--all -F|--fib -C|--cache -t|--tcp -u|--udp -U|--udplite -S|--sctp
    -w|--raw -x|--unix -2 --l2cap -f|--rfcomm -4|--inet -6|--inet6 --ax25 --ipx -Z|--context -V|--version -h|--help
    = nstat: abbreviates  -h|--help -V|--version -z|--zeros -r|--reset -n|--nooutput -a|--ignore -s|--noupdate -j|--json
    -p|--pretty -d|--scan=N -t|--interval=N
    = ifstat  -h|--help -V|--version -a|--ignore -e|--errors -n|--nooutput -r|--reset -s|--noupdate -j|--json -p|--pretty
    -d|--scan=N -t|--interval=N -z|--zeros -x|--extended=TEXT -i=TEXT -l -T -q -A -w -W -S -b
    = iftop  -h -n -N -p -P -l -b -B -t -i=TEXT -f=TEXT -F=TEXT -G=TEXT -m=TEXT -c=FILE:reads -s=N -L=N -o=TEXT
    -t|-h ()      harmless
    ()            gives:shown
    = iptables-save ip6tables-save: abbreviates  -M|--modprobe=HELPER -c|--counters -t|--table=TEXT -f|--file=FILE:dumps
    -V|--version -h|--help -v
    = wg-quick
    up TUNNEL               changes   takes the tunnel {2} up
    down TUNNEL             stops     takes the tunnel {2} down  until it is up again
    save TUNNEL             changes   writes the settings of the tunnel {2}
    strip TEXT              reads     {program} shows keys of networks
    --help|--version|-h|help ()  harmless
    -h|--help --version
    = wg  --help -h --version -v
    showconf TEXT           reads     {program} shows keys of networks
    show * private-key|preshared-keys|dump  reads  {program} shows keys of networks
    show [TEXT] [TEXT]      harmless
    genkey|genpsk|pubkey|help|--help  harmless
    ()                      harmless
    set TEXT TEXT...        changes   changes the tunnel {2}: {1} {3+}
    setconf|addconf|syncconf TEXT FILE:reads  changes  changes the tunnel {2}: {1} {3}
    = netplan  -h|--help --debug --root-dir=TEXT
    set: --origin-hint=TEXT
    try: --config-file=FILE:trusts --timeout=N --state=TEXT
    apply: --state=TEXT --only-ovs-cleanup
    generate: --mapping=TEXT
    status: -a|--all -v|--verbose -f|--format=TEXT --diff --diff-only
    get --help ...          harmless
    get [TEXT]              reads     {program} shows keys of networks
    status|info|ip|help ...  harmless
    --help ...              harmless
    apply|try               changes   sets the network anew from /etc/netplan, and may cut this host off
    generate                changes   writes the settings of the network from /etc/netplan
    set TEXT...             changes   changes a setting of the network: {2+}
    rebind|migrate ...      changes   changes the network of this host, and may cut it off
    = ovs-vsctl: abbreviates  --if-exists --may-exist --no-wait -t|--timeout=N --db=TEXT --oneline --columns=TEXT --id=TEXT
    --all -v|--verbose[=TEXT] -f|--format=TEXT -d|--data=TEXT --no-heading --dry-run --retry -h|--help -V|--version
    -p|--private-key=FILE:reads -c|--certificate=FILE:reads -C|--ca-cert=FILE:reads
    --help|--version|--dry-run ...  harmless
    ... del-*|emer-reset ...  stops   takes {:everything} out of its bridges  until it is added again
    ... -- ...              changes   changes the network of this host, and may cut it off
    show|list-*|get*|br-exists|port-to-br|iface-to-br|br-to-*|list|find ...  harmless
    * ...                   changes   changes the network of this host, and may cut it off: {1} {2:}
    = ovs-ofctl: abbreviates  -O|--protocols=TEXT -F|--flow-format=TEXT --strict --names --no-names --sort[=TEXT] --rsort[=TEXT]
    --bundle --color[=TEXT] -m|--more -v|--verbose[=TEXT] -t|--timeout=N -h|--help -V|--version --read-only
    --help|--version ...    harmless
    show|dump-*|snoop|monitor|ping|query-* ...  harmless
    del-flows ...           stops     deletes how packets pass through {2+}  until the flows are added again
    * ...                   changes   changes the network of this host, and may cut it off: {1} {2:}
    = wpa_cli  -p=TEXT -i=TEXT -h -v -B -a=PROGRAM -P=FILE:writes -g=TEXT -G=N -r -s=TEXT
    -h|-v ...               harmless
    status|list_networks|scan_results|ping|signal_poll|help|list_sta|bss* ...  harmless
    disconnect|terminate|disable*|remove* ...  stops  cuts off the wireless network  until it is connected again
    ...                     changes   changes the network of this host, and may cut it off
    = wpa_supplicant  -b=TEXT -B -c=FILE:trusts -C=TEXT -i=TEXT -I=FILE:trusts -d -D=TEXT -e=TEXT -f=FILE:writes -g=TEXT -G=TEXT
    -h -k -K -L -N -o=TEXT -O=TEXT -p=TEXT -P=FILE:writes -q -s -t -T -u -v -W -M -m=TEXT
    -h|-v|-L ...            harmless
    ()                      changes   changes the network of this host, and may cut it off
    = pppd  --version --help
    --version|--help ()     harmless
    ...                     gives     {program} starts programs that its options name
    = ifup ifdown  -a|--all -v|--verbose --force --ignore-errors -n|--no-act --state --no-mappings --no-scripts --no-loopback
    --read-environment --allow=TEXT -i|--interfaces=FILE:trusts --exclude=TEXT -X=TEXT -h|--help -V|--version -l|--list
    --state-dir=TEXT -o|--option=TEXT
    --help|--version|--no-act ...  harmless
    ifdown: [TUNNEL]...     stops     takes the interfaces {1+:that it names} down  until they are up again
    ifup: [TUNNEL]...       changes   takes the interfaces {1+:that it names} up
    = ifquery  -a|--all -l|--list --state --check --running -v|--verbose --force --allow=TEXT -i|--interfaces=FILE:reads
    -X|--exclude=TEXT -o|--option=TEXT --no-mappings --no-loopback --read-environment -r|--with-depends
    -p|--print-dependency=TEXT -h|--help -V|--version
    = bridge: words without dev  -Version|-V -statistics|-s|-stats -details|-d -oneline|-o -color[=TEXT] -c[=TEXT] -json|-j
    -pretty|-p -compressvlans -netns|-n=TEXT -batch|-b=BATCH -force -timestamp|-t -help
    -Version|-help ...      harmless
    ()                      harmless
    * ()                    harmless
    monitor ...             harmless
    * show|list|lst|ls|get|help|showdump ...  harmless
    * * ...                 changes   changes the network of this host, and may cut it off: {1} {2} {3+}
    = rfkill: abbreviates  -J|--json -n|--noheadings -o|--output=TEXT:plain --output-all -r|--raw -h|--help -V|--version
    --help|--version ...    harmless
    list|event|help ...     harmless
    ()                      harmless
    block TEXT...           stops     switches off {2+:the radio of this host}  until it is unblocked
    unblock|toggle TEXT...  changes   switches {2+:the radio of this host} on or off
    = resolvconf  -a=TEXT -d=TEXT -l -L -i -I -v -V -u -x -m=N -p -f -h|--help --version --enable-updates --disable-updates
    --updates-are-enabled
    -a|-d|-u|--enable-updates|--disable-updates ...  changes  changes where this host asks for names
    ...                     harmless
    = brctl  -h|--help -V|--version
    show*|help ...          harmless
    ()                      harmless
    delbr|delif TEXT...     stops     takes {2+} out of its bridges  until it is added again
    * TEXT...               changes   runs {1} on the bridge {2+}
    = ifconfig  -a -s -v --version --help
    [TEXT]                  harmless
    * down ...              stops     takes the interface {1} down  until it is up again
    * up ...                changes   takes the interface {1} up
    * * ...                 changes   changes the network of this host, and may cut it off
    = route  -v|--verbose -n|--numeric -e|--extend -F|--fib -C|--cache -A=TEXT -4 -6 --inet --inet6 -V|--version -h|--help -net
    -host
    --help|--version ()     harmless
    ()                      harmless
    del|delete default|0.0.0.0 ...  stops  deletes the way of this host to others  until it is added again
    del|delete TEXT...      changes   deletes the route to {2+}
    * TEXT...               changes   sends what goes to {2} another way: {3+}
    = arp  -a -e -n|--numeric -v|--verbose -D|--use-device -i|--device=TEXT -H|-t|-A|--hw-type|--protocol=TEXT -d|--delete
    -s|--set -f|--file -V|--version -h|--help -N|--symbolic
    --help|--version ()     harmless
    -f [FILE:reads]         changes   changes by which address neighbours are reached
    -d TEXT...              changes   forgets by which address {1} is reached
    -s TEXT...              changes   changes by which address {1:a neighbour} is reached
    [TEXT]                  harmless
    = nmcli  -a|--ask -c|--colors=TEXT -e|--escape=TEXT -f|--fields=TEXT -g|--get-values=TEXT -h|--help -m|--mode=TEXT
    -o|--overview -p|--pretty -s|--show-secrets -t|--terse -v|--version -w|--wait=N --active --order=TEXT --temporary
    --complete-args
    --help|--version ...           harmless
    ()                             harmless
    c* edit ...                    gives     {program} has a prompt for any command
    -s c*|d* show|s ...            reads     {program} shows keys of networks
    c*|d*|g*|n*|r* ()              harmless
    c*|d* show|s|status|st|monitor|m|lldp|help ...  harmless
    d* wifi|w list|ls ...          harmless
    d* wifi|w ()                   harmless
    g* status|permissions|help ...  harmless
    g* logging|hostname ()         harmless
    n* connectivity ...            harmless
    m* ...                         harmless
    r* wifi|wwan|all|help ()       harmless
    c* down|d* ...                 stops     takes the connection {3:that it names} down or deletes it  until it is up again
    c* up ...                      changes   takes the connection {3:that it names} up
    c* add|modify|mod|clone|load|import|export|migrate|reload ...  changes   runs {2} on the connection {3:that it names}
    d* di*|down|de* ...            stops     takes the interface {3:that it names} down  until it is connected again
    d* up|connect|con|set|modify|mod|reapply|wifi|w|checkpoint ...  changes   runs {2} on the interface {3:that it names}
    g* logging|hostname|reload ...  changes   runs {2} on the network of this host
    n* off                         stops     switches off all networks of this host  until they are switched on
    n* on                          changes   switches the networks of this host on
    r* * off                       stops     switches off the radio of this host  until it is switched on
    r* * on                        changes   switches the radio of this host on
    a* ...                         changes   asks for the keys of networks
    = ethtool  -h|--help --version --json -I|--include-statistics --debug=N -a|--show-pause -A|--pause -c|--show-coalesce
    -C|--coalesce -d|--register-dump -e|--eeprom-dump -E|--change-eeprom -f|--flash -g|--show-ring -G|--set-ring -i|--driver
    -k|--show-features -K|--features|--offload -l|--show-channels -L|--set-channels -m|--dump-module-eeprom|--module-info
    -n|-u|--show-nfc -N|-U|--config-nfc -p|--identify -P|--show-permaddr -Q|--per-queue -r|--negotiate -s|--change
    -S|--statistics -t|--test -T|--show-time-stamping -w|--get-dump -W|--set-dump -x|--show-rxfh|--show-rxfh-indir
    -X|--set-rxfh-indir --reset --show-eee --set-eee --show-fec --set-fec --show-priv-flags --set-priv-flags --get-phy-tunable
    --set-phy-tunable --show-tunnels --show-module --set-module --cable-test
    --help|--version ()  harmless
    -E|-f TEXT ...       destroys  overwrites the firmware of the interface {1}
    -r TEXT              changes   takes the link of the interface {1} down and up again
    -t|--cable-test TEXT ...  changes   tests the interface {1}, which may be cut off meanwhile
    -A|-C|-G|-K|-L|-N|-p|-Q|-s|-W|-X|--reset|--set-eee|--set-fec|--set-priv-flags|--set-phy-tunable|--set-module TEXT ...  \
        changes   changes how the interface {1} works
    TEXT ...             harmless
    = dhclient: go  -4 -6 -1 -d -q -r -x -v -n -nw -w -i -I -S -N -T -P -R -p=N -D=TEXT -s=TEXT -g=TEXT -B -C=TEXT -F=TEXT
    -H=TEXT -V=TEXT -e=TEXT -sf=FILE:runs -cf=FILE:runs -lf|-pf|-df=FILE:dumps -request-options=TEXT -timeout=N -dad-wait-time=N
    -prefix-len-hint=N -decline-wait-time=N -address-prefix-len=N -version -help -h
    -version|-help|-h ()    harmless
    -r|-x ...               stops     gives back the addresses of {1+:all interfaces}  until it asks for some again
    ...                     changes   {program} asks for the addresses of {1+:all interfaces} anew
    = dhcpcd: abbreviates  -4|--ipv4only -6|--ipv6only -A|--noarp -B|--nobackground -b|--background -c|--script=FILE:runs
    -f|--config=FILE:runs -D|--duid -d|--debug -e|--env=TEXT -g|--reconfigure -G|--nogateway -h|--hostname[=TEXT]
    -I|--clientid=TEXT -i|--vendorclassid=TEXT -k|--release -x|--exit -n|--rebind -N|--renew -l|--leasetime=N -m|--metric=N
    -o|--option=TEXT -O|--nooption=TEXT -p|--persistent -P|--printpidfile -q|--quiet -r|--request=TEXT -s|--inform=TEXT
    -S|--static=TEXT -T|--test -t|--timeout=N -U|--dumplease -u|--userclass=TEXT -V|--variables -v|--vendor=TEXT
    -w|--waitip[=TEXT] -L|--noipv4ll -1|--oneshot -J|--broadcast -K|--nolink -Z|--denyinterfaces=TEXT -z|--allowinterfaces=TEXT
    --version -M|--master -j|--logfile=FILE:dumps
    --version|-T|-U|-V|-P ...  harmless
    -k|-x ...               stops     gives back the addresses of {1+:all interfaces}  until it asks for some again
    ...                     changes   {program} asks for the addresses of {1+:all interfaces} anew
    = udhcpc: abbreviates  -i|--interface=SAID -s|--script=FILE:runs -p|--pidfile=FILE:dumps -B|--broadcast -t|--retries=N
    -T|--timeout=N -A|--tryagain=N -n|--now -q|--quit -b|--background -R|--release -f|--foreground -S|--syslog -a|--arping[=N]
    -r|--request=TEXT -o|--no-default-options -O|--option=TEXT -x=TEXT -F|--fqdn=TEXT -V|--vendorclass=TEXT -C|--clientid-none
    -v -h|--help
    --help ()               harmless
    ()                      changes   {program} asks for the addresses of {-i|--interface:eth0} anew
    = curl: abbreviates  -s|--silent -S|--show-error -f|--fail --fail-with-body -L|--location --location-trusted -k|--insecure
    -I|--head -i|--include --show-headers -v|--verbose -G|--get --compressed -4|--ipv4 -6|--ipv6 -0|--http1.0 --http1.1 --http2
    --http2-prior-knowledge --http3 --http3-only -N|--no-buffer --progress-bar -# --no-progress-meter --noproxy=TEXT
    --socks5=TEXT --socks5-hostname=TEXT --socks4=TEXT --socks4a=TEXT --preproxy=TEXT --path-as-is --raw --max-filesize=TEXT
    --no-keepalive --keepalive-time=N -h|--help[=TEXT] -V|--version -M|--manual --create-dirs --create-file-mode=TEXT
    --fail-early -Z|--parallel --parallel-max=N --parallel-immediate --local-port=TEXT --doh-url=TEXT --dns-servers=TEXT
    -1|--tlsv1 --tlsv1.0 --tlsv1.1 --tlsv1.2 --tlsv1.3 --ssl --ssl-reqd --ssl-no-revoke --retry-connrefused --retry-all-errors
    --basic --digest --negotiate --ntlm --anyauth -n|--netrc --netrc-optional -l|--list-only -g|--globoff
    -j|--junk-session-cookies -p|--proxytunnel --proxy-insecure --proxy-basic --proxy-digest --proxy-header=HEADER --tcp-nodelay
    --tcp-fastopen --cert-type=TEXT --key-type=TEXT --cert-status --crlfile=FILE:reads -r|--range=TEXT -Y|--speed-limit=N
    -y|--speed-time=N --post301 --post302 --post303 --remove-on-error -R|--remote-time --no-clobber --styled-output
    --no-styled-output --proto-default=TEXT --proto-redir=TEXT --haproxy-protocol --expect100-timeout=N --tr-encoding
    --ignore-content-length --happy-eyeballs-timeout-ms=N --dns-interface=TEXT --dns-ipv4-addr=TEXT --dns-ipv6-addr=TEXT
    --tls13-ciphers=TEXT --curves=TEXT --pinnedpubkey=TEXT
    -:|--next --no-alpn --no-npn --no-sessionid --false-start -o|--output=SAVED -D|--dump-header=SAVED -c|--cookie-jar=SAVED
    --trace=SAVED --trace-ascii=SAVED --trace-time --stderr=SAVED --libcurl=SAVED --hsts=SAVED --alt-svc=SAVED --etag-save=SAVED
    --etag-compare=FILE:reads -K|--config=FILE:runs --engine=CODE -d|--data|--data-ascii=SAID --data-binary|--data-raw=SAID
    --data-urlencode=SAID -F|--form=SAID --form-string=TEXT --form-escape --json=SAID --url-query=SAID -H|--header=HEADER
    -T|--upload-file=SAID -E|--cert=CREDENTIAL --key=CREDENTIAL --netrc-file=CREDENTIAL -b|--cookie=CREDENTIAL
    -w|--write-out=FORMAT --unix-socket|--abstract-unix-socket=SOCKET -X|--request=TEXT -u|--user=TEXT -A|--user-agent=TEXT
    -e|--referer=TEXT -x|--proxy=TEXT -U|--proxy-user=TEXT -m|--max-time=N --connect-timeout=N --retry=N --retry-delay=N
    --retry-max-time=N --cacert=TEXT --capath=TEXT --resolve=TEXT --connect-to=TEXT --interface=TEXT --limit-rate=TEXT
    -z|--time-cond=TEXT -C|--continue-at=TEXT --output-dir=SAID --url=TEXT -t|--telnet-option=TEXT -P|--ftp-port=TEXT
    -Q|--quote=TEXT --oauth2-bearer=TEXT --aws-sigv4=TEXT --max-redirs=N --ciphers=TEXT --tls-max=TEXT --pass=TEXT --proto=TEXT
    -O|--remote-name -J|--remote-header-name --remote-name-all --append -a --variable=TEXT --rate=TEXT -q|--disable
    --help|--version|--manual ...  harmless
    -O|-J|--remote-name-all ...  also-changes:fetched
    ...                     changes:asked
    = wget: abbreviates  -V|--version -h|--help -b|--background -e|--execute=HELPER -o|--output-file=SAVED
    -a|--append-output=SAVED -d|--debug -q|--quiet -v|--verbose -nv|--no-verbose --report-speed=TEXT -i|--input-file=FILE:reads
    -F|--force-html -B|--base=TEXT --config=HELPER --rejected-log=SAVED -t|--tries=N --retry-connrefused
    --retry-on-http-error=TEXT -O|--output-document=SAVED -nc|--no-clobber --no-netrc -c|--continue --start-pos=N
    --progress=TEXT --show-progress -N|--timestamping --no-if-modified-since --no-use-server-timestamps -S|--server-response
    --spider -T|--timeout=N --dns-timeout=N --connect-timeout=N --read-timeout=N -w|--wait=N --waitretry=N --random-wait
    --no-proxy -Q|--quota=TEXT --bind-address=TEXT --limit-rate=TEXT --no-dns-cache --restrict-file-names=TEXT --ignore-case
    -4|--inet4-only -6|--inet6-only --prefer-family=TEXT --user=TEXT --password=TEXT --ask-password --use-askpass[=HELPER]
    --no-iri -nd|--no-directories -x|--force-directories -nH|--no-host-directories --protocol-directories
    -P|--directory-prefix=SAID --cut-dirs=N --http-user=TEXT --http-password=TEXT --no-cache --default-page=TEXT
    -E|--adjust-extension --ignore-length --header=TEXT --compression=TEXT --max-redirect=N --proxy-user=TEXT
    --proxy-password=TEXT --referer=TEXT --save-headers -U|--user-agent=TEXT --no-http-keep-alive --no-cookies
    --load-cookies=FILE:reads --save-cookies=SAVED --keep-session-cookies --post-data=TEXT --post-file=FILE:reads --method=TEXT
    --body-data=TEXT --body-file=FILE:reads --content-disposition --content-on-error --trust-server-names --auth-no-challenge
    --secure-protocol=TEXT --https-only --no-check-certificate --certificate=FILE:reads --certificate-type=TEXT
    --private-key=FILE:reads --private-key-type=TEXT --ca-certificate=TEXT --ca-directory=TEXT --crl-file=FILE:reads
    --ciphers=TEXT
    --no-hsts --hsts-file=SAVED --no-passive-ftp --passive-ftp --no-glob --warc-file=SAVED -r|--recursive -l|--level=N
    --delete-after -k|--convert-links -K|--backup-converted -m|--mirror -p|--page-requisites --strict-comments -A|--accept=TEXT
    -R|--reject=TEXT --accept-regex=TEXT --reject-regex=TEXT -D|--domains=TEXT --exclude-domains=TEXT --follow-ftp
    --follow-tags=TEXT --ignore-tags=TEXT -H|--span-hosts -L|--relative -I|--include-directories=TEXT
    -X|--exclude-directories=TEXT -np|--no-parent --cookies=TEXT
    --method=DELETE ...     destroys  asks {1} to delete it
    --post-data|--post-file|--body-data|--body-file ...  also-changes  sends data to {1}
    -O|--spider|--help|--version ...  harmless
    ...                     changes:fetched
    = axel  -s|--max-speed=N -n|--num-connections=N -o|--output=FILE:writes -S|--search[=N] -4|--ipv4 -6|--ipv6 -H|--header=TEXT
    -U|--user-agent=TEXT -N|--no-proxy -k|--insecure -c|--no-clobber -q|--quiet -v|--verbose -a|--alternate -h|--help
    -T|--timeout=N -V|--version -p|--percentage
    -o|-h|-V ...            harmless
    ...                     changes:fetched
    = http https: abbreviates  -j|--json -f|--form --multipart --boundary=TEXT --raw=TEXT -x|--compress --pretty=TEXT
    -s|--style=TEXT -p|--print=TEXT -h|--headers -m|--meta -b|--body -v|--verbose --all -S|--stream -o|--output=FILE:writes
    -d|--download -c|--continue -q|--quiet --session=FILE:writes --session-read-only=FILE:reads -a|--auth=TEXT
    -A|--auth-type=TEXT --ignore-netrc --offline --proxy=TEXT -F|--follow --max-redirects=N --timeout=N --check-status
    --path-as-is --chunked --verify=TEXT --ssl=TEXT --ciphers=TEXT --cert=FILE:reads --cert-key=FILE:reads -I|--ignore-stdin
    --help --manual --version --traceback --default-scheme=TEXT --debug
    --help|--manual|--version|--offline ...  harmless
    DELETE|delete TEXT [HEADER]...  destroys  asks {2} to delete it
    POST|PUT|PATCH TEXT [HEADER]...  changes  sends data to {2}
    -d TEXT...              changes:fetched
    TEXT...                 harmless
    = nc netcat nc.openbsd nc.traditional socket  -4 -6 -b -C -D -d -F -N -r -S -t -Z -h -u -v -n -k -U -l -z -M=TEXT -m=N
    -e=HELPER -c=HELPER -p=N -s=TEXT -w=N -i=N -x=TEXT -X=TEXT -q=N -O=N -T=TEXT -I=N -P=TEXT -V=TEXT -W=N -o=FILE:writes
    -g=TEXT -G=N
    -h|-z ...               harmless
    -l ...                  changes   listens on the network
    -U SOCKET...            harmless
    ...                     harmless:sent
    = ncat: abbreviates  -4 -6 -U|--unixsock --vsock -C|--crlf -c|--sh-exec=HELPER -e|--exec=HELPER --lua-exec=HELPER -g=TEXT
    -G=N -m|--max-conns=N -h|--help -d|--delay=TEXT -o|--output=FILE:writes -x|--hex-dump=FILE:writes -i|--idle-timeout=TEXT
    -p|--source-port=N -s|--source=TEXT -l|--listen -k|--keep-open -n|--nodns -t|--telnet -u|--udp --sctp -v|--verbose
    -w|--wait=TEXT -z --append-output --send-only --recv-only --no-shutdown -q=N --allow=TEXT --allowfile=FILE:reads --deny=TEXT
    --denyfile=FILE:reads --broker --chat --proxy=TEXT --proxy-type=TEXT --proxy-auth=TEXT --proxy-dns=TEXT --ssl
    --ssl-cert=FILE:reads --ssl-key=FILE:reads --ssl-verify --ssl-trustfile=FILE:reads --ssl-ciphers=TEXT --ssl-servername=TEXT
    --ssl-alpn=TEXT --version
    --help|--version|-z ...  harmless
    -l ...                  changes   listens on the network
    -U SOCKET...            harmless
    ...                     harmless:sent
    = socat: go  -lf=FILE:writes -b=N -t=N -T=N -L=FILE:writes -W=FILE:writes -d -dd -ddd -dddd -D -v -x -u -U -s -g -ly[=TEXT]
    -lm[=TEXT] -ls -lh -lu -lp=TEXT -h -hh -hhh -V -4 -6 -0 -S=TEXT -r=FILE:writes -R=FILE:writes
    [ADDRESS]...            harmless
    = tcpdump  -A -b -D|--list-interfaces -d -e -f -H -h|--help -I|--monitor-mode -J|--list-time-stamp-types
    -K|--dont-verify-checksums -l -L|--list-data-link-types -n -N -O|--no-optimize -p|--no-promiscuous-mode -q
    -S|--absolute-tcp-sequence-numbers -t -u -U|--packet-buffered -v -x -X -#|--number --count --print --immediate-mode
    --lengths --version -B|--buffer-size=N -c=N -C=N -E=TEXT -F=FILE:reads -G=N -i|--interface=TEXT -j|--time-stamp-type=TEXT
    --time-stamp-precision=TEXT --micro --nano -m=TEXT -M=TEXT -Q|--direction=TEXT -r=FILE:reads -s|--snapshot-length=N -T=TEXT
    -V=FILE:reads -w=FILE:made -W=N -y=TEXT -z=PROGRAM -Z=TEXT
    -r|-V|-D|-J|-L|-h|--version ...  harmless
    ...                     reads     {program} reads what passes over the network
    = tshark  -i=TEXT -f=TEXT -s=N -p -I -B=N -y=TEXT -D -L -c=N -a=TEXT -b=TEXT -r=FILE:reads -R=TEXT -Y=TEXT -n -N=TEXT
    -d=TEXT -H=FILE:reads -w=FILE:made -C=TEXT -F=TEXT -V -O=TEXT -P -S=TEXT -x -T=TEXT -j=TEXT -e=TEXT -E=TEXT -t=TEXT -u=TEXT
    -l -q -Q -g -W=TEXT -X=HELPER -z=TEXT -o=TEXT -K=FILE:reads -G=TEXT -h|--help -v|--version -2 -M=N -U=TEXT
    --export-objects=EXPORTED --color --no-duplicate-keys --list-time-stamp-types --capture-comment=TEXT --print --hexdump=TEXT
    --enable-protocol=TEXT --disable-protocol=TEXT
    -r|-D|-L|-h|-v|-G ...   harmless
    ...                     reads     {program} reads what passes over the network
    = dumpcap  -i=TEXT -f=TEXT -s=N -p -I -B=N -y=TEXT -D -L -d -k=TEXT -S -M -c=N -a=TEXT -b=TEXT -w=FILE:made -n -P -t -q -g
    -h|--help -v|--version -N=N -C=N
    -D|-L|-h|-v ...         harmless
    ...                     reads     {program} reads what passes over the network
    = wireshark  -i=TEXT -f=TEXT -k -S -l -p -r=FILE:reads -R=TEXT -Y=TEXT -w=FILE:made -c=N -a=TEXT -b=TEXT -D -L -h|--help
    -v|--version -o=TEXT -X=HELPER -n -N=TEXT -C=TEXT
    -D|-L|-h|-v ...         harmless
    -r [FILE:reads]         harmless
    ...                     reads     {program} reads what passes over the network
    = hping3  -h|--help -v|--version -c|--count=N -i|--interval=TEXT --fast --faster --flood -n|--numeric -q|--quiet
    -I|--interface=TEXT -V|--verbose -D|--debug -z|--bind -Z|--unbind --beep -0|--rawip -1|--icmp -2|--udp -8|--scan=TEXT
    -9|--listen=TEXT -a|--spoof=TEXT --rand-dest --rand-source -t|--ttl=N -N|--id=N -r|--rel -f|--frag -x|--morefrag
    -y|--dontfrag -m|--mtu=N -o|--tos=TEXT -G|--rroute -C|--icmptype=N -K|--icmpcode=N -s|--baseport=N -p|--destport=TEXT
    -k|--keep -w|--win=N -Q|--seqnum -M|--setseq=N -L|--setack=N -F|--fin -S|--syn -R|--rst -P|--push -A|--ack -U|--urg
    -X|--xmas -Y|--ymas --tcp-timestamp -d|--data=N -E|--file=FILE:reads -e|--sign=TEXT -j|--dump -J|--print -B|--safe -u|--end
    -T|--traceroute
    --help|--version ()     harmless
    -9|-8 ...               harmless
    ()                      gives     {program} has a prompt for any command
    TEXT...                 harmless
    = nmap: abbreviates  -s=TEXT -P=TEXT -p=TEXT -A -O -F -v -d -T=TEXT -n -R -r -f -6 -e=TEXT -g|--source-port=N -S=TEXT
    -D=TEXT -h|--help -V|--version -b=TEXT -iL=FILE:reads -iR=N --excludefile=FILE:reads -oN|-oX|-oG|-oA|-oS=FILE:writes
    -o=LISTED --open --top-ports=N --reason --max-retries=N --min-rate=N --max-rate=N --host-timeout=TEXT --max-rtt-timeout=TEXT
    --min-rtt-timeout=TEXT --initial-rtt-timeout=TEXT --scan-delay=TEXT --max-scan-delay=TEXT --packet-trace --traceroute
    --osscan-guess --osscan-limit --version-intensity=N --version-light --version-all --version-trace --exclude=TEXT
    --exclude-ports=TEXT --dns-servers=TEXT --system-dns --iflist --mtu=N --ttl=N --privileged --unprivileged --stats-every=TEXT
    --script=SCRIPT --script-args=TEXT --script-args-file=FILE:reads
    --datadir|--servicedb|--stylesheet|--resume|--script-help=HELPER --interactive=HELPER --script-updatedb --script-trace
    --script-timeout=TEXT --data-length=N --min-parallelism=N --max-parallelism=N --min-hostgroup=N --max-hostgroup=N
    --spoof-mac=TEXT --badsum --defeat-rst-ratelimit --append-output --proxies=TEXT --data=TEXT --data-string=TEXT
    --noninteractive
    --interactive|--script-updatedb ...  gives  {program} can start any other command
    ...                     harmless
    = openssl: go open  -out|-keyout|-writerand|-signer_out|-CAserial|-outdir|-sess_out|-keylogfile=MADE
    -engine|-config|-provider|-provider-path=CODE
    -in|-key|-inkey|-keyfile|-CAkey|-sign|-kfile|-rand|-signkey|-cert|-certfile|-sess_in|-CA|-CAfile|-untrusted|-sigfile=PASS
    -pass|-passin|-passout=PASS -text -noout -subject -issuer -dates -enddate -startdate -serial -fingerprint -modulus -pubkey
    -pubin -pubout -purpose -email -hash -subject_hash -issuer_hash -alias -ocsp_uri -ocspid -showcerts -tls1 -tls1_1 -tls1_2
    -tls1_3 -no_tls1 -no_tls1_1 -no_tls1_2 -no_tls1_3 -no_ssl3 -brief -quiet -status -verify_return_error -noservername -ign_eof
    -no_ign_eof -prexit -state -msg -debug -4 -6 -reconnect -crlf -partial_chain -crl_check -crl_check_all -verbose -show_chain
    -hex -base64 -v -V -s -stdname -a -b -o -f -p -d -r -e -c -binary -new -nodes -noenc -x509 -info -nokeys -clcerts -cacerts
    -nocerts -check -lastupdate -nextupdate -crlnumber -salt -nosalt -pbkdf2 -A -elapsed -decrypt -encrypt -help -list_curves -1
    -5 -apr1 -stdin -noverify -table -crl_download -print_certs -ext=TEXT -nameopt=TEXT -certopt=TEXT -inform=TEXT -outform=TEXT
    -checkend=N -checkhost=TEXT -checkip=TEXT -connect=TEXT -servername=TEXT -starttls=TEXT -alpn=TEXT -verify_hostname=TEXT
    -verify_ip=TEXT -CApath=TEXT -cipher=TEXT -ciphersuites=TEXT -proxy=TEXT -attime=N -days=N -subj=TEXT -addext=TEXT
    -newkey=TEXT -keyform=TEXT -algorithm=TEXT -pkeyopt=TEXT -iter=N -name=TEXT -md=TEXT -seconds=N -bytes=N -multi=N -evp=TEXT
    -list -genkey -sha1 -sha224 -sha256 -sha384 -sha512 -md5 -aes-256-cbc -aes256 -aes128 -des3 -export -legacy -rsa -utf8
    -batch -nocrl -notext -CAcreateserial -set_serial=TEXT -extfile=PASS -extensions=TEXT -reqexts=TEXT -traditional -verify
    -req -param_enc=TEXT -conv_form=TEXT -hmac=TEXT -signature=PASS -2 -dsaparam -strparse=N -i -tlsextdebug -K=TEXT -iv=TEXT
    ()                      gives     {program} has a prompt for any command
    engine|-engine TEXT...  gives     {program} loads code that it is given
    s_server ...            changes   serves connections of others
    ocsp ...                changes   tells others which certificates are valid
    ca ...                  changes   signs or revokes certificates
    rehash ...              changes   changes links to certificates
    verify|dgst|sha256|sha512|md5|sha1 [FILE:reads]...  harmless
    * ...                   harmless
    = gpg gpg2: abbreviates  -k|--list-keys|--list-public-keys -K|--list-secret-keys --list-signatures|--list-sigs
    --check-signatures|--check-sigs --fingerprint --verify --verify-files --list-packets -a|--armor --with-colons
    --with-fingerprint --with-subkey-fingerprint --with-keygrip --keyid-format=TEXT --batch --yes --no -q|--quiet -v|--verbose
    --dearmor --enarmor --show-keys --print-md=TEXT --print-mds --version -h|--help --list-config --no-tty --fixed-list-mode
    --list-options=TEXT --verify-options=TEXT --keyring=FILE:reads --secret-keyring=FILE:reads --primary-keyring=TEXT
    --no-default-keyring -n|--dry-run -i|--interactive -o|--output=FILE:writes -r|--recipient=TEXT -R|--hidden-recipient=TEXT
    -f|--recipient-file=FILE:reads -u|--local-user=TEXT --homedir=DIR:obeys --options=SETTINGS
    --photo-viewer|--agent-program|--dirmngr-program|--exec-path=HELPER --keyserver=TEXT --keyserver-options=TEXT
    --log-file|--status-file|--logger-file=FILE:writes --status-fd=N --logger-fd=N --passphrase=TEXT
    --passphrase-file=FILE:reads --passphrase-fd=N --pinentry-mode=TEXT --compress-algo=TEXT --cipher-algo=TEXT
    --digest-algo=TEXT --cert-digest-algo=TEXT --trust-model=TEXT --always-trust --expert --export-options=TEXT
    --import-options=TEXT --default-key=TEXT --display-charset=TEXT --ignore-time-conflict --textmode --auto-key-locate=TEXT
    --throw-keyids --no-permission-warning --command-fd=N -z=N --compress-level=N -d|--decrypt --decrypt-files -e|--encrypt
    -s|--sign -b|--detach-sign|--detach-sig --clear-sign|--clearsign -c|--symmetric --store --export --export-secret-keys
    --export-secret-subkeys --export-ssh-key --export-ownertrust --import --fast-import --import-ownertrust --gen-key
    --generate-key --full-gen-key|--full-generate-key --quick-generate-key|--quick-gen-key --quick-add-key --quick-add-uid
    --quick-revoke-uid --quick-set-expire --quick-sign-key --quick-lsign-key --edit-key --sign-key --lsign-key
    --delete-keys|--delete-key --delete-secret-keys|--delete-secret-key --delete-secret-and-public-key
    --gen-revoke|--generate-revocation --recv-keys|--receive-keys --send-keys --search-keys --refresh-keys --fetch-keys
    --locate-keys --locate-external-keys --check-trustdb --update-trustdb --change-passphrase|--passwd --card-status --card-edit
    --list-gcrypt-config
    --dry-run [FILE:reads]...  harmless
    --delete-secret-* TEXT...  destroys  deletes the private key of {1+}: what it opens is gone
    --export-secret-*|-d|--decrypt-files [FILE:reads]...  reads  {program} reads private keys or what they protect
    --delete-*|--*import*|--re*-keys|--fetch-keys|--edit-key|--gen*|--full-*|--quick-*|--*sign-key|--change-*|--card-edit ...  \
        changes  changes the keys of {1+:its account}
    [FILE:reads]...         harmless
    = gpgv  -v|--verbose -q|--quiet --keyring=FILE:reads -o|--output=FILE:writes --ignore-time-conflict --status-fd=N
    --logger-fd=N --homedir=TEXT --weak-digest=TEXT -h|--help --version
    [FILE:reads]...         harmless
    = gpgconf: abbreviates  --list-components --check-programs --list-options=TEXT --change-options=TEXT --check-options=TEXT
    --apply-defaults --apply-profile=FILE:trusts --list-dirs --list-config --check-config -R|--reload -X|--show-codes
    --query-swdb -K|--kill --launch --create-socketdir --remove-socketdir -V|--show-versions --show-socket -n|--dry-run
    -o|--output=FILE:writes -r|--runtime -v|--verbose -q|--quiet -0|--null --homedir=TEXT -h|--help --version --show-configs -l
    --change-options|--apply-*|--reload|--kill|--launch|--create-socketdir|--remove-socketdir ...  \
        changes   changes the settings of gpg, or what runs for it
    ...                     harmless
    = nsupdate  -4 -6 -C=TEXT -d -D -g -h -i -k=FILE:reads -l -L=N -M -o -p=N -P -r=N -R=N -t=N -T -u=N -v -V -y=TEXT
    -h|-V|-P|-T ()          harmless
    [FILE:reads]            changes   changes names in the network
    = lldpctl  -d -v -l -L=TEXT -u=TEXT -f=TEXT -h
    = kvno  -c=TEXT -e=TEXT -k=FILE:reads -q -u|-S=TEXT -P -I=TEXT -U=TEXT -F=FILE:reads --cached-only --no-store --u2u=TEXT
    --out-cache=CACHE -h
    = wbinfo  -t|--check-secret -u|--domain-users -g|--domain-groups -p|--ping -P|--ping-dc -n|--name-to-sid=TEXT
    -s|--sid-to-name=TEXT -i|--user-info=TEXT -r|--user-groups=TEXT --all-domains --own-domain -m|--trusted-domains
    -D|--domain-info=TEXT --online-status --dsgetdcname=TEXT --getdcname=TEXT -U|--uid-to-sid=TEXT -S|--sid-to-uid=TEXT
    -G|--gid-to-sid=TEXT -Y|--sid-to-gid=TEXT --uid-info=TEXT --gid-info=TEXT --group-info=TEXT --separator --sequence --verbose
    --domain=TEXT --user-domgroups=TEXT --user-sids=TEXT -N|--WINS-by-name=TEXT -I|--WINS-by-ip=TEXT -L|--lookup-sids=TEXT
    -R|--lookup-rids=TEXT -V|--version -?|--help --usage
    = snmpwalk snmpget  -v=TEXT -c=TEXT -l=TEXT -u=TEXT -a=TEXT -A=TEXT -x=TEXT -X=TEXT -n=TEXT -O=TEXT -t=N -r=N -e=TEXT
    -E=TEXT -I=TEXT -L=TEXT -Z=TEXT -h -H -V -d -D[=TEXT] -m=TEXT -M=TEXT -P=TEXT -Y=TEXT -3=TEXT -T=TEXT -C=TEXT
    = iperf3  -p|--port=N -f|--format=TEXT -i|--interval=N -I|--pidfile=FILE:writes -F|--file=FILE:writes -A|--affinity=TEXT
    -B|--bind=TEXT --bind-dev=TEXT -V|--verbose -J|--json --json-stream --logfile=FILE:writes --forceflush --timestamps[=TEXT]
    --rcv-timeout=N --snd-timeout=N -d|--debug -v|--version -h|--help -s|--server -D|--daemon -1|--one-off --idle-timeout=N
    --server-bitrate-limit=TEXT --rsa-private-key-path=FILE:reads --authorized-users-path=FILE:reads -c|--client=TEXT --sctp
    -u|--udp --connect-timeout=N -b|--bitrate|--bandwidth=TEXT --pacing-timer=TEXT --fq-rate=TEXT -t|--time=N -n|--bytes=TEXT
    -k|--blockcount=TEXT -l|--length=TEXT --cport=N -P|--parallel=N -R|--reverse --bidir -w|--window=TEXT -M|--set-mss=N
    -N|--no-delay -4|--version4 -6|--version6 -S|--tos=N --dscp=TEXT -L|--flowlabel=N -Z|--zerocopy -O|--omit=N -T|--title=TEXT
    --extra-data=TEXT -C|--congestion=TEXT --get-server-output --udp-counters-64bit --repeating-payload --dont-fragment -X=TEXT
    --nstreams=N --username=TEXT --rsa-public-key-path=FILE:reads
    = smbstatus  -b|--brief -v|--verbose -L|--locks -p|--processes -S|--shares -u|--user=TEXT -n|--numeric -P|--profile
    -R|--profile-rates -N|--notify -B|--byterange -j|--json -f|--fast -V|--version -?|--help -d|--debuglevel=N
    -s|--configfile=FILE:trusts --resolve-uids
    = rpcinfo  -m -p -s -t -u -l -b -d -a=TEXT -n=N -T=TEXT
    -d ...                  changes   takes a service off the list of this host
    ...                     harmless
    = showmount: abbreviates  -a|--all -d|--directories -e|--exports -h|--help -v|--version --no-headers
    = whois  -h|--host=TEXT -H -p|--port=N -I --no-recursion --verbose --help --version -a -b -B -c -d -g=TEXT -G -i=TEXT -K -l
    -L -m -M -q=TEXT -r -R -s=TEXT -t=TEXT -T=TEXT -v=TEXT -x
    = traceroute traceroute6: abbreviates  -4 -6 -d|--debug -F|--dont-fragment -f|--first=N -g|--gateway=TEXT -I|--icmp -T|--tcp
    -i|--interface=TEXT -m|--max-hops=N -N|--sim-queries=N -n -p|--port=N -t|--tos=N -l|--flowlabel=N -w|--wait=TEXT
    -q|--queries=N -r -s|--source=TEXT -z|--sendwait=N -e|--extensions -A|--as-path-lookups -M|--module=TEXT -O|--options=TEXT
    --sport=N --fwmark=N -U|--udp -UL -D|--dccp -P|--protocol=TEXT --mtu --back -V|--version --help
    = tracepath tracepath6  -4 -6 -b -h -l=N -m=N -n -p=N -V
    = mtr  -h|--help -v|--version -4 -6 -F|--filename=FILE:reads -r|--report -w|--report-wide -x|--xml -t|--curses
    --displaymode=N -g|--gtk -l|--raw -C|--csv -j|--json -p|--split -n|--no-dns -b|--show-ips -o|--order=TEXT -y|--ipinfo=N
    -z|--aslookup -i|--interval=N -c|--report-cycles=N -s|--psize=N -B|--bitpattern=N -G|--gracetime=N -Q|--tos=N -e|--mpls
    -I|--interface=TEXT -a|--address=TEXT -f|--first-ttl=N -m|--max-ttl=N -U|--max-unknown=N -u|--udp -T|--tcp -S|--sctp
    -P|--port=N -L|--localport=N -Z|--timeout=N -M|--mark=N
    = arping  -A -b -c=N -D -f -h -I=TEXT -q -s=TEXT -U -V -w=N -C=N -i=TEXT -0 -r -R -d -e -p -t=TEXT -S=TEXT -T=TEXT -a -v
    = ping ping6  -3 -4 -6 -a -A -b -B -c=N -C -d -D -e=TEXT -f -F=TEXT -h -H -i=N -I=TEXT -l=N -L -m=N -M=TEXT -n -N=TEXT -O
    -p=TEXT -q -Q=TEXT -r -R -s=N -S=N -t=N -T=TEXT -U -v -V -w=N -W=N
    = host  -4 -6 -a -A -c=TEXT -C -d -i -l -N=N -p=N -r -R=N -s -t=TEXT -T -U -m=TEXT -v -V -w -W=N
    = nslookup: go  -type|-query|-timeout|-retry|-port|-class|-domain|-ndots=TEXT -debug -nodebug -d2 -vc -novc -sil -recurse
    -norecurse -search -nosearch -all -version -fail -nofail
    = dig  -4 -6 -b=TEXT -c=TEXT -f=FILE:reads -h -i -k=FILE:reads -m -p=N -q=TEXT -r -t=TEXT -u -v -x=TEXT -y=TEXT
    = smbclient  -c|--command=SMB -U|--user=TEXT -A|--authentication-file=FILE:reads -L|--list=TEXT -g|--grepable -N|--no-pass
    -k|--kerberos -P|--machine-pass -I|--ip-address=TEXT -p|--port=N -m|--max-protocol=TEXT -W|--workgroup=TEXT
    -D|--directory=TEXT -E|--stderr -q|--quiet -t|--timeout=N -b|--send-buffer=N -B|--browse -M|--message=TEXT
    -T|--tar=FILE:writes -d|--debuglevel=N -s|--configfile=FILE:trusts -l|--log-basename=TEXT -O|--socket-options=TEXT
    -R|--name-resolve=TEXT -n|--netbiosname=TEXT -e|--encrypt --option=TEXT --use-kerberos=TEXT --use-krb5-ccache=TEXT
    --password=TEXT --client-protection=TEXT -V|--version -?|--help --usage
    --version|--help|--usage ()  harmless
    -L ...                  harmless
    -c ...                  harmless
    -T ...                  changes   copies files from or to {1:another host}
    ...                     gives     {program} has a prompt, from which a shell is started
    = sftp  -4 -6 -A -a -C -f -N -p -q -r -v -B=N -b=FILE:runs -c=TEXT -D=PROGRAM -F=FILE:trusts -i=FILE:reads -J=TEXT -l=N
    -o=TEXT -P=N -R=N -S=PROGRAM -s=TEXT -X=TEXT
    ...                     gives     {program} has a prompt, from which a shell is started
    = openvpn: go  -config=TUNNEL -version -help -genkey -show-ciphers -show-digests -show-tls -show-curves -show-engines
    -dev=TEXT -proto=TEXT -remote=TEXT -port=N -verb=N -daemon -cd=TEXT -log=FILE:writes -log-append=FILE:writes
    -writepid=FILE:writes -status=FILE:writes -auth-user-pass[=TEXT] -ca=FILE:reads -cert=FILE:reads -key=FILE:reads
    -secret=FILE:reads -client -nobind -persist-tun
    -up|-down|-route-up|-route-pre-down|-script-security|-plugin|-client-connect|-client-disconnect|-auth-user-pass-verify=HELPER
    -tls-verify|-learn-address|-ipchange|-iproute|-tls-crypt-v2-verify=HELPER
    -version|-help|-show-* ()  harmless
    [TUNNEL] ...            changes   joins this host to another network
    = stunnel: go  -fd=N -help -version -sockets -options
    -help|-version|-sockets|-options ()  harmless
    [TUNNEL] ...            changes   joins this host to another network
    = sshuttle: abbreviates  -l|--listen=TEXT -H|--auto-hosts -N|--auto-nets --dns --ns-hosts=TEXT --to-ns=TEXT --method=TEXT
    --python=HELPER -r|--remote=TEXT -x|--exclude=TEXT -X|--exclude-from=FILE:reads -v|--verbose -V|--version
    -e|--ssh-cmd=HELPER --remote-shell=TEXT --seed-hosts=TEXT --no-latency-control --latency-buffer-size=N --wrap=N
    --disable-ipv6 -D|--daemon -s|--subnets=FILE:reads --syslog --pidfile=FILE:writes --user=TEXT --firewall --hostwatch
    --sudoers --sudoers-no-modify -h|--help --no-sudo-pythonpath
    --version|--help ()     harmless
    [TUNNEL]...             changes   joins this host to another network
    """,
    lines="...  harmless",
    types=_TYPES,
    deeds=_DEEDS,
)
