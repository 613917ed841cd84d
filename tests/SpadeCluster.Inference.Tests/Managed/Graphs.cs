using SpadeCluster.Inference.Managed;
using SpadeCluster.Inference.Onnx;

namespace SpadeCluster.Inference.Tests.Managed;

/// <summary>Builds small graphs from "image" to "y" and runs them.</summary>
internal static class Graphs
{
    /// <summary>The paths this machine can run, for [MemberData].</summary>
    public static TheoryData<string> Paths => [.. AllPaths.Select(p => p.ToString())];

    public static IEnumerable<SimdPath> AllPaths => Enum.GetValues<SimdPath>().Where(p => p <= KernelSet.Best);

    public static Tensor Run(Tensor image, Action<GraphBuilder> build, SimdPath path, int threads = 1) => Run(image, build, path, threads, out _);

    public static Tensor Run(Tensor image, Action<GraphBuilder> build, SimdPath path, int threads, out IReadOnlyList<Step> steps)
    {
        using var plan = Compile(image.Shape, build, path, threads);
        steps = plan.Steps;
        return Run(plan, image, threads);
    }

    public static ExecutionPlan Compile(int[] shape, Action<GraphBuilder> build, SimdPath path, int threads = 1)
    {
        var builder = new GraphBuilder("test", "image", shape[1], shape[2], shape[3]);
        build(builder);
        builder.Output("y");
        return GraphCompiler.Compile(OnnxGraph.Read(builder.Build(), "test.onnx"), shape, [], new PooledSource(Output: "y"), KernelSet.For(path), threads);
    }

    public static unsafe Tensor Run(ExecutionPlan plan, Tensor image, int threads = 1)
    {
        using var team = new WorkerTeam(plan.Steps, threads);
        image.Data.CopyTo(new Span<float>(plan.Input.Pointer, image.Data.Length));
        team.Run(default);
        return new Tensor(plan.Pooled.Shape, plan.Pooled.Data.ToArray());
    }
}
