using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.InteropServices;

namespace SpadeCluster.Inference.Import;

/// <summary>
/// A state dict written by torch.save. Two formats: a zip archive with the structure in data.pkl and each storage in data/KEY
/// (PyTorch 1.6 and later), and before that four pickles - magic number, version, system, structure -, a pickled list of keys,
/// then each storage as its count and values. No code in the file is executed; see <see cref="PickleReader"/>.
/// </summary>
internal sealed class TorchFile : IWeights, IDisposable
{
    private const long Version = 1001;

    private readonly string _path;
    private readonly FileStream _file;
    private readonly ZipArchive? _zip;
    private readonly string _folder = "";
    private readonly Dictionary<string, object?> _tensors;
    private readonly Dictionary<string, (long Start, long Count)> _storages = []; // of the older format

    public TorchFile(string path)
    {
        _path = path;
        _file = WeightsFile.OpenRead(path);
        try
        {
            object? root;
            if (WeightsFile.IsZip(_file))
            {
                _zip = new ZipArchive(_file, ZipArchiveMode.Read, leaveOpen: true);
                var pickle = _zip.Entries.FirstOrDefault(e => e.FullName.EndsWith("/data.pkl", StringComparison.Ordinal))
                    ?? throw Bad("is a zip archive but not one of torch.save: it has no data.pkl");
                _folder = pickle.FullName[..^"data.pkl".Length];
                if (_zip.GetEntry($"{_folder}byteorder") is { } order && ReadEntry(order, 16) is var bytes
                    && !bytes.AsSpan().SequenceEqual("little"u8)) throw Bad("has big-endian values, which are not supported");
                using var stream = new BufferedStream(pickle.Open(), 1 << 16);
                root = new PickleReader(stream, path).Read();
            }
            else
            {
                root = ReadOlder();
            }
            _tensors = StateDict(root);
        }
        catch (InvalidDataException e)
        {
            Dispose();
            throw new SpadeException(SpadeError.InvalidArgument, $"{path} is a damaged or truncated zip archive: {e.Message}", e);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public float[] Get(string name, params int[] shape)
    {
        if (!_tensors.TryGetValue(name, out object? value)
            || value is not TorchTensor tensor) throw Bad($"has no tensor '{name}', which this architecture needs; is it the right " +
            $"architecture?");
        if (!tensor.Shape.SequenceEqual(shape.Select(d => (long)d)))
            throw Bad($"tensor '{name}' has the shape [{string.Join(", ", tensor.Shape)}] where this architecture needs " +
                $"[{string.Join(", ", shape)}]");
        long count = 1;
        for (int d = shape.Length - 1; d >= 0; count *= shape[d--])
            if (tensor.Strides.Length != shape.Length
                || (shape[d] > 1 && tensor.Strides[d] != count)) throw Bad($"tensor '{name}' is not stored contiguously; save it with " +
                $".contiguous()");
        if (tensor.Offset > tensor.Storage.Count - count) throw Bad($"tensor '{name}' reaches beyond its storage; the file is damaged");
        int width = Width(tensor.Storage.Type);
        byte[] bytes = Read(tensor.Storage, tensor.Offset * width, count * width);
        float[] values = tensor.Storage.Type switch
        {
            "torch.FloatStorage" => MemoryMarshal.Cast<byte, float>(bytes).ToArray(),
            "torch.HalfStorage" => Array.ConvertAll(MemoryMarshal.Cast<byte, Half>(bytes).ToArray(), h => (float)h),
            "torch.BFloat16Storage" => Array.ConvertAll(MemoryMarshal.Cast<byte, ushort>(bytes).ToArray(), b
                => BitConverter.UInt32BitsToSingle((uint)b << 16)),
            "torch.DoubleStorage" => Array.ConvertAll(MemoryMarshal.Cast<byte, double>(bytes).ToArray(), d => (float)d),
            _ => throw Bad($"tensor '{name}' is a {tensor.Storage.Type}; floating-point weights are expected"),
        };
        return Array.TrueForAll(values, float.IsFinite) ? values : throw Bad($"tensor '{name}' holds NaN or infinite weights");
    }

    public void Dispose()
    {
        _zip?.Dispose();
        _file.Dispose();
    }

    /// <summary>Training checkpoints keep the weights one level down.</summary>
    private Dictionary<string, object?> StateDict(object? root)
    {
        var top = root as Dictionary<string, object?> ?? throw Bad("holds no state dict; save model.state_dict(), not the model");
        foreach (string inner in (string[])["state_dict", "model"])
            if (top.GetValueOrDefault(inner) is Dictionary<string, object?> nested) return nested;
        return top;
    }

    private object? ReadOlder()
    {
        var buffered = new BufferedStream(_file, 1 << 16);
        object? Next() => new PickleReader(buffered, _path).Read();
        Next(); // the magic number, by which WeightsFile recognised this file
        if (Next() is not Version) throw Bad($"is of an unknown version of torch.save's format; {Version} is supported");
        if (Next() is not Dictionary<string, object?> system
            || system.GetValueOrDefault("little_endian") is not true) throw Bad("has big-endian values, which are not supported");
        object? root = Next();
        var keys = Next() as List<object?> ?? throw Bad("has no list of storages");
        var types = Types(root);
        var count = new byte[8];
        long at = buffered.Position;
        foreach (object? key in keys)
        {
            string name = key as string ?? throw Bad("has a storage without a name");
            ReadAt(at, count);
            long values = BinaryPrimitives.ReadInt64LittleEndian(count);
            if (!types.TryGetValue(name,
                out string? type)) throw Bad($"holds a storage '{name}' that no tensor uses, so that its size is unknown");
            if (values < 0 || values > (_file.Length - at - 8) / Width(type)) throw Bad("ends too early; it is truncated");
            _storages[name] = (at + 8, values);
            at += 8 + (values * Width(type));
        }
        return root;
    }

    private static Dictionary<string, string> Types(object? root)
    {
        var types = new Dictionary<string, string>();
        var open = new Stack<object?>([root]);
        var seen = new HashSet<object>(ReferenceEqualityComparer.Instance);
        while (open.TryPop(out object? value))
            if (value is TorchTensor t) types[t.Storage.Key] = t.Storage.Type;
            else if (value is Dictionary<string, object?> d && seen.Add(d)) foreach (object? v in d.Values) open.Push(v);
        return types;
    }

    private byte[] Read(TorchStorage storage, long offset, long length)
    {
        if (_zip is not null)
        {
            var entry = _zip.GetEntry($"{_folder}data/{storage.Key}") ?? throw Bad($"has no storage '{storage.Key}'; it is damaged");
            if (entry.Length < offset + length) throw Bad($"has too small a storage '{storage.Key}'; it is damaged");
            return ReadEntry(entry, offset + length)[(int)offset..];
        }
        if (!_storages.TryGetValue(storage.Key, out var place)
            || place.Count < storage.Count) throw Bad($"has no storage '{storage.Key}', or too small a one; it is damaged");
        var bytes = new byte[length];
        ReadAt(place.Start + offset, bytes);
        return bytes;
    }

    private byte[] ReadEntry(ZipArchiveEntry entry, long most)
    {
        // Entries may be compressed: memory is limited to the size of the weights, which the shapes of the tensors limit.
        if (most > Array.MaxLength) throw Bad($"has an impossibly large storage '{entry.Name}'");
        var bytes = new byte[Math.Min(entry.Length, most)];
        using var stream = entry.Open();
        return stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) == bytes.Length ? bytes
            : throw Bad("ends too early; it is truncated");
    }

    private void ReadAt(long offset, Span<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            int read = RandomAccess.Read(_file.SafeFileHandle, bytes, offset);
            if (read == 0) throw Bad("ends too early; it is truncated");
            bytes = bytes[read..];
            offset += read;
        }
    }

    private static int Width(string type) => type switch
    {
        "torch.DoubleStorage" or "torch.LongStorage" => 8,
        "torch.FloatStorage" or "torch.IntStorage" => 4,
        "torch.HalfStorage" or "torch.BFloat16Storage" or "torch.ShortStorage" => 2,
        _ => 1,
    };

    private SpadeException Bad(string problem) => new(SpadeError.InvalidArgument, $"{_path} {problem}");
}
