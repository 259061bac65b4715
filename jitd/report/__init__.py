# SPDX-License-Identifier: Apache-2.0
"""Reports: least privilege as it was lived, from what the store keeps."""
