# SPDX-License-Identifier: Apache-2.0
"""Sends notices to people. A notice says which request waits for a decision of the people who get the notice, or how this request
ended. The package contains each kind of channel that a table ``[notify.NAME]`` of jitd.toml can name. The module ``channel``
defines the input and the guarantees of a channel. ``core.notice`` derives the pending notices from the stored state, and
``announcing.notices`` sends these notices.
Law: no decision depends on a message, or on whether a message was sent. No message permits anything. No message contains a link
that permits something.
"""
