# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report import build, page, plots
from ansible_collections.labops.cloudresearch.tests.fixtures.outcomes import NOW, iso, outcomes, situation


def report(labs):
    return build.build(labs, title="Labs", now=NOW)


def test_every_live_key_is_in_one_bar():
    made = report(outcomes(200))
    total = made["summary"]["mturk_keys"]["live"]
    assert plots.key_ages(made).total == plots.last_uses(made).total == total


def test_bins_take_in_their_limits():
    labs = [situation("converged", lab=str(days)) for days in (30, 31, 365, 366, 730, 731)]
    for lab, days in zip(labs, (30, 31, 365, 366, 730, 731), strict=True):
        lab["access_keys"][0]["created"] = iso(days)
    assert [each.total for each in plots.key_ages(report(labs)).bars] == [1, 1, 0, 1, 2, 1]


def test_keys_that_nobody_declared_are_a_series_of_their_own():
    plot = plots.key_ages(report([situation("stranger_has_a_key")]))
    assert plot.series[1][0] == "nobody declared"
    assert sum(each.counts[1] for each in plot.bars) == 1


def test_money_bins_begin_at_their_limits():
    labs = [situation("converged", lab=amount) for amount in ("9.99", "10.00", "500.00")]
    for lab in labs:
        lab["requester"]["production"]["available_balance"] = lab["lab"]
    labs.append(situation("account_out_of_reach"))
    plot = plots.balances(report(labs))
    assert [each.total for each in plot.bars] == [1, 1, 0, 0, 0, 1]
    assert plot.without == "1 without a known balance"


@pytest.mark.parametrize("count", [0, 1, 50])
def test_plots_can_be_read_without_eyes(count):
    made = report(outcomes(count))
    text = page.to_html(made).decode()
    for plot in (plots.key_ages(made), plots.last_uses(made), plots.balances(made)):
        assert plot.description.startswith(f"{plot.total} ")
        assert f'role="img" aria-labelledby="{plot.identifier}-title {plot.identifier}-description"' in text
        assert f'<title id="{plot.identifier}-title">{plot.title}</title>' in text
        assert f'<desc id="{plot.identifier}-description">{plot.total} ' in text


def test_bars_stand_on_the_floor_and_stay_in_the_picture():
    for plot in (plots.key_ages(report(outcomes(50))), plots.key_ages(report([situation("stranger_has_a_key")]))):
        for each in plot.bars:
            assert len(each.parts) == sum(1 for count in each.counts if count)
            assert sum(part.height for part in each.parts) <= plots.FLOOR - plots.TOP + 0.1
            if each.parts:
                assert each.parts[0].y + each.parts[0].height == pytest.approx(plots.FLOOR, abs=0.02)


def test_even_one_lab_in_a_thousand_shows_in_a_bar():
    small, large = plots.stacked_bar([("bad", 1), ("good", 9999)])
    assert (small.tone, small.width) == ("bad", 2)
    assert large.width > 990
