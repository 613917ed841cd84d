"""Would a tree or a graph beat reading every row? Builds both over the rows of an image search and measures time, recall and memory.

    ./spade gallery add cookie cookie/train/good --gallery /tmp/g && ./spade gallery add tile tile/train/good --gallery /tmp/g
    python3 tree_and_graph.py --rows 1000000 --features /tmp/g --index hnsw

Prints JSON for 'spade bench page', with the exact search ('spade bench image-search') in the same run. Times of builds are processor
time, so that other programs change them less. Needs Debian's python3-sklearn (ball tree, exact) and python3-faiss (HNSW, approximate).
A million rows of 512 values take about 8 GB with the tree and 5 GB with the graph.
"""
import argparse
import datetime
import glob
import json
import os
import shlex
import struct
import subprocess
import sys
import time

import faiss
import numpy as np
from sklearn.neighbors import BallTree

SPADE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "spade")
BATCH = 20_000

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--rows", type=int, default=1_000_000)
parser.add_argument("--length", type=int, default=512, help="values of a random row")
parser.add_argument("--features", help="a gallery folder: rows resemble its normals' features. Without: every value is random")
parser.add_argument("--index", choices=["tree", "hnsw"], nargs="*", default=["tree", "hnsw"])
parser.add_argument("--links", type=int, default=16, help="M of the graph")
parser.add_argument("--neighbours", type=int, default=50)
parser.add_argument("--queries", type=int, default=50)
options = parser.parse_args()
faiss.omp_set_num_threads(1)
load = os.getloadavg()[0]
random = np.random.default_rng(1)


def pooled(path):
    """The first part of a stored normal; src/SpadeCluster.Storage/Format/SegmentHeader.cs describes the file."""
    with open(path, "rb") as file:
        data = file.read(65536)
    (parts,), (length,) = struct.unpack_from("<i", data, 12), struct.unpack_from("<q", data, 88)
    return np.frombuffer(data, "<f4", length // 4, 88 + 40 * parts + 32)


def sampler():
    """Draws rows. Those that resemble features lie between two normals of one category, with noise of half the spread of each channel."""
    if options.features is None:
        return lambda n: random.random((n, options.length), dtype=np.float32)
    files = {}
    for path in glob.glob(os.path.join(options.features, "*", "images", "*", "*.spade")):
        files.setdefault(path.split(os.sep)[-4], []).append(pooled(path))
    categories = [np.stack(rows) for rows in files.values()]

    def draw(n):
        category = categories[random.integers(len(categories))]
        a, b = category[random.integers(len(category), size=n)], category[random.integers(len(category), size=n)]
        t = random.random((n, 1), dtype=np.float32)
        noise = random.standard_normal((n, a.shape[1]), dtype=np.float32) * (0.5 * category.std(axis=0))
        return t * a + (1 - t) * b + noise
    return lambda n: np.concatenate([draw(1 + (n - 1) // 20) for _ in range(20)])[:n]


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def built(work):
    """Processor seconds, megabytes of memory that were added, and the result."""
    before, start = resident(), time.process_time()
    result = work()
    return time.process_time() - start, (resident() - before) / 1e6, result


results = []


def report(index, build, megabytes, times, recall, **more):
    results.append(dict(index=index, build_seconds=build, megabytes=megabytes, median_ms=float(np.median(times)), min_ms=min(times),
                        recall=recall, **more))
    print(results[-1], file=sys.stderr, flush=True)


def measure(index, build, megabytes, search, queries, **more):
    """Reports the milliseconds of queries, and the mean share of the true neighbours that they find."""
    times, recalls = [], []
    for query, nearest in zip(queries, true):
        start = time.perf_counter()
        found = search(query[None])
        times.append(1000 * (time.perf_counter() - start))
        recalls.append(len(nearest & set(found[0])) / options.neighbours)
    report(index, build, megabytes, times, float(np.mean(recalls)), **more)


draw = sampler()
queries = draw(options.queries)
length = queries.shape[1]
rows = np.empty((options.rows, length), np.float32)
for first in range(0, options.rows, BATCH):
    rows[first:first + BATCH] = draw(min(BATCH, options.rows - first))

exact = json.loads(subprocess.run([SPADE, "bench", "image-search", "--rows", str(options.rows), "--length", str(length), "--neighbours",
                                   str(options.neighbours), "--json"], check=True, stdout=subprocess.PIPE).stdout)
report("exact", None, 4e-6 * rows.size, [exact["min_ms"], exact["median_ms"], exact["median_ms"]], 1.0,
       gigabytes_per_second=exact["read_gigabytes_per_second"], copy_gigabytes_per_second=exact["copy_gigabytes_per_second"])

# The distances of all rows but for |q|^2, which is the same for all of them.
squares = np.einsum("ij,ij->i", rows, rows)
true = [set(np.argpartition(squares - 2 * (rows @ q), options.neighbours)[:options.neighbours]) for q in queries]

if "hnsw" in options.index:
    graph = faiss.IndexHNSWFlat(length, options.links)
    build, size, _ = built(lambda: graph.add(rows))
    for effort in (64, 256, 1024):
        graph.hnsw.efSearch = effort
        measure(f"HNSW, M {options.links}, efSearch {effort}", build, size, lambda q: graph.search(q, options.neighbours)[1], queries)
    del graph

if "tree" in options.index:
    build, size, tree = built(lambda: BallTree(rows, leaf_size=40))
    tree.reset_n_calls()
    measure("ball tree", build, size, lambda q: tree.query(q, k=options.neighbours)[1], queries[:5])
    results[-1]["share_of_rows_compared"] = tree.get_n_calls() / 5 / options.rows

with open("/proc/cpuinfo") as file:
    processor = next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
print(json.dumps(dict(
    command=shlex.join(["python3", "tree_and_graph.py", *sys.argv[1:]]), date=datetime.date.today().isoformat(),
    machine=f"{processor}, {os.cpu_count()} processors", load=load,
    image_indexes=dict(rows=options.rows, length=length, data="random" if options.features is None else "like features",
                       neighbours=options.neighbours, indexes=results))))
