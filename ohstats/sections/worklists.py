"""What is due in the internal edition: how much in each township, and the lists themselves for the workbooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import lists, reference
from ..display import Table
from ..language import _
from ..result import Result
from .common import section

if TYPE_CHECKING:
    import pandas as pd

    from ..data import Data

_SHOWN = ["township", "report_unit", "employer_name", "employer_uscc", "since", "file", "row"]


@section
def worklists(data: Data) -> Result:
    """How much is due by township and list; the site writes one workbook a township. Nothing in the public edition."""
    there = {name: data.lists[name] for name in lists.declared() if len(data.lists.get(name, ()))}
    if data.edition != "internal" or not there:
        return Result(id="worklists", language=data.language)
    names = {name: reference.name_of(lists.declared()[name], data.language) for name in there}
    townships = sorted({township for rows in there.values() for township in rows["township"]}, key=lambda name: (not name, name))
    cells = [
        [township or _("not known"), *(str(int((rows["township"] == township).sum())) for rows in there.values()), str(number)]
        for number, township in enumerate(townships, start=1)
    ]
    cells.append([_("all"), *(str(len(rows)) for rows in there.values()), ""])
    table = Table(
        _("Due by township, {date}", date=data.dataset.data_date or str(data.period)),
        [_("Township"), *names.values(), _("Workbook")],
        cells,
        _(
            "One workbook a township. Rows about persons and sole traders carry the file and the row of the raw export, never a "
            "name or a number."
        ),
        numeric=tuple(range(1, len(names) + 2)),
    )
    header = [
        _("Township"), _("Reporting unit"), _("Employer"), _("Credit code"), _("Due since"), _("File"), _("Row"),
    ]  # fmt: skip
    sheets = [{"id": name, "title": names[name], "header": header, "rows": _rows(rows)} for name, rows in there.items()]
    told = [_("The lists are for those who act on them: keep the workbooks where the raw data are kept.")]
    return Result(
        id="worklists", language=data.language, title=_("What is due"), sentences=told, table=table, internal=True, sheets=sheets
    )


def _rows(rows: pd.DataFrame) -> list[list[str]]:
    return [[str(cell) for cell in row] for row in rows[_SHOWN].itertuples(index=False)]
