using System.Diagnostics;
using System.Globalization;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using SpadeCluster.Galleries;
using SpadeCluster.Server.Decisions;
using Xunit.Abstractions;

namespace SpadeCluster.Server.Tests;

/// <summary>Figures that take minutes and a quiet machine.</summary>
[Trait("Category", "Long")]
public sealed class LoadTests(OpenServerFixture server, ITestOutputHelper output) : IClassFixture<OpenServerFixture>
{
    /// <summary>The engine called directly and through HTTP, in turns, so that whatever else the machine does hits both.</summary>
    [Fact]
    public async Task The_server_keeps_at_least_nine_tenths_of_the_engines_rate()
    {
        const int Images = 60, Rounds = 5;
        var parts = server.App.Services.GetRequiredService<ServerParts>();
        using var client = server.Client(null);
        Func<int, Task> direct = async i => await parts.Scoring.ScoreAsync("discs", new ImageSource("part", Part.Good(i)));
        Func<int, Task> http = async i => (await client.PostAsync("/v1/score?category=discs", ServerFixture.Image(Part.Good(i)))).EnsureSuccessStatusCode();
        await RateAsync(direct, 20, 2);
        await RateAsync(http, 20, 4);
        var ratios = new List<double>();
        for (int round = 0; round < Rounds; round++)
        {
            double engine = await RateAsync(direct, Images, 2), served = await RateAsync(http, Images, 4);
            ratios.Add(served / engine);
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"engine {engine:0.0}/s, server {served:0.0}/s, ratio {served / engine:0.000}"));
        }
        ratios.Sort();
        Assert.True(ratios[Rounds / 2] >= 0.9, $"median ratio {ratios[Rounds / 2]:0.000}");
    }

    /// <summary>Twice as many requests as are taken in: the rest gets 429, memory stays, and no acknowledged decision is missing.</summary>
    [Fact]
    public async Task Ten_minutes_of_overload_leave_memory_bounded_and_no_decision_lost()
    {
        double minutes = double.Parse(Environment.GetEnvironmentVariable("SPADE_OVERLOAD_MINUTES") ?? "10", CultureInfo.InvariantCulture);
        var options = server.App.Services.GetRequiredService<ServerOptions>();
        var log = server.App.Services.GetRequiredService<DecisionLog>();
        using var client = server.Client(null);
        long before = log.Count(), accepted = 0, refused = 0, peak = 0;
        var clock = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, 2 * (options.Slots + options.Queue)).Select(async i =>
        {
            while (clock.Elapsed.TotalMinutes < minutes)
            {
                var answer = await client.PostAsync("/v1/score?category=discs", ServerFixture.Image(Part.Good(i)));
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
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{clock.Elapsed.TotalMinutes:0.0} minutes: {accepted} accepted, {refused} refused, peak {peak >> 20} MB"));
        Assert.True(refused > 0);
        Assert.Equal(accepted, log.Count() - before);
        Assert.True(peak < 2L << 30);
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
