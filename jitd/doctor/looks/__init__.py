# SPDX-License-Identifier: Apache-2.0
"""The looking: from this host to the values that ``checks`` judges. Law: it reads. It may block: whoever calls it has a limit."""
