# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils import direct_execution
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import options as aws_options
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws.connection import AwsConnection
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws.errors import aws_error
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError

try:
    from botocore.exceptions import ClientError
except ImportError:  # AwsConnection says what is missing
    ClientError = Exception

MODULE_PREFIX = "amazon.aws."

# The one that the role uses.
direct_execution.preload("ansible_collections.amazon.aws.plugins.modules.iam_user")
direct_execution.warm_up_botocore()


class ActionModule(direct_execution.DirectExecution):
    """Runs a module of amazon.aws, directly if possible, in an assumed role if asked."""

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Assume the role, then run the module with its credentials."""
        result: dict[str, t.Any] = super(direct_execution.DirectExecution, self).run(tmp, task_vars)
        _validated, given = self.validate_argument_spec(
            {
                "module": {"type": "str", "required": True},
                "options": {"type": "dict", "default": {}},
                "assume_role_arn": {"type": "str"},
            }
        )
        if not given["module"].startswith(MODULE_PREFIX):
            return {**result, "failed": True, "msg": f"{given['module']} is not a module of amazon.aws."}
        options = dict(given["options"])
        if given["assume_role_arn"]:
            options = aws_options.without_aliases(options)
            try:
                with direct_execution.task_environment(self):
                    credentials = AwsConnection({**options, "assume_role_arn": given["assume_role_arn"]}).credentials()
            except CollectionError as exc:
                return {**result, **exc.as_result(), "failed": True}
            # A blank profile keeps the module from taking the one in the operator's environment besides.
            options.update(credentials, profile="")
        result.update(self.execute(given["module"], options, task_vars or {}))
        result.update(_advice(result))
        # amazon.aws announces with every call which return keys it will drop; that is for its own callers to read.
        result["deprecations"] = [
            entry for entry in result.get("deprecations") or [] if "return key is deprecated" not in str(entry)
        ]
        return result


def _advice(result: dict[str, t.Any]) -> dict[str, t.Any]:
    """What a failed module of amazon.aws leaves out: the reason in a word, the missing permission, what to do."""
    answer = result.get("error")
    if not result.get("failed") or not isinstance(answer, dict) or not answer.get("code"):
        return {}
    told = aws_error(ClientError({"Error": {"Code": answer["code"], "Message": answer.get("message", "")}}, ""), "")
    return {"reason": told.reason, "next_step": told.next_step, **told.details}
