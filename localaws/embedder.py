"""The local embedder and tokenizer: WordLlama, whose weights come inside its package.

Vectors have 256 dimensions; a larger size is padded with zeros, which leaves cosine similarity
unchanged. About 50 MB in memory; loaded in the background so that the port opens at once.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

NATIVE_DIMENSIONS = 256
_CACHED = 20_000  # words and sentences; about 1 KB each

Vectors = NDArray[np.float32]


class Embedder:
    """Sentence and word vectors, and token counts. Thread-safe."""

    def __init__(self) -> None:
        self._ready = threading.Event()
        self._model: Any = None
        self._failure: Exception | None = None
        self._known: dict[str, Vectors] = {}
        self._counted: dict[str, int] = {}

    def start(self) -> None:
        """Begin to load, beside whatever else starts; who asks meanwhile waits."""
        threading.Thread(target=self._load, name="embedder", daemon=True).start()

    def _load(self) -> None:
        try:
            import wordllama

            model = wordllama.WordLlama.load(
                cache_dir=Path(wordllama.__file__).parent, disable_download=True
            )
            model.tokenizer.no_padding()
            self._model = model
        except Exception as failure:  # raised again in whoever asks for the model
            self._failure = failure
        finally:
            self._ready.set()

    def _loaded(self) -> Any:
        self._ready.wait()
        if self._failure is not None:
            raise self._failure
        return self._model

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The token ids of each text."""
        tokenizer = self._loaded().tokenizer
        return [e.ids for e in tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]

    def count(self, text: str) -> int:
        """How many tokens a text has: what usage counts here.

        Line by line, and remembered: prompts repeat their tools, passages and words.
        """
        lines = text.split("\n")
        known = self._counted
        unknown = list({line for line in lines if line and line not in known})
        if unknown:
            if len(known) > _CACHED:
                self._counted = known = {}
                unknown = list({line for line in lines if line})
            known.update(zip(unknown, map(len, self.token_ids(unknown)), strict=True))
        return sum(known[line] for line in lines if line) + len(lines) - 1

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, one row a text; a text without tokens is a zero row."""
        return self.embed_counted(texts)[0]

    def embed_counted(self, texts: Sequence[str]) -> tuple[Vectors, list[int]]:
        """Unit vectors as `embed` gives them, and each text's tokens; all are tokenized at once."""
        table: Vectors = self._loaded().embedding
        rows = np.zeros((len(texts), NATIVE_DIMENSIONS), dtype=np.float32)
        tokens = self.token_ids(texts)
        for row, ids in enumerate(tokens):
            if ids:
                rows[row] = table[np.clip(ids, 0, len(table) - 1)].mean(axis=0)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        rows /= np.where(lengths > 0, lengths, np.float32(1))
        return rows, [len(ids) for ids in tokens]

    def known(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of words and sentences, remembered since prompts repeat them."""
        unknown = sorted({text for text in texts if text not in self._known})
        if unknown:
            if len(self._known) > _CACHED:
                self._known = {}
                unknown = sorted(set(texts))
            self._known.update(zip(unknown, self.embed(unknown), strict=True))
        cache = self._known
        missing = [text for text in texts if text not in cache]
        if missing:  # another thread emptied the cache meanwhile
            return self.embed(texts)
        return np.array([cache[text] for text in texts], dtype=np.float32).reshape(
            len(texts), NATIVE_DIMENSIONS
        )
