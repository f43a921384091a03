# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stores in AWS: which calls each of them makes, and the policies that allow them."""

from __future__ import annotations

import collections
import dataclasses
import pathlib
import typing as t

from tests.fleet import Fleet
from tests.simulator.process import Simulator
from tests.tools.iam_scenarios import VERSION, Document, called, give_role, statement


@dataclasses.dataclass(frozen=True)
class Store:
    """One type of store.

    :param options: of lab_account_secret_store, so that the store makes all the calls that it can make.
    :param arn: of records, of all labs or of one.
    :param after_name: what the ARN of one lab's record has after the lab's name.
    :param implied: what else a call needs that is given tags (Service Authorization Reference).
    """

    type: str
    service: str
    options: t.Mapping[str, t.Any]
    arn: str
    after_name: str
    implied: t.Mapping[str, str]

    def policy(self, actions: t.Collection[str], lab: str = "*") -> Document:
        """The policy for these actions on the records of all labs, or of one."""
        records = statement("TheRecords", actions, self.arn.format(lab=lab))
        return {"Version": VERSION, "Statement": [records]}

    def variables(self, simulator: Simulator, **more: t.Any) -> dict[str, t.Any]:
        """The host variable that puts a lab's record into this store; C(more) are further options of the store."""
        options = {"type": self.type, "region": "us-east-1", "endpoint_url": simulator.aws_url, **self.options, **more}
        return {"lab_account_secret_store": options}


STORES: dict[str, Store] = {
    "store-aws_secretsmanager": Store(
        type="aws_secretsmanager",
        service="secretsmanager",
        options={"tags": {"owner": "research-computing"}, "recovery_window_days": 7},
        arn="arn:aws:secretsmanager:*:*:secret:cloudresearch/labs/{lab}",
        after_name="-??????",
        implied={"secretsmanager:CreateSecret": "secretsmanager:TagResource"},
    ),
    "store-aws_ssm": Store(
        type="aws_ssm",
        service="ssm",
        options={"tags": {"owner": "research-computing"}},
        arn="arn:aws:ssm:*:*:parameter/cloudresearch/labs/{lab}",
        after_name="",
        implied={"ssm:PutParameter": "ssm:AddTagsToResource"},
    ),
}


# The last onboarding is of labs whose record is in its recovery window.
RECOVERY = "recovery_window_days"
PLAYBOOKS = {"onboard": "", "audit": "", "retire": "", "onboard again": RECOVERY}
# Values of the store's option account: that of the ops user's credentials, and the lab's own.
ACCOUNTS = ("central", "lab")


def calls_of_stores(
    simulator: Simulator,
    directory: pathlib.Path,
    policies_for: t.Callable[[str, str, str], tuple[list[Document], list[Document]]],
) -> dict[str, dict[str, set[str]]]:
    """Run the playbooks over labs with each store, in the management account and in the lab's own.

    :param policies_for: the policies of the ops user and of the lab's role, for a playbook, a store and its account.
    :returns: by account, one of ACCOUNTS, the actions by policy file.
    """
    simulator.control.reset()
    fleet = Fleet(simulator, directory / "stores")
    labs = {f"{name}-in-{account}": (name, account) for account in ACCOUNTS for name in STORES}
    for lab, (name, account) in labs.items():
        fleet.add(lab)
        fleet.hosts[lab].update(STORES[name].variables(simulator, account=account))
    needed: dict[str, dict[str, set[str]]] = {account: collections.defaultdict(set) for account in ACCOUNTS}
    for stage, option in PLAYBOOKS.items():
        playbook = stage.partition(" ")[0]
        chosen = [lab for lab, (name, _account) in labs.items() if not option or option in STORES[name].options]
        ops: list[Document] = []
        for lab, (name, account) in labs.items():
            of_ops, of_role = policies_for(playbook, name, account)
            ops += of_ops
            give_role(fleet, lab, of_role)
        simulator.control.set_ops_policy(joined(ops))
        before = simulator.control.mark(stage)
        run = fleet.run(playbook, "--limit", ",".join(chosen), "-e", f"retire_confirm={len(chosen)}")
        simulator.control.set_ops_policy(None)
        assert run.return_code == 0, run.told
        actions = called(fleet, since=before)
        for lab, (name, account) in labs.items():
            store = STORES[name]
            there = actions["" if account == "central" else lab]
            mine = {action for action in there if action.startswith(f"{store.service}:")}
            needed[account][name] |= mine | {implied for action, implied in store.implied.items() if action in mine}
            if playbook == "audit":
                needed[account][f"{name}-read"] |= mine
    return needed


def joined(documents: t.Sequence[Document]) -> Document:
    """One policy that allows what several allow. Their statements lose their names, which must differ in one policy."""
    statements = [entry for document in documents for entry in document["Statement"]]
    return {
        "Version": VERSION,
        "Statement": [{**entry, "Sid": f"S{number}"} for number, entry in enumerate(statements)],
    }
