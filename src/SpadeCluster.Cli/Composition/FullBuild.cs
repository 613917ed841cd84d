using System.CommandLine;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Inference;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cli.Composition;

/// <summary>Someone else's scoring: a server that gives back what this process would.</summary>
internal interface IRemoteScoring : IDisposable
{
    Task<ImageScore> ScoreAsync(string category, ImageSource source, CancellationToken cancellationToken);
}

/// <summary>What only the full build has; the one place that asks which build this is.</summary>
internal static class FullBuild
{
#if REDUCED_FEED
    public static IEnumerable<Command> Commands => [];

    public static IRemoteScoring Connect(string address)
        => throw new SpadeException(SpadeError.FailedPrecondition, "--server needs the full build; this is the reduced one, without gRPC");

    public static InferenceModel ToInt8(InferenceModel model, IReadOnlyList<RgbImage> normals, CancellationToken cancellationToken)
        => throw new SpadeException(SpadeError.FailedPrecondition, "int8 models need the full build; this is the reduced one, without ONNX Runtime");
#else
    public static IEnumerable<Command> Commands => [SpadeCluster.Cli.Commands.Cluster.ClusterCommand.Create()];

    public static IRemoteScoring Connect(string address) => new GrpcScoring(address);

    public static InferenceModel ToInt8(InferenceModel model, IReadOnlyList<RgbImage> normals, CancellationToken cancellationToken)
        => SpadeCluster.Inference.OnnxRuntime.Int8Conversion.Run(model, normals, cancellationToken);

    private sealed class GrpcScoring(string address) : IRemoteScoring
    {
        private readonly SpadeCluster.Client.SpadeClient _client = new(address.Split(','));

        public Task<ImageScore> ScoreAsync(string category, ImageSource source, CancellationToken cancellationToken) => _client.ScoreAsync(category, source, cancellationToken);

        public void Dispose() => _client.Dispose();
    }
#endif
}
