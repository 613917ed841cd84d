using System.Buffers.Binary;
using System.Text;

namespace SpadeCluster.Inference.Import;

/// <summary>A type or function that a pickle names. It is only a name: nothing is looked up or called.</summary>
internal sealed record PickleGlobal(string Name);

/// <summary>PyTorch's storage: an array of values that tensors refer to.</summary>
internal sealed record TorchStorage(string Type, string Key, long Count);

/// <summary>A tensor's view of its storage; offset and strides count values.</summary>
internal sealed record TorchTensor(TorchStorage Storage, long Offset, long[] Shape, long[] Strides);

/// <summary>
/// Reads the part of Python's pickle format (protocol 2 and later, as torch.save writes them) that a dictionary of tensors needs. A pickle
/// is a program for a stack machine that may call any Python function by its name; this reader supports only the names in <see
/// cref="Allowed"/> and replaces their calls by plain data. All other operations and names are refused. Values: null, bool, long, double,
/// string, object[] (tuple), List, Dictionary, and the records above.
/// </summary>
internal sealed class PickleReader(Stream stream, string source, long limit = PickleReader.LargestPickle)
{
    public const long LargestPickle = 64 << 20;

    private const string RebuildTensor = "torch._utils._rebuild_tensor_v2", RebuildParameter = "torch._utils._rebuild_parameter",
        OrderedDict = "collections.OrderedDict";

    private const string StateDict = "; if it holds a whole model, save model.state_dict() instead";

    private static readonly string[] StorageTypes = ["Float", "Half", "BFloat16", "Double", "Long", "Int", "Short", "Char", "Byte", "Bool"];

    /// <summary>Every name a pickle may use.</summary>
    public static readonly IReadOnlySet<string> Allowed =
        new HashSet<string>([OrderedDict, RebuildTensor, RebuildParameter, .. StorageTypes.Select(t => $"torch.{t}Storage")]);

    private static readonly object Mark = new();

    private readonly List<object?> _stack = [];
    private readonly Dictionary<long, object?> _memo = [];
    private long _left = limit;

    /// <summary>Reads one pickle; the stream is then at its end.</summary>
    /// <exception cref="SpadeException">InvalidArgument: damaged, or with operations that a dictionary of tensors does not
    /// need.</exception>
    public object? Read()
    {
        while (true)
        {
            int op = Byte();
            switch (op)
            {
                case 0x80: Byte(); break; // PROTO
                case 0x95: Bytes(8); break; // FRAME: only a hint for reading ahead
                case '.': return Pop();
                case '(': Push(Mark); break;
                case 'N': Push(null); break;
                case 0x88: Push(true); break;
                case 0x89: Push(false); break;
                case 'J': Push((long)BinaryPrimitives.ReadInt32LittleEndian(Bytes(4))); break;
                case 'K': Push((long)Byte()); break;
                case 'M': Push((long)BinaryPrimitives.ReadUInt16LittleEndian(Bytes(2))); break;
                case 0x8A: Push(Long(Bytes(Byte()))); break;
                case 'G': Push(BinaryPrimitives.ReadDoubleBigEndian(Bytes(8))); break;
                case 'X': Push(Text(BinaryPrimitives.ReadUInt32LittleEndian(Bytes(4)))); break;
                case 0x8C: Push(Text(Byte())); break;
                case 'T': Push(Text(BinaryPrimitives.ReadUInt32LittleEndian(Bytes(4)))); break; // Python 2's byte strings
                case 'U': Push(Text(Byte())); break;
                case '}': Push(new Dictionary<string, object?>()); break;
                case ']': Push(new List<object?>()); break;
                case ')': Push(Array.Empty<object?>()); break;
                case 't': Push(PopToMark()); break;
                case 0x85: Push(Pop(1)); break;
                case 0x86: Push(Pop(2)); break;
                case 0x87: Push(Pop(3)); break;
                case 'q': _memo[Byte()] = Top(); break;
                case 'r': _memo[BinaryPrimitives.ReadUInt32LittleEndian(Bytes(4))] = Top(); break;
                case 0x94: _memo[_memo.Count] = Top(); break;
                case 'h': Push(Recall(Byte())); break;
                case 'j': Push(Recall(BinaryPrimitives.ReadUInt32LittleEndian(Bytes(4)))); break;
                case 'a': Append([Pop()]); break;
                case 'e': Append(PopToMark()); break;
                case 's': SetItems(Pop(2)); break;
                case 'u': SetItems(PopToMark()); break;
                case 'c': Push(Global(Line(), Line())); break;
                case 0x93: { object?[] names = Pop(2); Push(Global(names[0] as string, names[1] as string)); break; }
                case 'Q': Push(Storage(Pop())); break;
                case 'R': { object?[] call = Pop(2); Push(Reduce(call[0], call[1])); break; }
                case 'b': Pop(); break; // attributes of an object, such as a state dict's _metadata: not needed here
                default: throw Bad($"uses pickle operation 0x{op:x2}, which a dictionary of tensors does not need{StateDict}");
            }
        }
    }

    private static PickleGlobal Global(string? module, string? name) => new($"{module}.{name}");

    private object Reduce(object? function, object? arguments)
    {
        string name = (function as PickleGlobal)?.Name ?? throw Bad("calls an object that is not a function");
        if (!Allowed.Contains(name)) throw Bad($"calls the Python function '{name}'; only dictionaries of tensors are read, and " +
            $"nothing in the file is run{StateDict}");
        object?[] given = arguments as object?[] ?? throw Bad("calls a function without arguments");
        switch (name)
        {
            case OrderedDict when given.Length == 0:
                return new Dictionary<string, object?>();
            case RebuildTensor when given is [TorchStorage storage, long offset, object?[] shape, object?[] strides, ..]:
                return new TorchTensor(storage, offset, Longs(shape), Longs(strides));
            case RebuildParameter when given is [TorchTensor tensor, ..]:
                return tensor;
            default:
                throw Bad($"calls '{name}' with unusual arguments");
        }
    }

    /// <summary>A persistent id: ('storage', type, key, location, count[, view]).</summary>
    private TorchStorage Storage(object? id)
    {
        if (id is not object?[] { Length: >= 5 } parts || parts[0] is not "storage" || parts[1] is not PickleGlobal type
            || parts[2] is not string key || parts[4] is not long count || count < 0)
            throw Bad("names a storage in an unknown way");
        if (parts.Length > 5 && parts[5] is not null) throw Bad("holds a storage that is a view of another; save it with a newer PyTorch");
        if (!Allowed.Contains(type.Name)
            || !type.Name.EndsWith("Storage",
            StringComparison.Ordinal)) throw Bad($"holds a storage of type '{type.Name}', which is not supported");
        return new(type.Name, key, count);
    }

    private void Append(object?[] values) => Peek<List<object?>>().AddRange(values);

    private void SetItems(object?[] pairs)
    {
        var target = Peek<Dictionary<string, object?>>();
        if (pairs.Length % 2 != 0) throw Bad("has a key without a value");
        for (int i = 0; i < pairs.Length; i += 2)
            target[pairs[i] as string ?? throw Bad("has a dictionary whose keys are not names; is it a state dict?")] = pairs[i + 1];
    }

    private long[] Longs(object?[] values)
        => Array.ConvertAll(values, v => v is long n && n >= 0 ? n : throw Bad("has a tensor with impossible dimensions"));

    private long Long(byte[] bytes)
    {
        if (bytes.Length > 16) throw Bad("has an impossibly large number");
        var value = new System.Numerics.BigInteger(bytes);
        // the format's magic number is larger than 64 bits
        return value >= long.MinValue && value <= long.MaxValue ? (long)value : long.MaxValue;
    }

    private object? Recall(long index) => _memo.TryGetValue(index, out object? value) ? value
        : throw Bad("refers to a value that it has not stored");

    private void Push(object? value) => _stack.Add(value);

    private object? Pop() => Pop(1)[0];

    private object?[] Pop(int count)
    {
        if (_stack.Count < count) throw Bad("closes a list that it did not open");
        object?[] values = [.. _stack[^count..]];
        _stack.RemoveRange(_stack.Count - count, count);
        return values;
    }

    private object?[] PopToMark()
    {
        int mark = _stack.LastIndexOf(Mark);
        object?[] values = mark >= 0 ? Pop(_stack.Count - mark - 1) : throw Bad("closes a list that it did not open");
        Pop();
        return values;
    }

    private object? Top() => _stack.Count > 0 ? _stack[^1] : throw Bad("stores a value from an empty stack");

    private T Peek<T>() => Top() is T value ? value : throw Bad("adds a value to an object that is not a container");

    private string Line()
    {
        var line = new StringBuilder();
        for (int b = Byte(); b != '\n'; b = Byte()) line.Append(line.Length < 256 ? (char)b : throw Bad("has an impossibly long name"));
        return line.ToString();
    }

    private string Text(uint length) => Encoding.UTF8.GetString(Bytes(length));
    private string Text(int length) => Text((uint)length);

    private int Byte()
    {
        int b = --_left < 0 ? -1 : stream.ReadByte();
        return b >= 0 ? b : throw Bad("ends too early; it is truncated or damaged");
    }

    private byte[] Bytes(long count)
    {
        if (count > _left) throw Bad($"has more than {LargestPickle} bytes of structure, or is damaged");
        _left -= count;
        var bytes = new byte[Math.Min(count, 1 << 16)];
        if (count > bytes.Length) throw Bad("has an impossibly long name"); // nothing in a state dict is longer
        return stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) == bytes.Length ? bytes
            : throw Bad("ends too early; it is truncated or damaged");
    }

    private SpadeException Bad(string problem) => new(SpadeError.InvalidArgument, $"{source} {problem}");
}
