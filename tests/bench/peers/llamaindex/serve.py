"""LlamaIndex' pipeline from a PDF file to searchable, as its starter example has it.

Answers each line of JSON, `{"file", "query"}`, with one: pages, chunks and whether the best passage
holds the words of the query; in an environment of its own.
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
        pages = SimpleDirectoryReader(input_files=[asked["file"]]).load_data()
        index = VectorStoreIndex.from_documents(
            pages, transformations=[SentenceSplitter()], embed_model=embedding
        )
        found = index.as_retriever(similarity_top_k=10).retrieve(asked["query"])
        fine = any(asked["words"] in " ".join(each.get_content().split()) for each in found)
        chunks = len(index.index_struct.nodes_dict)
        print(json.dumps({"pages": len(pages), "chunks": chunks, "found": fine}), flush=True)


if __name__ == "__main__":
    main()
