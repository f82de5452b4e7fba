"""LangChain's pipeline from a PDF file to searchable, as its tutorial on semantic search has it.

Answers each line of JSON, `{"file", "query"}`, with one: pages, chunks and whether the best passage
holds the words of the query; in an environment of its own.
"""

import json
import sys

from langchain_aws import BedrockEmbeddings
from langchain_community.document_loaders import PyPDFLoader
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_text_splitters import RecursiveCharacterTextSplitter

MODEL = "amazon.titan-embed-text-v2:0"


def main() -> None:
    """Serve until the input ends."""
    embeddings = BedrockEmbeddings(model_id=MODEL, model_kwargs={"dimensions": 512})
    splitter = RecursiveCharacterTextSplitter(
        chunk_size=1000, chunk_overlap=200, add_start_index=True
    )
    for line in sys.stdin:
        asked = json.loads(line)
        pages = PyPDFLoader(asked["file"]).load()
        chunks = splitter.split_documents(pages)
        store = InMemoryVectorStore(embeddings)
        store.add_documents(documents=chunks)
        found = store.similarity_search(asked["query"], k=10)
        fine = any(asked["words"] in " ".join(each.page_content.split()) for each in found)
        print(json.dumps({"pages": len(pages), "chunks": len(chunks), "found": fine}), flush=True)


if __name__ == "__main__":
    main()
