# SPDX-License-Identifier: Apache-2.0
"""Files of an administrator's to frozen values. Law: a file is taken whole or not at all."""
