"""What a run says while it works and at its end: a bar at a terminal, else a line now and then, or JSON lines for programs."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from .language import _

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .plan import Outcome

EVERY = 10.0  # seconds between two lines where there is no terminal


class Teller:
    """Tells of a run; with `log_json` each line of the standard output is a JSON object."""

    def __init__(self, *, log_json: bool) -> None:
        self._json = log_json
        self._console = Console(stderr=True)
        self._started = self._said = time.monotonic()
        self._total = self._done = self._failed = 0
        self._bar: Progress | None = None

    def say(self, event: str, text: str, **values: Any) -> None:
        """One message: `text` for people, event and values for programs."""
        typer.echo(json.dumps({"event": event, **values}, ensure_ascii=False, sort_keys=True) if self._json else text)

    @contextmanager
    def reports(self) -> Iterator[Teller]:
        """Around the making of reports."""
        columns = [
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
        ]
        with Progress(*columns, console=self._console, disable=self._json or not self._console.is_terminal) as self._bar:
            yield self

    def begun(self, total: int) -> None:
        """So many reports are to be made."""
        self._started = self._said = time.monotonic()
        self._total = total
        if self._bar and total:
            self._bar.add_task("", total=total)

    def done(self, outcome: Outcome) -> None:
        """A report was made, or failed."""
        self._done += 1
        self._failed += bool(outcome.error)
        now = time.monotonic()
        rate = self._done / max(now - self._started, 1e-9)
        left = (self._total - self._done) / rate
        pace = _("{rate} a second, {failed} failed", rate=f"{rate:.1f}", failed=self._failed)
        if self._bar and not self._bar.disable:
            self._bar.update(self._bar.task_ids[0], advance=1, description=pace)
        if self._json:
            self.say("report", "", **self._values(outcome), done=self._done, total=self._total, seconds_left=round(left))
        elif outcome.error:
            self._console.print(failure(outcome), highlight=False, markup=False)
        if not self._json and not self._console.is_terminal and now - self._said >= EVERY:
            self._said = now
            words = _(
                "{done} of {total} reports; {pace}; {left} s left",
                done=self._done,
                total=self._total,
                pace=pace,
                left=f"{left:.0f}",
            )
            typer.echo(words, err=True)

    @staticmethod
    def _values(outcome: Outcome) -> dict[str, Any]:
        names = ("dataset", "district", "report", "language", "edition", "period", "error")
        return {**{name: getattr(outcome, name) for name in names}, "seconds": round(outcome.seconds, 3)}

    def finished(self, outcomes: list[Outcome], seconds: float, index: Path | None, *, n: int) -> int:
        """The end of a run of `n` reports; how many failed."""
        failed = [outcome for outcome in outcomes if outcome.error]
        for outcome in [] if self._json else failed:
            typer.echo(failure(outcome))
        values = {
            "made": len(outcomes) - len(failed),
            "n": n,
            "places": len({outcome.district for outcome in outcomes}),
            "failed": len(failed),
            "unchanged": len(outcomes) - self._done,
        }
        text = _(
            "{made} of {n} reports of {places} places made in {seconds} s; {failed} failed.", **values, seconds=f"{seconds:.0f}"
        )
        if values["unchanged"]:
            text += " " + _("Unchanged: {unchanged}.", **values)
        self.say("finished", text, **values, seconds=round(seconds, 2), index=str(index or ""))
        if index and not self._json:
            typer.echo(str(index))
        return len(failed)


def failure(outcome: Outcome) -> str:
    """One line on a report that could not be made; it names the kind of failure and no value of the data."""
    return _(
        "failed: {report} of {district} ({language}): {error}",
        report=outcome.report,
        district=outcome.district,
        language=outcome.language,
        error=outcome.error,
    )
