"""`/_localaws/`: health, scripts and the list of calls, for tests and for people."""

from __future__ import annotations

import json

from localaws.bedrock.invocation_log import InvocationLog
from localaws.calls import CallLog
from localaws.cost.services import Billing
from localaws.dispatch import Dispatcher
from localaws.errors import AwsError
from localaws.identity import Sessions
from localaws.kb.limits import Limits
from localaws.script import ScriptQueue
from localaws.wire import Request, Response


class Workbench:
    """The endpoints that AWS does not have."""

    def __init__(
        self,
        *,
        scripts: ScriptQueue,
        calls: CallLog,
        log: InvocationLog,
        billing: Billing,
        sessions: Sessions,
        dispatcher: Dispatcher,
        limits: Limits,
    ) -> None:
        self._scripts = scripts
        self._calls = calls
        self._log = log
        self._billing = billing
        self._sessions = sessions
        self._dispatcher = dispatcher
        self._limits = limits

    def handle(self, request: Request) -> Response:
        """Answer one of them."""
        match request.method, request.segments[1:]:
            case "GET", ():
                return _index()
            case "GET", ("operations",):
                return Response.of_json({"operations": self._dispatcher.operations()})
            case "GET" | "HEAD", ("health",):
                return Response.of_json({"status": "ok"})
            case "POST", ("script",):
                return self._queue(request)
            case "POST", ("reset",):
                self._scripts.clear()
                self._calls.forget()
                self._log.faults.reset()
                self._billing.reset()
                self._limits.forget()
                return Response.of_json({"queued": 0})
            case "POST", ("logs",):
                return self._deliver(request)
            case "POST", ("cost",):
                return self._billing.switch(request)
            case "POST", ("expire",):
                return self._expire(request)
            case "GET", ("requests",):
                return Response.of_json(
                    {"requests": self._calls.entries(), "counts": self._calls.counts()}
                )
            case "DELETE", ("requests",):
                self._calls.clear()
                return Response.of_json({"requests": []})
        return Response.of_json({"message": "There is nothing here."}, status=404)

    def _queue(self, request: Request) -> Response:
        try:
            return Response.of_json({"queued": self._scripts.add(json.loads(request.body))})
        except (AwsError, TypeError, ValueError) as error:
            return Response.of_json({"message": str(error)}, status=400)

    def _expire(self, request: Request) -> Response:
        """Let role sessions run out at once: that of `accessKey`, or all."""
        try:
            wanted = json.loads(request.body or b"{}").get("accessKey")
        except (AttributeError, ValueError) as error:
            return Response.of_json({"message": str(error)}, status=400)
        return Response.of_json({"expired": self._sessions.expire(wanted)})

    def _deliver(self, request: Request) -> Response:
        """Set the log's switches, and deliver now what is due."""
        try:
            document = json.loads(request.body or b"{}")
            repair = document.pop("repair", False)
            self._log.faults.set(document)
        except (AwsError, AttributeError, ValueError) as error:
            return Response.of_json({"message": str(error)}, status=400)
        repaired = self._log.repair() if repair else 0
        return Response.of_json({"waiting": self._log.flush(), "repaired": repaired})


_INDEX = (
    ("GET", "health", "whether it answers"),
    ("GET", "operations", "every operation offered, and how often it was answered"),
    ("GET", "requests", "the last 1,000 calls, oldest first, and the number of all"),
    ("DELETE", "requests", "forgets them"),
    ("POST", "script", "queues what the next matching calls shall meet"),
    ("POST", "logs", "switches of the invocation log, and delivery now"),
    ("POST", "cost", "switches of billing, and delivery now"),
    ("POST", "expire", "lets role sessions run out at once"),
    ("POST", "reset", "forgets scripts, calls, switches and the calls that limits counted"),
)


def _index() -> Response:
    """What there is, for a person with a browser."""
    rows = "".join(
        f'<tr><td>{method}<td><a href="/_localaws/{name}">/_localaws/{name}</a><td>{words}'
        for method, name, words in _INDEX
    )
    page = f"<!doctype html><html lang=en><title>Local AWS</title><h1>Local AWS</h1><table>{rows}"
    return Response(200, f"{page}</table></html>".encode(), "text/html; charset=utf-8")
