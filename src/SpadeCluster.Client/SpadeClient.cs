using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Spade.V1;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;

namespace SpadeCluster.Client;

/// <summary>
/// A SpadeCluster server. Calls are repeated with backoff while gateways or silos come and go, within
/// <see cref="SpadeClientOptions.Deadline"/>. Failures are <see cref="SpadeException"/>, as they would be in this process, or
/// <see cref="OperationCanceledException"/> when the caller's token says so. Safe for concurrent calls.
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

    public SpadeClient(params string[] addresses) : this(Options(addresses)) { }

    public SpadeClient(SpadeClientOptions options, TimeProvider? clock = null)
        => (_options, _gateways) = (options, new Gateways(options, clock ?? TimeProvider.System));

    /// <summary>Scores one photograph.</summary>
    public async Task<ImageScore> ScoreAsync(string category, ImageSource source, CancellationToken cancellationToken = default)
        => Mapping.ToScore((await ScoreAsync(category, await Outgoing.From(source).ReadAsync(cancellationToken), false,
            cancellationToken)).Result);

    /// <summary>Scores one photograph, given as pixels.</summary>
    public async Task<ImageScore> ScoreAsync(string category, RawImage image, CancellationToken cancellationToken = default)
        => Mapping.ToScore((await ScoreAsync(category, await Outgoing.From(image).ReadAsync(cancellationToken), false,
            cancellationToken)).Result);

    /// <summary>Scores one photograph and fetches its map.</summary>
    public async Task<RemoteMap> ScoreWithMapAsync(string category, ImageSource source, CancellationToken cancellationToken = default)
        => Mapping.ToMap((await ScoreAsync(category, await Outgoing.From(source).ReadAsync(cancellationToken), true,
            cancellationToken)).Result);

    /// <summary>Scores one photograph, given as pixels, and fetches its map.</summary>
    public async Task<RemoteMap> ScoreWithMapAsync(string category, RawImage image, CancellationToken cancellationToken = default)
        => Mapping.ToMap((await ScoreAsync(category, await Outgoing.From(image).ReadAsync(cancellationToken), true,
            cancellationToken)).Result);

    /// <summary>
    /// Scores photographs, several at a time, and yields what became of each, in their order. One that fails carries its
    /// error and the rest goes on. No image is lost or scored twice in the answers when gateways or silos come and go.
    /// </summary>
    public async IAsyncEnumerable<RemoteScore> ScoreManyAsync(string category, IEnumerable<ImageSource> sources,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
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

    private static SpadeClientOptions Options(string[] addresses)
    {
        var options = new SpadeClientOptions();
        foreach (string address in addresses)
            options.Addresses.Add(Uri.TryCreate(address.Contains("://", StringComparison.Ordinal) ? address : "http://" + address,
                UriKind.Absolute, out var uri) ? uri
                : throw new SpadeException(SpadeError.InvalidArgument,
                    $"'{address}' is not a server address; write host:port or http://host:port"));
        return options;
    }

    private Task<ScoreResponse> ScoreAsync(string category, Image image, bool includeMap, CancellationToken cancellationToken)
    {
        var request = new ScoreRequest { Category = category, Image = image, IncludeMap = includeMap };
        return _gateways.CallAsync((c, ct) =>
            new Spade.V1.Scoring.ScoringClient(c).ScoreAsync(request, Call(ct)).ResponseAsync, cancellationToken);
    }

    private global::Grpc.Core.CallOptions Call(CancellationToken cancellationToken) =>
        new(deadline: DateTime.UtcNow + _options.Deadline, cancellationToken: cancellationToken);
}
