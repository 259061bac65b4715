# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: clients of databases and directories.

Law: SQL is read by its first words: what can start programs, write files of the server or read password hashes is found. Of SQL
that jitd cannot read, it says so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from jitd_commands.judging import Call, Row
from jitd_commands.programs.grammar import grammars, on_host
from jitd_commands.programs.shared import nothing, words
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
    names = [*call.values("dbname"), *call.sorted_operands[:1]]
    call = on_host(call, [*(("HOST", word) for word in call.values("host")), *(("URL", word) for word in names)])
    whole = _COMMENTS.sub(" ", text)
    if _STARTS_PROGRAMS.search(whole):
        return call.gives("runs SQL that can start programs or write files")
    if _MAKES_SUPER.search(whole) and re.match(r"\s*(create|alter|grant|update|insert|set)\b", whole, re.IGNORECASE):
        return call.gives("makes somebody a superuser of the database")
    if _SECRETS.search(_QUOTED.sub("''", whole)):
        call.discloses("runs SQL that reads passwords or files of the server")
    quoted: list[str] = []

    def place_of_quoted(found: re.Match[str]) -> str:
        quoted.append(found[0])
        return f"'{len(quoted) - 1}'"

    plain = _QUOTED.sub(place_of_quoted, _NAMED.sub(r"\1", whole))
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
            _statement(call, verb, " ".join(statement.split()), quoted)
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
        r"delete from (?:only )?(\S+)(?: .*)? where ((?!.*\blimit \d)[^<>=]*[<>]=? ?(?:date |timestamp )?'\d+'.*)",
        "deletes all rows of {0} where {1}",
    ),
    (
        r"alter table (?:if exists )?(?:only )?(\S+) .*\bdrop (?:column|partition) (?:if exists )?(\S+).*",
        "deletes the column or part {1} of {0}",
    ),
    (r"(?:purge|reset) (?:binary|master)\b(?! logs before '\d+').*", "deletes the logs from which a database is restored"),
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


def _statement(call: Call, verb: str, statement: str, quoted: Sequence[str]) -> None:
    """The program sends one statement that changes something. ``'3'`` in it stands for the literal ``quoted[3]``."""

    def shown(part: str) -> str:
        return re.sub(r"'(\d+)'", lambda place: quoted[int(place[1])], part)[:60]

    for pattern, says in _LOST:
        if found := re.fullmatch(pattern, statement, re.IGNORECASE):
            parts = (part.lower() if part.lower() in _KINDS else shown(part) for part in found.groups())
            return call.destroys(says.format(*parts))
    if verb == "shutdown" or re.match("(?i)stop (slave|replica)", statement):
        told = "stops a database server" if verb == "shutdown" else "stops the copying from another server"
        return call.stops(told, back="until it is started again") if verb == "shutdown" else call.changes(told)
    call.changes(f"runs SQL that changes the database: {shown(statement)}")


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


def _sent(call: Call, text: Word) -> None:
    """The program sends the SQL ``text``, and does nothing else with it."""
    if _sql_of(call, text):
        _sql(call, text.text)


def _psql_file(call: Call, file: Word) -> None:
    if file.text == "-" and not file.is_free:
        call.runs_input("runs any SQL, and programs,")
    else:
        call.runs_file(file)


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


def _restores(call: Call, _: Word) -> None:
    """pg_restore(1) runs the SQL of an archive, or of its input."""
    archives = call.sorted_operands
    if not archives:
        call.runs_input("runs the SQL in")
    for archive in archives:
        path = call.absolute(archive)
        if path is None or archive.is_free or call.judge.changed_by(path):
            call.runs_file(archive)


def _target(call: Call, target: Word) -> None:
    if target.is_free or target.text.startswith("shell"):
        call.leads("lets the server start a program")


def _settings(call: Call, setting: Word) -> None:
    """A server is started with settings in a file or directory, or with options in a word."""
    path = call.absolute(setting) if not setting.text.startswith("-") else None
    if setting.is_free or (path is not None and call.judge.changed_by(path)) or (path is None and "/" in setting.text):
        call.gives("starts a server with settings that others choose")


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


def _evaluates(call: Call, script: Word) -> None:
    if script.is_free or re.search(r"flush(all|db)|\b(del|unlink)\b", script.text, re.IGNORECASE):
        call.destroys(f"deletes data of the server: {script.text[:60]}")


def _sets(call: Call, name: Word) -> None:
    if name.is_free or name.text.lower() in ("dir", "dbfilename", "appendfilename", "logfile"):
        call.leads("makes the server write files elsewhere")


def _shows_setting(call: Call, name: Word) -> None:
    if name.is_free or re.search(r"\*|pass|auth", name.text):
        call.discloses("shows passwords of the server")


def _copied(call: Call, file: Word) -> None:
    call.discloses("copies all data of the server")
    call.writes(file)


def _key(call: Call, key: Word) -> None:
    if key.is_free:
        call.destroys("deletes keys that jitd cannot tell")


_MONGO_LOST = r"[\w.$\"'()\[\]-]*\.(dropDatabase\(|drop\(|(remove|deleteMany)\(\s*(\{\s*\})?\s*\))|dropDatabase\s*:\s*1"
"""Code for MongoDB that destroys."""
_MONGO_LOOKS = re.compile(
    r"\s*(rs\.(status|conf|hello|printReplicationInfo|printSecondaryReplicationInfo)\(\)|db\.(stats|version|serverStatus|hello"
    r"|getCollectionNames)\(\)|db\.[\w.]+\.((estimated|count)\w*|count|stats|dataSize|totalSize|storageSize|totalIndexSize|getIndexes"
    r"|createIndex(es)?)\([^()`$]*\));?\s*"
)
"""Code for MongoDB that shows how a server is and what it has, or makes an index."""


def _mongo_code(call: Call, code: Word) -> None:
    text = code.text
    if not code.is_free and _MONGO_LOOKS.fullmatch(text):
        return None
    if code.is_free or re.search(r"require|import|child_process|process|run\w*\(|load\(|editor|fs\b|eval|Function", text):
        return call.gives("runs code that can start programs")
    if found := re.search(_MONGO_LOST, text):
        return call.destroys(f"deletes data: {found[0].rstrip('(')[:60]}")
    if re.search(r"shutdownServer|shutdown\s*:\s*1", text):
        return call.stops("stops a database server", back="until it is started again")
    if re.search(
        r"drop|remove|delete|insert|update|replace|create|grant|revoke|shutdown|kill|rename|set[A-Z(]|admin"
        r"|rs\.(stepDown|add|addArb|reconfig|initiate|freeze|syncFrom)\(|sh\.\w+\(",
        text,
    ):
        return call.changes("changes a database")
    return call.unknown("jitd does not know what this code does")


def _mongo_script(call: Call, file: Word) -> None:
    """An operand is the name of a database, or a script. Without any code, there is a prompt."""
    if file.is_free or file.text.endswith(".js"):
        call.runs_file(file)
    elif not call.has("eval", "file") and not any(word.text.endswith(".js") for word in call.operands):
        call.gives("can start a shell")


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


_PG = "-h|--host=HOST -p|--port=N -U|--username=TEXT -w|--no-password -W|--password -V|--version -?|--help"
_DUMPED = """
    -a|--data-only -c|--clean -O|--no-owner -s|--schema-only -S|--superuser=TEXT -x|--no-privileges|--no-acl --binary-upgrade
    --column-inserts|--attribute-inserts --disable-dollar-quoting --disable-triggers --extra-float-digits=N --if-exists --inserts
    --load-via-partition-root --no-comments --no-publications --no-security-labels --no-subscriptions --no-sync --no-statistics
    --no-table-access-method --no-tablespaces --no-toast-compression --no-unlogged-table-data --on-conflict-do-nothing
    --quote-all-identifiers --rows-per-insert=N --use-set-session-authorization --role=TEXT --lock-wait-timeout=TEXT -v|--verbose
    -E|--encoding=TEXT --restrict-key=TEXT --no-schema --no-data --statistics -f|--file=FILE:writes --filter=FILE:reads
"""
_OF_ITSELF = "--version|--help ...  harmless"
_MYSQL = """
    -h|--host=HOST -P|--port=N -S|--socket=TEXT -u|--user=TEXT -p|--password[=TEXT] --protocol=TEXT --default-auth=TEXT
    --defaults-file|--defaults-extra-file|--plugin-dir=FILE:trusts --defaults-group-suffix=TEXT --login-path=TEXT --no-defaults
    --print-defaults --ssl --skip-ssl --disable-ssl --ssl-mode=TEXT --ssl-ca|--ssl-cert|--ssl-key=FILE:reads --ssl-cipher=TEXT
    --ssl-verify-server-cert --tls-version=TEXT -v|--verbose -s|--silent --default-character-set=TEXT
    --connect-timeout=N --max-allowed-packet=TEXT -V|--version -?|--help --get-server-public-key --net-buffer-length=TEXT
"""
"""Options of each client of MySQL and MariaDB."""
_MONGO_TOOL = """
    --help --version --config=FILE:reads -v|--verbose --quiet -h|--host=HOST --port=N --ssl --sslCAFile=FILE:reads
    --sslPEMKeyFile=FILE:reads --tlsInsecure -u|--username=TEXT -p|--password=TEXT --authenticationDatabase=TEXT
    --authenticationMechanism=TEXT --uri=URL -d|--db=TEXT -c|--collection=TEXT
"""
"""Options of each tool of MongoDB that copies."""

ROWS = (
    *grammars(
        f"""
    = psql: abbreviates
        {_PG} -c|--command=PSQL -d|--dbname=URL -f|--file=PSQL:file -l|--list -v|--set|--variable=TEXT -X|--no-psqlrc
        -1|--single-transaction -a|--echo-all -b|--echo-errors -e|--echo-queries -E|--echo-hidden -L|--log-file=FILE:writes
        -n|--no-readline -o|--output=PSQL:pipe -q|--quiet -s|--single-step -S|--single-line -A|--no-align --csv
        -F|--field-separator=TEXT -H|--html -P|--pset=SAID -R|--record-separator=TEXT -t|--tuples-only -T|--table-attr=TEXT
        -x|--expanded -z|--field-separator-zero -0|--record-separator-zero
        {_OF_ITSELF}
        --list --output [URL] [TEXT]  harmless
        --list [URL] [TEXT]           pages
        --command|--file [URL] [TEXT]  harmless
        [URL] [TEXT]                  PSQL
    = pg_dump: abbreviates
        {_PG} {_DUMPED} -F|--format=TEXT -j|--jobs=N -Z|--compress=TEXT -b|--blobs|--large-objects
        -B|--no-blobs|--no-large-objects -C|--create -e|--extension=TEXT -n|--schema=TEXT -N|--exclude-schema=TEXT
        -t|--table|--table-and-children=TEXT -T|--exclude-table=TEXT --exclude-table-data=TEXT --include-foreign-data=TEXT
        --enable-row-security --section=TEXT --serializable-deferrable --snapshot=TEXT --strict-names -d|--dbname=URL
        {_OF_ITSELF}
        [URL]  reads  {{program}} shows or copies the data of a database
    = pg_dumpall: abbreviates
        {_PG} {_DUMPED} -g|--globals-only -r|--roles-only -t|--tablespaces-only --exclude-database=TEXT --no-role-passwords
        -d|--dbname=URL -l|--database=TEXT
        {_OF_ITSELF}
        ()  reads  {{program}} shows or copies the data of all databases
    = pg_restore: abbreviates
        {_PG} -d|--dbname=RESTORED -f|--file=OUTPUT -F|--format=TEXT -l|--list -v|--verbose -a|--data-only -c|--clean
        -C|--create -e|--exit-on-error -I|--index=TEXT -j|--jobs=N -L|--use-list=FILE:reads -n|--schema=TEXT
        -N|--exclude-schema=TEXT -O|--no-owner -P|--function=TEXT -s|--schema-only -S|--superuser=TEXT -t|--table=TEXT
        -T|--trigger=TEXT -x|--no-privileges|--no-acl -1|--single-transaction --disable-triggers --enable-row-security
        --if-exists --no-comments --no-data-for-failed-tables --no-publications --no-security-labels --no-subscriptions
        --no-table-access-method --no-tablespaces --restrict-key=TEXT --section=TEXT --strict-names --role=TEXT
        --use-set-session-authorization
        {_OF_ITSELF}
        --list [FILE:reads]  harmless
        --dbname --clean [TEXT]  destroys  {{program}} replaces what is in {{-d}}: what was written since is gone
        --dbname [TEXT]  changes   {{program}} writes to the database {{-d}}
        [FILE:reads]     reads     {{program}} shows the data of a database
    = pg_basebackup: abbreviates
        {_PG} -D|--pgdata=MADE -F|--format=TEXT -r|--max-rate=TEXT -R|--write-recovery-conf -t|--target=TARGET
        -T|--tablespace-mapping=TEXT --waldir=MADE -X|--wal-method=TEXT -z|--gzip -Z|--compress=TEXT -c|--checkpoint=TEXT
        -C|--create-slot -i|--incremental=FILE:reads -l|--label=TEXT -n|--no-clean -N|--no-sync -P|--progress -S|--slot=TEXT
        -v|--verbose --manifest-checksums=TEXT --manifest-force-encode --no-estimate-size --no-manifest --no-slot
        --no-verify-checksums -d|--dbname=URL -s|--status-interval=TEXT --sync-method=TEXT
        {_OF_ITSELF}
        ()  reads  {{program}} copies all data of the server
    = createuser: abbreviates
        {_PG} -a|--with-admin=TEXT -c|--connection-limit=N -d|--createdb -D|--no-createdb -e|--echo -g|--role|--member-of=TEXT
        -i|--inherit -I|--no-inherit -l|--login -L|--no-login -m|--with-member=TEXT -P|--pwprompt -r|--createrole
        -R|--no-createrole -s|--superuser -S|--no-superuser -v|--valid-until=TEXT --interactive --replication --no-replication
        --bypassrls --no-bypassrls
        {_OF_ITSELF}
        --superuser [TEXT]  gives     {{program}} makes a superuser or a member of a role
        --interactive|--role|--with-admin|--createrole|--replication [TEXT]  leads     {{program}} gives a role's rights
        [TEXT]              changes   makes the account {{1:that it names}} of the database
    = dropdb: abbreviates
        {_PG} -e|--echo -f|--force -i|--interactive --if-exists --maintenance-db=URL
        --version|--help ()  harmless
        [TEXT]  destroys  deletes the database {{1:that it names}} with all its tables
    = dropuser: abbreviates
        {_PG} -e|--echo -i|--interactive --if-exists
        --version|--help ()  harmless
        [TEXT]  changes   deletes the account {{1:that it names}} of the database
    = createdb: abbreviates
        {_PG} -D|--tablespace=TEXT -e|--echo -E|--encoding=TEXT -l|--locale=TEXT --lc-collate=TEXT --lc-ctype=TEXT
        --icu-locale=TEXT --icu-rules=TEXT --builtin-locale=TEXT --locale-provider=TEXT -O|--owner=TEXT -S|--strategy=TEXT
        -T|--template=TEXT --maintenance-db=URL
        [TEXT] [TEXT]  harmless
    = reindexdb: abbreviates
        {_PG} -a|--all --concurrently -d|--dbname=URL -e|--echo -i|--index=TEXT -j|--jobs=N -q|--quiet -s|--system
        -S|--schema=TEXT -t|--table=TEXT --tablespace=TEXT -v|--verbose --maintenance-db=URL
        [URL]  harmless
    = vacuumdb: abbreviates
        {_PG} -a|--all --buffer-usage-limit=TEXT -d|--dbname=URL --disable-page-skipping -e|--echo -f|--full -F|--freeze
        --force-index-cleanup -j|--jobs=N --min-mxid-age=N --min-xid-age=N --missing-stats-only --no-index-cleanup
        --no-process-main --no-process-toast --no-truncate -n|--schema=TEXT -N|--exclude-schema=TEXT -P|--parallel=N -q|--quiet
        --skip-locked -t|--table=TEXT -v|--verbose -z|--analyze -Z|--analyze-only --analyze-in-stages --maintenance-db=URL
        --full [URL]  changes  locks the tables of {{1:databases}} and writes them anew
        [URL]  harmless
    = pg_isready: abbreviates
        {_PG} -d|--dbname=URL -q|--quiet -t|--timeout=N
        ()  harmless
    = pg_lsclusters: abbreviates  -h|--no-header -j|--json -s|--start-conf --help
        [TEXT] [TEXT]  harmless
    = pg_controldata: abbreviates  -D|--pgdata=TEXT -V|--version -?|--help
        [TEXT]  harmless
    = pg_ctl: abbreviates  -D|--pgdata=SETTINGS -s|--silent -t|--timeout=N -V|--version -w|--wait -W|--no-wait -?|--help
    -c|--core-files -l|--log=FILE:writes -o|--options=SETTINGS -p=FILE:runs -m|--mode=TEXT
        --version|--help ()  harmless
        status           harmless
        stop             stops     stops a database server  until it is started again
        kill TEXT N      stops     stops a database server  until it is started again
        restart          changes   restarts a database server
        start|reload|promote|logrotate|initdb|init  changes   runs {{1}} on a database server
    = pg_ctlcluster  -f|--force -m|--mode=TEXT -s|--stdlog -o|--options=SETTINGS --foreground --skip-systemctl-redirect
    --bindir=DIR:obeys
        TEXT TEXT status  harmless
        TEXT TEXT stop    stops     stops the database server {{1}} {{2}}  until it is started again
        TEXT TEXT start|restart|reload|promote  changes   runs {{3}} on the database server {{1}} {{2}}
    = pg_createcluster  -u|--user=TEXT -g|--group=TEXT -d|--datadir=TEXT -s|--socketdir=TEXT -l|--logfile=FILE:writes
    -p|--port=N --start --start-conf=TEXT -e|--encoding=TEXT --locale=TEXT --lc-collate=TEXT --lc-ctype=TEXT
    -o|--pgoption=SETTINGS --createclusterconf=SETTINGS --environment=SETTINGS --no-status
        TEXT TEXT ...  changes   makes a new database server: {{1}} {{2}}
    = pg_dropcluster  --stop --stop-server
        TEXT TEXT  destroys  deletes the database server {{1}} {{2}} with all its databases
    = pg_resetwal: abbreviates  -c|--commit-timestamp-ids=TEXT -D|--pgdata=TEXT -e|--epoch=TEXT -f|--force
    -l|--next-wal-file=TEXT:plain -m|--multixact-ids=TEXT -n|--dry-run -o|--next-oid=TEXT -O|--multixact-offset=TEXT
    -u|--oldest-transaction-id=TEXT -V|--version -x|--next-transaction-id=TEXT --wal-segsize=N --char-signedness=TEXT -?|--help
        --dry-run|--version|--help [TEXT]  harmless
        --pgdata ()  destroys  drops the log of {{-D}}: the last changes are gone
        [TEXT]  destroys  drops the log of {{1:a database server}}: the last changes are gone
    = pg_rewind: abbreviates  -c|--restore-target-wal -D|--target-pgdata=TEXT --source-pgdata=TEXT --source-server=TEXT
    -n|--dry-run -N|--no-sync -P|--progress -R|--write-recovery-conf --config-file=FILE:trusts --debug --no-ensure-shutdown
    -V|--version -?|--help --sync-method=TEXT
        --dry-run|--version|--help ()  harmless
        --target-pgdata ()  destroys  takes {{-D}} back to another's state: what only it has is gone
    = pg_archivecleanup  -b|--clean-backup-history -d|--debug -n|--dry-run -x|--strip-extension=TEXT -V|--version -?|--help
        --dry-run|--version|--help ...  harmless
        SAID TEXT  destroys  deletes the logs in {{1}} before {{2}}, which older backups need
    = pg_verifybackup: abbreviates  -e|--exit-on-error -F|--format=TEXT -i|--ignore=TEXT -m|--manifest-path=FILE:reads
    -n|--no-parse-wal -P|--progress -q|--quiet -s|--skip-checksums -w|--wal-directory=TEXT -V|--version -?|--help
        [TEXT]  harmless
    = pgbench: abbreviates  -h|--host=HOST -p|--port=N -U|--username=TEXT -V|--version -?|--help -i|--initialize
    -I|--init-steps=TEXT -F|--fillfactor=N -n|--no-vacuum -q|--quiet -s|--scale=N --foreign-keys --index-tablespace=TEXT
    --partition-method=TEXT --partitions=N --tablespace=TEXT --unlogged-tables -b|--builtin=TEXT -f|--file=FILE:runs
    -N|--skip-some-updates -S|--select-only -c|--client=N -C|--connect -D|--define=TEXT -j|--jobs=N -l|--log
    -L|--latency-limit=N -M|--protocol=TEXT -P|--progress=N -r|--report-per-command|--report-latencies -R|--rate=N
    -t|--transactions=N -T|--time=N -v|--vacuum-all --aggregate-interval=N --failures-detailed --log-prefix=FILE:writes
    --max-tries=N --progress-timestamp --random-seed=TEXT --sampling-rate=N --show-script=TEXT:plain --verbose-errors -d|--debug
    --exit-on-abort
        --version|--help|--show-script ()  harmless
        --initialize [URL]  destroys  deletes the tables pgbench_* of {{1:a database}}, and makes them anew
        [URL]  changes  writes to the database {{1:that it names}} to measure it
    = pt-archiver  --source=SAID --where=SAID --dest=TEXT --file=FILE:writes --pid=FILE:writes --log=FILE:writes --plugin=LOADED
    --config|--defaults-file=FILE:trusts --dry-run --purge --no-delete --limit=N --txn-size=N --progress=TEXT --statistics
    --bulk-delete --bulk-insert --commit-each --no-check-charset --sleep=N --run-time=TEXT --why-quit -q|--quiet -h|--host=HOST
    -u|--user=TEXT -p|--password=TEXT -P|--port=N -S|--socket=TEXT -D|--database=TEXT --charset=TEXT --primary-key-only
    --no-safe-auto-increment --help --version
        --dry-run|--help|--version ()  harmless
        --no-delete ()  changes   copies rows of {{--source:a table}}
        ()              destroys  deletes the rows of {{--source:a table}} where {{--where:it says}}
    = mysqld_safe  --ledir|--basedir|--plugin-dir|--defaults-file|--defaults-extra-file=FILE:trusts --mysqld=FILE:runs
    --user=TEXT --port=N --datadir=TEXT --pid-file=FILE:writes --log-error=FILE:writes --socket=TEXT --skip-grant-tables
    --skip-networking --nice=N --open-files-limit=N --timezone=TEXT --syslog --skip-syslog --wsrep-new-cluster --no-defaults
    --malloc-lib=FILE:obeys --help
        --help ()               harmless
        --skip-grant-tables ()  leads     {{program}} starts a database server that lets in everybody
        ()                      changes   starts a database server
    = mysql mariadb: abbreviates
        {_MYSQL} -C|--compress -e|--execute=MYSQL --init-command|--init-command-add=MYSQL -D|--database=TEXT --tee=FILE:writes
        --pager[=SHELL] --no-tee --no-pager --prompt=TEXT --delimiter=TEXT -N|--skip-column-names --column-names -B|--batch
        -t|--table -r|--raw -E|--vertical -H|--html -X|--xml -A|--no-auto-rehash|--skip-auto-rehash --auto-rehash
        --auto-vertical-output -f|--force -i|--ignore-spaces -I -n|--unbuffered -q|--quick -U|--safe-updates|--i-am-a-dummy
        -b|--no-beep --show-warnings --local-infile[=TEXT] -c|--comments --skip-comments -o|--one-database --line-numbers
        -L|--skip-line-numbers -w|--wait -G|--named-commands -J|--skip-reconnect --reconnect --binary-mode --socket-timeout=N
        --abort-source-on-error --select-limit=N --max-join-size=N --sigint-ignore --column-type-info -m --syslog
        --version|--help|-I ...  harmless
        --execute [TEXT]   harmless
        [TEXT]             MYSQL
    = mysqldump mariadb-dump: abbreviates
        {_MYSQL} -C|--compress -r|--result-file=FILE:writes -T|--tab=TAB -B|--databases -w|--where=TEXT --ignore-table=TEXT
        --single-transaction -A|--all-databases -R|--routines --triggers -E|--events -q|--quick --opt --skip-opt -f|--force
        --skip-lock-tables -l|--lock-tables -x|--lock-all-tables --add-drop-table --add-drop-database --add-drop-trigger
        --add-locks -d|--no-data -t|--no-create-info -n|--no-create-db --hex-blob --master-data[=N] --source-data[=N]
        --dump-slave|--dump-replica[=N] -F|--flush-logs --flush-privileges --set-gtid-purged=TEXT --gtid --column-statistics[=N]
        --skip-column-statistics --skip-triggers --skip-comments --compact -c|--complete-insert -e|--extended-insert
        --skip-extended-insert --tables -y|--no-tablespaces -i|--comments --insert-ignore --replace --apply-slave-statements
        --skip-dump-date --dump-date --skip-add-locks --skip-add-drop-table --skip-quick --skip-tz-utc --tz-utc
        --skip-set-charset -K|--disable-keys -X|--xml -Y|--all-tablespaces --fields-terminated-by=TEXT --fields-enclosed-by=TEXT
        --fields-escaped-by=TEXT --lines-terminated-by=TEXT --order-by-primary --delete-master-logs --ignore-database=TEXT
        --log-error=FILE:writes --compatible=TEXT --create-options -Q|--quote-names --system=TEXT
        --version|--help ...         harmless
        --no-data TEXT...            harmless
        ...                          reads     {{program}} shows or copies the data of a database
    = mysqlshow: abbreviates
        {_MYSQL} -C|--compress -c|--character-sets-dir=TEXT --count -k|--keys -t|--show-table-type -i|--status
        ...  harmless
    = mysqlcheck mariadb-check: abbreviates
        {_MYSQL} --compress -C|--check-only-changed -A|--all-databases -a|--analyze -1|--all-in-1 --auto-repair -c|--check
        -B|--databases -g|--check-upgrade --tables -e|--extended -F|--fast --fix-db-names --fix-table-names -f|--force
        -m|--medium-check --write-binlog --skip-write-binlog -o|--optimize -q|--quick -r|--repair --use-frm --skip-database=TEXT
        --flush -Z|--process-views=TEXT
        -o|-r|--fix-db-names|--fix-table-names|--auto-repair ...  changes   writes the tables of {{1:databases}} anew
        ...  harmless
    = mysqladmin mariadb-admin: abbreviates
        {_MYSQL} -C|--compress -i|--sleep=N -c|--count=N -r|--relative -w|--wait[=N] -E|--vertical -b|--no-beep -f|--force
        --shutdown-timeout=N --debug-check --debug-info --enable-cleartext-plugin -l|--local
        --version|--help ...  harmless
        ()                    harmless
        drop TEXT             destroys  deletes the database {{2}} with all its tables
        shutdown|stop-all-slaves ()  stops     stops a database server  until it is started again
        status|ping|version|processlist|extended-status|variables ...  harmless
        create TEXT           harmless
        password|old-password [TEXT]  changes   sets a password of the database
        debug|flush-*|kill|refresh|reload|start-slave|stop-slave|start-replica|stop-replica|start-all-slaves ...  \
            changes   runs {{1+}} on a database server
    = mongodump
        {_MONGO_TOOL} -o|--out=DIR:writes --archive[=FILE:writes] --gzip -q|--query=TEXT --queryFile=FILE:reads
        --readPreference=TEXT --forceTableScan --oplog --dumpDbUsersAndRoles --excludeCollection=TEXT --viewsAsCollections
        --excludeCollectionsWithPrefix=TEXT -j|--numParallelCollections=N
        --version|--help ()  harmless
        [URL]  reads  {{program}} shows or copies the data of a database
    = mongorestore
        {_MONGO_TOOL} --excludeCollection=TEXT --nsExclude=TEXT --nsInclude=TEXT --nsFrom=TEXT --nsTo=TEXT --objcheck
        --oplogReplay --oplogLimit=TEXT --oplogFile=FILE:reads --archive[=FILE:reads] --restoreDbUsersAndRoles --dir=DIR:reads
        --gzip --drop --dryRun --writeConcern=TEXT --noIndexRestore --convertLegacyIndexes --noOptionsRestore --keepIndexVersion
        --maintainInsertionOrder -j|--numParallelCollections=N --numInsertionWorkersPerCollection=N --stopOnError
        --bypassDocumentValidation --preserveUUID
        --version|--help ()   harmless
        --dryRun [DIR:reads]  harmless
        --drop [DIR:reads]    destroys  replaces collections by those of its dump: what was written since is gone
        [DIR:reads]           changes   writes what is in {{1:its input}} to a database server
    = sqlite3  -cmd|--cmd=SQLITE -init|--init=FILE:runs -separator|--separator=TEXT -nullvalue|--nullvalue=TEXT
    -newline|--newline=TEXT -vfs|--vfs=TEXT -mmap|--mmap=N -heap|--heap=N -maxsize|--maxsize=N -A|--A -append|--append
    -ascii|--ascii -bail|--bail -batch|--batch -box|--box -column|--column -csv|--csv -deserialize|--deserialize -echo|--echo
    -header|--header -noheader|--noheader -help|--help -html|--html -interactive|--interactive -json|--json -line|--line
    -list|--list -markdown|--markdown -memtrace|--memtrace -multiplex|--multiplex -nofollow|--nofollow -nonce|--nonce=TEXT
    -no-rowid-in-view|--no-rowid-in-view -pcachetrace|--pcachetrace -quote|--quote -readonly|--readonly -safe|--safe
    -sorterref|--sorterref=N -stats|--stats -table|--table -tabs|--tabs -unsafe-testing|--unsafe-testing -version|--version
    -zip|--zip
        -version|-help ...     harmless
        -A ...                 changes   sqlite3 works on an archive
        FILE:reads SQLITE SQLITE...  harmless
        [FILE:reads]           SQLITE
    = mongo mongosh  -h|--help --version --quiet --norc --nodb --shell --verbose --json=TEXT --eval=MONGO -f|--file=FILE:runs
    --host=HOST --port=N -u|--username=TEXT -p|--password=TEXT --authenticationDatabase=TEXT --authenticationMechanism=TEXT
    --tls --ssl --tlsCAFile|--tlsCertificateKeyFile=FILE:reads --tlsAllowInvalidCertificates --retryWrites --apiVersion=TEXT
        --version|--help ...        harmless
        --eval|--file MONGO:file...     harmless
        ()                          MONGO
        MONGO:file...                   harmless
    = redis-cli valkey-cli: caseless  -h=HOST -p=N -t=N -s=TEXT -a|--pass=TEXT -u=URL -n=SAID -r=N -i=N -d=TEXT -D=TEXT -x
    -X=TEXT -2 -3 -c -e -4 -6 --user=TEXT --askpass --raw --no-raw --csv --json --quoted-input --show-pushes=TEXT --stat
    --latency --latency-history --latency-dist --lru-test=N --rdb=COPY --functions-rdb=COPY --pipe --pipe-timeout=N --bigkeys
    --memkeys --memkeys-samples=N --hotkeys --scan --pattern=TEXT --quoted-pattern=TEXT --count=N --cluster --eval=FILE:runs
    --intrinsic-latency=N --verbose --no-auth-warning --tls --sni=TEXT --cacert=FILE:reads --insecure --cert=FILE:reads
    --key=FILE:reads -v|--version --help
        --version|--help|--stat|--latency|--latency-history|--latency-dist ...  harmless
        --bigkeys|--memkeys|--hotkeys|--rdb|--functions-rdb|--eval|--intrinsic-latency|--lru-test|--scan ...  harmless
        --cluster check|info|help ...  harmless
        --cluster call ... flushall|flushdb ...  destroys  deletes all databases of the cluster
        --cluster * ...            changes   changes the cluster: {{1+}}
        ()                         leads     {{program}} takes any commands, which can write files of the server
        eval|eval_ro LUA...    leads     {{program}} can make the server load code or write files
        slaveof|replicaof no one   changes   lets the server take changes of its own
        slaveof|replicaof MASTER N  destroys  replaces all data of the server by another's
        evalsha|fcall|module|debug|migrate|script|function ...  leads  {{program}} can make the server load code or write files
        config get SETTING...      harmless
        config set PLACE...        changes   changes the settings of the server: {{2+}}
        config rewrite|resetstat   changes   changes the settings of the server: {{2+}}
        acl whoami|cat|list|users ...  harmless
        acl ...                    changes   changes who may use the server: {{2+}}
        monitor|dump|psubscribe|subscribe|sync|psync ...  reads     {{program}} shows the data of others
        client kill|pause|reply|no-evict ...  changes   stops other people's connections
        cluster reset|forget|flushslots|delslots|failover ...  destroys  takes the server out of its cluster, or its data from it
        cluster info|nodes|slots|shards|myid|keyslot|countkeysinslot|links ...  harmless
        info|ping|get|mget|ttl|pttl|dbsize|scan|keys|type|exists|strlen|llen|lrange|scard|smembers|zcard ...  harmless
        zrange|hlen|hget|hgetall|hkeys|memory|slowlog|latency|time|role|lastsave|command|client|object|xinfo|xlen ...  harmless
        save|bgsave|echo|lolwut|pubsub|hscan|sscan|zscan|zscore|sismember|hmget|getrange|touch|xrange|wait|select ...  harmless
        flushall ...               destroys  deletes all databases of the server
        flushdb ...                destroys  deletes the whole database {{-n:0}}
        shutdown nosave            destroys  stops the server, and what it has not written is gone
        shutdown [TEXT]            stops     stops the server  until it is started again
        failover ...               changes   lets another server take over
        del|unlink KEY...          changes   deletes the keys {{2+}}
        expire|pexpire|expireat TEXT ...  changes   lets the key {{2}} end
        rename TEXT TEXT           changes   renames the key {{2}} to {{3}}
        swapdb N N                 changes   exchanges the databases {{2}} and {{3}}
        set|setex|setnx|mset|hset|lpush|rpush|sadd|zadd|incr|incrby|decr|append|persist|publish|xadd|copy|move ...  changes  \
            writes the key {{2}}
        hdel|lpop|rpop|lrem|ltrim|srem|spop|zrem|xdel|xtrim|getdel|restore|sort ...  changes   changes the key {{2}}
        bgrewriteaof               changes   writes the log of the server anew
    = cqlsh  --version -h|--help -C|--color --no-color --browser=TEXT --ssl -u|--username=TEXT -p|--password=TEXT
    -k|--keyspace=TEXT -f|--file=FILE:runs --debug --coverage --encoding=TEXT --cqlshrc=FILE:trusts --credentials=FILE:reads
    --cqlversion=TEXT --protocol-version=N -e|--execute=SQL --connect-timeout=N --request-timeout=N -t|--tty -v
        --version|--help ()  harmless
        --execute|--file [HOST] [N]  harmless
        [HOST] [N]  SQL
    = clickhouse-client  -h|--host=HOST --port=N -s|--secure -u|--user=TEXT --password=TEXT --ask-password -q|--query=SQL
    --queries-file=FILE:runs -d|--database=TEXT -m|--multiline -n|--multiquery -f|--format=TEXT -E|--vertical -t|--time
    -V|--version --help -C|--config-file=FILE:trusts --max_memory_usage=N --progress --stacktrace --no-warnings --echo
        --version|--help ()  harmless
        --query|--queries-file ()  harmless
        ()  SQL
    = influx: go  -execute=SQL -host=HOST -port=N -username=TEXT -password=TEXT -database=TEXT -precision=TEXT -format=TEXT
    -pretty -ssl -unsafeSsl -hide-headers -json -import -path=FILE:reads -version -help|-h -t|-token=TEXT -o|-org=TEXT
    -b|-bucket=SAID -n|-name=SAID -i|-id=SAID -start=SAID -stop=SAID -predicate=TEXT -f|-file=FILE:reads -r|-retention=TEXT
        -execute ()          harmless
        -version|-help ...   harmless
        ping|version|help ...  harmless
        bucket|org|user|task|dashboards|telegrafs|stacks|remote|replication|v1 list|ls|find ...  harmless
        auth list|ls|find ...  reads     {{program}} shows tokens of the server
        bucket|org|user|task|replication|remote delete ...  destroys  \
            deletes the {{1}} {{-n|-i:that it names}} with all that is in it
        delete               destroys  deletes points of {{-b:a bucket}} from {{-start:one time}} to {{-stop:another}}
        restore DIR:reads    destroys  replaces data by those of the backup {{2}}
        backup DIR:writes    reads     {{program}} copies the data of a database
        query|export ...     reads     {{program}} shows or copies the data of a database
        bucket|org|user|task|auth|write|setup|config|apply|stacks|remote|replication|v1 ...  changes   runs {{1+}} on the server
        ()                   SQL
        """,
        types={
            "PSQL": _psql_text,
            "PSQL:file": _psql_file,
            "PSQL:pipe": _pipe,
            "RESTORED": _restores,
            "OUTPUT": lambda call, word: None if word.text == "-" else call.writes(word),
            "TARGET": _target,
            "MADE": lambda call, word: call.writes(word, is_use=False),
            "SETTINGS": _settings,
            "LOADED": lambda call, word: call.gives("loads code that its options name"),
            "MYSQL": _mysql_text,
            "TAB": lambda call, word: call.writes(Word(f"{word.text}/new.sql", word.is_free)),
            "SQLITE": _sqlite_text,
            "MONGO": _mongo_code,
            "MONGO:file": _mongo_script,
            "COPY": _copied,
            "MASTER": lambda call, word: call.leads("can make the server load code or write files"),
            "LUA": _evaluates,
            "PLACE": _sets,
            "SETTING": _shows_setting,
            "KEY": _key,
            "SQL": _sent,
        },
    ),
    Row(
        "ldapsearch",
        _ldapsearch,
        "d: b: D: w: H: h: p: s: a: f: l: z: e: E: o: O: U: R: X: Y: y: T: P: S: L:: t:: x n v A u W Z I Q N",
        operands="a filter",
    ),
    Row("ldapwhoami", nothing, "x H: D: w: W y: v n Z h: p: Q I N V U: Y:", operands="names"),
)
"""Clients of databases and directories."""
