using System.Diagnostics;
using System.Globalization;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using SpadeCluster.Server.Admission;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Decisions;
using Xunit.Abstractions;

namespace SpadeCluster.Server.Tests;

/// <summary>Skipped without wrk.</summary>
public sealed class WrkFactAttribute : FactAttribute
{
    public static string? Path { get; } = new[] { "/usr/bin/wrk", "/usr/local/bin/wrk" }.FirstOrDefault(File.Exists);

    public WrkFactAttribute()
    {
        if (Path is null) Skip = "needs wrk (Debian: apt-get install wrk)";
    }
}

/// <summary>Measurements that take minutes and need a machine without other work.</summary>
[Trait("Category", "Long")]
public sealed class LoadTests(OpenServerFixture server, ITestOutputHelper output) : IClassFixture<OpenServerFixture>
{
    /// <summary>The engine called directly and the server under wrk, in turns, so that other work of the machine affects both.</summary>
    [WrkFact]
    public async Task The_server_keeps_at_least_nine_tenths_of_the_engines_rate()
    {
        const int Images = 100, Rounds = 5;
        var scoring = server.App.Services.GetRequiredService<SpadeCluster.Scoring.IScoringService>();
        Func<int, Task> direct = async _ => await scoring.ScoreAsync("discs", new ImageSource("part", Part.Good(1)));
        await RateAsync(direct, 40, 2);
        await WrkAsync(seconds: 3);
        var ratios = new List<double>();
        for (int round = 0; round < Rounds; round++)
        {
            double engine = await RateAsync(direct, Images, 2), served = await WrkAsync(seconds: 5);
            ratios.Add(served / engine);
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"engine {engine:0.0}/s, server {served:0.0}/s, ratio {served / engine:0.000}"));
        }
        ratios.Sort();
        Assert.True(ratios[Rounds / 2] >= 0.9, $"median ratio {ratios[Rounds / 2]:0.000}");
    }

    /// <summary>Photographs come at four fifths of the rate the server can sustain, at random moments and whether or not the ones
    /// before are answered: what a line sees, which a client that waits for answers would hide.</summary>
    [WrkFact]
    public async Task At_four_fifths_of_its_rate_the_slowest_hundredth_waits_no_longer_than_ten_images()
    {
        await WrkAsync(seconds: 3);
        double rate = await WrkAsync(seconds: 5);
        using var client = server.Client(null);
        var random = new Random(1);
        var waiting = new List<Task<double>>();
        var clock = Stopwatch.StartNew();
        for (double due = 0; clock.Elapsed.TotalSeconds < 30; due -= Math.Log(1 - random.NextDouble()) / (0.8 * rate))
        {
            // Waits for the arrival's time, not for another task.
            if (TimeSpan.FromSeconds(due) - clock.Elapsed is { Ticks: > 0 } early) await Task.Delay(early);
            waiting.Add(SendAsync(due));
        }
        double[] milliseconds = [.. (await Task.WhenAll(waiting)).Order()];
        double median = milliseconds[milliseconds.Length / 2], p99 = milliseconds[milliseconds.Length * 99 / 100], image = 2000 / rate;
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{milliseconds.Length} photographs at {0.8 * rate:0.0}/s: median {median:0.0} ms, p99 {p99:0.0} ms; one image takes "
            + $"{image:0.0} ms"));
        Assert.True(p99 < 10 * image, $"p99 {p99:0} ms, one image takes {image:0} ms");

        async Task<double> SendAsync(double due)
        {
            (await client.PostAsync("/v1/score?category=discs", ServerFixture.Image(Part.Good(1)))).EnsureSuccessStatusCode();
            return clock.Elapsed.TotalMilliseconds - 1000 * due;
        }
    }

    /// <summary>Twice as many requests as are taken in: the rest gets 429, memory does not grow, and no acknowledged decision is
    /// missing.</summary>
    [Fact]
    public async Task Ten_minutes_of_overload_leave_memory_bounded_and_no_decision_lost()
    {
        double minutes = double.Parse(Environment.GetEnvironmentVariable("SPADE_OVERLOAD_MINUTES") ?? "10", CultureInfo.InvariantCulture);
        int admitted = server.App.Services.GetRequiredService<IOptions<AdmissionOptions>>().Value.MaxRequests;
        var log = server.App.Services.GetRequiredService<DecisionLog>();
        using var client = server.Client(null);
        long before = log.Count(), accepted = 0, refused = 0, broken = 0, peak = 0;
        var clock = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, 2 * admitted).Select(async i =>
        {
            while (clock.Elapsed.TotalMinutes < minutes)
            {
                HttpResponseMessage answer;
                try
                {
                    answer = await client.PostAsync("/v1/score?category=discs", ServerFixture.Image(Part.Good(i)));
                }
                catch (HttpRequestException)
                {
                    // A machine so busy that a body took seconds: the connection is given up, nothing was acknowledged.
                    Interlocked.Increment(ref broken);
                    continue;
                }
                if (answer.StatusCode == HttpStatusCode.OK) Interlocked.Increment(ref accepted);
                else if (answer.StatusCode == HttpStatusCode.TooManyRequests)
                {
                    Interlocked.Increment(ref refused);
                    await Task.Delay(TimeSpan.FromSeconds(0.2));
                }
                else Assert.Fail($"unexpected {answer.StatusCode}");
                peak = Math.Max(peak, Environment.WorkingSet);
            }
        }));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{clock.Elapsed.TotalMinutes:0.0} minutes: {accepted} accepted, {refused} refused, {broken} connections given up, peak "
            + $"{peak >> 20} MB"));
        Assert.True(refused > 0);
        Assert.InRange(log.Count() - before, accepted, accepted + broken);
        Assert.True(broken <= accepted / 100, $"{broken} connections given up");
        Assert.True(peak < 2L << 30);
    }

    /// <summary>Requests a second, each answered with 200.</summary>
    private async Task<double> WrkAsync(int seconds)
    {
        string image = Path.Combine(server.Folder, "wrk.png"), script = Path.Combine(server.Folder, "wrk.lua");
        await File.WriteAllBytesAsync(image, Part.Good(1));
        await File.WriteAllTextAsync(script, $"""
            wrk.method = "POST"
            wrk.headers["Content-Type"] = "image/png"
            wrk.body = io.open("{image}", "rb"):read("*a")
            done = function(summary)
                io.write(string.format("RESULT %d %d %d\n", summary.requests, summary.duration, summary.errors.status))
            end
            """);
        using var wrk = Process.Start(new ProcessStartInfo(WrkFactAttribute.Path!,
            ["-t1", "-c4", $"-d{seconds.ToString(CultureInfo.InvariantCulture)}s", "-s", script,
                $"{server.Address}/v1/score?category=discs"])
        { RedirectStandardOutput = true })!;
        string said = await wrk.StandardOutput.ReadToEndAsync();
        await wrk.WaitForExitAsync();
        long[] result = [.. said.Split('\n').Single(l => l.StartsWith("RESULT ", StringComparison.Ordinal)).Split(' ').Skip(1)
            .Select(n => long.Parse(n, CultureInfo.InvariantCulture))];
        Assert.Equal(0, result[2]);
        return 1e6 * result[0] / result[1];
    }

    private static async Task<double> RateAsync(Func<int, Task> send, int images, int workers)
    {
        int next = 0;
        var clock = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, workers).Select(_ => Task.Run(async () =>
        {
            for (int i; (i = Interlocked.Increment(ref next)) <= images;) await send(i);
        })));
        return images / clock.Elapsed.TotalSeconds;
    }
}
