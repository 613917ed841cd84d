using System.Collections.Concurrent;
using System.Diagnostics;

namespace SpadeCluster.Server.Tests;

/// <summary>The real program, killed while it answers: what it acknowledged is in the log.</summary>
public sealed class KilledServerTests(OpenServerFixture server) : IClassFixture<OpenServerFixture>
{
    [Fact]
    public async Task Every_acknowledged_decision_is_in_the_log_after_kill_9()
    {
        string data = Path.Combine(server.Folder, "killed");
        var acknowledged = new ConcurrentDictionary<long, string>();
        for (int round = 0; round < 3; round++)
        {
            var (process, address) = await ServerProcess.StartAsync(server.Folder, data);
            using var client = new HttpClient { BaseAddress = new Uri(address) };
            // Decisions of earlier rounds are still there.
            foreach (var (id, digest) in acknowledged)
                Assert.Contains(digest, await client.GetStringAsync($"/v1/results/{id}"), StringComparison.Ordinal);
            int wanted = acknowledged.Count + 12 + 3 * round, seed = 1000 * round;
            var enough = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var senders = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
            {
                try
                {
                    while (true)
                    {
                        var answer = await client.PostAsync("/v1/score?category=discs&line=killed",
                            ServerFixture.Image(Part.Good(Interlocked.Increment(ref seed))));
                        var decision = await ApiTests.Json(answer);
                        acknowledged[decision.GetProperty("id").GetInt64()] = decision.GetProperty("digest").GetString()!;
                        if (acknowledged.Count >= wanted) enough.TrySetResult();
                    }
                }
                catch (Exception e) when (e is HttpRequestException or IOException)
                {
                    // The server is gone; this one was never acknowledged.
                }
            })).ToArray();
            await Task.WhenAny(enough.Task, Task.WhenAll(senders));
            Assert.True(enough.Task.IsCompleted, "the server answered no more before it was killed");
            process.Kill();
            await Task.WhenAll(senders);
            await process.WaitForExitAsync();
            process.Dispose();
        }
        var (last, url) = await ServerProcess.StartAsync(server.Folder, data);
        using var reader = new HttpClient { BaseAddress = new Uri(url) };
        foreach (var (id, digest) in acknowledged)
            Assert.Contains(digest, await reader.GetStringAsync($"/v1/results/{id}"), StringComparison.Ordinal);
        last.Kill();
        await last.WaitForExitAsync();
        last.Dispose();
    }
}
