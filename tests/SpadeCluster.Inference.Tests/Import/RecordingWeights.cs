using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using SpadeCluster.Inference.Import;

namespace SpadeCluster.Inference.Tests.Import;

/// <summary>Random weights that record which tensors were read, and can write these as a safetensors file.</summary>
internal sealed class RecordingWeights(int seed) : IWeights
{
    private readonly RandomWeights _random = new(seed);

    public Dictionary<string, (int[] Shape, float[] Values)> Tensors { get; } = [];

    public float[] Get(string name, params int[] shape)
    {
        float[] values = _random.Get(name, shape);
        Tensors.Add(name, (shape, values));
        return values;
    }

    public void Write(string path, string dtype = "F32")
        => Write(path, Tensors.ToDictionary(t => t.Key, t => (dtype, t.Value.Shape, Bytes(t.Value.Values, dtype))));

    public static void Write(string path, Dictionary<string, (string Dtype, int[] Shape, byte[] Bytes)> tensors)
    {
        var header = new Dictionary<string, object> { ["__metadata__"] = new { format = "pt" } };
        long at = 0;
        foreach (var (name, t) in tensors)
        {
            header[name] = new { dtype = t.Dtype, shape = t.Shape, data_offsets = new[] { at, at + t.Bytes.Length } };
            at += t.Bytes.Length;
        }
        using var file = File.Create(path);
        WriteHeader(file, JsonSerializer.Serialize(header));
        foreach (var t in tensors.Values) file.Write(t.Bytes);
    }

    public static void WriteHeader(Stream file, string header)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(header);
        file.Write(BitConverter.GetBytes((ulong)bytes.Length));
        file.Write(bytes);
    }

    private static byte[] Bytes(float[] values, string dtype) => dtype switch
    {
        "F16" => MemoryMarshal.AsBytes<Half>(Array.ConvertAll(values, v => (Half)v)).ToArray(),
        "BF16" => MemoryMarshal.AsBytes<ushort>(Array.ConvertAll(values, v
            => (ushort)(BitConverter.SingleToUInt32Bits(v) >> 16))).ToArray(),
        _ => MemoryMarshal.AsBytes<float>(values).ToArray(),
    };
}
