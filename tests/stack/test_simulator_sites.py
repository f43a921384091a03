# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The requester site, with a real browser; and the portal as part of the simulator."""

from __future__ import annotations

import json
import pathlib
import re
import typing as t

import botocore.exceptions
import pytest
import requests

from tests.simulator.clients import mturk_client, new_key, new_lab
from tests.simulator.process import Simulator
from tests.tools.browser import light_chromium


@pytest.fixture(scope="module")
def browser() -> t.Iterator[t.Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    executable = light_chromium()
    if executable is None:
        pytest.skip("no Chromium")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: t.Any) -> t.Iterator[t.Any]:
    context = browser.new_context()
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


def is_linked(simulator: Simulator, environment: str, key: tuple[str, str]) -> bool:
    try:
        mturk_client(simulator, environment, *key).get_account_balance()
    except botocore.exceptions.ClientError as exc:
        assert exc.response["TurkErrorCode"] == "AWS.AccountNotLinked"
        return False
    return True


class TestRequesterSite:
    @pytest.mark.parametrize("environment", ["production", "sandbox"])
    def test_a_person_links_and_unlinks_the_account(self, simulator: Simulator, page: t.Any, environment: str) -> None:
        lab = new_lab(simulator, requester_linked=[])
        key = new_key(simulator, lab)
        urls = {"production": simulator.requester_production_url, "sandbox": simulator.requester_sandbox_url}
        page.goto(urls[environment])
        assert ("Sandbox" in page.title()) == (environment == "sandbox")
        page.get_by_label("E-mail").fill(lab["requester_email"])
        page.get_by_label("Password").fill(lab["requester_password"])
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Link your AWS account").click()
        assert not is_linked(simulator, environment, key)
        page.get_by_label("AWS account ID").fill(lab["account_id"])
        page.get_by_role("button", name="Link this account").click()
        page.get_by_role("status").get_by_text(lab["account_id"]).wait_for()
        assert is_linked(simulator, environment, key)
        other = "sandbox" if environment == "production" else "production"
        assert not is_linked(simulator, other, key)
        noted = [c for c in simulator.control.calls() if c["lab"] == lab["name"] and c["service"] == "requester"]
        assert [(c["action"], c["environment"], c["caller"]) for c in noted] == [("Link", environment, "person")]
        page.get_by_role("button", name="Unlink your AWS account").click()
        page.get_by_role("button", name="Link your AWS account").wait_for()
        assert not is_linked(simulator, environment, key)

    def test_one_sign_in_is_not_good_for_the_other_site(self, simulator: Simulator, page: t.Any) -> None:
        lab = new_lab(simulator)
        page.goto(simulator.requester_production_url)
        page.get_by_label("E-mail").fill(lab["requester_email"])
        page.get_by_label("Password").fill(lab["requester_password"])
        page.get_by_role("button", name="Sign in").click()
        page.get_by_text("Signed in as").wait_for()
        page.goto(simulator.requester_sandbox_url)
        page.get_by_role("button", name="Sign in").wait_for()
        cookie = {c["name"]: c["value"] for c in page.context.cookies()}["requester-production"]
        stolen = {"requester-sandbox": cookie}
        answer = requests.get(simulator.requester_sandbox_url, cookies=stolen, timeout=10)
        assert "Signed in as" not in answer.text

    def test_what_is_refused(self, simulator: Simulator) -> None:
        lab, other = new_lab(simulator, requester_linked=[]), new_lab(simulator, requester_linked=[])
        site = simulator.requester_url
        browser = requests.Session()

        def token(path: str) -> str:
            match = re.search(r'name="token" value="([^"]+)"', browser.get(site + path, timeout=10).text)
            assert match
            return match.group(1)

        good = {"email": lab["requester_email"], "password": lab["requester_password"]}
        assert browser.post(site + "/signin", data=good, timeout=10).status_code == 400, "without a token"
        wrong = {**good, "password": other["requester_password"], "token": token("/developer")}
        assert browser.post(site + "/signin", data=wrong, timeout=10).status_code == 401
        answer = browser.post(
            site + "/link", data={"token": token("/link"), "account_id": lab["account_id"]}, timeout=10
        )
        assert "Sign in" in answer.text and simulator.control.lab(lab["name"])["links"] == []
        browser.post(site + "/signin", data={**good, "token": token("/developer")}, timeout=10)
        foreign = {"token": token("/link"), "account_id": other["account_id"]}
        assert browser.post(site + "/link", data=foreign, timeout=10).status_code == 400
        assert simulator.control.lab(other["name"])["links"] == []
        spaced = f"{lab['account_id'][:4]}-{lab['account_id'][4:8]}-{lab['account_id'][8:]}"
        browser.post(site + "/link", data={"token": token("/link"), "account_id": spaced}, timeout=10)
        assert simulator.control.lab(lab["name"])["links"] == ["production"]


def link_at_portal(simulator: Simulator, lab: dict[str, t.Any], key: tuple[str, str]) -> requests.Response:
    """Sign in at the portal and enter a key, as a script that knows the classic pages."""
    bs4 = pytest.importorskip("bs4")
    browser = requests.Session()

    def submit(answer: requests.Response, wanted: str, values: dict[str, str]) -> requests.Response:
        """Fill the form that has a field of this type or name, by the labels of its fields."""
        soup = bs4.BeautifulSoup(answer.text, "html.parser")
        form = next(f for f in soup.find_all("form") if wanted in str(f))
        data = {i["name"]: i.get("value", "") for i in form.find_all("input") if i.get("name")}
        for label in form.find_all("label"):
            for text, value in values.items():
                if text.lower() in label.get_text().lower() and label.get("for"):
                    data[form.find(id=label["for"])["name"]] = value
        target = requests.compat.urljoin(answer.url, form.get("action") or answer.url)
        return browser.post(target, data=data, timeout=10)

    answer = browser.get(lab["portal_url"], timeout=10)
    if "password" not in answer.text.lower():
        link = bs4.BeautifulSoup(answer.text, "html.parser").find("a", string=re.compile("sign in|log in", re.I))
        answer = browser.get(requests.compat.urljoin(answer.url, link["href"]), timeout=10)
    answer = submit(answer, 'type="password"', {"mail": lab["email"], "password": lab["password"]})
    link = bs4.BeautifulSoup(answer.text, "html.parser").find("a", string=re.compile("Link Mechanical Turk"))
    assert link is not None, answer.text
    answer = browser.get(requests.compat.urljoin(answer.url, link["href"]), timeout=10)
    return submit(answer, "Secret Access Key", {"access key id": key[0], "secret access key": key[1]})


class TestPortalInTheSimulator:
    def test_a_key_is_checked_at_mturk_and_joins_the_timeline(self, simulator: Simulator) -> None:
        lab = new_lab(simulator)
        key = new_key(simulator, lab)
        since = simulator.control.mark("start")
        answer = link_at_portal(simulator, lab, key)
        assert "Success" in answer.text
        assert simulator.control.portal_key(lab["name"]) == key[0]
        entries = [c for c in simulator.control.calls(since) if c["lab"] == lab["name"]]
        checked = [c for c in entries if c["service"] == "mturk"]
        assert [(c["action"], c["environment"], c["status"], c["caller"]) for c in checked][:1] == [
            ("GetAccountBalance", "production", 200, "portal")
        ]
        posted = [c for c in entries if c["service"] == "portal" and c["action"] == "POST link"]
        assert [c["portal_key"] for c in posted] == [key[0]]
        assert [s["outcome"] for s in simulator.control.submissions(lab=lab["name"])] == ["linked"]
        assert simulator.control.keys(lab["name"])[0]["last_used_service"] == "mturk-requester"

    @pytest.mark.parametrize("why", ["wrong secret", "not linked", "inactive", "mturk closed"])
    def test_a_key_that_mturk_refuses(self, simulator: Simulator, why: str) -> None:
        lab = new_lab(simulator, requester_linked=[] if why == "not linked" else ["production"])
        simulator.control.create_user(
            lab["name"], "u", policy_arns=["arn:aws:iam::aws:policy/AmazonMechanicalTurkFullAccess"]
        )
        made = simulator.control.create_access_key(
            lab["name"], "u", status="Inactive" if why == "inactive" else "Active"
        )
        key = (made["access_key_id"], "x" * 40 if why == "wrong secret" else made["secret_access_key"])
        if why == "mturk closed":
            simulator.control.set(mturk_mode="closed")
        try:
            answer = link_at_portal(simulator, lab, key)
        finally:
            simulator.control.set(mturk_mode="open")
        assert "Success" not in answer.text
        assert simulator.control.portal_key(lab["name"]) == ""

    def test_faults_before_and_after(self, simulator: Simulator) -> None:
        lab = new_lab(simulator)
        key = new_key(simulator, lab)
        simulator.control.inject_fault(
            service="portal", action="POST link", kind="cut", when="before", account_id=lab["name"]
        )
        with pytest.raises(requests.exceptions.ConnectionError):
            link_at_portal(simulator, lab, key)
        assert simulator.control.portal_key(lab["name"]) == ""
        simulator.control.inject_fault(
            service="portal", action="POST link", kind="cut", when="after", account_id=lab["name"]
        )
        with pytest.raises(requests.exceptions.ConnectionError):
            link_at_portal(simulator, lab, key)
        assert simulator.control.portal_key(lab["name"]) == key[0], "it took effect"

    def test_faults_of_the_client_s_calls_do_not_hit_the_portal_s(self, simulator: Simulator) -> None:
        lab, other = new_lab(simulator), new_lab(simulator)
        simulator.control.inject_fault(service="mturk", kind="http_500", account_id=lab["name"])
        assert "Success" in link_at_portal(simulator, lab, new_key(simulator, lab)).text
        simulator.control.inject_fault(service="mturk", kind="http_500", account_id=other["name"], caller="portal")
        assert "Success" not in link_at_portal(simulator, other, new_key(simulator, other)).text
        simulator.control.clear_faults()

    def test_cookies_and_tokens_are_on_the_list_of_secrets(self, simulator: Simulator) -> None:
        lab = new_lab(simulator)
        before = set(simulator.control.issued_secrets()["portal_tokens"])
        link_at_portal(simulator, lab, new_key(simulator, lab))
        issued = simulator.control.issued_secrets()
        assert set(issued["portal_tokens"]) > before
        assert not set(issued["portal_tokens"]) & {*issued["passwords"], *issued["access_key_secrets"]}


def test_the_readme_names_every_operation(simulator: Simulator) -> None:
    answer = requests.get(simulator.control_url, timeout=10).json()
    client = pathlib.Path(__file__).parent.parent / "simulator" / "control.py"
    described = set(re.findall(r"    def (\w+)\(", client.read_text())) - {"_call", "__init__"}
    assert set(answer["operations"]) == described, json.dumps(sorted(set(answer["operations"]) ^ described))
