# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as people use it: in Chromium, by mouse, keyboard, phone, in the dark, on paper."""

from __future__ import annotations

import re
import socket
import time
import urllib.parse

import pytest
from playwright.sync_api import expect, sync_playwright

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report import build, compare, matrix, page
from ansible_collections.labops.cloudresearch.tests.fixtures import outcomes
from ansible_collections.labops.cloudresearch.tests.fixtures.outcomes import NOW
from tests import pictures
from tests.stack import axe
from tests.tools.browser import light_chromium

CHROMIUM = light_chromium()
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")

# What the margins of print.css leave of a page, at 96 pixels an inch.
A4 = {"width": 688, "height": 1016}
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


def make(labs, earlier=None):
    contacts = {lab["lab"]: "pi@uni.example" for lab in labs}
    departments = {lab["lab"]: lab["lab"].partition("-")[0] for lab in labs}
    report = build.build(
        labs, title="Labs", now=NOW, interrupted=["gone-1"], contacts=contacts, departments=departments
    )
    if earlier is not None:
        report["comparison"] = compare.compare(build.build(earlier, title="Labs", now=NOW), report)
    return report


def alike():
    """Labs with the same next step, labs of which something was not seen, and a retired one."""
    labs = [outcomes.situation("tags_drifted", lab=f"lab-{number:02d}") for number in range(1, 39)]
    for lab in labs:
        text = f"Run ansible-playbook labops.cloudresearch.onboard --limit {lab['lab']}."
        lab["next_steps"] = [{"step": "iam_user", "who": "operator", "text": text, "url": ""}]
    labs += [outcomes.situation("waits_for_requester", lab=f"person-{number}") for number in range(3)]
    labs += [outcomes.situation("store_sealed", lab="sealed"), outcomes.situation("retired", lab="retired")]
    quick = outcomes.situation("converged", lab="quick")
    quick["user"].update(groups=None, inline_policies=None, console_access=None)
    quick["access_keys"][0].update(last_used=None, last_use_known=False)
    quick["not_looked_for"] = [{"code": "console_access", "why": "It was not asked for (lab_account_thorough)."}]
    return [*labs, quick]


def closed_fleet():
    """Labs of many departments after the closing, with an account that nobody could read and some earlier reports."""
    labs = [outcomes.situation("converged", lab=f"lab-{number:02d}") for number in range(1, 40)]
    labs.append(outcomes.situation("account_out_of_reach", lab="sealed-off"))
    departments = {lab["lab"]: f"Department of {number % 20}" for number, lab in enumerate(labs)}
    contacts = {lab["lab"]: f"pi-{number % 5}@uni.example" for number, lab in enumerate(labs)}
    for lab in labs:
        text = "Save the transaction history."
        lab["next_steps"].append({"step": "requester", "who": "person", "text": text, "url": ""})
    report = build.build(labs, title="Labs", now=NOW, contacts=contacts, departments=departments)
    point = {"labs": 40, "mturk_keys": report["summary"]["mturk_keys"]}
    report["trend"] = [{**point, "generated": f"2026-11-{day:02d}T10:00:00Z"} for day in range(1, 20)]
    return report


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    directory = tmp_path_factory.mktemp("reports")
    made = {
        "fleet": make(outcomes.outcomes(60), outcomes.outcomes(59, seed=2)),
        "thousand": make(outcomes.outcomes(1000)),
        "hostile": make(outcomes.hostile_outcomes(), outcomes.hostile_outcomes()[3:]),
        "groups": build.build(alike(), title="Labs with the same steps", now=NOW, not_begun=["never-1", "never-2"]),
        "closed": closed_fleet(),
        "empty": build.build([], title="Nothing", now=NOW),
    }
    paths = {}
    for name, report in made.items():
        paths[name] = directory / f"{name}.html"
        paths[name].write_bytes(page.to_html(report))
    return made, paths


class Window:
    """A tab with a memory of its own, and what it complained of and asked for besides the report that it shows."""

    def __init__(self, chromium, *, script=True, viewport=DESKTOP, **options):
        self.troubles, self.address = [], ""
        self.context = chromium.new_context(
            viewport=viewport, java_script_enabled=script, reduced_motion="reduce", **options
        )
        self.tab = self.context.new_page()
        self.tab.on("console", lambda message: self.troubles.append(f"console: {message.text}"))
        self.tab.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        self.tab.on("request", self.note)
        self.tab.on("dialog", lambda dialog: self.troubles.append(f"dialog: {dialog.message}"))

    def note(self, request):
        if request.url != self.address:
            self.troubles.append(f"request: {request.url}")

    def show(self, path):
        self.address = path.as_uri()
        self.tab.goto(self.address)
        return self.tab


@pytest.fixture(scope="module")
def window(chromium):
    """The one that most tests use, each with a page that is loaded anew: opening one costs more than the page."""
    one = Window(chromium)
    yield one
    one.context.close()


@pytest.fixture
def visit(chromium, window, reports):
    """Opens a report; afterwards there must have been no complaint and no request for anything else."""
    windows = [window]

    def open_page(name, **options):
        if options:
            windows.append(Window(chromium, **options))
        return windows[-1].show(reports[1][name])

    yield open_page
    for other in windows[1:]:
        other.context.close()
    if window.address:
        window.tab.evaluate("localStorage.clear()")
        window.tab.set_viewport_size(DESKTOP)
        window.tab.emulate_media(media="null")
    troubles = [trouble for each in windows for trouble in each.troubles]
    window.troubles.clear()
    assert troubles == []


def shown(tab):
    return tab.locator("#rows > tr[data-lab]:visible")


def names(tab):
    return shown(tab).locator(".lab-name").all_inner_texts()


def test_search_finds_labs_by_name_account_key_and_finding(visit, reports):
    tab = visit("fleet")
    labs = reports[0]["fleet"]["labs"]
    assert shown(tab).count() == len(labs)
    lab = next(lab for lab in labs if lab["access_keys"])
    for wanted in (lab["lab"], lab["account_id"], lab["access_keys"][0]["access_key_id"].lower()):
        tab.get_by_role("searchbox").fill(wanted)
        expect(tab.locator("#count")).to_have_text(f"1 of {len(labs)} labs")
        assert names(tab) == [lab["lab"]]
    tab.get_by_role("searchbox").fill("console password")
    matching = [lab["lab"] for lab in labs if any(f["code"] == "console_access" for f in lab["findings"])]
    tab.get_by_role("searchbox").fill("can sign in to the console")
    expect(tab.locator("#count")).to_have_text(f"{len(matching)} of {len(labs)} labs")
    assert names(tab) == matching


def test_a_search_that_finds_nothing_says_so_and_can_be_cleared(visit, reports):
    tab = visit("fleet")
    tab.get_by_role("searchbox").fill("no such lab")
    expect(tab.get_by_text("No lab fits.")).to_be_visible()
    expect(tab.locator("#count")).to_have_text("0 of 61 labs")
    tab.get_by_role("button", name="Clear search and filters").click()
    expect(shown(tab)).to_have_count(61)
    expect(tab.get_by_role("searchbox")).to_be_focused()


FILTERS = (
    ("State", "failed", lambda lab: lab["state"] == "failed"),
    ("Finding", "severity:high", lambda lab: any(f["severity"] == "high" for f in lab["findings"])),
    ("Finding", "code:key_old", lambda lab: any(f["code"] == "key_old" for f in lab["findings"])),
    ("Finding", "none", lambda lab: not lab["findings"]),
    ("Step", "link:to_do", lambda lab: lab["steps"][4]["status"] == "to_do"),
    ("MTurk", "sandbox:unreachable", lambda lab: lab["requester"]["sandbox"]["status"] == "unreachable"),
    ("Department", "=vision", lambda lab: lab["department"] == "vision"),
    ("CloudResearch", "other_key", lambda lab: lab["link"]["status"] == "other_key"),
)


def test_filters(visit, reports):
    tab = visit("fleet")
    for label, value, fits in FILTERS:
        expected = [lab["lab"] for lab in reports[0]["fleet"]["labs"] if fits(lab)]
        assert expected, value
        tab.get_by_label(label, exact=True).select_option(value)
        expect(tab.locator("#count")).to_have_text(f"{len(expected)} of 61 labs")
        assert names(tab) == expected
        tab.locator("#clear").click()
        expect(tab.locator("#count")).to_have_text("61 labs")


def test_filters_and_search_narrow_each_other(visit, reports):
    tab = visit("fleet")
    tab.get_by_label("State", exact=True).select_option("converged")
    tab.get_by_role("searchbox").fill("SOCIAL")
    expected = [
        lab["lab"] for lab in reports[0]["fleet"]["labs"] if lab["state"] == "converged" and "social" in lab["lab"]
    ]
    expect(shown(tab)).to_have_count(len(expected))
    assert names(tab) == expected


def test_counts_and_findings_lead_to_their_labs(visit, reports):
    tab = visit("fleet")
    failed = reports[0]["fleet"]["summary"]["states"]["failed"]
    tab.locator('#run button[data-filter="state"]', has_text="failed").click()
    expect(tab.locator("#count")).to_have_text(f"{failed} of 61 labs")
    expect(tab.locator("#labs-heading")).to_be_focused()
    tab.locator("#findings .finding button").first.click()
    expect(tab.get_by_label("Finding", exact=True)).to_have_value(re.compile("code:"))
    expect(tab.get_by_label("State", exact=True)).to_have_value("")


def test_every_column_sorts_both_ways_and_says_so(visit, reports):
    tab = visit("fleet")
    for head in tab.locator("th .sort").all():
        cell = head.locator("xpath=..")
        orders = {}
        for _click in range(2):
            head.click()
            expect(cell).to_have_attribute("aria-sort", re.compile("ascending|descending"))
            orders[cell.get_attribute("aria-sort")] = names(tab)
            assert tab.locator("th[aria-sort]").count() == 1
        assert set(orders) == {"ascending", "descending"}
        assert all(sorted(order) == sorted(orders["ascending"]) for order in orders.values())
        assert orders["ascending"] != orders["descending"]


def test_sorting_by_findings_age_and_balance(visit, reports):
    tab = visit("fleet")
    labs = {lab["lab"]: lab for lab in reports[0]["fleet"]["labs"]}
    tab.get_by_role("button", name="Worst finding", exact=True).click()
    first = labs[names(tab)[0]]
    assert first["findings"][0]["severity"] == "critical"
    tab.get_by_role("button", name="Key age", exact=True).click()
    shown_ages = {row.lab["lab"]: row.sort_by.get("age") for row in matrix.rows(reports[0]["fleet"])}
    ages = [shown_ages[name] for name in names(tab)]
    known = [age for age in ages if age is not None]
    assert known == sorted(known, reverse=True)
    assert None not in ages[: len(known)]
    tab.get_by_role("button", name="Balance", exact=True).click()
    balances = [labs[name]["requester"]["production"]["available_balance"] for name in names(tab)]
    money = [float(balance) for balance in balances if balance is not None]
    assert money == sorted(money)
    assert None not in balances[: len(money)]


def test_a_lab_opens_by_keyboard_and_shows_everything_about_it(visit, reports):
    tab = visit("fleet")
    lab = next(
        lab for lab in reports[0]["fleet"]["labs"] if any(f["code"] == "foreign_live_key" for f in lab["findings"])
    )
    button = tab.get_by_role("button", name=lab["lab"], exact=True)
    button.focus()
    tab.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    detail = tab.locator("tr.detail")
    key, finding = lab["access_keys"][1], lab["findings"][0]
    for text in (key["access_key_id"], finding["message"], lab["user"]["arn"], "a stranger's"):
        expect(detail).to_contain_text(text)
    tab.get_by_role("button", name="Worst finding", exact=True).click()
    assert detail.evaluate("row => row.previousElementSibling.querySelector('.lab-name').textContent") == lab["lab"]
    tab.get_by_role("searchbox").fill("no such lab")
    expect(detail).to_be_hidden()
    tab.get_by_role("searchbox").fill("")
    button.press("Enter")
    expect(detail).to_have_count(0)


def test_the_whole_page_is_reached_by_keyboard(visit):
    tab = visit("fleet")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    assert tab.evaluate("getComputedStyle(document.activeElement).left") == "8px"
    tab.keyboard.press("Enter")
    for _press in range(3):
        tab.keyboard.press("Tab")
        assert tab.evaluate("document.activeElement.matches(':focus-visible')")
        assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_next_steps_are_copied_and_mailed_ready_to_send(visit, reports, chromium):
    tab = visit("fleet", permissions=["clipboard-read", "clipboard-write"])
    item = tab.locator('[data-list="person"] > li').first
    item.get_by_role("button", name="Copy").click()
    expect(tab.get_by_text("Copied.")).to_be_visible()
    text = tab.evaluate("navigator.clipboard.readText()")
    name = item.locator(".lab-name").inner_text()
    assert text.startswith(f"Lab {name} (AWS account ")
    assert "https://" in text
    mail = urllib.parse.urlsplit(item.get_by_role("link", name="Mail").get_attribute("href"))
    assert mail.path == "pi@uni.example"
    assert urllib.parse.parse_qs(mail.query)["body"][0].replace("\r\n", "\n") == text
    tab.locator('[data-copy-all="operator"]').click()
    tab.wait_for_function("navigator.clipboard.readText().then((text) => text.includes('gone-1'))")


def test_labs_with_the_same_step_are_one_entry_with_one_command(visit):
    tab = visit("groups", permissions=["clipboard-read", "clipboard-write"])
    group = tab.locator('[data-list="operator"] > li').first
    expect(group.locator(".lab-name")).to_have_text("38 labs")
    expect(group).to_contain_text("--limit lab-01,lab-02,lab-03,")
    group.locator("summary").click()
    expect(group.locator("li:visible")).to_have_count(38)
    group.locator("li").nth(1).get_by_role("button", name="Copy").click()
    expect(tab.get_by_text("Copied.")).to_be_visible()
    assert tab.evaluate("navigator.clipboard.readText()").endswith("--limit lab-02.")
    group.locator("li").nth(1).get_by_role("checkbox").check()
    tab.reload()
    assert [box.is_checked() for box in group.get_by_role("checkbox", include_hidden=True).all()].index(True) == 1
    people = tab.locator('[data-list="person"] > li')
    expect(people).to_have_count(1)
    expect(people.get_by_role("link", name="Mail")).to_have_count(3)


def test_what_was_not_seen_is_told_apart_from_what_nobody_asked_for(visit):
    tab = visit("groups")
    expect(tab.locator("#run p.run")).to_contain_text("3 labs could not be seen")
    unseen = tab.locator("#findings .edge-unseen", has_text="Vault is sealed")
    expect(unseen).to_contain_text("Unseal the Vault")
    expect(tab.locator("#findings .edge-mute")).to_contain_text("not asked")
    tab.get_by_label("State", exact=True).select_option("unknown")
    assert names(tab) == ["never-1", "never-2", "sealed"]
    tab.get_by_role("button", name="sealed", exact=True).click()
    expect(tab.locator("tr.detail")).to_contain_text("Live key whose secret nobody stored: The store could not be read")
    tab.locator("#clear").click()
    tab.get_by_role("button", name="quick", exact=True).click()
    detail = tab.locator("tr.detail", has_text="last use not known")
    for text in ("groups: not looked at", "console password: not looked at"):
        expect(detail).to_contain_text(text)


def test_the_keys_of_a_retired_lab_are_listed_with_the_times(visit, reports):
    tab = visit("groups")
    [key] = next(lab for lab in reports[0]["groups"]["labs"] if lab["lab"] == "retired")["retired_keys"]
    row = tab.locator("#retired tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text(key["access_key_id"])
    for time_ in (key["deactivated_at"], key["deleted_at"]):
        expect(row.locator(f'time[datetime="{time_}"]')).to_be_visible()
    tab.get_by_role("button", name="retired", exact=True).click()
    expect(tab.locator("tr.detail")).to_contain_text(
        f"{key['access_key_id']} deactivated 24 Nov 2026, 10:25 UTC, deleted"
    )


def test_ticks_are_kept_when_the_page_is_opened_again(visit):
    tab = visit("fleet")
    box = tab.locator(".todo input").first
    box.check()
    tab.reload()
    expect(tab.locator(".todo input").first).to_be_checked()
    tab.locator(".todo input").first.uncheck()
    tab.reload()
    expect(tab.locator(".todo input").first).not_to_be_checked()


def test_without_script_the_page_still_tells_everything(visit, reports):
    tab = visit("fleet", script=False)
    assert shown(tab).count() == 61
    expect(tab.locator(".tools")).to_be_hidden()
    assert tab.locator(".todo > li:visible").count() > 0
    expect(tab.locator("#findings .finding").first).to_be_visible()


@pytest.mark.parametrize("name", ["fleet", "groups", "empty"])
def test_axe_finds_no_violation(visit, name):
    checker = axe.source()
    if checker is None:
        pytest.skip("needs npm to fetch axe-core once")
    tab = visit(name, bypass_csp=True)
    if name != "empty":
        tab.locator("details").evaluate_all("found => found.forEach(each => { each.open = true; })")
        tab.get_by_role("button", name="Key age", exact=True).click()
        shown(tab).locator("button.open").first.click()
        tab.get_by_label("State", exact=True).select_option("failed" if name == "fleet" else "unknown")
    tab.evaluate(checker)
    # Colours do not depend on the width, so each of both is tried once.
    for viewport, scheme in ((DESKTOP, "dark"), (PHONE, "light")):
        tab.set_viewport_size(viewport)
        tab.emulate_media(color_scheme=scheme)
        result = tab.evaluate("axe.run(document, {resultTypes: ['violations', 'incomplete']})")
        found = [(each["id"], [node["html"] for node in each["nodes"]][:3]) for each in result["violations"]]
        assert found == [], scheme
        # What axe could not decide by itself: only contrast that it cannot measure is left to eyes.
        assert {each["id"] for each in result["incomplete"]} <= {"color-contrast"}


# The words of all states that stand in more than one line.
BROKEN_WORDS = """() => [...document.querySelectorAll('#rows .c-state')].flatMap(cell => {
  const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), broken = [];
  for (let text; text = texts.nextNode();)
    for (const word of text.data.matchAll(/\\S+/g)) {
      const range = document.createRange();
      range.setStart(text, word.index);
      range.setEnd(text, word.index + word[0].length);
      if (new Set([...range.getClientRects()].map(rect => rect.top)).size > 1) broken.push(word[0]);
    }
  return broken;
})"""


def test_no_word_of_a_state_is_broken_at_any_width(visit):
    tab = visit("fleet")
    for width in (320, 390, 768, *range(1080, 1300, 20)):
        tab.set_viewport_size({"width": width, "height": 800})
        assert tab.evaluate(BROKEN_WORDS) == [], width


@pytest.mark.parametrize("name", ["fleet", "hostile", "groups", "empty"])
def test_nothing_sticks_out_at_any_width(visit, name):
    tab = visit(name)
    sticking_out = """() => [...document.querySelectorAll('body *')]
        .filter((each) => each.getBoundingClientRect().right > innerWidth + 0.5 && !each.closest('.sr, .skip'))
        .map((each) => `${each.tagName}.${each.className}: ${each.textContent.slice(0, 40)}`)"""
    for width in (320, 390, 768, 1090, 1280):
        tab.set_viewport_size({"width": width, "height": 800})
        assert tab.evaluate(sticking_out) == [], width
        assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_hostile_names_do_nothing_and_are_shown_as_they_are(visit):
    tab = visit("hostile", permissions=["clipboard-read", "clipboard-write"])
    for everything in (shown(tab).locator("button.open"), tab.locator("summary")):
        everything.evaluate_all("found => found.forEach(each => each.click())")
    expect(tab.locator("tr.detail")).to_have_count(shown(tab).count())
    tab.get_by_role("button", name="State").click()
    tab.get_by_role("searchbox").fill("<script>")
    expect(tab.locator("#count")).to_contain_text("of")
    tab.locator("[data-copy-all]").first.click()
    expect(tab.get_by_text("Copied.")).to_be_visible()
    assert tab.evaluate("window.hacked") is None
    assert "<script>window.hacked=1</script>" in names(tab)
    assert tab.locator("script").count() == 3
    assert tab.locator("img").count() == 0


def test_the_policy_stops_what_might_slip_through(chromium, reports):
    """Were text ever to become markup, the browser would still run nothing and ask for nothing."""
    context = chromium.new_context()
    tab = context.new_page()
    tab.goto(reports[1]["fleet"].as_uri())
    with socket.create_server(("127.0.0.1", 0)) as outside:
        outside.setblocking(False)
        blocked, hacked = tab.evaluate(
            """async (outside) => {
              const seen = new Set();
              document.addEventListener('securitypolicyviolation', (event) => seen.add(event.effectiveDirective));
              document.body.insertAdjacentHTML('beforeend',
                `<img src="${outside}" onerror="window.hacked=1"><a id=evil onclick="window.hacked=2">x</a>`
                + '<form action="http://127.0.0.1:9/"><button id=send>x</button></form>');
              const script = document.createElement('script');
              script.textContent = 'window.hacked=3';
              document.body.append(script);
              document.getElementById('evil').click();
              document.getElementById('send').click();
              await fetch(outside).catch(() => 0);
              while (seen.size < 5) await new Promise(requestAnimationFrame);
              return [[...seen].sort(), window.hacked ?? null];
            }""",
            f"http://127.0.0.1:{outside.getsockname()[1]}/",
        )
        with pytest.raises(BlockingIOError):
            outside.accept()
    context.close()
    assert hacked is None
    assert blocked == ["connect-src", "form-action", "img-src", "script-src-attr", "script-src-elem"]


def test_a_thousand_labs_are_a_page_of_bounded_size_and_answer_at_once(visit, reports):
    assert reports[1]["thousand"].stat().st_size < 4_000_000
    tab = visit("thousand")
    # Elements cost more than bytes: some 60 a lab, most of them in its row.
    assert tab.evaluate("document.querySelectorAll('*').length") < 60_000
    labs = reports[0]["thousand"]["labs"]
    expect(tab.locator("#count")).to_have_text("1,001 labs, the first 100 shown")
    expect(shown(tab)).to_have_count(100)
    # From the event to the painted result, in the page itself, a few times.
    took = tab.evaluate(
        """async (words) => {
          const search = document.getElementById('search');
          const painted = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
          const times = [];
          for (const word of words) {
            const begin = performance.now();
            search.value = word;
            search.dispatchEvent(new Event('input', {bubbles: true}));
            await painted();
            const count = document.getElementById('count').textContent;
            if (word && !count.includes(' of ')) throw new Error(`no result for ${word}: ${count}`);
            times.push(performance.now() - begin);
          }
          return times;
        }""",
        ["s", "so", "social", "", "failed", "vision 7", ""],
    )
    print(f"search over 1,000 labs, ms to paint: {[round(each) for each in took]}")
    begin = time.monotonic()
    tab.get_by_role("button", name="Key age", exact=True).click()
    expect(tab.locator("th[aria-sort]")).to_contain_text("Key age")
    oldest = max(row.sort_by.get("age", 0) for row in matrix.rows(reports[0]["thousand"]))
    expect(shown(tab).first).to_contain_text(f"{oldest:,} d")
    print(f"sort: {time.monotonic() - begin:.2f} s")
    tab.get_by_role("button", name="Show all 1,001").click()
    expect(shown(tab)).to_have_count(len(labs))
    expect(tab.locator("#more")).to_be_hidden()


def test_on_paper_everything_is_there(visit, reports, tmp_path):
    tab = visit("thousand", color_scheme="dark")
    tab.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    tab.emulate_media(media="print", color_scheme="dark")
    assert shown(tab).count() == 1001
    assert tab.locator("details:not(.numbers):not([open])").count() == 0
    expect(tab.locator(".tools")).to_be_hidden()
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    tab.evaluate("window.dispatchEvent(new Event('afterprint'))")
    tab.emulate_media(media="screen")
    assert shown(tab).count() == 100
    document = visit("fleet", viewport=DESKTOP).pdf(prefer_css_page_size=True)
    assert document.startswith(b"%PDF")


def test_the_data_in_the_page_is_the_report(visit, reports):
    tab = visit("fleet")
    assert page.report_in(tab.content()) == reports[0]["fleet"]


def test_the_first_printed_page_is_one_and_nothing_is_torn(visit, reports):
    tab = visit("closed", viewport=A4)
    expect(tab.locator("#glance-heading")).to_contain_text("39 live keys with MTurk rights in 39 accounts")
    expect(tab.locator("#glance-heading")).to_contain_text("1 account could not be read")
    assert tab.locator("#glance").get_by_text("sandbox").count() == 0
    assert tab.locator("#glance tr").count() == 1 + 20 + 1 + 6  # departments, and reports over time
    assert tab.locator('[data-list="person"]').count() == tab.locator(".party-head").count() == 5
    expect(tab.locator(".party-head").first).to_contain_text("pi-0@uni.example Department of 0,")
    expect(tab.locator(".party-head").first.get_by_role("link", name="Mail all")).to_be_visible()
    tab.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    tab.emulate_media(media="print")
    assert tab.evaluate("document.getElementById('glance').getBoundingClientRect().bottom + scrollY") <= A4["height"]
    assert tab.evaluate("document.getElementById('glance').scrollWidth") <= A4["width"]
    style = "(name) => getComputedStyle(document.querySelector(name))"
    assert tab.evaluate(f"({style})('#glance').breakAfter") == "page"
    for name in (".lines", ".todo > li", ".party", ".composition"):
        assert tab.evaluate(f"({style})('{name}').breakInside") == "avoid", name
    expect(tab.get_by_text("What needs a decision first")).to_be_visible()


def test_printed_pages_are_full_and_their_words_whole(visit, reports):
    tab = visit("fleet", viewport=A4)
    # With a line for each new lab, and half-empty columns, there were fourteen.
    assert len(re.findall(rb"/Type /Page\b", tab.pdf(prefer_css_page_size=True))) <= 12
    tab.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    tab.emulate_media(media="print")
    overlaps = tab.evaluate(
        """() => [...document.querySelectorAll('.finding-head')].filter(head =>
          head.children[0].getBoundingClientRect().right > head.children[1].getBoundingClientRect().left).length"""
    )
    assert overlaps == 0
    for cell in tab.locator("#retired tbody td:nth-child(2), #retired tbody td:nth-child(3)").all():
        assert (
            cell.evaluate(
                "cell => { const r = document.createRange(); r.selectNodeContents(cell); "
                "return new Set([...r.getClientRects()].map(box => box.top)).size }"
            )
            == 1
        ), cell.inner_text()


def test_the_pictures_of_the_guide_show_this_page(visit):
    tab = visit("fleet")
    beginning = [tab.locator(part) for part in ("header", "#glance")]
    end = beginning[-1].bounding_box()
    clip = {"x": 0, "y": 0, "width": DESKTOP["width"], "height": round(end["y"] + end["height"])}
    text = "\n".join(part.inner_text() for part in beginning)
    pictures.require("report.png", text, lambda: tab.screenshot(clip=clip, full_page=True))

    tab.get_by_label("Finding", exact=True).select_option("severity:high")
    table = tab.locator("#labs")
    pictures.require("report-labs.png", table.inner_text(), table.screenshot)
