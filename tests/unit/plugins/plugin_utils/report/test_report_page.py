# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import hashlib
import html.parser
import re
import urllib.parse

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report import compare, model, page, sections
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
    report = model.build(labs, title=options.pop("title", "Labs"), now=NOW, **options)
    if earlier is not None:
        report["comparison"] = compare.compare(model.build(earlier, title="Labs", now=NOW), report)
    return report, page.to_html(report)


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
        (
            ["waits_for_requester", "key_not_stored", "tags_drifted"],
            "1 lab waits for a person, 1 lab drifted and 1 serious finding, 1 of them critical.",
        ),
    ],
)
def test_the_headline_says_what_is_wrong(names, expected):
    labs = [situation(name, lab=f"lab-{number}") for number, name in enumerate(names)]
    assert page.headline(make(labs)[0]) == expected


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
    address = sections.mail_address(lab, sections.letter(lab, lab["next_steps"]))
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
    address = sections.mail_address(lab, sections.letter(lab, lab["next_steps"]))
    assert set(urllib.parse.parse_qs(urllib.parse.urlsplit(address).query)) == {"subject", "body"}


def test_a_check_mode_run_says_that_nothing_was_done():
    lab = situation("changed")
    lab["check_mode"] = True
    assert "check-mode run" in make([lab])[1]
    assert "check-mode run" not in make([situation("changed")])[1]


def test_a_status_that_only_a_newer_collection_knows_can_be_compared_with():
    old = model.build([situation("converged")], title="Labs", now=NOW)
    new = model.build([situation("converged")], title="Labs", now=NOW)
    old["labs"][0]["link"]["status"] = "entangled"
    new["comparison"] = compare.compare(old, new)
    assert "entangled → linked" in page.to_html(new)
