"""Sends requests as tritonclient.grpc lays them out (raw_input_contents, BYTES with lengths) and prints the answers as JSON.

Arguments: folder with the generated modules, HOST:PORT, key, model, image files.
"""
import json
import struct
import sys

import grpc
import numpy

folder, address, key, model = sys.argv[1:5]
sys.path.insert(0, folder)
import inference.grpc_service_pb2 as messages
import inference.grpc_service_pb2_grpc as stubs

TYPES = {"FP32": "<f4", "BOOL": "?"}


def as_array(response, name):
    """tritonclient's InferResult.as_numpy."""
    for output, raw in zip(response.outputs, response.raw_output_contents):
        if output.name == name:
            if output.datatype != "BYTES":
                return numpy.frombuffer(raw, TYPES[output.datatype]).reshape(output.shape)
            words, offset = [], 0
            while offset < len(raw):
                (length,) = struct.unpack_from("<I", raw, offset)
                words.append(raw[offset + 4:offset + 4 + length].decode())
                offset += 4 + length
            return numpy.array(words, dtype=object).reshape(output.shape)
    raise KeyError(name)


def request(files, outputs):
    message = messages.ModelInferRequest(model_name=model, model_version="", id="triton 1")
    tensor = message.inputs.add(name="image", datatype="BYTES", shape=[len(files)])
    tensor.parameters["note"].string_param = "unknown parameters are ignored"
    for name in outputs:
        message.outputs.add(name=name)
    message.parameters["line"].string_param = "triton"
    message.parameters["serial_number"].string_param = "4711"
    message.raw_input_contents.append(b"".join(struct.pack("<I", len(f)) + f for f in files))
    return message


with grpc.insecure_channel(address) as channel:
    client = stubs.GRPCInferenceServiceStub(channel)
    sent = {"metadata": [("authorization", "Bearer " + key)], "timeout": 60}
    names = ["anomaly_score", "verdict", "is_anomalous", "anomaly_map", "error"]
    answer = client.ModelInfer(request([open(path, "rb").read() for path in sys.argv[5:]], names), **sent)
    model_state = client.ModelStatistics(messages.ModelStatisticsRequest(name=model), **sent).model_stats[0]
    print(json.dumps({
        "live": client.ServerLive(messages.ServerLiveRequest()).live,
        "ready": client.ServerReady(messages.ServerReadyRequest()).ready,
        "model_ready": client.ModelReady(messages.ModelReadyRequest(name=model), **sent).ready,
        "inputs": [t.name for t in client.ModelMetadata(messages.ModelMetadataRequest(name=model), **sent).inputs],
        "index": {m.name: m.state for m in client.RepositoryIndex(messages.RepositoryIndexRequest(), **sent).models},
        "id": answer.id,
        "scores": [None if numpy.isnan(s) else float(s) for s in as_array(answer, "anomaly_score")],
        "verdicts": list(as_array(answer, "verdict")),
        "anomalous": as_array(answer, "is_anomalous").tolist(),
        "errors": list(as_array(answer, "error")),
        "map_shape": list(as_array(answer, "anomaly_map").shape),
        "map_max": [None if numpy.isnan(m).any() else float(m.max()) for m in as_array(answer, "anomaly_map")],
        "inferences": model_state.inference_count,
        "nanoseconds": model_state.inference_stats.success.ns,
    }))
