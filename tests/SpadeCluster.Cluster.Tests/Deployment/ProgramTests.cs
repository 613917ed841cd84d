using System.CommandLine;
using System.Globalization;
using k8s.Models;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using SpadeCluster.Cli.Commands;
using SpadeCluster.Cli.Silo;
using SpadeCluster.Cluster.Placement;
using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Galleries;

namespace SpadeCluster.Cluster.Tests.Deployment;

/// <summary>Every setting, command option, port and probe of the manifests is one that the program has.</summary>
public sealed class ProgramTests
{
    private const string Version = "0.1.0";

    [KubectlFact]
    public void A_silos_settings_ports_and_probes_are_the_programs()
    {
        string hosting = File.ReadAllText(Path.Combine(Overlay.Root, "src", "SpadeCluster.Cli", "Silo", "SiloHosting.cs"));
        foreach (var overlay in Overlay.All)
            foreach (var deployment in overlay.Silos)
            {
                string role = deployment.Metadata.Labels["role"];
                var pod = deployment.Spec.Template.Spec;
                var container = pod.Containers.Single();
                Assert.Equal(["silo"], container.Args);
                Assert.Equal($"{(role == "gateway-gpu" ? "spade-gpu" : "spade")}:{Version}", container.Image);

                // Read as the program reads them.
                var values = Values(overlay, container);
                Assert.Contains("POD_IP", values.Keys);
                var options = Options(values);
                Assert.Equal((ClusteringKind.PostgreSql, StoreKind.PostgreSql, "pod-1"),
                    (options.Clustering, options.Store, options.SiloName));
                // Gateways have extractors of their own, so that an image stays where it was decoded, unless roles are separate.
                Assert.Equal(role switch
                {
                    "gateway" when overlay.Name == "separate" => [SiloRole.Gateway],
                    "gateway" or "gateway-gpu" => [SiloRole.Gateway, SiloRole.Extractor],
                    "console" => [SiloRole.Gateway],
                    _ => [role]
                }, options.RoleList);
                Assert.Equal(role == "gateway-gpu"
                    ? Enumerable.Range(0, int.Parse(container.Resources.Limits["nvidia.com/gpu"].ToString())).Select(i => $"cuda:{i}")
                    : ["cpu"], options.DeviceList);
                Assert.Equal(role == "console", options.HttpUrlList.Count > 0);

                var ports = new Dictionary<string, int> { ["health"] = options.HealthPort, ["silo"] = options.SiloPort };
                if (options.Has(SiloRole.Gateway)) ports["grpc"] = options.GrpcPort;
                if (options.Has(SiloRole.Gateway) && options.GatewayPort > 0) ports["orleans"] = options.GatewayPort;
                if (options.MetricsPort > 0) ports["metrics"] = options.MetricsPort;
                foreach (string url in options.HttpUrlList) ports["https"] = new Uri(url).Port;
                Assert.Equal(ports.OrderBy(p => p.Key),
                    container.Ports.Select(p => KeyValuePair.Create(p.Name, p.ContainerPort)).OrderBy(p => p.Key));
                Assert.Equal(overlay.Name == "factory", options.MetricsPort > 0);
                Assert.Equal(overlay.Name == "servers", options.GatewayPort > 0);

                Assert.Equal(["/health/startup", "/health/ready", "/health/live"], Probes(container).Select(p => p.Path));
                Assert.All(Probes(container), p =>
                {
                    Assert.Equal("health", p.Port.Value);
                    Assert.Contains($"\"{p.Path}\"", hosting);
                });
                AssertDrain(pod, options.DrainTime);
                AssertFiles(container, values);
            }
    }

    [KubectlFact]
    public async Task A_servers_options_ports_and_probes_are_the_programs()
    {
        var root = new RootCommand { ServeCommand.Create(), KeyCommands.Create(), SiloCommand.Create() };
        foreach (var container in Overlay.All.SelectMany(o => o.Pods).SelectMany(p => p.Spec.Containers))
            Assert.Empty(root.Parse([.. container.Args]).Errors.Select(e => e.Message));

        var overlay = Overlay.Named("servers");
        var deployment = overlay.Of<V1Deployment>().Single(d => d.Metadata.Name == "spade-server");
        var server = deployment.Spec.Template.Spec.Containers.Single();
        var given = server.Args.Skip(1).Select(a => a.Split('=', 2)).ToDictionary(a => a[0], a => a[1]);
        Assert.Equal(new Uri(given["--urls"]).Port, server.Ports.Single().ContainerPort);
        // The cluster that it is a client of.
        Assert.Equal(overlay.Settings.Data["Spade__ClusterId"], given["--cluster-id"]);
        Assert.Equal(overlay.Settings.Data["Spade__TlsFolder"], given["--cluster-tls"]);
        Assert.Equal(overlay.Settings.Data["Spade__ConnectionStringFile"], given["--database"]);
        string[] gateway = given["--cluster"].Split(':');
        var service = overlay.Of<V1Service>().Single(s => s.Metadata.Name == gateway[0]);
        Assert.Equal("None", service.Spec.ClusterIP);
        Assert.Equal((gateway[1], overlay.Settings.Data["Spade__GatewayPort"]),
            (service.Spec.Ports.Single().Port.ToString(CultureInfo.InvariantCulture), gateway[1]));
        AssertFiles(server, given);
        AssertDrain(deployment.Spec.Template.Spec, TimeSpan.FromSeconds(20));

        await using var running = await TestGateway.StartStandaloneAsync(new InMemoryGalleryStore(), new FakeEngines(new FakeExtractor()));
        var paths = running.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Select(e => "/" + e.RoutePattern.RawText!.Trim('/')).ToHashSet();
        Assert.All(Probes(server), p =>
        {
            Assert.Contains(p.Path, paths);
            Assert.Equal(("https", "HTTPS"), (p.Port.Value, p.Scheme));
        });
        Assert.All(Overlay.Named("factory").Of<ServiceMonitor>().SelectMany(m => m.Spec.Endpoints), e => Assert.Contains(e.Path, paths));
    }

    private static IEnumerable<V1HTTPGetAction> Probes(V1Container container) =>
        [container.StartupProbe.HttpGet, container.ReadinessProbe.HttpGet, container.LivenessProbe.HttpGet];

    private static void AssertDrain(V1PodSpec pod, TimeSpan drain) =>
        Assert.True(pod.TerminationGracePeriodSeconds > drain.TotalSeconds + 10
        + pod.Containers[0].Lifecycle.PreStop.Sleep.Seconds, "the grace period should outlast the drain");

    /// <summary>Files and folders that settings or options name are on volumes.</summary>
    private static void AssertFiles(V1Container container, Dictionary<string, string> values)
    {
        var mounts = container.VolumeMounts.ToDictionary(m => m.MountPath);
        string[] paths = [.. values.Values.Where(v => v.StartsWith('/'))];
        Assert.NotEmpty(paths);
        Assert.All(paths, path => Assert.Contains(mounts.Keys, m => path == m || path.StartsWith(m + "/", StringComparison.Ordinal)));
        Assert.All(mounts.Values, m => Assert.Equal(m.MountPath != "/tmp", m.ReadOnlyProperty == true));
    }

    private static Dictionary<string, string> Values(Overlay overlay, V1Container container)
    {
        var values = new Dictionary<string, string>(overlay.Settings.Data);
        foreach (var variable in container.Env) values[variable.Name] = variable.Value ?? "pod-1";
        return values;
    }

    private static SiloOptions Options(Dictionary<string, string> variables)
    {
        // The file comes from a secret, which the repository does not contain.
        var values = new Dictionary<string, string>(variables) { ["Spade__ConnectionString"] = "Host=db" };
        values.Remove("Spade__ConnectionStringFile");
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(values.Select(v =>
                KeyValuePair.Create(v.Key.Replace("__", ":", StringComparison.Ordinal), (string?)v.Value))).Build();
        Assert.Empty(SiloSettings.Problems(configuration));
        return configuration.GetSection(SiloOptions.Section).Get<SiloOptions>()!;
    }
}
