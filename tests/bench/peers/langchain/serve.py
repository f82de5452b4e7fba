"""LangChain's pipeline from a PDF file to searchable, as its tutorial on semantic search has it.

Answers each line of JSON, `{"files", "asked"}`, with one: pages, chunks and whether the best
passages of each query hold its words; in an environment of its own.
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
        pages = [page for file in asked["files"] for page in PyPDFLoader(file).load()]
        chunks = splitter.split_documents(pages)
        store = InMemoryVectorStore(embeddings)
        store.add_documents(documents=chunks)
        fine = all(
            any(
                each["words"] in " ".join(found.page_content.split())
                for found in store.similarity_search(each["query"], k=10)
            )
            for each in asked["asked"]
        )
        print(json.dumps({"pages": len(pages), "chunks": len(chunks), "found": fine}), flush=True)


if __name__ == "__main__":
    main()
