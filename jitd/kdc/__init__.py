# SPDX-License-Identifier: Apache-2.0
"""The code for the KDC. This package writes grants into the KDC's database. The package also checks that each KDC refuses a
ticket if there is no grant for the ticket.

jitd-kdc is a separate process with its own account and its own key. jitd-kdc writes grants through kadmind. The daemon sends its
requests to jitd-kdc with the module ``writer``. Each request is an immutable message (``messages``), for example to write a
grant. The daemon itself never uses the protocol of kadmin (docs/adr/0032). Law: no fault in this package may lead to a grant.
"""
