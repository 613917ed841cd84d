using System.Collections.Concurrent;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Decisions;

namespace SpadeCluster.Server.Notices;

/// <summary>Keeps the present notices of each category, and reports their changes.</summary>
public sealed class NoticeService(IGalleryServices services, FactReader facts, NoticeFeed feed, TimeProvider clock)
{
    private readonly ConcurrentDictionary<string, IReadOnlyList<Notice>> _standing = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _one = new(1);

    /// <summary>The notices of the last check, by category.</summary>
    /// <param name="categories">Only of these; null: of all.</param>
    public IReadOnlyList<Notice> Standing(IReadOnlyList<string>? categories = null)
        => [.. _standing.Where(s => categories?.Contains(s.Key, StringComparer.Ordinal) ?? true).OrderBy(s => s.Key, StringComparer.Ordinal)
            .SelectMany(s => s.Value)];

    /// <summary>Checks every category.</summary>
    public async Task LookAsync(CancellationToken cancellationToken = default)
    {
        var categories = await services.For("server").ListAsync(cancellationToken);
        foreach (string category in categories.Union(_standing.Keys)) await LookAsync(category, cancellationToken);
    }

    /// <summary>Checks one category now; a category that cannot be read is skipped.</summary>
    public async Task<IReadOnlyList<Notice>> LookAsync(string category, CancellationToken cancellationToken = default)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            var now = await ReadAsync(category, cancellationToken);
            var before = _standing.GetValueOrDefault(category, []);
            // Anybody may ask for any name: names without notices are not kept.
            if (now.Count > 0) _standing[category] = now;
            else _standing.TryRemove(category, out _);
            foreach (var notice in now)
            {
                var known = before.FirstOrDefault(n => n.Code == notice.Code);
                if (known != notice) Publish(known is null ? NoticeState.Raised : NoticeState.Changed, notice);
            }
            foreach (var gone in before.Where(b => now.All(n => n.Code != b.Code))) Publish(NoticeState.Cleared, gone);
            return now;
        }
        finally
        {
            _one.Release();
        }
    }

    private async Task<IReadOnlyList<Notice>> ReadAsync(string category, CancellationToken cancellationToken)
    {
        try
        {
            return NoticeRules.Of(await facts.ReadAsync(category, cancellationToken));
        }
        catch (SpadeException)
        {
            return [];
        }
    }

    private void Publish(NoticeState state, Notice notice) => feed.Publish(NoticeEvent.Of(state, clock.GetUtcNow(), notice));
}

/// <summary>Changes of notices.</summary>
public sealed class NoticeFeed : Feed<NoticeEvent>;
