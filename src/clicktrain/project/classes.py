"""The class table: numbers with names and colours, safe to read and edit from any thread."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from psygnal import Signal
from pydantic import ValidationError

from clicktrain.config import ClassInfo, default_class
from clicktrain.errors import ClassesError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["ClassTable"]


class ClassTable:
    """Classes by ascending number; a class that was removed keeps its name and colour for when it comes back.

    Parameters
    ----------
    infos : iterable of ClassInfo

    Attributes
    ----------
    changed : psygnal.Signal
        Emitted after every change, on the thread that made it.
    """

    changed = Signal()

    def __init__(self, infos: Iterable[ClassInfo] = ()) -> None:
        self._infos = {info.number: info for info in infos}
        self._remembered: dict[int, ClassInfo] = {}
        self._lock = threading.Lock()

    @property
    def infos(self) -> tuple[ClassInfo, ...]:
        """All classes, by ascending number."""
        with self._lock:
            return tuple(self._infos[number] for number in sorted(self._infos))

    def __iter__(self) -> Iterator[ClassInfo]:
        return iter(self.infos)

    def __len__(self) -> int:
        return len(self._infos)

    def __contains__(self, number: object) -> bool:
        return number in self._infos

    def __getitem__(self, number: int) -> ClassInfo:
        try:
            return self._infos[number]
        except KeyError:
            known = ", ".join(str(info.number) for info in self) or "none"
            raise ClassesError(
                f"`number` must be a class of the table ({known}), got {number}. Add the class first."
            ) from None

    def named(self, numbers: Iterable[int]) -> tuple[ClassInfo, ...]:
        """Return a ClassInfo for each number, with the default name and colour where the table has none."""
        return tuple(self._infos.get(n) or self._remembered.get(n) or default_class(n) for n in numbers)

    def add(self, name: str | None = None, color: str | None = None) -> ClassInfo:
        """Add a class with the smallest free number and return it."""
        number = next(n for n in range(1, len(self) + 2) if n not in self)
        info = self._checked(default_class(number), name, color)
        self.update([info])
        return info

    def update(self, infos: Iterable[ClassInfo]) -> None:
        """Add classes; those of the same number are replaced."""
        with self._lock:
            before = dict(self._infos)
            self._infos.update((info.number, info) for info in infos)
            same = self._infos == before
        if not same:
            self.changed.emit()

    def ensure(self, numbers: Iterable[int]) -> None:
        """Add the classes that are missing, as they were called before if they were there once."""
        self.update(self.named(n for n in numbers if n not in self))

    def edit(self, number: int, *, name: str | None = None, color: str | None = None) -> None:
        """Give class `number` another name or colour (#rrggbb).

        Raises
        ------
        ClassesError
            If there is no such class, the name is empty or taken, or the colour is not #rrggbb.
        """
        self.update([self._checked(self[number], name, color)])

    def remove(self, number: int) -> None:
        """Drop class `number`."""
        info = self[number]
        with self._lock:
            self._remembered[number] = info
            del self._infos[number]
        self.changed.emit()

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
