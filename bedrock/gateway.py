"""The only way to a model.

Every call is admitted, resolved to the tenant's own policy, recorded, sent, and settled. Callers
run inside a tenant and give who acts, for which feature, under which request id; Region, profile,
guardrail, limits and stamps are not theirs to choose.
"""

from bedrock.calls import (
    Finished,
    Grounding,
    GuardrailVerdict,
    ModelAnswer,
    ModelRequest,
    StreamEvent,
    TextDelta,
    ToolUse,
    Usage,
)
from bedrock.conversing import converse
from bedrock.embedding import embed
from bedrock.errors import (
    MaskUnproven,
    ModelStreamInterrupted,
    PictureNotMasked,
    PicturesUnseen,
    TextBlocked,
)
from bedrock.guarding import apply_guardrail, grounding
from bedrock.knowledge import knowledge_retrieve
from bedrock.knowledge_documents import KnowledgeChunk, chunk_states, chunks_delete, chunks_put
from bedrock.masking import (
    Masked,
    as_masked,
    mask,
    mask_version,
    masked_first,
    masks,
    refused,
    stretch_entities,
)
from bedrock.pictures import PICTURES_AT_ONCE, picture_block
from bedrock.rerank import passages_reranked, rerank
from bedrock.sight import pictures_require
from bedrock.streaming import converse_stream, drains_finish
from bedrock.toolresults import result_refused

__all__ = [
    "PICTURES_AT_ONCE",
    "Finished",
    "Grounding",
    "GuardrailVerdict",
    "KnowledgeChunk",
    "MaskUnproven",
    "Masked",
    "ModelAnswer",
    "ModelRequest",
    "ModelStreamInterrupted",
    "PictureNotMasked",
    "PicturesUnseen",
    "StreamEvent",
    "TextBlocked",
    "TextDelta",
    "ToolUse",
    "Usage",
    "apply_guardrail",
    "as_masked",
    "chunk_states",
    "chunks_delete",
    "chunks_put",
    "converse",
    "converse_stream",
    "drains_finish",
    "embed",
    "grounding",
    "knowledge_retrieve",
    "mask",
    "mask_version",
    "masked_first",
    "masks",
    "passages_reranked",
    "picture_block",
    "pictures_require",
    "refused",
    "rerank",
    "result_refused",
    "stretch_entities",
]
