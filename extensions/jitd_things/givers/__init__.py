# SPDX-License-Identifier: Apache-2.0
"""The kinds of things, and the process jitd-givers, which runs as root, gives things of this host, and takes them back. The
daemon tells jitd-givers what to give and what to take back.

The daemon sends its questions with the module ``client``. jitd-givers runs the module ``process``. Each kind of thing is a module
with a subclass of ``settings.GiverSettings``, which both read; the deeds implement the Protocol ``kind.Kind``. Law: no module of
this package knows the rules or uses the network. Command lines and file names are built only from the settings in jitd.toml and
from the holding's id. Command lines and file names contain no text that a user wrote.
"""
