# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory lab_roster, read from files that LibreOffice wrote, where it matters by the real ansible-inventory."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import typing as t

import pytest
import yaml
from ansible.errors import AnsibleParserError
from ansible.plugins.loader import inventory_loader

from tests.fleet import tool, unmarked
from tests.stack.inventory_source import read

PLUGIN = "labops.cloudresearch.lab_roster"
ROSTERS = pathlib.Path(__file__).parents[1] / "fixtures" / "rosters"


class Source:
    """A roster's YAML file in a directory of its own."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory
        self.file = directory / "labs.lab_roster.yml"

    def write(self, **options: t.Any) -> None:
        self.file.write_text(yaml.safe_dump({"plugin": PLUGIN, **options}))

    def run(self, program: str, *arguments: str, **environment: str) -> t.Any:
        return subprocess.run(
            [tool(program), "-i", str(self.file), *arguments],
            env={
                **os.environ,
                "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
                "ANSIBLE_NOCOLOR": "true",
                "HOME": str(self.directory),
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def list(self, **environment: str) -> dict[str, t.Any]:
        done = self.run("ansible-inventory", "--list", **environment)
        assert done.returncode == 0, done.stderr
        return t.cast("dict[str, t.Any]", unmarked(json.loads(done.stdout)))

    def error(self) -> str:
        """Why it is refused, in this process."""
        with pytest.raises(AnsibleParserError) as caught:
            read(PLUGIN, self.file)
        return " ".join(str(caught.value).split())


@pytest.fixture
def source(tmp_path: pathlib.Path) -> Source:
    return Source(tmp_path)


def test_labs_variables_and_groups(source: Source) -> None:
    source.write(
        path=str(ROSTERS / "labs-comma.csv"),
        strict=True,
        keyed_groups=[{"prefix": "department", "key": "lab_roster.department"}],
        groups={"leaving": "lab_account_state | default('present') == 'absent'"},
        compose={"lab_account_tags": "{'department': lab_roster.department}"},
    )
    listed = source.list()
    assert listed["lab_roster"]["hosts"] == [
        "Perception-lab",
        "Choice-lab",
        "Memory-lab",
        "Language-sounds",
        "Attention-lab",
    ]
    assert listed["leaving"]["hosts"] == ["Memory-lab"]
    assert listed["department_Economics"]["hosts"] == ["Choice-lab"]
    assert listed["_meta"]["hostvars"]["Perception-lab"] == {
        "ansible_connection": "labops.cloudresearch.aws_account",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "lab_account_aws_account_id": "012345678901",
        "lab_account_cloudresearch_email": "perception@example.edu",
        "lab_account_state": "present",
        "lab_account_tags": {"department": "Psychology"},
        "lab_department": "Psychology",
        "lab_roster": {
            "department": "Psychology",
            "pi": "Müller, Renée",
            "notes": "asked for sandbox first\nand for a quick start",
        },
    }


def test_restored_zeros_are_a_warning(source: Source) -> None:
    source.write(path=str(ROSTERS / "labs-tab.csv"))
    done = source.run("ansible-inventory", "--list")
    assert "Leading zeros were restored in 1 account id" in " ".join(done.stderr.split())


def test_formulas_and_templates_in_cells_stay_text_in_a_play(source: Source) -> None:
    source.write(path=str(ROSTERS / "labs-semicolon-quoted.csv"))
    done = source.run(
        "ansible",
        *("Memory-lab:Choice-lab", "-m", "ansible.builtin.debug", "-a", "msg={{ lab_roster.notes }}"),
    )
    assert "{{ lookup('ansible.builtin.pipe', 'id') }}" in done.stdout
    assert "uid=" not in done.stdout
    assert "=HYPERLINK(" in done.stdout


def test_tasks_run_here_unless_the_operator_says_otherwise(source: Source) -> None:
    """The interpreter is a template of ours, though nothing else of the inventory is one."""
    source.write(path=str(ROSTERS / "labs-comma.csv"))
    show = (
        "Choice-lab",
        "-m",
        "ansible.builtin.debug",
        "-a",
        "msg={{ ansible_connection }},{{ ansible_python_interpreter }}",
    )
    said = source.run("ansible", *show).stdout
    assert "labops.cloudresearch.aws_account," in said and "{{" not in said
    (source.directory / "group_vars").mkdir()
    (source.directory / "group_vars" / "all.yml").write_text("ansible_connection: local\n")
    assert "local," in source.run("ansible", *show).stdout


def test_all_bad_rows_are_in_one_error_and_no_lab_is_read(source: Source) -> None:
    source.write(path=str(ROSTERS / "bad.csv"))
    said = source.error()
    assert "has 9 problems, so no lab was read from it" in said
    for line in (2, 3, 4, 6, 7, 9):
        assert f"line {line}, " in said
    assert "export it as CSV (UTF-8) again" in said


def test_secrets_are_refused_and_not_shown_at_any_verbosity(source: Source) -> None:
    source.write(path=str(ROSTERS / "secrets.csv"))
    done = source.run("ansible-inventory", "--list", "-vvvvv")
    assert done.returncode != 0
    assert "named like a secret" in done.stderr
    for secret in ("wJalr", "hunter2", "correct horse"):
        assert secret not in done.stdout + done.stderr


def test_the_path_starts_at_the_yaml_file_and_can_be_a_template(source: Source) -> None:
    (source.directory / "sub").mkdir()
    (source.directory / "sub" / "my labs.csv").write_bytes((ROSTERS / "labs-utf16.csv").read_bytes())
    source.write(path="{{ lookup('ansible.builtin.env', 'LAB_ROSTER') }}/my labs.csv")
    assert len(source.list(LAB_ROSTER="sub")["lab_roster"]["hosts"]) == 5


def write_windows_1252(source: Source) -> None:
    """A roster as old programs write it; the repository's files are all UTF-8."""
    text = (ROSTERS / "labs-semicolon.csv").read_bytes().decode("utf-8")
    (source.directory / "windows-1252.csv").write_bytes(text.encode("windows-1252"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "missing.csv"}, "missing.csv cannot be read (No such file or directory)"),
        ({"path": ""}, "the option path is empty"),
        ({"path": "windows-1252.csv"}, "line 2: the bytes from here on are not utf-8"),
        ({"path": str(ROSTERS / "labs-comma.csv"), "columns": {"PI": "not a name"}}, "not a name that a variable"),
        ({"path": str(ROSTERS / "labs-comma.csv"), "columns": {"PI": "x", "Notes": "x"}}, "two headings lead to x"),
    ],
)
def test_mistakes_in_options_are_explained(source: Source, options: dict[str, t.Any], message: str) -> None:
    write_windows_1252(source)
    source.write(**options)
    assert message in source.error()


def test_graph(source: Source) -> None:
    write_windows_1252(source)
    source.write(path="windows-1252.csv", encoding="windows-1252", delimiter="semicolon")
    done = source.run("ansible-inventory", "--graph")
    assert done.stdout.splitlines() == [
        "@all:",
        "  |--@ungrouped:",
        "  |--@lab_roster:",
        "  |  |--Perception-lab",
        "  |  |--Choice-lab",
        "  |  |--Memory-lab",
        "  |  |--Language-sounds",
        "  |  |--Attention-lab",
    ]


@pytest.mark.parametrize(
    ("plugin", "option", "meant"),
    [
        ("lab_roster", "colums", "columns"),
        ("aws_organization", "exclude_organisational_units", "exclude_organizational_units"),
    ],
)
def test_an_option_that_does_not_exist_is_refused(tmp_path: pathlib.Path, plugin: str, option: str, meant: str) -> None:
    (tmp_path / "labs.csv").write_text("Lab,AWS account ID\nVision,123456789012\n")
    source = tmp_path / f"labs.{plugin}.yml"
    given = {"plugin": f"labops.cloudresearch.{plugin}", option: ["/Closed"], "strict": False, "keyed_groups": []}
    source.write_text(
        yaml.safe_dump({**given, "path": "labs.csv"} if plugin == "lab_roster" else {**given, "aws_profile": "x"})
    )
    with pytest.raises(AnsibleParserError) as caught:
        read(str(given["plugin"]), source)
    told = f"{source}: {given['plugin']} has no option {option!r} (did you mean {meant!r}?). No lab was read."
    assert told in str(caught.value)


@pytest.mark.parametrize("plugin", ["lab_roster", "aws_organization"])
def test_a_source_with_another_name_is_told_how_to_call_it(
    tmp_path: pathlib.Path, plugin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    reader = inventory_loader.get(f"labops.cloudresearch.{plugin}")
    monkeypatch.setattr(reader.display, "warning", told.append)
    source = tmp_path / "roster.yml"
    source.write_text(f"# Labs\nplugin: labops.cloudresearch.{plugin}\n")
    assert not reader.verify_file(str(source))
    (warning,) = told
    assert str(source) in warning and f"{plugin}.yml or {plugin}.yaml" in warning
    # Whoever enables the plugin has it look at all other sources, too.
    for name, text in (
        ("hosts", f"plugin: labops.cloudresearch.{plugin}"),
        ("a.yml", "plugin: x.y.z"),
        ("b.yml", "\xe9"),
    ):
        (tmp_path / name).write_text(text, encoding="latin-1")
        assert not reader.verify_file(str(tmp_path / name))
    assert told == [warning]
