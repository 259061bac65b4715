# SPDX-License-Identifier: Apache-2.0
"""The KDCs and the keys of this host: whether any KDC can be reached, and which keys a keytab has.

Law: only a check that was made and got no answer counts as silence of the KDCs, because then local passwords are accepted.
"""
