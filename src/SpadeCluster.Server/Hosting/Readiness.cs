using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Deliveries;
using SpadeCluster.Server.Storage;

namespace SpadeCluster.Server.Hosting;

/// <summary>Whether a server can work.</summary>
public enum ReadinessStatus
{
    Ready,
    /// <summary>It works, but a person should act before it fails.</summary>
    Degraded,
    Unavailable,
}

/// <param name="Reasons">One sentence for each problem.</param>
public sealed record ReadinessReport(ReadinessStatus Status, IReadOnlyList<string> Reasons)
{
    [JsonIgnore]
    public bool IsReady => Status != ReadinessStatus.Unavailable;

    [JsonIgnore]
    public int HttpStatus => IsReady ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
}

/// <summary>
/// Checks by trying: the galleries can be read, the log can be written, its disk has space for the largest photograph, and no device is
/// lost. At most one check per second, because anybody can request it.
/// </summary>
internal sealed class Readiness(IGalleryServices galleries, IEngineStatus engine, ServerDatabase database, ServerOptions options,
    Outbox outbox, IReadOnlyList<Destination> destinations, TimeProvider clock)
{
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _one = new(1);
    private (long At, Findings Findings)? _last;

    public async Task<ReadinessReport> CheckAsync(CancellationToken cancellationToken)
    {
        var (wrong, worrying) = await FindingsAsync(cancellationToken);
        wrong = [.. Devices(), .. wrong];
        var status = wrong.Count > 0 ? ReadinessStatus.Unavailable : worrying.Count > 0 ? ReadinessStatus.Degraded : ReadinessStatus.Ready;
        return new ReadinessReport(status, [.. wrong, .. worrying]);
    }

    private async Task<Findings> FindingsAsync(CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            if (_last is { } last && clock.GetElapsedTime(last.At) < Fresh) return last.Findings;
            var findings = await LookAsync(cancellationToken);
            _last = (clock.GetTimestamp(), findings);
            return findings;
        }
        finally
        {
            _one.Release();
        }
    }

    private async Task<Findings> LookAsync(CancellationToken cancellationToken)
    {
        var (wrong, worrying) = (new List<string>(), new List<string>());
        await TryAsync(async () => await galleries.For("health").ListAsync(cancellationToken));
        // Writes a row, as a decision does; an empty write would succeed on a full disk.
        await TryAsync(() => database.WriteAsync(c => c.Execute(
            "INSERT INTO probe (id, time) VALUES (1, $now) ON CONFLICT (id) DO UPDATE SET time = excluded.time",
            ("$now", clock.GetUtcNow()))));
        if (options.Database is null && FreeBytes(options.DataFolder) is { } free)
        {
            string sentence = $"{free >> 20:N0} MB are free on the disk of '{options.DataFolder}', where decisions are kept; free some "
                + $"space";
            if (free < options.MaxBodyBytes) wrong.Add(sentence);
            else if (free < options.DiskHeadroom) worrying.Add(sentence);
        }
        if (destinations.Count > 0)
            await TryAsync(() =>
            {
                worrying.AddRange(Undelivered());
                return Task.CompletedTask;
            });
        return new Findings(wrong, worrying);

        async Task TryAsync(Func<Task> look)
        {
            try
            {
                await look();
            }
            catch (SpadeException e)
            {
                wrong.Add(Problems.DetailOf(e));
            }
        }
    }

    /// <summary>Destinations that do not take decisions. Scoring does not depend on them.</summary>
    private IEnumerable<string> Undelivered() => outbox.State()
        .Where(s => s.Oldest < clock.GetUtcNow() - Outbox.Late && destinations.Any(d => d.Name == s.Destination))
        .Select(s => $"{s.Waiting} decisions wait for destination '{s.Destination}', the oldest since {s.Oldest:u}; 'spade outbox list' "
            + "says why");

    /// <summary>The devices, checked on every request because that costs nothing.</summary>
    private IEnumerable<string> Devices() => engine.Extractors.Where(e => !e.IsHealthy)
        .Select(e => $"{e.Device}: {e.Problem}; start this server again");

    private static long? FreeBytes(string folder)
    {
        try
        {
            return new DriveInfo(Path.GetFullPath(folder)).AvailableFreeSpace;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }

    private sealed record Findings(IReadOnlyList<string> Wrong, IReadOnlyList<string> Worrying);
}
