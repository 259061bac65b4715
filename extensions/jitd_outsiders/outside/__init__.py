# SPDX-License-Identifier: Apache-2.0
"""jitd-outside: the small process that speaks with other hosts (HTTPS, SMTP, syslog). It does not run as root, and makes no
decisions. The daemon sends it questions (``client``, ``messages``). Each has all that is needed to answer it, so jitd-outside
reads no settings (docs/adr/0037); ``process`` says what it keeps between two questions.
Law: this package permits nothing. An answer from another host is passed to the daemon as bytes. If another host gives no answer,
the daemon gets a sentence with the reason.
"""
