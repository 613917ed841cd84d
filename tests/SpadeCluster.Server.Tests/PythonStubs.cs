using Google.Protobuf.Reflection;

namespace SpadeCluster.Server.Tests;

/// <summary>
/// Python modules of a proto file, as grpcio-tools generates them: Debian has no newer generator that fits its runtime, so that they are
/// written from the compiled descriptors.
/// </summary>
internal static class PythonStubs
{
    /// <param name="folder">Gets PACKAGE/NAME_pb2.py and, for each service, PACKAGE/NAME_pb2_grpc.py.</param>
    public static void Write(string folder, FileDescriptor file)
    {
        foreach (var dependency in file.Dependencies.Where(d => !d.Name.StartsWith("google/", StringComparison.Ordinal)))
            Write(folder, dependency);
        string path = Path.Combine(folder, file.Name.Replace(".proto", "_pb2", StringComparison.Ordinal));
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        string module = ModuleOf(file);
        File.WriteAllLines($"{path}.py", [
            "import base64",
            "from google.protobuf import descriptor_pool",
            "from google.protobuf.internal import builder",
            .. file.Dependencies.Select(d => $"import {ModuleOf(d)}"),
            $"DESCRIPTOR = descriptor_pool.Default().AddSerializedFile(base64.b64decode('{file.SerializedData.ToBase64()}'))",
            "builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())",
            $"builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, '{module}', globals())",
        ]);
        if (file.Services.Count == 0) return;
        File.WriteAllLines($"{path}_grpc.py", [
            .. file.Dependencies.Append(file).Select(d => $"import {ModuleOf(d)}"),
            .. file.Services.SelectMany(s => (string[])[$"class {s.Name}Stub:", "    def __init__(self, channel):",
                .. s.Methods.Select(m => $"        self.{m.Name} = channel.{KindOf(m)}('/{s.FullName}/{m.Name}', "
                    + $"request_serializer={TypeOf(m.InputType)}.SerializeToString, "
                    + $"response_deserializer={TypeOf(m.OutputType)}.FromString)")]),
        ]);
    }

    private static string KindOf(MethodDescriptor m)
        => $"{(m.IsClientStreaming ? "stream" : "unary")}_{(m.IsServerStreaming ? "stream" : "unary")}";

    private static string TypeOf(MessageDescriptor type) => $"{ModuleOf(type.File)}.{type.Name}";

    private static string ModuleOf(FileDescriptor file)
        => file.Name.Replace(".proto", "_pb2", StringComparison.Ordinal).Replace('/', '.');
}
