using System.Diagnostics;

namespace SpadeCluster.Inference.Managed;

/// <summary>
/// A fixed team of threads that walks through a list of steps together: within a step every member takes tasks from a
/// shared counter, and nobody enters the next step before all tasks of this one are done. The caller is the first
/// member. Members wait actively between steps (they last micro- to milliseconds) and asleep between runs; one that
/// wakes late finds the work done and goes on. Nothing is allocated in a run.
/// </summary>
internal sealed unsafe class WorkerTeam : IDisposable
{
    private const int OpenBit = 1 << 30;
    private readonly IReadOnlyList<Step> _steps;
    private readonly int[] _taken, _done;
    private readonly long[] _ended;
    private readonly NativeBuffer? _scratch;
    private readonly int _scratchPerMember;
    private readonly Thread[] _threads;
    private readonly SemaphoreSlim _wake = new(0);
    private CancellationToken _cancellation;
    private Exception? _failure;
    private volatile bool _stop, _disposed;
    private int _gate; // OpenBit while a run accepts members; the low bits count members inside

    public WorkerTeam(IReadOnlyList<Step> steps, int threads)
    {
        _steps = steps;
        (_taken, _done, _ended) = (new int[steps.Count], new int[steps.Count], new long[steps.Count + 1]);
        _scratchPerMember = (steps.Count == 0 ? 0 : steps.Max(s => s.ScratchFloats)) + 64 & ~15;
        _scratch = new NativeBuffer((long)_scratchPerMember * threads);
        _threads = new Thread[threads - 1];
        for (int i = 0; i < _threads.Length; i++)
        {
            int member = i + 1;
            _threads[i] = new Thread(() => Live(member)) { IsBackground = true, Name = $"spade extractor {member}" };
            _threads[i].Start();
        }
    }

    /// <summary>How long a step of the last run took, from its predecessor's end to its own.</summary>
    public TimeSpan Took(int step) => Stopwatch.GetElapsedTime(_ended[step], _ended[step + 1]);

    /// <summary>Runs all steps. One call at a time.</summary>
    /// <exception cref="OperationCanceledException">Cancelled between steps; all members have stopped.</exception>
    public void Run(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        Array.Clear(_taken);
        Array.Clear(_done);
        (_cancellation, _failure, _stop) = (cancellation, null, false);
        Volatile.Write(ref _gate, OpenBit);
        if (_threads.Length > 0) _wake.Release(_threads.Length);
        Walk(0);
        Interlocked.And(ref _gate, ~OpenBit);
        var spin = new SpinWait();
        while (Volatile.Read(ref _gate) != 0) spin.SpinOnce(-1);
        if (_failure is { } failure) throw new InvalidOperationException(failure.Message, failure);
        if (_stop) cancellation.ThrowIfCancellationRequested();
    }

    private void Live(int member)
    {
        while (true)
        {
            _wake.Wait();
            if (_disposed) return;
            if (!TryEnter()) continue;
            Walk(member);
            Interlocked.Decrement(ref _gate);
        }
    }

    private bool TryEnter()
    {
        while (true)
        {
            int gate = Volatile.Read(ref _gate);
            if ((gate & OpenBit) == 0) return false;
            if (Interlocked.CompareExchange(ref _gate, gate + 1, gate) == gate) return true;
        }
    }

    private void Walk(int member)
    {
        if (member == 0) _ended[0] = Stopwatch.GetTimestamp();
        float* scratch = _scratch!.Pointer + ((long)member * _scratchPerMember);
        for (int i = 0; i < _steps.Count && !_stop; i++)
        {
            var step = _steps[i];
            int tasks = step.Tasks, task;
            while (!_stop && (task = Interlocked.Increment(ref _taken[i]) - 1) < tasks)
            {
                try
                {
                    step.Run(task, scratch);
                }
                catch (Exception e)
                {
                    _failure = e;
                    _stop = true;
                }
                Interlocked.Increment(ref _done[i]);
            }
            if (member == 0 && _cancellation.IsCancellationRequested) _stop = true;
            var spin = new SpinWait();
            while (Volatile.Read(ref _done[i]) < tasks && !_stop) spin.SpinOnce(-1);
            if (member == 0) _ended[i + 1] = Stopwatch.GetTimestamp();
        }
    }

    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        if (_threads.Length > 0) _wake.Release(_threads.Length);
        foreach (var thread in _threads) thread.Join();
        _wake.Dispose();
        _scratch!.Dispose();
    }
}
