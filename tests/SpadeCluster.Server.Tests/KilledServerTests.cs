using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

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
            var (process, address) = await StartAsync(data);
            using var client = new HttpClient { BaseAddress = new Uri(address) };
            // Those of the rounds before are still there.
            foreach (var (id, digest) in acknowledged)
                Assert.Contains(digest, await client.GetStringAsync($"/v1/results/{id}"), StringComparison.Ordinal);
            int before = acknowledged.Count, seed = 1000 * round;
            var senders = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
            {
                try
                {
                    while (true)
                    {
                        var answer = await client.PostAsync("/v1/score?category=discs&line=killed", ServerFixture.Image(Part.Good(Interlocked.Increment(ref seed))));
                        var decision = await ApiTests.Json(answer);
                        acknowledged[decision.GetProperty("id").GetInt64()] = decision.GetProperty("digest").GetString()!;
                    }
                }
                catch (Exception e) when (e is HttpRequestException or IOException)
                {
                    // The server is gone; this one was never acknowledged.
                }
            })).ToArray();
            while (acknowledged.Count < before + 12 + 3 * round) await Task.WhenAny(Task.Delay(20), Task.WhenAll(senders));
            process.Kill();
            await Task.WhenAll(senders);
            await process.WaitForExitAsync();
            process.Dispose();
        }
        var (last, url) = await StartAsync(data);
        using var reader = new HttpClient { BaseAddress = new Uri(url) };
        foreach (var (id, digest) in acknowledged)
            Assert.Contains(digest, await reader.GetStringAsync($"/v1/results/{id}"), StringComparison.Ordinal);
        last.Kill();
        await last.WaitForExitAsync();
        last.Dispose();
    }

    /// <summary>The program as it lies beside the tests, with the tests' list of assemblies: its own names packages that ASP.NET
    /// Core brings too, and a test project's output leaves those out.</summary>
    private static string[] Spade { get; } = ["exec", "--runtimeconfig", Beside("SpadeCluster.Server.Tests.runtimeconfig.json"), "--depsfile", Beside("SpadeCluster.Server.Tests.deps.json"), Beside("spade.dll")];

    private static string Beside(string file) => Path.Combine(AppContext.BaseDirectory, file);

    private async Task<(Process Process, string Address)> StartAsync(string data)
    {
        var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        string address = $"http://127.0.0.1:{((IPEndPoint)free.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture)}";
        free.Stop();
        var process = Process.Start(new ProcessStartInfo("dotnet", [.. Spade, "serve", "--gallery", Path.Combine(server.Folder, "galleries"), "--data", data, "--urls", address]) { RedirectStandardOutput = true })!;
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        string? line = await process.StandardOutput.ReadLineAsync(limit.Token);
        Assert.Contains(address, line, StringComparison.Ordinal);
        return (process, address);
    }
}
