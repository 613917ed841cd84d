namespace SpadeCluster.Inference.Managed;

/// <summary>A tensor of the plan, contiguous, last dimension fastest. Its place in memory is known once the plan is laid out.</summary>
internal sealed unsafe class Value(string name, int[] shape)
{
    public string Name { get; } = name;
    public int[] Shape { get; } = shape;
    public int Length { get; } = Count(name, shape);

    /// <summary>Set where this is another shape of the same memory (Reshape, Flatten, Identity).</summary>
    public Value? AliasOf { get; init; }

    /// <summary>The value whose memory this is.</summary>
    public Value Root => AliasOf?.Root ?? this;

    public float* Pointer
    {
        get => AliasOf is null ? _pointer : AliasOf.Pointer;
        set => _pointer = value;
    }

    /// <summary>Constants own their memory; all else lies in the plan's arena.</summary>
    public NativeBuffer? Constant { get; set; }
    public bool IsConstant => Root.Constant is not null;

    private float* _pointer;

    // Far beyond any real layer, so that a damaged size is refused before memory is asked for.
    private const long Most = 1 << 28;

    private static int Count(string name, int[] shape)
    {
        long count = 1;
        foreach (int d in shape)
            if (d < 1 || (count *= d) > Most) throw new SpadeException(SpadeError.InvalidArgument, $"'{name}' would have the shape [{string.Join(", ", shape)}]; dimensions must be positive and their product at most {Most}");
        return (int)count;
    }

    public static Value OfConstant(string name, int[] shape, ReadOnlySpan<float> values)
    {
        var buffer = NativeBuffer.Of(values);
        return new Value(name, shape) { Constant = buffer, Pointer = buffer.Pointer };
    }

    public ReadOnlySpan<float> Data => new(Pointer, Length);
    public override string ToString() => $"{Name} [{string.Join(",", Shape)}]";
}
