"""Checks of the numbers that stand beside counts: expected cases, lengths, targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import Fault, ParameterRefused
from ..estimates import check_columns, numbers, refuse

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from ..estimates import Groups

    Floats = NDArray[np.float64]


def given(table: pd.DataFrame, column: str, *, above_zero: bool = False) -> Floats:
    """A column of finite numbers from 0 up, or above 0.

    Raises
    ------
    CountError
        A number is missing, infinite, negative, or 0 where that is not allowed; every such row is named.
    """
    check_columns(table, column)
    values = numbers(table, column)
    faults = {
        Fault("row {row}: {counts}: the number is missing"): np.isnan(values),
        Fault("row {row}: {counts}: the number is infinite"): np.isinf(values),
        Fault("row {row}: {counts}: the number is negative"): values < 0,
        Fault("row {row}: {counts}: the number is 0"): (values == 0) & above_zero,
    }
    refuse(table, [column], faults)
    return values


def for_groups(table: pd.DataFrame, number: str | float, groups: Groups, *, name: str, above_zero: bool = False) -> Floats:
    """One number per group: the same for all, or from a column that does not vary within a group.

    Raises
    ------
    CountError
        As for `given`; or the column varies within a group.
    ParameterRefused
        The number is not finite or is too small.
    """
    if not isinstance(number, str):
        if not 0 <= number < np.inf or (above_zero and number == 0):
            raise ParameterRefused("{name} is {number}: give a finite number from 0 up", name=name, number=number)
        return np.full(len(groups.keys), float(number))
    values = given(table, number, above_zero=above_zero)
    single = np.zeros(len(groups.keys))
    single[groups.codes] = values
    varies = groups.total((values != single[groups.codes]).astype(float))[groups.codes] > 0
    refuse(table, [number], {Fault("row {row}: {counts}: it varies within its group"): varies})
    return single
