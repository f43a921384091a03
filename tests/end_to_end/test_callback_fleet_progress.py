# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The callback fleet_progress in real runs of ansible-playbook, over pipes and in pseudo-terminals.

A stand-in role of the name lab_account gives each lab the outcome that its host variables ask for. It returns it by a
stand-in for the role's own action, in a copy of the collection that has nothing else in it.
"""

from __future__ import annotations

import collections
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import textwrap
import time
import typing as t

import pytest
import yaml

from tests.end_to_end.callback_terminal import Session
from tests.fleet import tool

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
COLLECTION = "collections/ansible_collections/labops/cloudresearch"
CALLBACK = "labops.cloudresearch.fleet_progress"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
LINK_URL = "https://requester.mturk.com/developer"

ROLE = """
- name: Take the lab to its state
  when: how != 'silent'
  block:
    # Tasks that start no program: the tests are about the screen.
    - name: Observe
      ansible.builtin.set_fact:
        observed: true
      changed_when: how == 'changed'
    - name: Connect
      ansible.builtin.raw: "true"
      when: ansible_connection == 'dead'
    - name: Wait
      ansible.builtin.shell: touch waiting; exec sleep {{ seconds }}
      args:
        chdir: "{{ playbook_dir }}"
      when: seconds is defined
    - name: Sign in
      ansible.builtin.fail:
        msg: "Sign-in refused for {{ inventory_hostname }}"
      when: how in ['failed', 'rescued in silence']
  rescue:
    - name: Note the failure
      labops.cloudresearch.lab_account_outcome:
        schema: 2
        state: failed
        lab: "{{ inventory_hostname }}"
        steps: [{name: link, status: failed, message: "{{ ansible_failed_result.msg }}", reason: login_failed}]
        next_steps: [{step: link, who: operator, text: Put the password right., url: ""}]
      when: how == 'failed'
- name: Break without rescue
  ansible.builtin.fail:
    msg: "Nothing works on {{ inventory_hostname }}"
  when: how == 'broken'
- name: Note the outcome
  labops.cloudresearch.lab_account_outcome:
    schema: 2
    state: "{{ how }}"
    lab: "{{ inventory_hostname }}"
    message: "{{ message | default('') }}"
    steps: [{name: iam_user, status: changed, message: ""}, {name: link, status: changed, message: ""}]
    next_steps: "{{ next_steps if how == 'waiting_for_person' else [] }}"
    findings: "{{ findings | default([]) }}"
  when: how in ['converged', 'changed', 'waiting_for_person', 'unknown', 'drifted']
  register: lab_account_outcome
"""

ACTION = """
from ansible.plugins.action import ActionBase
class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        return {"changed": False, **self._task.args}
"""

REPORT_ACTION = """
from ansible.plugins.action import ActionBase
class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        if self._task.args:
            return {"failed": True, "msg": "No room at /srv. Next step: Make some."}
        return {"changed": True, "files": {"json": "/srv/fleet.json", "html": "/srv/fleet.html"}}
"""

# What the callback needs of the collection.
PARTS = ("plugins/callback", "plugins/plugin_utils", "plugins/doc_fragments", "meta", "galaxy.yml")

MODULE = """
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule(argument_spec=dict(fails=dict(type="bool", default=False)), supports_check_mode=True)
module.warn("a warning of the module")
module.deprecate("an option of the module", version="9.9.9", collection_name="x.y")
module.exit_json(changed=False, failed=module.params["fails"], msg="said")
"""

CONNECTION = """
DOCUMENTATION = '''
name: dead
short_description: Never connects
description: Never connects.
author: nobody
'''
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection import ConnectionBase
class Connection(ConnectionBase):
    transport = "dead"
    has_pipelining = False
    def _connect(self): raise AnsibleConnectionFailure("no route to the lab")
    def exec_command(self, *args, **kwargs): self._connect()
    def put_file(self, *args, **kwargs): self._connect()
    def fetch_file(self, *args, **kwargs): self._connect()
    def close(self): pass
"""

PLAY = {"name": "Onboard labs", "hosts": "labs", "gather_facts": False, "roles": ["lab_account"]}
WAITING = {
    "how": "waiting_for_person",
    "next_steps": [{"step": "requester", "who": "person", "text": "Link this account.", "url": LINK_URL}],
}
FLEET: dict[str, dict[str, t.Any]] = {
    "lab-00": {"how": "converged"},
    "lab-01": {"how": "changed"},
    "lab-02": WAITING,
    "lab-03": {"how": "failed"},
    "lab-04": {"how": "broken"},
    "lab-05": {"how": "converged", "ansible_connection": "dead"},
    "lab-06": {"how": "silent"},
    "lab-07": {"how": "rescued in silence"},
}


class Project:
    """A directory with a playbook, an inventory and the stand-in role."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory
        self._write("roles/lab_account/tasks/main.yml", ROLE)
        self._write("library/warner.py", MODULE)
        self._write("connection_plugins/dead.py", CONNECTION)
        self._write(f"{COLLECTION}/plugins/action/lab_account_outcome.py", ACTION)
        self._write(f"{COLLECTION}/plugins/action/fleet_report_files.py", REPORT_ACTION)
        for part in PARTS:
            link = directory / COLLECTION / part
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(REPOSITORY / part)

    def _write(self, name: str, text: str) -> None:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def prepare(self, plays: list[dict[str, t.Any]], labs: dict[str, dict[str, t.Any]]) -> None:
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        hosts = {host: {**local, **variables} for host, variables in labs.items()}
        groups = {"labs": {"hosts": hosts}, "local": {"hosts": {"localhost": local}}}
        self._write("inventory.yml", yaml.safe_dump({"all": {"children": groups}}))
        self._write("play.yml", yaml.safe_dump(plays))

    def command(self, *arguments: str) -> list[str]:
        return [tool("ansible-playbook"), "-i", "inventory.yml", "play.yml", *arguments]

    def environment(self, **more: str) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "COLUMNS"))}
        return {
            **inherited,
            "ANSIBLE_COLLECTIONS_PATH": str(self.directory / "collections"),
            "ANSIBLE_STDOUT_CALLBACK": CALLBACK,
            "ANSIBLE_CONNECTION_PLUGINS": "connection_plugins",
            "ANSIBLE_LIBRARY": "library",
            "ANSIBLE_RETRY_FILES_ENABLED": "false",
            "HOME": str(self.directory),
            **more,
        }

    def run(self, *arguments: str, **environment: str) -> str:
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.directory,
            env=self.environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=90,
            check=False,
        )
        return done.stdout

    def terminal(self, *arguments: str, columns: int = 80, **environment: str) -> Session:
        return Session(self.command(*arguments), self.environment(**environment), self.directory, columns)


@pytest.fixture
def project(tmp_path: pathlib.Path) -> Project:
    project = Project(tmp_path)
    project.prepare([PLAY], FLEET)
    return project


@pytest.fixture(scope="module")
def plain_output(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a run over the whole fleet says over a pipe."""
    project = Project(tmp_path_factory.mktemp("plain"))
    project.prepare([PLAY], FLEET)
    return project.run()


def lab_lines(output: str) -> list[str]:
    states = "converged|changed|waiting_for_person|failed|unreachable|no_outcome|unknown"
    return [line for line in output.splitlines() if re.match(rf"({states}) .* lab-\d\d", line)]


def section(output: str, title: str) -> list[str]:
    """The lines from a banner to the next."""
    lines = output.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"{title} **"))
    end = next((n for n in range(start + 1, len(lines)) if re.match(r"[A-Z ]+ \*\*", lines[n])), len(lines))
    return [line for line in lines[start + 1 : end] if line]


def test_each_lab_has_one_line_when_it_finishes(plain_output: str) -> None:
    assert sorted(lab_lines(plain_output)) == [
        "changed             lab-01  iam_user, link",
        "converged           lab-00",
        "failed              lab-03  link: Sign-in refused for lab-03",
        "failed              lab-04  lab_account : Break without rescue: Nothing works on lab-04",
        "unreachable         lab-05  lab_account : Connect: no route to the lab",
        f"waiting_for_person  lab-02  requester: Link this account. {LINK_URL}",
    ]
    assert "TASK [lab_account : Observe]" not in section(plain_output, "PLAY [Onboard labs]")


def test_over_a_pipe_there_is_nothing_but_lines(plain_output: str) -> None:
    assert "\r" not in plain_output and "\x1b" not in plain_output and "[##" not in plain_output


def test_the_end_shows_failures_in_full_next_steps_and_the_tables(project: Project, plain_output: str) -> None:
    output = plain_output
    failures = "\n".join(section(output, "FAILURES"))
    assert "lab-03: link: Sign-in refused for lab-03" in failures
    full = output[output.index("FAILURES **") : output.index("NEXT STEPS **")]
    assert 'fatal: [lab-04]: FAILED! => {"changed": false, "msg": "Nothing works on lab-04"}' in full
    assert "fatal: [lab-05]: UNREACHABLE! => " in full
    assert "TASK [lab_account : Break without rescue]" in full
    # Nothing answered for this rescued failure.
    assert "fatal: [lab-07]: FAILED!" in full
    assert "fatal: [lab-03]" not in full
    assert section(output, "NEXT STEPS") == [
        "lab-03 (failed)",
        "  [ ] link: Put the password right. (for the operator)",
        "lab-02 (waiting_for_person)",
        "  [ ] requester: Link this account.",
        f"      {LINK_URL}",
    ]
    assert section(output, "LABS") == [
        "LAB                     STATE               FINDINGS",
        "2 labs: lab-03, lab-04  failed",
        "lab-05                  unreachable",
        "lab-06                  no_outcome          the play ended for it without an outcome",
        "lab-07                  no_outcome          a task failed and was rescued, but no outcome came",
        "lab-02                  waiting_for_person",
        "2 labs need nothing.",
    ]
    recap = section(output, "PLAY RECAP")
    assert len(recap) == 6 and re.match(r"8 labs +: ok=\d+ +changed=1 +unreachable=1 +failed=1 ", recap[0])
    command = "ansible-playbook -i inventory.yml play.yml --limit lab-03,lab-04,lab-05,lab-06,lab-07,lab-02"
    assert (
        output.splitlines()[-5:]
        == recap[1:]
        == [
            "Labs:     8: 2 failed, 1 unreachable, 2 no_outcome, 1 waiting_for_person, 1 changed, 1 converged",
            "Findings: 5 labs could not be looked at in full",
            "Report:   none; -e fleet_report_directory=DIRECTORY writes one",
            "Result:   error, because 2 labs did not end well",
            f"Next:     when the next steps above are done: {command}",
        ]
    )
    # The command works as it is, with the run's own inventory and for these labs.
    again = subprocess.run(
        [tool("ansible-playbook"), *command.split()[1:], "--list-hosts"],
        cwd=project.directory,
        env=project.environment(),
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    assert "hosts (6)" in again.stdout


def test_no_sentence_stands_three_times(plain_output: str) -> None:
    for sentence in (
        "Link this account.",
        "Put the password right.",
        "Sign-in refused for lab-03",
    ):
        assert plain_output.count(sentence) <= 2, plain_output


def test_a_report_that_could_not_be_written_is_no_failure_of_a_lab(project: Project) -> None:
    write = {"name": "Write", "labops.cloudresearch.fleet_report_files": {"directory": "/srv"}, "run_once": True}
    report = {"name": "Report", "hosts": "all", "gather_facts": False, "tasks": [write]}
    project.prepare([PLAY, report], {"lab-00": {"how": "converged"}, "lab-01": {"how": "converged"}})
    output = project.run()
    assert output.splitlines()[-5:] == [
        "Labs:     2: 2 converged",
        "Findings: none in what was looked at",
        "Report:   none. No room at /srv. Next step: Make some.",
        "Result:   error, because the report was not written",
        "Next:     when the report can be written: ansible-playbook -i inventory.yml play.yml",
    ]


def test_findings_are_told_by_name_and_labs_with_the_same_ones_stand_together(project: Project) -> None:
    findings = [{"code": "foreign_live_key", "severity": "high", "message": "Key AKIAIOSFODNN7EXAMPLE is not ours."}]
    worried = {"how": "converged", "findings": findings}
    report = {
        "name": "Report",
        "hosts": "localhost",
        "gather_facts": False,
        "tasks": [{"name": "Write", "labops.cloudresearch.fleet_report_files": {}}],
    }
    labs = {"lab-00": worried, "lab-01": worried, "lab-02": {"how": "converged"}, "lab-03": {"how": "unknown"}}
    labs["lab-03"]["message"] = "The store could not be read."
    project.prepare([PLAY, report], labs)
    output = project.run()
    title = "Live key that the collection did not create"
    assert f"converged           lab-00  1 high: {title}" in lab_lines(output)
    assert "unknown             lab-03  The store could not be read." in lab_lines(output)
    assert section(output, "LABS") == [
        "LAB                     STATE      FINDINGS",
        "lab-03                  unknown",
        f"2 labs: lab-00, lab-01  converged  1 high: {title}",
        "1 lab needs nothing.",
    ]
    assert output.splitlines()[-5:] == [
        "Labs:     4: 1 unknown, 3 converged",
        f"Findings: high: {title} (2 labs); 1 lab could not be looked at in full",
        "Report:   /srv/fleet.html",
        "Result:   no error",
        "Next:     ansible-playbook -i inventory.yml play.yml --limit lab-03",
    ]


def test_a_fact_is_no_outcome_and_what_steers_a_terminal_is_not_written(project: Project) -> None:
    """Facts can come from a module on a host, or from a cache of an earlier run."""
    fact = {"lab_account_outcome": {"schema": 2, "state": "converged"}}
    play = {**PLAY, "pre_tasks": [{"name": "Say so", "ansible.builtin.set_fact": fact}]}
    hostile = "\x1b]0;title\x07Link\u202e this\x9b2J\u200b"
    waiting = {"how": "waiting_for_person", "next_steps": [{"step": "requester", "text": hostile, "url": ""}]}
    project.prepare([play], {"lab-02": waiting, "lab-06": {"how": "silent"}})
    output = project.run()
    [line] = lab_lines(output)
    assert line.startswith("waiting_for_person  lab-02  requester: Link this")
    assert re.search(r"^lab-06 +no_outcome", output, re.MULTILINE), output
    assert all(character == "\n" or character.isprintable() for character in output)


# A batch in which all fail ends the play, so the failures are spread over batches.
@pytest.mark.parametrize("way", [{"strategy": "free"}, {"strategy": "host_pinned", "serial": 3}])
def test_every_strategy_ends_alike_and_batches_of_a_play_are_one_play(
    project: Project, plain_output: str, way: dict[str, t.Any]
) -> None:
    project.prepare([{**PLAY, **way}], FLEET)
    output = project.run("--forks", "3")
    assert output.count("PLAY [Onboard labs]") == 1
    assert sorted(lab_lines(output)) == sorted(lab_lines(plain_output))
    assert section(output, "LABS") == section(plain_output, "LABS")


def test_labs_that_were_never_reached_are_named(project: Project) -> None:
    labs = {"lab-00": {"how": "broken"}, "lab-01": {"how": "converged"}}
    project.prepare([{**PLAY, "serial": 1}], labs)
    assert "lab-01  no_outcome  the play ended for it without an outcome" in project.run()


def test_a_playbook_that_is_imported_twice_is_two_plays(project: Project) -> None:
    project.prepare([{**PLAY, "serial": 1}], {"lab-00": {"how": "converged"}, "lab-01": {"how": "converged"}})
    once = (project.directory / "play.yml").read_text()
    project._write("once.yml", once)
    project._write("play.yml", yaml.safe_dump([{"import_playbook": "once.yml"}] * 2))
    output = project.run()
    assert output.count("PLAY [Onboard labs]") == 2
    assert len(lab_lines(output)) == 4


def test_what_fails_in_an_included_file_is_rescued_by_the_block_around_the_include(project: Project) -> None:
    project._write("inner.yml", "- name: Inner\n  ansible.builtin.fail:\n    msg: too bad\n")
    block = {
        "block": [{"name": "Bring in", "ansible.builtin.include_tasks": "inner.yml"}],
        "rescue": [{"name": "Go on", "ansible.builtin.debug": {"msg": "rescued"}}],
    }
    project.prepare([{**PLAY, "pre_tasks": [block]}], {"lab-00": {"how": "converged"}})
    output = project.run()
    assert '"msg": "rescued"' in output and "too bad" not in output
    assert "1 lab needs nothing." in output and "Result:   no error" in output


def test_a_handler_that_fails_is_shown_as_one(project: Project) -> None:
    changed = {"ansible.builtin.set_fact": {"done": True}, "changed_when": True}
    tasks = [{"name": "Notify", **changed, "notify": "mend"}]
    handlers = [{"name": "mend", "ansible.builtin.fail": {"msg": "too bad"}}]
    labs = {"lab-00": {"how": "converged"}, "lab-01": {"how": "converged"}}
    project.prepare([{**PLAY, "tasks": tasks, "handlers": handlers}], labs)
    failures = project.run().partition("FAILURES **")[2]
    # Both labs stand below one banner.
    assert failures.count("RUNNING HANDLER [mend]") == 1 and failures.count("too bad") >= 2


def test_a_later_play_about_labs_has_the_last_word(project: Project) -> None:
    again = {**PLAY, "name": "Again", "vars": {"how": "converged"}}
    project.prepare([PLAY, again], {"lab-02": WAITING, "lab-04": {"how": "broken"}})
    output = project.run()
    assert [line.split("  ")[0] for line in lab_lines(output) if "lab-02" in line] == [
        "waiting_for_person",
        "converged",
    ]
    assert section(output, "LABS") == ["LAB     STATE   FINDINGS", "lab-04  failed", "1 lab needs nothing."]


# -- plays of another kind ---------------------------------------------------------------------------------------------

ORDINARY = textwrap.dedent(
    """
    - name: Something else
      hosts: localhost
      gather_facts: false
      tasks:
        # But for one, these start no program: the tests are about the screen.
        - name: Fine
          ansible.builtin.set_fact:
            fine: true
        - name: Changed
          ansible.builtin.command: "true"
          notify: handler
        - name: Skipped
          ansible.builtin.set_fact:
            skipped: true
          when: false
        - name: Loop
          ansible.builtin.assert:
            that: item
          loop: [true, false]
          ignore_errors: true
        - name: Message
          ansible.builtin.debug:
            msg: hello
        - ansible.builtin.include_tasks: included.yml
        - name: Warned
          warner:
      handlers:
        - name: handler
          ansible.builtin.debug:
            msg: handled
    - name: Nobody
      hosts: no_such_group
      tasks: []
    - name: Fails
      hosts: localhost
      gather_facts: false
      tasks:
        - name: Broken
          warner:
            fails: true
    """
)


def timeless(output: str) -> str:
    """The output without what differs from run to run."""
    return re.sub(r'("(?:start|end|delta)": )"[^"]*"|\d\d:\d\d:\d\d\.\d+', r"\1", output)


@pytest.mark.parametrize("arguments", [["--diff"], ["-v", "--check"]])
def test_plays_that_have_nothing_to_do_with_labs_look_as_ever(project: Project, arguments: list[str]) -> None:
    project.prepare(yaml.safe_load(ORDINARY), {})
    project._write("included.yml", "- name: Included\n  ansible.builtin.set_fact:\n    included: true\n")
    options = {"ANSIBLE_CHECK_MODE_MARKERS": "true"}
    expected = project.run(*arguments, **options, ANSIBLE_STDOUT_CALLBACK="ansible.builtin.default")
    assert timeless(project.run(*arguments, **options)) == timeless(expected)
    assert "a warning of the module" in expected


def test_no_labs_give_no_table(project: Project) -> None:
    project.prepare([PLAY], {})
    output = project.run()
    assert "LABS **" not in output and "NEXT STEPS **" not in output
    assert "no hosts matched" in output
    assert "PLAY RECAP" in output


def test_a_report_play_behind_the_labs_is_shown_with_its_tasks(project: Project) -> None:
    report = {
        "name": "Report",
        "hosts": "localhost",
        "gather_facts": False,
        "tasks": [{"name": "Say where", "ansible.builtin.debug": {"msg": "/tmp/report.html"}}],
    }
    project.prepare([PLAY, report], {"lab-00": {"how": "converged"}})
    output = project.run()
    assert "TASK [Say where]" in output and '"msg": "/tmp/report.html"' in output
    recap = section(output, "PLAY RECAP")
    assert recap[0].startswith("1 lab ") and recap[1].startswith("localhost ")


# -- nothing is swallowed ----------------------------------------------------------------------------------------------


def test_verbose_output_has_everything_that_the_default_callback_says(project: Project) -> None:
    """Over one lab, so that the order is the same."""
    tasks = [{"name": "Warned", "warner": {}}]
    project.prepare([{**PLAY, "tasks": tasks}], {"lab-03": {"how": "failed"}})
    options = {"ANSIBLE_FORKS": "1"}
    expected = timeless(project.run("-v", **options, ANSIBLE_STDOUT_CALLBACK="ansible.builtin.default"))
    found = collections.Counter(timeless(project.run("-v", **options)).splitlines())
    for line in expected.splitlines():
        if line.strip():
            assert found[line] > 0, f"missing: {line}"
            found[line] -= 1
    assert any(line.startswith("failed              lab-03") for line in found)


def test_warnings_deprecations_messages_and_ignored_failures_are_shown(project: Project) -> None:
    tasks = [
        {"name": "Warned", "warner": {}},
        {"name": "Ignored", "warner": {"fails": True}, "ignore_errors": True},
        {"name": "Message", "ansible.builtin.debug": {"msg": "look here"}},
        {"name": "Fine", "ansible.builtin.assert": {"that": "true"}},
    ]
    project.prepare([{**PLAY, "tasks": tasks}], {"lab-00": {"how": "converged"}})
    output = project.run(ANSIBLE_DEPRECATION_WARNINGS="true")
    assert output.count("a warning of the module") >= 1
    assert "an option of the module" in output
    assert "TASK [Ignored]" in output and "...ignoring" in output and "fatal: [lab-00]: FAILED!" in output
    assert '"msg": "look here"' in output
    assert "TASK [Fine]" not in output and "All assertions passed" not in output
    assert re.search(r"^converged +lab-00$", output, re.MULTILINE)


def test_failed_items_are_shown_in_full(project: Project) -> None:
    loop = {
        "name": "Loop",
        "ansible.builtin.fail": {"msg": "no {{ item }}"},
        "loop": ["left", "right"],
    }
    ignored = {**loop, "name": "Ignored loop", "ignore_errors": True}
    project.prepare([{**PLAY, "tasks": [ignored, loop]}], {"lab-00": {"how": "converged"}})
    output = project.run()
    before, after = output.split("FAILURES **")
    for text in ("failed: [lab-00] (item=left) => ", "failed: [lab-00] (item=right) => "):
        assert text in before and text in after
    assert "...ignoring" in before and "TASK [Loop]" in after
    assert re.search(r"^failed +lab-00  Loop: ", before, re.MULTILINE)


def test_a_failure_behind_the_outcome_counts(project: Project) -> None:
    tasks = [{"name": "Afterwards", "ansible.builtin.fail": {"msg": "too bad"}}]
    project.prepare([{**PLAY, "tasks": tasks}], {"lab-00": {"how": "converged"}})
    output = project.run()
    assert "failed              lab-00  Afterwards: too bad" in output
    assert "lab-00  failed" in section(output, "LABS")


def test_diffs_and_check_mode_markers_are_shown(project: Project) -> None:
    tasks = [{"name": "Write", "ansible.builtin.copy": {"content": "new\n", "dest": "{{ playbook_dir }}/file"}}]
    project.prepare([{**PLAY, "tasks": tasks}], {"lab-00": {"how": "converged"}})
    output = project.run("--check", "--diff", ANSIBLE_CHECK_MODE_MARKERS="true")
    assert "+new" in output and "changed: [lab-00]" in output
    assert "PLAY [Onboard labs] [CHECK MODE]" in output and output.count("DRY RUN") == 2


def test_retries_are_said_once(project: Project) -> None:
    task = {
        "name": "Poll",
        "ansible.builtin.assert": {"that": "false"},
        "register": "polled",
        "until": "polled is succeeded",
        "retries": 3,
        "delay": 0,
        "ignore_errors": True,
    }
    project.prepare([{**PLAY, "tasks": [task]}], {"lab-00": {"how": "converged"}})
    assert project.run().count("FAILED - RETRYING") == 1
    assert project.run("-v").count("FAILED - RETRYING") == 3


def test_failures_can_go_to_stderr_and_a_table_can_be_left_out(project: Project) -> None:
    done = subprocess.run(
        project.command(),
        cwd=project.directory,
        env=project.environment(ANSIBLE_DISPLAY_FAILED_STDERR="true", ANSIBLE_FLEET_PROGRESS_TABLE="none"),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert "fatal: [lab-04]" in done.stderr and "fatal: [lab-04]" not in done.stdout
    assert "failed              lab-04" in done.stderr
    everything = done.stdout + done.stderr
    assert listed_labs(everything.splitlines()) == 0
    assert "\nLabs:     8: 2 failed" in everything


def test_secrets_are_never_shown(project: Project) -> None:
    hidden = {"no_log": True, "ignore_errors": True}
    tasks = [
        {"name": "Hidden", "ansible.builtin.fail": {"msg": SECRET}, **hidden},
        {"name": "Hidden loop", "ansible.builtin.fail": {"msg": "{{ item }}"}, "loop": [SECRET], **hidden},
        {"name": "Hidden and fatal", "ansible.builtin.fail": {"msg": SECRET}, "no_log": True},
    ]
    leaky = {"how": "waiting_for_person", "next_steps": [{"step": "link", "text": f"Type {SECRET}", "url": ""}]}
    project.prepare([{**PLAY, "tasks": tasks}], {"lab-00": leaky})
    output = project.run()
    assert SECRET not in output
    assert "Type (hidden: looks like a secret)" in output
    assert re.search(r"lab-00  Hidden and fatal: the output has been hidden", output)
    project.prepare([{**PLAY, "tasks": tasks}], {"lab-00": {"how": "converged"}})
    assert SECRET not in project.run("-vvv")


# -- options -----------------------------------------------------------------------------------------------------------


# What needs attention is what a run lists by default: test_the_end_shows_failures_in_full_next_steps_and_the_tables.
def listed_labs(lines: t.Iterable[str]) -> int:
    return len([line for line in lines if re.match(r"lab-\d\d  (?!: )", line)])


def test_show_tasks_shows_tasks_without_results_and_a_table_can_list_all_labs(project: Project) -> None:
    output = project.run(ANSIBLE_FLEET_PROGRESS_SHOW_TASKS="true", ANSIBLE_FLEET_PROGRESS_TABLE="all")
    assert "TASK [lab_account : Observe]" in output and "ok: [lab-00]\n" in output
    assert "converged           lab-00" in output
    assert any(line.startswith("lab-00 ") for line in section(output, "PLAY RECAP"))
    assert listed_labs(section(output, "LABS")) == 8
    assert "\nLabs:     8: 2 failed" in output


# -- terminals ---------------------------------------------------------------------------------------------------------


def require_a_bar_that_leaves_nothing_behind(session: Session, columns: int) -> None:
    """There was a bar that went along and never filled a line; at the end, it is gone."""
    assert any("0/8" in one for one in session.screen.rewritten)
    assert any(re.search(r"[3-7]/8", one) for one in session.screen.rewritten)
    assert all(len(one) < columns for one in session.screen.rewritten)
    screen = "\n".join(session.screen.lines)
    assert "/8 labs" not in screen and "[#" not in screen and "--]" not in screen
    assert {"converged", "unreachable", "no_outcome", "waiting_for_person"} <= set(screen.split())
    # Links can be clicked: the program itself never breaks them.
    assert LINK_URL in session.output


def test_on_a_terminal_a_bar_goes_along_and_the_same_is_said_as_over_a_pipe(
    project: Project, plain_output: str
) -> None:
    project.prepare([{**PLAY, "strategy": "host_pinned"}], FLEET)
    coloured = project.terminal("--forks", "2", columns=250)
    assert coloured.finish() == 4
    require_a_bar_that_leaves_nothing_behind(coloured, 250)
    assert any(re.search(r"/8 labs, about .* left", one) for one in coloured.screen.rewritten)
    screen = "\n".join(line.rstrip() for line in coloured.screen.lines)
    assert sorted(lab_lines(screen)) == sorted(lab_lines(plain_output))
    assert section(screen, "LABS") == section(plain_output, "LABS")
    assert section(screen, "NEXT STEPS") == section(plain_output, "NEXT STEPS")

    # Colours only repeat the words, and the bar can be left out.
    assert "\x1b[0;31mfailed " in coloured.output and "\x1b[0;32mconverged " in coloured.output
    plain = project.terminal(columns=250, ANSIBLE_NOCOLOR="true", ANSIBLE_FLEET_PROGRESS_BAR="never")
    plain.finish()
    assert not re.search(r"\x1b\[[0-9;]*m", plain.output)
    # Nor is there a bar where nobody wants one.
    assert "\x1b[K" in coloured.output and "\x1b[K" not in plain.output and "/8 labs" not in plain.output
    assert section("\n".join(plain.screen.lines), "LABS") == section("\n".join(coloured.screen.lines), "LABS")


def test_a_narrow_terminal_gets_a_narrow_bar_and_a_list_instead_of_columns(project: Project) -> None:
    project.prepare([{**PLAY, "strategy": "host_pinned"}], FLEET)
    session = project.terminal("--forks", "2", columns=32)
    assert session.finish() == 4
    require_a_bar_that_leaves_nothing_behind(session, 32)
    lines = [line.rstrip() for line in session.screen.lines]
    assert "2 labs need nothing." in lines and "2 labs: lab-03, lab-04: failed" in lines
    assert not any(line.startswith("LAB ") for line in lines)


def test_a_person_can_answer_a_prompt_without_the_bar_in_the_way(project: Project) -> None:
    pause = {"name": "Ask", "ansible.builtin.pause": {"prompt": "Have you linked it"}, "run_once": True}
    project.prepare([{**PLAY, "pre_tasks": [pause], "strategy": "linear"}], FLEET)
    session = project.terminal()
    session.wait_for("Have you linked it")
    assert "/8 labs" not in "\n".join(session.screen.lines)
    drawn = session.output.count("\x1b[K")
    session.type_until("yes\r", "lab-00")
    session.finish()
    asked = session.output[session.output.index("Have you linked it") :]
    assert "0/8 labs" not in asked[: asked.index("lab-00")].split("\n")[0]
    assert session.output.count("\x1b[K") > drawn


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_how_far_it_came_and_writes_the_report(project: Project, by: signal.Signals) -> None:
    labs = {**{name: FLEET[name] for name in ("lab-00", "lab-04")}, "lab-08": {"how": "converged", "seconds": 60}}
    project.prepare([{**PLAY, "strategy": "free", "serial": [3, 1]}], {**labs, "lab-09": {"how": "converged"}})
    wanted = {"fleet_report_directory": "{{ place }}", "place": "reports", "fleet_report_formats": ["json"]}
    session = project.terminal("-e", json.dumps(wanted), columns=250)
    session.wait_for("still lab-08")
    deadline = time.monotonic() + 30
    while not (project.directory / "waiting").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    if by == signal.SIGINT:
        session.type("\x03")
    else:
        os.kill(session.pid, by)
    assert session.finish() != 0
    screen = "\n".join(session.screen.lines)
    assert "THE RUN WAS CUT SHORT" in screen
    report = project.directory / "reports" / "fleet-report.json"
    assert f"Report:   {report}" in screen
    told = {lab["lab"]: (lab["state"], lab["steps"][0]["reason"]) for lab in json.loads(report.read_text())["labs"]}
    assert told == {
        "lab-00": ("converged", ""),
        "lab-04": ("failed", "interrupted"),
        "lab-08": ("failed", "interrupted"),
        "lab-09": ("unknown", "not_begun"),
    }
    assert "fatal: [lab-04]: FAILED!" in screen
    assert "lab-08  no_outcome  in the middle, at the task lab_account : Wait" in screen
    assert "1 lab needs nothing." in screen
    assert "still lab-08" not in screen
