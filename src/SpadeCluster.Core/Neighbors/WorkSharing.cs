namespace SpadeCluster.Neighbors;

/// <summary>Hands out items one at a time to a bounded number of threads, which is fair to other searches on the pool.</summary>
internal static class WorkSharing
{
    /// <param name="body">Called with (worker, item). The calls of one worker never overlap, and its items ascend.</param>
    public static void Run(int threads, int items, CancellationToken cancellationToken, Action<int, int> body)
    {
        int next = -1;
        void Work(int worker)
        {
            for (int item; (item = Interlocked.Increment(ref next)) < items;)
            {
                cancellationToken.ThrowIfCancellationRequested();
                body(worker, item);
            }
        }
        threads = Math.Min(threads, items);
        if (threads <= 1) Work(0);
        else Parallel.For(0, threads, new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = cancellationToken },
            Work);
    }
}
