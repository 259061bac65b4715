# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: programs that make and restore backups, and that copy files to other hosts."""

from __future__ import annotations

import re
from collections.abc import Sequence

from jitd_commands.judging import Call, Row
from jitd_commands.places import is_tree
from jitd_commands.programs.decision_table import DecisionTable, told
from jitd_commands.programs.shared import trusts, who_changes
from jitd_commands.shell_text import Word

_BORG = DecisionTable(
    """
    ... -n|--dry-run         harmless
    list|info|diff|version|benchmark|config|help|init|rlist|rinfo|repo-list|repo-info|rcreate|create|import-tar|debug  harmless
    check --repair           destroys  repairs the repository {:that its settings name}, and may delete what it cannot read
    check                    harmless
    rdelete|repo-delete      destroys  deletes the repository {:that its settings name}, and all backups in it
    delete                   destroys  deletes {backups} {:that its options select}
    prune                    destroys  deletes the backups in {:the repository} that its rules do not keep
    recreate                 destroys  makes backups in {:the repository} anew, without what its options exclude
    compact                  changes   frees the space of deleted backups in {:the repository}
    key export|change-passphrase|change-location|import  reads     copies or changes the key of the repository {3}
    key|export-tar           reads     copies keys or files of the backup {2}
    break-lock               changes   lets others work on {:the repository} while a backup is made
    mount|umount|serve       changes   makes backups available to others: {}
    rename|upgrade|transfer  changes   changes the backups in {:the repository}
    """,
    valued="--rsh --tar-filter --remote-path -r --repo -a --glob-archives -P --prefix -e --exclude -C --compression"
    " --keep-daily --keep-weekly"
    " --keep-monthly --keep-yearly --keep-within --keep-last -d -w -m -y -H",
)
_RESTIC = DecisionTable(
    """
    ... -n|--dry-run  harmless
    snapshots|stats|ls|find|diff|check|cache|list|version|backup|init|restore|help  harmless
    unlock            changes   removes the locks of the repository, also while a backup is made
    dump|cat          reads     shows files of a backup: {}
    forget --prune    destroys  deletes the backups {:that its rules do not keep}, and their data
    forget            destroys  forgets the backups {:that its rules do not keep}, whose data the next prune deletes
    prune             changes   deletes data that no backup needs
    rewrite --forget  destroys  deletes files out of the backups {}
    rewrite|tag|copy|recover|migrate|repair  changes   changes the backups {}
    key remove        destroys  takes away the password {3}, which opens the backups
    key list          harmless
    key               changes   changes which passwords open the backups
    mount             changes   makes backups available to others
    self-update       leads     replaces itself by a program from elsewhere
    """,
    valued="-r --repo --repository-file -p --password-file --password-command -o --option --cache-dir --cacert -t --target --tag"
    " --host -H --path -e --exclude -i --include --keep-last --keep-daily --keep-weekly --keep-monthly --keep-yearly --keep-tag"
    " --keep-within -l -d -w -m -y",
)
_RCLONE = DecisionTable(
    """
    ... -n|--dry-run             harmless
    ls|lsl|lsd|lsf|lsjson|size|about|version|check|listremotes|tree|md5sum|sha1sum|help|ncdu|cryptcheck|completion  harmless
    purge                        destroys  deletes {}, and everything in it  unless the storage keeps versions
    delete                       destroys  deletes all files in {}  unless the storage keeps versions
    deletefile                   destroys  deletes {}  unless the storage keeps versions
    sync                         destroys  makes {3} like {2}, and deletes what is only in {3}  unless the storage keeps versions
    bisync                       changes   makes {2} and {3} alike, and deletes in one what is gone in the other
    cleanup                      destroys  deletes old versions and what was thrown away in {}
    dedupe                       changes   deletes or renames files of the same name in {}
    rmdir|rmdirs                 changes   deletes empty directories in {}
    move|moveto                  changes   moves {2} to {3}
    copy|copyto|copyurl          changes   copies {2} to {3}
    rcd                          gives     does any command that it is sent
    cat|config|reveal|obscure|rc|serve|rcat|link|mount  reads     shows files or passwords of others: {}
    mkdir|touch|settier|backend  changes   changes {}
    """,
    valued="--config --password-command --transfers --include --exclude --filter --filter-from --log-file --bwlimit --checkers",
)
_OTHERS = DecisionTable(
    """
    ... --dry-run             harmless
    remove-older-than|remove-all-but-n-full|remove-all-inc-of-but-n-full|cleanup --force  destroys  deletes old backups in {-1}
    remove-older-than|remove-all-but-n-full|remove-all-inc-of-but-n-full|cleanup  harmless
    remove increments         destroys  deletes old versions in {-1}
    ... delete|expire|forget|prune|purge|del  destroys  deletes the backups {}
    ... --remove-older-than   destroys  deletes the versions in {-1} that are older than {--remove-older-than}
    ... -l|--list-increments|--list-increment-sizes|--list-at-time|--list-changed-since|--compare|--verify  harmless
    ... --list|--list-snapshots|--list-devices  harmless
    ... --delete|--delete-all|--nuke|-d  destroys  deletes backups {--snapshot}{:of this host}
    ... restore --force|--overwrite  changes   overwrites files with those of a backup: {}
    ... --restore             destroys  overwrites the system with the backup {--snapshot}  and what is newer is gone
    undochange|rollback       destroys  takes files back to the backup {2}  and what is newer is gone
    restore|recover           changes   overwrites files with those of a backup: {}
    list|ls|status|show|diff|verify|policy|snapshots|version|help|configtest|du  harmless
    collection-status|list-current-files|get-config|list-configs  harmless
    ... list|ls|show|get|describe|logs|version  harmless
    create|create-config|set-config|modify|snapshot|full|incr|incremental|backup|sync|alpha|beta|daily|weekly|monthly  changes  \
        makes or changes backups {}
    """,
    valued="-c --snapshot --remove-older-than --remote-schema --rsh -f",
)


def _texts(call: Call, *options: str) -> None:
    """The program runs the values of ``options`` as commands."""
    for text in call.values(*options):
        if text.text not in ("ssh", "ssh -q") or text.is_free:
            call.runs_text(text)


def _is_verb(call: Call, *names: str) -> bool:
    verb = call.verb
    return verb is not None and not verb.is_free and verb.text in names


def _repository(call: Call) -> str:
    """Return where the backups are, if the options say so."""
    places = told(call.values("r", "repo")[:1])
    return f"in {places}" if places else ""


def _borg(call: Call) -> None:
    _texts(call, "rsh", "tar-filter")
    if call.has("content-from-command", "paths-from-command"):
        return call.start(call.operands[2:] if len(call.operands) > 2 else [Word("", is_free=True)])
    if _is_verb(call, "with-lock"):
        return call.start(call.operands[2:] or [Word("", is_free=True)])
    if _is_verb(call, "extract") and not call.has("n", "dry-run"):
        return call.writes(Word("."), how="restores files into", is_use=False, is_tree=True)
    is_whole = not call.has("r", "repo") and not any("::" in word.text for word in call.operands)
    backups = "the repository, or the backups that its options select," if is_whole else "the backups"
    if not _BORG.tells(call, call.words, where=_repository(call), named={"backups": backups}):
        call.changes("makes, changes or deletes backups")
    if _is_verb(call, "create"):
        _saves(call, call.operands[1:] if call.has("r", "repo") else call.operands[2:])
    if call.verb is not None and call.verb.is_free:
        call.gives("can start any command")


def _saves(call: Call, places: Sequence[Word]) -> None:
    """The files in ``places`` are copied into a backup, which others may read."""
    if not call.has("n", "dry-run"):
        for place in places:
            call.reads(place, is_tree=True)


def _restic(call: Call) -> None:
    _texts(call, "password-command")
    for option in call.values("o", "option"):
        name, _, value = option.text.partition("=")
        if option.is_free or name in ("sftp.command", "rclone.program", "sftp.args", "rclone.args"):
            call.runs_text(Word(value, option.is_free))
    if not _RESTIC.tells(call, call.words, where=_repository(call)):
        call.changes("changes or deletes backups")
    if call.has("stdin-from-command"):
        return call.start(call.operands[1:] or [Word("", is_free=True)])
    if _is_verb(call, "backup"):
        _saves(call, call.operands[1:])
    if _is_verb(call, "restore"):
        _restores(call)


def _restores(call: Call) -> None:
    """``restic restore``. Who can change the repository chooses what the files become."""
    if call.has("n", "dry-run"):
        return
    repositories = [word for word in call.values("r", "repo") if word.text.startswith(("/", ".", "~"))]
    is_chosen = any(who_changes(call, word) for word in repositories)
    for target in call.values("t", "target") or [Word("/")]:
        path = call.absolute(target) or ""
        call.writes(target, how="restores files into", is_use=is_chosen, is_tree=is_chosen or target.text != "/")
        if is_tree(path) or call.has("delete"):
            what = f"overwrites files below {path} with those of the backup {told(call.operands[1:])}"
            call.destroys(f"{what}: what is newer is gone", back="", is_whole=True)


def _rclone(call: Call) -> None:
    _texts(call, "password-command", "sftp-ssh", "sftp-server-command", "metadata-mapper")
    trusts(call, call.values("config"))
    for connection in call.operands[1:]:
        if connection.text.startswith(":sftp,") and "ssh=" in connection.text:
            call.gives("starts another program")
    if not _RCLONE.tells(call, call.words):
        call.changes("copies or deletes files")
    if call.has("n", "dry-run") or not _is_verb(call, "copy", "copyto", "move", "moveto", "sync", "bisync", "copyurl"):
        return
    for place in call.operands[1:-1]:
        if place.text.startswith(("/", ".", "~")):
            call.reads(place, is_tree=True)
    for place in call.operands[-1:]:
        if place.text.startswith(("/", ".", "~")) or place.is_free:
            call.writes(place, is_tree=True)


_BCONSOLE = DecisionTable("""
    status|list|llist|show|messages|version|estimate|time|wait|quit|exit|help  harmless
    purge|delete|truncate|prune  destroys  {verb} backups: { }
    cancel|stop|disable|enable|mount|umount|unmount|release|label|relabel|update|reload|run|setdebug  changes   {verb}: { }
    restore                      changes   overwrites files with those of a backup: { }
""")


def _bconsole(call: Call) -> None:
    text = call.input.text if call.input is not None else None
    lines = [line.split() for line in text.split("\n") if line.strip()] if text is not None else []
    for words in lines:
        if not re.fullmatch(r"[\w.]+", words[0]) or not _BCONSOLE.tells(call, list(map(Word, words)), named={"verb": words[0]}):
            return call.gives("starts programs that its commands name")
    if not lines:
        call.gives("has a prompt, from which programs are started")


_BTRBK = DecisionTable("""
    ... -n|--dry-run        harmless
    list|stats|usage|origin|diff|extents|ls|config|estimate  harmless
    run|prune|clean|resume  changes   makes backups, and deletes those that its settings do not keep: {*}
    snapshot|archive        changes   makes snapshots or copies of them
    ...  unknown  jitd does not know what {program} {verbs} does
""")
_PROXMOX = DecisionTable(
    """
    snapshot|snapshots|group|namespace|task|catalog|key list|files|status|show|shell-help|info|log|dump  harmless
    snapshot notes|protected show       harmless
    list|status|benchmark|version|help  harmless
    snapshot forget|remove              destroys  deletes the backup {}
    group|namespace|backup-group forget|delete|remove  destroys  deletes all backups of {}
    prune ... --dry-run|-dry-run        harmless
    prune                               destroys  deletes the backups of {} that its rules do not keep
    backup                              reads     copies files to a server of backups: {}
    restore|map|mount|unmap             reads     makes the files of the backup {2} available
    snapshot|namespace|login|logout|upload-log|change-owner|task  changes   changes backups: {*} { }
    key                                 changes   changes the key that opens the backups: { }
    ...  unknown  jitd does not know what {program} {verbs} does
    """,
    valued="--repository -repository --ns -ns --keyfile -keyfile --output-format --keep-last --keep-daily --keep-weekly",
)


def _snapshots(call: Call) -> None:
    trusts(call, call.values("c", "config"))
    if call.name == "btrbk":
        _BTRBK.tells(call, call.words)
        return
    if any(word.is_free for word in call.words):
        call.gives("can write any file")
    elif _is_verb(call, "restore"):
        for target in call.operands[3:4]:
            call.writes(target, how="restores files into", is_use=False, is_tree=True)
    _PROXMOX(call)


def _other(call: Call) -> None:
    if call.verb is not None and call.verb.is_free or call.has("remote-schema", "rsh", "c"):
        trusts(call, call.values("c"))
        if call.has("remote-schema", "rsh"):
            return call.gives("starts other programs")
    if call.name == "bconsole" and not call.has("help", "version"):
        return _bconsole(call)
    if call.name == "rsnapshot":
        trusts(call, call.values("c"))
        if call.has("t"):
            return None
    if not call.words or not _OTHERS.tells(call, call.words):
        call.changes("makes, restores or deletes backups")


ROWS = (
    Row(
        "borg borgmatic",
        _borg,
        "list info json last: first: short format: v verbose debug show-rc lock-wait: log-json help version V log-level:"
        " repository-only archives-only verify-data rsh: tar-filter: remote-path: p: repo: r: a: glob-archives: e: exclude:"
        " exclude-from: patterns-from: C: compression: comment: keep-daily: keep-weekly: keep-monthly: keep-yearly:"
        " keep-within: d: w: m: y: H: prefix: P: s stats progress n dry-run content-from-command paths-from-command repair"
        " force save-space keep-last: keep-hourly: keep-minutely: keep-secondly: cleanup-commits threshold: x"
        " one-file-system exclude-caches exclude-if-present: numeric-ids noatime files-cache: checkpoint-interval:"
        " upload-ratelimit: match-archives: encryption: make-parent-dirs append-only strip-components: sparse iec"
        " syslog-verbosity: verbosity: files log-file: config:",
        chosen="starts other programs",
        telling="--version:borg",
    ),
    Row(
        "restic",
        _restic,
        "n dry-run keep-hourly: keep-daily: keep-weekly: keep-monthly: keep-yearly: keep-tag: keep-within: verify latest:"
        " compact long no-lock json quiet verbose no-cache insecure-tls limit-upload: help version recursive mode: h"
        " group-by: check read-data read-data-subset: with-cache r: repo: repository-file: p: password-file:"
        " password-command: o: option: cache-dir: cacert: t: target: tag: host: H: path: e: exclude: exclude-file: i:"
        " include: keep-last: l: d: w: m: y: q v prune stdin-from-command delete"
        " one-file-system x iexclude: exclude-caches exclude-if-present: exclude-larger-than: files-from:"
        " files-from-raw: g: parent: skip-if-unchanged with-atime no-scan read-concurrency: time: ignore-ctime"
        " ignore-inode force max-unused: max-repack-size: repack-cacheable-only repack-small repack-uncompressed"
        " limit-download: compression: pack-size: retry-lock: cleanup-cache iinclude: sparse overwrite:"
        " keep-within-daily: keep-within-weekly: keep-within-monthly: human-readable remove-all no-extra-verify"
        " key-hint: unsafe-allow-remove-all add: set: remove:",
        chosen="starts other programs",
        telling="--version --help version help",
    ),
    Row(
        "rclone",
        _rclone,
        "max-depth: fast-list progress json R recursive max-age: min-age: max-size: min-size: q quiet verbose config:"
        " password-command: sftp-ssh: sftp-server-command: metadata-mapper: transfers: include: exclude: filter: filter-from:"
        " log-file: bwlimit: checkers: P v n dry-run"
        " stats: checksum size-only update u ignore-existing ignore-times immutable inplace tpslimit: buffer-size:"
        " multi-thread-streams: s3-chunk-size: drive-chunk-size: no-traverse no-check-dest track-renames"
        " create-empty-src-dirs delete-excluded delete-before delete-after delete-during max-delete: max-transfer:"
        " max-duration: max-backlog: retries: low-level-retries: timeout: contimeout: log-level: stats-one-line"
        " use-server-modtime no-update-modtime metadata copy-links L links l ignore-case order-by: interactive i"
        " one-way download resync rmdirs leave-root server-side-across-configs"
        " no-gzip-encoding user-agent: vv dump-bodies header: daemon vfs-cache-mode: vfs-cache-max-size: allow-other"
        " read-only"
        " format: F: separator: csv dirs-only files-only absolute hash:",
        chosen="starts other programs",
    ),
    Row(
        "duplicity rdiff-backup rsnapshot tarsnap kopia duply bacula-dir bconsole backupninja snapper timeshift velero",
        _other,
        "all a l json o: output: n: namespace: verbose utc dry-run t version help list list-increments list-snapshots"
        " list-devices list-increment-sizes list-at-time: list-changed-since: compare verify c: remote-schema: rsh: f: v q"
        " all-snapshots-for-source force list-archives yes confirm config-file: keep-time: remove-older-than: snapshot:"
        " restore-size full-if-older-than: include: exclude: encrypt-key: sign-key: no-encryption"
        " ssl-no-check-certificate volsize: name: allow-source-mismatch s3-use-new-style selector: ttl: wait"
        " include-namespaces: exclude-namespaces: storage-location: from-backup: description: cleanup-algorithm: type:"
        " print-number print-stats humanize-numbers comments: scripted tags: snapshot-device: skip-grub",
        telling="--version:duplicity,rdiff-backup,rsnapshot,tarsnap,kopia,snapper --help:duplicity,snapper",
    ),
    Row(
        "btrbk proxmox-backup-client",
        _snapshots,
        "n dry-run q quiet v verbose p progress t table format: output-format: repository: ns: S lockfile: help h version c:"
        " config:",
    ),
    Row(
        "dump xfsdump", lambda call: call.discloses("copies all files of a file system"), "0 1 2 3 4 5 6 7 8 9 a u f: l: L: J s:"
    ),
    Row("restore xfsrestore", lambda call: call.changes("overwrites files with those of a backup"), "f: r i s:"),
)
"""Backups, and copies to other hosts."""
