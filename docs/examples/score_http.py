"""Scores photographs over HTTP with Python's standard library, and prints verdict, score and regions of each.

Usage: score_http.py CATEGORY PHOTOGRAPH...
"""
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request

SERVER = os.environ.get("SPADE_SERVER", "http://127.0.0.1:5080")
KEY = os.environ.get("SPADE_KEY")


def score(category, path):
    """Returns the decision on a photograph, as GET /v1/results/ID has it."""
    query = urllib.parse.urlencode({"category": category, "line": "L1"})
    headers = {"Content-Type": "application/octet-stream", "X-Source": os.path.basename(path)}
    if KEY:
        headers["Authorization"] = f"Bearer {KEY}"
    with open(path, "rb") as file:
        request = urllib.request.Request(f"{SERVER}/v1/score?{query}", file.read(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


category, *photographs = sys.argv[1:]
failed = False
for photograph in photographs:
    try:
        result = score(category, photograph)["score"]
        boxes = [tuple(region["box"].values()) for region in result["regions"]]
        print(f"{photograph}: {result['verdict']} {result['pred_score']:.2f} {boxes}")
    except urllib.error.HTTPError as error:
        # Errors are problem details (RFC 9457): one sentence, and the id of the request in the server's log.
        problem = json.load(error)
        print(f"{photograph}: {problem['detail']} (request {problem['request_id']})", file=sys.stderr)
        failed = True
sys.exit(1 if failed else 0)
