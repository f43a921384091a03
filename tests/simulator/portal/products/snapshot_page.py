# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One page of a snapshot, made to work: for renderings that `python -m tests.simulator.portal.rendering` wrote.

The other pages are the plain ones of pieces.py. The snapshot's own words and structure stay; where its forms and
links lead is this site, and what a snapshot does not keep (scripts, styles, pictures) is not there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from werkzeug.wrappers import Response

from ..visit import TOKEN
from . import pieces
from .call import Call

try:
    from bs4 import BeautifulSoup, Tag
except ImportError:
    # Only renderings of snapshots need it.
    pass

# The kinds of page, and where this site has them.
PAGES = {"sign-in": "/login", "home": "/dashboard", "link": "/link"}
ELSEWHERE = "/elsewhere"
_OUTSIDE = ("script", "link", "base", "iframe", "frame", "img", "object", "embed", "video", "audio")


@dataclass(frozen=True)
class SnapshotPage:
    """A snapshot that stands for one page.

    :param html: the snapshot.
    :param page: which page it is, of PAGES.
    :param fields: by the name of a field in the snapshot, what people enter there: email, password, access_key_id or
        secret_access_key.
    :param leads_to_link: the words of the control that leads to the key's form; empty if the page has none.
    """

    html: str
    page: str
    fields: dict[str, str] = field(default_factory=dict)
    leads_to_link: str = ""

    @classmethod
    def beside(cls, module: str, page: str, fields: dict[str, str], leads_to_link: str = "") -> SnapshotPage:
        """The snapshot that belongs to a rendering's module."""
        path = Path(module)
        html = (path.parent / "snapshots" / f"{path.stem}.html").read_text(encoding="utf-8")
        return cls(html, page, fields, leads_to_link)

    def answer(self, call: Call) -> Response | None:
        """The snapshot's page, or another one."""
        path = PAGES[self.page]
        if call.role == "app" and call.path.startswith(ELSEWHERE):
            return call.stray("a form or link of the snapshot")
        if call.at == ("app", "GET", path) and bool(call.session) is (self.page != "sign-in"):
            return Response(self._drawn(call, path), mimetype="text/html")
        if call.at == ("app", "POST", path):
            for theirs, ours in self.fields.items():
                if theirs in call.sent:
                    call.sent[ours] = call.sent.pop(theirs)
        return pieces.app(call) or pieces.sign_in(call)

    def _drawn(self, call: Call, path: str) -> str:
        soup = BeautifulSoup(self.html, "html.parser")
        for tag in [*soup.find_all(_OUTSIDE), *soup.find_all("meta", attrs={"http-equiv": True})]:
            tag.decompose()
        for name in ("formaction", "src"):
            for tag in soup.find_all(attrs={name: True}):
                del tag[name]
        self._lead(soup)
        self._send(soup, call, path)
        body = soup.body or soup
        if self.page == "link":
            body.insert(0, BeautifulSoup(pieces.linked(call), "html.parser"))
        return str(soup)

    def _lead(self, soup: BeautifulSoup) -> None:
        for number, tag in enumerate(soup.find_all(["a", "area"], href=True)):
            leads = self.leads_to_link and self.leads_to_link in " ".join(tag.get_text().split())
            tag["href"] = "/link" if leads else f"{ELSEWHERE}/{number}"

    def _send(self, soup: BeautifulSoup, call: Call, path: str) -> None:
        ours = [tag for tag in soup.find_all(["input", "textarea"]) if tag.get("name") in self.fields]
        for tag in ours:
            del tag["value"]
        if ours and not any(tag.find_parent("form") for tag in ours):
            # A script sent them, which a snapshot does not keep.
            around = soup.new_tag("form")
            body = soup.body or soup
            for child in list(body.children):
                around.append(child.extract())
            body.append(around)
        for form in soup.find_all("form"):
            wanted = any(tag in form.find_all(True) for tag in ours)
            form["action"], form["method"] = (path, "post") if wanted else (ELSEWHERE, "post")
            for tag in form.find_all("input", attrs={"name": TOKEN}):
                tag.decompose()
            hidden = BeautifulSoup(call.hidden(), "html.parser").input
            assert isinstance(hidden, Tag)
            form.append(hidden)
