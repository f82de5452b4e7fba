"""Billing put together: the book, its two services, the switches, and the hourly delivery."""

from __future__ import annotations

import json
import threading
from datetime import date, datetime
from pathlib import Path

from localaws.cost.book import Book
from localaws.cost.drift import Injected
from localaws.cost.explorer import CostExplorer
from localaws.cost.exports import DataExports
from localaws.dispatch import Service
from localaws.errors import AwsError, invalid
from localaws.objects import ObjectStore
from localaws.router import Router
from localaws.state import JsonStore
from localaws.wire import Json, Request, Response

DELIVER_SECONDS = 3600.0


class Billing:
    """What `LocalAws` asks of billing."""

    def __init__(self, state: Path, store: JsonStore, objects: ObjectStore) -> None:
        self.book = Book(state / "cost" / "usage.sqlite", store)
        self._injected = Injected()
        self._exports = DataExports(store, self.book, self._injected, objects)
        explorer, exports = CostExplorer(self.book, self._injected), self._exports
        self.services: list[Service] = [
            (
                Router("ce"),
                {
                    "GetCostAndUsage": explorer.cost_and_usage,
                    "ListCostAllocationTags": explorer.list_tags,
                    "UpdateCostAllocationTagsStatus": explorer.update_tags,
                },
            ),
            (
                Router("bcm-data-exports"),
                {
                    "CreateExport": exports.create,
                    "DeleteExport": exports.delete,
                    "GetExport": exports.get,
                    "ListExports": exports.list,
                    "ListExecutions": exports.executions,
                    "UpdateExport": exports.update,
                },
            ),
        ]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="data-exports", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join(timeout=2)

    def _run(self) -> None:
        while not self._stop.wait(DELIVER_SECONDS):
            self._exports.deliver()

    # `/_localaws/cost` ----------------------------------------------------------------------

    def switch(self, request: Request) -> Response:
        """Set switches, then do what is asked for: move the clock, close a day, deliver."""
        try:
            document = json.loads(request.body or b"{}")
            answer = self._switched(document)
        except AwsError as error:
            return Response.of_json({"message": error.message}, status=400)
        except (AttributeError, TypeError, ValueError) as error:
            return Response.of_json({"message": str(error)}, status=400)
        return Response.of_json(answer)

    def _switched(self, document: Json) -> Json:
        known = {"drift", "late", "duplicate_rows", "duplicate_files", "clock", "close", "deliver"}
        if odd := set(document) - known:
            raise invalid(f"The switches of the bill are {sorted(known)}; not {sorted(odd)}")
        self._injected.set(document)
        if "clock" in document:
            self._set_clock(document["clock"])
        if "close" in document:
            self.book.keep("closed_until", date.fromisoformat(document["close"]).isoformat())
        return {
            "clock": self.book.now().isoformat(),
            "delivered": self._exports.deliver() if document.get("deliver") else [],
        }

    def _set_clock(self, moment: str | None) -> None:
        self.book.keep("clock_offset", "0")
        if moment:
            ahead = datetime.fromisoformat(moment) - self.book.now()
            self.book.keep("clock_offset", str(ahead.total_seconds()))

    def reset(self) -> None:
        """End what is injected and set the clock right; usage and exports stay."""
        self._injected.set(
            {"drift": [], "late": [], "duplicate_rows": False, "duplicate_files": False}
        )
        self._set_clock(None)
