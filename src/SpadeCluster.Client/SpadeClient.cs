using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Spade.V1;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;

namespace SpadeCluster.Client;

/// <summary>
/// A client of a SpadeCluster server. Calls are repeated with backoff if gateways or silos are lost, within <see
/// cref="SpadeClientOptions.Deadline"/>. Failures are <see cref="SpadeException"/>, as in a local process, or <see
/// cref="OperationCanceledException"/> if the caller's token is cancelled. Safe for concurrent calls.
/// </summary>
/// <example>
/// <code>
/// builder.Services.AddSpadeClient(o =>
/// {
///     o.Addresses.Add(new Uri("https://gateway:5000"));
///     o.Headers["authorization"] = $"Bearer {token}";
/// });
///
/// sealed class Inspection(SpadeClient spade)
/// {
///     public async Task&lt;bool?> IsDefectiveAsync(string file, CancellationToken stop)
///         => (await spade.ScoreAsync("bottle", new ImageSource(file, await File.ReadAllBytesAsync(file, stop)), stop)).PredLabel;
/// }
/// </code>
/// </example>
public sealed partial class SpadeClient : IDisposable
{
    private readonly SpadeClientOptions _options;
    private readonly Gateways _gateways;

    public SpadeClient(params string[] addresses) : this(SpadeClientOptions.For(addresses)) { }

    public SpadeClient(SpadeClientOptions options, TimeProvider? clock = null)
        => (_options, _gateways) = (options, new Gateways(options, clock ?? TimeProvider.System));

    /// <summary>Scores one photograph.</summary>
    public async Task<ImageScore> ScoreAsync(string category, ImageSource source, CancellationToken cancellationToken = default)
        => Mapping.ToScore(await ScoreAsync(category, Outgoing.From(source), false, cancellationToken));

    /// <summary>Scores one photograph, given as pixels.</summary>
    public async Task<ImageScore> ScoreAsync(string category, RawImage image, CancellationToken cancellationToken = default)
        => Mapping.ToScore(await ScoreAsync(category, Outgoing.From(image), false, cancellationToken));

    /// <summary>Scores one photograph and fetches its map.</summary>
    public async Task<RemoteMap> ScoreWithMapAsync(string category, ImageSource source, CancellationToken cancellationToken = default)
        => Mapping.ToMap(await ScoreAsync(category, Outgoing.From(source), true, cancellationToken));

    /// <summary>Scores one photograph, given as pixels, and fetches its map.</summary>
    public async Task<RemoteMap> ScoreWithMapAsync(string category, RawImage image, CancellationToken cancellationToken = default)
        => Mapping.ToMap(await ScoreAsync(category, Outgoing.From(image), true, cancellationToken));

    /// <summary>
    /// Scores photographs, several at a time, and returns the outcomes in order. An image that fails gets an error, and the others are
    /// scored. Each image has exactly one answer, also if gateways or silos are lost.
    /// </summary>
    public async IAsyncEnumerable<RemoteScore> ScoreManyAsync(
        string category, IEnumerable<ImageSource> sources, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var answers = Channel.CreateBounded<Task<RemoteScore>>(_options.Concurrency);
        var sending = SendAsync();
        try
        {
            await foreach (var answer in answers.Reader.ReadAllAsync(cancellationToken)) yield return await answer;
            await sending;
        }
        finally
        {
            await stop.CancelAsync();
        }

        async Task SendAsync()
        {
            try
            {
                int index = 0;
                foreach (var source in sources) await answers.Writer.WriteAsync(OneAsync(index++, source), stop.Token);
                answers.Writer.Complete();
            }
            catch (Exception e)
            {
                answers.Writer.Complete(e);
            }
        }

        async Task<RemoteScore> OneAsync(int index, ImageSource source)
        {
            try
            {
                return new RemoteScore(index, source.Name, await ScoreAsync(category, source, stop.Token), null);
            }
            catch (SpadeException e)
            {
                return new RemoteScore(index, source.Name, null, e);
            }
        }
    }

    public void Dispose() => _gateways.Dispose();

    private async Task<Spade.V1.ScoreResult> ScoreAsync(string category, Outgoing image, bool includeMap, CancellationToken stop)
        => (await ScoreAsync(category, await image.ReadAsync(stop), includeMap, stop)).Result;

    private Task<ScoreResponse> ScoreAsync(string category, Image image, bool includeMap, CancellationToken cancellationToken)
    {
        var request = new ScoreRequest { Category = category, Image = image, IncludeMap = includeMap };
        return _gateways.CallAsync(
            (c, ct) => new Spade.V1.Scoring.ScoringClient(c).ScoreAsync(request, Call(ct)).ResponseAsync, cancellationToken);
    }

    private global::Grpc.Core.CallOptions Call(CancellationToken cancellationToken)
        => new(deadline: DateTime.UtcNow + _options.Deadline, cancellationToken: cancellationToken);
}
