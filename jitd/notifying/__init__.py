# SPDX-License-Identifier: Apache-2.0
"""Tells people outside what waits for them and what became of it: ``[notify.NAME]`` of jitd.toml, and the channels of each kind.

``channel`` has what a channel is given and what it promises. The lives say what is owed (``core.notice``), and
``lifecycle.notices`` has it sent.
Law: nothing that is sent or that fails to be sent changes a decision. No message permits anything, and none has a link that does.
"""
