# SPDX-License-Identifier: Apache-2.0
"""The KDC's part: what is written into its database when a service ticket is approved, and whether the KDC asks for that.

jitd-kdc is a process of its own, with its own account and key. It writes grants through kadmind. The daemon tells it what to
write (``writer``) in frozen messages (``messages``), and never speaks kadmin itself (docs/adr/0032).
Law: nothing that goes wrong here may end in a grant.
"""
