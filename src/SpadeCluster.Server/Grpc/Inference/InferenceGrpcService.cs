using System.Globalization;
using System.Security.Claims;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Grpc.Core;
using Microsoft.Extensions.Options;
using OpenInference.V2;
using SpadeCluster.Features;
using SpadeCluster.Server.Hosting;
using SpadeCluster.Server.Inference;
using SpadeCluster.Server.Scoring;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Grpc.Inference;

/// <summary>inference.GRPCInferenceService: the Open Inference Protocol of <see cref="InferService"/> over gRPC.</summary>
internal sealed class InferenceGrpcService(InferService models, Readiness readiness, ServerOptions limits, IOptions<GrpcOptions> options)
    : GRPCInferenceService.GRPCInferenceServiceBase
{
    public override Task<ServerLiveResponse> ServerLive(ServerLiveRequest request, ServerCallContext context)
        => Task.FromResult(new ServerLiveResponse { Live = true });

    public override async Task<ServerReadyResponse> ServerReady(ServerReadyRequest request, ServerCallContext context)
        => new() { Ready = (await readiness.CheckAsync(context.CancellationToken)).IsReady };

    public override Task<ServerMetadataResponse> ServerMetadata(ServerMetadataRequest request, ServerCallContext context)
        => Task.FromResult(new ServerMetadataResponse
        {
            Name = InferService.Server.Name,
            Version = InferService.Server.Version,
            Extensions = { InferService.Server.Extensions },
        });

    public override async Task<ModelReadyResponse> ModelReady(ModelReadyRequest request, ServerCallContext context) => new()
    {
        Ready = await models.IsReadyAsync(request.Name, Version(request.Version), User(context), context.CancellationToken),
    };

    public override async Task<ModelMetadataResponse> ModelMetadata(ModelMetadataRequest request, ServerCallContext context)
    {
        var model = await models.DescribeAsync(request.Name, Version(request.Version), User(context), context.CancellationToken);
        return new ModelMetadataResponse
        {
            Name = model.Name,
            Versions = { model.Versions },
            Platform = model.Platform,
            Inputs = { model.Inputs.Select(Tensor) },
            Outputs = { model.Outputs.Select(Tensor) },
        };

        static ModelMetadataResponse.Types.TensorMetadata Tensor(TensorDescription t)
            => new() { Name = t.Name, Datatype = t.Datatype, Shape = { t.Shape } };
    }

    public override async Task<RepositoryIndexResponse> RepositoryIndex(RepositoryIndexRequest request, ServerCallContext context) => new()
    {
        Models =
        {
            (await models.IndexAsync(request.Ready, User(context), context.CancellationToken)).Select(m =>
                new RepositoryIndexResponse.Types.ModelIndex { Name = m.Name, Version = m.Version, State = m.State, Reason = m.Reason }),
        },
    };

    public override async Task<ModelStatisticsResponse> ModelStatistics(ModelStatisticsRequest request, ServerCallContext context)
    {
        var answer = await models.StatisticsAsync(request.Name.Length > 0 ? request.Name : null, Version(request.Version), User(context),
            context.CancellationToken);
        return new ModelStatisticsResponse { ModelStats = { answer.ModelStats.Select(StatisticsMapping.ToMessage) } };
    }

    public override async Task<ModelInferResponse> ModelInfer(ModelInferRequest request, ServerCallContext context)
    {
        User(context).Require(request.ModelName);
        if (request.Inputs is not [var input]) throw InferImages.Invalid("one input is expected: 'image'");
        bool raw = request.RawInputContents.Count > 0;
        if (raw && request.RawInputContents.Count != 1)
            throw InferImages.Invalid($"there is one input, but {request.RawInputContents.Count} raw_input_contents were sent");
        var images = InferImages.Read(input.Name, input.Datatype, input.Shape,
            raw ? new BinaryValues(request.RawInputContents[0].Memory) : new ContentValues(input.Contents), limits.MaxBatch);
        var metadata = Metadata(request.Parameters);

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken);
        if (context.Deadline == DateTime.MaxValue) limit.CancelAfter(options.Value.DefaultDeadline * images.Count);
        var (gallery, outputs) = await models.InferAsync(request.ModelName, Version(request.ModelVersion),
            [.. images.Select(i => i.With(metadata))], [.. request.Outputs.Select(o => o.Name)], User(context), limit.Token);
        return new ModelInferResponse
        {
            ModelName = gallery.Category,
            ModelVersion = gallery.Version.ToString(CultureInfo.InvariantCulture),
            Id = request.Id,
            Outputs = { outputs.Select(o => ToMessage(o, raw)) },
            RawOutputContents = { raw ? outputs.Select(o => UnsafeByteOperations.UnsafeWrap(o.ToBytes())) : [] },
        };
    }

    private static ModelInferResponse.Types.InferOutputTensor ToMessage(OutputTensor output, bool raw) => new()
    {
        Name = output.Name,
        Datatype = output.Datatype,
        Shape = { output.Shape },
        Contents = raw ? null : output.Values switch
        {
            float[] numbers => new InferTensorContents { Fp32Contents = { numbers } },
            bool[] truths => new InferTensorContents { BoolContents = { truths } },
            _ => new InferTensorContents { BytesContents = { ((string[])output.Values).Select(ByteString.CopyFromUtf8) } },
        },
    };

    private static ImageMetadata Metadata(MapField<string, InferParameter> parameters)
        => ImageMetadata.From(name => parameters.TryGetValue(name, out var value) ? value.StringParam : null).Check();

    private static ClaimsPrincipal User(ServerCallContext context) => context.GetHttpContext().User;

    /// <returns>Null: any.</returns>
    private static int? Version(string text) => text.Length == 0 ? null
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int version) ? version
        : throw InferImages.Invalid($"a model's version is a whole number, not '{SentImage.Harmless(text, "")}'");
}
