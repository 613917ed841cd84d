using SpadeCluster.Features;
using SpadeCluster.Galleries;

namespace SpadeCluster.Client;

public sealed partial class SpadeClient
{
    /// <summary>
    /// Scores photographs over one stream, in order; large ones are sent in chunks. If the stream breaks, images without an answer are sent
    /// again over a new one. An image that cannot be read or scored gets an error, and the others are scored.
    /// </summary>
    /// <exception cref="SpadeException">No gateway can be reached.</exception>
    public IAsyncEnumerable<RemoteScore> ScoreStreamAsync(string category, IReadOnlyList<ImageSource> sources,
        CancellationToken cancellationToken = default)
        => StreamAsync(category, sources.Select(Outgoing.From).ToAsyncEnumerable(), cancellationToken);

    /// <summary>The same for images that arrive one by one: each is sent as soon as it arrives. Their enumeration gets the same token; at
    /// most <see cref="SpadeClientOptions.Concurrency"/> images are in progress at a time.</summary>
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
