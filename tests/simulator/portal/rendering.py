# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a rendering of the local stack, and with it a test, of a snapshot: a page that was not understood.

    python -m tests.simulator.portal.rendering pages/20261127T0912Z-lab-07-4711-05.html toolkit_2027 --page link

The guide on the portal tells the way from there (a page that nobody has seen before).
"""

from __future__ import annotations

import argparse
import pathlib
import re
import sys
import typing as t

from bs4 import BeautifulSoup, Tag

from .products.snapshot_page import PAGES

PRODUCTS = pathlib.Path(__file__).with_name("products")
# What people enter on a page, in the order in which the fields usually stand.
ENTERED = {"sign-in": ("email", "password"), "home": (), "link": ("access_key_id", "secret_access_key")}
_NOT_TYPED = ("hidden", "submit", "button", "image", "reset", "checkbox", "radio", "file", "search")

MODULE = """# Copyright (c) {year}, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

\"\"\"A page of a snapshot ({page}); the other pages are plain ones.\"\"\"

from __future__ import annotations

from .snapshot_page import SnapshotPage

# Say here what is particular about it: the guide's table shows this.
EXERCISES = "a page of a snapshot: {page}"
# What is entered into which field of the snapshot, by the field's name. It was guessed from the order: correct it.
FIELDS: dict[str, str] = {fields}
# The words of the control that leads to the key's form, if this is the page that has it.
LEADS_TO_LINK = {leads}

answer = SnapshotPage.beside(__file__, {page_word}, FIELDS, LEADS_TO_LINK).answer
"""


class UnfitSnapshotError(Exception):
    """The snapshot cannot be made into that page; the text says why, and what to do."""


def typed_fields(soup: BeautifulSoup) -> list[Tag]:
    """The fields that people type into; those without a name get one, since without it a form does not send them."""
    found = [
        tag
        for tag in soup.find_all(["input", "textarea"])
        if isinstance(tag, Tag) and str(tag.get("type") or "text").lower() not in _NOT_TYPED
    ]
    for number, tag in enumerate(found, 1):
        if not tag.get("name"):
            tag["name"] = str(tag.get("id") or f"field-{number}")
    return found


def guessed(fields: t.Sequence[Tag], page: str) -> dict[str, str]:
    """What is entered where: the secret where nothing is shown, or last; the other before it.

    :raises UnfitSnapshotError: there are too few fields.
    """
    wanted = ENTERED[page]
    if not wanted:
        return {}
    if len(fields) < len(wanted):
        raise UnfitSnapshotError(
            f"The snapshot has {len(fields)} fields to type into, and a page of the kind {page} needs {len(wanted)}. "
            "Is it the right page? Every page on the way is a snapshot of its own. If a script draws the "
            "fields, take the snapshots with driver: browser."
        )
    secrets = [number for number, tag in enumerate(fields) if tag.get("type") == "password" and number > 0]
    secret = secrets[0] if secrets else len(fields) - 1
    return dict(zip((str(fields[secret - 1]["name"]), str(fields[secret]["name"])), wanted, strict=True))


def write(
    snapshot: pathlib.Path, name: str, page: str, leads: str, year: int, directory: pathlib.Path = PRODUCTS
) -> dict[str, str]:
    """Write the rendering; what was guessed of its fields.

    :param directory: where the renderings are.
    :raises UnfitSnapshotError: the name is none, or taken, or the snapshot is not such a page.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{2,30}", name):
        raise UnfitSnapshotError(f"{name!r} is no name for a rendering: use small letters, digits and underscores.")
    module = directory / f"{name}.py"
    if module.exists():
        raise UnfitSnapshotError(f"There is a rendering {name} already: choose another name, or remove {module}.")
    soup = BeautifulSoup(snapshot.read_text(encoding="utf-8"), "html.parser")
    fields = guessed(typed_fields(soup), page)
    if leads and leads not in " ".join(soup.get_text().split()):
        raise UnfitSnapshotError(f"The snapshot does not say {leads!r}. Copy the words as they stand on the page.")
    kept = directory / "snapshots" / f"{name}.html"
    kept.parent.mkdir(exist_ok=True)
    kept.write_text(str(soup), encoding="utf-8")
    shown = {"fields": _literal(fields), "leads": _quoted(leads), "page_word": _quoted(page)}
    module.write_text(MODULE.format(year=year, page=page, **shown), encoding="utf-8")
    return fields


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _literal(fields: t.Mapping[str, str]) -> str:
    entries = ", ".join(f"{_quoted(name)}: {_quoted(what)}" for name, what in fields.items())
    return f"{{{entries}}}"


def main(arguments: t.Sequence[str] | None = None) -> int:
    """Write the rendering and say what comes next; 1 if the snapshot is not fit for it."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulator.portal.rendering", description=__doc__)
    parser.add_argument("snapshot", type=pathlib.Path, help="a file that the option snapshot_dir left")
    parser.add_argument("name", help="what to call the rendering, such as toolkit_2027")
    parser.add_argument("--page", required=True, choices=list(PAGES), help="which page it is")
    parser.add_argument("--leads", default="", help="home: the words of the control that leads to the key's form")
    given = parser.parse_args(arguments)
    year = int(given.snapshot.name[:4]) if re.match(r"20\d\dT?", given.snapshot.name) else 2026
    try:
        fields = write(given.snapshot, given.name, given.page, given.leads, year)
    except (OSError, UnfitSnapshotError) as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    sys.stdout.write(
        f"Written: {PRODUCTS / given.name}.py, and the page beside it in snapshots/.\n"
        + "".join(f"Guessed: {what} goes into the field {name}.\n" for name, what in fields.items())
        + f"See it fail: python -m pytest tests/stack/test_portal_products.py -k {given.name}\n"
        + "Teach its words in plugins/plugin_utils/portal/page/wording.py. Then put it into the guide:\n"
        + f"PORTAL_TABLE=write python -m pytest tests/stack/test_portal_products.py -k {given.name}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
