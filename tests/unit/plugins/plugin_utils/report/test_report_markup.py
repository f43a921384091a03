# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report import model, plots
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report.markup import Markup, data_block, element
from ansible_collections.labops.cloudresearch.tests.fixtures.outcomes import NOW, outcomes, situation


def test_text_is_never_markup():
    assert element("p", None, "<b>&\"'") == "<p>&lt;b&gt;&amp;&quot;&#x27;</p>"
    assert element("p", {"title": '"><script>'}, None) == '<p title="&quot;&gt;&lt;script&gt;"></p>'
    assert element("p", None, element("b", None, "x"), ["y", None, 3]) == "<p><b>x</b>y3</p>"


def test_attributes_that_run_something_are_refused():
    for name in ("onclick", "ONLOAD", "style", 'x" onclick="'):
        with pytest.raises(ValueError, match="not allowed"):
            element("p", {name: "x"})
    for address in ("javascript:x", "JaVaScRiPt:x", " javascript:x", "data:text/html,x", "file:///etc/passwd"):
        with pytest.raises(ValueError, match="not allowed"):
            element("a", {"href": address})


def test_attributes_that_are_off_are_left_out():
    assert element("input", {"hidden": True, "checked": False, "id": None}) == "<input hidden>"


@pytest.mark.parametrize("text", ["</script><script>alert(1)</script>", "<!--<script>", "]]>", "\u2028\u2029", "лаб"])
def test_json_in_the_page_cannot_end_its_block_and_comes_back(text):
    block = data_block("data", {text: [text]})
    inside = block.removeprefix('<script type="application/json" id="data">').removesuffix("</script>")
    assert "<" not in inside
    assert inside.isascii()
    assert json.loads(inside) == {text: [text]}


def report(labs):
    return model.build(labs, title="Labs", now=NOW)


def test_every_live_key_is_in_one_bar():
    made = report(outcomes(200))
    total = made["summary"]["live_keys"]["total"]
    assert plots.key_ages(made).total == plots.last_uses(made).total == total


def test_bins_take_in_their_limits():
    labs = [situation("converged", lab=str(days)) for days in (30, 31, 365, 366, 730, 731)]
    for lab, days in zip(labs, (30, 31, 365, 366, 730, 731), strict=True):
        lab["access_keys"][0]["age_days"] = days
    assert [first for _label, first, _second in plots.key_ages(report(labs)).bins] == [1, 1, 0, 1, 2, 1]


def test_strangers_keys_are_a_series_of_their_own():
    plot = plots.key_ages(report([situation("stranger_has_a_key")]))
    assert plot.series[1][0] == "strangers'"
    assert sum(second for _label, _first, second in plot.bins) == 1


def test_money_bins_begin_at_their_limits():
    labs = [situation("converged", lab=amount) for amount in ("9.99", "10.00", "500.00")]
    for lab in labs:
        lab["requester"]["production"]["available_balance"] = lab["lab"]
    labs.append(situation("account_out_of_reach"))
    plot = plots.balances(report(labs))
    assert [first for _label, first, _second in plot.bins] == [1, 1, 0, 0, 0, 1]
    assert plot.without == "1 without a balance to see"


@pytest.mark.parametrize("count", [0, 1, 50])
def test_plots_can_be_read_without_eyes(count):
    made = report(outcomes(count))
    for plot in (plots.key_ages(made), plots.last_uses(made), plots.balances(made)):
        drawn = plots.draw(plot)
        assert isinstance(drawn, Markup)
        assert 'role="img"' in drawn
        assert plots.describe(plot).startswith(f"{plot.total} ")
        assert f'id="{plot.identifier}-title"' in drawn
        assert f'id="{plot.identifier}-description"' in drawn


def test_even_one_lab_in_a_thousand_shows_in_a_bar():
    drawn = plots.stacked_bar([("failed", "bad", 1), ("converged", "good", 9999)])
    assert 'width="2.0"' in drawn or 'width="2"' in drawn
