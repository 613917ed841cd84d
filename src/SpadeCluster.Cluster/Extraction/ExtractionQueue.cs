using System.Diagnostics;
using System.Threading.Channels;
using SpadeCluster.Features;
using SpadeCluster.Cluster.Telemetry;
using SpadeCluster.Telemetry;

namespace SpadeCluster.Cluster.Extraction;

/// <summary>
/// The queue of one device: bounded, with a loop on the thread pool that computes waiting images together, up to a batch. An image's
/// features do not depend on its batch, so batching affects latency only.
/// </summary>
internal sealed class ExtractionQueue : IAsyncDisposable
{
    private readonly Channel<Job> _jobs;
    private readonly ExtractorOptions _options;
    private readonly TimeProvider _clock;
    private readonly Task _loop;

    /// <summary>Of the last batch, for the next one of the same model: with ResNet-50, 6 MB an image.</summary>
    private readonly List<ImageFeatures> _buffers = [];

    public ExtractionQueue(ExtractorOptions options, TimeProvider clock)
    {
        (_options, _clock) = (options, clock);
        _jobs = Channel.CreateBounded<Job>(new BoundedChannelOptions(options.QueueLength) { SingleReader = true });
        _loop = Task.Run(RunAsync);
    }

    public int Waiting => _jobs.Reader.Count;

    /// <exception cref="SpadeException">ResourceExhausted: the queue is full. Unavailable: it is closing.</exception>
    public Task<(float[] Pooled, FeaturePyramid Pyramid)> ExtractAsync(IFeatureExtractor extractor, RgbImage image,
        CancellationToken cancellationToken)
    {
        var job = new Job(extractor, image, cancellationToken);
        if (!_jobs.Writer.TryWrite(job))
            throw _jobs.Reader.Completion.IsCompleted || _loop.IsCompleted
                ? new SpadeException(SpadeError.Unavailable, "the extractor is shutting down; try again")
                : new SpadeException(SpadeError.ResourceExhausted,
                    $"the extractor's queue of {_options.QueueLength} images is full; try again later, or add extractors")
                {
                    RetryAfter =
                    _options.RetryAfter
                };
        return job.Result.Task.WaitAsync(cancellationToken);
    }

    /// <summary>Refuses further images and finishes the waiting ones.</summary>
    public async ValueTask DisposeAsync()
    {
        _jobs.Writer.TryComplete();
        await _loop;
    }

    private async Task RunAsync()
    {
        var batch = new List<Job>(_options.MaxBatch);
        Job? held = null;
        while (held is not null || await _jobs.Reader.WaitToReadAsync())
        {
            await GatherAsync(batch, held);
            // A batch has one model: the first job of another model begins the next batch.
            held = batch.Find(j => j.Extractor != batch[0].Extractor);
            if (held is not null) batch.Remove(held);
            await ComputeAsync(batch);
            batch.Clear();
        }
    }

    private async Task GatherAsync(List<Job> batch, Job? held)
    {
        if (held is not null) batch.Add(held);
        using var wait = _options.BatchWait > TimeSpan.Zero ? new CancellationTokenSource(_options.BatchWait, _clock) : null;
        while (batch.Count < _options.MaxBatch && batch.TrueForAll(j => j.Extractor == batch[0].Extractor))
        {
            if (_jobs.Reader.TryRead(out var job))
            {
                // Its caller has given up.
                if (!job.Cancellation.IsCancellationRequested) batch.Add(job);
                else job.Result.TrySetCanceled(job.Cancellation);
                continue;
            }
            if (batch.Count > 0 && wait is null) return;
            try
            {
                if (!await _jobs.Reader.WaitToReadAsync(batch.Count > 0 ? wait!.Token : CancellationToken.None)) return;
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task ComputeAsync(List<Job> batch)
    {
        if (batch.Count == 0) return;
        try
        {
            long start = Stopwatch.GetTimestamp();
            var features = Buffers(batch[0].Extractor.Model, batch.Count);
            await batch[0].Extractor.ExtractAsync(batch.ConvertAll(j => j.Image), features);
            SpadeMeter.Stage("extract", Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            ClusterMetrics.BatchSize.Record(batch.Count);
            for (int i = 0; i < batch.Count; i++) Answer(batch[i], features[i]);
        }
        catch (Exception e)
        {
            foreach (var job in batch) job.Result.TrySetException(e);
        }
    }

    private List<ImageFeatures> Buffers(FeatureModel model, int count)
    {
        if (_buffers.Count > 0 && !_buffers[0].Fits(model)) _buffers.Clear();
        while (_buffers.Count < count) _buffers.Add(new ImageFeatures(model));
        return _buffers[..count];
    }

    private static void Answer(Job job, ImageFeatures features)
    {
        try
        {
            job.Result.TrySetResult(([.. features.Pooled], FeaturePyramid.From(features)));
        }
        catch (SpadeException e)
        {
            job.Result.TrySetException(e);
        }
    }

    private sealed record Job(IFeatureExtractor Extractor, RgbImage Image, CancellationToken Cancellation)
    {
        public TaskCompletionSource<(float[] Pooled, FeaturePyramid Pyramid)> Result { get; } =
            new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
