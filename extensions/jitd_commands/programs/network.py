# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: programs that change the network, and programs that fetch from it or listen to it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from jitd.core.grade import Grade
from jitd_commands.judging import Call, Row
from jitd_commands.places import place_of
from jitd_commands.programs.decision_table import DecisionTable, told
from jitd_commands.programs.grammar import grammar, grammars
from jitd_commands.programs.shared import words
from jitd_commands.shell_text import Word

_SHOWS = frozenset(("show", "list", "lst", "ls", "sh", "l", "get", "help", "monitor", ""))


def _ip(call: Call) -> None:
    words = list(call.words)
    while words and words[0].text.startswith("-"):
        option = words.pop(0)
        name = option.text.lstrip("-")
        if option.is_free:
            return call.gives("can start any other command")
        if name in ("b", "ba", "bat", "batc", "batch"):
            for word in words[:1]:
                call.reads(word)
                call.runs_file(word)
            return None
        if name in ("n", "netns", "f", "family", "l", "loops", "rc", "rcvbuf"):
            words = words[1:]
    if words and words[0].is_free:
        return call.gives("can start any other command")
    what = words[0].text if words else ""
    rest = words[1:]
    verb = rest[0] if rest else None
    is_space = what == "vrf" or (len(what) > 2 and "netns".startswith(what))
    if is_space and verb is not None and (verb.is_free or (verb.text and "exec".startswith(verb.text))):
        if verb.is_free or not rest[2:]:
            return call.gives("can start any other command")
        return call.start(rest[2:])
    if verb is None or (verb.text in _SHOWS and not verb.is_free):
        return None
    if verb.is_free:
        return call.stops("can cut the host off", back="until somebody sets its network again")
    for before, word in zip(rest, rest[1:], strict=False):
        if before.text in ("obj", "object", "object-file", "object-pinned", "pinned"):
            call.runs_file(word)
    kind = next((kind for kind in _OBJECTS if kind.startswith(what)), what) if what else what
    does = next((does for does in _VERBS if does.startswith(verb.text)), verb.text)
    named = [word for word in rest[1:] if word.text not in ("dev", "to", "root", "via")]
    for state in ("down", "up"):
        if kind == "link" and does == "set" and any(word.text == state or word.is_any for word in named):
            does, named = state, [word for word in named if word.text != state]
    _IP(replace(call, sorted_operands=[Word(kind), Word(does), *named]))


_OBJECTS = ("link", "address", "route", "rule", "neighbour", "netns", "tunnel", "maddress", "mroute", "xfrm", "vrf", "token")
_VERBS = ("add", "change", "delete", "flush", "replace", "append", "set", "restore", "attach", "identify", "pids", "save")
_IP = DecisionTable("""
    link down             stops     takes the interface {3} down  until it is up again
    link up               changes   takes the interface {3} up
    link delete dummy*|veth*|vxlan*|tap*|tun*|docker*|br-*|lxc*|vnet*  changes   deletes the interface {3}
    link delete           stops     deletes the interface {3+}  until it is made again
    link add              changes   makes the interface {3+}
    link set              changes   sets {4+:settings} of the interface {3}
    address delete        changes   takes the address {3} from the interface {4:that has it}, which may cut this host off
    address flush         stops     takes all addresses from the interface {3+}  until it has some again
    address *             changes   gives the interface {4:that it names} the address {3}
    route delete default  stops     deletes the way of this host to others  until it is added again
    route flush cache     changes   forgets by which ways other hosts were reached
    route flush           stops     deletes the routes {3+:of this host}  until they are added again
    route delete          changes   deletes the route to {3}
    route * blackhole|unreachable|prohibit default|::/0|0.0.0.0/0  stops     drops all that leaves this host  until it is deleted
    route *               changes   sends what goes to {3} through {4+:an interface}
    rule flush            stops     deletes all rules for routes  until they are added again
    netns delete          changes   deletes the network space {3}
    netns add             changes   makes the network space {3}
    neighbour *           changes   changes by which addresses neighbours are reached: {3+}
    *                     changes   changes the network of this host, and may cut it off: {1} {2:}
""")


def _firewall(call: Call) -> None:
    changes = words("A D I F P X Z N E R append delete insert flush policy clear") | ({"C"} if call.name == "ipvsadm" else set())
    if call.has("V", "version", "h", "help", *(("L", "list", "S", "C") if call.name != "shorewall" else ())) and not call.has(
        *changes
    ):
        return None
    texts, operands = [word.text for word in call.words], [word.text for word in call.operands]
    if call.name == "shorewall" and not call.may_add_options and texts[:1] in (["check"], ["show"], ["dump"], ["ls"], ["list"]):
        return call.trusts_words()  # rules may contain Perl
    if (
        call.name == "fail2ban-client"
        and call.operands
        and call.operands[0].text == "set"
        and any(re.match("action|addaction", word.text) for word in call.operands[1:])
    ):
        return call.gives("makes a service of root's start other programs")
    if call.name in ("ipset", "conntrack", "fail2ban-client") and (
        operands[:1] in (["status"], ["show"], ["version"], ["list"], ["ping"], ["banned"])
        or any(word.startswith("-L") for word in texts)
        or operands[1:2] in (["show"], ["ls"], ["list"])
    ):
        return None
    _RULES(call)


_RULES = DecisionTable("""
    netfilter-persistent: flush  stops  empties the firewall: anybody may reach this host  until its rules are loaded again
    netfilter-persistent: save          changes   keeps the rules of the firewall for the next start of the host
    netfilter-persistent:               changes   loads the rules of the firewall again
    ipset: flush|destroy                changes   deletes what is in the set of addresses {2:and in all others}
    ipset: *                            changes   changes the set of addresses {2:it names}: {1} {3+}
    conntrack: -F|--flush               changes   forgets all connections, which the firewall may then cut
    conntrack:                          changes   changes what the firewall knows of connections
    ipvsadm: -C|--clear                 stops     stops to share out all services to other hosts  until its rules are loaded again
    ipvsadm:                            changes   changes to which hosts a service is shared out
    shorewall: stop|clear               stops     empties or closes the firewall  until it is started again
    fail2ban-client: stop               changes   locks attackers out no more
    fail2ban-client: set * banip        changes   locks {4+} out of {2}
    fail2ban-client: set * unbanip      changes   lets {4+} back in to {2}
    fail2ban-client: *                  changes   changes who is locked out: {1} {2:}
    ...                                 changes   changes the firewall
""")


_LOOKING = {
    "ifquery": r"(-\S+ )*(--list|-l|--state|--check|--running)( \S+)*",
    "ifdown": r"(-[av]+ |--all |--verbose )*(--no-act|-n)( [^-]\S*| -[av]+)*",
    "ifup": r"(-[av]+ |--all |--verbose )*(--no-act|-n)( [^-]\S*| -[av]+)*",
    "ovs-vsctl": r"show|list-br|(list-ports|list-ifaces|get-manager|get-controller|get-fail-mode|br-exists|port-to-br|iface-to-br"
    r"|br-to-vlan|br-to-parent|list|get)( (?!--)\S+)*",
    "ovs-ofctl": r"(-O \S+ )?(show|dump-\S+)( \S+)*",
    "wpa_cli": r"(-i ?\S+ )?(status|list_networks|scan_results|ping|signal_poll)",
}
"""What programs for interfaces only show, or would do."""


def _interface(call: Call) -> None:
    operands = call.operands
    if (
        call.name in _LOOKING
        and not call.may_add_options
        and re.fullmatch(_LOOKING[call.name], " ".join(word.text for word in call.words))
    ):
        return call.knows_all()
    if call.name == "netplan" and operands and not operands[0].is_free and operands[0].text in ("get", "status", "info"):
        return call.discloses("shows keys of networks") if operands[0].text == "get" else None
    if any(word.text in ("showconf", "private-key") for word in operands):
        return call.discloses("shows keys of networks")
    if call.name == "pppd" and call.words:
        return call.gives("starts programs that its options name")
    if call.name == "arp" and call.has("f", "file"):
        for word in operands:
            call.reads(word)
    if (
        call.name in ("ifconfig", "route", "arp")
        and len(operands) < 2
        and not call.may_add_options
        and not call.has("d", "delete")
        and not (call.name == "arp" and call.has("s", "set"))
    ):
        return None
    if (
        call.name in ("wg", "brctl", "bridge", "rfkill", "resolvconf")
        and (not operands or any(word.text in ("show", "list", "status", "monitor", "showall") for word in operands[:3]))
        and not any(word.text in ("up", "down", "delete", "modify", "add", "edit") for word in operands)
    ):
        return None
    if call.name == "bridge" and len(operands) < 2:
        return None
    if call.name in ("wg-quick", "ifup", "ifdown"):
        for word in operands:
            if "/" in word.text:
                call.runs_file(word)
    _NETWORK(call)


_NETWORK = DecisionTable("""
    ifconfig: * down           stops     takes the interface {1} down  until it is up again
    ifconfig: * up             changes   takes the interface {1} up
    ifdown:                    stops     takes the interfaces {1+:that it names} down  until they are up again
    ifup:                      changes   takes the interfaces {1+:that it names} up
    route: del|delete default  stops     deletes the way of this host to others  until it is added again
    route: del|delete          changes   deletes the route to {2+}
    route: *                   changes   sends what goes to {2} another way: {3+}
    netplan: apply|try         changes   sets the network anew from /etc/netplan, and may cut this host off
    netplan: generate          changes   writes the settings of the network from /etc/netplan
    netplan: set               changes   changes a setting of the network: {2+}
    brctl: delbr|delif         stops     takes {2+} out of its bridges  until it is added again
    brctl: *                   changes   runs {1} on the bridge {2+}
    ovs-vsctl: del-br|del-port|emer-reset|del-*  stops     takes {2+} out of its bridges  until it is added again
    ovs-ofctl: del-flows       stops     deletes how packets pass through {2+}  until the flows are added again
    wg-quick: down             stops     takes the tunnel {2} down  until it is up again
    wg-quick: up               changes   takes the tunnel {2} up
    wg: *                      changes   changes the tunnel {2}: {1} {3+}
    rfkill: block              stops     switches off {2+:the radio of this host}  until it is unblocked
    wpa_cli: disconnect|terminate|disable*|remove*  stops     cuts off the wireless network  until it is connected again
    arp: -d|--delete           changes   forgets by which address {1} is reached
    arp:                       changes   changes by which address {1:a neighbour} is reached
    ...                        changes   changes the network of this host, and may cut it off
""")


def _dhcp(call: Call) -> None:
    """A client of DHCP: it starts a script, and has options that begin with one hyphen."""
    for word, value in zip(call.words, call.words[1:], strict=False):
        if word.text in ("-sf", "-cf", "-f", "-c", "-s", "--script", "--config") or word.is_any:
            call.runs_file(value)
        elif word.text in ("-lf", "-pf", "-p"):
            call.writes(value, is_use=False)
    if call.may_add_options:
        call.gives("can start any other command")
    named = " ".join(word.text for word in call.words if re.fullmatch(r"[a-z]\w*", word.text))[:60] or "all interfaces"
    if any(word.text in ("-r", "-x", "-k", "--release", "--exit") for word in call.words):
        return call.stops(f"gives back the addresses of {named}", back="until it asks for some again", is_whole=True)
    call.changes(f"asks for the addresses of {named} anew", "", "the network")


def _curl(call: Call) -> None:
    if call.may_add_options:
        call.gives("can change any file")
    directory = call.values("output-dir")
    outputs = call.values("o", "output")
    for word in outputs:
        if word.text == "-":
            continue
        if directory and not word.text.startswith("/") and not directory[-1].is_free:
            word = Word(f"{directory[-1].text}/{word.text}", word.is_free)
        call.writes(word)
    for word in call.values(
        "D", "dump-header", "c", "cookie-jar", "trace", "trace-ascii", "stderr", "libcurl", "hsts", "alt-svc", "etag-save"
    ):
        if word.text not in ("-", "%"):
            call.writes(word)
    if call.has("O", "remote-name", "J", "remote-header-name", "remote-name-all"):
        base = directory[-1].text if directory else "."
        call.writes(Word(f"{base}/", is_free=True, is_bound=True), how="writes")
    for word in call.values("K", "config"):
        call.runs_file(word)
    for word in call.values("w", "write-out"):
        for output in re.finditer(r"%output\{(?:>>)?([^}]*)", word.text):
            call.writes(Word(output[1]))
    if call.has("engine"):
        call.gives("loads code that it is given")
    data = call.values("d", "data", "data-binary", "data-ascii", "data-raw", "data-urlencode", "F", "form", "json", "url-query")
    sent = [*_named_by_at(data), *call.values("T", "upload-file")]
    for word in _named_by_at(call.values("H", "header")):
        call.reads(word)
    for word in call.values("E", "cert", "key", "netrc-file", "b", "cookie", "w", "write-out"):
        if "=" not in word.text:
            call.reads(Word(word.text.removeprefix("@"), word.is_free))
    for word in call.operands:
        if word.text.startswith(("file:", "FILE:")):
            call.reads(Word(re.sub(r"(?i)file:/*(?:localhost)?", "/", word.text), word.is_free))
    for word in call.values("unix-socket", "abstract-unix-socket"):
        path = call.absolute(word)
        if path is None or place_of(path) is not None:
            call.gives("talks to a service that has the whole host", path or "", "who uses it can control this host")
        else:
            call.changes(f"talks to the service at {path}")
    where = next(
        (word.text.partition("?")[0][:60] for word in [*call.operands, *call.values("url")] if word.text), "another service"
    )
    path = next((word.text.partition("?")[0] for word in call.operands if word.text), "")
    is_asked = re.search(r"/_(refresh|search|count|msearch|field_caps|analyze|validate/query|mget)/?\Z", path) is not None
    least, n_recorded = Grade.READS, call.judge.n_recorded
    if is_asked and call.values("X", "request")[-1:] in ([], [Word("GET")], [Word("POST")]):
        pass
    elif any(word.text == "DELETE" for word in call.values("X", "request")):
        call.destroys(f"asks {where} to delete it", is_whole=True)
    elif path.endswith("/_delete_by_query"):
        call.destroys(f"asks {where} to delete what it finds", is_whole=True)
    elif any(word.text in ("POST", "PUT", "PATCH") for word in call.values("X", "request")) or call.has(
        "d", "data", "data-binary", "F", "form", "T", "json", "data-raw"
    ):
        least = Grade.CHANGES
    for word in sent:
        call.reads(word, then=f"sends it to {where}", least=least)
    if least is Grade.CHANGES and call.judge.n_recorded == n_recorded:
        call.changes(f"sends data to {where}")


def _named_by_at(values: Iterable[Word]) -> list[Word]:
    """Return the files that ``values`` name behind an ``@``."""
    found = ((word, re.search(r"(?:^|=|^\w+)[@<](.+)", word.text)) for word in values)
    return [Word(name[1].partition(";")[0], word.is_free) for word, name in found if name]


def _wget(call: Call) -> None:
    if call.has("use-askpass", "e", "execute", "config"):
        call.gives("starts other programs or reads settings that do")
    if call.may_add_options:
        call.gives("can change any file")
    prefix = call.values("P", "directory-prefix")
    outputs = call.values("O", "output-document")
    for word in outputs:
        if word.text != "-":
            call.writes(word)
    for word in call.values("o", "output-file", "a", "append-output", "save-cookies", "warc-file"):
        if word.text not in ("-", "/dev/null"):
            call.writes(word)
    for word in call.values("i", "input-file", "post-file", "body-file", "load-cookies", "certificate", "private-key"):
        call.reads(word)
    if not outputs and not call.has("spider", "version", "help", "V", "h"):
        base = prefix[-1] if prefix else Word(".")
        call.writes(Word(f"{base.text.rstrip('/')}/", is_free=True, is_bound=not base.is_free), how="writes")


_ASKS = r"(?i)\s*(stats?|version|show|info|ping|get|head|quit|ruok|srvr|mntr|status|help|list)\b"
"""How a text begins that only asks a service something."""


def _netcat(call: Call) -> None:
    if call.has("e", "c", "exec", "sh-exec", "lua-exec") or call.may_add_options:
        return call.gives("starts other programs")
    if call.has("z") or call.has("h", "help", "V", "version"):
        return None
    is_heard = call.has("l", "listen")
    if call.input is not None and call.input.path is not None:
        call.reads(call.input.path, then=f"sends it to {told(call.operands)}" if call.operands and not is_heard else "")
    if is_heard:
        return call.changes("listens on the network")
    text = call.input.text if call.input is not None else None
    if text and not re.match(_ASKS, text):
        where = " ".join(word.text for word in call.operands)[:40]
        call.changes(f"sends what may change the service at {where}: {text.strip()[:30]}")
    for before, word in zip([Word(""), *call.words], call.words, strict=False):
        if before.text in ("-o", "--output", "--hex-dump", "-x"):
            call.writes(word)
    if call.has("U", "unixsock"):
        for word in call.operands:
            path = call.absolute(word)
            if path is None or place_of(path) is not None:
                call.gives("talks to a service that has the whole host", path or "")


def _socat(call: Call) -> None:
    for word in call.values("lf"):
        call.writes(word)
    for word in call.operands:
        kind, _, rest = word.text.partition(":")
        upper = kind.upper()
        if word.is_free and not kind or upper.startswith(("EXEC", "SYSTEM", "SHELL")) or "exec" in word.text.lower():
            call.gives("starts other programs")
        elif word.text.partition(",")[0].upper() in ("STDIO", "STDIN", "STDOUT", "-"):
            continue
        elif "/" in kind and re.fullmatch(r"/(var/)?run/\S+\.sock(et)?", kind) and place_of(kind) is None:
            if call.input is None or not re.match(_ASKS, call.input.text or ""):
                call.changes(f"talks to the service at {kind[:60]}")
        elif upper.startswith(("FILE", "OPEN", "GOPEN", "CREATE", "CREAT", "PIPE")) or "/" in kind:
            call.writes(Word((rest if upper.isalpha() and rest else word.text).partition(",")[0], word.is_free))
        elif upper.startswith(("UNIX", "ABSTRACT")):
            path = call.absolute(Word(rest.partition(",")[0], word.is_free))
            if path is None or place_of(path) is not None:
                call.gives("talks to a service that has the whole host", path or "")
        else:
            call.changes("opens a way through the network")


def _capture(call: Call) -> None:
    if call.may_add_options or call.has("z", "postrotate-command", "X", "lua"):
        call.gives("can start any other command")
    if call.name == "hping3" and not call.words:
        return call.gives("has a prompt for any command")
    for word in call.values("w", "o", "oN", "oA", "oX", "oG"):
        if word.text != "-":
            call.writes(word, is_use=False)
    for word in call.values("r", "F", "V", "iL"):
        if word.text != "-":
            call.reads(word)
    if call.name in ("tcpdump", "tshark", "wireshark", "dumpcap", "ngrep", "ettercap", "dsniff") and not call.has(
        "r", "D", "h", "version", "list-interfaces"
    ):
        call.discloses("reads what passes over the network")


def _nmap(call: Call) -> None:
    if (
        any(
            word.text.startswith(("--script", "--interactive", "--datadir", "--resume", "--servicedb", "--stylesheet"))
            for word in call.words
        )
        or call.may_add_options
    ) and not any(word.text in ("--script=default", "--script=safe") for word in call.words):
        call.gives("can start any other command")
    words = list(call.words)
    for word, value in zip(words, words[1:], strict=False):
        if re.fullmatch(r"-o[NXSGA]", word.text):
            call.writes(value)
        elif word.text in ("-iL", "--excludefile"):
            call.reads(value)


_SERVES = {
    "s_server": "serves connections of others",
    "ocsp": "tells others which certificates are valid",
    "ca": "signs or revokes certificates",
    "rehash": "changes links to certificates",
}


def _new_key(call: Call, verb: str, option: str, target: Word) -> None:
    """What is kept with the key in ``target`` cannot be opened any more, if another key is made there."""
    is_key = option == "keyout" or verb in ("genrsa", "genpkey", "gendsa") or (verb == "ecparam" and "-genkey" in _texts(call))
    path = call.absolute(target) if is_key and not target.is_free else None
    place = place_of(path) if path is not None else None
    seen = call.judge.look(path) if path is not None else None
    if path and place and place.matters == "private keys" and not (seen and seen.is_absent) and not call.is_hers(path):
        call.destroys(f"puts another key in place of {path[:60]}", path, place.matters, is_whole=True)


def _texts(call: Call) -> set[str]:
    return {word.text for word in call.words}


_OPENSSL_READS = words("in key inkey keyfile CAkey sign kfile pass passin rand signkey cert certfile sess_in")


def _openssl(call: Call) -> None:
    words = list(call.words)
    if call.may_add_options:
        return call.gives("can load code, and change any file")
    if not words:
        return call.gives("has a prompt for any command")
    for word, value in zip(words, words[1:], strict=False):
        name = word.text.lstrip("-")
        if not word.text.startswith("-"):
            continue
        if name in ("engine", "provider", "provider-path", "config", "engine_impl"):
            if not (name == "provider" and value.text in ("default", "legacy", "base", "fips")):
                call.gives("loads code that it is given")
        elif name in ("out", "keyout", "writerand", "signer_out", "CAserial", "outdir", "sess_out", "keylogfile"):
            _new_key(call, words[0].text, name, value)
            call.writes(value)
        elif name in _OPENSSL_READS:
            call.reads(Word(value.text.removeprefix("file:"), value.is_free))
    if words[0].text == "engine" and len(words) > 1:
        return call.gives("loads code that it is given")
    if words[0].text in _SERVES:
        call.changes(_SERVES[words[0].text])


def _named(call: Call, option: str) -> str:
    """Return what ``option`` or the operands name."""
    return " ".join(word.text for word in [*call.values(option), *call.operands] if word.text)[:60] or call.judge.account


def _gpg(call: Call) -> None:
    if call.may_add_options:
        call.gives("can start other programs, and change any file")
    if call.has(
        "photo-viewer", "keyserver-options", "agent-program", "dirmngr-program", "gpgconf", "exec-path", "homedir", "options"
    ):
        for word in call.values("homedir", "options"):
            path = call.absolute(word)
            if path is None or call.judge.changed_by(path):
                call.gives("reads settings that start other programs")
        if call.has("photo-viewer", "agent-program", "dirmngr-program", "exec-path"):
            call.gives("starts other programs")
    for word in call.values("o", "output", "log-file", "status-file"):
        if word.text != "-":
            call.writes(word)
    for option in call.given:
        if option.startswith(("export-secret", "decrypt")):
            call.discloses("reads private keys or what they protect")
        elif option.startswith("delete-secret"):
            call.destroys(f"deletes the private key of {_named(call, option)}: what it opens is gone", back="", is_whole=True)
        elif option.startswith(("delete", "import", "recv", "edit", "gen", "full-gen", "sign", "quick-", "lsign")):
            call.changes(f"runs {option} on the keys of {_named(call, option)}")
    for word in call.operands:
        call.reads(word)


def _dns(call: Call) -> None:
    for word in call.values("f", "k", "F", "filename"):
        call.reads(word)
    if call.name == "nsupdate":
        call.changes("changes names in the network")
    if call.name == "kvno":
        for word in call.values("c", "out-cache"):
            call.writes(Word(word.text.removeprefix("FILE:"), word.is_free))


def _smb(call: Call) -> None:
    texts = call.values("c", "command")
    if not texts and not call.has("L", "list", "g"):
        return call.gives("has a prompt, from which a shell is started")
    for text in texts:
        if "!" in text.text or text.is_free:
            call.gives("starts other programs")
        else:
            where = call.operands[0].text[:60] if call.operands else "another host"
            if re.search(r"(?i)(^|;)\s*(del|deltree|rm|rmdir)\b", text.text):
                call.destroys(f"on {where}: {text.text[:60]}", is_whole=True)
            else:
                call.changes(f"on {where}: {text.text[:60]}", is_whole=True)
    for word in call.values("A", "authentication-file"):
        call.reads(word)


def _vpn(call: Call) -> None:
    if (
        any(
            re.match(
                r"--?(up|down|route-up|script-security|plugin|client-connect|auth-user-pass-verify|tls-verify|learn-address|ipchange|iproute|s|script"
                r"|csd-wrapper)\b",
                word.text,
            )
            for word in call.words
        )
        or call.may_add_options
    ):
        return call.gives("starts other programs")
    for word in call.words:
        if "/" in word.text or word.text.endswith((".conf", ".ovpn")):
            call.runs_file(word)
    call.changes("joins this host to another network", is_whole=True)


def _shows(call: Call) -> None:
    if call.name == "iftop" and call.is_shown and not call.has("t", "h"):
        return call.gives("can start a shell")
    for word in call.values("f", "file"):
        call.writes(word, is_use=False)
    if call.has("M", "modprobe") or call.may_add_options:
        call.gives("starts another program")


def _routed(call: Call, text: Word) -> None:
    """A daemon for routes is asked ``text``."""
    if text.is_free or (text.text and not re.fullmatch(r"(show|sh)\b[^\n]*", text.text)):
        said = text.text[:60] or "what is typed"
        if re.search(r"\b(disable|down|no router|shutdown)\b", said):
            call.stops(f"switches off routes of this host: {said}", back="until they are enabled again", is_whole=True)
        else:
            call.changes(f"changes the routes of this host, and may cut it off: {said}")


ROWS = (
    *grammars(
        """
        = vtysh: abbreviates
        -c|--command=VTY -f|--inputfile=FILE:runs -d|--daemon=TEXT -N|--pathspace=TEXT --filename=FILE:runs --config_dir=FILE:runs
        --vty_socket=FILE:runs -h|--help -b|--boot -C|--dryrun -E|--echo -u|--user -t|--timestamp -n|--noerror
        --help ()     harmless
        -c|-f ()      harmless
        ()            gives     {program} has a prompt, which can write any file
        = birdc
        -s=FILE:reads -f -v -r -l
        show|sh ...   harmless
        configure check ...  harmless
        disable|down ...  stops     switches off routes of this host: {1+}  until they are enabled again
        ()            changes   {program} changes the routes of this host, and may cut it off: what is typed
        * ...         changes   {program} changes the routes of this host, and may cut it off: {1+}
        """,
        types={"VTY": _routed},
    ),
    grammar(
        "ss",
        """
        -h|--help -V|--version -n|--numeric -r|--resolve -a|--all -l|--listening -B|--bound-inactive -o|--options -e|--extended
        -m|--memory -p|--processes -T|--threads -i|--info --tos --cgroup --tipcinfo -s|--summary -E|--events -Z|--context
        -z|--contexts -N|--net=TEXT -b|--bpf -4|--ipv4 -6|--ipv6 -0|--packet -t|--tcp -M|--mptcp -S|--sctp -u|--udp -d|--dccp
        -w|--raw -x|--unix --tipc --vsock --xdp --inet-sockopt -f|--family=TEXT -K|--kill -A|--query|--socket=TEXT
        -D|--diag=FILE:dumps -F|--filter=FILE:reads -H|--no-header -O|--oneline -Q|--no-queues
        """,
        """
        -K TEXT...  changes   closes the connections {1+:of this host}
        ...         harmless
        """,
        abbreviates=True,
        types={"FILE:dumps": lambda call, word: call.writes(word, is_use=False)},
    ),
    Row(
        "ip",
        _ip,
        "V Version h human human-readable s stats statistics d details l: loops: f: family: 4 6 B M 0 o oneline r resolve n:"
        " netns: N Numeric a all c:: color:: t timestamp ts tshort rc iec br brief j json p pretty echo help"
        " b: batch: force D rcvbuf:",
    ),
    grammar(
        "tc",
        """
        -statistics|-s|-stats -details|-d -raw|-r -pretty|-p -graph|-g -json|-j -oneline|-o -Version|-V -iec|-i -help|-h
        -force|-f -batch|-b=FILE:trusts -netns|-n=TEXT -Numeric|-N -names|-nm -cf|-conf=FILE:reads -color[=TEXT] -c
        -timestamp|-t -tshort|-ts -brief|-br
        """,
        """
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
        """,
        dialect="words",
    ),
    Row(
        "ipset conntrack ipvsadm fail2ban-client shorewall netfilter-persistent",
        _firewall,
        "G dump q quiet sorted s: stats o: output: L:: l list:: t: terse n numeric 4 6 c: rate z sctp h version D I F S E R A C"
        " Z d: p: V help v f: flush count"
        " create update U get event orig-src: orig-dst: reply-src: reply-dst: src: dst: proto: sport: dport:"
        " orig-port-src: orig-port-dst: reply-port-src: reply-port-dst: state: mark: zone: family: timeout: status: u:"
        " secmark: label: any-nat:: src-nat:: dst-nat:: g: exist exit-on-first name hashsize: maxelem: resolve"
        " set-timeout: add-service edit-service e: add-server a: real-server: r: tcp-service: udp-service: scheduler:"
        " weight: masquerading M: gatewaying ipip persistent:: zero force",
    ),
    grammar(
        "firewall-cmd",
        """
        -h|--help -V|--version -q|--quiet --state --permanent --zone=TEXT --policy=TEXT --ipset=TEXT --service=TEXT --timeout=TEXT
        --family=TEXT --type=TEXT --option=TEXT --list-all --list-all-zones --list-all-policies --list-ports --list-services
        --list-protocols --list-sources --list-interfaces --list-rich-rules --list-forward-ports --list-icmp-blocks
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
        """,
        """
        --panic-on ()            stops     drops all packets, and cuts this host off  until panic mode is off
        --remove-service=ssh ()  stops     keeps everybody from the SSH of this host  until the service is added again
        --reload|--complete-reload ()  changes   loads the rules of the firewall again
        --add-* ()               changes   adds to what the firewall lets through or drops
        --remove-* ()            changes   takes from what the firewall lets through or drops
        --set-*|--new-*|--delete-*|--change-*|--lockdown-* ()  changes   changes the settings of the firewall
        --direct|--reset-to-defaults|--runtime-to-permanent|--panic-off ...  changes   changes the firewall
        ()                       harmless
        """,
    ),
    grammar(
        "ufw",
        "--dry-run --force -h|--help --version",
        """
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
        deny|reject 22|22/tcp|ssh|OpenSSH ()  stops     keeps everybody from the SSH of this host  until the rule is deleted
        deny|reject|limit from TEXT ...  changes   keeps {3} out
        deny|reject|limit TEXT ...     changes   keeps others from {2} of this host
        delete TEXT ...                changes   deletes a rule of the firewall: {2} {3:}
        default|logging|route|insert|prepend|app TEXT ...  changes   changes the firewall: {1} {2}
        """,
    ),
    grammar(
        "nft",
        """
        -h|--help -v|--version -V -f|--file=FILE:reads -D|--define=TEXT -i|--interactive -I|--includepath=DIR:reads -c|--check
        -o|--optimize -a|--handle -s|--stateless -t|--terse -S|--service -N|--reversedns -u|--guid -n|--numeric
        -y|--numeric-priority -p|--numeric-protocol -T|--numeric-time -e|--echo -j|--json -d|--debug=TEXT
        """,
        """
        --help|--version|-V ()         harmless
        --interactive ()               changes   changes the firewall as it is told
        --check ...                    harmless
        --file ()                      changes   changes the firewall as {-f|--file:…} says
        list|monitor|describe|help ...  harmless
        flush|delete|destroy ruleset|table|chain ...  stops  empties the firewall: anybody may reach this host  until it is loaded
        add|create|insert|replace|delete|destroy|reset|rename|flush|import|export TEXT ...  changes  changes the firewall: {1} {2}
        """,
    ),
    grammar(
        "iptables ip6tables iptables-legacy iptables-nft ip6tables-legacy ip6tables-nft ebtables arptables",
        """
        -t|--table=TEXT -A|--append=TEXT -D|--delete=TEXT -I|--insert=TEXT -R|--replace=TEXT -P|--policy=TEXT -N|--new-chain=TEXT
        -E|--rename-chain=TEXT -L|--list -S|--list-rules -C|--check=TEXT -F|--flush -X|--delete-chain -Z|--zero -v|--verbose
        -n|--numeric -x|--exact -w|--wait -W|--wait-interval=N --line-numbers -4|--ipv4 -6|--ipv6 -f|--fragment
        -c|--set-counters=N -h|--help -V|--version -M|--modprobe=HELPER -s|--source|--src=TEXT -d|--destination|--dst=TEXT
        -p|--protocol|--proto=TEXT -i|--in-interface=TEXT -o|--out-interface=TEXT -j|--jump=TEXT -g|--goto=TEXT -m|--match=TEXT
        --dport|--destination-port=TEXT --sport|--source-port=TEXT --dports=TEXT --sports=TEXT --ports=TEXT --ctstate=TEXT
        --state=TEXT --ctdir=TEXT --ctorigdst=TEXT --comment=TEXT --to-destination=TEXT --to-source=TEXT --to-ports=TEXT --to=TEXT
        --reject-with=TEXT --log-prefix=TEXT --log-level=TEXT --log-uid --limit=TEXT --limit-burst=TEXT --icmp-type=TEXT
        --icmpv6-type=TEXT --tcp-flags=TEXT --syn --mac-source=TEXT --match-set=TEXT --src-range=TEXT --dst-range=TEXT
        --uid-owner=TEXT --gid-owner=TEXT --mark=TEXT --set-mark=TEXT --set-xmark=TEXT --save-mark --restore-mark --mask=TEXT
        --set-mss=TEXT --clamp-mss-to-pmtu --connlimit-above=TEXT --connlimit-mask=TEXT --hashlimit-name=TEXT
        --hashlimit-above=TEXT --hashlimit-upto=TEXT --hashlimit-mode=TEXT --hashlimit-burst=TEXT --name=TEXT --set --rcheck
        --update --rsource --rdest --seconds=TEXT --hitcount=TEXT --nflog-prefix=TEXT --nflog-group=TEXT --queue-num=TEXT
        --physdev-in=TEXT --physdev-out=TEXT --dst-type=TEXT --src-type=TEXT --algo=TEXT --string=TEXT --hex-string=TEXT
        --timestart=TEXT --timestop=TEXT --weekdays=TEXT --random --persistent
        """,
        """
        --help|--version ...           harmless
        -Z ...                         changes   sets the counters of the firewall to zero
        -L|-S|-C ...                   harmless
        -F ...                    stops     empties the firewall: anybody may reach this host  until its rules are loaded again
        -P DROP|REJECT ...             stops     drops all packets that no rule lets through  until the policy is changed
        -P ...                         changes   lets all packets through that no rule drops ({-P})
        -A|-I -s ...                   changes   adds a rule for {-s|--source} to {-A|-I} of the firewall
        -I=INPUT --dport=22|ssh -j=DROP|REJECT ...  stops  keeps everybody from the SSH of this host  until the rule is deleted
        -A|-I -d|-p|-i|-o|-m ...       changes   adds a rule to {-A|-I} of the firewall
        -A|-I=INPUT|OUTPUT|FORWARD -j=DROP|REJECT ...  stops  drops all packets, and cuts this host off  until the rule is deleted
        -A|-I|-R ...                   changes   adds a rule to {-A|-I|-R} of the firewall
        -N|-E ...                      changes   makes the chain {-N|-E} of the firewall
        -D ...                         changes   deletes a rule from {-D} of the firewall
        -X ...                         changes   deletes the chain {1:that no rule names} of the firewall
        """,
        types={"HELPER": lambda call, word: call.gives("starts another program")},
    ),
    grammar(
        "iptables-restore ip6tables-restore",
        "-c|--counters -v|--verbose -V|--version -t|--test -h|--help -n|--noflush -M|--modprobe=HELPER -T|--table=TEXT -w|--wait",
        """
        --help|--version ...      harmless
        --test [FILE:reads]       harmless
        --noflush [FILE:reads]    changes   adds the rules in {1:its input} to the firewall
        [FILE:reads]              changes   replaces all rules of the firewall by those in {1:its input}
        """,
        types={"HELPER": lambda call, word: call.gives("starts another program")},
    ),
    Row(
        "netstat nstat",
        _shows,
        "r route g groups i interfaces masquerade s statistics v verbose W wide n numeric numeric-hosts numeric-ports"
        " numeric-users A: protocol: c continuous e extend o timers p program programs l listening a all F fib C cache t tcp"
        " u udp U udplite S sctp w raw x unix 2 l2cap rfcomm 4 6 inet inet6 Z context z j json V version h help f: file: M:"
        " modprobe:",
        operands="numbers",
    ),
    Row(
        "ifstat iftop",
        _shows,
        "a i: n N p P l b B m: F: G: t h s: T S d v V z q f: file: M: modprobe:",
        operands="numbers",
        telling="-h:iftop",
    ),
    Row("iptables-save ip6tables-save", _shows, "t: table: c counters v V version h help f: file: M: modprobe:"),
    Row(
        "wg-quick netplan ovs-vsctl ovs-ofctl wpa_cli wpa_supplicant pppd",
        _interface,
        "s change K features G C A L p E f"
        " if-exists may-exist no-wait timeout: db: oneline columns: id: O: strict all v verbose t: read-only-arg"
        " state: no-act exclude: h help V D: d debug wait"
        " root-dir: mapping:",
        telling=(
            "--version:wg-quick,ovs-vsctl,ovs-ofctl --help:netplan,ovs-vsctl,ovs-ofctl -v:wpa_cli,wpa_supplicant"
            " -h:wpa_cli,wpa_supplicant"
        ),
    ),
    Row(
        "ifup ifdown",
        _interface,
        "a all v verbose force ignore-errors n no-act state no-mappings no-loopback read-environment allow: i: interfaces:"
        " exclude: X: h help V version",
    ),
    Row(
        "bridge rfkill resolvconf ifquery brctl wg",
        _interface,
        "s stats statistics d details j json p pretty o oneline c:: color:: compressvlans n: noheadings r raw J output: t"
        " timestamp V Version version h help list state l change K features G C A L E f",
    ),
    grammar(
        "nmcli",
        """
        -a|--ask -c|--colors=TEXT -e|--escape=TEXT -f|--fields=TEXT -g|--get-values=TEXT -h|--help -m|--mode=TEXT -o|--overview
        -p|--pretty -s|--show-secrets -t|--terse -v|--version -w|--wait=N --active --order=TEXT --temporary --complete-args
        """,
        """
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
        """,
    ),
    Row(
        "ifconfig route arp",
        _interface,
        "a v verbose n numeric e ee F C 4 6 inet inet6 H: i: D V version h help s change K features G A L p E f"
        " d set delete host net gw",
    ),
    grammar(
        "ethtool",
        """
        -h|--help --version --json -I|--include-statistics --debug=N -a|--show-pause -A|--pause -c|--show-coalesce -C|--coalesce
        -d|--register-dump -e|--eeprom-dump -E|--change-eeprom -f|--flash -g|--show-ring -G|--set-ring -i|--driver
        -k|--show-features -K|--features|--offload -l|--show-channels -L|--set-channels -m|--dump-module-eeprom|--module-info
        -n|-u|--show-nfc -N|-U|--config-nfc -p|--identify -P|--show-permaddr -Q|--per-queue -r|--negotiate -s|--change
        -S|--statistics -t|--test -T|--show-time-stamping -w|--get-dump -W|--set-dump -x|--show-rxfh|--show-rxfh-indir
        -X|--set-rxfh-indir --reset --show-eee --set-eee --show-fec --set-fec --show-priv-flags --set-priv-flags
        --get-phy-tunable --set-phy-tunable --show-tunnels --show-module --set-module --cable-test
        """,
        """
        --help|--version ()  harmless
        -E|-f TEXT ...       destroys  overwrites the firmware of the interface {1}
        -r TEXT              changes   takes the link of the interface {1} down and up again
        -t|--cable-test TEXT ...  changes   tests the interface {1}, which may be cut off meanwhile
        -A|-C|-G|-K|-L|-N|-p|-Q|-s|-W|-X|--reset|--set-eee|--set-fec|--set-priv-flags|--set-phy-tunable|--set-module TEXT ...  \
            changes   changes how the interface {1} works
        TEXT ...             harmless
        """,
    ),
    Row("dhclient dhcpcd udhcpc", _dhcp, "r v n w release renew", telling="--version:dhclient"),
    Row(
        "curl",
        _curl,
        "s silent S show-error f fail fail-with-body L location location-trusted k insecure I head i include v verbose G get"
        " compressed 4 ipv4 6 ipv6 0 http1.0 http1.1 http2 http2-prior-knowledge http3 N no-buffer progress-bar #"
        " no-progress-meter noproxy: socks5: socks5-hostname: socks4: path-as-is raw max-filesize: no-keepalive"
        " keepalive-time: keepalive h help V version M manual create-dirs fail-early Z parallel parallel-max:"
        " parallel-immediate local-port: doh-url: dns-servers: tlsv1 tlsv1.0 tlsv1.1 tlsv1.2 tlsv1.3 ssl ssl-reqd"
        " ssl-no-revoke retry-connrefused retry-all-errors basic digest negotiate ntlm anyauth n netrc netrc-optional l"
        " list-only g globoff j junk-session-cookies p proxytunnel proxy-insecure tcp-nodelay tcp-fastopen cert-type:"
        " key-type: cert-status crlfile: range: speed-limit: speed-time: post301 post302 post303 remove-on-error R"
        " remote-time no-clobber styled-output proto-default: proto-redir: haproxy-protocol expect100-timeout: tr-encoding"
        " ignore-content-length happy-eyeballs-timeout-ms: dns-interface: dns-ipv4-addr: dns-ipv6-addr: tls13-ciphers:"
        " curves: pinnedpubkey: next no-alpn no-npn no-sessionid false-start : o: output: D: dump-header: c: cookie-jar:"
        " trace: trace-ascii: stderr: libcurl: hsts: alt-svc: etag-save: etag-compare: K: config: engine: d: data:"
        " data-binary: data-ascii: data-raw: data-urlencode: F: form: form-string: json: url-query: H: header: T:"
        " upload-file: E: cert: key: netrc-file: b: cookie: w: write-out: unix-socket: abstract-unix-socket: X: request: u:"
        " user: A: user-agent: e: referer: x: proxy: U: proxy-user: m: max-time: connect-timeout: retry: retry-delay:"
        " retry-max-time: cacert: capath: resolve: connect-to: interface: limit-rate: r: y: Y: z: time-cond: C: continue-at:"
        " output-dir: url: t: P: Q: quote: oauth2-bearer: aws-sigv4: max-redirs: ciphers: tls-max: pass: proto: O remote-name"
        " J remote-header-name remote-name-all",
    ),
    Row(
        "wget axel http https",
        _wget,
        "q quiet v verbose nv no-verbose S server-response c continue N timestamping no-check-certificate 4 6 inet4-only"
        " inet6-only r recursive np no-parent nc no-clobber nd no-directories nH no-host-directories cut-dirs: k"
        " convert-links p page-requisites m mirror E adjust-extension show-progress progress: dns-timeout: connect-timeout:"
        " read-timeout: waitretry: random-wait no-proxy max-redirect: content-disposition trust-server-names"
        " retry-connrefused retry-on-http-error: d debug https-only no-cache no-cookies no-hsts compression:"
        " auth-no-challenge http-user: http-password: bind-address: prefer-family: ignore-length secure-protocol:"
        " ca-directory: crl-file: no-netrc no-glob passive-ftp exclude-directories: include-directories: accept: reject:"
        " domains: follow-tags: quota: user-agent: referer: cookies: no-dns-cache H span-hosts L relative F force-html O:"
        " output-document: o: output-file: a: append-output: P: directory-prefix: i: input-file: post-file: body-file:"
        " post-data: load-cookies: save-cookies: certificate: private-key: warc-file: use-askpass: e: execute: config:"
        " header: user: password: t: tries: T: timeout: U: w: wait: Q: A: R: D: I: X: l: level: B: ca-certificate:"
        " limit-rate: method: body-data: spider version help V h",
        operands="URLs",
    ),
    Row(
        "nc ncat netcat nc.openbsd nc.traditional socket",
        _netcat,
        "4 6 b C D d F N r S t Z h help V version udp verbose wait: source: source-port: nodns zero keep-open ssl ssl-verify"
        " no-shutdown idle-timeout: delay: allow: deny: max-conns: m: telnet crlf recv-only send-only e: c: exec: sh-exec:"
        " lua-exec: p: s: w: i: x: X: q: O: T: I: P: o: g: G: l listen z u v n k U",
        operands="hosts and ports",
    ),
    Row("socat", _socat, "lf: b: t: T: L: W:"),
    Row(
        "tcpdump tshark wireshark dumpcap hping3",
        _capture,
        "nn nnn ee vv vvv v A q t tt ttt tttt l S K p x xx XX list-interfaces version h help count number immediate-mode L"
        " list-data-link-types N d T: w: r: z: i: s: c: C: G: F: E: B: V: y: W: Z: X: o: D n e",
        operands="a filter",
        telling="--version:tshark,wireshark,dumpcap --help:tcpdump,tshark,wireshark,dumpcap -h:tcpdump,tshark",
    ),
    Row(
        "nmap",
        _nmap,
        "sT sS sU sn sV sP sL sA sN sF sX sO sY sW Pn PE PP PS:: PA:: PU:: p: A O F v vv vvv d dd T: T0 T1 T2 T3 T4 T5 n R"
        " open top-ports: reason max-retries: min-rate: max-rate: rate: host-timeout: max-rtt-timeout: min-rtt-timeout:"
        " initial-rtt-timeout: scan-delay: 6 e: r packet-trace traceroute osscan-guess version-intensity: version-light"
        " exclude: exclude-ports: dns-servers: system-dns iflist f mtu: source-port: g: ttl: h help V version privileged"
        " unprivileged stats-every: banners"
        " script: script-args: datadir: sC iL: iR: oN: oX: oG: oA: oS: append-output resume: script-updatedb"
        " interactive script-help: script-trace script-timeout: data-length: max-scan-delay: min-parallelism:"
        " max-parallelism: spoof-mac: S: D: servicedb: badsum defeat-rst-ratelimit version-all oL: oJ:",
        operands="hosts",
    ),
    Row(
        "openssl",
        _openssl,
        "in noout text subject issuer dates enddate startdate serial fingerprint sha1 sha224 sha256 sha384 sha512 md5"
        " modulus pubkey pubin pubout purpose checkend checkhost checkip nameopt certopt ext inform outform email hash"
        " subject_hash issuer_hash alias ocsp_uri ocspid connect servername showcerts starttls tls1 tls1_1 tls1_2 tls1_3"
        " no_tls1 no_tls1_1 no_tls1_2 no_tls1_3 no_ssl3 brief quiet status alpn verify verify_return_error verify_hostname"
        " verify_ip CAfile CApath CAstore no-CAfile no-CApath cipher ciphersuites noservername ign_eof no_ign_eof prexit"
        " state msg debug 4 6 proxy reconnect crlf untrusted trusted partial_chain crl_check crl_check_all verbose show_chain"
        " attime hex base64 v V s stdname a b o f p d r e c binary hmac signature new newkey nodes noenc x509 days subj"
        " addext key keyform sha3-256 info nokeys clcerts cacerts nocerts check param_enc conv_form algorithm pkeyopt"
        " lastupdate nextupdate crlnumber cert certfile inkey passin passout pass salt pbkdf2 iter aes-256-cbc A multi"
        " seconds bytes evp elapsed decrypt help host port list-curves print_certs list_curves name 2 5 apr1 stdin noverify"
        " table crl_download verify_depth security_debug asn1parse strparse i print-certs print_chain p11-kit print-cert-info"
        " starttls-proto: insecure"
        " out rand keyout reqexts multivalue-rdn utf8 passout keyopt nocrl notext signkey extfile extensions"
        " CAcreateserial set_serial batch passwd aes256 aes128 des3"
        " pbkdf saltlen nosalt macalg export keypbe certpbe descert legacy keyex keysig sigopt sign verifyCA crldays"
        " crlexts noemailDN policy keyfile cafile ss_cert addtrust trustout traditional dsaparam conv_formats"
        " paramfile params mtu sess_in tlsextdebug early_data split_send_frag xmpphost no_ticket rsa oaep kdf rawin"
        " sigfile digest-alg prverify nodetach signer recip encryption camellia",
    ),
    Row(
        "gpg gpg2 gpgv gpgconf",
        _gpg,
        "list-keys list-public-keys list-secret-keys list-sigs check-sigs fingerprint verify list-packets k K armor"
        " with-colons with-fingerprint with-subkey-fingerprint keyid-format: batch yes no quiet q v verbose dearmor enarmor"
        " show-keys print-md print-mds version help h list-config no-tty fixed-list-mode list-options: list-dirs"
        " list-components check-programs check-options keyring: no-default-keyring dry-run n o: output: r: recipient: u:"
        " local-user: homedir: options: photo-viewer: keyserver: keyserver-options: agent-program: dirmngr-program:"
        " exec-path: log-file: status-file: status-fd: passphrase: passphrase-file: passphrase-fd: compress-algo:"
        " cipher-algo: digest-algo: trust-model: d e a s b c"
        " export-secret-keys export-secret-subkeys import export gen-key generate-key full-generate-key"
        " quick-generate-key edit-key sign detach-sign clearsign encrypt decrypt symmetric delete-keys"
        " delete-secret-keys delete-secret-and-public-key import-ownertrust export-ownertrust gen-revoke"
        " pinentry-mode: expert export-options: import-options: check-trustdb lsign-key: sign-key: show-key"
        " no-permission-warning with-keygrip list-signatures status f i hidden-recipient: throw-keyids default-key:"
        " display-charset: ignore-time-conflict textmode auto-key-locate: always-trust",
    ),
    Row("nsupdate", _dns, "f: k: y: h: b: F: filename: c: out-cache:"),
    Row("lldpctl", _dns, "f: v d l L u h: k: y: b: F: filename: c: out-cache:", operands="interfaces"),
    Row(
        "kvno",
        _dns,
        "e: q u: P S: I: U: cached-only no-store u2u: h: f: k: y: b: F: filename: c: out-cache:",
        operands="names of services",
    ),
    Row(
        "wbinfo",
        _dns,
        "t check-secret u domain-users g domain-groups p ping P ping-dc n: name-to-sid: s: sid-to-name: i: user-info: r:"
        " user-groups: all-domains own-domain m trusted-domains domain-info: D: online-status dsgetdcname: getdcname: U:"
        " uid-to-sid: S: sid-to-uid: G: gid-to-sid: Y: sid-to-gid: uid-info: gid-info: group-info: separator sequence verbose"
        " domain: user-domgroups: user-sids: N: WINS-by-name: I: WINS-by-ip: lookup-sids: R: lookup-rids: V version help"
        " usage f: k: y: h: b: F: filename: c: out-cache:",
        operands="names",
    ),
    Row(
        "snmpwalk snmpget",
        _dns,
        "v: 1 2 2c 3 c: l: u: a: A: x: X: n: O: t: r: e: E: h: H V m: Cc Ci CI Cp Ct f: k: y: b: F: filename: out-cache:",
        operands="a host and names",
    ),
    Row(
        "iperf3",
        _dns,
        "p: port: f: format: i: interval: A: affinity: B: bind: bind-dev: V verbose J json forceflush timestamps::"
        " rcv-timeout: snd-timeout: d debug v version h: help s server 1 one-off idle-timeout: server-bitrate-limit: c:"
        " client: sctp u udp connect-timeout: b: bitrate: bandwidth: pacing-timer: fq-rate: t: time: n: bytes: num: k:"
        " blockcount: l: length: len: cport: P: parallel: R reverse bidir dualtest r tradeoff w: window: M: set-mss: mss: N"
        " no-delay nodelay 4 version4 6 version6 S: tos: dscp: L: flowlabel: Z zerocopy O: omit: T: title: extra-data: C:"
        " congestion: get-server-output udp-counters-64bit repeating-payload dont-fragment e enhanced m print_mss nstreams:"
        " X: z realtime y: F: filename: out-cache:",
        operands="hosts",
    ),
    Row(
        "smbstatus",
        _dns,
        "b: brief v verbose L locks p processes S shares u: user: n numeric P profile R profile-rates N notify B byterange j"
        " json f: fast V version h: help d: k: y: F: filename: c: out-cache:",
        operands="names",
    ),
    Row(
        "rpcinfo showmount",
        _dns,
        "T: a: all b: l m n: p s t u d directories e exports h: help v version no-headers f: k: y: F: filename: c: out-cache:",
        operands="hosts",
    ),
    Row(
        "whois",
        _dns,
        "h: host: H p: port: I no-recursion verbose help version a b: B c: d g: G i: K l L m M q: r R s: t: T: v: x f: k: y:"
        " F: filename: out-cache:",
        operands="names",
    ),
    Row(
        "traceroute traceroute6 tracepath tracepath6",
        _dns,
        "4 6 d F: f: first: g: I icmp T tcp i: m: max-hops: N: n p: port: t: l: b: w: wait: q: queries: r s: z: e U UL D P:"
        " sport: M: A V help version k: y: h: filename: c: out-cache:",
        operands="hosts",
    ),
    Row(
        "mtr",
        _dns,
        "h: help v version 4 6 r report w report-wide x xml t curses displaymode: l raw C csv j json p split n no-dns b:"
        " show-ips o: order: y: ipinfo: z aslookup i: interval: c: report-cycles: s: psize: B: bitpattern: G: gracetime: Q:"
        " tos: e mpls I: interface: a: address: f: first-ttl: m: max-ttl: U: max-unknown: u udp T tcp S sctp P: port: L:"
        " localport: Z: timeout: M: mark: F: filename: k: out-cache:",
        operands="hosts",
    ),
    Row("arping", _dns, "b: c: C: D f: I: h: q s: V w: i: 0 r R d e p t: k: y: F: filename: out-cache:", operands="hosts"),
    Row(
        "ping ping6",
        _dns,
        "4 6 a A b: B c: C d e: D f: F: h: H i: I: l: L m: M: n N: O p: q Q: r R s: S: t: T: U v V w: W: 3 k: y: filename:"
        " out-cache:",
        operands="hosts",
    ),
    Row(
        "host nslookup",
        _dns,
        "4 6 a A c: C d l N: p: r R: s t: T U m: v V w W: type query debug nodebug timeout retry port class vc novc sil"
        " recurse norecurse f: k: y: h: b: F: filename: out-cache:",
        operands="hosts",
    ),
    Row(
        "dig", _dns, "4 6 b: c: f: h: i m p: q: r t: u v x: y: V D T S a E O: d help k: F: filename: out-cache:", operands="hosts"
    ),
    Row(
        "smbclient sftp",
        _smb,
        "c: command: U: A: authentication-file: L: b: o: i: P: F: S: list g",
        telling="--version:smbclient --help:smbclient -V:smbclient",
    ),
    Row("openvpn stunnel sshuttle", _vpn, telling="--version:openvpn --help:openvpn"),
)
