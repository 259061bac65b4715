# SPDX-License-Identifier: Apache-2.0
"""Everything about the KDC: grants are written into the KDC's database, and each KDC is checked for refusing other tickets.

jitd-kdc is a separate process, with its own account and key. It writes grants through kadmind. The daemon tells jitd-kdc what to
write (``writer``) in frozen messages (``messages``), and never uses the protocol of kadmin itself (docs/adr/0032).
Law: no fault in this package may lead to a grant.
"""
