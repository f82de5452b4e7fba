"""LanceDB, embedded, as the table of searches asks it; runs in an environment of its own.

`serve.py FOLDER TENANT`: reads vectors.npy, tenants.npy, queries.npy of the folder, makes one table
of all tenants with an index over the vectors and one over the tenant, says `ready`, then answers
each line `[query, how many, refine factor]` with one of JSON: milliseconds and the numbers found,
nearest first.
"""

import json
import sys
from pathlib import Path
from time import perf_counter

import lancedb
import numpy as np
import pyarrow as pa
from lancedb.index import BTree, HnswSq

INDEXED_FROM = 256  # rows; fewer train no index


def main(folder: Path, tenant: int) -> None:
    vectors = np.load(folder / "vectors.npy").astype(np.float32)
    tenants, queries = np.load(folder / "tenants.npy"), np.load(folder / "queries.npy")
    began = perf_counter()
    size = vectors.shape[1]
    flat = pa.array(vectors.reshape(-1), type=pa.float32())
    rows = pa.table(
        {
            "number": pa.array(np.arange(len(vectors))),
            "tenant": pa.array(tenants),
            "vector": pa.FixedSizeListArray.from_arrays(flat, size),
        }
    )
    table = lancedb.connect(str(folder / "lance")).create_table("passages", rows)
    if len(vectors) >= INDEXED_FROM:
        table.create_index("vector", config=HnswSq(distance_type="dot"))
    table.create_index("tenant", config=BTree())
    print(json.dumps({"ready": round(perf_counter() - began, 1)}), flush=True)
    for line in sys.stdin:
        number, count, refined = json.loads(line)
        asked = queries[number]
        began = perf_counter()
        found = (
            table.search(asked)
            .distance_type("dot")
            .where(f"tenant = {tenant}", prefilter=True)
            .nprobes(20)
            .refine_factor(refined)
            .select(["number", "_distance"])
            .limit(count)
            .to_arrow()
        )
        took = (perf_counter() - began) * 1000
        print(json.dumps({"ms": took, "found": found["number"].to_pylist()}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
