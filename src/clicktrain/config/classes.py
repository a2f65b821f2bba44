"""Names and colours of classes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from clicktrain.config.base import Frozen

__all__ = ["PALETTE", "ClassInfo", "default_class"]

# Okabe and Ito 2008: eight colours that people with any colour vision can tell apart (black left out).
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#f0e442")


class ClassInfo(Frozen):
    """One class of a classifier, as people see it."""

    number: Annotated[int, Field(ge=1, title="Number", description="Value in the labels image.")]
    name: Annotated[str, Field(min_length=1, title="Name")]
    color: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$", title="Colour", description="As #rrggbb.")]


def default_class(number: int) -> ClassInfo:
    """Return class `number` with a name and a colour of the palette."""
    return ClassInfo(number=number, name=f"class {number}", color=PALETTE[(number - 1) % len(PALETTE)])
