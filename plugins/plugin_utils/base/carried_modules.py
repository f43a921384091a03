# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports what a program carries in a ZIP file, as Ansible's modules do, without compiling it each time."""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import pkgutil
import sys
import types
import typing as t
import zipimport


class InstalledSources(importlib.abc.MetaPathFinder):
    """Spares compiling what a program carries in a ZIP file, where the same source is installed here and compiled.

    Compiling is more than half of what a module of amazon.aws costs. A source that differs in one byte is compiled.

    :param packages: the packages that programs carry; this process must have its own still loaded.
    """

    def __init__(self, packages: t.Iterable[str]) -> None:
        # Where this process has its Ansible and its collections from.
        self._roots = {name: list(getattr(sys.modules.get(name), "__path__", [])) for name in packages}

    def find_spec(
        self, fullname: str, path: t.Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """As C(importlib.abc.MetaPathFinder): what the program does not carry is left to the other finders."""
        if fullname.partition(".")[0] not in self._roots:
            return None
        for place in sys.path if path is None else path:
            carrier = pkgutil.get_importer(place)
            # zipimport compiles a module as soon as it is asked for its specification or file, and again to load it.
            with contextlib.suppress(zipimport.ZipImportError):
                if isinstance(carrier, zipimport.zipimporter):
                    return _CarriedModule(carrier, fullname, self.code_of).spec()
        return None

    def code_of(self, fullname: str, source: bytes) -> types.CodeType | None:
        """The code of a module, if the file that is installed here under its name has this very source."""
        top, _dot, rest = fullname.partition(".")
        for root in self._roots[top]:
            base = os.path.join(root, *rest.split("."))
            for file in (f"{base}.py", os.path.join(base, "__init__.py")):
                with contextlib.suppress(OSError):
                    with open(file, "rb") as opened:
                        same = opened.read() == source
                    if same:
                        return importlib.machinery.SourceFileLoader(fullname, file).get_code(fullname)
        return None


class _CarriedModule(importlib.abc.InspectLoader):
    """Loads one module out of a program's ZIP file.

    :raises zipimport.ZipImportError: it is not there.
    """

    def __init__(
        self,
        carrier: zipimport.zipimporter,
        fullname: str,
        installed: t.Callable[[str, bytes], types.CodeType | None],
    ) -> None:
        self._carrier = carrier
        self._installed = installed
        self._name = fullname
        self._package = carrier.is_package(fullname)
        base = os.path.join(carrier.archive, carrier.prefix, fullname.rpartition(".")[2])
        self._directory = base if self._package else None
        self._file = os.path.join(base, "__init__.py") if self._package else f"{base}.py"

    def spec(self) -> importlib.machinery.ModuleSpec | None:
        """The module's specification."""
        where = [self._directory] if self._directory else None
        return importlib.util.spec_from_file_location(
            self._name, self._file, loader=self, submodule_search_locations=where
        )

    def get_code(self, fullname: str) -> types.CodeType | None:
        """As C(importlib.abc.InspectLoader)."""
        return self._installed(fullname, self._carrier.get_data(self._file)) or self._carrier.get_code(fullname)

    def get_source(self, fullname: str) -> str | None:
        """As C(importlib.abc.InspectLoader)."""
        return self._carrier.get_source(fullname)

    def is_package(self, fullname: str) -> bool:
        """As C(importlib.abc.InspectLoader)."""
        return self._package

    def get_data(self, path: str) -> bytes:
        """As C(importlib.abc.ResourceLoader)."""
        return self._carrier.get_data(path)

    def get_filename(self, fullname: str) -> str:
        """As C(importlib.abc.ExecutionLoader)."""
        return self._file
