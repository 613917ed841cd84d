"""A client that is not ours: Debian's python3-grpcio, with no generated code. It learns spade.v1 from the server's own
reflection service, scores the given files by unary calls and by a stream, and prints one JSON object per image and way.

usage: client.py HOST:PORT CATEGORY FILE...
"""
import json
import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

REFLECTION = "grpc.reflection.v1alpha.ServerReflection"


def reflection_types():
    """The two messages of the reflection protocol that are needed, with only the fields that are needed."""
    file = descriptor_pb2.FileDescriptorProto(name="reflection.proto", package="r", syntax="proto3")
    text, raw = descriptor_pb2.FieldDescriptorProto.TYPE_STRING, descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
    request = file.message_type.add(name="Request")
    request.field.add(name="symbol", number=4, type=text, label=1)
    files = file.message_type.add(name="Files")
    files.field.add(name="file", number=1, type=raw, label=3)
    response = file.message_type.add(name="Response")
    response.field.add(name="files", number=4, type=descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE, type_name=".r.Files", label=1)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    get = message_factory.MessageFactory(pool).GetPrototype
    return get(pool.FindMessageTypeByName("r.Request")), get(pool.FindMessageTypeByName("r.Response"))


def learn(channel, symbol):
    Request, Response = reflection_types()
    call = channel.stream_stream(f"/{REFLECTION}/ServerReflectionInfo", Request.SerializeToString, Response.FromString)
    answer = next(call(iter([Request(symbol=symbol)])))
    files = {}
    for data in answer.files.file:
        f = descriptor_pb2.FileDescriptorProto.FromString(data)
        files[f.name] = f
    pool = descriptor_pool.DescriptorPool()

    def add(name):
        f = files.pop(name, None)
        if f is None:
            return
        for dependency in f.dependency:
            add(dependency)
        pool.Add(f)

    while files:
        add(next(iter(files)))
    factory = message_factory.MessageFactory(pool)
    return lambda name: factory.GetPrototype(pool.FindMessageTypeByName("spade.v1." + name))


def show(way, r):
    print(json.dumps({
        "way": way, "name": r.name, "image_id": r.image_id, "version": r.version, "pred_label": r.pred_label,
        "pred_score": r.pred_score, "raw_score": r.raw_score, "gate_distance": r.gate_distance, "regions": len(r.regions)}))


def main():
    address, category, paths = sys.argv[1], sys.argv[2], sys.argv[3:]
    channel = grpc.insecure_channel(address, options=[("grpc.max_receive_message_length", -1)])
    message = learn(channel, "spade.v1.Scoring")
    encoded = message("Image").DESCRIPTOR.fields_by_name["format"].enum_type.values_by_name["PIXEL_FORMAT_ENCODED"].number

    score = channel.unary_unary("/spade.v1.Scoring/Score", message("ScoreRequest").SerializeToString, message("ScoreResponse").FromString)
    for path in paths:
        image = message("Image")(format=encoded, data=open(path, "rb").read(), name=path)
        show("unary", score(message("ScoreRequest")(category=category, image=image), timeout=60).result)

    def requests(chunk=100_000):
        for i, path in enumerate(paths):
            data = open(path, "rb").read()
            for at in range(0, len(data), chunk):
                image = message("Image")(data=data[at:at + chunk])
                if at == 0:
                    image.format, image.name = encoded, path
                yield message("ScoreStreamRequest")(
                    request_id=i + 1, category=category if at == 0 else "", image=image, more=at + chunk < len(data))

    stream = channel.stream_stream(
        "/spade.v1.Scoring/ScoreStream", message("ScoreStreamRequest").SerializeToString, message("ScoreStreamResponse").FromString)
    for i, answer in enumerate(stream(requests(), timeout=300)):
        assert answer.request_id == i + 1, f"answer {answer.request_id} came in place {i + 1}"
        assert answer.WhichOneof("outcome") == "result", answer.error.message
        show("stream", answer.result)

    try:
        score(message("ScoreRequest")(category="no-such-category", image=message("Image")(format=encoded, data=b"x")), timeout=30)
        raise AssertionError("an unknown category was scored")
    except grpc.RpcError as e:
        print(json.dumps({"way": "error", "code": e.code().name, "details": e.details()}))


main()
