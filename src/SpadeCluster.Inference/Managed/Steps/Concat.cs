namespace SpadeCluster.Inference.Managed;

/// <summary>Joins tensors along one dimension; <paramref name="outer"/> is the product of the dimensions before it.</summary>
internal sealed unsafe class Concat(string name, Value[] inputs, Value output, int outer) : Step(name, output, inputs)
{
    public override int Tasks => Inputs.Length;

    public override void Run(int task, float* scratch)
    {
        long before = 0, pitch = Output.Length / outer, part = Inputs[task].Length / outer;
        for (int i = 0; i < task; i++) before += Inputs[i].Length / outer;
        for (int o = 0; o < outer; o++)
            Buffer.MemoryCopy(Inputs[task].Pointer + (o * part), Output.Pointer + (o * pitch) + before, part * sizeof(float), part * sizeof(float));
    }
}
