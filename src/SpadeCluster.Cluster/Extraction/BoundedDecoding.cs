using SpadeCluster.Features;

namespace SpadeCluster.Cluster.Extraction;

/// <summary>
/// Limits this silo to decoding one image per processor at a time, and to images of <see cref="MostPixels"/> together. A file of a few
/// hundred kilobytes may have hundreds of megabytes of pixels (<see cref="IImagePreparer"/>'s limits bound one image), but only 150 KB
/// a tile after preparation. So the limits bound memory, and more decoders than processors would not be faster.
/// </summary>
internal sealed class BoundedDecoding(IImagePreparers preparers)
{
    /// <summary>Pixels for which an image takes one unit of memory.</summary>
    private const int UnitPixels = 16_000_000;

    /// <summary>At least two of the largest images.</summary>
    private static readonly int Units = Math.Max(Environment.ProcessorCount, 20);

    private readonly SemaphoreSlim _turn = new(1), _memory = new(Units), _processors = new(Environment.ProcessorCount);

    /// <summary>Pixels of images that are decoded at the same time; an image of more is decoded alone.</summary>
    internal static long MostPixels => (long)Units * UnitPixels;

    /// <exception cref="SpadeException">As <see cref="IImagePreparer.Prepare"/>.</exception>
    public async ValueTask<PreparedImage> PrepareAsync(string preprocessing, ReadOnlyMemory<byte> file, string name,
        CancellationToken cancellationToken)
    {
        var preparer = preparers.For(preprocessing);
        int units = await TakeAsync(preparer.PixelsOf(file.Span), cancellationToken);
        try
        {
            return preparer.Prepare(file.Span, name);
        }
        finally
        {
            Return(units);
        }
    }

    /// <summary>The same for additions. They block a thread while they wait, which is acceptable because few run at a time.</summary>
    public IImagePreparer For(string preprocessing) => new Preparer(preparers.For(preprocessing), this);

    private async Task<int> TakeAsync(long pixels, CancellationToken cancellationToken)
    {
        int units = (int)Math.Clamp((pixels + UnitPixels - 1) / UnitPixels, 1, Units), taken = 0;
        // One image after the other takes its units: two that each hold a part would wait for each other for ever.
        await _turn.WaitAsync(cancellationToken);
        try
        {
            for (; taken < units; taken++) await _memory.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (taken > 0)
        {
            _memory.Release(taken);
            throw;
        }
        finally
        {
            _turn.Release();
        }
        try
        {
            await _processors.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            _memory.Release(units);
            throw;
        }
        return units;
    }

    private void Return(int units)
    {
        _processors.Release();
        _memory.Release(units);
    }

    private sealed class Preparer(IImagePreparer inner, BoundedDecoding decoding) : IImagePreparer
    {
        public string Description => inner.Description;

        public PreparedImage Prepare(ReadOnlySpan<byte> file, string name)
        {
            int units = decoding.TakeAsync(inner.PixelsOf(file), CancellationToken.None).GetAwaiter().GetResult();
            try
            {
                return inner.Prepare(file, name);
            }
            finally
            {
                decoding.Return(units);
            }
        }
    }
}
