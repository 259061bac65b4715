# SPDX-License-Identifier: Apache-2.0
"""jitd-outside: the small process that queries other hosts over HTTPS. jitd-outside does not run as root, and makes no decisions.
The daemon sends questions to jitd-outside (module ``client``). Each question is a message of a fixed form (module ``messages``).
Each message contains all data that the question needs. Therefore jitd-outside reads no settings and stores no data
(docs/adr/0037).
Law: this package permits nothing. An answer from another host is passed to the daemon as bytes. If another host gives no answer,
the daemon gets a sentence with the reason.
"""
