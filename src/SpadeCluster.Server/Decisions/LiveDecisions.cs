using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using SpadeCluster.Server.Hosting;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Decisions;

/// <summary>/v1/results/live: server-sent events (WHATWG HTML, section 9.2).</summary>
internal static class LiveDecisions
{
    private const int MostMissed = 200;

    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(15);

    public static async Task SendAsync(HttpContext context, DecisionFeed feed, DecisionLog log, TimeProvider clock,
        IHostApplicationLifetime life, string? category = null, string? line = null)
    {
        if (category is not null) context.User.Require(category);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, life.ApplicationStopping);
        // First listen, then look at what was: nothing falls in between, and what is in both is sent once.
        using var listener = feed.Listen();
        long newest = log.Newest();
        var missed = Missed();
        using var timer = new PeriodicTimer(Heartbeat, clock);
        context.Response.ContentType = "text/event-stream";
        try
        {
            // At once, so that a browser knows it is connected before the first part comes along, and from where it has seen all.
            await WriteAsync($"event: hello\nid: "
                + $"{(missed.Count > 0 ? missed[0].Id - 1 : newest).ToString(CultureInfo.InvariantCulture)}\ndata: null\n\n");
            foreach (var decision in missed) await SendDecisionAsync(decision);
            var sent = missed.Select(d => d.Id).ToHashSet();
            var (more, beat) = (listener.Decisions.WaitToReadAsync(stop.Token).AsTask(), timer.WaitForNextTickAsync(stop.Token).AsTask());
            while (true)
            {
                if (await Task.WhenAny(more, beat) == more)
                {
                    await more;
                    while (listener.Decisions.TryRead(out var decision))
                        if (IsWanted(decision) && !sent.Contains(decision.Id)) await SendDecisionAsync(decision);
                    more = listener.Decisions.WaitToReadAsync(stop.Token).AsTask();
                }
                else
                {
                    // A comment: browsers ignore it, proxies keep the connection, and one that is gone is noticed.
                    await beat;
                    await WriteAsync(": still here\n\n");
                    beat = timer.WaitForNextTickAsync(stop.Token).AsTask();
                }
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The client is gone, or the server ends.
        }

        bool IsWanted(Decision d) =>
            context.User.May(d.Score.Category) && (category ?? d.Score.Category) == d.Score.Category && (line ?? d.Line) == d.Line;

        List<Decision> Missed()
            => long.TryParse(context.Request.Headers["Last-Event-ID"], NumberStyles.None, CultureInfo.InvariantCulture, out long last)
                ? [.. log.Find(new DecisionFilter(category, line, Limit: MostMissed, Categories: context.User.Scope(), After: last))
                    .Reverse()] : [];

        Task SendDecisionAsync(Decision d)
            => WriteAsync($"event: decision\nid: {d.Id.ToString(CultureInfo.InvariantCulture)}\ndata: "
            + $"{JsonSerializer.Serialize(d, ServerJson.Options)}\n\n");

        async Task WriteAsync(string text)
        {
            await context.Response.WriteAsync(text, stop.Token);
            await context.Response.Body.FlushAsync(stop.Token);
        }
    }
}
