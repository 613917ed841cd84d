using System.Diagnostics.Metrics;
using System.Text.Json;
using System.Text.RegularExpressions;
using k8s.Models;
using Microsoft.Extensions.DependencyInjection;
using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Galleries;
using SpadeCluster.Telemetry;

namespace SpadeCluster.Cluster.Tests.Deployment;

/// <summary>Every metric and label that the dashboard and the autoscalers name is one that the program has.</summary>
public sealed partial class MonitoringTests
{
    /// <summary>Labels of Prometheus and Kubernetes; <see cref="Measured"/> has those of the program that need a request of
    /// their kind.</summary>
    private static readonly string[] Foreign = ["le", "namespace", "pod"],
        Measured = ["http_response_status_code", "http_route", "kind", "code"];

    [KubectlFact]
    public async Task Queries_name_metrics_and_labels_that_the_program_has()
    {
        var (metrics, labels) = await ProgramAsync();
        labels.UnionWith([.. Foreign, .. Measured]);
        var site = Overlay.Named("factory");
        string dashboard = site.Of<V1ConfigMap>()
            .Single(c => c.Metadata.Labels?.ContainsKey("grafana_dashboard") == true).Data["spade.json"];
        string[] queries = [.. JsonDocument.Parse(dashboard).RootElement.GetProperty("panels").EnumerateArray()
            .Where(p => p.TryGetProperty("targets", out _)).SelectMany(p => p.GetProperty("targets").EnumerateArray())
            .Select(t => t.GetProperty("expr").GetString()!)];
        Assert.True(queries.Length >= 20, $"{queries.Length} queries");
        foreach (string query in queries)
        {
            var (named, used) = Names(query);
            Assert.NotEmpty(named);
            Assert.Empty(named.Except(metrics));
            Assert.Empty(used.Except(labels));
        }
        Assert.Contains("label_values(spade_galleries_open, namespace)", dashboard);
        Assert.Contains("spade_galleries_open", metrics);

        // The adapter offers exactly what the autoscalers read.
        string adapter = File.ReadAllText(Path.Combine(Overlay.Folder, "components", "autoscaling", "prometheus-adapter.yaml"));
        string[] offered = Regex.Match(adapter, @"__name__=~""([^""]+)""").Groups[1].Value.Split('|');
        Assert.Empty(offered.Except(metrics));
        string[] read = [.. Directory.EnumerateFiles(Path.Combine(Overlay.Folder, "components", "autoscaling"), "autoscaler.yaml",
            SearchOption.AllDirectories).SelectMany(f => Overlay.Read(File.ReadAllText(f))).Cast<V2HorizontalPodAutoscaler>()
            .SelectMany(a => a.Spec.Metrics).Select(m => m.Pods.Metric.Name)];
        Assert.Equal(offered.Order(), read.Order());
    }

    [Fact]
    public void Names_are_found_in_queries()
    {
        var (metrics, labels) = Names(
            "histogram_quantile(0.5, sum by (le, stage) (rate(a_b_bucket{x=\"c_d\", y=~\"5..\"}[5m]))) / 60 * e_f");
        Assert.Equal(["a_b_bucket", "e_f"], metrics);
        Assert.Equal(["le", "stage", "x", "y"], labels);
    }

    /// <summary>What /metrics shows once everything has been measured: names as Prometheus has them, and labels.</summary>
    private static async Task<(HashSet<string> Metrics, HashSet<string> Labels)> ProgramAsync()
    {
        await using var silos = await TestSilos.StartAsync(new InMemoryGalleryStore(), TestSilos.ThreeSilos);
        await using var gateway = await TestGateway.StartAsync(silos.Scoring, silos.Gateway.GetRequiredService<IGalleryServices>(),
            silos.Gateway.GetRequiredService<IVersionWatch>());
        await gateway.Client.AddNormalsAsync("plate", Photos.Normals(4), "tester");
        foreach (var photo in Photos.Mixed(2)) await gateway.Client.ScoreAsync("plate", photo);
        // What only failures or other machines would measure.
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, _) =>
            {
                if (instrument.Meter.Name != SpadeMeter.Name) return;
                if (instrument is Counter<long> counter) counter.Add(0);
                else if (instrument is Histogram<double> times) times.Record(0);
                else if (instrument is Histogram<int> numbers) numbers.Record(0);
            },
        };
        listener.Start();
        using var http = new HttpClient { DefaultRequestVersion = new(2, 0), DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
        string[] lines = (await http.GetStringAsync(gateway.Address + "/metrics")).Split('\n');
        var metrics = lines.Where(l => l.Length > 0 && l[0] != '#').Select(l => l.Split('{', ' ')[0]).ToHashSet();
        // Its only values are notices that are present, and a new server may have none yet.
        metrics.Add("spade_notices");
        return (metrics, [.. lines.SelectMany(l => LabelName().Matches(l).Select(m => m.Groups[1].Value))]);
    }

    private static (string[] Metrics, string[] Labels) Names(string query)
    {
        var labels = new SortedSet<string>(StringComparer.Ordinal);
        string Take(Match match, Regex name)
        {
            labels.UnionWith(name.Matches(match.Value).Select(m => m.Groups[1].Value));
            return " ";
        }
        string rest = Regex.Replace(query, @"\{[^}]*\}", m => Take(m, LabelName()));
        rest = Regex.Replace(rest, @"\bby \([^)]*\)", m => Take(m, new Regex(@"(?<!\w)(?!by\b)(\w+)")));
        rest = Regex.Replace(rest, @"\[[^\]]*\]|\w+ *\(", " ");
        // What is left is no function, label or time.
        return ([.. Regex.Matches(rest, @"\b[a-z]\w*").Select(m => m.Value).Where(m => m is not ("sum" or "max")).Distinct()], [.. labels]);
    }

    [GeneratedRegex(@"(\w+)(?:=|!=|=~)""")]
    private static partial Regex LabelName();
}
