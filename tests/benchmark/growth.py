# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether anything grows faster than the number of labs: time and memory of Ansible for large fleets.

The labs' observations or outcomes are recorded ones, so that no service is asked and a fleet of thousands takes
minutes. All else is real: the inventory from a CSV file, the action that composes an outcome, the callback, the report,
the verdict and the merge of slices.

What is compared is what a lab adds: the difference of two sizes over the difference of their labs. What a lab takes on
average says less, because it has a share of what Ansible takes for itself.
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
from tests.fixtures.outcomes import converged_lab, outcomes, situation
from tests.fleet import PROJECT, tool

PROGRAM = "tests.benchmark.growth"
DIRECTORY = PROJECT / "build" / "bench" / "growth"
# What time and memory a lab adds may be, of what it adds between the smallest sizes.
LIMIT = 1.1
# What two runs of the same thing differ by anyway.
NOISE_SECONDS = 1.0
NOISE_MEGABYTES = 3.0
# By the size of a fleet, up to which they hold, the most that the parent process may take.
LIMITS_MEGABYTES = ((2000, 600), (10000, 1500))
SLICES = 4
# A worker a lab; the guide advises slices beyond.
AUDIT_UP_TO = 2000
# Of recorded outcomes, one in so many is a lab's that failed, which costs the verdict a worker.
FAILED_ONE_IN = 50
# As the guide on speed advises.
CONFIGURATION = "[defaults]\ninternal_poll_interval = 0.05\n"
ROSTER = "labs.lab_roster.yml"

_LOAD = """\
- name: Load what observing labs loads before workers are forked
  hosts: lab-00001
  connection: labops.cloudresearch.aws_account
  gather_facts: false
  tasks:
    - name: Load the action that reads a lab
      labops.cloudresearch.lab_account_observe:
      when: false
"""

_PLAY = f"""\
{_LOAD}
- name: Give each lab the outcome that its recorded observation leads to
  hosts: all
  connection: labops.cloudresearch.aws_account
  gather_facts: false
  strategy: host_pinned
  tasks:
    - name: Compose the outcome
      labops.cloudresearch.lab_account_outcome:
        operation: audit
        lab: "{{{{ inventory_hostname }}}}"
        observed: "{{{{ recorded }}}}"
        results: {{}}
      register: lab_account_outcome

- name: Report and verdict
  ansible.builtin.import_playbook: labops.cloudresearch.finish
"""

_FINISH = f"""\
{_LOAD}
- name: Report and verdict about outcomes that the labs' hosts have
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
    """What one piece of work took for so many labs."""

    work: str
    labs: int
    cost: measure.Cost

    @property
    def megabytes(self) -> float:
        """The most memory of the parent, and of what one worker has for itself: one of them writes the report."""
        return self.cost.peak_megabytes + self.cost.largest_child_megabytes


@dataclasses.dataclass(frozen=True)
class Slope:
    """What a lab adds from one size to the next."""

    from_labs: int
    to_labs: int
    ms: float
    kilobytes: float

    @classmethod
    def between(cls, small: Growth, large: Growth) -> Slope:
        """What each of the labs that the larger fleet has more adds."""
        labs = large.labs - small.labs
        return cls(
            small.labs,
            large.labs,
            (large.cost.cpu_seconds - small.cost.cpu_seconds) * 1000 / labs,
            (large.megabytes - small.megabytes) * 1024 / labs,
        )

    def exceeds(self, other: Slope) -> bool:
        """Whether a lab adds more than between smaller sizes."""
        # The noise of a difference is that of either side.
        noise = 1 / (self.to_labs - self.from_labs) + 1 / (other.to_labs - other.from_labs)
        return (
            self.ms > other.ms * LIMIT + NOISE_SECONDS * 1000 * noise
            or self.kilobytes > other.kilobytes * LIMIT + NOISE_MEGABYTES * 1024 * noise
        )


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
        for labs in sizes_for(work, options.labs):
            found.append(Growth(work, labs, run(work, labs, options.forks)))
            print(line(found[-1], found), flush=True)
            keep(machine, found)
    if max(options.labs) >= 10000 and len(options.works) == len(WORKS):
        guide.write(PROGRAM, f"{machine.sentences()}\n{as_rst(found)}")
    missed = [
        f"{WORKS[growth.work].title}, {growth.labs} labs: {text}" for growth in found for text in misses(growth, found)
    ]
    for text in missed:
        print(f"Target missed: {text}", file=sys.stderr)
    return 1 if missed else 0


def keep(machine: guide.Machine, found: t.Sequence[Growth]) -> None:
    """Write what was measured so far: a run over large fleets that is stopped took its time, too."""
    rows = [dataclasses.asdict(growth) for growth in found]
    (DIRECTORY / "results.json").write_text(
        json.dumps({"machine": dataclasses.asdict(machine), "rows": rows}, indent=1)
    )


def sizes_for(work: str, wanted: t.Iterable[int]) -> list[int]:
    """The sizes to measure a work at; work with a worker a lab has another one in place of those that are too large."""
    sizes = set(wanted)
    if work in WORKER_A_LAB and max(sizes) > AUDIT_UP_TO:
        sizes = {labs for labs in sizes if labs <= AUDIT_UP_TO} | {AUDIT_UP_TO // 2}
    return sorted(sizes)


def as_rst(found: t.Sequence[Growth]) -> str:
    """The table of the guide."""
    rows = [
        [
            WORKS[growth.work].title,
            f"{growth.labs:,}",
            f"{growth.cost.parent_cpu_seconds:.1f} + {growth.cost.cpu_seconds - growth.cost.parent_cpu_seconds:.1f}",
            f"{growth.cost.peak_megabytes:.0f} + {growth.cost.largest_child_megabytes:.0f}",
            *((f"{slope.ms:.2f}", f"{slope.kilobytes:.1f}") if (slope := slope_to(growth, found)) else ("", "")),
            f"**missed: {'; '.join(texts)}**" if (texts := misses(growth, found)) else "met",
        ]
        for growth in found
    ]
    titles = [
        "Work",
        "Labs",
        "CPU s: parent + workers",
        "Peak MB: parent + largest worker",
        "ms a lab adds",
        "kB a lab adds",
    ]
    return guide.list_table([*titles, "Targets"], rows)


def misses(growth: Growth, found: t.Sequence[Growth]) -> list[str]:
    """What a measurement should not be."""
    limit = next((most for labs, most in LIMITS_MEGABYTES if growth.labs <= labs), None)
    return [
        *(["a lab adds more than in a small fleet"] if grows_too_fast(growth, found) else []),
        *([f"more than {limit} MB"] if limit is not None and growth.megabytes > limit else []),
    ]


def line(growth: Growth, found: t.Sequence[Growth]) -> str:
    """A measurement as a line of the table."""
    slope = slope_to(growth, found)
    return (
        f"{growth.labs:>6} labs  {growth.work:<10} {growth.cost.parent_cpu_seconds:>8.1f} + "
        f"{growth.cost.cpu_seconds - growth.cost.parent_cpu_seconds:.1f} CPU s  "
        f"{growth.cost.peak_megabytes:>6.0f} + {growth.cost.largest_child_megabytes:.0f} MB"
        + (f"  a lab adds {slope.ms:.2f} ms, {slope.kilobytes:.1f} kB" if slope else "")
    )


def _of_work(work: str, found: t.Sequence[Growth]) -> list[Growth]:
    return sorted((each for each in found if each.work == work), key=lambda each: each.labs)


def slope_to(growth: Growth, found: t.Sequence[Growth]) -> Slope | None:
    """What a lab adds on the way to this size from the one before it; None for the smallest."""
    smaller = [each for each in _of_work(growth.work, found) if each.labs < growth.labs]
    return Slope.between(smaller[-1], growth) if smaller else None


def grows_too_fast(growth: Growth, found: t.Sequence[Growth]) -> bool:
    """Whether a lab adds more on the way to this size than between the two smallest sizes of the same work."""
    slope = slope_to(growth, found)
    same = _of_work(growth.work, found)
    return slope is not None and slope.exceeds(Slope.between(*same[:2]))


def run(work: str, labs: int, forks: int) -> measure.Cost:
    """Do one piece of work for so many labs."""
    directory = DIRECTORY / f"{work}-{labs}"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    write_roster(directory, labs)
    command = WORKS[work].command(directory, labs)
    (directory / "ansible.cfg").write_text(CONFIGURATION)
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(directory / "ansible.cfg"),
        "ANSIBLE_FORKS": str(forks),
        "ANSIBLE_STDOUT_CALLBACK": "labops.cloudresearch.fleet_progress",
        "ANSIBLE_INVENTORY_ENABLED": "labops.cloudresearch.lab_roster,recorded_outcomes,ansible.builtin.host_list",
        "ANSIBLE_INVENTORY_PLUGINS": str(pathlib.Path(__file__).with_name("inventory_plugins")),
        "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
    }
    return measure.run(command, environment, directory, timeout=3600, log="output.log", accept=WORKS[work].ends_with)


def _named(labs: int) -> t.Iterator[tuple[int, str]]:
    return ((number, f"lab-{number:05d}") for number in range(1, labs + 1))


def write_roster(directory: pathlib.Path, labs: int) -> None:
    """The labs as a spreadsheet would give them, and the observation that was recorded of one of them."""
    with (directory / "labs.csv").open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["lab", "account id", "e-mail", "contact", "department"])
        for number, name in _named(labs):
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


def _finish(directory: pathlib.Path, labs: int) -> list[str]:
    (directory / "outcomes.json").write_text(
        json.dumps({name: _recorded(number, name) for number, name in _named(labs)})
    )
    (directory / "play.yml").write_text(_FINISH)
    report = f"fleet_report_directory={directory}/report"
    return [tool("ansible-playbook"), "play.yml", "-i", ROSTER, "-i", "outcomes.json", "-e", report]


def _recorded(number: int, name: str) -> dict[str, t.Any]:
    if number % FAILED_ONE_IN:
        return situation("converged", lab=name)
    return {**situation("account_out_of_reach", lab=name), "message": f"Lab {name} failed at step observe."}


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


class Work(t.NamedTuple):
    """A piece of work: its name for people, what prepares it and gives its command, and its exit status."""

    title: str
    command: t.Callable[[pathlib.Path, int], list[str]]
    ends_with: int = 0


WORKS = {
    "inventory": Work("inventory", _inventory),
    "audit": Work("audit: outcomes, callback, report, verdict", _audit),
    # 2: labs failed, as some of the recorded outcomes say.
    "finish": Work("report and verdict from recorded outcomes", _finish, 2),
    "report": Work("report alone", _report),
    "merge": Work(f"report of {SLICES} slices, merge", _merge),
}
# Work that has a worker for each lab, which takes long.
WORKER_A_LAB = ("audit",)


if __name__ == "__main__":
    sys.exit(main())
