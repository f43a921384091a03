# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import hashlib
import html.parser
import re
import shlex
import urllib.parse

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report import build, compare, glance, page, steps
from ansible_collections.labops.cloudresearch.tests.fixtures import outcomes
from ansible_collections.labops.cloudresearch.tests.fixtures.outcomes import NOW, situation


class Reader(html.parser.HTMLParser):
    """Collects what a browser would see: elements, attributes, texts."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.texts, self.scripts, self.styles = [], [], [], []
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._inside = tag if tag in ("script", "style") else ""

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        {"script": self.scripts, "style": self.styles}.get(self._inside, self.texts).append(data)

    def attributes(self, name):
        return [attributes[name] for _tag, attributes in self.elements if name in attributes]


def make(labs, *, earlier=None, **options):
    report = build.build(labs, title=options.pop("title", "Labs"), now=NOW, **options)
    if earlier is not None:
        report["comparison"] = compare.compare(build.build(earlier, title="Labs", now=NOW), report)
    return report, page.to_html(report).decode()


def test_the_same_report_gives_the_same_page():
    assert make(outcomes.outcomes(30))[1] == make(outcomes.outcomes(30))[1]


def test_nothing_is_loaded_from_anywhere():
    reader = Reader(make(outcomes.outcomes(30), earlier=outcomes.outcomes(30, seed=2))[1])
    assert {"link", "img", "iframe", "object", "embed", "base", "video", "audio"}.isdisjoint(
        tag for tag, _attributes in reader.elements
    )
    assert reader.attributes("src") == []
    for style in reader.styles:
        assert "url(" not in style
        assert "@import" not in style


def test_the_policy_allows_this_script_and_this_style_and_nothing_else():
    reader = Reader(make(outcomes.outcomes(3))[1])
    [policy] = [a["content"] for _tag, a in reader.elements if a.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["base-uri"] == rules["form-action"] == "'none'"
    [style] = reader.styles
    script = reader.scripts[-1]
    for text, rule in ((style, "style-src"), (script, "script-src")):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"
    assert "unsafe" not in policy


def test_hostile_text_stays_text():
    labs = outcomes.hostile_outcomes()
    _report, text = make(
        labs, earlier=[situation("converged", lab=lab["lab"]) for lab in labs], title="</title><script>x</script>"
    )
    reader = Reader(text)
    assert sum(tag == "script" for tag, _attributes in reader.elements) == 3
    assert all(not name.startswith("on") for _tag, attributes in reader.elements for name in attributes)
    assert "img" not in {tag for tag, _attributes in reader.elements}
    for address in reader.attributes("href"):
        assert re.match(r"(https?://|mailto:|#)", address)
    shown = "".join(reader.texts)
    assert "<script>window.hacked=1</script>" in shown
    assert "must not be in a report" not in text


def test_identifiers_are_unique():
    reader = Reader(make(outcomes.outcomes(60), earlier=outcomes.outcomes(60, seed=3))[1])
    identifiers = reader.attributes("id")
    assert len(identifiers) == len(set(identifiers))
    for tag, attributes in reader.elements:
        for reference in ("for", "aria-labelledby"):
            for identifier in (attributes.get(reference) or "").split():
                assert identifier in identifiers, (tag, reference, identifier)


def test_the_report_can_be_read_back_from_the_page():
    report, text = make(outcomes.outcomes(20) + outcomes.hostile_outcomes())
    assert page.report_in(text) == report
    assert page.report_in("<html>") is None
    assert page.report_in('<script type="application/json" id="report-data">nothing</script>') is None


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], "No lab was in this run."),
        (["converged"], "The lab is as declared, without serious findings."),
        (["converged", "balance_low"], "All 2 labs are as declared, without serious findings."),
        (["converged", "portal_changed"], "1 lab failed."),
        (["converged", "store_sealed"], "1 lab could not be seen."),
        (["converged", "portal_not_asked", "portal_not_asked"], "2 labs were not seen in full."),
        (["converged", "mturk_gone"], "1 lab was not seen in full and 1 serious finding."),
        (
            ["waits_for_requester", "key_not_stored", "tags_drifted"],
            "1 lab waits for a person, 1 lab drifted and 1 serious finding, 1 of them critical.",
        ),
    ],
)
def test_it_is_said_how_the_run_came_out(names, expected):
    labs = [situation(name, lab=f"lab-{number}") for number, name in enumerate(names)]
    assert glance.run_in_a_sentence(make(labs)[0]) == expected


def test_times_say_their_zone():
    _report, text = make([situation("converged")])
    assert "24 Nov 2026, 10:40 UTC" in text
    assert '<time datetime="2026-11-24T10:40:00Z">' in text


def test_a_first_report_says_that_there_is_nothing_to_compare_with():
    assert "There is no earlier report to compare with" in make([situation("converged")])[1]
    assert "Nothing changed." in make([situation("converged")], earlier=[situation("converged")])[1]


def test_a_mail_has_recipient_subject_and_steps():
    report, _text = make([situation("waits_for_requester")], contacts={"lab-01": "pi@uni.example"})
    [lab] = report["labs"]
    address = steps.mail_address(lab, steps.letter(lab, lab["next_steps"]))
    parts = urllib.parse.urlsplit(address)
    fields = urllib.parse.parse_qs(parts.query)
    assert (parts.scheme, parts.path) == ("mailto", "pi@uni.example")
    assert fields["subject"] == ["Next steps for lab lab-01"]
    assert "https://requester.mturk.com/developer" in fields["body"][0]
    assert "+" not in parts.query  # mail programs show plus signs as they are


def test_a_hostile_lab_cannot_add_recipients_to_a_mail():
    name = "x&cc=evil@evil.example\r\nBcc: evil@evil.example"
    report, _text = make([situation("waits_for_requester", lab=name)])
    [lab] = report["labs"]
    address = steps.mail_address(lab, steps.letter(lab, lab["next_steps"]))
    assert set(urllib.parse.parse_qs(urllib.parse.urlsplit(address).query)) == {"subject", "body"}


def test_a_check_mode_run_says_that_nothing_was_done():
    lab = situation("changed")
    lab["check_mode"] = True
    assert "check-mode run" in make([lab])[1]
    assert "check-mode run" not in make([situation("changed")])[1]


def test_a_status_that_only_a_newer_collection_knows_can_be_compared_with():
    old = build.build([situation("converged")], title="Labs", now=NOW)
    new = build.build([situation("converged")], title="Labs", now=NOW)
    old["labs"][0]["link"]["status"] = "entangled"
    new["comparison"] = compare.compare(old, new)
    assert "entangled → linked" in page.to_html(new).decode()


def nothing_to_do(*labs, **options):
    return steps.nothing_to_do(make(list(labs), **options)[0])


def test_nobody_has_anything_to_do_only_where_that_is_so():
    assert nothing_to_do(situation("retired"), situation("retired", lab="lab-02")) == "Nobody has anything to do."
    left = nothing_to_do(situation("converged"), situation("changed", lab="lab-02"))
    assert "live keys are, and MTurk has closed" in left


def without_next_steps(name, **changes):
    return {**situation(name), "next_steps": [], **changes}


@pytest.mark.parametrize(
    ("lab", "said"),
    [
        (without_next_steps("converged", state="failed"), "not everything was seen"),
        (without_next_steps("store_sealed", findings=[]), "not everything was seen"),
        (
            without_next_steps("converged", not_looked_for=[{"code": "key_old", "why": "Nobody asked."}]),
            "about what was looked at",
        ),
        (
            without_next_steps("converged", unseen=[{"part": "groups", "message": "AWS denied it."}]),
            "not everything was seen",
        ),
        (without_next_steps("policy_wide"), "What to do about each finding"),
        (without_next_steps("balance_low"), "What to do about each finding"),
        (without_next_steps("tags_drifted"), "not every lab is as declared"),
        (without_next_steps("waits_for_requester", findings=[]), "not every lab is as declared"),
        (without_next_steps("converged", missing=["link"]), "not every lab is as declared"),
        (without_next_steps("changed", check_mode=True), "beyond the run that was predicted"),
    ],
)
def test_what_makes_it_false_that_nobody_has_anything_to_do(lab, said):
    text = nothing_to_do(situation("converged", lab="other"), lab)
    assert said in text
    assert text != "Nobody has anything to do."
    assert "Nobody has anything to do.</p>" not in make([lab])[1]


def test_no_labs_are_no_good_news():
    assert "Nobody" not in nothing_to_do()
    assert "No findings." not in make([])[1]


def test_a_check_mode_run_does_not_say_that_labs_are_as_declared():
    report = make([without_next_steps("changed", check_mode=True)])[0]
    assert glance.run_in_a_sentence(report) == "1 lab would be changed."


def test_what_could_not_be_seen_is_shown_with_its_reason_and_what_to_do():
    labs = [situation("store_sealed", lab=f"lab-{number}") for number in range(3)]
    report, text = make([*labs, situation("converged", lab="other")], not_begun=["lab-9"])
    sealed, not_begun = glance.not_seen(report)
    assert sealed.reason == "The store could not be read: Vault is sealed."
    assert sealed.labs == ["lab-0", "lab-1", "lab-2"]
    assert sealed.subjects == ["The store", "Live key whose secret nobody stored", "Stored key that AWS does not know"]
    assert sealed.next_step == "Unseal the Vault, then run the audit again."
    assert (not_begun.reason, not_begun.labs) == (build.NOT_BEGUN, ["lab-9"])
    shown = "".join(Reader(text).texts)
    for each in ("What was not seen", sealed.reason, "Unseal the Vault", build.NOT_BEGUN):
        assert each in shown
    assert "No findings." not in shown


def test_what_nobody_asked_for_is_no_trouble_and_not_all_green_either():
    lab = {**situation("converged"), "not_looked_for": [{"code": "console_access", "why": "Nobody asked."}]}
    report = make([lab])[0]
    assert (
        glance.run_in_a_sentence(report) == "The lab is as declared, without serious findings, in what was looked at."
    )
    [group] = glance.not_seen(report)
    assert (group.label.word, group.subjects) == ("not asked", ["User can sign in to the console"])


def test_a_key_whose_last_use_nobody_told_was_not_never_used():
    lab = situation("converged")
    lab["access_keys"][0].update(last_used=None, last_used_service="", last_use_known=False)
    _report, text = make([lab])
    assert "<bdi>never</bdi>" not in text
    assert "1 whose last use is not known" in text


def test_of_labs_that_were_not_seen_it_is_not_said_that_they_have_no_findings():
    lab = {**situation("account_out_of_reach"), "findings": []}
    assert "No findings in what was seen." in make([lab])[1]
    assert "No findings." in make([situation("converged")])[1]


def test_retired_keys_are_listed_with_their_times():
    lab = situation("retired")
    [key] = lab["retired_keys"]
    _report, text = make([lab])
    shown = "".join(Reader(text).texts)
    assert "Retired keys" in shown
    assert key["access_key_id"] in shown
    assert (
        f'<time datetime="{build.build([lab], title="", now=NOW)["labs"][0]["retired_keys"][0]["deleted_at"]}">' in text
    )
    assert "Keys that would be retired" in make([{**lab, "check_mode": True}])[1]
    assert "etired</h2>" not in make([situation("converged")])[1]


def run_again(name, **changes):
    lab = {**situation("converged", lab=name), "state": "drifted", **changes}
    command = shlex.join(
        ["ansible-playbook", "labops.cloudresearch.retire", "--limit", name, "-e", f"retire_confirm={name}"]
    )
    text = f"For account {lab['account_id']}, run {command}."
    return {**lab, "next_steps": [{"step": "iam_user", "who": "operator", "text": text, "url": ""}]}


def test_labs_with_the_same_next_step_are_one_entry():
    labs = [run_again(f"lab-{number}") for number in range(1, 4)]
    odd = situation("portal_changed", lab="odd")
    [list_] = steps.checklists(make([odd, *labs])[0])
    together, alone = list_.groups
    assert [task.lab["lab"] for task in together.tasks] == ["lab-1", "lab-2", "lab-3"]
    assert [task.lab["lab"] for task in alone.tasks] == ["odd"]
    assert list_.labs == 4
    [step] = together.steps
    assert "For account (the account's id), run" in step["text"]
    assert step["text"].endswith("--limit lab-1,lab-2,lab-3 -e retire_confirm=lab-1,lab-2,lab-3.")
    for task in together.tasks:  # each lab's own text stays ready to send
        assert task.text.endswith(f"--limit {task.lab['lab']} -e retire_confirm={task.lab['lab']}.")
        assert f"For account {task.lab['account_id']}," in task.text


def test_a_name_that_is_more_than_a_word_is_not_put_into_a_command_with_others():
    names = ["lab-1", "lab-10", "lab-1.x", "a b", "x;y", "all:!z"]
    [list_] = steps.checklists(make([run_again(name) for name in names])[0])
    assert [[task.lab["lab"] for task in group.tasks] for group in list_.groups] == [
        ["lab-1", "lab-1.x", "lab-10"],
        ["a b"],
        ["all:!z"],
        ["x;y"],
    ]
    assert "--limit lab-1,lab-1.x,lab-10 -e " in list_.groups[0].steps[0]["text"]


def test_labs_whose_names_are_not_their_hosts_are_one_entry_and_the_command_is_for_the_hosts():
    labs = [{**run_again(f"host-{number}"), "lab": f"Lab {number}"} for number in (1, 2)]
    [list_] = steps.checklists(make(labs)[0])
    [together] = list_.groups
    assert together.steps[0]["text"].endswith("--limit host-1,host-2 -e retire_confirm=host-1,host-2.")
