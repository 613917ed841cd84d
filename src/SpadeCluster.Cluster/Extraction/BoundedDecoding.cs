using SpadeCluster.Features;

namespace SpadeCluster.Cluster.Extraction;

/// <summary>
/// Limits this silo to decoding one image per processor at a time. A file of a few hundred kilobytes may have hundreds of megabytes of
/// pixels (<see cref="IImagePreparer"/>'s limits bound one image), but only 150 KB after preparation. So the limit bounds memory, and more
/// decoders than processors would not be faster.
/// </summary>
internal sealed class BoundedDecoding(IImagePreparers preparers)
{
    private readonly SemaphoreSlim _slots = new(Environment.ProcessorCount);

    /// <exception cref="SpadeException">As <see cref="IImagePreparer.Prepare"/>.</exception>
    public async ValueTask<PreparedImage> PrepareAsync(string preprocessing, ReadOnlyMemory<byte> file, string name,
        CancellationToken cancellationToken)
    {
        await _slots.WaitAsync(cancellationToken);
        try
        {
            return preparers.For(preprocessing).Prepare(file.Span, name);
        }
        finally
        {
            _slots.Release();
        }
    }

    /// <summary>The same for additions. They block a thread while they wait, which is acceptable because few run at a time.</summary>
    public IImagePreparer For(string preprocessing) => new Preparer(preparers.For(preprocessing), _slots);

    private sealed class Preparer(IImagePreparer inner, SemaphoreSlim slots) : IImagePreparer
    {
        public string Description => inner.Description;

        public PreparedImage Prepare(ReadOnlySpan<byte> file, string name)
        {
            slots.Wait();
            try
            {
                return inner.Prepare(file, name);
            }
            finally
            {
                slots.Release();
            }
        }
    }
}
