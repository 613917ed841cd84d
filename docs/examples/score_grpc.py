"""Scores photographs over one gRPC stream, and prints verdict, score and regions of each.

Usage: score_grpc.py CATEGORY PHOTOGRAPH...
"""
import os
import sys

import grpc
from spade.v1 import image_pb2, scoring_pb2, scoring_pb2_grpc

SERVER = os.environ.get("SPADE_GRPC", "127.0.0.1:5081")
KEY = os.environ.get("SPADE_KEY")

category, *photographs = sys.argv[1:]


def requests():
    """One request for each photograph. A busy server reads no further, and the stream waits."""
    for number, path in enumerate(photographs):
        with open(path, "rb") as file:
            image = image_pb2.Image(format=image_pb2.PIXEL_FORMAT_ENCODED, name=path, data=file.read())
        image.metadata.line = "L1"
        yield scoring_pb2.ScoreStreamRequest(request_id=number, category=category, image=image)


failed = False
with grpc.insecure_channel(SERVER) as channel:
    metadata = [("authorization", f"Bearer {KEY}")] if KEY else None
    # Answers have the order of the requests; a photograph that fails has an error, and the stream continues.
    for answer in scoring_pb2_grpc.ScoringStub(channel).ScoreStream(requests(), metadata=metadata):
        path = photographs[answer.request_id]
        if answer.HasField("error"):
            print(f"{path}: {answer.error.message}", file=sys.stderr)
            failed = True
            continue
        result = answer.result
        boxes = [(r.box.x, r.box.y, r.box.width, r.box.height) for r in result.regions]
        print(f"{path}: {result.verdict} {result.pred_score:.2f} {boxes}")
sys.exit(1 if failed else 0)
