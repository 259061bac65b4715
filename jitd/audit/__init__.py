# SPDX-License-Identifier: Apache-2.0
"""The record of past events, beside the store that has its rows: ``signing`` signs it, ``events`` knows each event, ``sentences``
and ``telling`` say it to people, and ``verify`` verifies it. Each record depends on the one before it (``core.chain``).

Law: what verifies changes nothing.
"""
