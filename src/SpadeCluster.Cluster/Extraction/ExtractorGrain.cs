using System.Runtime.InteropServices;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Orleans.Concurrency;
using SpadeCluster.Features;
using SpadeCluster.Cluster.Placement;
using SpadeCluster.Cluster.Telemetry;

namespace SpadeCluster.Cluster.Extraction;

/// <summary>
/// Adapts <see cref="IFeatureExtractor"/>. Its key names silo and slot. It is not a stateless worker, because those run on the caller's
/// silo, which may have no device. Extraction runs on the thread pool, not on the grain's scheduler.
/// </summary>
[Reentrant, OnSiloWith(SiloRole.Extractor)]
internal sealed class ExtractorGrain : Grain, IExtractorGrain
{
    private readonly IDeviceEngines _devices;
    private readonly IFeatureEngines _engines;
    private readonly ExtractionQueue _queue;
    private readonly PyramidLeases _leases;
    private readonly TimeSpan _leaseTime;

    // Used on the grain's scheduler only.
    private int _inFlight;

    public ExtractorGrain(IServiceProvider services, IOptions<ExtractorOptions> options, TimeProvider clock)
    {
        // Not a constructor parameter, because silos without the role have no devices.
        _devices = services.GetRequiredService<IDeviceEngines>();
        _engines = _devices.On(GrainKeys.ParseSlot(this.GetPrimaryKeyString()));
        _queue = new ExtractionQueue(options.Value, clock);
        _leases = new PyramidLeases(options.Value.LeaseBytes, options.Value.LeaseTime, clock);
        _leaseTime = options.Value.LeaseTime;
    }

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        this.RegisterGrainTimer(_ =>
            { _leases.Expire(); return Task.CompletedTask; }, new GrainTimerCreationOptions(_leaseTime, _leaseTime) { Interleave = true });
        ClusterMetrics.Watch(this, _queue, _leases);
        return Task.CompletedTask;
    }

    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        ClusterMetrics.Unwatch(this);
        await _queue.DisposeAsync();
    }

    public async Task<ExtractReply> ExtractAsync(ExtractRequest request, CancellationToken cancellationToken)
    {
        var (extractor, _) = _engines.For(request.Model, request.Preprocessing);
        var image = new RgbImage(request.Model.InputWidth, request.Model.InputHeight, request.Pixels);
        _inFlight++;
        try
        {
            var (pooled, pyramid) = await _queue.ExtractAsync(extractor, image, cancellationToken);
            byte[] bytes = MemoryMarshal.AsBytes<float>(pooled).ToArray();
            return request.WithPyramid ? new ExtractReply(bytes, Guid.Empty, pyramid) : new ExtractReply(bytes, _leases.Add(pyramid), null);
        }
        finally
        {
            _inFlight--;
        }
    }

    public Task<int> CountInWorkAsync() => Task.FromResult(_inFlight);

    public Task<PyramidReply> TakePyramidAsync(Guid lease, CancellationToken cancellationToken)
    {
        var pyramid = _leases.Take(lease);
        (pyramid is null ? ClusterMetrics.LeaseMisses : ClusterMetrics.LeaseHits).Add(1);
        return Task.FromResult(new PyramidReply(pyramid));
    }

    public Task ReleaseAsync(Guid lease)
    {
        _leases.Take(lease);
        return Task.CompletedTask;
    }

    public Task<DefaultEngine> GetDefaultAsync(CancellationToken cancellationToken)
    {
        var (extractor, preparer) = _engines.Default;
        return Task.FromResult(new DefaultEngine(extractor.Model, preparer.Description));
    }

    public async Task<IReadOnlyList<FeatureModel>> ListModelsAsync(CancellationToken cancellationToken)
        => await Task.Run(() => _devices.Models, cancellationToken);
}
