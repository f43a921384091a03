# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables in the guide on speed that programs write, each between a comment that names the program and an end."""

from __future__ import annotations

import dataclasses
import os
import platform
import time
import typing as t

import ansible
import botocore

from tests.fleet import PROJECT

GUIDE = PROJECT / "docs" / "docsite" / "rst" / "guide_scale.rst"
END = ".. End of the table\n"


def written(program: str) -> str:
    """What the guide has of a program."""
    _before, text, _after = _parts(program)
    return text.strip("\n") + "\n"


def write(program: str, text: str) -> None:
    """Put what a program found in the place of what it found last."""
    before, _old, after = _parts(program)
    GUIDE.write_text(f"{before}\n{text}\n{after}", encoding="utf-8")


def _parts(program: str) -> tuple[str, str, str]:
    text = GUIDE.read_text(encoding="utf-8")
    begin = f".. python -m {program} writes this table\n"
    start = text.index(begin) + len(begin)
    end = text.index(END, start)
    return text[:start], text[start:end], text[end:]


def list_table(titles: t.Sequence[str], rows: t.Iterable[t.Sequence[str]]) -> str:
    """A table in reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for cells in (titles, *rows):
        marks = ("   * -", *["     -"] * (len(cells) - 1))
        lines += [f"{mark} {cell}".rstrip() for mark, cell in zip(marks, cells, strict=True)]
    return "\n".join(lines) + "\n"


@dataclasses.dataclass(frozen=True)
class Machine:
    """What figures depend on, as it is when a benchmark begins.

    :param load_before: of the machine over the last minute, before anything was measured.
    """

    started: str
    cores: int
    system: str
    python: str
    ansible_core: str
    botocore: str
    load_before: float

    @classmethod
    def now(cls) -> Machine:
        """This machine."""
        return cls(
            started=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            cores=os.cpu_count() or 1,
            system=platform.platform(),
            python=platform.python_version(),
            ansible_core=ansible.release.__version__,
            botocore=botocore.__version__,
            load_before=round(os.getloadavg()[0], 1),
        )

    @property
    def shared(self) -> bool:
        """Whether others were using it, so that times say little."""
        return self.load_before > self.cores / 2

    def sentences(self) -> str:
        """For the guide."""
        text = (
            f"Measured on {self.started[:10]} on {self.cores} cores ({self.system.split('-')[0]}) with "
            f"Python {self.python}, ansible-core {self.ansible_core} and botocore {self.botocore}.\n"
        )
        if self.shared:
            text += (
                f"The machine was shared: its load average was {self.load_before:.1f} before the benchmark began.\n"
                "Wall times mean little then, and processor times are somewhat higher than on a quiet machine.\n"
            )
        return text
