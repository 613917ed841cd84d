using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace SpadeCluster.Inference.Import;

/// <summary>
/// A safetensors file: 8 bytes of header length, a JSON header {name: {dtype, shape, data_offsets}}, then the data.
/// All values of the header are checked against the file before they are used.
/// </summary>
internal sealed class SafetensorsFile : IWeights, IDisposable
{
    private const long LargestHeader = 16 << 20;

    private readonly record struct Entry(string Dtype, int[] Shape, long Begin, long End);

    private readonly string _path;
    private readonly SafeFileHandle _file;
    private readonly Dictionary<string, Entry> _entries = [];
    private readonly long _dataStart;

    public SafetensorsFile(string path)
    {
        _path = path;
        try
        {
            _file = File.OpenHandle(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new SpadeException(SpadeError.NotFound, $"there is no weights file {path}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SpadeException(SpadeError.InvalidArgument, $"{path} could not be opened: {e.Message}", e);
        }
        try
        {
            _dataStart = ReadHeader();
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    public IEnumerable<string> Names => _entries.Keys;

    public float[] Get(string name, params int[] shape)
    {
        if (!_entries.TryGetValue(name,
            out var entry)) throw Bad($"has no tensor '{name}', which this architecture needs; is it the right architecture?");
        if (!entry.Shape.AsSpan().SequenceEqual(shape))
            throw Bad($"tensor '{name}' has the shape [{string.Join(", ", entry.Shape)}] where this architecture needs " +
                $"[{string.Join(", ", shape)}]");
        var bytes = new byte[entry.End - entry.Begin];
        ReadAt(bytes, _dataStart + entry.Begin);
        float[] values = entry.Dtype switch
        {
            "F32" => MemoryMarshal.Cast<byte, float>(bytes).ToArray(),
            "F16" => Array.ConvertAll(MemoryMarshal.Cast<byte, Half>(bytes).ToArray(), h => (float)h),
            "BF16" => Array.ConvertAll(MemoryMarshal.Cast<byte, ushort>(bytes).ToArray(), b
                => BitConverter.UInt32BitsToSingle((uint)b << 16)),
            _ => throw Bad($"tensor '{name}' has the type {entry.Dtype}; F32, F16 and BF16 are supported"),
        };
        return Array.TrueForAll(values, float.IsFinite) ? values : throw Bad($"tensor '{name}' holds NaN or infinite weights");
    }

    public void Dispose() => _file.Dispose();

    private long ReadHeader()
    {
        long size = RandomAccess.GetLength(_file);
        var prefix = new byte[8];
        if (size < 8) throw Bad("is too short for a safetensors file");
        ReadAt(prefix, 0);
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > LargestHeader
            || (long)length > size - 8) throw Bad($"is not a safetensors file: its header would have {length} bytes");
        var header = new byte[length];
        ReadAt(header, 8);
        long dataSize = size - 8 - (long)length;
        try
        {
            using var json = JsonDocument.Parse(header, new JsonDocumentOptions { MaxDepth = 8 });
            foreach (var property in json.RootElement.EnumerateObject())
                if (property.Name != "__metadata__"
                    && !_entries.TryAdd(property.Name, Read(property, dataSize))) throw Bad($"lists tensor '{property.Name}' twice");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw Bad($"has an unreadable header: {e.Message}");
        }
        long end = 0;
        foreach (var (name, entry) in _entries.OrderBy(e => e.Value.Begin).ThenBy(e => e.Value.End))
        {
            if (entry.Begin < end) throw Bad($"tensor '{name}' overlaps another one; the file is damaged");
            end = entry.End;
        }
        return 8 + (long)length;
    }

    private Entry Read(JsonProperty property, long dataSize)
    {
        string dtype = property.Value.GetProperty("dtype").GetString() ?? "";
        long[] dims = [.. property.Value.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64())];
        long[] offsets = [.. property.Value.GetProperty("data_offsets").EnumerateArray().Select(o => o.GetInt64())];
        if (offsets.Length != 2 || offsets[0] < 0 || offsets[1] < offsets[0] || offsets[1] > dataSize)
            throw Bad($"tensor '{property.Name}' refers to bytes {string.Join(" to ", offsets)} of {dataSize}; the file is truncated " +
                $"or damaged");
        int width = dtype switch
        {
            "F64" or "I64" or "U64" => 8,
            "F32" or "I32" or "U32" => 4,
            "F16" or "BF16" or "I16" or "U16" => 2,
            "I8"
            or "U8" or "BOOL" => 1,
            _ => 0
        };
        if (width == 0) return new(dtype, [], offsets[0], offsets[1]); // an unknown type is an error only if the tensor is read
        long bytes = width;
        foreach (long d in dims)
            if (d is < 0 or > int.MaxValue
                || (bytes = checked(bytes * d)) > int.MaxValue) throw Bad($"tensor '{property.Name}' has impossible dimensions " +
                $"[{string.Join(", ", dims)}]");
        if (bytes != offsets[1] - offsets[0])
            throw Bad($"tensor '{property.Name}' spans {offsets[1] - offsets[0]} bytes where its shape [{string.Join(", ", dims)}] of " +
                $"{dtype} needs {bytes}; the file is damaged");
        return new(dtype, [.. dims.Select(d => (int)d)], offsets[0], offsets[1]);
    }

    private void ReadAt(Span<byte> buffer, long offset)
    {
        while (buffer.Length > 0)
        {
            int read = RandomAccess.Read(_file, buffer, offset);
            if (read == 0) throw Bad("ends too early; it is truncated");
            buffer = buffer[read..];
            offset += read;
        }
    }

    private SpadeException Bad(string problem) => new(SpadeError.InvalidArgument, $"{_path} {problem}");
}
