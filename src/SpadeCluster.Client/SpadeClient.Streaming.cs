using SpadeCluster.Features;
using SpadeCluster.Galleries;

namespace SpadeCluster.Client;

public sealed partial class SpadeClient
{
    /// <summary>
    /// Scores photographs over one stream, in their order; large ones travel in chunks. When the stream breaks, a new one
    /// takes up where the answers ended: what was not answered is sent again. An image that cannot be read or scored carries its
    /// error, and the rest goes on.
    /// </summary>
    /// <exception cref="SpadeException">No gateway can be reached.</exception>
    public IAsyncEnumerable<RemoteScore> ScoreStreamAsync(string category, IReadOnlyList<ImageSource> sources,
        CancellationToken cancellationToken = default)
        => StreamAsync(category, sources.Select(Outgoing.From).ToAsyncEnumerable(), cancellationToken);

    /// <summary>The same for images that are still to come: each is sent as soon as it is there. The token of the enumeration is
    /// theirs too; at most <see cref="SpadeClientOptions.Concurrency"/> are on their way at a time.</summary>
    public IAsyncEnumerable<RemoteScore> ScoreStreamAsync(string category, IAsyncEnumerable<ImageSource> sources,
        CancellationToken cancellationToken = default)
        => StreamAsync(category, sources.Select(Outgoing.From), cancellationToken);

    /// <summary>The same for pixels, such as those of a camera.</summary>
    public IAsyncEnumerable<RemoteScore> ScoreStreamAsync(string category, IAsyncEnumerable<RawImage> images,
        CancellationToken cancellationToken = default)
        => StreamAsync(category, images.Select(Outgoing.From), cancellationToken);

    private IAsyncEnumerable<RemoteScore> StreamAsync(string category, IAsyncEnumerable<Outgoing> images,
        CancellationToken cancellationToken)
        => new ScoringStream(_gateways, _options, category, async (image, stop) =>
            Mapping.ToScore((await ScoreAsync(category, image, false, stop)).Result)).RunAsync(images, cancellationToken);
}
