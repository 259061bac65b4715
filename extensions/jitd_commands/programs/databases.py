# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: clients of databases and directories.

Law: SQL is read by its first words: what can start programs, write files of the server or read password hashes is found. Of SQL
that jitd cannot read, it says so.
"""

from __future__ import annotations

import re
from dataclasses import replace

from jitd_commands.judging import Call, Row
from jitd_commands.programs.decision_table import DecisionTable
from jitd_commands.programs.shared import nothing, trusts, words
from jitd_commands.shell_text import Word

_COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_NAMED = re.compile(r"[\"`](\w+)[\"`]")
_QUOTED = re.compile(r"'(?:[^'\\]|''|\\.)*'|\"[^\"]*\"|`[^`]*`", re.DOTALL)
_PLAIN_SETTINGS = (
    r"work_mem|maintenance_work_mem|shared_buffers|effective_cache_size|temp_buffers|max_connections|(?:max|min)_wal_size"
    r"|checkpoint_\w+|autovacuum\w*|log_(?:min_duration_statement|statement|connections|disconnections|lock_waits|checkpoints"
    r"|temp_files|autovacuum_min_duration|timezone|min_messages)|random_page_cost|seq_page_cost|effective_io_concurrency"
    r"|default_statistics_target|(?:statement|lock|idle_in_transaction_session|wal_sender|wal_receiver)_timeout"
    r"|max_(?:worker_processes|parallel_\w+|wal_senders|replication_slots|locks_per_transaction)|wal_(?:level|buffers|keep_size"
    r"|compression)|synchronous_commit|timezone|jit|track_\w+|huge_pages|hot_standby\w*"
)
"""Settings of PostgreSQL that name no program, file or library."""
_STARTS_PROGRAMS = re.compile(
    r"\bcopy\b.*\bprogram\b|\blanguage\s+'?\"?(c|plpython\w*|plperlu|pltclu|plsh|internal)\b|\bcreate\s+(trusted\s+)?extension\b"
    r"|\bcreate\s+(or\s+replace\s+)?(trusted\s+)?(procedural\s+)?language\b|\bload\s+'|\balter\s+system\b(?!\s+set\s+(?:"
    + _PLAIN_SETTINGS
    + r")\b)|\bsys_(exec|eval)\b"
    r"|\bsoname\b|\binstall\s+(plugin|component)\b|\bxp_cmdshell\b|\bload_extension\b|\blo_export\b|\bpg_(file_write|file_rename)\b"
    r"|\binto\s+(outfile|dumpfile)\b|\bwritefile\s*\(|\bedit\s*\(|\bset\s+global\s+(general_log|slow_query_log)_file\b",
    re.IGNORECASE | re.DOTALL,
)
_MAKES_SUPER = re.compile(
    r"\b(?<!no)superuser\b|\bpg_(execute_server_program|write_server_files|read_server_files|read_all_data|write_all_data)\b"
    r"|\bgrant\s+all(\s+privileges)?\s+on\s+\*\.\*|\b(with\s+grant\s+option|grant\s+super\b)",
    re.IGNORECASE | re.DOTALL,
)
_SECRETS = re.compile(
    r"\bpg_(shadow|authid|user_mappings?|read_(binary_)?file|stat_file|ls_dir)\b|\brolpassword\b|\bpasswd\b|\bpassword\b"
    r"|\bmysql\s*\.\s*(user|global_priv)\b|\bauthentication_string\b|\bload_file\s*\(|\blo_import\b|\breadfile\s*\(|\bshow\s+grants\b",
    re.IGNORECASE,
)
_LOOKS = words(
    "select with show explain values table describe desc use begin commit rollback end start analyze vacuum fetch declare"
    " help status"
    " discard pragma checkpoint listen savepoint release"
)
_CREATES = re.compile(
    r"create\s+((unique|temporary|temp|unlogged|materialized|if\s+not\s+exists|or\s+replace)\s+)*(table|index|database|schema|sequence|view)\b",
    re.IGNORECASE,
)
_KNOWN = words(
    "alter call change checksum cluster comment commit copy create deallocate delete do drop execute flush grant import"
    " insert kill load"
    " lock merge move notify optimize prepare purge reassign refresh reindex rename repair replace reset revoke security"
    " set shutdown stop"
    " truncate unlock update upsert attach detach"
)
_ACTS = re.compile(
    r"\bpg_(terminate|cancel)_backend\b|\bpg_(reload_conf|rotate_logfile|switch_wal|promote|drop_replication_slot|create_restore_point)\b"
    r"|\bsetval\b|\blo_unlink\b|\bdblink\w*\b|\b(insert\s+into|delete\s+from)\b|\bupdate\s+\S+\s+set\b|\bselect\b.*\binto\b\s+(?!@)",
    re.IGNORECASE | re.DOTALL,
)


def _sql(call: Call, text: str) -> None:
    """The program sends the SQL ``text`` to a server."""
    whole = _COMMENTS.sub(" ", text)
    if _STARTS_PROGRAMS.search(whole):
        return call.gives("runs SQL that can start programs or write files")
    if _MAKES_SUPER.search(whole) and re.match(r"\s*(create|alter|grant|update|insert|set)\b", whole, re.IGNORECASE):
        return call.gives("makes somebody a superuser of the database")
    if _SECRETS.search(_QUOTED.sub("''", whole)):
        call.discloses("runs SQL that reads passwords or files of the server")
    plain = _QUOTED.sub("''", _NAMED.sub(r"\1", whole))
    is_taken_back = call.name == "psql" and whole == text and _TAKEN_BACK.fullmatch(plain) is not None
    for statement in plain.split(";"):
        found = re.match(r"\s*\(*\s*([A-Za-z]+)", statement)
        if found is None:
            if statement.strip():
                call.unknown("jitd does not know what this SQL does")
            continue
        verb = found[1].lower()
        if is_taken_back and verb in ("alter", "create", "delete", "drop", "insert", "truncate", "update"):
            continue
        if verb == "vacuum" and (call.name.startswith("sqlite") or re.search(r"\bfull\b", statement, re.IGNORECASE)):
            call.changes("runs SQL that locks tables and writes them anew")
        elif verb in _LOOKS:
            if verb in ("with", "explain") and _ALL_ROWS.search(statement):
                call.destroys("deletes all rows of a table")
            elif _ACTS.search(statement):
                call.changes("runs SQL that changes data or sessions")
        elif verb == "copy" and re.search(r"\bto\s+stdout\b", statement, re.IGNORECASE):
            call.discloses("shows whole tables")
        elif _CREATES.match(statement.strip()) or (
            verb == "set" and not re.match(r"\s*set\s+(global|persist|password|role)", statement, re.I)
        ):
            continue
        elif verb in _KNOWN:
            _statement(call, verb, " ".join(statement.split()))
        else:
            call.unknown("jitd does not know what this SQL does")


_LOST: tuple[tuple[str, str], ...] = (
    (r"drop (database|schema|keyspace|tablespace) (?:if exists )?(\S+)(?: .*)?", "deletes the {0} {1} with all that is in it"),
    (
        r"drop (table|materialized view|measurement|collection|stream|dictionary) (?:if exists )?(.+?)(?: cascade| restrict)?",
        "deletes the {0} {1} with all its rows",
    ),
    (r"truncate (?:table )?(?:only )?(?:if exists )?(.+?)(?: cascade| restart identity| restrict)*", "deletes all rows of {0}"),
    (r"delete from (?:only )?(\S+)(?! .*\bwhere\b)(?: .*)?", "deletes all rows of {0}"),
    (r"update (?:only )?(\S+) set (?!.* where ).*", "overwrites all rows of {0}"),
    (
        r"alter table (?:if exists )?(?:only )?(\S+) .*\bdrop (?:column|partition) (?:if exists )?(\S+).*",
        "deletes the column or part {1} of {0}",
    ),
    (r"(?:purge|reset) (?:binary|master)\b.*", "deletes the logs from which a database is restored"),
    (r"drop owned by (\S+).*", "deletes all that belongs to {0}"),
)
"""SQL that destroys, and what it destroys."""
_TAKEN_BACK = re.compile(
    r"\s*(?:begin|start\s+transaction)\b[^;]*;(?:(?!\s*(?:commit|end|rollback|abort|prepare|begin|start)\b)[^;]*;)*\s*rollback\s*;?\s*",
    re.IGNORECASE,
)
"""SQL of one transaction that is taken back. Only in PostgreSQL this is true of statements such as DROP, too."""
_ALL_ROWS = re.compile(r"\bdelete\s+from\b(?!.*\bwhere\b)", re.IGNORECASE | re.DOTALL)
_KINDS = words("database schema keyspace tablespace table measurement collection stream dictionary") | {"materialized view"}


def _statement(call: Call, verb: str, statement: str) -> None:
    """The program sends one statement that changes something."""
    for pattern, says in _LOST:
        if found := re.fullmatch(pattern, statement, re.IGNORECASE):
            return call.destroys(says.format(*(part.lower() if part.lower() in _KINDS else part[:60] for part in found.groups())))
    if verb == "shutdown" or re.match("(?i)stop (slave|replica)", statement):
        told = "stops a database server" if verb == "shutdown" else "stops the copying from another server"
        return call.stops(told, back="until it is started again") if verb == "shutdown" else call.changes(told)
    call.changes(f"runs SQL that changes the database: {statement[:60]}")


def _sql_of(call: Call, text: Word) -> bool:
    """True if ``text`` is known. Otherwise it is said that the program runs any SQL."""
    if text.is_free:
        call.gives("runs any SQL that it is given, which can start programs")
        if re.match(r"\s*(drop|truncate|delete\s+from)\s", text.text, re.IGNORECASE):
            call.destroys(f"runs SQL whose end jitd cannot tell: {text.text.strip()[:40]}")
    elif call.is_too_long(text):
        return False
    return not text.is_free


def _pipe(call: Call, target: Word) -> None:
    """The program writes to ``target``, or to a program if a ``|`` is before it."""
    if target.text.startswith("|"):
        call.runs_text(Word(target.text[1:], target.is_free))
    else:
        call.writes(target)


_PSQL_META = re.compile(r"\\([a-z?!+]+|[^\s\w])[ \t]*([^\n\\]*)", re.IGNORECASE)


def _psql_text(call: Call, text: Word) -> None:
    if not _sql_of(call, text):
        return
    body = text.text
    is_plain = any(re.sub(r"\s", "", value.text).startswith("pager=") for value in call.values("P", "pset"))
    if (
        call.is_shown
        and not is_plain
        and re.search(r"^\s*\(*(select|with|show|explain|table|values|\\[dlzs])|;\s*select\b", body, re.IGNORECASE)
    ):
        call.leads("starts a pager, which can start a shell")
    for found in _PSQL_META.finditer(_QUOTED.sub(lambda quoted: quoted[0] if quoted[0][0] == "`" else "''", body)):
        verb, rest = found[1], found[2].strip()
        if verb == "!":
            if rest:
                call.runs_text(Word(body[body.index("\\!") + 2 :].split("\n")[0]))
            else:
                call.gives("starts a shell")
        elif verb in ("e", "edit", "ef", "ev"):
            call.gives("starts an editor")
        elif (
            "`" in rest or verb == "setenv" or rest.startswith("|") or (verb == "copy" and re.search(r"\bprogram\b", rest, re.I))
        ):
            call.gives("starts a program")
        elif verb in ("i", "ir", "include", "include_relative"):
            call.runs_file(Word(rest))
        elif verb in ("o", "out", "w", "write", "g", "gx", "s", "log") and rest:
            call.writes(Word(rest))
        elif verb == "copy" and (to := re.search(r"\bto\s+(\S+)", rest, re.I)) and to[1].lower() != "stdout":
            call.writes(Word(re.sub(r"^'|'$", "", to[1])))
        elif verb == "password":
            call.changes("changes a password of the database")
    _sql(call, _PSQL_META.sub(" ", body))


_ANY_SQL = "runs any SQL that it is given, which can start programs"


def _psql(call: Call) -> None:
    if call.has("V", "version", "help", "?"):
        return
    if call.has("l", "list"):
        if call.is_shown and not call.has("o", "output"):
            call.leads("starts a pager, which can start a shell")
        return
    for target in call.values("o", "output"):
        _pipe(call, target)
    for log in call.values("L", "log-file"):
        call.writes(log)
    texts, files = call.values("c", "command"), call.values("f", "file")
    for text in texts:
        _psql_text(call, text)
    for file in files:
        if file.text == "-" and not file.is_free:
            call.runs_input("runs any SQL, and programs,")
        else:
            call.runs_file(file)
    if not texts and not files:
        given = call.input
        if given is not None and given.text is not None:
            _psql_text(call, Word(given.text))
        elif given is None:
            call.gives("can start a shell")
        else:
            call.runs_input()


_MYSQL_META = re.compile(r"(?:^|[;\n])\s*(?:\\([!.TPe])|(system|source|tee|pager|edit)\b)[ \t]*([^;\n]*)", re.IGNORECASE)


def _mysql_text(call: Call, text: Word) -> None:
    if not _sql_of(call, text):
        return
    for found in _MYSQL_META.finditer(text.text):
        verb = (found[1] or found[2]).lower()
        rest = found[3].strip()
        if verb in ("!", "system", "pager", "p"):
            if rest:
                call.runs_text(Word(rest))
            else:
                call.gives("starts a shell")
        elif verb in (".", "source"):
            call.runs_file(Word(rest))
        elif verb in ("tee", "t"):
            call.writes(Word(rest))
        else:
            call.gives("starts an editor")
    rest = _MYSQL_META.sub(";", text.text)
    _sql(call, re.sub(r"\\[gG]", ";", rest))


def _mysql(call: Call) -> None:
    trusts(call, call.values("defaults-file", "defaults-extra-file", "plugin-dir", "defaults-group-suffix"))
    if call.has("V", "version", "help", "?", "I"):
        return
    for file in call.values("tee"):
        call.writes(file)
    for pager in call.values("pager"):
        call.runs_text(pager)
    texts = call.values("e", "execute", "init-command", "init-command-add")
    for text in texts:
        _mysql_text(call, text)
    if call.has("e", "execute"):
        return
    given = call.input
    if given is not None and given.text is not None:
        _mysql_text(call, Word(given.text))
    elif given is None:
        call.gives("can start a shell")
    else:
        call.runs_input()


_MYSQL = (
    "e: execute: D: database: u: user: p:: password:: h: host: P: port: S: socket: protocol: defaults-file: defaults-extra-file:"
    " defaults-group-suffix: plugin-dir: default-auth: init-command: tee: pager:: prompt: delimiter:"
    " default-character-set: ssl-ca: ssl-cert:"
    " ssl-key: connect-timeout: N B s t r w V I ?"
)


def _dumps(call: Call) -> None:
    trusts(call, call.values("defaults-file", "defaults-extra-file", "plugin-dir"))
    if call.has("V", "version", "help", "?", "l", "list"):
        return
    for file in call.values("f", "file", "r", "result-file", "o", "out", "archive"):
        call.writes(file)
    if call.name in ("mysqldump", "mariadb-dump") and call.has("no-data") and call.operands:
        return
    call.discloses("shows or copies the data of a database")


def _pg_dump(call: Call) -> None:
    if call.has("V", "version", "help", "?"):
        return
    for file in call.values("f", "file"):
        call.writes(file)
    call.discloses("shows or copies the data of a database")


def _pg_restore(call: Call) -> None:
    if call.has("l", "list", "V", "version", "help", "?"):
        for archive in call.operands:
            call.reads(archive)
        return None
    for file in call.values("f", "file"):
        if file.text != "-" or file.is_free:
            call.writes(file)
    if not call.has("d", "dbname"):
        return call.discloses("shows the data of a database")
    for archive in call.operands:
        path = call.absolute(archive)
        if path is None or archive.is_free or call.judge.changed_by(path):
            call.runs_file(archive)
    if not call.operands:
        call.runs_input("runs the SQL in")
    for database in call.values("d", "dbname"):
        if call.has("c", "clean"):
            told = f"replaces what is in {database.text[:60] or 'a database'}: what was written since is gone"
            return call.destroys(told, back="")
        call.changes(f"writes to the database {database.text[:60] or 'that it names'}")


def _pg_basebackup(call: Call) -> None:
    if call.has("V", "version", "help", "?"):
        return
    for command in call.values("t", "target"):
        if command.text.startswith("shell") or command.is_free:
            call.leads("lets the server start a program")
    call.discloses("copies all data of the server")
    for directory in call.values("D", "pgdata"):
        call.writes(directory, is_use=False)


def _createuser(call: Call) -> None:
    if call.has("s", "superuser", "interactive", "g", "role", "member-of", "a", "with-admin"):
        return (
            call.gives("makes a superuser or a member of a role")
            if call.has("s", "superuser")
            else call.leads("gives a role's rights")
        )
    call.changes(f"makes the account {call.operands[-1].text[:60] if call.operands else 'that it names'} of the database")


def _sqlite_text(call: Call, text: Word) -> None:
    if not _sql_of(call, text):
        return
    sql: list[str] = []
    for line in text.text.split("\n"):
        found = re.match(r"\s*\.([a-z]+)\s*(.*)", line, re.IGNORECASE)
        if found is None:
            sql.append(line)
            continue
        verb, rest = found[1].lower(), found[2].strip().strip("'\"")
        if len(verb) > 1 and ("shell".startswith(verb) or "system".startswith(verb)):
            call.runs_text(Word(found[2]))
        elif verb in ("load", "excel", "www", "sha3sum") or rest.startswith("|"):
            call.gives("starts a program or loads a library")
        elif verb in ("read", "r", "re", "rea"):
            call.runs_file(Word(rest))
        elif verb in ("output", "once", "log", "trace", "backup", "save", "clone", "archive", "ar", "dump", "o", "cd"):
            if rest and rest not in ("off", "stdout", "stderr") and verb not in ("dump", "cd"):
                call.writes(Word(rest.split()[-1]))
        elif verb == "restore":
            call.destroys("replaces a database by a copy")
        elif verb in ("import", "recover", "open"):
            call.changes(f"runs .{verb} {rest[:60]} on a database")
    for found in re.finditer(
        r"(?i)\b(?:attach\s+(?:database\s+)?|vacuum\s+(?:\w+\s+)?into\s+)(?:'([^']*)'|\"([^\"]*)\")", text.text
    ):
        call.writes(Word(found[1] or found[2] or ""))
    _sql(call, "\n".join(sql))


_SQLITE_VALUED = words("-cmd -init -separator -nullvalue -newline -vfs -mmap -heap -maxsize -lookaside -pagecache -A")


def _sqlite3(call: Call) -> None:
    operands: list[Word] = []
    words = list(call.words)
    while words:
        word = words.pop(0)
        name = word.text.replace("--", "-", 1)
        if word.is_free and word.text in ("", "-", "--") and not word.is_bound:
            return call.gives("can start a shell")
        if not word.text.startswith("-"):
            operands.append(word)
        elif name in ("-version", "-help"):
            return None
        elif name in _SQLITE_VALUED and words:
            value = words.pop(0)
            if name == "-cmd":
                _sqlite_text(call, value)
            elif name == "-init":
                call.runs_file(value)
            elif name == "-A":
                call.changes("works on an archive")
    for text in operands[1:]:
        _sqlite_text(call, text)
    if len(operands) < 2:
        given = call.input
        if given is not None and given.text is not None:
            _sqlite_text(call, Word(given.text))
        elif given is None:
            call.gives("can start a shell")
        else:
            call.runs_input()
    for database in operands[:1]:
        call.reads(database)


_REDIS_LOOKS = words(
    "info ping get mget ttl pttl dbsize scan keys type exists strlen llen lrange scard smembers zcard zrange hlen hget"
    " hgetall hkeys memory"
    " slowlog latency time role lastsave command client object xinfo xlen echo bgsave save lolwut pubsub"
)


def _redis(call: Call) -> None:
    for script in call.values("eval"):
        call.runs_file(script)
    for file in call.values("rdb", "functions-rdb"):
        call.discloses("copies all data of the server")
        call.writes(file)
    if call.has("stat", "latency", "latency-history", "bigkeys", "memkeys", "hotkeys", "version", "help", "v", "eval", "rdb"):
        return None
    if call.has("scan") and not call.operands:
        return None
    verb = call.verb
    if verb is None:
        return call.leads("takes any commands, which can write files of the server")
    name = verb.text.lower()
    second = call.operands[1].text.lower() if len(call.operands) > 1 else ""
    if verb.is_free or name in words("eval evalsha fcall module debug slaveof replicaof migrate script function"):
        if name == "eval" and re.search(r"flush(all|db)|\b(del|unlink)\b", second):
            call.destroys(f"deletes data of the server: {second[:60]}")
        if (verb.is_free or name in ("slaveof", "replicaof")) and second != "no":
            call.destroys("can delete all data of the server" if verb.is_free else "replaces all data of the server by another's")
        return call.leads("can make the server load code or write files")
    if name == "config":
        if (
            second == "set"
            and len(call.operands) > 2
            and call.operands[2].text.lower() in ("dir", "dbfilename", "appendfilename", "logfile", "*")
        ):
            return call.leads("makes the server write files elsewhere")
        if second in ("set", "rewrite", "resetstat", ""):
            told = " ".join(word.text for word in call.operands[1:])[:60]
            return call.changes(f"changes the settings of the server: {told}")
        return (
            call.discloses("shows passwords of the server")
            if len(call.operands) > 2 and call.operands[2].text in ("*", "requirepass")
            else None
        )
    if name == "acl" and second not in ("whoami", "cat", "list", "users"):
        return call.changes(f"changes who may use the server: {' '.join(word.text for word in call.operands[1:3])[:60]}")
    if name in ("monitor", "dump", "psubscribe", "subscribe", "sync", "psync"):
        return call.discloses("shows the data of others")
    if name == "client" and second in ("kill", "pause", "reply", "no-evict"):
        return call.changes("stops other people's connections")
    if name in ("del", "unlink") and any(word.is_free for word in call.operands[1:]):
        return call.destroys("deletes keys that jitd cannot tell")
    if name not in _REDIS_LOOKS:
        rest = [replace(word, text=word.text.lower()) if name in ("shutdown", "cluster") else word for word in call.operands[1:]]
        _REDIS(replace(call, sorted_operands=[Word(name), *rest]))


_REDIS = DecisionTable("""
    flushall                 destroys  deletes all databases of the server
    flushdb                  destroys  deletes the whole database {-n:0}
    shutdown nosave          destroys  stops the server, and what it has not written is gone
    shutdown                 stops     stops the server  until it is started again
    cluster reset|forget|flushslots|delslots|failover  destroys  takes the server out of its cluster, or its data from it
    failover                 changes   lets another server take over
    del|unlink               changes   deletes the keys {2+}
    expire|pexpire|expireat  changes   lets the key {2} end
    rename                   changes   renames the key {2} to {3}
    swapdb                   changes   exchanges the databases {2} and {3}
    set|setex|mset|hset|lpush|rpush|sadd|zadd|incr|append  changes   writes the key {2}
    bgrewriteaof             changes   writes the log of the server anew
    *                        changes   changes the data of the server: {1} {2+}
""")


_MONGO_LOST = r"[\w.$\"'()\[\]-]*\.(dropDatabase\(|drop\(|(remove|deleteMany)\(\s*(\{\s*\})?\s*\))|dropDatabase\s*:\s*1"
"""Code for MongoDB that destroys."""
_MONGO_LOOKS = re.compile(
    r"\s*(rs\.(status|conf|hello|printReplicationInfo|printSecondaryReplicationInfo)\(\)|db\.(stats|version|serverStatus|hello"
    r"|getCollectionNames)\(\)|db\.[\w.]+\.((estimated|count)\w*|count|stats|dataSize|totalSize|storageSize|totalIndexSize|getIndexes"
    r"|createIndex(es)?)\([^()`$]*\));?\s*"
)
"""Code for MongoDB that shows how a server is and what it has, or makes an index."""


def _mongosh(call: Call) -> None:
    if call.has("version", "help", "h"):
        return
    for file in call.values("f", "file"):
        call.runs_file(file)
    for file in call.operands:
        if file.text.endswith(".js") or file.is_free:
            call.runs_file(file)
    for text in call.values("eval"):
        if not text.is_free and _MONGO_LOOKS.fullmatch(text.text):
            continue
        if text.is_free or re.search(
            r"require|import|child_process|process|run\w*\(|load\(|editor|fs\b|eval|Function", text.text
        ):
            call.gives("runs code that can start programs")
        elif found := re.search(_MONGO_LOST, text.text):
            call.destroys(f"deletes data: {found[0].rstrip('(')[:60]}")
        elif re.search(r"shutdownServer|shutdown\s*:\s*1", text.text):
            call.stops("stops a database server", back="until it is started again")
        elif re.search(
            r"drop|remove|delete|insert|update|replace|create|grant|revoke|shutdown|kill|rename|set[A-Z(]|admin"
            r"|rs\.(stepDown|add|addArb|reconfig|initiate|freeze|syncFrom)\(|sh\.\w+\(",
            text.text,
        ):
            call.changes("changes a database")
        else:
            call.unknown("jitd does not know what this code does")
    if not call.has("eval", "f", "file") and not any(file.text.endswith(".js") for file in call.operands):
        call.gives("can start a shell")


def _always_shell(call: Call) -> None:
    if call.has("version", "help", "V"):
        return
    texts = call.values("e", "execute", "q", "query")
    for text in texts:
        if _sql_of(call, text):
            _sql(call, text.text)
    for file in call.values("f", "file", "queries-file"):
        call.runs_file(file)
    if not texts and not call.has("f", "file", "queries-file"):
        call.gives("can start a shell")


_CLUSTERS = DecisionTable("""
    status                            harmless
    pg_ctlcluster: * * stop           stops     stops the database server {1} {2}  until it is started again
    pg_ctlcluster: * * *              changes   runs {3} on the database server {1} {2}
    pg_ctl: stop|kill                 stops     stops a database server  until it is started again
    pg_ctl: restart                   changes   restarts a database server
    pg_ctl: *                         changes   runs {1} on a database server
    pg_dropcluster:                   destroys  deletes the database server {1+} with all its databases
    pg_resetwal: -n|--dry-run         harmless
    pg_resetwal:                      destroys  drops the log of {-D|--pgdata:a database server}: the last changes are gone
    pg_rewind: -n|--dry-run           harmless
    pg_rewind:  destroys  takes {-D|--target-pgdata:a server} back to another's state: what only it has is gone
    pg_archivecleanup: -n             harmless
    pg_archivecleanup:                destroys  deletes the logs in {1} before {2}, which older backups need
    pg_upgradecluster|pg_upgrade|mysql_upgrade:  changes   upgrades a database server: {1+:all that is in it}
    pg_renamecluster:                 changes   renames the database server {1} {2} to {3}
    pg_createcluster|initdb|mysql_install_db:  changes   makes a new database server: {1+:in its directory}
    mysqld_safe:                      changes   starts a database server
    dropdb:                           destroys  deletes the database {1:that it names} with all its tables
    dropuser:                         changes   deletes the account {1:that it names} of the database
    mysqladmin|mariadb-admin: drop    destroys  deletes the database {2} with all its tables
    mysqladmin|mariadb-admin: shutdown|stop-all-slaves  stops     stops a database server  until it is started again
    mysqladmin|mariadb-admin: status|ping|version|processlist|extended-status|variables  harmless
    mysqladmin|mariadb-admin: password|old-password  changes   sets a password of the database
    mysqladmin|mariadb-admin: create  harmless
    mysqladmin|mariadb-admin: *       changes   runs {1+} on a database server
    mysqlimport: --delete|-D          destroys  deletes all rows of tables of {1}, and writes them anew
    mongorestore: --dryRun            harmless
    mongorestore|mongoimport: --drop  destroys  replaces collections by those of its dump: what was written since is gone
    mysqlimport|mongorestore|mongoimport:  changes   writes to the database {1:that it names}
    pgbench: -i|--initialize          destroys  deletes the tables pgbench_* of {1:a database}, and makes them anew
    pgbench:                          changes   writes to the database {1:that it names} to measure it
    clusterdb:                        changes   locks the tables of {1:a database} and writes them anew
    vacuumdb: -f|--full               changes   locks the tables of {1:databases} and writes them anew
    vacuumdb:                         harmless
    mysqlcheck|mariadb-check: -o|--optimize|-r|--repair|--fix-db-names|--fix-table-names  changes  \
        writes the tables of {1:databases} anew
    mysqlcheck|mariadb-check:         harmless
    pt-archiver: --dry-run            harmless
    pt-archiver: --no-delete          changes   copies rows of {--source:a table}
    pt-archiver:                      destroys  deletes the rows of {--source:a table} where {--where:it says}
    pt-online-schema-change: --dry-run|--print  harmless
    pt-online-schema-change:          changes   writes a table anew: {--alter:its definition}
    pt-kill: --print                  harmless
    pt-kill:                          changes   ends what others ask of a database server
    pt-table-sync: --print|--dry-run  harmless
    pt-table-sync:                    changes   writes to the tables of a database server
""")
"""What programs do to servers and databases as a whole."""


def _cluster(call: Call) -> None:
    words = {word.text for word in call.operands}
    if call.operands and not any(word.is_free for word in call.operands) and words & {"status"}:
        return
    for option in call.values("D", "pgdata", "o", "options"):
        path = call.absolute(option) if not option.text.startswith("-") else None
        if option.is_free or (path is not None and call.judge.changed_by(path)) or (path is None and "/" in option.text):
            call.gives("starts a server with settings that others choose")
    _CLUSTERS(call)


def _percona(call: Call) -> None:
    trusts(call, call.values("config", "defaults-file"))
    if call.has("plugin", "exec", "execute-command", "F"):
        call.gives("loads code or starts programs that its options name")
    for file in call.values("file", "pid", "log"):
        call.writes(file, is_use=False)
    _CLUSTERS(call)


def _influx(call: Call) -> None:
    """Its first version has options with one hyphen, and its second one has verbs."""
    texts = call.values("execute")
    for text in texts:
        if _sql_of(call, text):
            _sql(call, text.text)
    if call.has("version", "help", "h") or texts:
        return None
    if call.verb is None or call.verb.is_free or call.may_add_options:
        return call.gives("can start a shell")
    return _INFLUX(call)


_INFLUX = DecisionTable("""
    ping|version|help    harmless
    bucket|org|user|task|dashboards|telegrafs|stacks|remote|replication|v1 list|ls|find  harmless
    auth list|ls|find    reads     {program} shows tokens of the server
    bucket|org|user|task|replication|remote delete  destroys  \
        deletes the {1} {--name|-n|--id|-i:that it names} with all that is in it
    delete               destroys  deletes points of {--bucket|-b:a bucket} from {--start:one time} to {--stop:another}
    restore              destroys  replaces data by those of the backup {2}
    backup|query|export  reads     {program} shows or copies the data of a database
    *                    changes   runs {1+} on the server
""")


def _ldapsearch(call: Call) -> None:
    for file in call.values("y"):
        call.reads(file)
    if call.has("T", "t"):
        call.changes("writes files")
    if any(
        re.search("password|ntpwd|krbprincipalkey|unicodepwd|\\*", word.text, re.IGNORECASE) or word.is_free
        for word in call.operands
    ):
        call.discloses("may show password hashes of a directory")


_PG = "h: host: p: port: U: username: d: dbname: w W e q V version help ?"
_CLIENT = "h: host: P: port: S: socket: u: user: p:: password:: defaults-file: defaults-extra-file: plugin-dir: V version help ?"

ROWS = (
    Row(
        "psql pgcli",
        _psql,
        "command: echo-errors E echo-hidden no-align tuples-only html expanded no-psqlrc single-transaction quiet echo-all"
        " no-password password csv c: f: file: o: output: L: log-file: v: set: variable: d: dbname: h: host: p: port: U:"
        " username: P: pset: F: field-separator: R: record-separator: T: table-attr: l list V version ? X A t q x 1 z 0 n s S"
        " w W H b e a",
        chosen=_ANY_SQL,
        operands="a database",
    ),
    Row(
        "pg_dump pg_dumpall",
        _pg_dump,
        "data-only schema-only clean create if-exists verbose v no-owner no-privileges no-acl column-inserts inserts"
        " roles-only tablespaces-only disable-triggers no-password no-comments no-sync "
        f"{_PG} f: file: F: format: j: jobs: n: schema: t: table: T: exclude-table: N: Z: compress: E: encoding:"
        " S: superuser: l: database: g globals-only r a s c C O x"
        " no-role-passwords no-table-access-method no-toast-compression no-unlogged-table-data no-publications"
        " no-subscriptions no-security-labels no-tablespaces rows-per-insert: lock-wait-timeout: snapshot:"
        " exclude-table-data: exclude-schema: exclude-database: extension: load-via-partition-root"
        " quote-all-identifiers section: serializable-deferrable strict-names enable-row-security large-objects"
        " no-large-objects b blobs no-blobs B role: on-conflict-do-nothing extra-float-digits: binary-upgrade"
        " use-set-session-authorization no-reconnect",
        chosen="can write any file",
    ),
    Row(
        "pg_restore",
        _pg_restore,
        "verbose v clean create if-exists no-owner no-privileges single-transaction data-only schema-only exit-on-error e "
        f"{_PG} f: file: F: format: j: jobs: n: schema: t: table: L: use-list: I: P: T: N: S: role: l list a c clean C O s x 1"
        " no-comments no-publications no-security-labels no-subscriptions no-tablespaces no-table-access-method"
        " no-data-for-failed-tables disable-triggers enable-row-security section: strict-names index: function:"
        " trigger: exclude-schema: superuser: use-set-session-authorization",
    ),
    Row(
        "pg_basebackup",
        _pg_basebackup,
        f"{_PG} D: pgdata: F: format: t: target: X: wal-method: T: tablespace-mapping: Z: compress: l: label: c:"
        " checkpoint: r: max-rate: S: slot: i: P v R z"
        " gzip progress verbose no-password write-recovery-conf create-slot no-slot waldir: wal-dir: no-manifest"
        " manifest-checksums: no-verify-checksums no-sync no-clean no-estimate-size server-compress client-compress C"
        " n N",
    ),
    Row(
        "createuser",
        _createuser,
        f"{_PG} s superuser interactive g: role: member-of: a: with-admin: c: connection-limit: m: with-member: v:"
        " valid-until: d D r R l L i I P S",
        chosen="can make a superuser",
        telling="--version --help",
    ),
    Row("dropdb dropuser", _CLUSTERS, f"{_PG} i f force if-exists maintenance-db: echo interactive no-password password"),
    Row(
        "createdb reindexdb pg_isready pg_amcheck pg_lsclusters pg_config pg_controldata pg_checksums pg_test_timing",
        nothing,
        "h p: host: port: U: username: w no-password W password e echo q quiet a all analyze analyze-only analyze-in-stages"
        " Z z v verbose t: table: n: schema: d: dbname: j jobs: f full F freeze i: index: s system S concurrently"
        " no-index-cleanup skip-locked P: parallel: O: owner: T: template: E: encoding: l: locale: lc-collate: lc-ctype: D:"
        " tablespace: timeout: bindir version help V ? c: maintenance-db: json on-error-stop check pgdata: r: relation:"
        " pg_config libdir includedir sharedir sysconfdir pkglibdir",
        operands="databases",
    ),
    Row(
        "pg_ctlcluster pg_ctl pg_createcluster pg_dropcluster pg_upgradecluster pg_renamecluster pg_upgrade pg_resetwal"
        " pg_rewind initdb pg_archivecleanup mysqld_safe mysql_install_db mysql_upgrade",
        _cluster,
        "D: pgdata: target-pgdata: o: options: l: log: m: mode: t: timeout: w W s n dry-run"
        " stop force f foreground p: source-server: source-pgdata: progress P R write-recovery-conf link k jobs: j: b:"
        " B: d: U: rename r clone check old-datadir: new-datadir: start port: locale: encoding: E: datadir: logfile:"
        " socketdir: e: start-conf: c core-files silent no-wait x: next-transaction-id: z wal-segsize: config-file:"
        " debug echo if-exists interactive auth: A: auth-local: auth-host: data-checksums waldir: X: username:"
        " lc-collate: no-locale N no-sync i V version help pid-file: user: defaults-file: datadir-mysql v: clean",
        telling=(
            "--version:pg_ctl,pg_upgrade,pg_resetwal,pg_rewind,initdb,pg_archivecleanup"
            " --help:pg_ctl,pg_upgrade,pg_resetwal,pg_rewind,initdb,pg_archivecleanup"
        ),
    ),
    Row("clusterdb", _CLUSTERS, f"a all v verbose t: table: {_PG}"),
    Row(
        "vacuumdb",
        _CLUSTERS,
        "a all z analyze Z analyze-only analyze-in-stages v verbose t: table: n: schema: N: exclude-schema: j: jobs: F"
        " freeze echo quiet no-index-cleanup no-truncate no-process-toast skip-locked P: parallel: disable-page-skipping"
        " min-xid-age: min-mxid-age: maintenance-db: no-password password "
        f"{_PG} f full",
    ),
    Row(
        "pg_verifybackup",
        nothing,
        "e exit-on-error i: ignore: m: manifest-path: n no-parse-wal P progress q quiet s skip-checksums w: wal-directory:"
        " F: format: V version help ?",
        operands="a backup",
    ),
    Row(
        "pt-archiver pt-online-schema-change pt-kill pt-table-sync",
        _percona,
        "source: where: dest: file: plugin: config: pid: dry-run purge no-delete alter: execute print exec: execute-command:"
        " defaults-file: log: h: host: u: user: p: password: P: port: S: socket: D: database: F: limit: txn-size:",
    ),
    Row(
        "pgbench",
        _CLUSTERS,
        f"{_PG} i initialize c: j: t: T: s: n r"
        " S N M: P: l client: jobs: time: transactions: scale: no-vacuum progress: select-only protocol:"
        " builtin: b: C connect rate: R: quiet fillfactor: foreign-keys",
        telling="--version --help -V",
    ),
    Row(
        "mysql mariadb",
        _mysql,
        "batch silent table raw skip-column-names column-names verbose v E vertical H html X xml A no-auto-rehash"
        " auto-rehash compress C ssl ssl-mode: connect-timeout: f force i n unbuffered q quick safe-updates U b show-warnings"
        " version help "
        f"{_MYSQL}"
        " local-infile:: comments ssl-verify-server-cert one-database line-numbers no-beep no-defaults"
        " init-command-add: max-allowed-packet: reconnect skip-reconnect skip-ssl socket-timeout: binary-mode"
        " login-path: abort-source-on-error c G g J m o",
        chosen=_ANY_SQL,
        operands="a database",
    ),
    Row(
        "mysqldump mariadb-dump mysqlpump mydumper mariabackup xtrabackup mysqlhotcopy mongodump mongoexport",
        _dumps,
        f"{_CLIENT} r: result-file: o: out: f: file: archive: B: databases T: tab: w: where: ignore-table: c: collection:"
        f" d: db: uri:"
        " single-transaction all-databases A routines R triggers events E quick q opt skip-opt skip-lock-tables"
        " lock-tables l lock-all-tables x add-drop-table add-drop-database no-data no-create-info t no-create-db n"
        " hex-blob master-data:: source-data:: dump-slave:: flush-logs F flush-privileges set-gtid-purged: compress C"
        " column-statistics: skip-triggers skip-comments compact complete-insert extended-insert e"
        " default-character-set: ssl-mode: protocol: tables no-tablespaces v verbose force i insert-ignore replace"
        " max-allowed-packet: apply-slave-statements gtid login-path: skip-dump-date skip-add-locks gzip query:"
        " authenticationDatabase: numParallelCollections: excludeCollection: parallel: slave-info galera-info L"
        " threads:",
        chosen="can write any file",
    ),
    Row(
        "mysqlshow mysqlslap",
        nothing,
        "c check a analyze A all-databases B databases e extended q quick s silent v verbose f F fast m medium-check C"
        " check-only-changed g check-upgrade t status k keys count i tables ssl protocol: default-character-set: "
        f"{_CLIENT}",
        chosen="can load any library",
        operands="databases and tables",
    ),
    Row(
        "mysqlcheck mariadb-check",
        _CLUSTERS,
        "c check a analyze A all-databases B databases e extended q quick s silent v verbose f F fast m medium-check C"
        " check-only-changed g check-upgrade auto-repair ssl protocol: default-character-set: tables "
        f"{_CLIENT} o optimize r repair fix-db-names fix-table-names",
        chosen="can load any library",
    ),
    Row(
        "mysqladmin mariadb-admin",
        _CLUSTERS,
        "i: sleep: c: count: r relative v verbose s silent E vertical w:: wait:: protocol: connect-timeout: b no-beep f "
        f"{_CLIENT}"
        " force debug-info shutdown-timeout: W",
    ),
    Row(
        "mysqlimport mongorestore mongoimport",
        _CLUSTERS,
        f"{_CLIENT} delete D: drop d: c: db: collection: dryRun"
        " local L replace r ignore i lock-tables l fields-terminated-by: fields-enclosed-by:"
        " fields-optionally-enclosed-by: fields-escaped-by: lines-terminated-by: ignore-lines: columns: use-threads:"
        " compress C force f silent s verbose v gzip nsInclude: nsExclude: nsFrom: nsTo:"
        " numInsertionWorkersPerCollection: stopOnError maintainInsertionOrder objcheck oplogReplay"
        " restoreDbUsersAndRoles preserveUUID type: headerline upsert upsertFields: mode: jsonArray"
        " authenticationDatabase: username: quiet writeConcern: bypassDocumentValidation",
    ),
    Row("sqlite3 sqlite", _sqlite3),
    Row(
        "mongo mongosh",
        _mongosh,
        "tls ssl json: retryWrites shell apiVersion: eval: f: file: h: host: port: u: username: p: password:"
        " authenticationDatabase: version help quiet norc",
    ),
    Row(
        "redis-cli valkey-cli keydb-cli",
        _redis,
        "raw no-raw csv json e no-auth-warning insecure sni: latency-dist stat lru-test: scan quoted-pattern: count: verbose"
        " show-pushes: 2 3 t: h: p: s: a: u: n: r: i: d: D: x X user: pass: eval: rdb: functions-rdb: pattern: tls cacert:"
        " cert: key: latency latency-history bigkeys memkeys hotkeys version help v c",
    ),
    Row(
        "cqlsh clickhouse-client clickhouse isql fbsql usql mycli litecli duckdb neo4j-shell cypher-shell couchbase-cli",
        _always_shell,
        "e: execute: q: query: f: file: queries-file: h: host: u: user: p: password: d: database: version help V",
    ),
    Row(
        "influx",
        _influx,
        "port: username: password: database: precision: format: pretty ssl unsafeSsl hide-headers json v version execute:"
        " name: n: id: i: bucket: b: start: stop: predicate: host: t: token: o: org:",
    ),
    Row(
        "ldapsearch",
        _ldapsearch,
        "d: b: D: w: H: h: p: s: a: f: l: z: e: E: o: O: U: R: X: Y: y: T: P: S: L:: t:: x n v A u W Z I Q N",
        operands="a filter",
    ),
    Row("ldapcompare ldapwhoami", nothing, "x H: D: w: W y: v n Z h: p: Q I N V U: Y:", operands="names"),
)
"""Clients of databases and directories."""
