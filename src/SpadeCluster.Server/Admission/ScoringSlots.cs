using Microsoft.Extensions.Options;

namespace SpadeCluster.Server.Admission;

/// <summary>Bounds the images that are scored at once. An image holds a slot only while it is scored, never while its bytes arrive or
/// its decision is written.</summary>
public sealed class ScoringSlots(IOptions<AdmissionOptions> options)
{
    private readonly SemaphoreSlim _free = new(options.Value.Slots);

    public int Total { get; } = options.Value.Slots;

    public int Busy => Total - _free.CurrentCount;

    public async Task<T> RunAsync<T>(Func<ValueTask<T>> work, CancellationToken cancellationToken)
    {
        await _free.WaitAsync(cancellationToken);
        try
        {
            // On a pool thread: scoring may compute on the thread that calls it.
            return await Task.Run(async () => await work(), cancellationToken);
        }
        finally
        {
            _free.Release();
        }
    }
}
