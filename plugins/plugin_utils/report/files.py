# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report's files: finds the earlier report, decides what has to be written, and writes it whole or not at all."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import io
import json
import pathlib
import re
import stat
import time
import typing as t

from ..base import locks, ordinary_files
from ..base.errors import CollectionError, about_unwritable
from ..base.text import first_few
from ..base.times import moment
from ..keys import journal
from ..lab.gaps import keys_were_read
from ..store.private_files import write_file
from . import account_keys, compare, earlier, evidence, letters, ocsf, page, remembered, retire_plan, tables
from .earlier import load
from .model import Report

FORMATS = ("html", "csv", "json")
PLAN = "plan"
MANIFEST = "manifest"
# How long one run waits for another to write the report of thousands of labs, in seconds.
LOCK_TIMEOUT = 300.0
EARLIER = "earlier"  # the directory, beside the report, for the JSON of earlier reports

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")


class Part(t.NamedTuple):
    """One file of the report: with which of C(FORMATS) it is written, how its name ends, and what it holds."""

    file_format: str
    ending: str
    render: t.Callable[[Report], bytes]


def _to_json(report: Report) -> bytes:
    # Written as if to a file, because json.dumps keeps all pieces, which take many times the memory of the text.
    content = io.BytesIO()
    text = io.TextIOWrapper(content, encoding="utf-8", newline="")
    json.dump(report, text, indent=1, ensure_ascii=False)
    text.write("\n")
    text.flush()
    return content.getvalue()


PARTS = {
    "html": Part("html", ".html", page.to_html),
    "csv": Part("csv", ".csv", lambda report: tables.to_csv(report).encode()),
    "json": Part("json", ".json", _to_json),
    "evidence": Part("html", "-evidence.html", evidence.to_html),
    "keys": Part("csv", "-keys.csv", lambda report: tables.keys_to_csv(report).encode()),
    "ocsf": Part("json", f"-{ocsf.NAME}", lambda report: ocsf.to_json(report).encode()),
}
# Named alike for whoever types them; reports of another name in the same directory have files of their own.
_FIXED_NAMES = {PLAN: "retire-plan.yml", MANIFEST: "manifest.sha256"}
DEFAULT_NAME = "fleet-report"
# As many labs as a warning names.
MOST_NAMES = 10


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a report lives.

    :param directory: made if it is not there.
    :param name: the files' name without its ending.
    :param formats: which files to write, of C(FORMATS).
    :param letters: whether to write a letter to each contact, in a directory of their own.
    :param keep_earlier: how many earlier reports to keep as JSON; 0 keeps none.
    """

    directory: pathlib.Path
    name: str = DEFAULT_NAME
    formats: tuple[str, ...] = FORMATS
    mode: int = 0o600
    keep_earlier: int = 30
    letters: bool = False

    def __post_init__(self) -> None:
        if not _PLAIN_NAME.match(self.name):
            raise CollectionError(
                f"{self.name!r} cannot be the name of the report's files.",
                next_step="Use letters, digits, dots, hyphens and underscores; set the directory in directory.",
            )

    @property
    def parts(self) -> list[str]:
        """The names of the report's files in C(PARTS), those that give the formats their names first."""
        return [name for name, part in PARTS.items() if part.file_format in self.formats]

    def path(self, part: str) -> pathlib.Path:
        """The file of one part: of one in C(PARTS), a letter, the plan, or the manifest."""
        if part.startswith(f"{letters.DIRECTORY}/"):
            return self.directory / part
        if part in PARTS:
            return self.directory / f"{self.name}{PARTS[part].ending}"
        name = _FIXED_NAMES[part]
        return self.directory / (name if self.name == DEFAULT_NAME else f"{self.name}-{name}")


@dataclasses.dataclass(frozen=True)
class Writing:
    """What is to be written.

    :param report: the report as it will be on disk, which is the earlier one when nothing but the time differs.
    :param earlier: the report that is on disk now.
    :param changed: the parts whose files differ from C(contents).
    :param outdated: letters of an earlier report to people who are to get none any more.
    """

    report: Report
    earlier: Report | None
    contents: dict[str, bytes]
    changed: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    outdated: tuple[pathlib.Path, ...] = ()


def prepare(report: Report, place: Place, previous: pathlib.Path | None = None) -> Writing:
    """Decide what to write; writes nothing.

    :param report: of C(build.build).
    :param previous: the JSON of an earlier report to compare with; default: the report that is in the place now.
    :raises CollectionError: C(previous) is not a report, or a file cannot be read.
    """
    warnings: list[str] = []
    current: Report | None = None
    try:
        current = _report_on_disk(place)
    except CollectionError as exc:
        warnings.append(f"{exc.message} There is nothing to compare with, and it will be overwritten.")
    if current and (gone := compare.accounts_gone(current, report)):
        told = f"{len(gone):,} {'lab that is' if len(gone) == 1 else 'labs that are'} not in this run"
        warnings.append(
            f"The earlier report in {place.directory} was also about {told}: {first_few(gone, MOST_NAMES)}. The new "
            "one says nothing of them; an audit of all labs does. A run about some of the labs can have a report of "
            "its own (fleet_report_name)."
        )
    made = report["generated"]
    journaled = journal.content(place.directory)
    noted = account_keys.changes_of({"changes": journal.changes_in(journaled)})
    report = remembered.with_what_was(_earlier_reports(place, current), report, noted)
    before = earlier.of_others(previous) if previous is not None else current
    points, unread = earlier.trend(_archived_files(place.directory / EARLIER, place.name, "json"), report, current)
    warnings += unread
    same = current if current and _vouches_for(current, moment(made)) and _see_the_same(current, report) else None
    if same and previous is None:
        report = same
    else:
        comparison = compare.compare(before, report) if before else None
        report = {**report, "comparison": comparison, "trend": points}
        if same and same["comparison"] == report["comparison"]:
            report = same
    contents = {name: PARTS[name].render(report) for name in place.parts}
    plan = retire_plan.content(report, moment(made), place.path(PLAN))
    if plan is not None:
        contents[PLAN] = plan
    if place.letters:
        contents.update({f"{letters.DIRECTORY}/{name}": content for name, content in letters.letters(report).items()})
        if nobody := letters.without_address(report):
            told = f"{len(nobody):,} {'lab that has' if len(nobody) == 1 else 'labs that have'} no e-mail address"
            warnings.append(f"No letter was written about {told} (lab_contact_email): {first_few(nobody, MOST_NAMES)}.")
    sums = {place.path(name).relative_to(place.directory).as_posix(): content for name, content in contents.items()}
    if journaled:
        sums[journal.NAME] = journaled
    contents[MANIFEST] = manifest(sums)
    changed = tuple(name for name, content in contents.items() if _differs(place.path(name), content, place.mode))
    return Writing(report, current, contents, changed, tuple(warnings), _outdated_letters(place, contents))


def write(writing: Writing, place: Place) -> None:
    """Write what C(prepare) found to differ. Each file is replaced in one go.

    :raises CollectionError: the directory or a file cannot be written.
    """
    if not writing.changed and not writing.outdated:
        return
    try:
        place.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        replaced = writing.earlier
        if replaced is not None and replaced["generated"] != writing.report["generated"]:
            _archive(replaced, place)
        if PLAN in writing.changed:
            _archive_plan(place)
        for name in writing.changed:
            place.path(name).parent.mkdir(mode=0o700, exist_ok=True)
            write_file(place.path(name), writing.contents[name], place.mode)
        for path in writing.outdated:
            path.unlink(missing_ok=True)
    except OSError as exc:
        raise CollectionError(
            f"The report could not be written to {place.directory}: {exc.strerror or exc}.",
            next_step=about_unwritable(exc, "set another directory"),
        ) from exc


@contextlib.contextmanager
def writing_alone(place: Place, timeout: float = LOCK_TIMEOUT) -> t.Iterator[None]:
    """Keep other runs from preparing or writing the same report, so that its files belong together.

    Where the file system has no locks, or takes no file, nothing is held; C(write) says what cannot be written.

    :raises CollectionError: another run held it for C(timeout) seconds.
    """
    deadline = time.monotonic() + timeout

    def wait() -> None:
        if time.monotonic() >= deadline:
            raise CollectionError(
                f"Another run has been writing the report in {place.directory} for more than {timeout:.0f} seconds.",
                next_step="Let it end, then run again; runs that overlap have a fleet_report_directory each.",
            )
        time.sleep(0.05)

    is_new = not place.directory.exists()
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            if is_new:
                stack.callback(_remove_if_empty, place.directory)
            stack.enter_context(locks.exclusive(str(place.directory / f".{place.name}.lock"), wait, remove=True))
        yield


def _remove_if_empty(directory: pathlib.Path) -> None:
    with contextlib.suppress(OSError):
        directory.rmdir()


def _vouches_for(report: Report, made: datetime.datetime) -> bool:
    """Whether an earlier report with the same content may stay: one of another day proves nothing of this one.

    One of a time to come was written by a wrong clock, or changed by hand.
    """
    return datetime.timedelta(0) <= made - moment(report["generated"]) < retire_plan.FRESH


def _see_the_same(one: Report, other: Report) -> bool:
    return compare.fingerprint(one) == compare.fingerprint(other)


def _outdated_letters(place: Place, contents: t.Mapping[str, bytes]) -> tuple[pathlib.Path, ...]:
    """Letters that an earlier report wrote and this one does not: nobody should send them any more."""
    if not place.letters:
        return ()
    current = {place.path(name) for name in contents}
    mark = f"{letters.MARK}:".encode()
    outdated = []
    for path in sorted((place.directory / letters.DIRECTORY).glob("*.eml")):
        # What cannot be read is no letter of ours.
        with contextlib.suppress(OSError):
            if path not in current and ordinary_files.read(path).startswith(mark):
                outdated.append(path)
    return tuple(outdated)


def manifest(contents: t.Mapping[str, bytes]) -> bytes:
    """The sums of files, by their names, as C(sha256sum -c) reads them (GNU coreutils manual, "md5sum invocation")."""
    return "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in contents.items()).encode()


def _report_on_disk(place: Place) -> Report | None:
    for file_format in ("json", "html"):
        path = place.path(file_format)
        if file_format in place.formats and path.is_file():
            return earlier.load_last(path)
    return None


def _earlier_reports(place: Place, current: Report | None) -> t.Iterator[Report]:
    """The reports that are in the place, newest first; what cannot be read is nobody's memory."""
    if current:
        yield current
    for path in reversed(_archived_files(place.directory / EARLIER, place.name, "json")):
        with contextlib.suppress(CollectionError):
            yield load(path)


def _differs(path: pathlib.Path, content: bytes, mode: int) -> bool:
    try:
        return stat.S_IMODE(path.stat().st_mode) != mode or ordinary_files.read(path) != content
    except OSError:
        return True


def _archive(report: Report, place: Place) -> None:
    if place.keep_earlier <= 0:
        return
    directory = place.directory / EARLIER
    directory.mkdir(mode=0o700, exist_ok=True)
    made = re.sub(r"[^0-9TZ]", "", str(report["generated"]))
    write_file(directory / f"{place.name}-{made}.json", PARTS["json"].render(report), place.mode)
    _keep_latest(directory, place.name, "json", place.keep_earlier)


def _keep_latest(directory: pathlib.Path, name: str, ending: str, number: int) -> None:
    for path in _archived_files(directory, name, ending)[:-number]:
        path.unlink()


def _archived_files(directory: pathlib.Path, name: str, ending: str) -> list[pathlib.Path]:
    """The files of this name that were put away, the oldest first."""
    pattern = re.compile(rf"{re.escape(name)}-\d{{8}}T\d{{6}}Z\.{ending}")
    return sorted(path for path in directory.glob("*") if pattern.fullmatch(path.name))


def _archive_plan(place: Place) -> None:
    """Keep the plan that is in the place: a person may have changed it, or be about to approve it."""
    path = place.path(PLAN)
    if place.keep_earlier <= 0 or not path.is_file():
        return
    directory = place.directory / EARLIER
    directory.mkdir(mode=0o700, exist_ok=True)
    written = datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.UTC)
    write_file(directory / f"{path.stem}-{written:%Y%m%dT%H%M%SZ}.yml", ordinary_files.read(path), place.mode)
    _keep_latest(directory, path.stem, "yml", place.keep_earlier)


def describe(report: Report | None) -> str:
    """A report in one line a lab, for a difference that people can read."""
    if report is None:
        return ""
    lines = []
    for lab in report["labs"]:
        codes = ", ".join(finding["code"] for finding in lab["findings"]) or "none"
        keys = ", ".join(f"{key['access_key_id']} {key['status'].lower()}" for key in lab["access_keys"])
        keys = keys or ("none" if keys_were_read(lab) else "not read")
        lines.append(
            f"{json.dumps(lab['lab'], ensure_ascii=False)}: {lab['state']}; findings: {codes}; keys: {keys}; "
            f"production: {lab['requester']['production']['status']}; link: {lab['link']['status']}; "
            f"next steps: {len(lab['next_steps'])}\n"
        )
    return "".join(lines)
