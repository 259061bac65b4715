# SPDX-License-Identifier: Apache-2.0
"""Sends notices about requests to people. The module ``letters`` finds the notices that are due. ``post`` sends the notices of
one channel, and ``notices`` runs all channels.

Law: only the stored state determines which notices must be sent. No notice is sent while a database transaction is open. No
function of this package changes the state of an object that has a life cycle, such as a request.
"""
