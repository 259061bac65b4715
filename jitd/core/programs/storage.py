# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: disks, volumes and file systems."""

from __future__ import annotations

import re
from collections.abc import Callable

from jitd.core.judging import Call, Row
from jitd.core.programs.shared import nothing, trusts, words
from jitd.core.shell_text import Word

_DISKS = "changes disks or file systems"


_DOES = {
    "mkswap": "destroys what is on a disk",
    "blkdiscard": "destroys what is on a disk",
    "xfs_growfs": "makes a file system larger",
    "partprobe": "tells the kernel of new partitions",
    "kpartx": "makes devices of partitions",
    "fsfreeze": "stops all writes to a file system",
    "resize2fs": "changes the size of a file system",
    "tune2fs": "changes the settings of a file system",
    "blockdev": "changes how a disk works",
    "mdadm": "changes disks that work together",
    "wipefs": "destroys what is on a disk",
    "lvcreate": "makes a volume",
    "lvextend": "makes a volume larger",
    "lvreduce": "makes a volume smaller, which may destroy its files",
    "lvresize": "changes the size of a volume",
    "lvremove": "destroys a volume, and all files on it",
    "vgremove": "destroys all volumes of a group",
    "pvremove": "takes a disk from the volumes",
    "pvcreate": "destroys what is on a disk, to make volumes of it",
    **dict.fromkeys(("e2fsck", "fsck", "xfs_repair", "fsck.ext4", "btrfsck"), "repairs a file system, and may delete files"),
}
"""What programs do to disks, as far as one sentence is enough."""
_DESTROYS = ("destroy", "labelclear", "rollback", "receive")


def _said(call: Call) -> str:
    return _DOES.get(call.name, _DISKS)


def _changes(call: Call) -> None:
    if not call.has("version", "help"):
        call.trusts_words()
        call.changes(_said(call))


def _unless(*options: str) -> Callable[[Call], None]:
    """Return the function that judges a program that changes disks, unless one of ``options`` is given."""

    def judge(call: Call) -> None:
        is_open = any(word.is_free and word.is_any for word in call.words)
        if is_open or not call.has("V", "version", "help", *options):
            for word in call.values("z"):
                call.writes(word)
            call.trusts_words()
            call.changes(_said(call))

    return judge


def _by_verb(looks: str, *, depth: int = 1, makes: str = "") -> Callable[[Call], None]:
    """Return the function that judges a program with verbs. Those in ``looks`` change nothing, and those in ``makes`` only make
    something new. ``depth`` is the number of words of a verb.
    """
    looking = words(looks) | words(makes)

    def judge(call: Call) -> None:
        verbs = call.operands[:depth]
        if not verbs or call.has("version", "help"):
            return
        if any(word.is_free for word in verbs) or not any(word.text in looking for word in verbs[-1:] + verbs[:1]):
            call.changes(_DISKS)

    return judge


def _debugfs(call: Call) -> None:
    if call.has("V"):
        return None
    if call.has("w"):
        return call.gives("can write any file on the disk")
    for file in call.values("f"):
        call.reads(file)
        call.discloses("can read any file on the disk")
    requests = call.values("R")
    if not requests and not call.has("f"):
        return call.gives("can start a shell, and read any file on the disk")
    for request in requests:
        verb, *rest = request.text.split() or [""]
        if request.is_free or verb.startswith("!"):
            call.gives("can start a shell")
        elif verb in (
            "stats",
            "show_super_stats",
            "ls",
            "stat",
            "show_inode_info",
            "blocks",
            "icheck",
            "ncheck",
            "imap",
            "ffi",
            "lsdel",
        ):
            continue
        elif verb in ("dump", "rdump", "logdump"):
            call.discloses("reads any file on the disk")
            if rest:
                call.writes(Word(rest[-1]))
        else:
            call.discloses("reads any file on the disk")


def _losetup(call: Call) -> None:
    if not call.words or call.has("a", "all", "l", "list", "j", "associated", "V", "version"):
        return
    call.changes(_DISKS)


def _swapon(call: Call) -> None:
    if not call.words or call.has("s", "summary", "show"):
        return
    call.changes("changes the swap space")


def _cryptsetup(call: Call) -> None:
    verb = call.verb
    if call.has("dump-master-key", "dump-volume-key"):
        return call.discloses("shows the key of a disk")
    if (
        verb is None
        or verb.text in ("status", "isLuks", "luksDump", "luksUUID", "benchmark", "tcryptDump", "bitlkDump")
        and not verb.is_free
    ):
        return None
    call.changes("opens, closes or changes an encrypted disk")


def _dmsetup(call: Call) -> None:
    verb = call.verb
    if call.has("showkeys"):
        return call.discloses("shows keys of disks")
    if (
        verb is None
        or verb.text in ("ls", "info", "status", "table", "deps", "version", "targets", "splitname")
        and not verb.is_free
    ):
        return None
    call.changes(_DISKS)


def _zfs(call: Call) -> None:
    verb = call.verb
    if verb is None:
        return None
    if verb.text == "send" and not verb.is_free:
        return call.discloses("copies all files of a file system")
    if verb.text in ("allow", "delegate") and len(call.operands) > 1:
        return call.leads("lets others change file systems")
    if not verb.is_free and verb.text in (
        "list",
        "get",
        "diff",
        "holds",
        "version",
        "userspace",
        "groupspace",
        "snapshot",
        "snap",
        "bookmark",
    ):
        return None
    call.changes("destroys a file system, or files in it" if verb.text in _DESTROYS else _DISKS)


def _mdadm(call: Call) -> None:
    for program in call.values("p", "program", "alert"):
        call.runs_file(program)
    for file in call.values("c", "config"):
        path = call.absolute(file)
        if path is None or file.is_free or call.judge.changed_by(path):
            call.gives("starts programs that its configuration names")
    if call.has(
        "D", "detail", "E", "examine", "Q", "query", "X", "examine-bitmap", "examine-badblocks", "detail-platform", "V", "version"
    ):
        return
    if not call.has("F", "follow", "monitor"):
        call.changes(_said(call))


def _smartctl(call: Call) -> None:
    if call.may_add_options or call.has("t", "test", "s", "smart", "S", "saveauto", "o", "offlineauto", "X", "abort", "set"):
        call.changes("starts a test of a disk" if call.has("t", "test") else "changes how a disk works")


def _hdparm(call: Call) -> None:
    if call.may_add_options:
        return call.changes(_DISKS)
    if any(
        word.is_free or not re.fullmatch("-[iItTgqCvrRmcdaAQkKuWMBXH]*", word.text)
        for word in call.words
        if word.text.startswith("-")
    ):
        return call.changes(_DISKS)
    if any(re.search("[0-9]", word.text) for word in call.words if not word.text.startswith("/dev")):
        call.changes(_DISKS)


def _blockdev(call: Call) -> None:
    if any(word.is_free or not word.text.startswith(("--get", "--report", "/dev/", "-q", "-v")) for word in call.words):
        call.changes(_said(call))


def _lvm(call: Call) -> None:
    if call.has("config") and any(word.is_free or "/" in word.text for word in call.values("config")):
        return call.gives("starts programs that its settings name")
    if call.name == "lvm" and call.verb is not None and re.fullmatch(_LVM_LOOKS, call.verb.text) and not call.verb.is_free:
        return None
    call.changes(_DOES.get(call.name, "changes volumes"))


_LVM_LOOKS = r"(lv|vg|pv)(s|display|scan|ck)|lvmconfig|lvmdiskscan|dumpconfig|version|help|formats|segtypes|fullreport"


def _iscsi(call: Call) -> None:
    if call.has("l", "login", "u", "logout", "o", "op", "L", "U", "R", "s") or not call.has("m", "mode", "V", "h"):
        call.changes(_DISKS)


def _exportfs(call: Call) -> None:
    if call.words and not (len(call.words) == 1 and call.has("v", "s")):
        call.changes("changes which directories other hosts may mount")


def _wipefs(call: Call) -> None:
    if call.has("a", "all", "o", "offset") or any(word.is_any for word in call.words):
        call.changes(_said(call))


def _raw(call: Call) -> None:
    if call.name == "xfs_io" and any(
        word.is_free or not re.match(r"(p?read|stat|statfs|fiemap|bmap|help|lsattr|inode|label$|quit)\b", word.text)
        for word in call.values("c") or [Word("", is_free=True)]
    ):
        for word in call.operands:
            call.writes(word)
    if call.has("x"):
        call.gives("can write any file on the disk")
    else:
        call.discloses("reads any file on the disk")


_STORES = {
    "ceph": r"|(status|health|df|versions|version)( detail)?|(osd|mon|pg|mgr|mds|fs|quorum|device"
    r"|orch|crash) (tree|df|stat|ls|status|perf|dump"
    r"|host ls|ps|services|pool stats|pool ls|pool autoscale-status|ls-\S+)( \S+)*|osd (blocked-by"
    r"|pool (ls|stats)( detail)?)|orch host ls",
    "drbdadm": r"(status|role|cstate|dstate|dump)( \S+)*",
    "gluster": r"(volume (status|info|list|heal \S+ info)|peer status|pool list)( \S+)*",
    "multipathd": r"(show|list) .*",
    "rbd": r"(ls|list|info|du|status|showmapped|device list|snap ls|mirror pool status)( \S+)*",
    "stratis": r"(|pool|filesystem|blockdev|report|daemon version)( list)?",
    "targetcli": r"(/\S* )?ls( \S+)*|version",
    "vdo": r"(status|list)( \S+)*",
}
"""What programs of stores that several hosts share only show."""


def _stores(call: Call) -> None:
    trusts(call, call.values("c", "conf"))
    asked = " ".join(word.text for word in call.operands)
    if call.name == "ceph" and re.fullmatch(r"(auth (ls|list|get|print-key|export)|config-key (ls|dump|get))( \S+)*", asked):
        return call.discloses("shows keys of a store")
    if any(word.is_free for word in call.words) or not re.fullmatch(_STORES[call.name], asked):
        return call.changes(_DISKS)
    if not call.words and call.name in ("ceph", "targetcli", "gluster"):
        call.changes("has a prompt that changes disks or file systems")


ROWS = (
    Row(
        "fstrim",
        nothing,
        harmless=(
            "a all A fstab length: o: offset: l: m: minimum: I: listed-in: n dry-run v verbose quiet-unsupported h help V version"
        ),
        operands="mount points",
    ),
    Row("filefrag dumpe2fs xfs_info e2freefrag", nothing, harmless="b h f g i m x V v e k s t X B", operands="devices"),
    Row(
        "losetup",
        _losetup,
        harmless="a all l list j: associated: O: output: output-all n noheadings raw J json h help V version",
    ),
    Row(
        "swapon",
        _swapon,
        "p: o: s summary show",
        harmless="noheadings raw bytes show:: summary s output-all h help V version v verbose",
    ),
    Row(
        "mkswap zramctl blkdiscard partprobe xfs_growfs kpartx badblocks e4defrag xfs_fsr fsfreeze e2image swaplabel"
        " e2undo e2label tunefs xfs_admin ntfsfix",
        _changes,
        "version help",
    ),
    Row(" ".join(_STORES), _stores, "n: id: name: c: conf: k: keyring: p: pool: f: format: s w v h version help status"),
    Row("wipefs", _wipefs, "o: offset: t: types: O: output: a n"),
    Row(
        "e2fsck fsck fsck.ext4 fsck.ext3 fsck.ext2 fsck.xfs fsck.vfat xfs_repair btrfsck",
        _unless("n", "N", "T"),
        "n N T f y p c v b: B: C: t: E: j: l: P:: z:",
    ),
    Row("tune2fs", _unless("l"), "l z:"),
    Row("resize2fs", _unless("P"), "P d: S: z: f F M p"),
    Row("debugfs ext4magic", _debugfs, "R: f: b: s: d: z: w c i D n V", chosen="can start a shell", harmless="h"),
    Row("xfs_db xfs_io xfs_mdrestore zdb", _raw, "c: l: p: x r i f F"),
    Row(
        "lvm lvcreate lvextend lvreduce lvresize lvremove lvchange lvconvert lvrename vgcreate vgextend vgreduce vgremove"
        " vgchange vgrename"
        " vgexport vgimport vgcfgrestore vgck vgmerge vgsplit vgimportclone pvcreate pvremove pvchange pvmove pvresize pvck",
        _lvm,
        "L: l: n: config: C: s: o: options: O: sort: S: select: r y a v",
    ),
    Row(
        "dmsetup",
        _dmsetup,
        "c: o: O: S: table: u: uuid: showkeys v",
        harmless=(
            "tree columns C noheadings o: separator: units: readonly r s t target: v verbose version h help inactive"
            " noflush nolockfs concise f notable"
        ),
    ),
    Row(
        "cryptsetup veritysetup integritysetup",
        _cryptsetup,
        "d: key-file: S: key-slot: c: h: s: l: o: T: t: type: header: dump-master-key dump-volume-key",
        harmless="version V help usage verbose v debug",
    ),
    Row(
        "zpool",
        _by_verb("status list get iostat history events version"),
        "o: O: R: T: d: c: t: n H p v",
        harmless="L P g y l q r w v p H T: json j",
    ),
    Row("zfs", _zfs, "o: t: s: S: d: r H p n R f", harmless="H p r d: o: s: S: t: json j"),
    Row(
        "mdadm",
        _mdadm,
        "p: program: alert: c: config: m: mail: y: d: delay: l: n: x: level: raid-devices: spare-devices: metadata: e: u:"
        " N: name: a: add:"
        " D detail E examine Q query X F follow monitor s scan 1 t v V f r",
        harmless="h help version verbose q quiet detail-platform examine-bitmap brief b no-devices Y export examine-badblocks",
        operands="devices",
    ),
    Row(
        "smartctl",
        _smartctl,
        "d: t: test: s: smart: S: saveauto: o: offlineauto: l: n: q: r: T: b: F: v: P: B: X a i H c A x",
        harmless=(
            "h help usage V version copyright license info all xall scan scan-open g: get: j:: json:: quietmode: device:"
            " tolerance: report: nocheck: health capabilities attributes f: format: log: vendorattribute: firmwarebug:"
            " presets: j"
        ),
        operands="devices",
    ),
    Row(
        "hdparm sdparm",
        _hdparm,
        harmless="I i t T g v V a q direct offset: H C verbose h help version al l p: enumerate inquiry long six",
    ),
    Row(
        "nvme",
        _by_verb("list list-subsys smart-log id-ctrl id-ns error-log fw-log version show-regs"),
        harmless="o: output-format: v verbose H human-readable n: namespace-id: b raw-binary e: log-entries:",
    ),
    Row(
        "blockdev",
        _blockdev,
        harmless=(
            "getsize64 getsz getss getpbsz getro getra getbsz getfra getioopt getiomin getalignoff getdiscardzeroes"
            " getmaxsect report v q h V help version"
        ),
    ),
    Row(
        "btrfs",
        _by_verb("show df usage list status stats du show-super help version get-default", depth=2, makes="snapshot"),
        harmless=(
            "h b k m g t H si human-readable iec raw kbytes mbytes gbytes tbytes d c s T p u q o a l v quiet verbose"
            " check summarize help version all-devices mounted"
        ),
    ),
    Row("exportfs", _exportfs, "o: a r u i f v s", harmless="h"),
    Row("iscsiadm", _iscsi, "P: m: mode: T: p: o: op: n: v: V h l u R s", harmless="version help print:"),
    Row("multipath dmraid", _unless("ll", "l", "v", "h"), "ll l v h", harmless="h d r ay"),
)
