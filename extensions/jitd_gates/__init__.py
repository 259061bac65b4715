# SPDX-License-Identifier: Apache-2.0
"""The KDC's gate: the KDC issues a ticket for a gated service only if jitd has written a grant into its database.

jitd-kdc is a separate process with its own account and its own key. It writes grants through kadmind. The daemon sends its
requests to jitd-kdc with the module ``writer``. Each request is an immutable message (``messages``), for example to write a
grant. The daemon itself never uses the protocol of kadmin (docs/adr/0032). Law: no fault in this package may lead to a grant.
"""
