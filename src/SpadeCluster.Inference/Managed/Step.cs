namespace SpadeCluster.Inference.Managed;

/// <summary>
/// One operation of a plan, cut into independent tasks that any thread may run in any order. A task writes elements no
/// other task writes, and computes each of them in an order that does not depend on how the step was cut: that is why
/// results have the same bits for every number of threads.
/// </summary>
internal abstract unsafe class Step(string name, Value output, params Value[] inputs) : IDisposable
{
    public string Name { get; } = name;
    public Value Output { get; } = output;
    public Value[] Inputs { get; } = inputs;

    /// <summary>What profiles call steps like this one.</summary>
    public virtual string Kind => GetType().Name.Split('`')[0];

    /// <summary>Multiply-adds of the whole step, where they are what takes the time.</summary>
    public virtual long MultiplyAdds => 0;

    public abstract int Tasks { get; }

    /// <summary>Floats of private memory each running task needs.</summary>
    public virtual int ScratchFloats => 0;

    public abstract void Run(int task, float* scratch);

    /// <summary>Frees packed weights.</summary>
    public virtual void Dispose() { }
}
