"""What can go wrong through no fault of the program: shown without a traceback, with what to do next.

Messages are gettext msgids with {placeholders}; they are put into the reader's language when they are shown.
Values of personal columns never stand in a message: name the file, the row and the column instead.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from .language import _

if TYPE_CHECKING:
    from collections.abc import Iterable


class Fault:
    """One fault of a file or a table: a message and the values that fill it."""

    def __init__(self, message: str, **values: object) -> None:
        self.message = message
        self.values = values

    def __str__(self) -> str:
        return _(self.message, **self.values)


class OhstatsError(Exception):
    """Base of all errors that the user can correct.

    Parameters
    ----------
    message : str
        gettext msgid with {placeholders}.
    faults : iterable of Fault
        All faults found, shown one a line below the message.
    **values
        What fills the placeholders.
    """

    def __init__(self, message: str, *, faults: Iterable[Fault] = (), **values: object) -> None:
        self.message = message
        self.faults = tuple(faults)
        self.values = values
        super().__init__(message)

    def __str__(self) -> str:
        return "\n  ".join([_(self.message, **self.values), *map(str, self.faults)])

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.message, self.faults, self.values)


def _rebuild(kind: type[OhstatsError], message: str, faults: tuple[Fault, ...], values: dict[str, object]) -> OhstatsError:
    return kind(message, faults=faults, **values)


class CountError(OhstatsError, ValueError):
    """A count is missing, negative, fractional, infinite or above its denominator; the rows are named."""


class FileRefused(OhstatsError):
    """A file of a data set cannot be read as what it says it is; nothing was written."""


class ParameterRefused(OhstatsError, ValueError):
    """A parameter or option is unknown or out of range; what exists is listed."""


class NotebookRefused(OhstatsError):
    """A notebook cannot be run unattended as it is."""


class NotPublishable(OhstatsError):
    """The finished folder holds something that may not be published; nothing was published."""


def nearest(name: str, known: Iterable[str], *, most: int = 3) -> str:
    """Names of `known` that resemble `name`, else the first ones, as a list to print."""
    names = [str(each) for each in known]
    close = get_close_matches(str(name), names, n=most, cutoff=0.6)
    if close:
        return ", ".join(close)
    return ", ".join(names[:12]) + (" …" if len(names) > 12 else "")
