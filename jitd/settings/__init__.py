# SPDX-License-Identifier: Apache-2.0
"""An administrator's files, read into frozen values. Law: a file is accepted as a whole, or not at all."""
