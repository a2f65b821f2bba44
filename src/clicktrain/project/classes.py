"""The classes of pixels: numbers with names and colours, as a frozen value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pydantic import ValidationError

from clicktrain.config import ClassInfo, default_class
from clicktrain.errors import ClassesError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["ClassList"]


@dataclass(frozen=True, slots=True)
class ClassList:
    """Classes by ascending number; one that was removed keeps its name and colour for when it comes back.

    Parameters
    ----------
    infos : tuple of ClassInfo
    removed : tuple of ClassInfo
    """

    infos: tuple[ClassInfo, ...] = ()
    removed: tuple[ClassInfo, ...] = ()

    def __iter__(self) -> Iterator[ClassInfo]:
        return iter(self.infos)

    def __len__(self) -> int:
        return len(self.infos)

    def __contains__(self, number: object) -> bool:
        return any(info.number == number for info in self.infos)

    def __getitem__(self, number: int) -> ClassInfo:
        for info in self.infos:
            if info.number == number:
                return info
        known = ", ".join(str(info.number) for info in self) or "none"
        raise ClassesError(f"`number` must be a class of the project ({known}), got {number}. Add the class first.")

    def named(self, numbers: Iterable[int]) -> tuple[ClassInfo, ...]:
        """Return a ClassInfo for each number, with the default name and colour where it never had others."""
        known = {info.number: info for info in (*self.removed, *self.infos)}
        return tuple(known.get(number) or default_class(number) for number in numbers)

    def updated(self, infos: Iterable[ClassInfo]) -> ClassList:
        """Return these classes with others added; those of the same number are replaced."""
        by_number = {info.number: info for info in (*self.infos, *infos)}
        return replace(self, infos=tuple(by_number[number] for number in sorted(by_number)))

    def without(self, number: int) -> ClassList:
        """Return these classes without one of them."""
        info = self[number]
        return ClassList(
            tuple(other for other in self if other is not info),
            (*(other for other in self.removed if other.number != number), info),
        )

    def new(self, name: str | None = None, color: str | None = None) -> ClassInfo:
        """Return a class with the smallest free number."""
        number = next(n for n in range(1, len(self) + 2) if n not in self)
        return self._checked(default_class(number), name, color)

    def edited(self, number: int, name: str | None = None, color: str | None = None) -> ClassInfo:
        """Return class `number` with another name or colour (#rrggbb).

        Raises
        ------
        ClassesError
            If there is no such class, the name is empty or taken, or the colour is not #rrggbb.
        """
        return self._checked(self[number], name, color)

    def _checked(self, info: ClassInfo, name: str | None, color: str | None) -> ClassInfo:
        name = info.name if name is None else name.strip()
        if any(other.name == name for other in self if other.number != info.number):
            raise ClassesError(f"class names must differ, got {name!r} twice. Choose another name.")
        try:
            return ClassInfo(number=info.number, name=name, color=color or info.color)
        except ValidationError as error:
            raise ClassesError(
                f"a class must have a name and a colour #rrggbb, got {name!r} and {color or info.color!r}."
            ) from error
