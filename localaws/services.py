"""The whole local AWS put together, and the operations of its Bedrock services."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from localaws.bedrock.batch import BatchJobs
from localaws.bedrock.batch_run import Runner
from localaws.bedrock.batch_text import BatchText
from localaws.bedrock.control import ControlPlane
from localaws.bedrock.converse import Conversations
from localaws.bedrock.invocation_log import InvocationLog
from localaws.bedrock.invoke import Invocations
from localaws.bedrock.invoke_text import TextInvocations
from localaws.bedrock.metering import Meter
from localaws.bedrock.provisioned import Provisioned
from localaws.bedrock.turns import Model
from localaws.calls import Call, CallLog
from localaws.cost.services import Billing
from localaws.dispatch import Dispatcher, Service
from localaws.embedder import Embedder
from localaws.guard.store import Guardrails
from localaws.iam.enforcement import Enforcement
from localaws.iam.kept import KeptIam
from localaws.identity import Sessions, signed_wrongly
from localaws.kb.services import Agents
from localaws.model.extractive import ExtractiveModel
from localaws.moto_front import MotoFront
from localaws.objects import ObjectStore
from localaws.router import Router
from localaws.script import ScriptQueue
from localaws.state import JsonStore
from localaws.wire import Response, StartResponse, read_request
from localaws.workbench import Workbench


class LocalAws:
    """A WSGI application: Bedrock answered here, the rest by moto."""

    def __init__(self, state: Path) -> None:
        self.stopping = threading.Event()
        self.embedder = Embedder()
        self._sessions = Sessions(state / "sessions.json")
        objects = ObjectStore(state / "s3")
        self._moto = MotoFront(objects, self._sessions, KeptIam(state / "iam"))
        self._moto.restore()
        store = JsonStore(state / "bedrock")
        self._log = InvocationLog(store, objects)
        self._billing = Billing(state, store, objects)
        scripts, calls = ScriptQueue(), CallLog(self._finished)
        guardrails, meter = Guardrails(store), Meter(self.embedder.count)
        shared: dict[str, Any] = {
            "meter": meter,
            "store": store,
            "embedder": self.embedder,
            "guardrails": guardrails,
            "scripts": scripts,
            "log": calls,
            "stopping": self.stopping,
        }
        model, enforcement = _model(self.embedder), Enforcement(store)
        self._jobs = BatchJobs(
            store,
            Runner(
                store=store,
                objects=objects,
                embedder=self.embedder,
                text=BatchText(model, meter),
                scripts=scripts,
                log=calls,
                stopping=self.stopping,
                enforcement=enforcement,
            ),
            scripts,
            self.stopping,
            enforcement,
        )
        conversations = Conversations(
            model=model,
            token_delay_ms=float(os.environ.get("LOCALAWS_TOKEN_DELAY_MS", "8")),
            **shared,
        )
        invocations = Invocations(**shared)
        texts = TextInvocations(conversations, invocations, store)
        control, provisioned = ControlPlane(store), Provisioned(store)
        agents = Agents(
            state,
            store=store,
            embedder=self.embedder,
            scripts=scripts,
            log=calls,
            stopping=self.stopping,
        )
        jobs = self._jobs
        services: list[Service] = [
            (
                Router("bedrock-runtime"),
                {
                    "ApplyGuardrail": invocations.apply_guardrail,
                    "Converse": conversations.converse,
                    "ConverseStream": conversations.converse_stream,
                    "CountTokens": invocations.count_tokens,
                    "InvokeGuardrailChecks": invocations.guardrail_checks,
                    "InvokeModel": texts.invoke,
                    "InvokeModelWithResponseStream": texts.invoke_stream,
                },
            ),
            (
                Router("bedrock"),
                {
                    "CreateGuardrail": guardrails.create,
                    "CreateGuardrailVersion": guardrails.create_version,
                    "DeleteGuardrail": guardrails.delete,
                    "GetGuardrail": guardrails.get,
                    "ListGuardrails": guardrails.list,
                    "UpdateGuardrail": guardrails.update,
                    "CreateInferenceProfile": control.create_profile,
                    "DeleteInferenceProfile": control.delete_profile,
                    "GetInferenceProfile": control.get_profile,
                    "ListInferenceProfiles": control.list_profiles,
                    "GetFoundationModel": control.get_model,
                    "ListFoundationModels": control.list_models,
                    "CreateProvisionedModelThroughput": provisioned.create,
                    "DeleteProvisionedModelThroughput": provisioned.delete,
                    "GetProvisionedModelThroughput": provisioned.get,
                    "ListProvisionedModelThroughputs": provisioned.list,
                    "TagResource": control.tag,
                    "UntagResource": control.untag,
                    "ListTagsForResource": control.list_tags,
                    "CreateModelInvocationJob": jobs.create,
                    "GetModelInvocationJob": jobs.get,
                    "ListModelInvocationJobs": jobs.list,
                    "StopModelInvocationJob": jobs.stop_job,
                    "PutModelInvocationLoggingConfiguration": self._log.put_logging,
                    "GetModelInvocationLoggingConfiguration": control.get_logging,
                    "DeleteModelInvocationLoggingConfiguration": control.delete_logging,
                },
            ),
            *agents.services,
            *self._billing.services,
        ]
        self._dispatcher = Dispatcher(services, enforcement.authorize)
        self._workbench = Workbench(
            scripts=scripts,
            calls=calls,
            log=self._log,
            billing=self._billing,
            sessions=self._sessions,
            dispatcher=self._dispatcher,
            limits=agents.limits,
        )

    def start(self) -> None:
        """Begin the background work."""
        self.embedder.start()
        self._log.start()
        self._billing.start()
        self._jobs.start()

    def stop(self) -> None:
        """End streams at once and deliver the logs that wait."""
        self.stopping.set()
        self._jobs.stop()
        self._log.stop()
        self._billing.stop()

    def _finished(self, call: Call) -> None:
        """Book what a call used, then log it; both before its caller learns of its end.

        What a reset found under way is no part of what came after it.
        """
        if call.forgotten:
            return
        self._billing.book.add(call)
        self._log.add(call)

    def __call__(
        self, environ: dict[str, Any], start_response: StartResponse
    ) -> Iterable[bytes] | Iterator[bytes]:
        """Answer one request."""
        caller = self._sessions.identify(environ)
        path = str(environ.get("PATH_INFO", ""))
        if path.startswith("/_localaws"):
            request = read_request(environ, caller, "")
            return self._workbench.handle(request).send(start_response)
        if wrong := signed_wrongly(environ):
            answer = Response.of_json({"message": wrong.message}, wrong.status)
            answer.headers |= {
                "x-amzn-errortype": wrong.code,
                "x-amzn-requestid": str(uuid.uuid4()),
            }
            return answer.send(start_response)
        if self._dispatcher.offers(caller.service):
            request = read_request(environ, caller, str(uuid.uuid4()))
            return self._dispatcher.handle(request).send(start_response)
        service = caller.service or _unsigned(environ)
        return self._moto.handle(service, caller, environ, start_response)


def _unsigned(environ: dict[str, Any]) -> str:
    """The service of an unsigned request: a form with an Action is STS's, all else S3's."""
    form = str(environ.get("CONTENT_TYPE", "")).startswith("application/x-www-form-urlencoded")
    root = environ.get("PATH_INFO", "/") in ("", "/")
    return "sts" if form and root and environ["REQUEST_METHOD"] == "POST" else "s3"


def _model(embedder: Embedder) -> Model:
    """The extractive model, or the server that LOCAL_MODEL_URL names."""
    url = os.environ.get("LOCAL_MODEL_URL", "").rstrip("/")
    if not url:
        return ExtractiveModel(embedder)
    from localaws.model.remote import RemoteModel

    return RemoteModel(url, os.environ.get("LOCAL_MODEL_NAME", "default"))
