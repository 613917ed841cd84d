using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Configuration;
using SpadeCluster.Cluster.Tests.Processes;
using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Tests;
using SpadeCluster.Cluster.Placement;
using SpadeCluster.Cli.Silo;

namespace SpadeCluster.Cluster.Tests.Deployment;

/// <summary>
/// Checks of deploy/ that need no Kubernetes cluster: the manifests parse, and every name, port, variable and probe
/// in them is one that the program has.
/// </summary>
public sealed class ManifestTests
{
    /// <summary>Gateways with CUDA devices: a separate deployment, because the image and the settings differ.</summary>
    private const string Gpu = "gateway-gpu";

    /// <summary>A gateway with the HTTP API.</summary>
    private const string Console = "console";

    private static readonly string Root = FindRoot();
    private static readonly string Folder = Path.Combine(Root, "deploy", "kubernetes");

    [PythonFact("yaml")]
    public void Every_deployment_is_a_role_whose_settings_ports_and_probes_the_program_has()
    {
        var all = Read();
        var deployments = all.Where(d => Kind(d) == "Deployment").ToList();
        Assert.Equal(SiloRole.All.Append(Gpu).Append(Console).Order(),
            deployments.Select(d => (string)d["metadata"]!["labels"]!["role"]!).Order());
        var config = (JsonObject)all.Single(d => Kind(d) == "ConfigMap")["data"]!;
        foreach (var deployment in deployments)
        {
            string role = (string)deployment["metadata"]!["labels"]!["role"]!;
            Assert.Equal("apps/v1", (string)deployment["apiVersion"]!);
            var (spec, pod) = (deployment["spec"]!, deployment["spec"]!["template"]!);
            Assert.True(Matches(spec["selector"]!["matchLabels"]!, pod), $"{role}: the selector should select the deployment's own pods");
            var container = pod["spec"]!["containers"]!.AsArray().Single()!;
            AssertConfined(pod["spec"]!);

            // Variables: read as the program reads them, they give valid options with the role of the deployment's name.
            var values = config.ToDictionary(c => c.Key, c => (string)c.Value!);
            foreach (var variable in container["env"]!.AsArray())
                values[(string)variable!["name"]!] = (string?)variable["value"] ?? "pod-1";
            // The file comes from a secret, which the repository does not contain.
            Assert.Equal("/database/connection", values["Spade__ConnectionStringFile"]);
            values.Remove("Spade__ConnectionStringFile");
            values["Spade__ConnectionString"] = "Host=db";
            var options = Options(values);
            // Gateways have extractors of their own, so that an image stays where it was decoded.
            Assert.Equal(role switch
            {
                Gpu or SiloRole.Gateway => [SiloRole.Gateway, SiloRole.Extractor],
                Console =>
                [SiloRole.Gateway],
                _ => [role]
            }, options.RoleList);
            Assert.Equal(role == Gpu
                ? Enumerable.Range(0, (int)container["resources"]!["limits"]!["nvidia.com/gpu"]!).Select(i => $"cuda:{i}") : ["cpu"],
                options.DeviceList);
            Assert.Equal(role == Gpu ? "spade-gpu:0.1.0" : "spade:0.1.0", (string)container["image"]!);
            Assert.Equal(["silo"], container["args"]!.AsArray().Select(a => (string)a!));
            Assert.Equal((ClusteringKind.PostgreSql, StoreKind.PostgreSql), (options.Clustering, options.Store));
            Assert.Equal("pod-1", options.SiloName);
            Assert.Contains("POD_IP", values.Keys);

            // Ports: the defaults of the options, since no variable changes them.
            var ports = container["ports"]!.AsArray().ToDictionary(p => (string)p!["name"]!, p => (int)p!["containerPort"]!);
            var expected = new Dictionary<string, int> { ["health"] = options.HealthPort, ["silo"] = options.SiloPort };
            if (options.Has(SiloRole.Gateway)) expected["grpc"] = options.GrpcPort;
            foreach (string url in options.HttpUrlList) expected["https"] = new Uri(url).Port;
            Assert.Equal(role == Console, options.HttpUrlList.Count > 0);
            Assert.Equal(expected.OrderBy(p => p.Key), ports.OrderBy(p => p.Key));

            // Probes: paths that the program maps, on the health port.
            string hosting = File.ReadAllText(Path.Combine(Root, "src", "SpadeCluster.Cli", "Silo", "SiloHosting.cs"));
            foreach (string probe in new[] { "startup", "readiness", "liveness" })
            {
                var get = container[probe + "Probe"]!["httpGet"]!;
                Assert.Equal("health", (string)get["port"]!);
                Assert.Contains($"\"{get["path"]}\"", hosting);
            }
            Assert.True((int)pod["spec"]!["terminationGracePeriodSeconds"]! > options.DrainTime.TotalSeconds + 10
                + (int)container["lifecycle"]!["preStop"]!["sleep"]!["seconds"]!,
                $"{role}: the grace period should outlast the drain");
        }
    }

    [PythonFact("yaml")]
    public void Folders_that_settings_name_lie_on_volumes_which_exist_or_are_said_to_be_made()
    {
        var all = Read();
        string config = File.ReadAllText(Path.Combine(Folder, "config.yaml"));
        var shared = (JsonObject)all.Single(d => Kind(d) == "ConfigMap")["data"]!;
        foreach (var pod in all.Where(d => Kind(d) == "Deployment").Select(d => d["spec"]!["template"]!["spec"]!))
        {
            var container = pod["containers"]![0]!;
            var volumes = (pod["volumes"]?.AsArray() ?? []).ToDictionary(v => (string)v!["name"]!, v => v!);
            var mounts = (container["volumeMounts"]?.AsArray() ?? []).ToDictionary(m => (string)m!["mountPath"]!, m => m!);
            Assert.All(mounts.Values.Concat((pod["initContainers"]?.AsArray() ?? []).SelectMany(i => i!["volumeMounts"]!.AsArray())), m =>
                Assert.Contains((string)m!["name"]!, volumes.Keys));
            string? Value(string setting) => (string?)shared[setting]
                ?? (string?)container["env"]!.AsArray().SingleOrDefault(v => (string)v!["name"]! == setting)?["value"];

            foreach (string path in new[] { "Spade__Models", "Spade__Http__Certificate", "Spade__Http__CertificateKey",
                "Spade__Http__DataFolder", "Spade__TlsFolder", "Spade__ConnectionStringFile" }.Select(Value).OfType<string>())
                Assert.Contains(mounts.Keys, m => path == m || path.StartsWith(m + "/", StringComparison.Ordinal));
            if (Value("Spade__Roles")!.Contains(SiloRole.Extractor, StringComparison.Ordinal))
                Assert.True((bool)mounts[Value("Spade__Models")!]["readOnly"]!);
            if (volumes.ContainsKey("models")) Assert.Contains("PersistentVolumeClaim spade-models", config);
            foreach (var volume in volumes.Values)
            {
                if (volume["secret"] is { } secret) Assert.Matches($"kubectl create secret (tls|generic) {secret["secretName"]} ", config);
                if (volume["persistentVolumeClaim"] is { } claim)
                    Assert.Contains(all, d =>
                        Kind(d) == "PersistentVolumeClaim" && (string)d["metadata"]!["name"]! == (string)claim["claimName"]!);
            }
        }
    }

    [PythonFact("yaml")]
    public void Services_and_policies_speak_of_ports_and_labels_that_pods_have()
    {
        var all = Read();
        var pods = all.Where(d => Kind(d) == "Deployment").Select(d => d["spec"]!["template"]!).ToList();
        var options = new SiloOptions();
        foreach (var service in all.Where(d => Kind(d) == "Service"))
        {
            var served = pods.Where(p => Matches(service["spec"]!["selector"]!, p)).ToList();
            Assert.NotEmpty(served);
            var port = service["spec"]!["ports"]![0]!;
            // By name, or by the same number.
            Assert.All(served, pod =>
                Assert.Contains(pod["spec"]!["containers"]![0]!["ports"]!.AsArray(), p =>
                    port["targetPort"] is { } name
                    ? (string)p!["name"]! == (string)name! : (int)p!["containerPort"]! == (int)port["port"]!));
        }
        // The gRPC service selects every gateway that lines may use, with and without a device.
        Assert.Equal(["gateway", Gpu],
            pods.Where(p => Matches(all.Single(d =>
                Kind(d) == "Service" && (string)d["metadata"]!["name"]! == "spade")["spec"]!["selector"]!, p))
                    .Select(p => (string)p["metadata"]!["labels"]!["role"]!).Order());
        foreach (var policy in all.Where(d => Kind(d) == "NetworkPolicy"))
        {
            var concerned = pods.Where(p => Matches(policy["spec"]!["podSelector"]!["matchLabels"]!, p)).ToList();
            Assert.NotEmpty(concerned);
            foreach (var rule in policy["spec"]!["ingress"]!.AsArray())
                foreach (var port in rule!["ports"]!.AsArray())
                {
                    int number = (int)port!["port"]!;
                    Assert.All(concerned, p =>
                        Assert.Contains(p["spec"]!["containers"]![0]!["ports"]!.AsArray(), c => (int)c!["containerPort"]! == number));
                    // The silo port only for silos.
                    if (number == options.SiloPort)
                        Assert.Equal("spade", (string)rule["from"]![0]!["podSelector"]!["matchLabels"]!["app"]!);
                }
        }
        // The sources of the containers' variables exist.
        foreach (var source in pods.SelectMany(p => p["spec"]!["containers"]![0]!["envFrom"]!.AsArray()))
            Assert.Contains(all, d =>
                Kind(d) == "ConfigMap" && (string)d["metadata"]!["name"]! == (string)source!["configMapRef"]!["name"]!);
        AssertConfined(all.Single(d => Kind(d) == "Job")["spec"]!["template"]!["spec"]!);
    }

    /// <summary>No root, no capability, no writable file except on volumes; secrets are files, so no environment variable contains
    /// one.</summary>
    private static void AssertConfined(JsonNode pod)
    {
        Assert.True((bool)pod["securityContext"]!["runAsNonRoot"]!);
        Assert.Equal("RuntimeDefault", (string)pod["securityContext"]!["seccompProfile"]!["type"]!);
        foreach (var container in pod["containers"]!.AsArray())
        {
            var context = container!["securityContext"]!;
            Assert.False((bool)context["allowPrivilegeEscalation"]!);
            Assert.True((bool)context["readOnlyRootFilesystem"]!);
            Assert.Equal(["ALL"], context["capabilities"]!["drop"]!.AsArray().Select(c => (string)c!));
            Assert.DoesNotContain("secret", (container["envFrom"]?.ToJsonString() ?? "") + (container["env"]?.ToJsonString() ?? ""),
                StringComparison.OrdinalIgnoreCase);
        }
    }

    [Fact]
    public void The_image_is_made_of_what_publishing_gives()
    {
        string docker = File.ReadAllText(Path.Combine(Root, "deploy", "docker", "Dockerfile"));
        string project = Regex.Match(docker, @"dotnet publish (\S+) -c Release -o /app").Groups[1].Value;
        Assert.True(File.Exists(Path.Combine(Root, project, Path.GetFileName(project) + ".csproj")), $"'{project}' should be a project");
        string entry = Regex.Match(docker, @"ENTRYPOINT \[""dotnet"", ""([^""]+)""\]").Groups[1].Value;
        // Publishing copies what building makes: the program, how to run it, its settings.
        Assert.Equal(Path.GetFileName(RealSilos.Program), entry);
        string built = Path.GetDirectoryName(RealSilos.Program)!;
        Assert.True(File.Exists(Path.Combine(built, entry)));
        Assert.True(File.Exists(Path.Combine(built, Path.ChangeExtension(entry, ".runtimeconfig.json"))));
        Assert.True(File.Exists(Path.Combine(built, "appsettings.json")));
        var runtime = JsonDocument.Parse(File.ReadAllText(Path.Combine(built,
            Path.ChangeExtension(entry, ".runtimeconfig.json")))).RootElement.GetProperty("runtimeOptions");
        var frameworks = runtime.GetProperty("frameworks").EnumerateArray().Select(f => f.GetProperty("name").GetString()).ToList();
        // The base image: ASP.NET Core, of the framework's version.
        Assert.Contains("Microsoft.AspNetCore.App", frameworks);
        string tag = Regex.Match(docker, @"FROM mcr\.microsoft\.com/dotnet/aspnet:(\S+)").Groups[1].Value;
        Assert.Contains("CMD [\"silo\"]", docker);
        Assert.Equal("net" + tag, runtime.GetProperty("tfm").GetString());
        Assert.Contains($"dotnet/sdk:{tag}", docker);
        // The GPU image: the same program, built on the package that carries CUDA.
        Assert.Contains("-p:Gpu=$GPU", docker);
        Assert.Contains("'$(Gpu)' == 'true'",
            File.ReadAllText(Path.Combine(Root, "src", "SpadeCluster.Inference", "SpadeCluster.Inference.csproj")));
        var options = new SiloOptions();
        Assert.Contains($"EXPOSE {options.GrpcPort} {options.HealthPort}", docker);
        // Its bill of materials is part of it.
        Assert.Matches(@"sbom-tool generate -b /app ", docker);
    }

    private static SiloOptions Options(Dictionary<string, string> variables)
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(variables.Select(v =>
                KeyValuePair.Create(v.Key.Replace("__", ":", StringComparison.Ordinal), (string?)v.Value))).Build();
        Assert.Empty(SiloSettings.Problems(configuration));
        return configuration.GetSection(SiloOptions.Section).Get<SiloOptions>()!;
    }

    private static string Kind(JsonNode document) => (string)document["kind"]!;

    private static bool Matches(JsonNode selector, JsonNode pod)
        => selector.AsObject().All(label => (string?)pod["metadata"]!["labels"]![label.Key] == (string)label.Value!);

    private static List<JsonNode> Read()
    {
        var start = new ProcessStartInfo(PythonFactAttribute.Python,
            [Path.Combine(AppContext.BaseDirectory, "Deployment", "kubernetes.py"),
                .. Directory.EnumerateFiles(Folder, "*.yaml", SearchOption.AllDirectories)])
        { RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        string lines = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return [.. lines.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonNode.Parse(l)!)];
    }

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "SpadeCluster.sln"))) folder = folder.Parent;
        return folder.FullName;
    }
}
