# SPDX-License-Identifier: Apache-2.0
"""Reports: how privileges were used, from what the store keeps."""
