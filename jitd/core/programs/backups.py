# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: programs that make and restore backups, and that copy files to other hosts."""

from __future__ import annotations

from jitd.core.judging import Call, Row
from jitd.core.programs.shared import trusts, words
from jitd.core.shell_text import Word

_BORG_SHOWS = words("list info check diff version benchmark config help init rlist rinfo")
_RESTIC_SHOWS = words("snapshots stats ls find diff check cache list version init unlock help")
_RCLONE_SHOWS = words("ls lsl lsd lsf lsjson size about version check listremotes tree md5sum help ncdu")


def _texts(call: Call, *options: str) -> None:
    """The program runs the values of ``options`` as commands."""
    for text in call.values(*options):
        if text.text not in ("ssh", "ssh -q") or text.is_free:
            call.runs_text(text)


def _is_verb(call: Call, *names: str) -> bool:
    verb = call.verb
    return verb is not None and not verb.is_free and verb.text in names


def _borg(call: Call) -> None:
    _texts(call, "rsh")
    if call.has("content-from-command", "paths-from-command"):
        return call.start(call.operands[2:] if len(call.operands) > 2 else [Word("", is_free=True)])
    if call.verb is None or _is_verb(call, *_BORG_SHOWS):
        if call.has("repair"):
            call.changes("repairs a repository, and may delete backups")
        return None
    if _is_verb(call, "with-lock"):
        return call.start(call.operands[2:] or [Word("", is_free=True)])
    if _is_verb(call, "create"):
        return None
    if _is_verb(call, "extract"):
        return call.writes(Word("."), how="restores files into", is_use=False, is_tree=True)
    if _is_verb(call, "key", "export-tar"):
        return call.discloses("copies keys or files of a backup")
    if _is_verb(call, "prune", "delete", "compact", "recreate", "rename", "break-lock", "upgrade", "rdelete"):
        return call.changes("deletes or changes backups")
    if call.verb.is_free:
        return call.gives("can start any command")
    call.changes("makes backups available to others")


def _restic(call: Call) -> None:
    _texts(call, "password-command")
    for option in call.values("o", "option"):
        name, _, value = option.text.partition("=")
        if option.is_free or name in ("sftp.command", "rclone.program", "sftp.args", "rclone.args"):
            call.runs_text(Word(value, option.is_free))
    if call.verb is None or _is_verb(call, *_RESTIC_SHOWS):
        return None
    if _is_verb(call, "dump", "cat"):
        return call.discloses("shows files of a backup")
    if _is_verb(call, "backup"):
        for source in call.operands[1:]:
            call.reads(source, is_tree=True)
        return None
    if _is_verb(call, "restore"):
        for target in call.values("t", "target") or [Word("/")]:
            call.writes(target, how="restores files into", is_use=False, is_tree=target.text != "/")
        return call.changes("overwrites files with those of a backup")
    if _is_verb(call, "mount"):
        return call.changes("makes backups available to others")
    call.changes("deletes or changes backups")


def _rclone(call: Call) -> None:
    _texts(call, "password-command", "sftp-ssh", "sftp-server-command", "metadata-mapper")
    trusts(call, call.values("config"))
    for connection in call.operands[1:]:
        if connection.text.startswith(":sftp,") and "ssh=" in connection.text:
            call.gives("starts another program")
    if call.verb is None or _is_verb(call, *_RCLONE_SHOWS):
        return None
    if _is_verb(call, "cat", "config", "reveal", "serve", "rcat"):
        return call.discloses("shows files or passwords of others")
    for place in call.operands[1:-1]:
        if place.text.startswith(("/", ".", "~")):
            call.reads(place, is_tree=True)
    for place in call.operands[-1:]:
        if place.text.startswith(("/", ".", "~")) or place.is_free:
            call.writes(place, is_tree=True)
    call.changes("copies or deletes files")


def _other(call: Call) -> None:
    if call.verb is not None and call.verb.is_free or call.has("remote-schema", "rsh", "c"):
        trusts(call, call.values("c"))
        if call.has("remote-schema", "rsh"):
            return call.gives("starts other programs")
    call.changes("makes, restores or deletes backups")


ROWS = (
    Row(
        "borg borgmatic",
        _borg,
        "rsh: remote-path: p: repo: r: a: glob-archives: e: exclude: exclude-from: patterns-from: C: compression: comment:"
        " keep-daily: keep-weekly: keep-monthly: keep-yearly: keep-within: d: w: m: y: H: prefix: P: s stats progress n"
        " dry-run content-from-command"
        " paths-from-command repair",
        chosen="starts other programs",
        harmless=(
            "list info json last: first: short format: v verbose debug show-rc lock-wait: log-json help version V log- level"
        ),
    ),
    Row(
        "restic",
        _restic,
        "r: repo: repository-file: p: password-file: password-command: o: option: cache-dir: cacert: t: target: tag: host:"
        " H: path:"
        " e: exclude: exclude-file: i: include: keep-last: keep-daily: keep-weekly: keep-monthly: l: d: w: m: y: q v json prune",
        chosen="starts other programs",
        harmless=(
            "latest: compact long no-lock json quiet verbose no-cache insecure-tls limit-upload: help version recursive"
            " mode: h group-by: check"
        ),
    ),
    Row(
        "rclone",
        _rclone,
        "config: password-command: sftp-ssh: sftp-server-command: metadata-mapper: transfers: include: exclude: filter:"
        " filter-from:"
        " log-file: bwlimit: checkers: P v n dry-run",
        chosen="starts other programs",
    ),
    Row(
        "duplicity rdiff-backup rsnapshot tarsnap kopia amanda duply bacula-dir bconsole backupninja snapper timeshift",
        _other,
        "c: remote-schema: rsh: f: v q",
    ),
    Row("dump xfsdump", lambda call: call.discloses("copies all files of a file system")),
    Row("restore xfsrestore", lambda call: call.changes("overwrites files with those of a backup")),
)
"""Backups, and copies to other hosts."""
