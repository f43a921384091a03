# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether anything grows faster than the number of labs: time and memory of Ansible's parent process for large fleets.

The labs' observations are recorded ones, so that no service is asked and a fleet of thousands takes minutes. All else
is real: the inventory from a CSV file, the action that composes an outcome, the callback, the report, the verdict and
the merge of slices.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import os
import pathlib
import shutil
import sys
import typing as t

from tests.benchmark import guide, measure
from tests.fixtures.outcomes import converged_lab, outcomes
from tests.fleet import PROJECT, tool

PROGRAM = "tests.benchmark.growth"
DIRECTORY = PROJECT / "build" / "bench" / "growth"
# What time and memory a lab may be, of those in the smallest fleet.
LIMIT = 1.1
# What two runs of the same thing differ by anyway.
NOISE_SECONDS = 1.0
NOISE_MEGABYTES = 3.0
# By the size of a fleet, up to which they hold, the most that the parent process may take.
LIMITS_MEGABYTES = ((2000, 600), (10000, 1500))
SLICES = 4
# Its workers take hours for more, and the guide advises slices there.
AUDIT_UP_TO = 2000
ROSTER = "labs.lab_roster.yml"

_PLAY = """\
- name: Give each lab the outcome that its recorded observation leads to
  hosts: all
  connection: local
  gather_facts: false
  strategy: host_pinned
  tasks:
    - name: Compose the outcome
      labops.cloudresearch.lab_account_outcome:
        operation: audit
        lab: "{{ inventory_hostname }}"
        observed: "{{ recorded }}"
        results: {}
      register: lab_account_outcome

- name: Report and verdict
  ansible.builtin.import_playbook: labops.cloudresearch.finish
"""

_REPORT = """\
- name: Write the report of a run
  hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Write a report
      labops.cloudresearch.fleet_report_files:
        directory: report
        outcomes: "{{ lookup('ansible.builtin.file', 'outcomes.json') | from_json }}"
"""

_MERGE = """\
- name: Merge the reports of slices
  hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Write the report of each slice
      labops.cloudresearch.fleet_report_files:
        directory: "slice-{{ item }}"
        formats: [json]
        outcomes: "{{ lookup('ansible.builtin.file', 'outcomes-' ~ item ~ '.json') | from_json }}"
      loop: "{{ range(slices | int) | list }}"

    - name: Write one report
      labops.cloudresearch.fleet_report_files:
        directory: merged
        merge: ["slice-*/fleet-report.json"]
"""


@dataclasses.dataclass(frozen=True)
class Growth:
    """What one piece of work took its parent process, beyond what it takes for a handful of labs."""

    work: str
    labs: int
    seconds: float
    megabytes: float
    fixed: measure.Cost

    @property
    def ms_a_lab(self) -> float:
        """Processor time of the parent a lab."""
        return max(0.0, self.seconds - self.fixed.parent_cpu_seconds) * 1000 / self.labs

    @property
    def kb_a_lab(self) -> float:
        """Peak memory of the parent a lab."""
        return max(0.0, self.megabytes - self.fixed.peak_megabytes) * 1024 / self.labs


def main() -> int:
    """Measure; 1 if something grows faster than the labs."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark.growth", description=__doc__)
    parser.add_argument(
        "--labs", type=int, nargs="+", default=[500, 2000, 10000], help="fleet sizes (default: 500 2000 10000)"
    )
    parser.add_argument("--works", nargs="+", choices=list(WORKS), default=list(WORKS))
    parser.add_argument("--forks", type=int, default=20)
    options = parser.parse_args()
    machine = guide.Machine.now()
    found: list[Growth] = []
    for work in options.works:
        fixed = run(work, 2, options.forks)
        for labs in options.labs:
            if work == "audit" and labs > AUDIT_UP_TO:
                continue
            cost = run(work, labs, options.forks)
            found.append(Growth(work, labs, cost.parent_cpu_seconds, cost.peak_megabytes, fixed))
            print(line(found[-1]), flush=True)
    if max(options.labs) >= 10000:
        guide.write(PROGRAM, f"{machine.sentences()}\n{as_rst(found)}")
    missed = [f"{growth.work}, {growth.labs} labs: {text}" for growth in found for text in misses(growth, found)]
    for text in missed:
        print(f"Target missed: {text}", file=sys.stderr)
    return 1 if missed else 0


def as_rst(found: t.Sequence[Growth]) -> str:
    """The table of the guide."""
    rows = [
        [
            growth.work,
            str(growth.labs),
            f"{growth.seconds:.1f}",
            f"{growth.megabytes:.0f}",
            f"{growth.ms_a_lab:.2f}",
            f"{growth.kb_a_lab:.1f}",
            f"**missed: {'; '.join(texts)}**" if (texts := misses(growth, found)) else "met",
        ]
        for growth in found
    ]
    return guide.list_table(["Work", "Labs", "CPU s", "Peak MB", "ms a lab", "kB a lab", "Targets"], rows)


def misses(growth: Growth, found: t.Sequence[Growth]) -> list[str]:
    """What a measurement should not be."""
    limit = next((most for labs, most in LIMITS_MEGABYTES if growth.labs <= labs), None)
    return [
        *(["a lab costs more than in a small fleet"] if grows_too_fast(growth, found) else []),
        *([f"more than {limit} MB"] if limit is not None and growth.megabytes > limit else []),
    ]


def line(growth: Growth) -> str:
    """A measurement as a line of the table."""
    return (
        f"{growth.labs:>6} labs  {growth.work:<10} {growth.seconds:>8.1f} CPU s  {growth.megabytes:>6.0f} MB  "
        f"{growth.ms_a_lab:>7.2f} ms a lab  {growth.kb_a_lab:>7.1f} kB a lab"
    )


def grows_too_fast(growth: Growth, found: t.Sequence[Growth]) -> bool:
    """Whether a lab costs more than in the smallest fleet that the same work was measured for."""
    smallest = min((each for each in found if each.work == growth.work), key=lambda each: each.labs)
    return (
        growth.ms_a_lab > smallest.ms_a_lab * LIMIT + NOISE_SECONDS * 1000 / growth.labs
        or growth.kb_a_lab > smallest.kb_a_lab * LIMIT + NOISE_MEGABYTES * 1024 / growth.labs
    )


def run(work: str, labs: int, forks: int) -> measure.Cost:
    """Do one piece of work for so many labs."""
    directory = DIRECTORY / f"{work}-{labs}"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    write_roster(directory, labs)
    command = WORKS[work](directory, labs)
    environment = {
        **os.environ,
        "ANSIBLE_FORKS": str(forks),
        "ANSIBLE_STDOUT_CALLBACK": "labops.cloudresearch.fleet_progress",
        "ANSIBLE_INVENTORY_ENABLED": "labops.cloudresearch.lab_roster,ansible.builtin.host_list",
        "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
    }
    return measure.run(command, environment, directory, timeout=3600, log="output.log")


def write_roster(directory: pathlib.Path, labs: int) -> None:
    """The labs as a spreadsheet would give them, and the observation that was recorded of one of them."""
    with (directory / "labs.csv").open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["lab", "account id", "e-mail", "contact", "department"])
        for number in range(1, labs + 1):
            name = f"lab-{number:05d}"
            writer.writerow([name, f"{number:012d}", f"{name}@uni.example", f"{name}-pi@uni.example", "Psychology"])
    (directory / ROSTER).write_text("plugin: labops.cloudresearch.lab_roster\npath: labs.csv\n")
    recorded = {"recorded": converged_lab()}
    (directory / "group_vars").mkdir()
    (directory / "group_vars" / "all.json").write_text(json.dumps(recorded))


def _inventory(_directory: pathlib.Path, _labs: int) -> list[str]:
    return [tool("ansible-inventory"), "-i", ROSTER, "--list", "--output", "list.json"]


def _audit(directory: pathlib.Path, _labs: int) -> list[str]:
    (directory / "play.yml").write_text(_PLAY)
    report = f"fleet_report_directory={directory}/report"
    return [tool("ansible-playbook"), "play.yml", "-i", ROSTER, "-e", report]


def _report(directory: pathlib.Path, labs: int) -> list[str]:
    (directory / "outcomes.json").write_text(json.dumps(outcomes(labs)))
    (directory / "report.yml").write_text(_REPORT)
    return [tool("ansible-playbook"), "report.yml", "-i", "localhost,"]


def _merge(directory: pathlib.Path, labs: int) -> list[str]:
    found = outcomes(labs)
    for number in range(SLICES):
        (directory / f"outcomes-{number}.json").write_text(json.dumps(found[number::SLICES]))
    (directory / "merge.yml").write_text(_MERGE)
    return [tool("ansible-playbook"), "merge.yml", "-i", "localhost,", "-e", f"slices={SLICES}"]


WORKS: dict[str, t.Callable[[pathlib.Path, int], list[str]]] = {
    "inventory": _inventory,
    "audit": _audit,
    "report": _report,
    "merge": _merge,
}


if __name__ == "__main__":
    sys.exit(main())
