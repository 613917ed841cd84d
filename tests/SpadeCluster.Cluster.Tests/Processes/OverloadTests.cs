using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Spade.V1;
using SpadeCluster.Cluster.Tests.Support;
using Xunit.Abstractions;

namespace SpadeCluster.Cluster.Tests.Processes;

/// <summary>
/// Ten times the rate a server can sustain, from clients that do not slow down. What is promised: memory within 1 GB above what
/// it was at the sustainable rate; refusals are RESOURCE_EXHAUSTED with a time to retry; what is admitted waits
/// for the images admitted before it (at most Admission:MaxRequests) and for nothing else - with four seconds' grace for a machine
/// that also has the clients to run; behind a queue that grows it would wait for most of the storm; afterwards everything is as before.
/// </summary>
[Collection(Alone.Name)]
public sealed class OverloadTests(ITestOutputHelper output)
{
    private const int MaxRequests = 16;
    private const long MemoryAllowance = 1L << 30;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(5);

    [PostgresFact]
    public Task Ten_times_the_sustainable_rate_for_a_moment() => OverloadAsync(TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(5));

    [PostgresFact]
    [Trait("Category", "Long")]
    public Task Ten_times_the_sustainable_rate_for_a_minute() => OverloadAsync(TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(60));

    private async Task OverloadAsync(TimeSpan before, TimeSpan during)
    {
        await using var silos = await RealSilos.StartAsync([("all", "gateway,gallery,extractor")],
            new() { ["Spade:Admission:MaxRequests"] = MaxRequests.ToString(CultureInfo.InvariantCulture) });
        using (var client = silos.Client())
        {
            await client.AddNormalsAsync("plate", Photos.Normals(8), "tester");
            await client.CalibrateAsync("plate", null, "tester");
        }
        using var channel = GrpcChannel.ForAddress($"http://{silos.Gateway}",
            new GrpcChannelOptions { HttpHandler = new SocketsHttpHandler { EnableMultipleHttp2Connections = true } });
        var load = new Load(new Spade.V1.Scoring.ScoringClient(channel), silos.Process("all").Id);

        await load.SustainAsync(WarmUp);
        var calm = await load.SustainAsync(before);
        var storm = await load.OverloadAsync(10 * calm.Rate, during);
        var after = await load.SustainAsync(before);

        double bound = 4 + (3 * MaxRequests / calm.Rate);
        output.WriteLine($"sustainable {calm.Rate:0.0}/s, median {calm.Median:0.00} s, memory {calm.Memory / 1e6:0} MB");
        output.WriteLine($"{10 * calm.Rate:0}/s for {during.TotalSeconds:0} s: {storm.Answered} answered ({storm.Rate:0.0}/s), "
            + $"{storm.Refused} refused; admitted: median {storm.Median:0.00} s, longest {storm.Longest:0.00} s (bound {bound:0.00} s); "
            + $"memory at most {storm.Memory / 1e6:0} MB");
        output.WriteLine($"afterwards {after.Rate:0.0}/s, median {after.Median:0.00} s, memory {after.Memory / 1e6:0} MB");
        Assert.Empty(storm.Wrong);
        Assert.True(storm.Refused > 0, "some should have been refused");
        Assert.True(storm.Answered > 0, "some should have been answered");
        Assert.True(storm.Longest <= bound, $"an admitted image waited {storm.Longest:0.00} s; the bound is {bound:0.00} s");
        Assert.True(storm.Memory <= calm.Memory + MemoryAllowance, $"memory rose from {calm.Memory / 1e6:0} to {storm.Memory / 1e6:0} MB");
        Assert.True(after.Rate >= 0.5 * calm.Rate, $"afterwards only {after.Rate:0.0}/s of {calm.Rate:0.0}/s");
    }

    private sealed record Phase(double Rate, double Median, double Longest, int Answered, int Refused, long Memory,
        IReadOnlyCollection<string> Wrong);

    private sealed class Load(Spade.V1.Scoring.ScoringClient client, int process)
    {
        private readonly byte[][] _files = [.. Enumerable.Range(0, 16).Select(i => Photos.Ppm(10_000 + i, i % 2 == 1))];
        private readonly ConcurrentBag<double> _times = [];
        private readonly ConcurrentBag<string> _wrong = [];
        private int _refused, _turn;
        private long _memory;

        /// <summary>Four clients, each sending its next image when the last one is answered.</summary>
        public Task<Phase> SustainAsync(TimeSpan time) => PhaseAsync(time, start => Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
        {
            while (Stopwatch.GetElapsedTime(start) < time) await OneAsync();
        })));

        /// <summary>Sends images at a fixed rate, without waiting for their results.</summary>
        public Task<Phase> OverloadAsync(double rate, TimeSpan time) => PhaseAsync(time, async start =>
        {
            using var ticks = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
            var sent = new List<Task>();
            while (Stopwatch.GetElapsedTime(start) < time && await ticks.WaitForNextTickAsync())
                while (sent.Count < rate * Stopwatch.GetElapsedTime(start).TotalSeconds) sent.Add(OneAsync());
            await Task.WhenAll(sent);
        });

        private async Task<Phase> PhaseAsync(TimeSpan time, Func<long, Task> run)
        {
            _times.Clear();
            (_refused, _memory) = (0, 0);
            using var stop = new CancellationTokenSource();
            var watching = WatchMemoryAsync(stop.Token);
            long start = Stopwatch.GetTimestamp();
            await run(start);
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            await stop.CancelAsync();
            await watching;
            double[] times = [.. _times.Order()];
            return new Phase(times.Length / seconds, times[times.Length / 2], times[^1], times.Length, _refused, _memory, [.. _wrong]);
        }

        private async Task OneAsync()
        {
            byte[] file = _files[Interlocked.Increment(ref _turn) % _files.Length];
            long start = Stopwatch.GetTimestamp();
            try
            {
                await client.ScoreAsync(new ScoreRequest
                {
                    Category = "plate",
                    Image = new Image { Format = PixelFormat.Encoded, Name = "load", Data = UnsafeByteOperations.UnsafeWrap(file) }
                },
                        deadline: DateTime.UtcNow.AddMinutes(2));
                _times.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.ResourceExhausted)
            {
                Interlocked.Increment(ref _refused);
                var details = RpcStatus.Parser.ParseFrom(e.Trailers.GetValueBytes("grpc-status-details-bin"));
                if (!details.Details.Any(d => d.TypeUrl.EndsWith("google.rpc.RetryInfo", StringComparison.Ordinal)))
                    _wrong.Add("a refusal without a retry hint");
            }
            catch (RpcException e)
            {
                _wrong.Add($"{e.Status}");
            }
        }

        /// <summary>Resident memory, sampled: the second number of statm is in pages.</summary>
        private async Task WatchMemoryAsync(CancellationToken stop)
        {
            using var ticks = new PeriodicTimer(TimeSpan.FromMilliseconds(200));
            do
            {
                _memory = Math.Max(_memory,
                    Environment.SystemPageSize
                    * long.Parse(File.ReadAllText($"/proc/{process}/statm").Split(' ')[1], CultureInfo.InvariantCulture));
            }
            while (!stop.IsCancellationRequested && await ticks.WaitForNextTickAsync());
        }
    }
}
