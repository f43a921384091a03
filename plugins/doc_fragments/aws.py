# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option that amazon.aws's modules lack."""

from __future__ import annotations


class ModuleDocFragment:
    """Goes with C(amazon.aws.common.modules) and C(amazon.aws.region.modules)."""

    ASSUME_ROLE = r"""
options:
  assume_role_arn:
    description:
      - The ARN of an IAM role in the lab's account to assume before anything is asked there.
      - The credentials that the other options give must be allowed to assume it.
    type: str
requirements:
  - python >= 3.11
  - boto3 >= 1.34.0
  - botocore >= 1.34.0
"""
    DIRECT = r"""
notes:
  - On a local connection the module runs inside Ansible's worker instead of in a new Python, which is many times
    faster and keeps its options out of temporary files. Set the variable
    C(labops_cloudresearch_direct_execution=false) to turn that off.
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
"""
