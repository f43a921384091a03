# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What documents and messages tell people to type exists: programs, options, variables, files and names.

The commands of the pages in C(RUN_AS_THEY_ARE), and the modules' examples, are run as they are (tests/end_to_end). A
playbook's command in another guide has to be one of those, but for which labs it is for; each other command is typed by
the test in C(TYPED_BY), or C(NOT_TYPED) says why by none. All are checked here, where it costs nothing: Ansible's own
parsers read its command lines, botocore's models those of the AWS command line, and our argument specifications judge
options and variables.
"""

from __future__ import annotations

import ast
import configparser
import itertools
import json
import pathlib
import re
import shlex
import textwrap
import typing as t

import botocore.session
import pytest
import yaml
from ansible import constants
from ansible.cli.adhoc import AdHocCLI
from ansible.cli.doc import DocCLI
from ansible.cli.galaxy import GalaxyCLI
from ansible.cli.inventory import InventoryCLI
from ansible.cli.playbook import PlaybookCLI
from ansible.cli.vault import VaultCLI
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.splitter import parse_kv
from ansible.plugins.doc_fragments import constructed, inventory_cache
from botocore import xform_name

from ansible_collections.labops.cloudresearch.plugins.plugin_utils import store
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab import role_variables

PROJECT = pathlib.Path(__file__).resolve().parents[3]
RST = PROJECT / "docs" / "docsite" / "rst"
PAGES = [*sorted(RST.glob("*.rst")), *(PROJECT / name for name in ("README.md", "CONTRIBUTING.md"))]
PAGES += [*sorted(PROJECT.glob("roles/*/README.md")), PROJECT / "tests" / "simulator" / "README.md"]
# They are about words, promises and trust, so nobody comes to them for a command.
WITHOUT_COMMAND = {"guide_glossary", "guide_compatibility", "guide_security"}

# Pages whose commands tests/end_to_end runs one by one.
RUN_AS_THEY_ARE = {"README", "guide_mturk_closed", "guide_keys", "guide_playbooks", "guide_report"}
# Whose command it is for, how many at once, how secrets are asked for, and how much is said, make it no other command.
NO_OTHER_COMMAND = {"subset", "inventory", "forks", "ask_vault_pass", "verbosity"}

ROLE_SPECS = {
    role.name: yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    for role in (PROJECT / "roles").iterdir()
}
PLAYBOOK_VARIABLES = {"labs", "rotate_batch_size", "rotate_stop_after", "retire_confirm", "retire_plan"}
PLAYBOOK_VARIABLES |= {"exposed_key_account", "exposed_key_id"}
# A mistake that a comment quotes.
EXAMPLES_OF_TYPING = {"lab_account_cloudresearch_emial"}
RESULTS = {"lab_account_outcome", "fleet_report_result", "lab_account_plan"}
VARIABLES = {name for options in ROLE_SPECS.values() for name in options} | PLAYBOOK_VARIABLES
OURS = ("lab_account_", "fleet_report_", "retire_", "rotate_")


def docs_of(path: pathlib.Path) -> dict[str, t.Any]:
    """A plugin's DOCUMENTATION."""
    text = re.search(r'^DOCUMENTATION = r?"""(.*?)"""', path.read_text(), re.DOTALL | re.MULTILINE)
    assert text, path
    return t.cast("dict[str, t.Any]", yaml.safe_load(text[1]))


PLUGINS = {
    kind: {path.stem: docs_of(path) for path in (PROJECT / "plugins" / kind).glob("[!_]*.py")}
    for kind in ("modules", "connection", "lookup", "inventory", "callback")
}
FRAGMENTS = [
    text
    for path in (PROJECT / "plugins" / "doc_fragments").glob("[!_]*.py")
    for text in re.findall(r'= r?"""(.*?)"""', path.read_text(), re.DOTALL)
    if "options:" in text
]
STORE_OPTIONS = {
    name for text in FRAGMENTS for name in yaml.safe_load(text)["options"].get("store", {}).get("suboptions", {})
}
FRAGMENT_OPTIONS = {name for text in FRAGMENTS for name in yaml.safe_load(text)["options"]}
AWS_OPTIONS = {"profile", "region", "endpoint_url", "access_key", "secret_key", "session_token", "aws_config"}
CONSTRUCTED = {
    name
    for fragment in (constructed, inventory_cache)
    for name in yaml.safe_load(fragment.ModuleDocFragment.DOCUMENTATION)["options"]
} | {"plugin"}
CONNECTION_VARIABLES = {
    entry["name"] for option in PLUGINS["connection"]["aws_account"]["options"].values() for entry in option["vars"]
}
ALL_PLAYBOOKS = {path.stem for path in (PROJECT / "playbooks").glob("*.yml")}
PLAYBOOKS = {
    name
    for name in ALL_PLAYBOOKS
    if "Not meant to be run alone" not in (PROJECT / "playbooks" / f"{name}.yml").read_text()
}


def blocks(page: pathlib.Path, *languages: str) -> list[str]:
    """A page's code blocks in these languages."""
    text = page.read_text()
    if page.suffix == ".md":
        return re.findall(rf"^```(?:{'|'.join(languages)})\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    pattern = rf"^( *)\.\. code-block:: (?:{'|'.join(map(re.escape, languages))})\n\n((?:\1 +\S.*\n|\s*\n)+)"
    return [textwrap.dedent(body) for _indent, body in re.findall(pattern, text, re.MULTILINE)]


def commands(page: pathlib.Path) -> list[list[str]]:
    """The command lines that a page tells people to type, as words."""
    joined = "".join(blocks(page, "console")).replace("\\\n", " ")
    found: list[list[str]] = []
    for line in joined.splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True) if line.startswith("$ ") else []
        for separator, command in itertools.groupby(words, lambda word: word in ("&&", "|")):
            found += [] if separator else [list(command)]
    return found


def read_by(cli: type[t.Any], words: list[str]) -> t.Any:
    """What the program makes of its command line; a wrong one ends it."""
    program = cli(words)
    program.init_parser()
    return program.parser.parse_args(words[1:])


def playbook(words: list[str], page: pathlib.Path) -> None:
    options = read_by(PlaybookCLI, words)
    for name in options.args:
        collection, _dot, short = name.rpartition(".")
        written = any(block.startswith(f"# {name}\n") for block in blocks(page, "yaml", "yaml+jinja"))
        assert written or (collection == "labops.cloudresearch" and short in PLAYBOOKS), name
    for given in options.extra_vars:
        check_variables(parse_kv(given))


def adhoc(words: list[str], _page: pathlib.Path) -> None:
    options = read_by(AdHocCLI, words)
    if options.module_name.startswith("labops."):
        check_options(options.module_name.rpartition(".")[2], json.loads(options.module_args))


def aws(words: list[str], _page: pathlib.Path) -> None:
    service, operation, *rest = words[1:]
    client = botocore.session.get_session().create_client(service, region_name="us-east-1")
    api_name = client.meta.method_to_api_mapping[operation.replace("-", "_")]
    shape = client.meta.service_model.operation_model(api_name).input_shape
    members = {xform_name(member, "-") for member in shape.members} if shape else set()
    switches = {"no-" + name for name in members} | {"query", "output", "profile", "region", "with-decryption"}
    given = {word.removeprefix("--").partition("=")[0] for word in rest if word.startswith("--")}
    assert given <= members | switches


def named_in(file: str, definition: str) -> t.Callable[[list[str], pathlib.Path], None]:
    """A check that all words but options and variables are defined in a file."""

    def check(words: list[str], _page: pathlib.Path) -> None:
        defined = re.findall(definition, (PROJECT / file).read_text(), re.MULTILINE)
        assert [word for word in words[1:] if not re.match(r"--|\w+=", word) and word not in defined] == []

    return check


def python(words: list[str], _page: pathlib.Path) -> None:
    assert words[1] == "-m"
    if words[2] != "pytest":
        module = PROJECT / words[2].replace(".", "/")
        assert module.exists() or module.with_suffix(".py").exists(), words[2]
    for path in words[3:]:
        assert not path.startswith("tests/") or (PROJECT / path).exists(), path


def rulebook(words: list[str], _page: pathlib.Path) -> None:
    name = words[words.index("-r") + 1].removeprefix("labops.cloudresearch.")
    text = (PROJECT / "extensions" / "eda" / "rulebooks" / f"{name}.yml").read_text()
    [ruleset] = yaml.safe_load(text)
    follow = ruleset["rules"][0]["action"]["run_playbook"]
    playbook(["ansible-playbook", follow["name"]], _page)
    assert follow["extra_vars"].keys() <= PLAYBOOK_VARIABLES


CHECKS: dict[str, t.Callable[[list[str], pathlib.Path], t.Any]] = {
    "ansible-playbook": playbook,
    "ansible-rulebook": rulebook,
    "ansible": adhoc,
    "ansible-inventory": lambda words, _page: read_by(InventoryCLI, words),
    "ansible-galaxy": lambda words, _page: read_by(GalaxyCLI, words),
    "ansible-vault": lambda words, _page: read_by(VaultCLI, words),
    "ansible-doc": lambda words, _page: read_by(DocCLI, words),
    "aws": aws,
    "make": named_in("Makefile", r"^([a-z][\w-]*):"),
    "nox": named_in("noxfile.py", r"^def (\w+)\(session"),
    "python": python,
    ".venv/bin/python": python,
}
# Which test types the commands that run no playbook, by their pages; they are typed as they are.
TYPED_BY = {
    "guide_aws_account": "stack/test_guide_commands.py",
    "guide_inventory": "end_to_end/test_guides.py",
    "guide_keys": "end_to_end/test_exposed_key.py",
    "guide_mturk_closed": "end_to_end/test_guide_mturk_closed.py",
    "guide_permissions": "stack/test_guide_commands.py",
    "guide_playbooks": "end_to_end/test_guides.py",
    "guide_report": "end_to_end/test_guides.py",
    "guide_scale": "end_to_end/test_runner_nodes.py",
    "guide_execution_environment": "stack/test_guide_commands.py",
    "guide_portal": "end_to_end/test_guides.py",
    "guide_stores": "stack/test_guide_commands.py",
    "simulator": "stack/test_guide_commands.py",
}
FROM_AFAR = "it would fetch from PyPI, Galaxy or GitHub; make package installs the artifact and uses it"
CHECKOUT = "it works on this checkout itself; the target or session is looked up, and CI runs it or what it is made of"
# No test types these, by how they begin, and why.
NOT_TYPED = {
    "pip install": FROM_AFAR,
    "pipx": FROM_AFAR,
    "git clone": FROM_AFAR,
    "cd cloudresearch": FROM_AFAR,
    "ansible-galaxy collection install": FROM_AFAR,
    "make": CHECKOUT,
    "nox": CHECKOUT,
    ".venv/bin/python -m pytest": CHECKOUT,
    "python -m pytest": "the test that it runs comes to be by the command before it",
    "python -m tests.simulator.portal.rendering": "it writes into this checkout; stack/test_rendering_tool.py calls it",
    "export ANSIBLE_STDOUT_CALLBACK": "a setting of the shell, which tests/end_to_end/test_readme.py keeps",
    "export AWS_PROFILE": "a setting of the shell, which tests/stack/test_guide_commands.py keeps for the rest",
    "ansible-vault": "it needs a store that a run made: tests/unit/.../store/test_store_ansible_vault.py types both",
}
# Programs that are not ours, and what the commands of others are checked by where they are typed.
OTHERS = (
    *("ansible-builder", "ansible-runner", "bao", "cd", "cp", "curl", "export", "git", "jq", "pip", "pipx", "set"),
    *("sha256sum", "ssh"),
)
CHECKS |= dict.fromkeys(OTHERS, lambda _words, _page: None)


def check_variables(given: t.Mapping[str, t.Any]) -> None:
    """Fail on variables that the collection does not have, or with values that it does not take."""
    ours = {name: value for name, value in given.items() if name.startswith(OURS) or name in PLAYBOOK_VARIABLES}
    assert ours.keys() - VARIABLES - RESULTS == set()
    plain = {
        name: value
        for name, value in ours.items()
        # A template, or what an inventory plugin composes, has its value later.
        if "{{" not in str(value) and not str(value).startswith(("{'", "aws_account", "lab_roster."))
    }
    spec = {name: dict(role_variables.ARGUMENT_SPEC[name]) for name in plain if name in role_variables.ARGUMENT_SPEC}
    result = ArgumentSpecValidator(spec).validate({name: plain[name] for name in spec})
    assert result.error_messages == []
    chosen = ours.get("lab_account_secret_store")
    if isinstance(chosen, dict):
        assert chosen["type"] in store.REGISTRY
        assert chosen.keys() <= STORE_OPTIONS
    assert {name for name in given if name.startswith("ansible_aws_account_")} <= CONNECTION_VARIABLES


def check_options(module: str, given: t.Mapping[str, t.Any]) -> None:
    """Fail on options that a module of ours does not have, or with values that are no choice."""
    documented = PLUGINS["modules"][module].get("options", {})
    assert given.keys() <= documented.keys() | FRAGMENT_OPTIONS | AWS_OPTIONS
    for name, value in given.items():
        choices = documented.get(name, {}).get("choices")
        assert choices is None or "{{" in str(value) or set(value if isinstance(value, list) else [value]) <= {*choices}


def walk(node: t.Any) -> None:
    """Check all variables, modules and inventory sources in a piece of YAML."""
    if isinstance(node, list):
        for item in node:
            walk(item)
    if not isinstance(node, dict):
        return
    check_variables(node)
    if str(node.get("plugin", "")).startswith("labops."):
        options = PLUGINS["inventory"][node["plugin"].rpartition(".")[2]]["options"]
        assert node.keys() <= options.keys() | CONSTRUCTED | AWS_OPTIONS
    for name, value in node.items():
        collection, _dot, module = str(name).rpartition(".")
        if collection == "labops.cloudresearch":
            check_options(module, value or {})
        walk(value)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_commands_can_be_typed(page: pathlib.Path) -> None:
    for words in commands(page):
        assert words[0] in CHECKS, words
        CHECKS[words[0]](words, page)


def kind_of_run(words: list[str]) -> tuple[tuple[str, ...], dict[str, t.Any], frozenset[str]]:
    """A playbook's command without what makes it no other: the playbooks, other options, and names of variables."""
    options = vars(read_by(PlaybookCLI, words))
    given = frozenset(name for text in options["extra_vars"] for name in parse_kv(text) if name != "_raw_params")
    left = {name: value for name, value in options.items() if name not in NO_OTHER_COMMAND | {"args", "extra_vars"}}
    return tuple(options["args"]), left, given


def test_each_playbooks_command_of_a_guide_is_one_that_is_run() -> None:
    """Or one of those with fewer variables, such as without the directory for a report."""
    ours = [
        (page, kind_of_run(words))
        for page in PAGES
        for words in commands(page)
        if words[0] == "ansible-playbook" and "labops." in " ".join(words)
    ]
    run = [kind for page, kind in ours if page.stem in RUN_AS_THEY_ARE]
    assert len(ours) > len(run) > 15
    for page, (playbooks, options, variables) in ours:
        assert any(
            (playbooks, options) == (others, other_options) and variables <= known
            for others, other_options, known in run
        ), (page.stem, playbooks, variables)


def test_each_other_command_is_typed_by_a_test_or_has_its_reason_here() -> None:
    used: set[str] = set()
    for page in PAGES:
        name = page.parent.name if page.stem == "README" else page.stem
        for words in commands(page):
            line = shlex.join(words)
            if words[0] == "ansible-playbook" and "labops." in line:
                continue  # See the test before this one.
            reasons = {begin for begin in NOT_TYPED if f"{line} ".startswith((f"{begin} ", f"{begin}="))}
            used |= reasons or {name}
            assert reasons or name in TYPED_BY, (name, line)
    assert used == NOT_TYPED.keys() | TYPED_BY.keys()
    for name, test in TYPED_BY.items():
        text = (PROJECT / "tests" / test).read_text()
        assert name.removeprefix("guide_") in text, (name, test)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_configuration_is_known(page: pathlib.Path) -> None:
    for block in blocks(page, "yaml", "yaml+jinja"):
        for document in yaml.safe_load_all(block):
            walk(document)
    for block in blocks(page, "json"):
        json.loads(block)
    for block in blocks(page, "ini"):
        parser = configparser.ConfigParser()
        parser.read_string(block)
        definitions = constants.config.get_configuration_definitions().values()
        known = {(ini["section"], ini["key"]) for entry in definitions for ini in entry.get("ini", ())}
        assert {(section, key) for section in parser.sections() for key in parser[section]} <= known


@pytest.mark.parametrize("page", [page for page in PAGES if page.stem not in WITHOUT_COMMAND and page.suffix == ".rst"])
def test_a_guide_begins_with_what_its_reader_came_for(page: pathlib.Path) -> None:
    beginning = re.split(r"\n-{4,}\n", page.read_text())[0]
    assert ".. code-block::" in beginning


def messages() -> t.Iterator[tuple[pathlib.Path, str]]:
    """All texts in the plugins' code, documentation included."""
    for path in (PROJECT / "plugins").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
                yield path, node.value


def test_names_in_texts_exist() -> None:
    plugins = {name for kind in PLUGINS.values() for name in kind} | ROLE_SPECS.keys() | ALL_PLAYBOOKS | {"all"}
    variable = re.compile(r"(?<![\w./-])(?:lab_account|fleet_report|rotate|retire)_[a-z_]+[a-z](?![\w/-])")
    qualified = re.compile(r"labops\.cloudresearch\.([a-z_]+[a-z])")
    known = VARIABLES | RESULTS | plugins | {"retire_superseded", "retire_after_days"} | EXAMPLES_OF_TYPING
    texts = [*messages(), *((page, page.read_text()) for page in PAGES)]
    for path, text in texts:
        assert {name for name in variable.findall(text) if name not in known} == set(), path
        named = set(qualified.findall(text)) - {"docsite", "plugins", "aws", "store"}
        assert named <= plugins, path


def test_no_command_of_aws_is_printed_but_those_that_a_test_pastes() -> None:
    """Those on IAM and on stores are put together; tests/stack pastes them (test_guide_commands, test_store_aws)."""
    printed = re.compile(r"\baws (?:configure|iam|login|sso|sts|ssm|secretsmanager) [a-z-]+(?![a-z-]*:)")
    found = {command for path, text in messages() for command in printed.findall(text)}
    # Signing in with a browser cannot be played here.
    assert found == {"aws sts get-caller-identity", "aws configure export-credentials", "aws sso login"}


def test_readme_and_reference_list_everything() -> None:
    reference = (RST / "guide_playbooks.rst").read_text()
    assert [name for name in PLAYBOOKS | PLAYBOOK_VARIABLES if f"``{name}``" not in reference] == []
    text = (PROJECT / "README.md").read_text()
    table = text[text.index("## What is in it") : text.index("## Licence")]
    listed = set(re.findall(r"`(\w+)`", table))
    names = {name for kind in PLUGINS.values() for name in kind} | ROLE_SPECS.keys() | PLAYBOOKS
    assert names - listed == set()
    assert len(text.splitlines()) <= 150


def test_the_guide_lists_each_variable_of_a_lab_once_with_its_default() -> None:
    rows = re.findall(r"   \* - ``(lab_account_\w+)``\n     - (.*)\n", (RST / "guide_variables.rst").read_text())
    spec = ROLE_SPECS["lab_account"]
    assert sorted(name for name, _default in rows) == sorted(spec)
    for name, shown in rows:
        default = spec[name].get("default")
        if "required" in shown or shown == "the host's name":
            continue
        text = re.sub(r" \[\d\]_$", "", shown).replace("``", "")
        short = str(default).rpartition("/")[2] if str(default).startswith("arn:") else default
        expected = ", ".join(short) if isinstance(short, list) and short else str(short)
        expected = "*none*" if default == "" else expected.lower() if isinstance(default, bool) else expected
        assert text == expected, name


def test_each_guide_is_in_a_section() -> None:
    """A page that no section lists would be found by nobody."""
    sections = yaml.safe_load((RST.parent / "extra-docs.yml").read_text())["sections"]
    assert {name for section in sections for name in section["toctree"]} == {path.stem for path in RST.glob("*.rst")}


def test_the_action_group_has_each_module_with_aws_options() -> None:
    """So its module_defaults reach all of those modules, and no module that refuses the options."""
    group = yaml.safe_load((PROJECT / "meta" / "runtime.yml").read_text())["action_groups"]["all"]
    modules = (PROJECT / "plugins" / "modules").glob("[!_]*.py")
    assert set(group) == {path.stem for path in modules if "- amazon.aws.region.modules" in path.read_text()}
