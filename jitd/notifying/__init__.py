# SPDX-License-Identifier: Apache-2.0
"""Sends notices to people. The notices say which requests wait for a decision of these people. The notices also say how such
requests ended. This package contains the channels of each kind, for the tables ``[notify.NAME]`` of jitd.toml.
The module ``channel`` defines the input and the guarantees of a channel. ``core.notice`` derives the pending notices from the
stored state, and ``announcing.notices`` sends these notices.
Law: no decision depends on a message, or on whether the message was sent. No message permits anything. No message contains a link
that permits something.
"""
