using SpadeCluster.Server.Inference;
using Messages = OpenInference.V2;

namespace SpadeCluster.Server.Grpc.Inference;

internal static class StatisticsMapping
{
    public static Messages.ModelStatistics ToMessage(ModelStatistics s) => new()
    {
        Name = s.Name,
        Version = s.Version,
        LastInference = (ulong)s.LastInference,
        InferenceCount = (ulong)s.InferenceCount,
        ExecutionCount = (ulong)s.ExecutionCount,
        InferenceStats = new Messages.InferStatistics
        {
            Success = ToMessage(s.InferenceStats.Success),
            Fail = ToMessage(s.InferenceStats.Fail),
            Queue = ToMessage(s.InferenceStats.Queue),
            ComputeInput = ToMessage(s.InferenceStats.ComputeInput),
            ComputeInfer = ToMessage(s.InferenceStats.ComputeInfer),
            ComputeOutput = ToMessage(s.InferenceStats.ComputeOutput),
        },
    };

    private static Messages.StatisticDuration ToMessage(StatisticDuration d) => new() { Count = (ulong)d.Count, Ns = (ulong)d.Ns };
}
