using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using SpadeCluster.Server.Hosting;
using SpadeCluster.Server.Notices;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Decisions;

/// <summary>/v1/results/live: server-sent events (WHATWG HTML, section 9.2).</summary>
internal static class LiveDecisions
{
    private const int MostMissed = 200;

    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(15);

    public static async Task SendAsync(HttpContext context, DecisionFeed feed, DecisionLog log, NoticeFeed noticeFeed,
        NoticeService notices, ApiKeyStore keys, TimeProvider clock, IHostApplicationLifetime life, string? category = null,
        string? line = null)
    {
        if (category is not null) context.User.Require(category);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, life.ApplicationStopping);
        // First listen, then read past decisions, so that none is missed; those in both are sent once.
        using var listener = feed.Listen();
        using var noticeListener = noticeFeed.Listen();
        long newest = log.Newest();
        var missed = Missed();
        using var timer = new PeriodicTimer(Heartbeat, clock);
        context.Response.ContentType = "text/event-stream";
        try
        {
            // Sent at once, so that a browser knows that it is connected, and since which decision.
            await WriteAsync("hello", missed.Count > 0 ? missed[0].Id - 1 : newest, "null");
            foreach (var decision in missed) await SendDecisionAsync(decision);
            foreach (var notice in notices.Standing(context.User.Scope()))
                await SendNoticeAsync(NoticeEvent.Of(NoticeState.Raised, clock.GetUtcNow(), notice));
            var sent = missed.Select(d => d.Id).ToHashSet();
            var (more, news, beat) = (MoreDecisions(), MoreNotices(), timer.WaitForNextTickAsync(stop.Token).AsTask());
            while (true)
            {
                var next = await Task.WhenAny(more, news, beat);
                await next;
                if (next == more)
                {
                    while (listener.Items.TryRead(out var decision))
                        if (IsWanted(decision) && !sent.Contains(decision.Id)) await SendDecisionAsync(decision);
                    more = MoreDecisions();
                }
                else if (next == news)
                {
                    while (noticeListener.Items.TryRead(out var notice)) await SendNoticeAsync(notice);
                    news = MoreNotices();
                }
                else
                {
                    // Revoked or expired: a browser connects again and is refused.
                    if (!keys.Admits(context.User)) return;
                    // A comment, which browsers ignore: proxies keep the connection open, and a lost client is noticed.
                    await WriteTextAsync(": still here\n\n");
                    beat = timer.WaitForNextTickAsync(stop.Token).AsTask();
                }
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The client has disconnected, or the server stops.
        }

        Task<bool> MoreDecisions() => listener.Items.WaitToReadAsync(stop.Token).AsTask();

        Task<bool> MoreNotices() => noticeListener.Items.WaitToReadAsync(stop.Token).AsTask();

        bool IsWanted(Decision d) => IsOfCategory(d.Score.Category) && (line ?? d.Line) == d.Line;

        bool IsOfCategory(string name) => context.User.May(name) && (category ?? name) == name;

        List<Decision> Missed()
            => long.TryParse(context.Request.Headers["Last-Event-ID"], NumberStyles.None, CultureInfo.InvariantCulture, out long last)
                ? [.. log.Find(new DecisionFilter(category, line, Limit: MostMissed, Categories: context.User.Scope(), After: last))
                    .Reverse()] : [];

        Task SendDecisionAsync(Decision d) => WriteAsync("decision", d.Id, JsonSerializer.Serialize(d, ServerJson.Options));

        // Without an id, because a reconnecting browser sends the id of the last decision that it received.
        Task SendNoticeAsync(NoticeEvent n) => IsOfCategory(n.Category)
            ? WriteTextAsync($"event: notice\ndata: {JsonSerializer.Serialize(n, ServerJson.Options)}\n\n") : Task.CompletedTask;

        Task WriteAsync(string name, long id, string data)
            => WriteTextAsync($"event: {name}\nid: {id.ToString(CultureInfo.InvariantCulture)}\ndata: {data}\n\n");

        async Task WriteTextAsync(string text)
        {
            await context.Response.WriteAsync(text, stop.Token);
            await context.Response.Body.FlushAsync(stop.Token);
        }
    }
}
