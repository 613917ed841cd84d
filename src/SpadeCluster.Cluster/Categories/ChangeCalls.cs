using SpadeCluster.Galleries;
using SpadeCluster.Cluster.Resilience;
using SpadeCluster.Cluster.Scoring;

namespace SpadeCluster.Cluster.Categories;

/// <summary>The caller's side of changes: begins a change at the category's grain and follows it to its end.</summary>
internal sealed class ChangeCalls(IGrainFactory grains, GrainCalls calls, string author)
{
    private static readonly ChangeProgress Begun = new(ChangeState.Waiting, 0, 0);

    /// <param name="images">The images of an addition; null for every other change.</param>
    /// <param name="added">Receives the outcome of each image.</param>
    /// <param name="done">Receives the number of normals that a calibration has scored.</param>
    /// <returns>The version that is current afterwards; 0: there is none.</returns>
    public async Task<int> RunAsync(string category, CategoryChange change, IAsyncEnumerable<ImageSource>? images,
        IProgress<AddOutcome>? added, IProgress<int>? done, CancellationToken cancellationToken)
        => (await FollowAsync(category, change, images, added, done, cancellationToken)).Version;

    /// <summary>The same for a change with a report.</summary>
    /// <returns>Its last progress.</returns>
    public async Task<ChangeProgress> FollowAsync(string category, CategoryChange change, IAsyncEnumerable<ImageSource>? images,
        IProgress<AddOutcome>? added, IProgress<int>? done, CancellationToken cancellationToken)
    {
        var (grain, job) = (grains.GetGrain<ICategoryGrain>(CategoryName.Check(category)), Guid.NewGuid());
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task sending = Task.CompletedTask;
        try
        {
            var silo = await calls.CallAsync(_ => grain.BeginAsync(job, change, author), stop.Token);
            if (images is not null) sending = SendAsync(grain, job, silo, images, added, started.Task, stop);
            // Following also tells the grain that this gateway is alive, while its client sends images slowly.
            for (var seen = Begun; ;)
            {
                var progress = await calls.CallAsync(_ => grain.FollowAsync(job, seen, stop.Token), stop.Token);
                if (progress.State != ChangeState.Waiting) started.TrySetResult();
                if (progress.Done > seen.Done) done?.Report(progress.Done);
                seen = progress;
                if (seen.State != ChangeState.Done) continue;
                await sending;
                // From now on this gateway scores images with the new version.
                if (seen.Version > 0) await grains.GetGrain<ICoordinatorGrain>(category).AdvanceAsync(seen.Version, stop.Token);
                return seen;
            }
        }
        catch (Exception e)
        {
            await stop.CancelAsync();
            grain.CancelAsync(job).Ignore();
            await sending.ContinueWith(_ => { }, TaskScheduler.Default);
            // If sending failed, for example because the client's stream broke, that is the cause.
            if (sending.IsFaulted && e is OperationCanceledException) await sending;
            throw;
        }
    }

    /// <summary>Sends the images one by one, each after the one before it is durable.</summary>
    private async Task SendAsync(ICategoryGrain grain, Guid job, SiloAddress silo, IAsyncEnumerable<ImageSource> images,
        IProgress<AddOutcome>? added, Task started, CancellationTokenSource stop)
    {
        try
        {
            await started.WaitAsync(stop.Token);
            await foreach (var source in images.WithCancellation(stop.Token))
            {
                var outcome = await SendAsync(grain, job, silo, source, stop.Token);
                added?.Report(outcome);
            }
            await grain.EndAsync(job);
        }
        catch (Exception e)
        {
            await stop.CancelAsync();
            if (GrainCalls.IsLostSilo(e))
                throw new SpadeException(SpadeError.Unavailable, "the silo that was adding the images is lost; repeat the addition", e);
            throw;
        }
    }

    private async Task<AddOutcome> SendAsync(ICategoryGrain grain, Guid job, SiloAddress silo, ImageSource source,
        CancellationToken cancellationToken)
    {
        byte[] file;
        try
        {
            file = await source.ReadAsync(cancellationToken);
        }
        catch (SpadeException e) when (e.Error is SpadeError.InvalidArgument or SpadeError.NotFound or SpadeError.ResourceExhausted)
        {
            return new AddOutcome(source.Name, null, AddStatus.Failed, e.Message);
        }
        calls.CountSent(silo, "normal", file.Length);
        return await grain.AddAsync(job, new ImageFile(source.Name, file), cancellationToken);
    }
}
