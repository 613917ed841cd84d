using Microsoft.Extensions.Logging.Abstractions;
using SpadeCluster.Server.Decisions;

namespace SpadeCluster.Server.Tests;

/// <summary>Live decisions of servers that share a log.</summary>
public sealed class SharedFeedTests
{
    [Fact]
    public void A_decision_that_is_logged_while_a_first_listener_connects_is_not_skipped()
    {
        var feed = new DecisionFeed();
        using var shared = new SharedFeed(null!, feed, TimeProvider.System, NullLogger<SharedFeed>.Instance);
        Assert.Equal(7, shared.Skip(null, () => 7));
        Assert.Equal(8, shared.Skip(7, () => 8));
        IDisposable? listener = null;
        try
        {
            // The listener has seen 8; 9 is logged before the newest is read.
            Assert.Equal(8, shared.Skip(8, () =>
            {
                listener = feed.Listen();
                return 9;
            }));
        }
        finally
        {
            listener?.Dispose();
        }
    }
}
