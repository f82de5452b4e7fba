"""What the worker's parent process knows of a task whose child it has killed."""

from typing import Any

from celery.worker.request import Request


class TellingRequest(Request):
    """Let handlers of a failure by time limit see the request: its queue, how often it was tried.

    Celery puts it in their reach for other failures alone (`Request.on_failure`).
    """

    def on_timeout(self, soft: bool, timeout: float) -> Any:
        self.task.request_stack.push(self._context)  # type: ignore[attr-defined]  # not in the stubs
        try:
            return super().on_timeout(soft, timeout)
        finally:
            self.task.request_stack.pop()
