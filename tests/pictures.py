# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures of the guides, which tests make from what they look at: ``make pictures``.

Beside each picture is the text that it shows, C(<name>.txt). A test compares that text, never pixels, which differ with
every font and every Chromium.
"""

from __future__ import annotations

import io
import os
import pathlib
import re
import typing as t

from rich.console import Console
from rich.text import Text

PICTURES = pathlib.Path(__file__).resolve().parents[1] / "docs" / "docsite" / "rst" / "pictures"
# rich asks for a font from the network; a picture in a guide loads nothing.
_FONT_FROM_THE_NETWORK = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)


def terminal(output: str, *, columns: int, title: str) -> bytes:
    """What a program wrote to a terminal, with its colours, as SVG."""
    console = Console(record=True, width=columns, file=io.StringIO(), force_terminal=True, legacy_windows=False)
    console.print(Text.from_ansi(output), overflow="fold")
    svg = console.export_svg(title=title, unique_id="terminal")
    return _FONT_FROM_THE_NETWORK.sub("", svg).encode()


def require(name: str, text: str, picture: t.Callable[[], bytes]) -> None:
    """Fail if a picture shows another text than this; with PICTURES=write, make it anew instead.

    :param name: of the file in docs/docsite/rst/pictures, such as C(report.png).
    """
    told = "\n".join(line.rstrip() for line in text.strip().splitlines()) + "\n"
    file = PICTURES / name
    beside = file.with_suffix(".txt")
    if os.environ.get("PICTURES") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(picture())
        beside.write_text(told, encoding="utf-8")
    assert file.stat().st_size < 150_000, f"{name} is too large for a guide"
    assert beside.read_text(encoding="utf-8") == told, f"{name} shows something else by now: run make pictures"
