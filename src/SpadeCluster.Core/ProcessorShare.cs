namespace SpadeCluster;

/// <summary>
/// Divides the processors of this process among the stages of images (decoding, extraction, pixel search) that run at the same time. A
/// stage that runs alone may use all of them, which gives one image the shortest time. With as many stages as processors each uses one,
/// which gives the most images, because no thread waits for another.
/// </summary>
public static class ProcessorShare
{
    private static int _running;

    /// <summary>Begins a stage, which ends when the result is disposed.</summary>
    /// <param name="threads">Threads that the stage shall use, whatever else runs; 0: its share.</param>
    public static Stage Begin(int threads = 0)
    {
        int running = Interlocked.Increment(ref _running);
        return new Stage(threads > 0 ? threads : Math.Max(1, Environment.ProcessorCount / running));
    }

    /// <param name="Threads">Threads that the stage may use.</param>
    public readonly record struct Stage(int Threads) : IDisposable
    {
        public void Dispose() => Interlocked.Decrement(ref _running);
    }
}
