# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: disks, volumes and file systems."""

from __future__ import annotations

import re
from collections.abc import Callable

from jitd_commands.judging import Call, Row
from jitd_commands.programs.decision_table import DecisionTable, told
from jitd_commands.programs.grammar import grammar
from jitd_commands.programs.shared import nothing, objects, trusts, who_changes, words
from jitd_commands.shell_text import Word

_DOES = DecisionTable("""
    nwipe:                              destroys  overwrites all of {1+:all disks that it finds}
    sg_format: --format|-F|--resize|-r  destroys  formats {1:a disk}: what is on it is gone
    sg_sanitize:                        destroys  erases all that is on {1:a disk}
    kpartx: -d                          changes   takes away the devices of the partitions of {1}
    kpartx:                             changes   makes devices of the partitions of {1}
    tunefs:                             changes   changes the name or settings of the file system {1}
    fsck*|btrfsck:                      changes   repairs the file system on {1:a disk}, and may delete files
    multipath: -t|-T|-l|--ll|-h         harmless
    multipath: -F|-f                    changes   takes away the devices of paths {1:that are not in use}
    multipath:                          changes   makes devices of the paths to disks
    dmraid: -E                          destroys  erases what describes the RAID on {1:all disks}
    dmraid:                             changes   makes or takes away the devices of RAID sets
""")
"""What programs do to disks."""


def _disks(call: Call) -> None:
    if not call.has("version", "help", "V", "h"):
        for word in call.operands:
            path = call.absolute(word) if "/" in word.text else None
            if path is not None and not path.startswith("/dev/") and call.judge.touches(call, path):
                call.writes(word)  # an image of a disk in a file
        _DOES(call)


def _unless(*options: str) -> Callable[[Call], None]:
    """Return the function that judges a program that changes disks, unless one of ``options`` is given."""

    def judge(call: Call) -> None:
        is_open = any(word.is_free and word.is_any for word in call.words)
        if is_open or not call.has("V", "version", "help", *options):
            for word in call.values("z"):
                call.writes(word)
            _disks(call)

    return judge


_DEBUGFS_DESTROYS = [
    [verb] for verb in ("clri", "rm", "kill_file", "unlink", "rmdir", "zap_block", "freei", "freeb", "init_filesys")
]


def _debugfs(call: Call) -> None:
    if call.has("V"):
        return None
    if call.has("w"):
        for request in call.values("R"):
            if request.is_free or request.text.split()[:1] in _DEBUGFS_DESTROYS:
                call.destroys(f"does {request.text[:60] or 'anything'} to the file system {told(call.operands)}", is_whole=True)
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
        elif verb in words("stats show_super_stats ls stat show_inode_info blocks icheck ncheck imap ffi lsdel"):
            continue
        elif verb in ("dump", "rdump", "logdump"):
            call.discloses("reads any file on the disk")
            if rest:
                call.writes(Word(rest[-1]))
        else:
            call.discloses("reads any file on the disk")


def _losetup(call: Call) -> None:
    if not call.words or call.has("a", "all", "l", "list", "j", "associated", "V", "version"):
        return None
    if call.has("d", "detach", "D", "detach-all"):
        every = call.has("D", "detach-all")
        return call.changes(f"takes away {'all loop devices' if every else objects(call, 'a loop device')}", is_whole=True)
    for word in call.operands:
        call.reads(word)
    call.changes(f"makes a disk of {objects(call, 'a file')}", is_whole=True)


def _swapon(call: Call) -> None:
    if not call.words or call.has("s", "summary", "show"):
        return
    call.changes(f"swaps to {objects(call, 'what /etc/fstab names')}", is_whole=True)


_MAPPED = """
        --help|--usage|--version ...  harmless
        ()                            harmless
        status|dump TEXT              harmless
        close|remove TEXT             changes   closes {2}
"""


_DMSETUP = DecisionTable("""
    ls|info|status|table|deps|version|targets|splitname  harmless
    remove_all   stops     takes away all mapped disks that are not in use  until they are made again
    remove       changes   takes away the mapped disk {2}
    wipe_table   stops     lets all reads and writes of {2:a mapped disk} fail  until its table is loaded again
    suspend      stops     stops all that reads or writes {2:a mapped disk}  until it is resumed
    resume       changes   lets programs read and write {2:a mapped disk} again
    create       changes   maps parts of disks as {2:a new disk}
    load|reload  changes   changes which disks {2:a mapped disk} is made of
    message|rename|setgeometry|clear|mknodes|udev*|mangle  changes   changes the mapped disk {2:it names}
""")


def _dmsetup(call: Call) -> None:
    if call.has("showkeys"):
        return call.discloses("shows keys of disks")
    _DMSETUP(call)


_ZPOOL = DecisionTable("""
    -n                                harmless
    status|list|get|iostat|history|events|version|wait  harmless
    destroy  destroys  destroys the pool {2:that it names} and all in it  which zpool import -D may bring back
    labelclear                        destroys  erases what makes {2:a disk} a part of a pool
    create                            destroys  makes the pool {2} of {3+:disks}: what is on these disks is gone
    split                             destroys  splits {2:a pool} in two, which leaves one copy of all files
    checkpoint -d|--discard           destroys  deletes the checkpoint of {2:a pool}
    import --rewind-to-checkpoint|-F  destroys  takes {2:a pool} back to an older state: what was written since is gone
    import                            changes   makes {2:all pools that are found} available
    export                            stops     takes {2:a pool} and all its file systems away  until it is imported
    offline                           changes   stops the use of {3:a disk} in {2:a pool}
    detach|remove                     changes   takes {3:a disk} out of {2:a pool}
    replace|attach -f  destroys  puts a copy of {3:a disk} of {2:a pool} on {4:another}: what is on this disk is gone
    replace|attach                    changes   puts a copy of {3:a disk} of {2:a pool} on {4:another}
    add -f                            destroys  adds {3+:disks} to {2:a pool}: what is on them is gone
    add                               changes   adds {3+:disks} to {2:a pool}
    clear                             changes   forgets the errors of {2:a pool}
    scrub                             changes   reads and checks all files of {2:a pool}
    upgrade                           changes   changes the format of {2:pools}, which older hosts cannot read
    set                               changes   sets {2} of the pool {3}
    online|reopen|trim|initialize|resilver|reguid|checkpoint|sync|prefetch  changes   runs {1} on the pool {2}
""")
_ZFS = DecisionTable("""
    -n               harmless
    list|get|diff|holds|version|userspace|groupspace|projectspace|snapshot|snap|bookmark|wait  harmless
    destroy -r|-R    destroys  destroys {2:a file system} with all that is below it and its snapshots
    destroy *@*      destroys  destroys the snapshot {2}
    destroy          destroys  destroys {2:a file system or snapshot}
    rollback         destroys  takes {2:a file system} back: what was written since this snapshot is gone
    receive|recv -F  destroys  replaces {2:a file system} by what it reads: what was written since is gone
    receive|recv     changes   makes {2:a file system} of what it reads
    send             reads     {program} copies all files of {2:a file system}
    allow|delegate   leads     {program} lets others change file systems
    unload-key       stops     locks {2:file systems}  until the key is loaded again
    load-key         changes   unlocks {2:file systems}
    change-key       changes   changes the key of {2:a file system}
    release          changes   lets others destroy snapshots that are held: {2+}
    hold             changes   keeps {3+:snapshots} from being destroyed
    create           changes   makes the file system {2}
    clone            changes   makes the file system {3} of the snapshot {2}
    rename           changes   renames {2} to {3}
    promote          changes   makes {2} independent of its snapshot
    unmount|umount   changes   unmounts {2:all file systems}
    mount            changes   mounts {2:all file systems}
    set              changes   sets {2} of the file system {3}
    inherit|share|unshare|upgrade|unallow|project|redact|program|jail|zone  changes   runs {1} on {2+}
""")


def _receives(call: Call) -> None:
    """The program makes files of what it reads, with their owners and rights."""
    given = call.input.path if call.input is not None else None
    named = [value for word, value in zip(call.words, call.words[1:], strict=False) if word.text == "-f" and call.name == "btrfs"]
    for word in [*named, *([given] if given is not None else [])]:
        if call.is_root and word.text and (who := who_changes(call, word)):
            call.gives(f"makes files of what {who} can choose, which may be set-uid", call.absolute(word) or "")


def _pool(call: Call) -> None:
    """``zpool import`` without a pool only lists those that it finds."""
    verb = call.verb
    if verb is not None and verb.text == "import" and len(call.operands) == 1 and not (call.may_add_options or call.has("a")):
        return
    _ZPOOL(call)


def _subvolumes(call: Call) -> None:
    if call.verb is not None and call.verb.text == "receive":
        _receives(call)
    _BTRFS(call)


def _zfs(call: Call) -> None:
    for word in call.operands if call.verb is not None and call.verb.text in ("set", "create") else ():
        if word.text.startswith("mountpoint=/"):
            call.writes(Word(word.text.partition("=")[2]), how="mounts over", is_tree=True)
    if call.verb is not None and call.verb.text == "allow" and len(call.operands) < 2:
        return
    if call.verb is not None and call.verb.text in ("receive", "recv"):
        _receives(call)
    _ZFS(call)


_MDADM = DecisionTable("""
    --zero-superblock       destroys  erases what makes {1:a disk} a part of a RAID
    -C|--create             destroys  makes the RAID {1} of {2+:disks}: what is on these disks is gone
    -f|--fail|--set-faulty  changes   declares {2:a disk} of {1:a RAID} broken
    -r|--remove             changes   takes {2:a disk} out of {1:a RAID}
    -a|--add|--re-add       changes   adds {-a|--add:a disk} to {1:a RAID}
    -S|--stop               stops     stops {1:all RAIDs that are not in use}  until somebody assembles them again
    -G|--grow               changes   changes the size or number of disks of {1:a RAID}
    -A|--assemble           changes   assembles {1:all RAIDs that are found}
    ...                     changes   changes the RAID {1:of this host}
""")


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
        _MDADM(call)


def _smartctl(call: Call) -> None:
    if call.may_add_options or call.has("t", "test", "s", "smart", "S", "saveauto", "o", "offlineauto", "X", "abort", "set"):
        call.changes(f"{'starts a test of' if call.has('t', 'test') else 'changes how it works:'} {objects(call, 'a disk')}")


def _hdparm(call: Call) -> None:
    words = [word.text for word in call.words]
    disk = next((word for word in words if word.startswith("/")), "a disk")[:60]
    if call.may_add_options or any(
        re.match("--(security-(erase|set|dis)|trim|write-sector|repair|make-bad|fwdown|dco)", one) for one in words
    ):
        return call.destroys(f"erases or locks {disk}, or writes to it past its file system", is_whole=True)
    is_set = any(re.search("[0-9]", one) for one in words if not one.startswith("/dev"))
    if is_set or any(not re.fullmatch("-[iItTgqCvrRmcdaAQkKuWMBXH]*", one) for one in words if one.startswith("-")):
        call.changes(f"changes how {disk} works", is_whole=True)


_NVME = DecisionTable("""
    list|list-subsys|list-ns|list-ctrl|*-log|id-*|version|show-*|get-feature|help|ns-descs  harmless
    format                         destroys  formats {2:a disk}: what is on it is gone
    sanitize|write-zeroes|write-uncor|dsm|write|compare  destroys  writes to or erases {2:a disk} past its file system
    delete-ns                      destroys  deletes a part of {2:a disk} with all that is in it
    create-ns|attach-ns|detach-ns  changes   changes into which parts {2:a disk} is divided
    reset|subsystem-reset          changes   starts {2:a disk} again
    connect*|discover              changes   connects disks of other hosts
    disconnect*                    stops     disconnects disks of other hosts: {-n:all}  until they are connected again
    fw-*                           changes   changes the firmware of {2:a disk}
    set-feature|device-self-test|get-property|set-property|dir-*|ns-rescan  changes   changes how {2:a disk} works
""")
_BTRFS = DecisionTable("""
    * show|df|usage|list|status|stats|du|show-super|help|version|get-default|find-new|dump-*  harmless
    subvol*|sub snap*             harmless
    version|help                  harmless
    subvol*|sub delete            destroys  deletes the subvolume {3+:that it names} with all files in it
    subvol*|sub create            changes   makes the subvolume {3}
    subvol*|sub set-default       changes   changes which files are mounted next from {4:a file system}
    device|dev add -f             destroys  adds {3:a disk} to {4:a file system}: what is on it is gone
    device|dev add                changes   adds {3:a disk} to {4:a file system}
    device|dev delete|remove      changes   takes {3:a disk} out of {4:a file system}
    device|dev *                  changes   runs {2} on the disks of file systems
    replace start                 changes   puts {4:a disk} in place of {3:another}
    check --repair|--init-csum-tree|--init-extent-tree  destroys  repairs the file system on {2:a disk}, and may delete files
    check                         harmless
    rescue zero-log               destroys  drops what was written last to {3:a disk}
    rescue *                      changes   repairs the file system on {3:a disk}
    filesystem|fi|fs resize       changes   changes the size of {4:a file system} to {3}
    filesystem|fi|fs *            changes   runs {2} on the files in {3+:a file system}
    balance|scrub|quota|qgroup *  changes   runs {1} {2} on the file system {3+:that it names}
    receive                       changes   makes a subvolume of what it reads
    send                          reads     {program} copies all files of {2:a subvolume}
    property *                    changes   changes settings of {3:a file system}
    restore                       reads     {program} copies files from {2:a broken disk} to {3}
""")


def _blockdev(call: Call) -> None:
    if any(word.is_free or not word.text.startswith(("--get", "--report", "/dev/", "-q", "-v")) for word in call.words):
        call.changes(
            f"changes how {' '.join(word.text for word in call.words if word.text[:1] == '/') or 'a disk'} works", is_whole=True
        )


_LVM = DecisionTable("""
    -t|--test                         harmless
    lvremove:  destroys  destroys the volume {1+:that it names} and all files on it  which vgcfgrestore may bring back
    vgremove:                         destroys  destroys all volumes of the group {1+:that it names} with all files on them
    pvremove:                         destroys  erases what makes {1+:a disk} a part of a volume group
    pvcreate:                         destroys  makes {1+:disks} ready for volumes: what is on them is gone
    vgcreate|vgextend: -f|-y          destroys  puts {2+:disks} into the volume group {1}: what is on these disks is gone
    vgcreate|vgextend:                changes   puts {2+:disks} into the volume group {1}
    lvreduce|lvresize: -r|--resizefs  changes   makes the volume {1:that it names} and its file system smaller or larger
    lvreduce:                         destroys  makes the volume {1:that it names} smaller: files beyond its new end are gone
    lvresize: -L|-l|--size|--extents=-*  destroys  makes the volume {1:that it names} smaller: files beyond its new end are gone
    lvresize:                         changes   changes the size of the volume {1:that it names}
    lvextend:                         changes   makes the volume {1:that it names} larger
    lvcreate:                         changes   makes the volume {-n|--name:that it names} in {1:a group}
    lvconvert: --merge                destroys  takes a volume back to its snapshot {1}: what was written since is gone
    lvconvert:                        changes   changes how the volume {1:that it names} is stored
    lvchange|vgchange: -a|--activate=n|ln  stops     takes {1+:all volumes} away  until they are activated
    lvchange|vgchange|pvchange:       changes   changes {1+:volumes}
    lvrename|vgrename:                changes   renames {1} to {2+}
    vgcfgrestore:                     destroys  replaces what describes the volumes of {1:a group} by an older copy
    vgreduce: --removemissing --force|-f  destroys  deletes all volumes of the group {1:a group} with a part on a missing disk
    vgreduce:                         changes   takes {2+:disks} out of the volume group {1}
    vgmerge|vgsplit:                  changes   moves disks between the volume groups {1} and {2}
    vgexport:                         stops     takes the volume group {1:that it names} away from this host  until it is imported
    vgimport|vgimportclone:           changes   makes the volume group {1:that it names} available
    pvmove:                           changes   moves what is on {1:disks} to other disks
    pvresize:                         changes   changes the size of {1:a disk} in its volume group
    vgck|pvck:                        changes   repairs what describes {1:volumes}
    lvm:                              changes   runs {1:what is typed} {2:} on volumes
""")


def _lvm(call: Call) -> None:
    if call.has("config") and any(word.is_free or "/" in word.text for word in call.values("config")):
        return call.gives("starts programs that its settings name")
    if call.name == "vgcfgrestore" and {"-l", "--list"} & {word.text for word in call.words} and not call.may_add_options:
        return call.knows_all()
    if call.name == "lvm" and call.verb is not None and not call.verb.is_free:
        return None if re.fullmatch(_LVM_LOOKS, call.verb.text) else call.start(call.words)
    _LVM(call)


_LVM_LOOKS = r"(lv|vg|pv)(s|display|scan|ck)|lvmconfig|lvmdiskscan|dumpconfig|version|help|formats|segtypes|fullreport"


_ISCSI = DecisionTable("""
    -U|--logoutall            stops     disconnects disks of other hosts: {-U|--logoutall:…}  until somebody logs in there again
    -u|--logout               stops     disconnects disks of other hosts: {-T:all of them}  until somebody logs in there again
    -o|--op=delete            changes   forgets how to reach {-T:disks of other hosts}
    -l|--login|-L|--loginall  changes   connects disks of {-T:other hosts}
    ...                       changes   changes how {-T:disks of other hosts} are reached
""")


def _iscsi(call: Call) -> None:
    if any(word.text.startswith("discovery") for word in call.values("m", "mode")) and call.has("t", "type", "p", "portal"):
        return call.changes("asks another host for its disks, and keeps what it finds", is_whole=True)
    if call.has("l", "login", "u", "logout", "o", "op", "L", "loginall", "U", "logoutall", "R", "s") or not call.has(
        "m", "mode", "V", "h"
    ):
        _ISCSI(call)


def _exportfs(call: Call) -> None:
    if call.words and not (len(call.words) == 1 and call.has("v", "s")):
        if call.has("u"):
            every = "all directories" if call.has("a") else objects(call, "a directory")
            return call.stops(
                f"takes {every} away from the hosts that mount them", back="until they are exported again", is_whole=True
            )
        call.changes(f"lets other hosts mount {objects(call, 'what /etc/exports names')}", is_whole=True)


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


_STORED = DecisionTable("""
    ceph: osd pool delete|rm            destroys  deletes the pool {4} with all that is in it
    ceph: osd pool rmsnap               destroys  deletes the snapshot {5} of the pool {4}
    ceph: osd pool set|create|rename|application  changes   runs {3} on the pool {4}
    ceph: osd purge|destroy|rm|lost     destroys  gives up the disk {3+} of the store: what only it has is gone
    ceph: osd out|down|reweight         changes   takes the disk {3+} out of use, which moves what is on it
    ceph: osd set pause|pauserd|pausewr  stops     stops all that reads or writes in the store  until it is unset
    ceph: osd set|unset                 changes   sets {3} for all disks of the store
    ceph: osd *                         changes   runs {2} on the disk {3+} of the store
    ceph: fs rm|reset                   destroys  deletes the file system {3}
    ceph: fs subvolume*|volume rm       destroys  deletes {4+:a volume} with all files in it
    ceph: fs fail                       stops     stops the file system {3}  until it is made joinable again
    ceph: mon remove|rm                 changes   takes the monitor {3} out of the cluster
    ceph: auth *                        changes   changes the keys of {3:the store}
    ceph: config|config-key *           changes   sets {2+} in the store
    ceph: orch rm|daemon                changes   runs {2+} on services of the store
    ceph: orch host rm|drain            changes   takes the host {4} out of the store
    ceph: orch device zap               destroys  erases the disk {4+}
    ceph: mds|mgr fail                  changes   lets another host take over from {3}
    drbdadm: invalidate*                destroys  overwrites what is on {2:a disk} with what another host has
    drbdadm: create-md|wipe-md          destroys  erases what describes {2:a disk} that hosts share
    drbdadm: primary --force            destroys  makes {2:a disk} current: what another host has newer is gone
    drbdadm: connect --discard-my-data  destroys  throws away what is newer on {2:a disk} of this host
    drbdadm: down|detach|disconnect|secondary  stops     runs {1} on {2:a disk} that hosts share  until it is up again
    drbdadm: *                          changes   runs {1} on {2+:disks} that hosts share
    gluster: volume delete              destroys  deletes the volume {3}
    gluster: volume stop                stops     stops the volume {3} for all hosts  until it is started
    gluster: volume reset-brick|remove-brick|replace-brick  destroys  takes disks out of the volume {3} with their files
    gluster: snapshot delete|restore    destroys  runs {2} on the snapshot {3}
    gluster: volume *                   changes   runs {2} on the volume {3+}
    gluster: peer *                     changes   runs {2} on the host {3}
    multipathd: *                       changes   runs {1} {2:} on the paths of disks
    rbd: rm|remove                      destroys  deletes the disk {2}
    rbd: snap rm|remove|purge           destroys  deletes snapshots of the disk {3}
    rbd: snap rollback|revert           destroys  takes the disk {3} back: what was written since is gone
    rbd: trash purge|rm|remove          destroys  deletes {3:disks} that are in the trash
    rbd: trash mv|move                  changes   puts the disk {3} into the trash
    rbd: resize --allow-shrink          destroys  makes the disk {2} smaller: what is beyond its new end is gone
    rbd: import|create|clone|cp|copy|export  changes   does {1} with the disk {2+}
    rbd: *                              changes   runs {1} on the disk {2+}
    stratis: pool destroy               destroys  destroys the pool {3} with all files in it
    stratis: filesystem|fs destroy      destroys  destroys the file system {4} with all files in it
    stratis: pool create                destroys  makes the pool {3} of {4+:disks}: what is on these disks is gone
    stratis: *                          changes   runs {2} on the {1} {3+}
    targetcli: * delete                 destroys  deletes {3+} at {1}, and what other hosts keep there may be gone
    targetcli: clearconfig              stops     takes all disks away from other hosts  until they are exported again
    targetcli: *                        changes   does {2+} at {1} to the disks that other hosts use
    vdo: remove                         destroys  destroys {-n|--name:volumes} with all files on it
    vdo: stop                           stops     stops {-n|--name:all volumes}  until it is started
    vdo: create                         destroys  makes the volume {-n|--name:…} of a disk: what is on it is gone
    vdo: *                              changes   runs {1} on the volume {-n|--name:that it names}
""")


def _stores(call: Call) -> None:
    trusts(call, call.values("c", "conf"))
    asked = " ".join(word.text for word in call.operands)
    if call.name == "ceph" and re.fullmatch(r"(auth (ls|list|get|print-key|export)|config-key (ls|dump|get))( \S+)*", asked):
        return call.discloses("shows keys of a store")
    if any(word.is_free for word in call.words) or not re.fullmatch(_STORES[call.name], asked):
        return _STORED(call)
    if not call.words and call.name in ("ceph", "targetcli", "gluster"):
        call.changes("has a prompt for commands that change a store")


_CEPH = DecisionTable("""
    ceph-volume: inventory       harmless
    ceph-volume: lvm|simple|raw list|scan  harmless
    ceph-volume: lvm|raw zap     destroys  erases the disk {3+:that it names}
    ceph-volume: *               changes   runs {2} on disks of the store: {3+:all}
    rados: ls|lspools|df|stat|listxattr|listwatchers|stat2  harmless
    rados: rmpool|purge|cppool   destroys  deletes the pool {2} with all that is in it
    rados: rm|truncate|rollback  destroys  deletes {2+:objects} of the store
    rados: get|export|listomapvals|getxattr  reads     {program} shows or copies what is in the store
    rados: *                     changes   runs {1} {2:} in the store
    cephadm: ls|version|inspect-image|list-networks|gather-facts|check-host  harmless
    cephadm: rm-cluster|rm-daemon|zap-osds  destroys  deletes daemons or disks of the store on this host
    cephadm: shell|enter|run|bootstrap|deploy|adopt|unit|logs|ceph-volume  gives  \
        {program} starts containers that have the whole host
    cephadm: *                   changes   runs {1} {2:} on the store
    rbd-nbd:                     changes   makes a disk of the host: {1} {2:}
""")
_RAID = DecisionTable("""
    /* show                           harmless
    show|help|version|getconfig|getstatus|getversion|getlogs|list  harmless
    ctrl * show|config|detail|status  harmless
    ctrl * * show                     harmless
    ctrl * * * show                   harmless
    ctrl * * * * show                 harmless
    ctrl ... delete                   destroys  deletes {...:all}: what is on these disks is gone
    ctrl * * * * erase|modify         destroys  erases or changes {2+}
    delete|deleteconfig|uninit|task|setconfig  destroys  runs {1} {2:}: what is on these disks may be gone
    /* del|delete|clear|erase|init|initialize|secureerase|format  destroys  runs {2} on {1}: what is on these disks is gone
    /* start init|initialization|erase|format  destroys  runs {2+} on {1}: what is on these disks is gone
    /* set jbod|good*                 destroys  changes what {1} is: what is on it may be gone
    *                                 changes   runs {1} {2:} on the disks of the host
""")
_TAPE = DecisionTable("""
    status|stat|tell|datcompression|stshowopt*  harmless
    erase                            destroys  erases the tape in {-f:the drive}
    weof|eof|mkpartition|seteod|wsm  destroys  writes over the end of what is on the tape in {-f:the drive}
    *                                changes   moves the tape in {-f:the drive}: {1} {2:}
""")
_TPM = DecisionTable(
    """
    tpm2_clear:  destroys  deletes all keys in the TPM of this host: what they open is gone
    ...          destroys  deletes keys or data in the TPM of this host
""",
    acts="-V:tpm2_clear,tpm2_evictcontrol,tpm2_nvundefine",
)
_CLEVIS = DecisionTable("""
    luks list    harmless
    luks unbind  destroys  takes the key {-s:…} of {-d:a disk} away: without another one, what is on it is gone
    luks pass    reads     {program} shows a key of {-d:a disk}
    luks unlock  changes   opens {-d:a disk}
    luks *       changes   changes the keys that open {-d:a disk}
    encrypt      harmless
    decrypt      reads     {program} reads secrets
""")


def _clevis(call: Call) -> None:
    call.asked.add("d")  # a disk, of which the table tells what is done to it
    _CLEVIS(call)


def _ceph(call: Call) -> None:
    verb = call.verb.text if call.verb is not None else ""
    if call.name == "rados" and len(call.operands) > 1:
        if verb in ("get", "export"):
            call.writes(call.operands[-1])
        elif verb in ("put", "append", "import"):
            call.reads(call.operands[-1])
    _CEPH(call)


def _raid_adapter(call: Call) -> None:
    """Its verbs are options."""
    verbs = [word.text for word in call.words if not re.fullmatch(r"-a\w+", word.text)]
    verb = verbs[0].lstrip("-") if verbs else ""
    shows = r"(?i)(ld|pd)(info|list|getprop|rebuild)|(adp|enc)\w*info|cfgdsply|v|h|adpcount"
    if re.fullmatch(shows, verb) and not any(word.is_free for word in call.words):
        return call.knows_all()
    erases = r"(?i)cfg(clr|lddel|forclear|eachdskraid|ldadd|spandel)|ldinit|pdclear|pdmakegood"
    if any(word.is_free for word in call.words) or re.match(erases, verb):
        return call.destroys(f"deletes or erases disks: {' '.join(verbs)[:60]}", is_whole=True)
    call.changes(f"runs {' '.join(verbs)[:60]} on the disks of the host", is_whole=True)


ROWS = (
    Row(
        "fstrim",
        nothing,
        "a all A fstab length: o: offset: l: m: minimum: I: listed-in: n dry-run v verbose quiet-unsupported h help V version",
        operands="mount points",
    ),
    Row(
        "filefrag dumpe2fs xfs_info e2freefrag",
        nothing,
        "b h f g i m x V v e k s t X B",
        operands="devices",
        telling="-V:dumpe2fs",
    ),
    Row(
        "losetup",
        _losetup,
        "a all l list j: associated: O: output: output-all n noheadings raw J json h help V version"
        " f find P partscan r read-only show s: sizelimit: offset: o: b: sector-size: d: detach: D detach-all c:"
        " set-capacity: direct-io:: nooverlap L ref: loop-ref:",
        telling="--help",
    ),
    Row(
        "swapon",
        _swapon,
        "noheadings raw bytes show summary s output-all h help V version v verbose p: o:"
        " a all d:: discard:: e ifexists f fixpgsz L: U: T: fstab:"
        " options: priority: label: uuid:",
        telling="--version --help -V",
    ),
    Row(
        "kpartx tunefs nwipe sg_format sg_sanitize",
        _disks,
        "s v n b: p: autonuke nogui version help w r d a F format resize u force V D: f z",
    ),
    grammar(
        "mkswap",
        """
        -c|--check -f|--force -q|--quiet -p|--pagesize=N -L|--label=TEXT -v|--swapversion=N -U|--uuid=TEXT --verbose --lock[=TEXT]
        -e|--endianness=TEXT -o|--offset=N -s|--size=N -F|--file -h|--help -V|--version
        """,
        """
        --help|--version ()   harmless
        /dev/* [N]            destroys  makes swap space of {1}: what is on it is gone
        DISK:writes [N]       changes   makes swap space of {1:a file}
        """,
        abbreviates=True,
    ),
    grammar(
        "blkdiscard",
        "-f|--force -o|--offset=N -l|--length=N -p|--step=N -s|--secure -z|--zeroout -v|--verbose -q|--quiet -h|--help"
        " -V|--version",
        """
        --help|--version ()  harmless
        DISK                 destroys  discards all that is on {1}
        """,
        abbreviates=True,
    ),
    grammar(
        "badblocks",
        "-b=N -i=FILE:reads -o=FILE:writes -s -v -w -n -f -B -X -c=N -d=N -e=N -p=N -t=TEXT",
        """
        -w DISK:writes [N] [N]  destroys  overwrites all of {1} to test it
        -n DISK:writes [N] [N]  changes   overwrites all of {1} with what is on it
        DISK [N] [N]            harmless
        """,
    ),
    grammar(
        "fsfreeze",
        "-f|--freeze -u|--unfreeze -h|--help -V|--version",
        """
        --help|--version ()  harmless
        --freeze TEXT        stops     stops all writes to {1}  until it is thawed
        TEXT                 changes   lets programs write to {1} again
        """,
        abbreviates=True,
    ),
    grammar(
        "swaplabel",
        "-L|--label=TEXT -U|--uuid=TEXT -h|--help -V|--version",
        """
        --help|--version ()              harmless
        --label|--uuid DISK:writes       changes   changes the name or settings of the file system {1}
        DISK                             harmless
        """,
        abbreviates=True,
    ),
    grammar("e2label", "", "DISK:writes TEXT  changes   changes the name or settings of the file system {1}\nDISK  harmless"),
    grammar(
        "xfs_admin",
        "-e -f -j -l -p -u -V -c=N -L=TEXT -O=TEXT -r=TEXT -U=TEXT",
        """
        -V ()                harmless
        DISK:writes [DISK]   changes   changes the name or settings of the file system {1}
        """,
    ),
    grammar(
        "xfs_growfs",
        "-d -l -r -n -i -t=FILE:reads -x -D=N -L=N -R=N -e=N -m=N -V",
        """
        -V ()    harmless
        -n TEXT  harmless
        TEXT     changes   makes the file system {1} larger
        """,
    ),
    grammar(
        "partprobe",
        "-d -s -h -v",
        "-h|-v|-d ...  harmless\nDISK...  changes   tells the kernel of the partitions of {1:all disks}",
    ),
    grammar("e4defrag", "-v -c", "-c TEXT...  harmless\nTEXT...  changes   moves the files on {1:all file systems} together"),
    grammar(
        "xfs_fsr",
        "-d -v -g -t=N -p=N -f=FILE:writes -m=FILE:reads -V",
        "-V ()  harmless\nTEXT...  changes   moves the files on {1:all file systems} together",
    ),
    grammar(
        "e2image",
        "-r -Q -I -a -c -f -n -p -b=N -B=N -o=N -O=N",
        """
        -I DISK:writes DISK           destroys  writes what describes a file system over that of {1}
        -r|-Q|-a DISK:writes [DISK:writes]  changes   copies the file system {1} to {2}
        DISK:writes DISK:writes       changes   copies what describes the file system {1} to {2}
        """,
    ),
    grammar(
        "e2undo",
        "-f -h -n -o=N -v -z=FILE:writes",
        """
        -n FILE:reads DISK     harmless
        -h FILE:reads          harmless
        FILE:trusts DISK:writes  destroys  takes back changes of the file system on {2}
        """,
    ),
    grammar(
        "ntfsfix",
        "-b|--clear-bad-sectors -d|--clear-dirty -h|--help -n|--no-action -V|--version",
        """
        --help|--version ()  harmless
        --no-action DISK     harmless
        DISK:writes          changes   repairs the file system on {1}, and may delete files
        """,
        abbreviates=True,
    ),
    grammar(
        "zramctl",
        """
        -a|--algorithm=TEXT -b|--bytes -f|--find -n|--noheadings -o|--output=TEXT --output-all --raw -r|--reset -s|--size=N
        -t|--streams=N -h|--help -V|--version
        """,
        """
        --help|--version ()  harmless
        --reset DISK...      changes   takes away the memory disk {1:of the host}
        --find ()            changes   makes a disk in memory
        --size DISK          changes   makes a disk in memory
        [DISK]               harmless
        """,
        abbreviates=True,
    ),
    Row(
        " ".join(_STORES),
        _stores,
        "n: id: name: c: conf: k: keyring: p: pool: f: format: s w v h version help status force discard-my-data allow-shrink"
        " yes-i-really-really-mean-it yes-i-really-mean-it mode: cluster: xml size: image-feature: data-pool: all"
        " detail image: snap: no-progress allow-running",
    ),
    grammar(
        "wipefs",
        """
        -a|--all -b|--backup[=DIR:writes] -f|--force -i|--noheadings -J|--json -n|--no-act -o|--offset=N -O|--output=TEXT
        -p|--parsable -q|--quiet -t|--types=TEXT --lock[=TEXT] -h|--help -V|--version
        """,
        """
        --help|--version ()  harmless
        --no-act FILE:lists...  harmless
        --all|--offset DISK:writes...  destroys  erases the signatures on {1+:a disk}: its file systems are gone
        FILE:lists...        harmless
        """,
        abbreviates=True,
    ),
    grammar(
        "e2fsck fsck.ext2 fsck.ext3 fsck.ext4",
        """
        -p -a -n -y -c -r -k -f -v -d -D -F -t -V -b=N -B=N -l=FILE:reads -L=FILE:reads -C=N -j=TEXT -E=TEXT -z=FILE:writes
        """,
        """
        -V ...       harmless
        -n DISK      harmless
        DISK:writes  changes   repairs the file system on {1}, and may delete files
        """,
    ),
    grammar(
        "xfs_repair",
        "-f -L -l=TEXT -m=N -n -P -r=TEXT -v -c=TEXT -o=TEXT -t=N -d -e -V",
        """
        -V ()        harmless
        -n DISK      harmless
        -L DISK:writes  destroys  drops the log of the file system on {1}: the last changes are gone
        DISK:writes  changes   repairs the file system on {1}, and may delete files
        """,
    ),
    grammar(
        "tune2fs",
        """
        -c=N -e=TEXT -f -g=TEXT -i=TEXT -j -J=TEXT -l -m=N -o=TEXT -r=N -u=TEXT -C=N -L=TEXT -M=TEXT -O=TEXT -Q=TEXT
        -E=TEXT -T=TEXT -U=TEXT -I=N -z=FILE:writes -p=N -h
        """,
        """
        -c|-e|-g|-i|-j|-J|-m|-o|-r|-u|-C|-L|-M|-O|-Q|-E|-T|-U|-I DISK:writes  changes   \
            changes the settings of the file system on {1}
        -l DISK      harmless
        """,
    ),
    grammar(
        "resize2fs",
        "-d=N -f -F -M -P -p -b -s -S=N -z=FILE:writes",
        """
        -P DISK            harmless
        DISK:writes [N]    changes   changes the size of the file system on {1}
        """,
    ),
    Row(
        "fsck fsck.xfs fsck.vfat btrfsck",
        _unless("n", "N"),
        "n N T f y p c v b: B: C: t: P:: a A r R s l k V M o q i: u w x progress",
    ),
    Row("debugfs ext4magic", _debugfs, "h R: f: b: s: d: z: w c i D n V", chosen="can start a shell", telling="-V:debugfs"),
    Row("xfs_db xfs_io xfs_mdrestore zdb", _raw, "c: l: p: x r i f F", telling="-V:xfs_db,xfs_io"),
    Row(
        "lvm lvcreate lvextend lvreduce lvresize lvremove lvchange lvconvert lvrename vgcreate vgextend vgreduce vgremove"
        " vgchange vgrename vgexport vgimport vgcfgrestore vgck vgmerge vgsplit vgimportclone pvcreate pvremove pvchange"
        " pvmove pvresize pvck",
        _lvm,
        "L: l: n: size: extents: name: type: m: i: I: config: C: o: options: O: sort: S: select: a: activate: t test merge r"
        " resizefs y f force removemissing v"
        " yes k Z: zero: W: wipesignatures: verbose q quiet d debug autobackup: A: ay an addtag: deltag: permission:"
        " p: persistent: M: monitor: refresh resync poll: alloc: nofsck noudevsync reportformat: units: thin T"
        " thinpool: V: virtualsize: mirrors: stripes: stripesize: cachemode: cachepool: cachevol: poolmetadata:"
        " poolmetadatasize: chunksize: c: errorwhenfull: discards: snapshot split: splitmirrors: splitcache uncache"
        " repair replace: atomic b background interval: abort setphysicalvolumesize: dataalignment: metadatasize:"
        " metadatacopies: pvmetadatacopies: uuid: u: restorefile: norestorefile labelsector: physicalextentsize:"
        " maxlogicalvolumes: maxphysicalvolumes: systemid: shared lockstart lockstop mirrorsonly file: list fs:"
        " usepolicies devices: devicesfile: nolocking driverloaded: ignorelockingfailure sysinit readonly nohints"
        " longhelp help h version all allpvs x: resizeable: major: minor: j: s: ignoremonitoring writemostly:"
        " maxrecoveryrate: minrecoveryrate: syncaction: rebuild: raidintegrity: integrity vdo compression:"
        " deduplication: K ignoreactivationskip setactivationskip: E detachprofile profile: metadataprofile:"
        " commandprofile:",
        telling=(
            "--version"
            " --help:lvcreate,lvextend,lvreduce,lvresize,lvremove,lvchange,lvconvert,lvrename,vgcreate,vgextend,vgreduce,"
            "vgremove,vgchange,vgrename,pvcreate,pvremove,pvchange,pvmove,pvresize"
        ),
    ),
    Row(
        "dmsetup",
        _dmsetup,
        "tree columns C noheadings o: separator: units: readonly r s t target: v verbose version h help inactive noflush"
        " nolockfs concise f notable c: O: S: table: u: uuid: showkeys",
    ),
    grammar(
        "cryptsetup",
        """
        -?|--help --usage -V|--version --active-name=TEXT --align-payload=N --allow-discards -q|--batch-mode --cancel-deferred
        -c|--cipher=TEXT --debug --debug-json --deferred --device-size=N --decrypt --disable-external-tokens --disable-keyring
        --disable-locks --disable-veracrypt --dump-json-metadata --dump-volume-key|--dump-master-key --encrypt
        --force-password --force-offline-reencrypt -h|--hash=TEXT --header=FILE:reads --hotzone-size=N --init-only
        -I|--integrity=TEXT --integrity-legacy-padding --integrity-no-journal --integrity-no-wipe -i|--iter-time=N
        --iv-large-sectors --json-file=FILE:reads --keep-key --key-description=TEXT -d|--key-file=FILE:reads -s|--key-size=N
        -S|--key-slot=N --keyfile-offset=N -l|--keyfile-size=N --keyslot-cipher=TEXT --keyslot-key-size=N --label=TEXT
        --luks2-keyslots-size=N --luks2-metadata-size=N --volume-key-file|--master-key-file=FILE:reads
        --new-keyfile=FILE:reads --new-key-slot=N --new-keyfile-offset=N --new-keyfile-size=N --new-token-id=N -o|--offset=N
        --pbkdf=TEXT --pbkdf-force-iterations=N --pbkdf-memory=N --pbkdf-parallel=N --perf-no_read_workqueue
        --perf-no_write_workqueue --perf-same_cpu_crypt --perf-submit_from_crypt_cpus --persistent --priority=TEXT
        --progress-json --progress-frequency=N -r|--readonly --reduce-device-size=N --refresh --resilience=TEXT
        --resilience-hash=TEXT --resume-only --sector-size=N --serialize-memory-hard-pbkdf --shared -b|--size=N -p|--skip=N
        --subsystem=TEXT --tcrypt-backup --tcrypt-hidden --tcrypt-system --test-args --test-passphrase -t|--timeout=N
        --token-id=N --token-only --token-replace --token-type=TEXT -T|--tries=N -M|--type=TEXT --unbound --use-random
        --use-urandom --uuid=TEXT --veracrypt --veracrypt-pim=N --veracrypt-query-pim -v|--verbose -y|--verify-passphrase
        -B|--block-size=N -N|--new --use-directio --use-fsync --write-log
        luksHeaderRestore: --header-backup-file=FILE:reads
        luksHeaderBackup: --header-backup-file=FILE:writes
        luksDump: --volume-key-file|--master-key-file=FILE:writes
        """,
        """
        --help|--usage|--version|--test-args ...  harmless
        ()                              harmless
        luksDump|tcryptDump|bitlkDump|fvault2Dump --dump-volume-key DISK  reads  {program} shows the key of a disk
        open|luksOpen --test-passphrase DISK [TEXT]  harmless
        status|isLuks|luksDump|luksUUID|tcryptDump|bitlkDump|fvault2Dump DISK  harmless
        benchmark                       harmless
        luksFormat DISK [FILE:reads]    destroys  encrypts {2} anew: what is on it is gone
        erase|luksErase DISK            destroys  erases all keys of {2}: what is on it is gone
        luksKillSlot DISK N             destroys  takes a key of {2} away: without another one, what is on it is gone
        luksRemoveKey DISK [FILE:reads]  destroys  takes a key of {2} away: without another one, what is on it is gone
        luksHeaderRestore DISK          destroys  replaces the keys of {2} by older ones
        reencrypt [DISK] [TEXT]         destroys  encrypts {2:a disk} anew: if it is interrupted, what is on it may be gone
        luksAddKey|luksChangeKey DISK [FILE:reads]  changes   changes the keys that open {2}
        luksHeaderBackup DISK           reads     {program} copies the keys of {2}
        open|luksOpen|plainOpen|loopaesOpen|tcryptOpen|bitlkOpen|fvault2Open DISK [TEXT]  changes   opens {2} as {3}
        create TEXT DISK                changes   opens {3} as {2}
        close|luksClose|remove|plainClose|loopaesClose|tcryptClose|bitlkClose|fvault2Close TEXT  changes   closes {2}
        luksSuspend TEXT                stops     stops all that reads or writes {2}  until luksResume and its password
        luksResume TEXT                 changes   lets programs read and write {2} again
        resize TEXT                     changes   changes the size of {2}
        luksConvertKey DISK [FILE:reads]  changes   changes what describes the encryption of {2}
        config|convert|repair DISK      changes   changes what describes the encryption of {2}
        token add|remove|import|export|unassign DISK  changes   changes what describes the encryption of {3}
        """,
    ),
    grammar(
        "veritysetup",
        """
        -?|--help --usage -V|--version --cancel-deferred --check-at-most-once --data-block-size=N --data-blocks=N --debug
        --deferred --fec-device=TEXT --fec-offset=N --fec-roots=N --format=N -h|--hash=TEXT --hash-block-size=N
        --hash-offset=N --ignore-corruption --ignore-zero-blocks --no-superblock --panic-on-corruption --restart-on-corruption
        --root-hash-signature=FILE:reads -s|--salt=TEXT --use-tasklets --uuid=TEXT -v|--verbose
        format: --root-hash-file=FILE:writes
        open|verify|create: --root-hash-file=FILE:reads
        """,
        f"""
        {_MAPPED}
        verify DISK DISK [TEXT]       harmless
        open DISK TEXT DISK [TEXT]    changes   opens {{2}} as {{3}}
        create TEXT DISK DISK [TEXT]  changes   opens {{3}} as {{2}}
        format DISK DISK              destroys  writes checksums of {{2}} to {{3}}: what is on it is gone
        """,
    ),
    grammar(
        "integritysetup",
        """
        -?|--help --usage -V|--version --allow-discards -q|--batch-mode --buffer-sectors=N --bitmap-flush-time=N
        --bitmap-sectors-per-bit=N --cancel-deferred --data-device=TEXT --debug --deferred -I|--integrity=TEXT
        --integrity-key-file=FILE:reads --integrity-key-size=N --integrity-legacy-padding --integrity-legacy-hmac
        --integrity-legacy-recalculate -D|--integrity-no-journal --interleave-sectors=N --journal-commit-time=N
        --journal-integrity=TEXT --journal-integrity-key-size=N --journal-integrity-key-file=FILE:reads --journal-crypt=TEXT
        --journal-crypt-key-file=FILE:reads --journal-crypt-key-size=N -j|--journal-size=N --journal-watermark=N --no-wipe
        --wipe --progress-frequency=N --progress-json -B|--integrity-bitmap-mode --integrity-recalculate
        --integrity-recalculate-reset -R|--integrity-recovery-mode -s|--sector-size=N -t|--tag-size=N -v|--verbose
        --device-size=N -b|--size=N
        """,
        f"""
        {_MAPPED}
        open DISK TEXT    changes   opens {{2}} as {{3}}
        create TEXT DISK  changes   opens {{3}} as {{2}}
        resize TEXT       changes   changes the size of {{2}}
        format DISK       destroys  writes checksums to all of {{2}}: what is on it is gone
        """,
    ),
    Row(
        "zpool",
        _pool,
        "L P g y l q r w v p H T: json j o: O: R: d: c: t: n f a F rewind-to-checkpoint discard"
        " s e x u D i m N altroot: comment: force S k",
    ),
    Row("zfs", _zfs, "H p r d: o: s: S: t: json j v n R f F u D w e c I: i: P V b L x l k: O: recursive U: A h"),
    Row(
        "mdadm",
        _mdadm,
        "h help version verbose q quiet detail-platform examine-bitmap brief b no-devices Y export examine-badblocks p:"
        " program: alert: c: config: m: mail: y: d: delay: l: n: x: level: raid-devices: spare-devices: metadata: e: u: N:"
        " name: a: add: zero-superblock C create A assemble G grow S stop fail set-faulty remove re-add D detail E examine Q"
        " query X F follow monitor s scan 1 t v V f r"
        " manage misc run readonly R o readwrite w force assume-clean bitmap: layout: chunk: bitmap-chunk:"
        " write-mostly write-journal: uuid: super-minor: homehost: size: z: array-size: backup-file: data-offset:"
        " spare-group: test replace with: update: wait W incremental I rebuild-map auto: add-spare cluster-confirm"
        " raid-disks: daemonise pid-file: syslog oneshot",
        operands="devices",
        telling="--help -h",
    ),
    Row(
        "smartctl",
        _smartctl,
        "h help usage V version copyright license info all xall scan scan-open g: get: j json:: quietmode: device:"
        " tolerance: report: nocheck: health capabilities attributes f: format: log: vendorattribute: firmwarebug: presets:"
        " d: t: test: s: smart: S: saveauto: o: offlineauto: l: n: q: r: T: b: F: v: P: B: X a i H c A x",
        operands="devices",
    ),
    Row(
        "hdparm sdparm",
        _hdparm,
        "I i t T g v V a q direct offset: H C verbose h help version al l p: enumerate inquiry long six"
        " security-erase: security-erase-enhanced: security-set-pass: security-unlock: security-disable:"
        " security-freeze user-master: y Y z S: write-sector: yes-i-know-what-i-am-doing",
        telling="-V:sdparm",
    ),
    Row(
        "nvme",
        _NVME,
        "o: output-format: v verbose H human-readable n: namespace-id: b raw-binary e: log-entries: s: l:"
        " ses: force sanact: f: a: sanitize-action: pil: lbaf: ms: pi: reset controllers: nsze: ncap: flbas: dps:"
        " nsid: fw: slot: action: transport: traddr: nqn: t: q: no-deac ause owpass: ovrpat: c: lpa: timeout: data:"
        " fid: value: feature-id:",
    ),
    Row(
        "blockdev",
        _blockdev,
        "getsize64 getsz getss getpbsz getro getra getbsz getfra getioopt getiomin getalignoff getdiscardzeroes getmaxsect"
        " report v q h V help version"
        " setro setrw rereadpt flushbufs setra: setbsz: setfra:",
        telling="--version --help",
    ),
    Row(
        "btrfs",
        _subvolumes,
        "readonly force r i: h b k m g t H si human-readable iec raw kbytes mbytes gbytes tbytes d c s T p u q o: a l v"
        " quiet verbose check summarize help version all-devices mounted repair init-csum-tree init-extent-tree"
        " dusage: musage: susage: dlimit: mlimit: dconvert: mconvert: sconvert: convert: full-balance bg background"
        " enqueue B R n C E compress: recursive commit-after commit-each nodiscard single chunk-recover force-clear"
        " bytenr: e L: A S: level: rescan w sync subvolid: bytes",
    ),
    Row("exportfs", _exportfs, "h o: a r u i f v s d:"),
    Row(
        "iscsiadm",
        _iscsi,
        "version help print: P: m: mode: T: p: portal: o: op: n: v: U: L: logoutall: loginall: t: type: V h l login u logout R s"
        " d: debug: I: interface: rescan S show stats H: x: host: r: sid: W: discover D login_all i:"
        " ifname: a: ip:",
        telling="--version --help",
    ),
    Row("multipath dmraid", _unless("ll", "l", "h"), "h d r ay ll l v:: F f E t T w W a A B c: C: D i q U u"),
    Row(
        "ceph-volume rados cephadm rbd-nbd",
        _ceph,
        "fsid: osd-id: osd-fsid: force format: f: yes-i-really-really-mean-it all h help p: pool: n: id: c: conf: destroy"
        " zap-osds",
    ),
    Row("storcli storcli64 perccli perccli64", _RAID, "J nolog"),
    Row(
        "megacli MegaCli MegaCli64",
        _raid_adapter,
        "aALL a0 a1 NoLog"
        " CfgClr CfgLdDel CfgLdAdd CfgForeign LDInfo LDSetProp LDInit LDRecon PDInfo PDList PDOnline PDOffline"
        " PDMakeGood PDClear PDRbld PDHSP PDLocate PdLocate PDPrpRmv AdpAllInfo AdpBbuCmd AdpEventLog AdpSetProp"
        " AdpAlILog EncInfo CfgDsply CfgSave CfgRestore ShowSummary FwTermLog LALL Lall L0 L1 L2 aAll PhysDrv: Start"
        " Stop start stop Set Rmv Force Full Fast ShowProg ProgDsply GetBbuStatus WB WT RA ADRA NORA Direct Cached",
    ),
    Row("ssacli hpssacli hpacucli arcconf", _RAID),
    Row("mt mt-st", _TAPE, "f: v version help h"),
    Row("tpm2_clear tpm2_evictcontrol tpm2_nvundefine", _TPM, "c: C: P: T: L:"),
    Row("clevis", _clevis, "d: s: f y q t: k:"),
)
