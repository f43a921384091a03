# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sphinx configuration of the documentation site (make docs).

Every warning is an error, and nothing is fetched: references that leave the site are answered from their names, since
Ansible's documentation gives every plugin of every collection an address that follows from its name.
"""

from __future__ import annotations

import re
import typing as t

from docutils import nodes

project = "labops.cloudresearch"
copyright = "labops.cloudresearch contributors"
title = html_title = "labops.cloudresearch"
html_short_title = "labops.cloudresearch"

extensions = ["myst_parser", "sphinx_antsibull_ext"]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
exclude_patterns = ["collections/callback_index_*"]

pygments_style = "ansible"
highlight_language = "YAML+Jinja"
default_role = "any"
nitpicky = True
# Environment variables of other programs have no page of their own.
nitpick_ignore_regex = [("envvar", r"(AWS|BAO|VAULT)_\w+")]

html_theme = "sphinx_ansible_theme"
html_show_sphinx = False
html_use_smartypants = True
html_use_modindex = False
html_use_index = False
html_copy_source = False
html_context = {"display_github": False}
html_theme_options = {
    "vcs_pageview_mode": "",
    "documentation_home_url": "index.html",
    "topbar_links": {},
}

myst_heading_anchors = 3

ANSIBLE_DOCS = "https://docs.ansible.com/ansible/latest/"
PLUGIN_LABEL = re.compile(
    r"ansible_collections\.(?P<namespace>\w+)\.(?P<collection>\w+)\.(?P<page>\w+?)(?P<part>__.+)?"
)


# Other labels that antsibull-docs puts into its pages, and where Ansible's documentation has them.
ANSIBLE_LABELS = {
    "action_plugins": "plugins/action.html#action-plugins",
    "callback_plugins": "plugins/callback.html#callback-plugins",
    "ansible_configuration_settings": "reference_appendices/config.html#ansible-configuration-settings",
    "common_return_values": "reference_appendices/common_return_values.html#common-return-values",
}


def ansible_page(kind: str, target: str) -> str | None:
    """The page of Ansible's documentation for a reference; None if it is none of Ansible's."""
    if kind == "envvar" and target.startswith("ANSIBLE_"):
        return f"reference_appendices/config.html#envvar-{target}"
    label = PLUGIN_LABEL.fullmatch(target)
    if not label or (label["namespace"], label["collection"]) == ("labops", "cloudresearch"):
        return ANSIBLE_LABELS.get(target)
    anchor = "#" + re.sub("[^a-z0-9]+", "-", target.lower()) if label["part"] else ""
    return f"collections/{label['namespace']}/{label['collection']}/{label['page']}.html{anchor}"


def external_reference(app: t.Any, env: t.Any, node: nodes.Element, contents: nodes.Element) -> nodes.reference | None:
    """Answer a reference that leaves the site; None leaves it an error."""
    page = ansible_page(str(node.get("reftype", "")), str(node.get("reftarget", "")))
    return nodes.reference("", "", contents, internal=False, refuri=ANSIBLE_DOCS + page) if page else None


def setup(app: t.Any) -> None:
    """Called by Sphinx."""
    app.connect("missing-reference", external_reference)
