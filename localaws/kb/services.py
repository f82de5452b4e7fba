"""The operations of bedrock-agent and bedrock-agent-runtime that are offered here."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from localaws.calls import CallLog
from localaws.dispatch import Service
from localaws.embedder import Embedder
from localaws.kb.bases import KnowledgeBases
from localaws.kb.documents import Documents
from localaws.kb.ingestion import Ingestion
from localaws.kb.limits import Limits
from localaws.kb.runtime import Retrieval
from localaws.router import Router
from localaws.script import ScriptQueue
from localaws.state import JsonStore


class Agents:
    """Knowledge Bases and what is done with them."""

    def __init__(
        self,
        state: Path,
        *,
        store: JsonStore,
        embedder: Embedder,
        scripts: ScriptQueue,
        log: CallLog,
        stopping: threading.Event,
    ) -> None:
        delay = float(os.environ.get("LOCALAWS_KB_DELAY_MS", "300")) / 1000
        documents = Documents(state / "knowledge-bases.sqlite3", delay)
        bases = KnowledgeBases(store, documents, delay)
        self.limits = Limits()
        shared: dict[str, Any] = {
            "bases": bases,
            "documents": documents,
            "embedder": embedder,
            "limits": self.limits,
            "scripts": scripts,
            "log": log,
            "stopping": stopping,
        }
        ingestion, retrieval = Ingestion(**shared), Retrieval(**shared)
        self.services: list[Service] = [
            (
                Router("bedrock-agent"),
                {
                    "CreateKnowledgeBase": bases.create,
                    "GetKnowledgeBase": bases.get,
                    "ListKnowledgeBases": bases.list_bases,
                    "UpdateKnowledgeBase": bases.update,
                    "DeleteKnowledgeBase": bases.delete,
                    "CreateDataSource": bases.create_source,
                    "GetDataSource": bases.get_source,
                    "ListDataSources": bases.list_sources,
                    "DeleteDataSource": bases.delete_source,
                    "TagResource": bases.tag,
                    "UntagResource": bases.untag,
                    "ListTagsForResource": bases.list_tags,
                    "IngestKnowledgeBaseDocuments": ingestion.ingest,
                    "DeleteKnowledgeBaseDocuments": ingestion.delete,
                    "GetKnowledgeBaseDocuments": ingestion.get,
                    "ListKnowledgeBaseDocuments": ingestion.list_documents,
                },
            ),
            (
                Router("bedrock-agent-runtime"),
                {"Rerank": retrieval.rerank, "Retrieve": retrieval.retrieve},
            ),
        ]
