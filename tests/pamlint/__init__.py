# SPDX-License-Identifier: Apache-2.0
"""Whether every way around a gate is found: by a corpus, and by the side of the real libpam."""
