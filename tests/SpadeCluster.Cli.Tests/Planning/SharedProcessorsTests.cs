using FsCheck;
using FsCheck.Fluent;
using SpadeCluster.Cli.Planning.Simulation;

namespace SpadeCluster.Cli.Tests.Planning;

/// <summary>Processor sharing against queueing theory.</summary>
public sealed class SharedProcessorsTests
{
    private const int Jobs = 400_000;

    /// <summary>M/G/1 with processor sharing: the mean time is that of a job alone / (1 - load), whatever the distribution; and a job of
    /// length x takes x / (1 - load).</summary>
    [Theory]
    [InlineData(0.5, 0)]
    [InlineData(0.8, 0)]
    [InlineData(0.5, 1)]
    [InlineData(0.7, 2)]
    public void The_mean_depends_on_the_load_only(double busy, double variation)
    {
        var times = new ServiceTimes(2);
        var (arrivals, services) = (Arrivals(busy), new double[Jobs]);
        for (int i = 0; i < Jobs; i++) services[i] = times.Next(1, variation);
        double[] taken = Taken(1, arrivals, services);

        Assert.Equal(1, taken.Average() * (1 - busy), 0.04);
        int[] shorter = [.. Enumerable.Range(0, Jobs).Where(i => services[i] <= 1)];
        Assert.Equal(1, shorter.Average(i => taken[i]) * (1 - busy) / shorter.Average(i => services[i]), 0.04);
    }

    /// <summary>M/M/c with processor sharing, where the distribution is that of an absorbing Markov chain: the mean, and the share of jobs
    /// that take longer than theory's 99th percentile.</summary>
    [Theory]
    [InlineData(1, 0.5)]
    [InlineData(1, 0.7)]
    [InlineData(2, 0.7)]
    [InlineData(4, 0.8)]
    public void The_99th_percentile_is_that_of_theory(int processors, double busy)
    {
        double rate = busy * processors;
        var random = new Random(3);
        double[] services = [.. Enumerable.Range(0, Jobs).Select(_ => -Math.Log(1 - random.NextDouble()))];
        double[] taken = Taken(processors, Arrivals(rate), services);

        var theory = new SharedMarkov(processors, rate);
        double low = 0, high = 200;
        for (int i = 0; i < 40; i++)
        {
            double middle = (low + high) / 2;
            if (theory.Longer(middle) > 0.01) low = middle;
            else high = middle;
        }
        Assert.Equal(1, taken.Average() / theory.Mean, 0.03);
        Assert.Equal(0.01, taken.Count(t => t > high) / (double)Jobs, 0.001);
    }

    [Fact]
    public void Threads_share_processors_equally()
    {
        // Two threads have a processor each, three from second 1 on have two thirds of one, two again from second 3 on.
        Assert.Equal([4, 4, 3], Ends(2, [0, 0, 1], [10.0 / 3, 10.0 / 3, 4.0 / 3]).Select(e => Math.Round(e, 9)));
    }

    [Fact]
    public void With_one_more_processor_no_thread_ends_later()
        => Check.One(Config.QuickThrowOnFailure, Prop.ForAll(StationTests.Cases, c =>
            Ends(c.Servers, c.Arrivals, c.Services).Zip(Ends(c.Servers + 1, c.Arrivals, c.Services)).All(e => e.Second <= e.First + 1e-9)));

    /// <summary>As long as no processor is idle, the work of all threads is done as fast as in order of arrival.</summary>
    [Fact]
    public void One_processor_is_busy_as_long_as_in_order_of_arrival()
        => Check.One(Config.QuickThrowOnFailure, Prop.ForAll(StationTests.Cases, c =>
        {
            double end = 0;
            for (int i = 0; i < c.Arrivals.Length; i++) end = Math.Max(end, c.Arrivals[i]) + c.Services[i];
            return Math.Abs(Ends(1, c.Arrivals, c.Services).Max() - end) < 1e-6;
        }));

    private static double[] Arrivals(double rate)
    {
        double at = 0;
        return [.. SimulatedCluster.Gaps(1, rate).Take(Jobs).Select(gap => at += gap)];
    }

    private static double[] Taken(int processors, double[] arrivals, double[] services)
        => [.. Ends(processors, arrivals, services).Zip(arrivals, (end, begin) => end - begin)];

    private static double[] Ends(int processors, double[] arrivals, double[] services)
    {
        var events = new EventQueue();
        var shared = new SharedProcessors(events, processors);
        double[] ends = new double[arrivals.Length];
        for (int i = 0; i < arrivals.Length; i++)
        {
            int job = i;
            events.After(arrivals[i], () => shared.Run(services[job], () => ends[job] = events.Now));
        }
        events.Run();
        return ends;
    }

    /// <summary>The time of one job among others, as a Markov chain of their number, by uniformisation. Services have the mean 1.</summary>
    private sealed class SharedMarkov
    {
        private const int Most = 150;

        private readonly int _processors;
        private readonly double _rate;
        private readonly double[] _found = new double[Most + 1];

        public SharedMarkov(int processors, double rate)
        {
            (_processors, _rate) = (processors, rate);
            _found[0] = 1;
            for (int n = 1; n <= Most; n++) _found[n] = _found[n - 1] * rate / Math.Min(n, processors);
            double sum = _found.Sum();
            for (int n = 0; n <= Most; n++) _found[n] /= sum;
        }

        /// <summary>By Little's law.</summary>
        public double Mean => _found.Select((p, n) => p * n).Sum() / _rate;

        /// <summary>Probability that a job takes longer.</summary>
        public double Longer(double time)
        {
            double steps = _rate + _processors, sum = 0, log = -steps * time;
            double[] now = [.. _found];
            int last = (int)(steps * time + 10 * Math.Sqrt(steps * time) + 20);
            for (int k = 0; k <= last; k++)
            {
                if (k > 0) log += Math.Log(steps * time / k);
                sum += Math.Exp(log) * now.Sum();
                var next = new double[Most + 1];
                for (int n = 0; n <= Most; n++)
                {
                    double share = Math.Min(1, _processors / (n + 1.0)), more = n < Most ? _rate : 0;
                    if (n < Most) next[n + 1] += now[n] * more / steps;
                    if (n > 0) next[n - 1] += now[n] * n * share / steps;
                    next[n] += now[n] * (1 - (more + (n + 1) * share) / steps);
                }
                now = next;
            }
            return sum;
        }
    }
}
