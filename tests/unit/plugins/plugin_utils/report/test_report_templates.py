# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page holds is text, wherever a template puts it."""

from __future__ import annotations

import html.parser
import json
import re

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report import build, page, untrusted
from ansible_collections.labops.cloudresearch.tests.fixtures.outcomes import NOW, situation

TEMPLATES = sorted(page.TEMPLATES.glob("*.html.j2"))

# Ends every place in which text can stand: element, attribute with either quote, script, comment, style.
BREAKOUT = (
    "x'\"></script></style></title><!--<script>window.hacked=1</script><b onclick=x>&amp;{{ 7*7 }}{% raw %}\u2028\u2029"
)


def page_with(text):
    lab = {**situation("waits_for_requester"), "lab": text}
    for step in lab["steps"]:
        step.update(message=text, reason=text)
    lab["next_steps"] += [{"step": text, "who": who, "text": text, "url": ""} for who in ("person", "operator")]
    lab["findings"] += [
        {"code": text, "severity": "high", "message": text, "next_step": text, "access_key_id": text},
        {"code": "key_old", "severity": "medium", "message": text, "next_step": text, "access_key_id": text},
    ]
    lab.update(account_id=text, drift=[{"code": text, "message": text, "next_step": text}])
    lab["not_looked_for"] = [{"code": text, "why": text}]
    lab["unseen"] = [{"part": text, "message": text, "reason": text, "next_step": text}]
    lab["retired_keys"] = [{"access_key_id": text}]
    lab["user"].update(name=text, arn=text, groups=[text])
    lab["access_keys"][0].update(access_key_id=text, last_used_service=text)
    for answer in lab["requester"].values():
        answer.update(message=text, error_code=text)
    lab["link"].update(message=text, access_key_id=text)
    name = untrusted.line(text)
    contacts, departments = {name: "pi@uni.example"}, {name: text}
    return page.to_html(build.build([lab], title=text, now=NOW, contacts=contacts, departments=departments)).decode()


class Shape(html.parser.HTMLParser):
    """The elements and the names of their attributes, without any text."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, [name for name, _value in attrs]))


def test_no_text_becomes_markup_anywhere():
    text = page_with(BREAKOUT)
    assert Shape(text).tags == Shape(page_with("harmless text")).tags
    assert "49" not in re.findall(r"&amp;amp;(.*?)\{%", text)
    assert "<!--" not in text


def test_data_of_the_script_cannot_end_its_element_and_comes_back():
    blocks = re.findall(r'<script type="application/json" id="[a-z-]+">(.*?)</script>', page_with(BREAKOUT), re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        assert block.isascii()
        assert not set("<>&'") & set(block)
        json.loads(block)
    assert page.report_in(page_with(BREAKOUT))["labs"][0]["steps"][0]["message"].startswith("x'\"></script>")


@pytest.mark.parametrize(
    "address", ["javascript:x", "JaVaScRiPt:x", " javascript:x", "data:text/html,x", "file:///etc/passwd", "//x", ""]
)
def test_links_that_run_something_or_leave_the_web_are_refused(address):
    with pytest.raises(ValueError, match="not allowed"):
        page.address(address)


def test_there_are_templates_beside_the_code():
    assert len(TEMPLATES) >= 7


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_templates_switch_nothing_off(template):
    text = template.read_text(encoding="utf-8")
    assert not re.search(r"\|\s*(safe|forceescape|tojson)\b(?<!tojson)|autoescape|Markup", text)
    assert not re.search(r"\son[a-z]+\s*=|\sstyle\s*=|\ssrc\s*=", text), "the policy forbids script and style there"
    for value in re.findall(r'\shref="([^"]*)"', text):
        assert value.startswith("#") or re.fullmatch(r"\{\{ [a-z.]+ \| address \}\}", value), value
    for value in re.findall(r"=(\S?)\{\{", text):
        assert value == '"', "an attribute without quotes ends at a space"
