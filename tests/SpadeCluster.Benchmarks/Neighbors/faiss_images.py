"""FAISS IndexFlatL2 over random pooled features, a peer for `spade bench image-search --peer`."""
import argparse
import json
import time

import faiss
import numpy as np

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--rows", type=int, default=200_000)
parser.add_argument("--length", type=int, default=2048)
parser.add_argument("--queries", type=int, default=1)
parser.add_argument("--neighbours", type=int, default=50)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--runs", type=int, default=5)
args = parser.parse_args()
faiss.omp_set_num_threads(args.threads)
random = np.random.default_rng(1)
index = faiss.IndexFlatL2(args.length)
for first in range(0, args.rows, 10_000):
    index.add(random.random((min(10_000, args.rows - first), args.length), dtype=np.float32))
queries = random.random((args.queries, args.length), dtype=np.float32)
seconds = []
for run in range(-1, args.runs):
    start = time.perf_counter()
    index.search(queries, args.neighbours)
    if run >= 0:
        seconds.append(time.perf_counter() - start)
print(json.dumps({"seconds": seconds}))
