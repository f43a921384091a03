# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""More renderings of the site, each a product of its own: other pages, other scripts, the same rules behind them.

A rendering of renderings.py varies one site's templates. What is here is built as other products are built (a hosted
sign-in, a single-page app, web components), one file each, to be read on its own. `portal.url_for(name)` serves it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

from werkzeug.wrappers import Response

from .call import Call


@dataclass(frozen=True)
class Product:
    """What it exercises, in a few words for the table, and what answers its requests."""

    exercises: str
    answer: Callable[[Call], Response | None]


def _products() -> dict[str, Product]:
    found = {}
    for module in pkgutil.iter_modules(__path__):
        piece = importlib.import_module(f"{__name__}.{module.name}")
        if hasattr(piece, "EXERCISES"):
            found[module.name] = Product(piece.EXERCISES, piece.answer)
    return found


PRODUCTS: dict[str, Product] = _products()

__all__ = ["PRODUCTS", "Call", "Product"]
