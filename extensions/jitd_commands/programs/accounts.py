# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: programs that change accounts, passwords, groups and keys.

Law: a program gives root if it changes who may become root: root's password, the uid 0, or a group whose members can become root.
What it does to another account is a change.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from jitd.core.grade import Grade
from jitd.core.root_groups import ROOT_GROUPS
from jitd_commands.judging import Call, Row, Verdict
from jitd_commands.programs.decision_table import DecisionTable
from jitd_commands.programs.grammar import ANY, Effect, grammars
from jitd_commands.programs.shared import trusts, who_changes, words
from jitd_commands.shell_text import Word

POWERFUL = frozenset(name for name, group in ROOT_GROUPS.items() if group.grade is Grade.GIVES)
"""Groups which can become root."""


def _groups(call: Call, names: Word) -> None:
    if names.is_free:
        return call.gives("can put an account into any group")
    for group in sorted(POWERFUL.intersection("root" if one == "0" else one for one in names.text.split(","))):
        call.gives(f"puts an account into the group {group}, which can become root")


def _password(call: Call, whom: Word, does: str, more: str = "") -> None:
    if whom.is_free:
        return call.gives(f"{does} any password, root's too")
    if whom.text == "root":
        return call.gives(f"{does} root's password, with which one becomes root later")
    call.changes(f"{does} {whom.text[:60]}'s password{more.format(whom.text[:60])}")


def _locks(call: Call, whom: str, *, back: str) -> None:
    """``whom`` cannot log in any more. One person who cannot is not many."""
    call.changes(f"locks the account {whom[:60]}, which cannot log in with its password, {back}", is_whole=True)


_NO_SHELL = re.compile(r".*/(nologin|false|true)")


def _passwd(call: Call) -> None:
    letters = {letter for word in call.words if re.match("-[^-]", word.text) for letter in word.text[1:2]}
    long = {word.text for word in call.words if word.text.startswith("--")}
    if call.name == "smbpasswd":
        does = "deletes the account" if "x" in letters else "sets the password"
        call.changes(f"{does} of {call.operands[-1].text[:60] if call.operands else 'an account'} for Samba", is_whole=True)
    whose = list(call.operands) or ([Word("root")] if call.is_root and not letters & set("Sa") else [])
    if call.is_root and not call.operands:
        whose = [Word("root")]
    for whom in whose:
        if "d" in letters or call.has("delete"):
            _password(call, whom, "can delete", ", after which anybody can become {}")
        elif "u" in letters or call.has("unlock"):
            _password(call, whom, "can unlock")
        elif "l" in letters or call.has("lock"):
            if whom.is_free:
                call.stops(
                    "locks accounts that jitd cannot tell, which cannot log in", back="until they are unlocked", is_whole=True
                )
            else:
                _locks(call, whom.text, back="until it is unlocked")
        elif not letters & set("Seanxwi") and not long - {"--quiet", "--repository", "--root", "--stdin", "--keep-tokens"}:
            _password(call, whom, "can set")
        elif letters & set("enxwi") or long & {"--expire", "--mindays", "--maxdays", "--warndays", "--inactive"}:
            call.changes(f"changes when {whom.text[:60]}'s password ends")
    if call.has("R", "root", "P", "prefix"):
        call.gives("changes accounts below another root directory")


def _usermod(call: Call) -> None:
    for names in call.values("G", "groups", "g", "gid", "ingroup"):
        _groups(call, names)
    if any(word.text in ("0", "+0", "00") or word.is_free for word in call.values("u", "uid")):
        call.gives("gives an account the uid 0, which is root's")
    whose = call.operands[-1:]
    for _ in call.values("p", "password"):
        for whom in whose:
            _password(call, whom, "can set")
    if call.has("R", "root", "P", "prefix"):
        call.gives("runs programs of another root directory")
    if call.name == "useradd" or call.name == "adduser":
        call.changes(f"creates the account {whose[0].text[:60] if whose else 'that it names'}")
    elif call.may_add_options or not whose:
        call.gives("can put an account into any group") if call.may_add_options else None
    else:
        for whom in whose:
            for shell in call.values("s", "shell") if whom.text == "root" else ():
                call.runs_file(shell)
            if whom.text == "root" and not call.has("L", "lock", "e", "expiredate", "s", "shell"):
                call.gives("changes the account root")
            else:
                _modifies(call, whom.text[:60])


def _modifies(call: Call, whom: str) -> None:
    """The account ``whom``, which is not root, is changed."""
    told = []
    for options, does in _MODIFIES:
        for value in call.values(*options):
            if value.text:
                told.append(f"{does} {value.text[:60]}")
            if does == "puts it into" and not call.has("a", "append"):
                told.append("takes it out of all other groups")
    if call.has("U", "unlock"):
        call.changes(f"lets the account {whom} log in with its password again")
    elif call.has("L", "lock"):
        _locks(call, whom, back="until it is unlocked")
    elif call.has("e", "expiredate") and any(_PAST.fullmatch(word.text) for word in call.values("e", "expiredate")):
        call.changes(f"lets the account {whom} end, which then cannot log in, until it has another date", is_whole=True)
    elif any(_NO_SHELL.fullmatch(word.text) for word in call.values("s", "shell")):
        call.changes(f"takes the shell of the account {whom}, which cannot log in, until it has one again", is_whole=True)
    else:
        call.changes(f"changes the account {whom}{': ' if told else ''}{', '.join(told)}"[:160])


_MODIFIES = (
    (("G", "groups"), "puts it into"),
    (("g", "gid"), "its group becomes"),
    (("d", "home"), "its home becomes"),
    (("s", "shell"), "its shell becomes"),
    (("l", "login"), "its name becomes"),
    (("u", "uid"), "its uid becomes"),
    (("e", "expiredate"), "it ends on"),
)
_PAST = re.compile(r"0|1|(19|200|201)\d\d?-.*")
"""Dates on which an account has ended already."""


def _adduser(call: Call) -> None:
    words = call.operands
    if len(words) == 2:
        _groups(call, words[1])
        if not words[1].is_free:
            return call.changes(f"puts {words[0].text[:60]} into the group {words[1].text[:60]}")
    _usermod(call)


def _gpasswd(call: Call) -> None:
    whose = call.operands[-1:]
    if call.has("a", "add", "M", "members", "A", "administrators"):
        for group in whose:
            _groups(call, Word(group.text.partition(",")[0], group.is_free))
    if call.may_add_options:
        call.gives("can put an account into any group")
    if call.has("r", "remove-password") or not call.given:
        for group in whose:
            _groups(call, group) if group.text in POWERFUL else None
    _MEMBERS(call)


_MEMBERS = DecisionTable("""
    -a|--add              changes   puts {-a|--add:an account} into the group {1}
    -d|--delete           changes   takes {-d|--delete:an account} out of the group {1}
    -A|--administrators   changes   lets {-A|--administrators:an account} change who is in the group {1}
    -M|--members          changes   lets only {-M|--members:others} be in the group {1}
    -r|--remove-password  changes   takes the password of the group {1} away
    ...                   changes   changes who is in the group {1:that it names}
""")


def _directory(call: Call) -> None:
    if call.has("version", "help", "list") or (call.has("V") and not call.name.startswith("ldap")):
        return  # those of OpenLDAP say their version with -V, and go on
    if call.name == "homectl":
        for group in call.values("member-of", "G"):
            _groups(call, group)
    if call.has("n") and not call.may_add_options:
        for word in call.operands:
            call.lists(word)
        return
    for file in call.values("f") if call.name.startswith(("ldap", "slap", "ldb")) else ():
        if who := who_changes(call, file):
            call.leads(f"writes to the directory what {who} can choose, such as who may log in", call.absolute(file) or "")
    _ENTRIES(call)


_ENTRIES = DecisionTable(
    """
    ldapdelete:                 destroys  deletes {1+:entries} from the directory
    ldapmodrdn:                 changes   renames {1:entries} of the directory to {2}
    homectl: remove             destroys  deletes the account {2+} with its home directory
    homectl: lock*|deactivate*  changes   locks the home directory of {2+:everybody}
    homectl: list|inspect|authenticate|get  harmless
    homectl: create             changes   creates the account {2}
    homectl: *                  changes   runs {1} on the account {2+:that it names}
    winbindd:                   changes   starts the service for accounts of the directory
    ...                         changes   writes to entries of the directory as its input or {-f:a file} says
""",
    acts="-V:ldapmodify,ldapadd,ldapdelete,ldapmodrdn",
)


def _any_password(call: Call) -> None:
    text = call.input.text if call.input is not None else None
    names = {line.partition(":")[0] for line in (text or "root:").split("\n") if line}
    if "root" in names or call.name == "newusers" or text is None:
        return call.gives("can set any password, root's too")
    for name in sorted(names):
        call.changes(f"sets {name[:60]}'s password")


def _userdel(call: Call) -> None:
    kind = "group" if "group" in call.name or call.has("group") else "account"
    if call.name in ("deluser", "delgroup") and len(call.operands) == 2:
        user, group = (word.text[:60] for word in call.operands)
        return call.changes(f"takes {user} out of the group {group}")
    for word in call.operands:
        if word.is_free:
            call.destroys(f"can delete any {kind}, and its files", is_whole=True)
        elif kind == "group":
            call.changes(f"deletes the group {word.text[:60]}", is_whole=True)
        elif call.has("r", "remove", "remove-home", "remove-all-files"):
            call.destroys(f"deletes the account {word.text[:60]}, and all files of it", is_whole=True)
        else:
            told = f"deletes the account {word.text[:60]}, which cannot log in any more"
            call.changes(f"{told}, until somebody makes it again with the same uid", is_whole=True)


def _always(what: str) -> Verdict:
    def judge(call: Call) -> None:
        if not call.has("version", "help", "V", "h"):
            call.gives(what)

    return judge


_IPA = DecisionTable("""
    user-del --preserve           changes   lets the account {2} be deleted, from which user-undel brings it back
    *-del                         destroys  deletes {2+:what it names} from the directory ({1})
    user-disable                  changes   locks the account {2} on all hosts, until it is enabled again
    hbacrule-disable              stops     switches the rule {2} off, by which people log in  until it is enabled again
    user-enable|user-unlock|hbacrule-enable  changes   lets {2} log in again
    user-add                      changes   creates the account {2} for all hosts
    group-add-member admins       gives     {program} puts accounts into the group admins, which can become root on all hosts
    sudorule-add*|sudorule-mod*|sudorule-enable*|sudorule-remove*|sudocmd*  gives  \
        {program} changes who may act as root on all hosts ({1} {2+})
    group-add-member              changes   puts accounts into the group {2}
    group-remove-member           changes   takes accounts out of the group {2}
    passwd|user-mod               changes   changes the account {2} of the directory, or its password
    sudo*|hbac*|role*|permission*|privilege*  changes   changes who may do what on all hosts ({1} {2+})
    dns*                          changes   changes names in the network ({1} {2+})
    host-disable|service-disable  destroys  takes the keys of {2} away
    *                             changes   runs {1} on {2+:the directory}
""")


def _ipa(call: Call) -> None:
    """The verb stands first: options before it may name another configuration."""
    first = call.words[0] if call.words else Word("")
    is_asked = re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*-(find|show|status|show-[a-z]+)|ping|--version|--help|", first.text)
    if first.is_free or not is_asked:
        return _IPA(call)
    if call.may_add_options or (first.text.startswith("vault") and call.has("out")):
        call.discloses("may show secrets of a directory")


_SAMBA = {
    "net": r"(ads (testjoin|info|status|lookup|workgroup)|rpc testjoin|conf (list|listshares)|getlocalsid|getdomainsid)( \S+)*",
    "samba-tool": r"((user|group|computer|ou) (list|listmembers|show)|drs showrepl"
    r"|domain (level show|info)|fsmo show|testparm|dbcheck|ntacl sysvolcheck|sites list|dns (query|zonelist|zoneinfo|serverinfo)"
    r"|domain passwordsettings show|domain trust (list|show)|gpo (listall|list|show))( \S+)*",
    "pdbedit": r"(\S+)?",
}
_JOINED = DecisionTable("""
    net: ads leave  stops  takes this host out of its domain: its people cannot log in  until it is joined again
    net: ads join                      changes   joins this host to a domain
    net: * user delete                 changes   deletes the account {4} of the domain
    net: conf drop|import              destroys  deletes all settings of Samba, or replaces them
    net: conf delshare                 changes   deletes the share {3}
    net: *                             changes   runs {1+} on accounts or settings of the domain
    samba-tool: user|group|computer|ou|gpo|contact delete  destroys  deletes the {1} {3+} from the directory
    samba-tool: user disable           changes   locks the account {3}, until it is enabled again
    samba-tool: user enable|unlock     changes   lets {3} log in again
    samba-tool: user setpassword       changes   sets the password of {3}
    samba-tool: group addmembers       changes   puts {4+:accounts} into the group {3}
    samba-tool: group removemembers    changes   takes {4+:accounts} out of the group {3}
    samba-tool: domain demote|tombstones|passwordsettings|backup|join|provision  changes   runs {2} on the domain
    samba-tool: dns delete|zonedelete  destroys  deletes names of the domain: {3+}
    samba-tool: *                      changes   runs {1+} on the directory
    ipa-client-install: --uninstall  stops  takes this host out of its domain: its people cannot log in  until it is joined again
    ipa-server-install: --uninstall    destroys  deletes the directory on this host with all accounts in it
    ipa-replica-manage: list|list-ruv|dnarange-show  harmless
    ipa-replica-manage: del            destroys  takes the server {2} out of the directory: what only it has is gone
    ipa-replica-manage: *              changes   runs {1+} on the servers of the directory
    ipa-*:                             gives     {program} can change who may log in, and how
    pdbedit: -x|--delete               destroys  deletes the account {-u:it names} of Samba
    pdbedit:                           changes   changes the account {-u:it names} of Samba
""")


_TICKETS = DecisionTable("""
    -A   changes   deletes all tickets of the account
    ...  changes   deletes the tickets in {-c:its cache}
""")
_DS = DecisionTable("""
    * status|list|healthcheck|get-nsstate|ldifs|backups  harmless
    * backend list|get|suffix list|get  harmless
    * * list|get|get-dn|status|monitor  harmless
    * monitor *                         harmless
    * remove                            destroys  deletes the server {1} of the directory with all that is in it
    * * delete|remove                   destroys  deletes {4+:what it names} from the directory ({1} {2})
    * ldif2db|bak2db                    destroys  replaces the directory {1} by a copy: what was written since is gone
    * stop                              stops     stops the directory {1}: its people cannot log in  until it is started again
    *                                   changes   runs {2+} on the directory {1}
""")


_KEYTOOL_VERBS = words(
    "delete list genkeypair genkey genseckey importcert import importkeystore importpass exportcert export certreq gencert"
    " printcert printcertreq printcrl gencrl storepasswd keypasswd changealias showinfo identitydb selfcert help"
)
"""Options that say what keytool(1) does. Each may stand behind others."""


def _keytool(call: Call) -> None:
    """A tool for keys of Java, whose options have one hyphen."""
    words = list(call.words)
    names = [word.text.lstrip("-") for word in words if word.text.startswith("-")]
    values = {word.text.lstrip("-"): value for word, value in zip(words, words[1:], strict=False) if word.text.startswith("-")}
    is_told = any(word.is_free or word.text.startswith("@") for word in words)
    if is_told or any(name.startswith(("J", "provider", "addprovider", "conf")) for name in names):
        return call.gives("loads code that its options name")
    for name in ("file", "outfile"):
        if name in values:
            call.writes(values[name], is_use=False) if {"exportcert", "export", "certreq", "gencert", "gencrl"}.intersection(
                names
            ) else call.reads(values[name])
    store = values["keystore"].text[:60] if "keystore" in values else "a store of keys"
    verb = next((name for name in names if name in _KEYTOOL_VERBS), names[0] if names else "")
    if verb == "delete":
        alias = values["alias"].text[:60] if "alias" in values else "that it asks for"
        return call.destroys(f"deletes the key {alias} from {store}", is_whole=True)
    if verb in ("list", "printcert", "printcrl", "printcertreq", "showinfo", "help", "exportcert", "certreq", ""):
        return call.knows_all()
    call.changes(f"changes the keys in {store}: {verb[:20]}", is_whole=True)


def _samba(call: Call) -> None:
    asked = " ".join(word.text for word in call.operands)
    is_known = not any(word.is_free for word in call.words) and re.fullmatch(_SAMBA[call.name], asked) is not None
    if call.name == "pdbedit":
        if call.has("w", "smbpasswd-style"):
            call.discloses("shows password hashes")
        is_known = (
            is_known and call.has("L", "list") and not set(call.given) - set("Lvw") - {"list", "verbose", "smbpasswd-style"}
        )
    elif set(call.given) - set("kPU") - ({"cross-ncs", "quiet", "v", "verbose"} if "dbcheck" in asked else set()):
        is_known = False
    if not (is_known or call.has("version", "help", "V", "h")):
        call.trusts_words()
        _JOINED(call)


_LOGINS = {
    "realm": r"list|discover( \S+)?",
    "adcli": r"(info|testjoin|show-computer|show-user)( \S+)*",
    "authselect": r"(current|list|check|show|list-features|test)( \S+)*",
}


def _logins(call: Call) -> None:
    asked = " ".join(word.text for word in call.operands)
    is_asked = not any(word.is_free for word in call.words) and re.fullmatch(_LOGINS[call.name], asked) is not None
    if not is_asked and not (len(call.words) == 1 and call.has("version", "help", "V", "h")):
        if re.match("leave|delete-computer", asked):
            told = "takes this host out of its domain: its people cannot log in"
            call.stops(told, back="until it is joined again", is_whole=True)
        call.gives("can change who may log in, and how")


def _kadmin(call: Call) -> None:
    texts = call.values("q")
    if not texts:
        return call.gives("can set any key and password of the realm")
    for text in texts:
        verb = text.text.split()[:1]
        if text.is_free:
            call.gives("can set any key and password of the realm")
        elif verb and re.match(r"(list|get|lp|gp|lista|getp|\?)", verb[0]):
            continue
        elif verb and re.match(r"(ktadd|xst|ktrem)", verb[0]):
            call.discloses("takes keys of Kerberos out of the database")
        elif verb and re.match(r"delprinc|delete_principal", verb[0]):
            call.destroys(f"deletes the principal {text.text.split()[-1][:60]} and its keys", is_whole=True)
        elif (
            verb
            and re.match(r"(cpw|change_password|ank|add|addprinc|modprinc)", verb[0])
            and "admin" not in text.text
            and "root" not in text.text
        ):
            told = " ".join(word for word in text.text.split() if not word.startswith("-"))
            call.changes(f"changes principals of the realm: {told[:60]}")
        else:
            call.gives("can change who may do what in the realm")


def _keygen(call: Call) -> None:
    if call.may_add_options:
        return call.gives("can load any library, and write any file")
    if call.has("D", "I") and call.has("D"):
        return call.gives("loads code that it is given")
    if call.has("R"):
        whose = call.values("R")
        call.changes(f"forgets the key of {whose[0].text[:60] if whose else 'a host'}")
    for word in call.values("f"):
        if call.has("l", "B", "F", "e", "y", "L"):
            call.reads(word) if call.has("y", "e") else None
        else:
            call.writes(word, how="creates")
    for word in call.values("s"):
        call.discloses("signs with a private key", word.text)


_REWRITES = DecisionTable(
    """
    pwck|grpck: -r|--read-only   harmless
    pwck:                        changes   repairs the list of accounts
    grpck:                       changes   repairs the list of groups
    pwconv|grpconv:              changes   moves passwords into a file that only root reads
    pwunconv|grpunconv:          changes   moves password hashes into a file that everybody reads
    htpasswd|saslpasswd2: -D|-d  changes   takes a password of a service away: {1+}
    kpasswd:                     changes   sets the password of {1:a principal} in the realm
    ...                          changes   sets a password of a service: {1+:it asks for whose}
""",
    acts="-V:ldappasswd",
)
_USER = (
    "b: base-dir: c: comment: d: home: home-dir: e: expiredate: f: inactive: g: gid: G: groups: k:"
    " skel: K: key: l: login: m p: password: R: root: P:"
    " prefix: s: shell: u: uid: v: add-subuids: V: w: W: Z: selinux-user: ingroup: firstuid:"
    " lastuid: conf: gecos: group: L lock U unlock a append o"
    " non-unique M N r system create-home move-home no-create-home user-group no-user-group no-log-init badname"
    " btrfs-subvolume-home add-subgids: rename disabled-login disabled-password allow-bad-names quiet q debug"
)


def _configured(call: Call, directory: Word) -> None:
    """slaptest(8) reads settings, or writes those of the file of ``-f``."""
    if call.has("f"):
        call.writes(directory, how="writes settings into", is_tree=True)
    else:
        trusts(call, [directory])


def _cached(call: Call, cache: Word) -> None:
    call.writes(replace(cache, text=cache.text.removeprefix("FILE:")), how="creates")


_TYPES: Mapping[str, Effect] = {
    "ROOTDIR": lambda call, word: call.gives("changes accounts below another root directory"),
    "MEMBERS": lambda call, word: _groups(call, call.operands[-1] if call.operands else ANY),
    "CONFDIR": _configured,
    "CACHE": _cached,
}
ROWS = (
    *grammars(
        """
        = chsh: abbreviates  -s|--shell=TEXT:plain -l|--list-shells -h|-u|--help -v|-V|--version -R|--root=ROOTDIR
        --help|--version|--list-shells ...  harmless
        -s=*/nologin|*/false|*/true TEXT  also-changes  \
            takes the shell of the account {1}, which cannot log in, until it has one again
        root          gives     {program} changes what root runs
        ()            gives     {program} changes what root runs
        TEXT          changes   {program} changes the account {1}
        = chfn: abbreviates  -f|--full-name=TEXT -o|--office|--other=TEXT -p|--office-phone=TEXT -h|--home-phone=TEXT
        -r|--room=TEXT -w|--work-phone=TEXT -u|--help -v|--version -R|--root=ROOTDIR
        --help|--version ()  harmless
        [TEXT]        changes   {program} changes the account {1:root}
        = update-crypto-policies  --show --check --is-applied --set[=TEXT] --no-check --no-reload -h|--help --version
        --show|--check|--is-applied|--help|--version ()  harmless
        ...           changes   changes which ciphers the programs of this host accept
        = visudo  -c|--check -s|--strict -q|--quiet -h|--help -V|--version -f|--file=FILE:reads -x|--export=FILE:writes -O|--owner
        -P|--perms
        -I|--no-includes
        --check|--help|--version|--export ...  harmless
        ...           gives     {program} can change who may act as root
        = vipw vigr  -g|--group -h|--help -p|--passwd -q|--quiet -R|--root=TEXT -s|--shadow
        --help ()     harmless
        ...           gives     {program} can change who may act as root
        = chage: abbreviates  -i|--iso8601 -h|--help -d|--lastday=TEXT -E|--expiredate=TEXT -I|--inactive=TEXT -m|--mindays=TEXT
        -M|--maxdays=TEXT -W|--warndays=TEXT -R|--root=ROOTDIR -P|--prefix=ROOTDIR -l|--list --version
        --help|--version|--list [TEXT]  harmless
        --expiredate=0|1|19*-*|200*-*|201*-* TEXT  changes  \
            lets the account {1} end, which then cannot log in, until it has another date
        TEXT          changes   {program} changes when {1}'s password ends
        = ktutil  -k=FILE:reads -v
        ...           reads     {program} reads and writes keys of Kerberos
        = kinit  -V -f -F -p -P -a -A -C -E -n -v -R -h -? -t=FILE:reads -T=FILE:reads -c=CACHE -l=TEXT -r=TEXT -s=TEXT -S=TEXT
        -X=TEXT -I=TEXT -k -i
        -k|-t ...     reads     {program} uses keys of Kerberos
        [TEXT]        harmless
        = pass gopass  -r|--recursive -f|--force -c|--clip[=TEXT] -e|--echo -m|--multiline -n|--no-symbols -i|--in-place
        -q|--qrcode[=TEXT] -p|--path=TEXT --help -h --version
        --help|--version ...  harmless
        edit|git|init ...  gives     {program} starts an editor or other programs
        rm|remove|delete ...  destroys  deletes the secrets {2+}
        ls|list|find|search|version|help ()  harmless
        ()            harmless
        insert|add|generate|mv|rename|cp|copy ...  changes   changes the secrets {2+}
        * ...         reads     {program} shows secrets
        = slaptest  -d=TEXT -o=TEXT -Q -u -v -n=N -f=FILE:trusts -F=CONFDIR
        ()            harmless
        = faillock faillog  -a|--all -l=N -h|--help --dir=DIR:reads -u|--user=SAID -r|--reset
        -m|--maximum=N -t|--time=N -R|--root=ROOTDIR --lock-secs=N --legacy-output
        --reset|-l|--maximum ...  changes   {program} lets {-u:everybody} try passwords again
        ...           harmless
        = pam-auth-update authconfig  --version --help -h -V --remove --disable --enable --force --package --root=ROOTDIR
        --update --test --probe --savebackup=TEXT --restorebackup=TEXT --restorelastbackup --enable* --updateall --kickstart
        --nostart
        --version|--help|-V|-h ...  harmless
        --remove|--disable ...  also-stops  takes the ways to log in {1+:that its options name} away: people may be unable to \
        log in  \
            until they are enabled again
        ...           gives     {program} can change who may log in, and how
        = kdb5_util krb5_newrealm kdb5_ldap_util  -f --force -P=TEXT -r=TEXT -s -d=TEXT -k=TEXT -m --kv=TEXT --sf=FILE:reads
        -M=TEXT --verbose --old --b6 --b7 --b13 --r13 --r18 --ov --rev --recurse --keepold --mkey_convert --new_mkey_file=TEXT
        --update --hash -x=TEXT -w=TEXT -H=TEXT -D=TEXT --subtrees=TEXT --stash
        list_mkeys ...  harmless
        dump|tabdump|ark [FILE:made] ...  reads     {program} reads the keys of the realm
        destroy ...   also-destroys  deletes all principals of the realm and their keys
        load ...      also-destroys  replaces all principals of the realm and their keys
        ...           gives     {program} can change the keys of the realm
        = groupadd groupmod: abbreviates  -U|--users=MEMBERS -g|--gid=N -n|--new-name=SAID -K|--key=TEXT -p|--password=TEXT
        -R|--root=ROOTDIR -P|--prefix=ROOTDIR -a|--append -o|--non-unique -f|--force -r|--system -h|--help --extrausers
        --help ()     harmless
        groupadd: TEXT  changes   {program} creates the group {1}
        groupmod: TEXT  changes   {program} changes the group {1}
        """,
        types=_TYPES,
    ),
    Row(
        "passwd yppasswd",
        _passwd,
        "S status a all q quiet h help n: mindays: x: maxdays: w: warndays: i: inactive: r: repository: R: root: P: prefix:"
        " s: delete unlock lock"
        " d u l e expire keep-tokens k stdin f force",
        operands="an account",
    ),
    Row("smbpasswd", _passwd, "a c: D: d e h i L m n R: r: s S U: W w: x", operands="an account"),
    Row("useradd", _usermod, f"{_USER} l", chosen="can put an account into any group", telling="--help -h"),
    Row("usermod", _usermod, f"{_USER} b", chosen="can put an account into any group", telling="--help -h"),
    Row(
        "adduser addgroup",
        _adduser,
        _USER,
        chosen="can put an account into any group",
        telling="--version:adduser --help:adduser",
    ),
    Row(
        "gpasswd groupmems",
        _gpasswd,
        "a: add: d: delete: M: members: A: administrators: Q: root: r R remove-password h help restrict",
        telling="--help -h:gpasswd",
    ),
    Row(
        "userdel deluser groupdel delgroup",
        _userdel,
        "R: root: P: prefix: r f remove-home"
        " backup backup-to: remove-all-files system only-if-empty group quiet q force conf: Z selinux-user h help v"
        " version debug msgdebug remove extrausers",
    ),
    Row("chpasswd chgpasswd newusers", _any_password, "c: s: R: root:", telling="--help -h:chpasswd,chgpasswd"),
    Row("sudoedit ldbedit", _always("starts an editor")),
    Row(
        "pwck grpck pwconv pwunconv grpconv grpunconv",
        _REWRITES,
        "quiet h help r read-only q s sort R: root: P:",
        operands="files of accounts",
    ),
    Row("saslpasswd2", _REWRITES, "a: c d f: n p u: v V"),
    Row("htpasswd htdigest", _REWRITES, "D c b n i m B 2 5 d s p v C: r:"),
    Row("ldappasswd", _REWRITES, "A a: d: D: H: n o: O: p: Q R: s: S t: T: U: v w: W x X: y: Y: Z ZZ"),
    Row(
        "ldapmodify ldapadd ldapdelete ldapmodrdn slapadd slapmodify ldbmodify winbindd",
        _directory,
        "member-of: G: f: l: b: D: H: w: y: x Z n W Y: r c P: O: U: R: X: v V e: E: N p: ZZ",
    ),
    Row("homectl", _directory, "member-of: G: c: real-name: d: home-dir: uid: shell: storage: H: M: no-pager no-legend j E"),
    Row(
        "ipa",
        _ipa,
        "all raw rights no-members pkey-only sizelimit: timelimit: preserve"
        " first: last: email: password: random shell: homedir: uid: gid: gidnumber: uidnumber: title: phone: groups:"
        " users: hosts: desc: cn: displayname: noprivate ip-address: force no-reverse updatedns a-rec: aaaa-rec:"
        " ptr-rec: cname-rec: txt-rec: ttl: addattr: setattr: delattr: services: hostcat: usercat: servicecat:"
        " sudooption: nonposix principals: add certs: validity: profile-id: continue no-prompt n h help"
        " minlife: maxlife: minlength: history: cacn: maxfail:",
    ),
    Row("kdestroy", _TICKETS, "q c: A p:"),
    Row(
        "dsctl dsconf dsidm",
        _DS,
        "j json v verbose h help basedn: instance: do-it D: w: W y: Z b:"
        " pwdfile: filter: cn: suffix: be-name: create-suffix name: value: type: r: p: x ldif: encrypted replicated",
    ),
    Row(
        "keytool",
        _keytool,
        "delete list genkeypair genkey genseckey importcert import importkeystore exportcert export certreq printcert"
        " printcrl storepasswd keypasswd changealias alias: destalias: keystore: storepass: keypass: file: keyalg:"
        " keysize: sigalg: dname: validity: ext: noprompt trustcacerts cacerts rfc v storetype: srckeystore:"
        " destkeystore: srcstoretype: deststoretype: srcstorepass: deststorepass: srcalias: srckeypass: destkeypass:"
        " new: providername: sslserver: jarfile: help startdate: groupname:",
    ),
    Row(
        "ipa-client-install ipa-server-install ipa-replica-manage",
        _JOINED,
        "U unattended uninstall domain: server: realm: p: principal: w: password: mkhomedir hostname: force-join"
        " force no-ntp ntp-server: enable-dns-updates no-nisdomain no-ssh no-sshd no-sudo no-dns-sshfp ssh-trust-dns"
        " ca-cert-file: setup-dns forwarder: no-forwarders auto-forwarders setup-ca a: ds-password: admin-password: n:"
        " r: no-host-dns ip-address: v verbose d debug cleanup ignore-topology-disconnect ignore-last-of-role f"
        " version h help",
    ),
    Row(
        "net pdbedit samba-tool",
        _samba,
        "u:"
        " U: user: W: workgroup: S: newpassword: attributes: m must-change-at-next-login random-password description:"
        " given-name: surname: mail-address: H: username: password: realm: domain: server: use-kerberos: filter: days:"
        " noexpiry full-sync no-pass krb5-ccache: machine-pass long",
    ),
    Row("realm adcli authselect", _logins),
    Row("kadmin kadmin.local", _kadmin, "q: p: w: k t: r: s: c: x:"),
    Row("kpasswd", _REWRITES),
    Row("ssh-keygen", _keygen, "q v E: h l H f: t: b: C: N: P: s: I: n: V: z: O: D: m: R: F: r: y e B L"),
    Row("newuidmap newgidmap", _always("can map the ids of any account")),
)
