# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys on the local stack, through the real botocore: creation, proof, rotation, retirement, faults, runs at once."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import datetime
import multiprocessing
import pathlib
import threading
import typing as t

import pytest
from ansible.parsing.vault import VaultSecret

from ansible_collections.labops.cloudresearch.plugins.plugin_utils import store as secret_store
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws.connection import AwsConnection
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import times
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys import lifecycle as key_lifecycle
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys.looking import KeyObserver
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys.outcome import KeyOutcome
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys.situation import (
    KeyRequest,
    LinkKnowledge,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.mturk import proof
from tests.simulator.clients import MTURK_POLICY, new_lab
from tests.simulator.process import Simulator

USER = "cloudresearch-mturk"
TAGS = {"managed-by": "labops.cloudresearch"}


class Loader:
    _vault = type("Vault", (), {"secrets": [("default", VaultSecret(b"a vault password"))]})


@dataclasses.dataclass
class Bench:
    """One lab on the stack, and runs on its keys as the module makes them."""

    simulator: Simulator
    lab: dict[str, t.Any]
    store_options: dict[str, t.Any]

    @property
    def name(self) -> str:
        return str(self.lab["name"])

    def store(self) -> secret_store.SecretStore:
        return secret_store.open_store(self.store_options, loader=Loader())

    def lifecycle(
        self,
        link: LinkKnowledge | None = None,
        timeout: float = 20,
        connection_options: t.Mapping[str, t.Any] | None = None,
        **wanted: t.Any,
    ) -> key_lifecycle.KeyLifecycle:
        connection = AwsConnection(
            {
                "access_key": self.simulator.ops_access_key,
                "secret_key": self.simulator.ops_secret_key,
                "endpoint_url": self.simulator.aws_url,
                "assume_role_arn": self.lab["role_arn"],
                **(connection_options or {}),
            }
        )

        def prove(access_key_id: str, secret_access_key: str) -> proof.KeyProof:
            signing = connection.with_credentials(access_key_id, secret_access_key)
            endpoints = {"production": self.simulator.mturk_production_url}
            return proof.prove_key(signing, endpoints, timeout=timeout)

        return key_lifecycle.KeyLifecycle(
            KeyObserver(
                connection,
                self.store(),
                lab=self.name,
                user_name=USER,
                request=KeyRequest(**wanted),
                link=link or LinkKnowledge(),
                settle_seconds=1,
            ),
            prove=prove,
        )

    def run(self, link: LinkKnowledge | None = None, **wanted: t.Any) -> KeyOutcome:
        return self.lifecycle(link, **wanted).run()

    def converge(self, **wanted: t.Any) -> None:
        """As the role does: key, link, then let go of what was replaced."""
        key_id = self.run(retire_superseded=False, **wanted).after.key_to_use
        if wanted.get("state") == "absent":
            return
        record = self.store().get(self.name).record
        stored = record.find(key_id) if record else None
        assert stored is not None
        self.simulator.control.set_portal_key(self.name, key_id, stored.secret_access_key)
        self.run(LinkKnowledge("linked", key_id, "page"), **{**wanted, "state": "present"})

    def keys(self) -> dict[str, str]:
        """IAM's truth: status by id."""
        return {key["access_key_id"]: key["status"] for key in self.simulator.control.keys(self.name)}

    def check(self) -> None:
        """Every active key of ours is stored with its right secret, and the portal's was never cut off."""
        record = self.store().get(self.name).record
        for key in self.simulator.control.keys(self.name):
            stored = record.find(key["access_key_id"]) if record else None
            assert stored is not None, f"{key['access_key_id']} is stored nowhere"
            assert stored.secret_access_key == key["secret_access_key"]
        for moment in self.simulator.control.key_timeline(self.name):
            keys = {key["access_key_id"]: key["status"] for key in moment["keys"]}
            assert len(keys) <= 2
            if moment["portal_key"]:
                assert keys.get(moment["portal_key"]) == "Active", f"at call {moment['n']} {moment['action']}"


@pytest.fixture
def bench(simulator: Simulator, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[Bench]:
    monkeypatch.setenv("ANSIBLE_HOME", str(tmp_path / "home"))
    lab = new_lab(simulator)
    simulator.control.create_user(lab["name"], USER, policy_arns=[MTURK_POLICY], tags=TAGS)
    knobs = simulator.control.knobs()
    yield Bench(simulator, lab, {"type": "ansible_vault", "directory": str(tmp_path / "store")})
    simulator.control.clear_faults()
    simulator.control.set(**knobs)


def test_a_new_key_is_proved_as_soon_as_iam_has_made_it_known(bench: Bench) -> None:
    bench.simulator.control.set(iam_propagation_uses=2, policy_propagation_uses=1)
    outcome = bench.run()
    assert outcome.proof is not None
    assert (outcome.proof.by, outcome.proof.status) == ("mturk", "linked")
    record = bench.store().get(bench.name).record
    assert record is not None
    assert record.current is not None
    assert record.current.proved_by == "mturk"
    assert record.account_id == bench.lab["account_id"]
    bench.check()
    assert not bench.run().actions


def test_not_linked_to_a_requester_account_is_proof_enough(bench: Bench) -> None:
    bench.simulator.control.unlink_requester(bench.name, "production")
    outcome = bench.run()
    assert outcome.proof is not None
    assert (outcome.proof.by, outcome.proof.status) == ("mturk", "not_linked")


@pytest.mark.parametrize("mode", ["closed", "unreachable"])
def test_where_mturk_is_gone_aws_itself_proves_the_key(bench: Bench, mode: str) -> None:
    bench.simulator.control.set(mturk_mode=mode)
    outcome = bench.run()
    assert outcome.proof is not None
    assert outcome.proof.by == "sts"
    record = bench.store().get(bench.name).record
    assert record is not None
    assert record.current is not None
    assert record.current.proved_by == "sts"
    assert not bench.run().actions


def test_without_the_policy_aws_itself_proves_the_key_and_the_proof_says_what_mturk_said(bench: Bench) -> None:
    lab = new_lab(bench.simulator)
    bench.simulator.control.create_user(lab["name"], USER, tags=TAGS)
    poor = dataclasses.replace(bench, lab=lab)
    outcome = poor.run(timeout=1)
    assert outcome.proof is not None
    assert (outcome.proof.by, outcome.proof.status) == ("sts", "access_denied")
    assert "no identity-based policy allows" in outcome.proof.message
    (key_id,) = poor.keys()
    poor.check()
    assert not poor.run().actions
    assert list(poor.keys()) == [key_id]


def test_a_key_that_mturk_does_not_know_yet_stays_stored_and_the_next_run_goes_on(bench: Bench) -> None:
    bench.simulator.control.set(iam_propagation_uses=2)  # a second is time for two questions
    with pytest.raises(CollectionError) as caught:
        bench.run(timeout=1)
    assert caught.value.reason == "key_not_proved"
    assert caught.value.details["proof"]["status"] == "invalid_credentials"
    (key_id,) = bench.keys()
    bench.check()
    assert [action.kind for action in bench.run().actions] == ["prove"]
    assert list(bench.keys()) == [key_id]


def test_a_rotation_leaves_the_portal_with_a_working_key_throughout(bench: Bench) -> None:
    bench.converge()
    (first,) = bench.keys()
    bench.converge(state="rotated")
    (second,) = bench.keys()
    assert first != second
    assert bench.simulator.control.portal_key(bench.name) == second
    bench.check()
    assert not bench.run().actions


def test_a_rotation_that_is_not_linked_changes_nothing_more(bench: Bench) -> None:
    bench.converge()
    (first,) = bench.keys()
    second = bench.run(state="rotated").after.key_to_use
    for _again in range(2):
        assert not bench.run(state="rotated").actions
        assert not bench.run(LinkKnowledge("linked", first, "page")).actions
    assert bench.keys() == {first: "Active", second: "Active"}
    bench.check()


def test_a_replaced_key_that_somebody_uses_stays(bench: Bench) -> None:
    bench.converge()
    (first,) = bench.keys()
    second = bench.run(state="rotated").after.key_to_use
    bench.run(LinkKnowledge("linked", second, "page"), retire_superseded=False)
    store = bench.store()
    snapshot = store.get(bench.name)
    assert snapshot.record is not None
    # As if all that had happened two days ago; the use is of now.
    record = snapshot.record
    for _slot, key in record.slots():
        times = ("proved", "linked", "superseded_at", "collection_used_at")
        past = {name: "2026-01-01T00:00:00Z" for name in times if getattr(key, name)}
        record = record.replace_key(dataclasses.replace(key, **t.cast("dict[str, t.Any]", past)))
    store.put(record, snapshot)
    bench.simulator.control.note_key_use(first)
    outcome = bench.run()
    assert not outcome.actions
    assert [note.code for note in outcome.notes] == ["superseded_key_in_use"]
    assert bench.keys() == {first: "Active", second: "Active"}


def test_retirement_takes_all_of_ours_and_leaves_nothing(bench: Bench) -> None:
    bench.converge()
    bench.run(state="rotated")
    assert len(bench.keys()) == 2
    bench.simulator.control.set_portal_key(bench.name, "")
    bench.run(state="absent")
    assert not bench.keys()
    assert bench.store().get(bench.name).record is None
    assert not bench.run(state="absent").actions


def test_a_lab_set_up_by_hand_keeps_its_key_until_the_operator_gives_it_up(bench: Bench) -> None:
    foreign = bench.simulator.control.create_access_key(bench.name, USER)
    bench.simulator.control.set_portal_key(bench.name, foreign["access_key_id"], foreign["secret_access_key"])
    bench.simulator.control.age_key(foreign["access_key_id"], 200)
    bench.converge(adopt_existing_user=True)
    assert bench.keys()[foreign["access_key_id"]] == "Active"
    assert len(bench.keys()) == 2
    outcome = bench.run(remove_foreign_keys=frozenset({foreign["access_key_id"]}))
    assert [action.kind for action in outcome.actions] == ["delete_foreign"]
    bench.check()


def test_two_foreign_keys_stop_with_what_the_operator_needs_to_choose(bench: Bench) -> None:
    ids = [bench.simulator.control.create_access_key(bench.name, USER)["access_key_id"] for _number in range(2)]
    with pytest.raises(CollectionError) as caught:
        bench.run()
    assert caught.value.reason == "two_foreign_keys"
    assert all(key_id in caught.value.next_step for key_id in ids)
    assert bench.store().get(bench.name).record is None


FAULTS = [
    ("present", "GetUser", "throttle", "before"),
    ("present", "CreateAccessKey", "access_denied", "before"),
    ("present", "CreateAccessKey", "http_500", "before"),
    ("rotated", "ListAccessKeys", "cut", "before"),
    ("rotated", "CreateAccessKey", "http_500", "after"),
    ("rotated", "UpdateAccessKey", "cut", "after"),
    ("absent", "DeleteAccessKey", "http_500", "after"),
]


@pytest.mark.parametrize(("state", "action", "kind", "when"), FAULTS)
def test_a_call_may_fail(bench: Bench, state: str, action: str, kind: str, when: str) -> None:
    """That botocore's errors are understood; the unit tests fail each call in turn."""
    if state != "present":
        bench.converge()
    if state == "absent":
        bench.simulator.control.set_portal_key(bench.name, "")
    bench.simulator.control.inject_fault(
        service="iam", action=action, kind=kind, when=when, account_id=bench.lab["account_id"]
    )
    for _attempt in range(3):
        try:
            bench.converge(state=state)
        except CollectionError as exc:
            assert exc.next_step
            continue
        break
    else:
        raise AssertionError("still not converged")
    assert not bench.simulator.control.pending_faults(), "the fault did not hit"
    bench.check()
    assert len(bench.keys()) == (0 if state == "absent" else 1)
    assert not bench.run(state="absent" if state == "absent" else "present").actions


def test_a_throttled_or_lost_answer_is_healed_within_the_run(bench: Bench) -> None:
    bench.simulator.control.inject_fault(service="iam", action="CreateAccessKey", kind="throttle", times=2)
    bench.simulator.control.inject_fault(service="iam", action="CreateAccessKey", kind="cut", when="after")
    outcome = bench.run()
    assert list(bench.keys()) == [outcome.after.key_to_use]
    bench.check()
    created = [call for call in bench.simulator.control.key_timeline(bench.name) if call["action"] == "CreateAccessKey"]
    assert len([call for call in created if call["status"] in (0, 200)]) == 2, "botocore repeated the call by itself"


def test_two_runs_at_once_make_one_key(bench: Bench) -> None:
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda _number: bench.lifecycle().run(), range(4)))
    assert len({outcome.after.key_to_use for outcome in outcomes}) == 1
    assert len([outcome for outcome in outcomes if outcome.actions]) == 1
    assert len(bench.keys()) == 1
    bench.check()


def _rotate(bench: Bench, start: t.Any, failures: t.Any) -> None:
    """One operator's rotation: observed like the other one's, then as slow or fast as it happens."""
    begun = times.now().replace(microsecond=0)
    start.wait()
    try:
        bench.converge(state="rotated", begun=begun)
    except CollectionError as exc:
        failures.put(f"{exc.reason}: {exc.message}")


def test_two_rotations_at_once_in_two_processes_end_as_one(bench: Bench) -> None:
    bench.converge()
    first = list(bench.keys())
    # AWS tells its time in whole seconds; the first key must be older than the rotations.
    while times.now() < bench.run().before.keys[0].created + datetime.timedelta(seconds=2):
        threading.Event().wait(0.1)
    context = multiprocessing.get_context("fork")
    start, failures = context.Barrier(2), context.Queue()
    operators = [context.Process(target=_rotate, args=(bench, start, failures)) for _number in range(2)]
    for operator in operators:
        operator.start()
    for operator in operators:
        operator.join(120)
    assert [operator.exitcode for operator in operators] == [0, 0] and failures.empty()
    keys = bench.keys()
    assert list(keys.values()) == ["Active"] and not set(keys) & set(first), "one new key, and nothing else"
    created = {
        key["access_key_id"] for moment in bench.simulator.control.key_timeline(bench.name) for key in moment["keys"]
    }
    assert created == {*first, *keys}, "the second rotation has not replaced the first one's key"
    record = bench.store().get(bench.name).record
    assert record is not None and [slot for slot, _key in record.slots()] == ["current"]
    bench.check()


@pytest.mark.parametrize("type_name", ["aws_secretsmanager", "aws_ssm"])
def test_keys_in_the_lab_s_own_account(bench: Bench, type_name: str) -> None:
    bench.store_options = {
        "type": type_name,
        "endpoint_url": bench.simulator.aws_url,
        "access_key": bench.simulator.ops_access_key,
        "secret_key": bench.simulator.ops_secret_key,
    }
    bench.converge()
    bench.converge(state="rotated")
    bench.check()
    bench.simulator.control.set_portal_key(bench.name, "")
    bench.converge(state="absent")
    assert not bench.keys()
    assert bench.store().get(bench.name).record is None


def test_credentials_for_the_wrong_account_stop_before_anything_happens(bench: Bench) -> None:
    bench.converge()
    other = new_lab(bench.simulator)
    bench.simulator.control.create_user(other["name"], USER, policy_arns=[MTURK_POLICY], tags=TAGS)
    mistaken = bench.lifecycle(connection_options={"assume_role_arn": other["role_arn"]}, state="absent")
    with pytest.raises(CollectionError) as caught:
        mistaken.run()
    assert caught.value.reason == "wrong_account"
    assert other["account_id"] in caught.value.message
    assert len(bench.keys()) == 1


def test_a_record_stays_where_credentials_of_another_account_see_no_user(bench: Bench) -> None:
    """The key lives on in the lab's own account, so its secret must not be lost."""
    bench.converge()
    other = new_lab(bench.simulator)
    for state in ("absent", "present"):
        mistaken = bench.lifecycle(connection_options={"assume_role_arn": other["role_arn"]}, state=state)
        for attempt in (mistaken.run, mistaken.predict):
            with pytest.raises(CollectionError) as caught:
                attempt()
            assert caught.value.reason == "wrong_account" and other["account_id"] in caught.value.message
    assert list(bench.keys().values()) == ["Active"]
    bench.check()


def test_what_was_retired_is_told_with_its_moments_and_foreseen_alike(bench: Bench) -> None:
    bench.converge()
    [key_id] = bench.keys()
    bench.simulator.control.set_portal_key(bench.name, "")
    [foreseen] = bench.lifecycle(state="absent").predict().retired_keys()
    [retired] = bench.run(state="absent").retired_keys()
    assert retired["access_key_id"] == key_id and retired["deactivated"] and retired["deleted"]
    assert retired["deactivated_at"] and retired["deleted_at"] and retired["owner"] == "ours"
    assert foreseen == {**retired, "deactivated_at": None, "deleted_at": None}
