using System.Diagnostics;
using System.Globalization;
using SpadeCluster.Cli.Bench;
using SpadeCluster.Cli.Demo;
using SpadeCluster.Cli.Planning;
using SpadeCluster.Cli.Planning.Simulation;
using SpadeCluster.Client;
using SpadeCluster.Cluster.Tests.Processes;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;
using Xunit.Abstractions;

namespace SpadeCluster.Cluster.Tests.Hosts;

/// <summary>
/// A plan of three hosts beside the hosts themselves. The unit figures are measured here, by what 'spade bench calibrate' does; from the
/// hosts the plan gets only the work of programs that it does not plan, measured in a load before the one that is compared. A machine
/// shared with others changes its speed within minutes. So figures are measured before and after each load, and what is planned is the
/// mean of the two plans. Times depend on the machine, so only the bytes are asserted; the table has all.
/// </summary>
[Collection(Alone.Name)]
[Trait("Category", "Long")]
public sealed class PlannedHostsTests(ITestOutputHelper output)
{
    private const string Category = "plate", Table = "plan.md";
    private const int Normals = 50, Photographs = 6, Connections = 4, Simulated = 20_000, Seed = 1;
    private const double Share = 0.6;

    /// <summary>Duration of each measurement of a unit figure, and of the loads.</summary>
    private static readonly TimeSpan Unit = TimeSpan.FromSeconds(2), Warm = TimeSpan.FromSeconds(30),
        Others = TimeSpan.FromSeconds(10), Closed = TimeSpan.FromSeconds(40), Open = TimeSpan.FromSeconds(180);

    private readonly List<string> _rows = ["| | | planned | measured | measured / planned |", "|---|---|---|---|---|"];

    [HostsFact(links: true)]
    public async Task A_plan_of_three_hosts_is_what_they_do()
    {
        ImageSource[] normals = Plates(1, Normals), photographs = Plates(1000, Photographs);
        await using var hosts = await ThreeHosts.StartAsync();
        using var client = hosts.Connect();
        await client.AddNormalsAsync(Category, normals, "tester");
        await client.CalibrateAsync(Category, null, "tester");

        // Code is compiled, galleries are opened.
        await ClosedAsync(client, photographs, Warm);
        var start = hosts.Use();
        int warm = (await ClosedAsync(client, photographs, Others)).Count;
        double other = hosts.Use().Since(start, warm).OtherMs;

        var load = new PlannedLoad
        {
            Megapixels = PlateCamera.Size * PlateCamera.Size / 1e6,
            Format = "png",
            Normals = Normals,
            Shards = ThreeHosts.Shards,
            Replicas = ThreeHosts.Replicas,
            Kept = 0,
        };
        var machines = new PlannedMachines
        {
            Processors = Environment.ProcessorCount,
            OneMachine = true,
            OtherMs = other,
            Threads = 1,
            Gateways = 1,
            Galleries = 2,
        };
        ImageSource[] all = [.. photographs, .. normals];
        var first = await MeasureAsync(all);
        start = hosts.Use();
        long begin = Stopwatch.GetTimestamp();
        var times = await ClosedAsync(client, photographs, Closed);
        double rate = times.Count / Stopwatch.GetElapsedTime(begin).TotalSeconds;
        var use = hosts.Use().Since(start, times.Count);
        var second = await MeasureAsync(all);
        Plan[] closed = [.. new[] { first, second }.Select(f => Planner.Make(f, load, machines, Simulated, connections: Connections))];
        string waiting = $"{Connections} clients that wait for answers";
        Add(waiting, "images/s", closed.Average(p => p.Simulated.PerSecond), rate);
        AddLatencies(waiting, closed, times);

        load = load with { Rate = Share * closed.Average(p => p.Full!.Value) };
        int images = (int)(Open.TotalSeconds * load.Rate);
        start = hosts.Use();
        double[] sent = await OpenAsync(client, photographs, images, load.Rate);
        var openUse = hosts.Use().Since(start, images);
        Plan[] open = [.. new[] { second, await MeasureAsync(all) }.Select(f => Planner.Make(f, load, machines, images, Seed))];
        AddLatencies(FormattableString.Invariant($"{load.Rate:0.0} images/s at random times"), open,
            [.. sent.Skip((int)(SimulatedCluster.WarmUp * images))]);

        foreach (var (what, plans, ms) in new[] { ("an image", closed, use), ("an image at random times", open, openUse) })
        {
            foreach (var (role, measured) in new[] { ("gateway", ms.GatewayMs), ("gallery", ms.GalleryMs) })
                Add(what, $"processor ms, {role} silos", plans.Average(plan => 1000 * machines.Processors / plan.DecisionsPerSecond
                    * plan.Roles.Single(r => r.Role.StartsWith(role, StringComparison.Ordinal)).Busy), measured);
            Add(what, "processor ms, other programs", other, ms.OtherMs);
        }
        var bytes = new[]
        {
            ("client to gateway", use.ToGateway), ("gateway to gallery", use.ToGalleries), ("gallery to gateway", use.FromGalleries),
        };
        foreach (var (way, measured) in bytes)
            Add("an image", $"kB, {way}", PlannedBytes(way) / 1e3, measured / 1e3);
        Write(first);
        Assert.Equal(closed[0].Network.Keys.Order(), bytes.Select(b => b.Item1).Order());
        Assert.All(bytes, b => Assert.InRange(b.Item2 / PlannedBytes(b.Item1), 0.8, 1.2));

        double PlannedBytes(string way) => closed[0].Network[way] / closed[0].DecisionsPerSecond;
    }

    private async Task<UnitFigures> MeasureAsync(ImageSource[] photographs)
    {
        using var units = new UnitMeasurement(null, m => Preprocessing.Stretch(m.InputWidth, m.InputHeight).ToString(), Unit,
            output.WriteLine);
        return await units.RunAsync(photographs, "rendered plates", default);
    }

    /// <summary>Clients that each send a photograph when the one before is answered.</summary>
    /// <returns>Milliseconds of each image.</returns>
    private static async Task<List<double>> ClosedAsync(SpadeClient client, ImageSource[] photographs, TimeSpan time)
    {
        long begin = Stopwatch.GetTimestamp();
        var each = await Task.WhenAll(Enumerable.Range(0, Connections).Select(async connection =>
        {
            var own = new List<double>();
            while (Stopwatch.GetElapsedTime(begin) < time)
                own.Add(await Timing.MeasureAsync(() =>
                    client.ScoreAsync(Category, photographs[(connection + own.Count) % photographs.Length])));
            return own;
        }));
        return [.. each.SelectMany(own => own)];
    }

    /// <summary>Photographs at the times of the simulation's arrivals, whether or not the ones before are answered.</summary>
    /// <returns>Milliseconds of each image, from the time at which it should be sent.</returns>
    private static async Task<double[]> OpenAsync(SpadeClient client, ImageSource[] photographs, int images, double rate)
    {
        long begin = Stopwatch.GetTimestamp();
        var sent = new List<Task<double>>();
        double due = 0;
        foreach (double gap in SimulatedCluster.Gaps(Seed, rate).Take(images))
        {
            due += gap;
            var wait = TimeSpan.FromSeconds(due) - Stopwatch.GetElapsedTime(begin);
            if (wait > TimeSpan.Zero) await Task.Delay(wait);
            sent.Add(SendAsync(photographs[sent.Count % photographs.Length], due));
        }
        return await Task.WhenAll(sent);

        async Task<double> SendAsync(ImageSource photograph, double due)
        {
            await client.ScoreAsync(Category, photograph);
            return 1000 * (Stopwatch.GetElapsedTime(begin).TotalSeconds - due);
        }
    }

    private static ImageSource[] Plates(int seed, int count) => [.. Enumerable.Range(seed, count)
        .Select(s => new ImageSource($"plate{s}.png", PngEncoder.Encode(PlateCamera.Photograph(s, null).Photograph)))];

    private void AddLatencies(string load, Plan[] plans, IReadOnlyList<double> ms)
    {
        var measured = Percentiles.Of(ms);
        Add(load, "median, ms", plans.Average(p => p.Simulated.P50), measured.P50);
        Add(load, "90 %, ms", plans.Average(p => p.Simulated.P90), measured.P90);
        Add(load, "99 %, ms", plans.Average(p => p.Simulated.P99), measured.P99);
    }

    private void Add(string load, string what, double planned, double measured) => _rows.Add(string.Create(CultureInfo.InvariantCulture,
        $"| {load} | {what} | {planned:0.0} | {measured:0.0} | {measured / planned:0.00} |"));

    private void Write(UnitFigures figures)
    {
        output.WriteLine($"{figures.Machine}, {figures.Measured:yyyy-MM-dd}");
        foreach (string row in _rows) output.WriteLine(row);
        File.WriteAllLines(Path.Combine(FaultTable.Folder(), Table), _rows);
    }
}
