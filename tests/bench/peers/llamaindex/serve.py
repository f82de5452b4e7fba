"""LlamaIndex' pipeline from a PDF file to searchable, as its starter example has it.

Answers each line of JSON, `{"files", "asked"}`, with one: pages, chunks and whether the best
passages of each query hold its words; in an environment of its own.
"""

import json
import sys

from llama_index.core import SimpleDirectoryReader, VectorStoreIndex
from llama_index.core.node_parser import SentenceSplitter
from llama_index.embeddings.bedrock import BedrockEmbedding

MODEL = "amazon.titan-embed-text-v2:0"


def main() -> None:
    """Serve until the input ends."""
    embedding = BedrockEmbedding(model_name=MODEL, region_name="us-east-1")
    for line in sys.stdin:
        asked = json.loads(line)
        pages = SimpleDirectoryReader(input_files=asked["files"]).load_data()
        index = VectorStoreIndex.from_documents(
            pages, transformations=[SentenceSplitter()], embed_model=embedding
        )
        retriever = index.as_retriever(similarity_top_k=10)
        fine = all(
            any(
                each["words"] in " ".join(found.get_content().split())
                for found in retriever.retrieve(each["query"])
            )
            for each in asked["asked"]
        )
        chunks = len(index.index_struct.nodes_dict)
        print(json.dumps({"pages": len(pages), "chunks": chunks, "found": fine}), flush=True)


if __name__ == "__main__":
    main()
