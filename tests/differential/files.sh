# What the rows find in the lab: programs and scripts that only root can change, below $1.
# SPDX-License-Identifier: Apache-2.0
umask 022
rm -f /root/.bash* /root/.profile /etc/profile.d/* /home/*/.bash* /home/*/.profile
cd "$1"
mkdir -p bin kept empty path/a path/b
# Tells the words that it was given, byte by byte.
cat >bin/words <<'END'
#!/usr/bin/python3 -IS
import sys
print([word for word in open("/proc/self/cmdline", "rb").read().split(b"\0")[2:-1]])
END
# Tells how many words and how long, for many and for long ones.
cat >bin/measure <<'END'
#!/usr/bin/python3 -IS
import hashlib
data = open("/proc/self/cmdline", "rb").read()
print(data.count(b"\0"), len(data), hashlib.sha256(data).hexdigest())
END
printf 'echo no interpreter: "$0" "$@"\n' >bin/nointerpreter
printf '#!/no/such/interpreter\n' >bin/missinginterpreter
printf '#!\necho empty line: "$@"\n' >bin/emptyinterpreter
printf '#!/bin/sh -e\necho one option: "$0" "$@"; false; echo not here\n' >bin/option
printf '#!/srv/differential/bin/option\n' >bin/nested
printf '#!/bin/sh\necho name: "$0"\n' >bin/name
printf '#!/bin/sh\r\necho dos\r\n' >bin/dos
: >bin/nothing
printf '\177ELF' >bin/broken
printf 'plain text\n' >bin/notexecutable
head -c 100 /dev/urandom | tr -d '\n' >bin/noise
chmod 755 bin/*
mkfifo bin/fifo
chmod 644 bin/notexecutable
ln -s words bin/link
ln -s /no/such/place bin/dangling
ln -s loop bin/loop
ln -s ../sealed/gone bin/todark
ln -s ../sealed/there bin/indark
ln -s ../bin bin/below
ln -s /bin/busybox bin/notthere
cp bin/words 'bin/with space'
cp bin/words 'bin/with
newline'
cp bin/words "$(printf 'bin/latin\351')"
cp bin/words bin/-dash
cp bin/words 'bin/a=b'
cp bin/name path/a/which
cp bin/name path/b/which
cp /bin/sh kept/sh
cp /bin/sleep kept/sleep
chmod 755 kept/*
cp /bin/true bin/secret && chmod 700 bin/secret
# Tells the state of the process that it becomes, one field a line.
cat >bin/state <<'END'
#!/usr/bin/python3 -IS
import os
print("uids", os.getresuid(), "gids", os.getresgid(), "groups", sorted(os.getgroups()))
print("umask", oct(os.umask(0)), "cwd", os.getcwd(), "nice", os.nice(0), "words", len(open("/proc/self/cmdline").read()))
END
# Tells the environment that it was given: names and values in their own order.
cat >bin/environment <<'END'
#!/usr/bin/python3 -IS
for pair in sorted(open("/proc/self/environ", "rb").read().split(b"\0")[:-1]):
    if not pair.startswith((b"JITSUDO_REQUEST=", b"JITSUDO_PRINCIPAL=", b"SUDO_COMMAND=", b"SUDO_HOME=", b"LC_CTYPE=")):
        print(pair)
END
# Tells one field of /proc/self/status, limits and the like, without Python's own marks on it.
cat >bin/field <<'END'
#!/bin/sh
exec grep -E "$1" "/proc/self/${2:-status}"
END
# Editors: one that adds a line to the last of its words, and others that do less, or more.
printf '#!/bin/sh\nfor f; do :; done\necho new >>"$f"\n' >bin/append
printf '#!/bin/sh\nfor f; do :; done\nprintf "%%s " "${0##*/}" "$@" | sed "s,/var/tmp/[^ ]*,COPY,"; echo new >>"$f"\n' >bin/telling
printf '#!/bin/sh\nfor f; do :; done\nprintf end >>"$f"\n' >bin/openended
printf '#!/bin/sh\nfor f; do :; done\n: >"$f"\n' >bin/emptying
printf '#!/bin/sh\nfor f; do :; done\necho new >>"$f"\nexit 3\n' >bin/failing
printf '#!/bin/sh\nfor f; do :; done\necho new >>"$f"\nkill -TERM $$\n' >bin/dying
printf '#!/bin/sh\nfor f; do :; done\nid -un; umask; stat -c "%%U %%a" "$f"; [ -t 0 ] && echo terminal; pwd\n' >bin/looking
printf '#!/bin/sh\nfor f; do :; done\necho new >>"$f"\nsudo -n sh -c "$MY_DEED"\n' >bin/racing
ln -s telling bin/other
mkdir -p edits/one && echo old >edits/one/the
id editor >/dev/null 2>&1 || useradd --no-create-home --home-dir / --shell /bin/bash editor
find bin -type f -exec chmod 755 {} +
chmod 644 bin/notexecutable
chmod 700 bin/secret
mkdir -m 700 sealed && cp /bin/true sealed/there
mkdir -m 711 passable && cp /bin/echo passable/echo
cp bin/name /usr/local/sbin/onlyforroot
mkdir -p /srv/differential/home
id homeless >/dev/null 2>&1 || useradd --no-create-home --home-dir /srv/differential/nowhere --shell /bin/bash homeless
