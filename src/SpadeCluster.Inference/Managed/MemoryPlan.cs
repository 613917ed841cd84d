namespace SpadeCluster.Inference.Managed;

/// <summary>
/// Lays the values of a plan into one arena. A value occupies its place from the step that writes it to the last step
/// that reads it; values whose times do not overlap share memory. Greedy by size: largest first, each at the lowest
/// place that is free for its whole time.
/// </summary>
internal static unsafe class MemoryPlan
{
    private sealed class Span(Value value, int first, int last)
    {
        public Value Value { get; } = value;
        public int First { get; } = first;
        public int Last { get; set; } = last;
        public long Offset { get; set; }
        public long Floats { get; } = (value.Length + 31L) & ~15L;
    }

    /// <param name="kept">Values that must survive to the end of the plan.</param>
    public static NativeBuffer Lay(IReadOnlyList<Step> steps, Value input, IEnumerable<Value> kept)
    {
        var spans = new Dictionary<Value, Span> { [input.Root] = new(input.Root, -1, -1) };
        for (int i = 0; i < steps.Count; i++)
        {
            foreach (var x in steps[i].Inputs)
                if (!x.IsConstant) spans[x.Root].Last = i;
            spans.TryAdd(steps[i].Output.Root, new(steps[i].Output.Root, i, i));
        }
        foreach (var k in kept)
            if (!k.IsConstant) spans[k.Root].Last = steps.Count;

        var placed = new List<Span>();
        long size = 0;
        foreach (var span in spans.Values.OrderByDescending(s => s.Floats).ThenBy(s => s.First))
        {
            foreach (var other in placed.Where(p => p.First <= span.Last && span.First <= p.Last).OrderBy(p => p.Offset))
            {
                if (span.Offset + span.Floats <= other.Offset) break;
                span.Offset = Math.Max(span.Offset, other.Offset + other.Floats);
            }
            placed.Add(span);
            size = Math.Max(size, span.Offset + span.Floats);
        }
        var arena = new NativeBuffer(size);
        foreach (var span in placed) span.Value.Pointer = arena.Pointer + span.Offset;
        return arena;
    }
}
