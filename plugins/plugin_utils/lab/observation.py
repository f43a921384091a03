# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything about one lab in one read: what is there, how it differs from what is declared, what a run would do.

Independent reads go out at once, nothing is asked twice, and nothing is changed.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import datetime
import decimal
import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import connection as aws
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import errors, iam_keys, iam_user
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import times
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys import plan as key_plan
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys import situation as key_situation
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab import drift, findings
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.mturk import requester as mturk
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.record import LabRecord, StoredKey

# Threads that read one lab, besides the main one: each opens a connection of its own, and connections cost more than
# the calls that they carry. Labs overlap anyway, by forks.
PARALLEL_READS = 3

# Looks which key the portal holds; given the key that it should hold, and the one that an earlier run recorded.
PortalLook = t.Callable[[str, str], t.Mapping[str, t.Any]]


@dataclasses.dataclass(frozen=True)
class Declaration:
    """What the inventory says about one lab, and how deep to look.

    :param account_id: 12 digits; empty if not declared.
    :param endpoints: the MTurk environments to ask, with their endpoint URLs (None: AWS's own).
    :param request: what is wanted of the lab's keys.
    :param look: signs in at the portal and looks; None where the portal is not looked at.
    :param link_wanted: whether the portal's link is part of the declared state.
    :param judge_key_use: whether a use of the key that is not the collection's own proves the link; only for portals
        that nobody signs in to for us.
    :param ask_mturk: whether the collection may use the key to ask MTurk.
    :param store_error: why the store could not be read; empty if it was.
    """

    lab: str
    account_id: str
    user: drift.Declared
    endpoints: t.Mapping[str, str | None]
    request: key_situation.KeyRequest
    thresholds: findings.Thresholds
    remove_drift: frozenset[str] = frozenset()
    minimum_balance: decimal.Decimal | None = None
    look: PortalLook | None = None
    link_wanted: bool = True
    judge_key_use: bool = False
    ask_mturk: bool = True
    store_error: str = ""
    thorough: bool = True


def observe(connection: aws.AwsConnection, declared: Declaration, record: LabRecord | None) -> dict[str, t.Any]:
    """Read one lab.

    :param connection: the way into the lab's AWS account.
    :param record: what the store holds of the lab, None if nothing.
    :returns: an outcome's observation (C(user), C(keys), C(requester), C(link), C(drift), C(findings), ...) with
        C(missing) (the steps that a run would take), C(why_missing), C(blocked) and C(plan) (the key actions in words).
    :raises CollectionError: AWS refused or could not be reached, or it is another account than declared.
    """
    started = datetime.datetime.now(datetime.UTC)
    with concurrent.futures.ThreadPoolExecutor(max_workers=PARALLEL_READS) as pool:
        reader = _Reader(connection, declared, record, pool)
        reader.read()
    situation = reader.situation()
    link = reader.link(situation)
    situation = dataclasses.replace(
        situation, link=key_situation.LinkKnowledge(link["status"], link["access_key_id"], link["evidence"])
    )
    lab: dict[str, t.Any] = {
        "lab": declared.lab,
        "account_id": reader.account_id,
        "declared_state": declared.request.state,
        "started": times.timestamp(started),
        "user": reader.user,
        "access_keys": _keys(situation, declared.store_error),
        "requester": reader.requester,
        "link": link,
        "store": {
            "readable": not declared.store_error,
            "message": declared.store_error,
            "access_key_ids": [key.access_key_id for _slot, key in situation.stored],
        },
        "drift": drift.compare(declared.user, reader.user),
        "thresholds": declared.thresholds.as_mapping(),
    }
    lab.update(_Needs(declared, situation, lab).result())
    lab["findings"] = findings.evaluate(lab, declared.thresholds, started)
    return lab


def _keys(situation: key_situation.Situation, store_error: str) -> list[dict[str, t.Any]]:
    keys = key_situation.describe_keys(situation)
    if store_error:
        # Whose a key is, and whether it is stored, only the store can tell.
        return [{**key, "owner": "unknown", "stored": None} for key in keys]
    return keys


class _Reader:
    """Asks AWS and MTurk."""

    def __init__(
        self,
        connection: aws.AwsConnection,
        declared: Declaration,
        record: LabRecord | None,
        pool: concurrent.futures.Executor,
    ) -> None:
        self.connection = connection
        self.declared = declared
        self.record = record
        self.pool = pool
        self.user: dict[str, t.Any] = {}
        self.listing = iam_keys.KeyListing((), datetime.datetime.now(datetime.UTC))
        self.requester: dict[str, dict[str, t.Any]] = {}
        self.account_id = declared.account_id

    def read(self) -> None:
        # The role is assumed once, before the threads need it.
        iam = self.connection.client("iam")
        asked_keys = self.pool.submit(iam_keys.list_keys, iam, self.declared.user.user_name)
        # A use by others can only be told from our own before we ask MTurk ourselves.
        asked_mturk = None if self.declared.judge_key_use else self.pool.submit(self._ask_mturk)
        self.user = iam_user.read_user(
            iam, self.declared.user.user_name, thorough=self.declared.thorough, pool=self.pool
        )
        self._check_account()
        listing = asked_keys.result()
        keys = tuple(self.pool.map(lambda key: self._with_last_use(iam, key), listing.keys))
        self.listing = dataclasses.replace(listing, keys=keys)
        self.requester = asked_mturk.result() if asked_mturk else self._ask_mturk()

    def _with_last_use(self, iam: t.Any, key: iam_keys.IamKey) -> iam_keys.IamKey:
        in_use = self.record is not None and self.record.slot_of(key.access_key_id) in ("current", "pending")
        if in_use and not self.declared.thorough and not self.declared.judge_key_use:
            return key
        return iam_keys.with_last_use(iam, key)

    def _check_account(self) -> None:
        found = iam_user.account_of(self.user["arn"])
        if not found:
            # With an assumed role the account is the one in the role's ARN; otherwise nobody has said so yet.
            found = self._caller_account()
        if self.declared.account_id and found != self.declared.account_id:
            raise CollectionError(
                f"These credentials belong to AWS account {found}, not to {self.declared.account_id}.",
                next_step="Correct the lab's account id, or its profile or role.",
                reason="wrong_account",
                step="observe",
            )
        self.account_id = found

    def _caller_account(self) -> str:
        role_account = self.connection.assumed_account_id
        if role_account:
            return role_account
        try:
            return str(self.connection.client("sts").get_caller_identity()["Account"])
        except errors.AWS_FAILURES as exc:
            raise errors.aws_error(exc, "find out which AWS account the credentials belong to") from exc

    def _ask_mturk(self) -> dict[str, dict[str, t.Any]]:
        key = self.record.key_in_use if self.record else None
        if key is None:
            why = self.declared.store_error or "There is no key to ask with yet."
            return dict.fromkeys(self.declared.endpoints, mturk.not_checked(why))
        if not self.declared.ask_mturk:
            why = "MTurk was not asked, so that only CloudResearch uses the key and its use proves the link."
            return dict.fromkeys(self.declared.endpoints, mturk.not_checked(why))
        return mturk.check_environments(
            self.connection.with_credentials(key.access_key_id, key.secret_access_key),
            self.declared.endpoints,
            minimum_balance=self.declared.minimum_balance,
        )

    def situation(self) -> key_situation.Situation:
        if not self.user["exists"]:
            # The step before the key's makes the user; what follows is planned for then.
            owner = "ours" if self.declared.request.state != "absent" else "missing"
        else:
            owner = "ours" if self.user["managed"] else "foreign"
        return key_situation.Situation(
            user=owner,
            keys=self.listing.keys,
            record=self.record,
            request=self.declared.request,
            now=self.listing.at,
        )

    def link(self, situation: key_situation.Situation) -> dict[str, t.Any]:
        wanted = situation.key_to_use
        if not self.declared.link_wanted:
            return _link("not_linked", "", "", "The lab is declared to have no CloudResearch account.")
        recorded = [key for slot, key in situation.stored if key.linked]
        key = max(recorded, key=lambda entry: entry.linked or "") if recorded else None
        if self.declared.look is not None:
            try:
                return dict(self.declared.look(wanted, key.access_key_id if key else ""))
            except CollectionError as exc:
                # What AWS and MTurk said is worth having all the same; the step that links will fail by itself.
                failure = {"reason": exc.reason, "next_step": exc.next_step}
                return {**_link("unknown", "", "", exc.message), **failure}
        if key and key.access_key_id == wanted:
            return _recorded_link("linked", key)
        stored = self.record.find(wanted) if self.record and wanted else None
        if stored and self.declared.judge_key_use and used_by_others(stored, situation.iam_key(wanted)):
            return _link("linked", wanted, "key_use", f"Key {wanted} was used for MTurk, and not by this collection.")
        if key:
            return _recorded_link("other_key", key)
        return _link("unknown", "", "", "No run has recorded which key CloudResearch holds.")


def used_by_others(stored: StoredKey, key: iam_keys.IamKey | None) -> bool:
    """Whether AWS reports a use of the key for MTurk that cannot have been the collection's own.

    The collection records each use of its own before it happens; IAM reports uses to the minute and somewhat late, so
    a use counts only well after that.
    """
    if key is None or key.last_used is None or key.last_used_service != MTURK_SERVICE:
        return False
    if not stored.collection_used_at:
        return False
    own = times.moment(stored.collection_used_at)
    return key.last_used > own + key_plan.USE_TOLERANCE


# The name under which IAM reports uses of MTurk: its signing name (botocore's service model).
MTURK_SERVICE = "mturk-requester"


def _recorded_link(status: str, key: StoredKey) -> dict[str, t.Any]:
    message = f"An earlier run recorded that CloudResearch holds key {key.access_key_id} (since {key.linked})."
    return _link(status, key.access_key_id, "record", message)


def _link(status: str, access_key_id: str, evidence: str, message: str) -> dict[str, t.Any]:
    return {"status": status, "access_key_id": access_key_id, "evidence": evidence, "message": message}


class _Needs:
    """Which steps a run would take, and why."""

    def __init__(self, declared: Declaration, situation: key_situation.Situation, lab: t.Mapping[str, t.Any]) -> None:
        self.declared = declared
        self.situation = situation
        self.lab = lab
        self.why: dict[str, str] = {}
        self.blocked: dict[str, t.Any] = {}
        self.actions: tuple[key_situation.Action, ...] = ()

    def result(self) -> dict[str, t.Any]:
        plan = key_plan.decide(self.situation)
        self.actions = plan.actions
        if plan.stop:
            self.blocked = {
                "step": "access_key",
                "reason": plan.stop.reason,
                "message": plan.stop.message,
                "next_step": f"Choose: {'; or '.join(plan.stop.choices)}. {_ROLE_WORDS}",
            }
        if self.declared.request.state == "absent":
            self._absent(plan)
        else:
            self._present(plan)
        return {
            "missing": list(self.why),
            "why_missing": self.why,
            "blocked": self.blocked,
            "plan": [action.in_words() for action in self.actions],
            "notes": [dataclasses.asdict(note) for note in plan.notes],
        }

    def _present(self, plan: key_situation.Plan) -> None:
        self._iam_user()
        request = dataclasses.replace(self.declared.request, retire_superseded=False)
        before_link = key_plan.decide(dataclasses.replace(self.situation, request=request))
        if before_link.actions or before_link.stop:
            words = [action.in_words() for action in before_link.actions]
            self.why["access_key"] = "; ".join(words) or self.blocked.get("message", "")
        unlinked = [seen["message"] for seen in self.lab["requester"].values() if not seen["linked"]]
        if unlinked:
            self.why["requester"] = " ".join(unlinked)
        new_key = any(action.kind == key_situation.CREATE for action in before_link.actions)
        if self.declared.link_wanted and (new_key or self.lab["link"]["status"] != "linked"):
            self.why["link"] = self.lab["link"]["message"] or "The portal does not hold the lab's key."
        if "link" in self.why:
            # The step records the link that it proves, so a lab without a key to replace needs nothing after it.
            final = before_link.final
            link = key_situation.LinkKnowledge("linked", final.key_to_use)
            linked = key_plan.decide(dataclasses.replace(final, request=self.declared.request, link=link))
            left = [action for action in linked.actions if action.kind != key_situation.RECORD_LINK]
        else:
            left = list(plan.actions[len(before_link.actions) :])
        if left:
            self.why["retire"] = "; ".join(action.in_words() for action in left)

    def _iam_user(self) -> None:
        user = self.lab["user"]
        reasons = [entry["message"] for entry in self.lab["drift"] if entry["code"] in _CONVERGED_BY_IAM_USER]
        if user["exists"]:
            found = iam_user.excess(user, self.declared.user.policy_arn)
            reasons += [
                f"It has {kind.replace('_', ' ')}: {', '.join(names)}."
                for kind, names in found.items()
                if kind in self.declared.remove_drift
            ]
        if reasons:
            self.why["iam_user"] = " ".join(reasons)

    def _absent(self, plan: key_situation.Plan) -> None:
        user = self.lab["user"]
        if self.lab["link"]["status"] in ("linked", "other_key") and self.declared.link_wanted and self.actions:
            self.why["link"] = self.lab["link"]["message"]
        if self.actions:
            self.why["retire"] = "; ".join(action.in_words() for action in self.actions)
        # A user that still has somebody else's key stays: removing it would remove the key.
        ours = user["managed"] or self.declared.request.adopt_existing_user
        if user["exists"] and ours and not plan.final.keys:
            self.why["iam_user"] = f"User {user['name']} still exists."


# The choices name the options of mturk_access_key; this is how the role calls them.
_ROLE_WORDS = (
    "With the role, lab_account_remove_foreign_keys names keys to give up, and lab_account_link_check=page finds out "
    "what the portal holds."
)

# Drift that the step iam_user takes away without being asked for each.
_CONVERGED_BY_IAM_USER = frozenset({"user_missing", "policy_missing", "user_not_managed", "tag_missing", "tag_differs"})
