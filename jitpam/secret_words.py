# SPDX-License-Identifier: Apache-2.0
"""Finds words of a command line that look like a secret: a password, a token, a private key. What jitsudo sends is read by
approvers and kept in the record, so it asks its user about such words first (disclosure.py, ADR 0091).

Law: pure, and no part of a decision. A place names an option, a variable or a kind of text, and never contains the secret.
(Regular expressions and dataclasses would make each start several milliseconds longer.)
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Found = tuple[int, str, str]
    """The index of a word that looks like a secret, a label, such as ``-u``, and what one can do instead."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


VALUE, PAIR, PERCENT, COMMA, ATTACHED, ALONE = "value", "pair", "percent", "comma", "attached", "alone"
"""What the argument of an option is: a secret; ``user:secret``, ``user%secret`` or ``user,secret``; a secret that can only be in
the same word as the option (``mysql -pSECRET``; ``mysql -p`` asks for it), or only in the next word (``openssl -k SECRET``, where
``-key`` is another option).
"""
OTHERWISE = "use a file on the host that only its reader can open, or standard input"
_BY_STDIN = "set the password afterwards with chpasswd, which reads standard input"

_ROWS = (
    ("7z 7za 7zz unrar", "-p=attached", "", OTHERWISE),
    ("rar", "-p=attached -hp=attached", "", OTHERWISE),
    ("zip", "-P=value", "rq9j", OTHERWISE),
    ("unzip", "-P=value", "oqjl", OTHERWISE),
    (
        "curl",
        "-u=pair --user=pair -U=pair --proxy-user=pair --pass=value -E=pair --cert=pair --oauth2-bearer=value",
        "#0123469aBfGgIiJjklLMnNOpqRSsVvZ",
        "curl reads it from a file on the host (--netrc-file FILE, or --config FILE)",
    ),
    ("http https", "-a=pair --auth=pair", "", OTHERWISE),
    ("etcdctl", "--user=pair", "", OTHERWISE),
    ("ab", "-A=pair -P=pair", "kilqdSV", OTHERWISE),
    ("lftp", "-u=comma", "", "lftp reads it from ~/.netrc"),
    ("wget", "", "", "wget reads it from a file on the host (--config=FILE)"),
    (
        "mysql mysqldump mysqladmin mysqlimport mysqlshow mysqlcheck mysqlbinlog mysqlpump mysqlslap mysqlsh mysql_upgrade "
        "mariadb mariadb-dump mariadb-admin mariadb-check mariadb-backup",
        "-p=attached",
        "",
        "the client reads it from a file on the host (--defaults-extra-file=FILE)",
    ),
    ("psql pg_dump pg_restore", "", "", "it is read from ~/.pgpass, or from the file in PGPASSFILE"),
    (
        "mongo mongosh mongodump mongorestore mongoexport mongoimport cqlsh ncftpput ncftpget racadm twine",
        "-p=value",
        "",
        OTHERWISE,
    ),
    ("redis-cli", "-a=value", "xc", OTHERWISE),
    ("sqlcmd bcp", "-P=value", "", OTHERWISE),
    (
        "ldapsearch ldapadd ldapmodify ldapdelete ldapwhoami ldapcompare ldapmodrdn ldapexop",
        "-w=value",
        "xLZHvntuAMNWc",
        "the client reads it from a file on the host (-y FILE)",
    ),
    ("ldappasswd", "-w=value -s=value -a=value", "xZvnHAS", "ldappasswd reads it from files on the host (-y, -T and -t FILE)"),
    ("slappasswd", "-s=value", "", "slappasswd reads it from a file on the host (-T FILE)"),
    ("smbclient rpcclient net smbget smbcacls winexe samba-tool", "-U=percent", "NEgk", OTHERWISE),
    ("wbinfo", "-a=percent", "", OTHERWISE),
    ("sshpass", "-p=value", "v", "sshpass reads it from a file on the host (-f FILE)"),
    ("ssh-keygen", "-N=value -P=value", "qy", "ssh-keygen asks for it on a terminal"),
    ("useradd usermod groupadd groupmod", "-p=value", "mMNorUlDaL", _BY_STDIN),
    ("chpasswd chgpasswd", "", "", "give it on standard input of jitsudo, from a file"),
    ("ipmitool", "-P=value", "", "ipmitool reads it from a file on the host (-f FILE)"),
    ("snmpwalk snmpget snmpset", "-A=value -X=value", "", "it is read from ~/.snmp/snmp.conf"),
    ("openssl", "-k=alone -K=alone", "", "openssl reads it from a file on the host (file:FILE), or from standard input (stdin)"),
    ("kadmin addprinc add_principal cpw change_password kadmin.local", "-w=value -pw=value", "", "kadmin asks for it"),
    ("ipa-client-install ipa-replica-install", "-w=value", "U", "without it, the installer asks for it"),
    ("ipa-server-install", "-a=value -p=value", "U", "without it, the installer asks for it"),
    ("kubectl", "", "", "it is read from a file on the host (--from-file=FILE, or -f FILE)"),
    ("htpasswd", "", "", "htpasswd reads it from standard input (-i in place of -b)"),
    ("svn gpg gpg2 vault aws nmcli mkpasswd sqlplus rabbitmqctl wpa_passphrase sudo", "", "", OTHERWISE),
)
"""Each row has names of programs; the options whose argument is a secret, apart from options with such a name (``--password``);
the short options without an argument, which may stand in one word with another one (``curl -sSu``); and what to do instead.
"""
_LOGINS = (
    "docker podman buildah skopeo helm oc cf az nerdctl crane oras",
    "-p=value --creds=pair --src-creds=pair --dest-creds=pair",
    "",
    "login reads it from standard input (--password-stdin)",
)
"""The row of programs whose short options count only behind the word ``login``: ``docker run -p 80:80`` is a port."""
_OF = {name: row for row in (*_ROWS, _LOGINS) for name in row[0].split()}

_ONLY_WITH_EQUALS = _words(
    "psql pg_dump pg_dumpall pg_restore pg_basebackup createdb createuser dropdb vacuumdb reindexdb ipa smbpasswd pdbedit kinit "
    "faillock passwd sudo mysql mysqldump mysqladmin mysqlimport mysqlshow mysqlcheck mysqlbinlog mysqlpump mysqlslap mariadb "
    "mariadb-dump mariadb-admin mariadb-check"
)
"""Programs that take the argument of ``--password`` only after ``=``, or never. Without it, they ask for the password."""

_ENDINGS = (
    *("password", "passwd", "passphrase", "secret", "token", "apikey", "accesskey", "secretkey", "authkey"),
    *("storepass", "keypass"),
)
_LAST = _words("pass pw psk pin passcode")
_NAMES = _words("sshpass rediscli_auth bindpw rootpw requirepass masterauth")
_NOT_BEFORE = _words(
    "no ask stdin prompt with use show skip reset force require without min max get generate random disable enable delete remove"
)
"""First words of names that are not secret: ``--stdin-password``."""
_NO_NAMES = _words("wpa-psk next-token page-token starting-token continuation-token client-token client-request-token")
"""The name of a method, and names of tokens that only count pages or repetitions."""
_NO_VALUES = _words(
    "true false yes no on off none null prompt ask auto always never stdin required optional disabled enabled interactive "
    "keyring file password redacted changeme $ -"
)
_NO_BEGINNINGS = ("/", "./", "../", "~", "@", "<", ".*", "[", "file:", "env:", "op://", "arn:", "fd:", "vault:", "%", "&")
_FILES = (".key", ".pem", ".txt", ".json", ".yml", ".yaml", ".conf", ".env", ".gpg", ".kdbx")
_NAMED_SECRETS = _words("docker podman buildah nerdctl kubectl oc gcloud fly flyctl gh")
"""Programs whose ``--secret`` is the name of a secret."""
_SEARCHES = _words("grep egrep fgrep zgrep rg ack ag journalctl locate man apropos")  # who searches for `password=` tells none
_NAMED_BEFORE = _words("nmcli aws mysqladmin mariadb-admin redis-cli")  # a secret may follow its name: `nmcli … password SECRET`
_SQL = _words("psql mysql mariadb sqlplus sqlcmd isql cqlsh clickhouse-client mysqlsh usql")
_SQL_WORDS = (("identified", " by "), ("password", "password "), ("set password", "="), ("password", "password("))
"""Beginnings of statements that set a password, and what stands before the password."""

_WRAPPERS = _words(
    "env nice ionice timeout nohup setsid stdbuf time xargs watch strace ltrace chroot find runuser su sudo doas setpriv nsenter "
    "jitsudo unshare systemd-run systemd-inhibit flock script ssh ip chrt taskset prlimit exec command builtin parallel sshpass "
    "machinectl faketime busybox kadmin kadmin.local then do else if while until ! {"
)
"""Programs that start the program that is named behind them."""
_WITH_EXEC = _words("docker podman kubectl oc nerdctl crictl lxc incus docker-compose")

_HEADERS = _words(
    "authorization: proxy-authorization: x-api-key: api-key: apikey: private-token: job-token: deploy-token: x-auth-token: "
    "x-vault-token: x-access-token: x-auth-key: x-amz-security-token: x-gitlab-token: cookie:"
)
_SCHEMES = _words("basic bearer negotiate digest ntlm token")

_PREFIXES = _words(
    "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- gldt- glrt- xoxb- xoxp- xoxa- xoxs- xapp- AKIA ASIA sk_live_ rk_live_ sk-ant- "
    "hvs. npm_ dop_v1_ AIza pypi-AgE ya29. eyJ AGE-SECRET-KEY-1"
)
"""Beginnings of well-known tokens."""
_LEAST = 16  # letters, digits, `_`, `-` and `.` behind such a beginning. One of them is a digit.

_STDIN = _words("--password-stdin --stdin -S --with-token --passphrase-fd --stdin-password --pass-stdin")
_READERS = _words("chpasswd passwd smbpasswd kinit cryptsetup htpasswd chgpasswd ldappasswd")
"""Programs and options that read a secret from standard input."""
_LONGEST = 512  # characters of a name and of the authority of a URL. Words can have megabytes.
_DEEPEST = 4  # maximum depth of texts in texts: `sh -c "ssh host 'sh -c …'"`


def secrets_in(argv: list[bytes], variables: list[list[bytes]], reason: str | None) -> list[tuple[str, str]]:
    """Return the places of words that look like a secret, in the order in which they were typed. Each has two texts: where it is,
    such as ``argument 2 (-u)``, and what one can do instead.
    """
    found = [
        (f"variable {_label(_text(name))}", OTHERWISE)
        for name, value in variables
        if (is_secret_name(_text(name)) and _is_plausible(_text(value))) or any(_anywhere(_text(value)))
    ]
    told: dict[int, tuple[str, str]] = {}
    for at, label, instead in _of_command([_text(word) for word in argv], 0):
        told.setdefault(at, (f"argument {at} ({label})", instead))
    found += [told[at] for at in sorted(told)]
    if reason and (any(_anywhere(reason)) or any(_assignments(reason))):
        found.append(("the reason", "leave it out: the reason is for people"))
    return found


def secret_places(argv: list[bytes]) -> set[int]:
    """Return the indexes of the words of ``argv`` that look like a secret."""
    return {at for at, _, _ in _of_command([_text(word) for word in argv], 0)}


def _text(word: bytes) -> str:
    return word.decode("utf-8", "surrogateescape")


def _label(name: str) -> str:
    """Return ``name`` if it can only be a name, and otherwise a general word: a label must not contain a secret."""
    is_name = 0 < len(name) <= 40 and all(char.isascii() and (char.isalnum() or char in "_-.") for char in name)
    return name if is_name else "a value"


# --- a command and its words


def _of_command(words: list[str], depth: int) -> Iterator[Found]:
    """Yield each word of one command that looks like a secret."""
    programs = _programs(words)
    last, program = programs[-1]
    instead = _instead(program, words)
    is_search = program in _SEARCHES
    for index, word in enumerate(words):
        for label in _anywhere(word):
            yield index, label, instead
        if is_search:
            continue
        if program in _SQL and index > last and _sets_password(word):
            yield index, "a statement that sets a password", OTHERWISE
        if index != last or depth:
            for label in _assignments(word):
                yield index, label, instead
        if depth < _DEEPEST and any(char in word for char in " \t\n;|"):
            for _, label, inner in _of_text(word, depth + 1):
                yield index, f"in its text: {label}", inner
    if is_search:
        return
    for place, (at, name) in enumerate(programs):
        until = programs[place + 1][0] if place + 1 < len(programs) else len(words)
        for index, label in _of_options(words[:until], at, name):
            yield index, label, _instead(name, words)
    for index, label in _special(words, last, program):
        yield index, label, instead


def _instead(program: str, words: list[str]) -> str:
    row = _OF.get(program)
    return OTHERWISE if row is None or (row is _LOGINS and "login" not in words) else row[3]


def _programs(words: list[str]) -> list[tuple[int, str]]:
    """Return the index and the name of each program: behind assignments, each wrapper and what it starts. The last one is the
    program that the rest of the words belong to.
    """
    at = 0
    while at < len(words) - 1 and "=" in words[at] and not words[at].startswith(("-", "=", "/")):
        at += 1
    found = [(at, _base(words[at]) if words else "")]
    while found[-1][1] in _WRAPPERS or (found[-1][1] in _WITH_EXEC and "exec" in words[at + 1 :]):
        inner = (i for i in range(at + 1, len(words)) if _base(words[i]) in _OF or _base(words[i]) in _WRAPPERS)
        at = next(inner, 0)
        if not at:
            break
        found.append((at, _base(words[at])))
    return found


def _base(word: str) -> str:
    return word.rpartition("/")[2]


def _of_options(words: list[str], at: int, program: str) -> Iterator[tuple[int, str]]:
    """Yield the index and the name of each option whose argument is a secret. The index is that of the argument's word."""
    begin = at + 1
    row = _OF.get(program, ("", "", "", ""))
    options = [each.split("=") for each in row[1].split()]
    if row is _LOGINS and "login" not in words[begin:]:
        options = [each for each in options if each[0].startswith("--")]
    for index in range(begin, len(words)):
        word = words[index]
        if not word.startswith("-") or len(word) < 2:
            continue
        following = words[index + 1] if index + 1 < len(words) else ""
        name, equals, value = word.partition("=")
        is_known = False
        for option, kind in options:
            given = _argument(option, kind, row[2], word, following)
            if given is not None:
                is_known = True
                place, argument = given
                if _is_secret(kind, argument):
                    yield index + place, option
        if is_known or not is_secret_name(name) or len(name) < 4:
            continue
        if name.lstrip("-") == "secret" and program in _NAMED_SECRETS:
            continue
        if equals:
            if _is_plausible(value):
                yield index, _label(name)
        elif following and not following.startswith("-") and program not in _ONLY_WITH_EQUALS and _is_plausible(following):
            yield index + 1, _label(name)


def _argument(option: str, kind: str, flags: str, word: str, following: str) -> tuple[int, str] | None:
    """Return the argument of ``option``, if ``word`` is that option: 0 if it is in the same word, or 1 if it is the next."""
    if word == option:
        return None if kind == ATTACHED else (1, following)
    if kind == ALONE:
        return None
    if option.startswith("--"):
        return (0, word[len(option) + 1 :]) if word.startswith(option + "=") else None
    if word.startswith("--") or len(option) != 2:
        return (0, word[len(option) :]) if kind == ATTACHED and word.startswith(option) else None
    for place in range(1, len(word)):
        if word[place] == option[1]:
            rest = word[place + 1 :]
            return (0, rest) if rest else (1, following)
        if word[place] not in flags:
            return None
    return None


def _is_secret(kind: str, argument: str) -> bool:
    for each, separator in ((PAIR, ":"), (PERCENT, "%"), (COMMA, ",")):
        if kind == each:
            argument = argument.partition(separator)[2]
    return bool(argument) and not _is_reference(argument)


def _special(words: list[str], at: int, program: str) -> Iterator[tuple[int, str]]:
    """Yield the places of secrets that are not arguments of options."""
    plain = [i for i in range(at + 1, len(words)) if words[i] and not words[i].startswith("-")]
    first = words[plain[0]] if plain else ""
    found: list[tuple[int, str]] = []
    if program == "htpasswd" and any(w.startswith("-") and not w.startswith("--") and "b" in w for w in words[at + 1 :]):
        found = [(plain[-1], "-b")] if len(plain) >= 2 else []
    elif program == "openssl":
        found = [(i, words[i - 1] if words[i - 1].startswith("-") else "pass:") for i in plain if words[i].startswith("pass:")]
        if first == "passwd" and len(plain) > 1:
            found.append((plain[-1], "passwd"))
    elif program == "mkpasswd":
        found = [(plain[-1], "its password")] if plain and words[plain[-1] - 1] not in ("-m", "-S", "-R") else []
    elif program == "wpa_passphrase":
        found = [(plain[1], "its passphrase")] if len(plain) > 1 else []
    elif program == "sqlplus":
        found = [(i, "user/password") for i in plain if words[i][0] not in "/@" and "/" in words[i].partition("@")[0]]
    elif program == "rabbitmqctl" and first in ("add_user", "change_password", "authenticate_user"):
        found = [(plain[2], first)] if len(plain) > 2 else []
    elif program == "vault" and first == "login":
        found = [(i, "login") for i in plain[1:2] if "=" not in words[i]]
    elif program == "kubectl" and "secret" in words:
        found = [
            (i, "--from-literal")
            for i in range(at + 1, len(words))
            if words[i].startswith("--from-literal=") or (words[i - 1] == "--from-literal" and "=" in words[i])
        ]
    if program in _READERS or any(word in _STDIN for word in words):
        found += [(i, "<<<") for i in plain if words[i - 1] == "<<<"]
    if program in _NAMED_BEFORE:
        named = [i for i in plain[:-1] if is_secret_name(words[i])]
        found += [(i + 1, _label(words[i])) for i in named if i + 1 in plain and _is_plausible(words[i + 1])]
    yield from ((i, label) for i, label in found if not _is_reference(words[i].partition("=")[2] or words[i]))


# --- a text that a shell reads


def _of_text(text: str, depth: int) -> Iterator[Found]:
    """Yield each secret in the shell's commands in ``text``."""
    commands = _commands(text)
    for place, (words, is_piped) in enumerate(commands):
        yield from _of_command(words, depth)
        if is_piped and place and _base(commands[place - 1][0][0]) in ("echo", "printf"):
            at, program = _programs(words)[-1]
            said = [word for word in commands[place - 1][0][1:] if not word.startswith("-") and word.lower() not in ("y", "n")]
            reads = program in _READERS or any(word in _STDIN for word in words)
            if reads and any(_is_plausible(word) for word in said):
                yield at, "echo", OTHERWISE


def _commands(text: str) -> list[tuple[list[str], bool]]:
    """Return the simple commands in ``text``, each with True if a pipe leads to it. Quotes are removed, nothing is expanded."""
    found: list[tuple[list[str], bool]] = []
    words: list[str] = []
    word: list[str] | None = None
    quote = ""
    is_piped = False
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if quote:
            if char == quote:
                quote = ""
            elif char == "\\" and quote == '"' and text[at : at + 1] in ('"', "\\", "$", "`"):
                word = [*(word or []), text[at]] if word is None else word
                word.append(text[at])
                at += 1
            elif word is not None:
                word.append(char)
            continue
        if char in "'\"":
            quote = char
            word = [] if word is None else word
        elif char == "\\" and at < len(text):
            word = [] if word is None else word
            word.append(text[at])
            at += 1
        elif char in " \t<>\n;&|()":
            if word is not None:
                words.append("".join(word))
                word = None
            if text[at - 1 : at + 2] == "<<<":
                words.append("<<<")
                at += 2
            if char in "\n;&|()":
                if words:
                    found.append((words, is_piped))
                    words = []
                    is_piped = char == "|" and text[at : at + 1] != "|"
                else:
                    is_piped = is_piped and char == "\n"
                if char == "|" and text[at : at + 1] == "|":
                    at += 1
        else:
            word = [] if word is None else word
            word.append(char)
    if word is not None:
        words.append("".join(word))
    if words:
        found.append((words, is_piped))
    return found


# --- what is a secret wherever it stands


def _anywhere(word: str) -> Iterator[str]:
    """Yield a label for each kind of secret in ``word`` that can be known without its program."""
    if _has_url_with_password(word):
        yield "a URL with a password"
    if "PRIVATE KEY" in word and "-----BEGIN " in word and len(word) > 100:
        yield "a private key"
    if any(_has_token(word, prefix) for prefix in _PREFIXES if prefix in word):
        yield "a token"
    header = word.rpartition("=")[2] if word.lower().startswith(("--header=", "http.extraheader=", "-hauth")) else word
    low = header.lower()
    for name in _HEADERS if ":" in low else ():
        begin = low.find(name)
        if begin == 0 or (begin > 0 and low[:begin] in ("-h", "-h ")):
            value = header[begin + len(name) :].split()
            if value and not (len(value) == 1 and value[0].lower() in _SCHEMES) and _is_plausible(value[-1]):
                yield header[begin : begin + len(name)]


def _has_url_with_password(word: str) -> bool:
    at = word.find("://")
    while at >= 0:
        authority = word[at + 3 : at + 3 + _LONGEST]
        for end in "/?# \t\n\"'":
            authority = authority.partition(end)[0]
        user, is_there, _ = authority.rpartition("@")
        if is_there and _is_plausible(user.partition(":")[2]):
            return True
        at = word.find("://", at + 3)
    return False


def _has_token(word: str, prefix: str) -> bool:
    at = word.find(prefix)
    while at >= 0:
        rest = word[at + len(prefix) : at + len(prefix) + 4 * _LEAST]
        n_same = next((n for n, char in enumerate(rest) if not (char.isascii() and (char.isalnum() or char in "_-."))), len(rest))
        is_whole = at == 0 or not word[at - 1].isalnum()
        is_one = any(char.isdigit() for char in rest[:n_same]) and (prefix not in ("AKIA", "ASIA") or rest[:16].isupper())
        if is_whole and n_same >= _LEAST and is_one:
            return True
        at = word.find(prefix, at + 1)
    return False


def _assignments(word: str) -> Iterator[str]:
    """Yield the name of each ``name=value`` and ``"name": "value"`` in ``word`` whose name is that of a secret."""
    if "=" in word and not word.startswith("=="):
        text = word if " " in word else word.replace("='", "=").replace('="', "=")  # with blanks, it is read as a text, too
        for char in ",;&?\t\n\"'()":
            text = text.replace(char, " ")
        for piece in text.split(" "):
            parts = piece.split("=")
            for k in range(len(parts) - 1):
                name, value = _name_at_end(parts[k]), parts[k + 1] or "=" * (k + 2 < len(parts))
                is_option = k == 0 and piece.startswith("-") and word.startswith(piece)  # see _of_options
                if not is_option and is_secret_name(name) and _is_plausible(value):
                    yield _label(name)
    if '"' in word and ":" in word:
        compact = word.replace(" ", "")
        at = compact.find('":"')
        while at >= 0:
            name = compact[max(0, at - _LONGEST) : at].rpartition('"')[2]
            value = compact[at + 3 : at + 3 + _LONGEST].partition('"')[0]
            if is_secret_name(name) and _is_plausible(value):
                yield _label(name)
            at = compact.find('":"', at + 1)


def _name_at_end(text: str) -> str:
    at = len(text)
    while at and (text[at - 1].isalnum() or text[at - 1] in "_-."):
        at -= 1
    return text[at:]


def _sets_password(word: str) -> bool:
    """True if ``word`` is a statement of SQL that sets a password."""
    low = word.lower()
    for words, before in _SQL_WORDS:
        at = low.find(before, max(low.find(words), 0))
        following = low[at + len(before) :].lstrip()[:2]
        if words in low and at >= 0 and following[:1] in ("'", '"') and following[1:] not in ("'", '"', ""):
            return True
    return False


def is_secret_name(name: str) -> bool:
    """True if ``name``, the name of an option or of a variable, says that its value is a secret."""
    low = name.strip("-").lower()
    if low in _NAMES:
        return True
    parts = low.replace("_", "-").replace(".", "-").split("-")
    if (parts[0] in _NOT_BEFORE and len(parts) > 1) or "-".join(parts) in _NO_NAMES:
        return False
    if parts[-1] in _LAST or (parts[-1] == "pwd" and len(parts) > 1 and parts[0] != "old"):
        return len(parts) > 1 or parts[-1] in ("pass", "psk", "passcode")
    return "".join(parts).endswith(_ENDINGS)


def _is_plausible(value: str) -> bool:
    """True if ``value`` may be a secret itself. A path, a reference to a variable and a word such as ``prompt`` are none."""
    value = value.strip("\"'")
    if not value or value.lower() in _NO_VALUES or _is_reference(value) or set(value) <= set("*x.X"):
        return False
    if value.startswith(_NO_BEGINNINGS) or value.lower().endswith(_FILES):
        return False
    return not (len(value) == 1 and value.isdigit())


def _is_reference(value: str) -> bool:
    """True if ``value`` only refers to a variable or to a command: ``$PASS``, ``${PASS}``, ``$(cat FILE)``."""
    value = value.strip("\"'")
    if value == "$" or value.startswith(("$(", "${", "`", "{{")):
        return True
    return value.startswith("$") and value[1:].replace("_", "a").isalnum() and not value[1:2].isdigit()
