using FsCheck;
using FsCheck.Fluent;
using SpadeCluster.Cli.Planning.Simulation;

namespace SpadeCluster.Cli.Tests.Planning;

/// <summary>Queues of one station against queueing theory.</summary>
public sealed class StationTests
{
    private const int Jobs = 400_000;

    /// <summary>M/M/c: the mean wait, the share of jobs that wait (Erlang's C formula) and the tail of the wait.</summary>
    [Theory]
    [InlineData(1, 0.5)]
    [InlineData(2, 0.7)]
    [InlineData(8, 0.8)]
    public void Exponential_services_wait_as_Erlang_says(int servers, double busy)
    {
        var random = new Random(1);
        double Exponential() => -Math.Log(1 - random.NextDouble());
        double rate = busy * servers;
        var (arrivals, services) = (new double[Jobs], new double[Jobs]);
        for (int i = 0; i < Jobs; i++)
            (arrivals[i], services[i]) = ((i == 0 ? 0 : arrivals[i - 1]) + Exponential() / rate, Exponential());
        double[] waits = [.. Ends(servers, arrivals, services).Select((end, i) => end - services[i] - arrivals[i])];

        double waiting = ErlangC(servers, rate), drain = servers - rate;
        Assert.Equal(1, waits.Average() / (waiting / drain), 0.05);
        Assert.Equal(1, waits.Count(w => w > 1e-9) / (double)Jobs / waiting, 0.03);
        double t = 2 / drain;
        Assert.Equal(1, waits.Count(w => w > t) / (double)Jobs / (waiting * Math.Exp(-drain * t)), 0.1);
    }

    [Fact]
    public void With_one_more_server_no_job_ends_later()
        => Check.One(Config.QuickThrowOnFailure, Prop.ForAll(Cases, c =>
        {
            var few = Ends(c.Servers, c.Arrivals, c.Services);
            var more = Ends(c.Servers + 1, c.Arrivals, c.Services);
            return few.Zip(more).All(e => e.Second <= e.First + 1e-9);
        }));

    [Fact]
    public void A_longer_service_ends_no_job_sooner()
        => Check.One(Config.QuickThrowOnFailure, Prop.ForAll(Cases, c =>
        {
            var longer = c.Services.Select((s, i) => i % 3 == 0 ? 2 * s : s).ToArray();
            return Ends(c.Servers, c.Arrivals, c.Services).Zip(Ends(c.Servers, c.Arrivals, longer)).All(e => e.First <= e.Second + 1e-9);
        }));

    [Fact]
    public void Parts_of_a_job_use_several_servers()
    {
        var events = new EventQueue();
        var station = new Station(events, 4);
        double ended = 0, second = 0;
        station.Serve(8, 4, () => ended = events.Now);
        station.Serve(8, 2, () => second = events.Now);
        events.Run();
        Assert.Equal((2, 6, 16), (ended, second, station.BusySeconds));
    }

    internal static Arbitrary<(int Servers, double[] Arrivals, double[] Services)> Cases => Arb.From(
        from servers in Gen.Choose(1, 5)
        from count in Gen.Choose(1, 60)
        from gaps in Gen.ArrayOf(Gen.Choose(0, 20), count)
        from services in Gen.ArrayOf(Gen.Choose(0, 50), count)
        select (servers, Sums(gaps), services.Select(s => s / 10.0).ToArray()));

    private static double[] Sums(int[] gaps)
    {
        double at = 0;
        return [.. gaps.Select(g => at += g / 10.0)];
    }

    private static double[] Ends(int servers, double[] arrivals, double[] services)
    {
        var events = new EventQueue();
        var station = new Station(events, servers);
        double[] ends = new double[arrivals.Length];
        for (int i = 0; i < arrivals.Length; i++)
        {
            int job = i;
            events.After(arrivals[i], () => station.Serve(services[job], () => ends[job] = events.Now));
        }
        events.Run();
        return ends;
    }

    /// <summary>The share of jobs that wait.</summary>
    private static double ErlangC(int servers, double load)
    {
        double b = ErlangB(servers, load), busy = load / servers;
        return b / (1 - busy + busy * b);
    }

    /// <summary>The share of jobs that are lost if none can wait.</summary>
    internal static double ErlangB(int servers, double load)
    {
        double b = 1;
        for (int i = 1; i <= servers; i++) b = load * b / (i + load * b);
        return b;
    }
}
