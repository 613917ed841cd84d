"""Would a tree or a graph index beat reading every row? Times both for the image search.

Rows are drawn in a subspace of few dimensions with a falling spectrum, and the indexes get them in that subspace's
coordinates: the kindest case for them, since pooled features have 2048 values and no exact subspace. The search that
reads every row is timed on full rows by `spade bench image-search --rows N --length 2048`.

    python3 tree_and_graph.py --rows 1000000

Needs Debian's python3-sklearn (ball tree, exact) and python3-faiss (HNSW, approximate).
"""
import argparse
import json
import time

import faiss
import numpy as np
from sklearn.neighbors import BallTree

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--rows", type=int, default=1_000_000)
parser.add_argument("--dimensions", type=int, default=64, help="of the subspace")
parser.add_argument("--neighbours", type=int, default=50)
parser.add_argument("--queries", type=int, default=20)
parser.add_argument("--json", action="store_true")
options = parser.parse_args()

rng = np.random.default_rng(1)
spectrum = 1 / np.sqrt(np.arange(1, options.dimensions + 1))
draw = lambda n: (rng.standard_normal((n, options.dimensions)) * spectrum).astype(np.float32)
rows, queries = draw(options.rows), draw(options.queries)
results = []


def report(index, build, ms, recall, share):
    results.append(dict(index=index, rows=options.rows, build_s=build, median_ms=ms, recall=recall, share_of_rows_compared=share))
    if not options.json:
        shown = "" if share is None else f", {share:.1%} of the rows compared"
        print(f"{index}: built in {build:.0f} s, {ms:.1f} ms a query, recall {recall:.4f}{shown}", flush=True)


def median_ms(search):
    times, found = [], []
    for query in queries:
        start = time.perf_counter()
        found.append(search(query[None]))
        times.append(1000 * (time.perf_counter() - start))
    return float(np.median(times)), found


flat = faiss.IndexFlatL2(options.dimensions)
flat.add(rows)
true = [set(flat.search(q[None], options.neighbours)[1][0]) for q in queries]


def recall_of(found):
    return float(np.mean([len(t & set(f)) / options.neighbours for t, f in zip(true, found)]))


start = time.perf_counter()
tree = BallTree(rows, leaf_size=40)
build = time.perf_counter() - start
tree.reset_n_calls()
ms, found = median_ms(lambda q: tree.query(q, k=options.neighbours)[1][0])
report("ball tree", build, ms, recall_of(found), tree.get_n_calls() / options.queries / options.rows)
del tree

start = time.perf_counter()
graph = faiss.IndexHNSWFlat(options.dimensions, 32)
graph.add(rows)
build = time.perf_counter() - start
for ef in (64, 256, 1024, 4096):
    graph.hnsw.efSearch = ef
    ms, found = median_ms(lambda q: graph.search(q, options.neighbours)[1][0])
    report(f"HNSW, efSearch {ef}", build, ms, recall_of(found), None)

if options.json:
    print(json.dumps(results))
