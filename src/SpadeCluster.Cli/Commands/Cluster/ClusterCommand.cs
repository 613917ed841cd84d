using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Output;
using SpadeCluster.Cli.Silo;
using SpadeCluster.Cluster;
using SpadeCluster.Inference;

namespace SpadeCluster.Cli.Commands.Cluster;

/// <summary>spade cluster up|down: a cluster of processes on this machine, for trying it.</summary>
internal static class ClusterCommand
{
    /// <summary>The default of Spade:DrainTime, plus the time that the host adds, plus some time for a busy machine.</summary>
    private static readonly TimeSpan Drain = TimeSpan.FromSeconds(40);

    /// <summary>Long, because every 'up' creates a new authority.</summary>
    private static readonly TimeSpan CertificateLifetime = TimeSpan.FromDays(3650);

    private const string Connection = "database";

    public static Command Create() =>
        new("cluster", "A cluster of processes on this machine, for trying it: silos on loopback with TLS; members, "
            + "keys and decisions in a private PostgreSQL.")
        {
            Up(), Down(),
        };

    private static Option<string> Folder() =>
        new("--folder")
        {
            Description = "Folder for the cluster's database, logs and process ids.",
            HelpName = "DIR",
            DefaultValueFactory = _ => ".spade-cluster"
        };

    private static Command Up()
    {
        var folder = Folder();
        var gallery = new Option<string>("--gallery")
        {
            Description = "Folder of the galleries, which all silos share.",
            HelpName = "DIR",
            DefaultValueFactory = _ => CommonOptions.GalleryFolder
        };
        var model = new Option<string?>("--model")
        {
            Description =
            $"Built-in model or model folder for new categories; other models in its parent folder serve galleries built with them. "
            + $"Default: the built-in models, and those below ./{Engines.ModelsFolder}.",
            HelpName = "MODEL"
        };
        var silos = CommonOptions.Bounded(new Option<int>("--silos")
        {
            Description =
            "Silos: one gateway with the extractors, the rest hold galleries.",
            DefaultValueFactory = _ => 3
        }, 1, 16);
        var shards = CommonOptions.Bounded(new Option<int>("--shards")
        {
            Description = "Shards of new categories.",
            DefaultValueFactory = _ => 2
        }, 1, 64);
        var devices = new Option<string>("--devices")
        {
            Description =
            "Devices of the gateway's extractors, separated by commas: cpu, cuda:N.",
            DefaultValueFactory = _ => "cpu"
        };
        var down = new Option<bool>("--down") { Description = "Stop it instead, like 'spade cluster down'." };
        var command = new Command("up",
            "Start the cluster. Example: spade cluster up --silos 4, then spade score --server ADDRESS --category bottle a.png") { silos,
            shards,
            devices, model, folder, gallery, down };
        command.SetAction(async (parsed, cancellation) =>
        {
            if (parsed.GetValue(down)) return await DownAsync(parsed.GetRequiredValue(folder));
            string root = Path.GetFullPath(parsed.GetRequiredValue(folder)), state = Path.Combine(root, "silos.json");
            if (File.Exists(state))
                throw new SpadeException(SpadeError.FailedPrecondition,
                    $"a cluster is already running in '{root}': 'spade cluster down' stops it");
            if (GalleryLocation.IsDatabase(parsed.GetRequiredValue(gallery)))
                throw new SpadeException(SpadeError.InvalidArgument,
                    "'cluster up' keeps galleries in a folder and has its own database: name a folder with --gallery");
            // Checked here, because silos would report it in their logs only.
            var chosen = ModelSource.Of(parsed.GetValue(model));
            chosen.Open();
            string program = typeof(ClusterCommand).Assembly.Location;
            Directory.CreateDirectory(root);
            PrivateFile.Write(Path.Combine(root, Connection), await ProgressBars.RunAsync(quiet: false, progress =>
            {
                progress("database", 0, 1);
                return Task.Run(() => PrivatePostgres.Start(Path.Combine(root, "postgres")), cancellation);
            }));
            string console = $"http://127.0.0.1:{LoopbackPorts.Next()}";
            var settings = new Dictionary<string, string>
            {
                ["Spade:Clustering"] = "PostgreSql",
                // A new name, because the database also has the silos of earlier runs.
                ["Spade:ClusterId"] = Guid.NewGuid().ToString("n"),
                ["Spade:ConnectionStringFile"] = Path.Combine(root, Connection),
                ["Spade:Galleries"] = Path.GetFullPath(parsed.GetRequiredValue(gallery)),
                ["Spade:Models"] = Path.GetFullPath(chosen.Location is { } some ? Path.Combine(some, "..") : Engines.ModelsFolder),
                ["Spade:Cluster:Shards"] = parsed.GetValue(shards).ToString(System.Globalization.CultureInfo.InvariantCulture),
                ["Spade:Devices"] = parsed.GetRequiredValue(devices),
                ["Spade:HttpUrls"] = console,
                ["Spade:Http:DataFolder"] = Path.Combine(root, "server-data"),
            };
            settings["Spade:DefaultModel"] = chosen.Location is { } location ? Path.GetFullPath(location) : chosen.Manifest.Name;
            var running = new List<(SiloProcess Silo, Process Process, string Log)>();
            try
            {
                File.WriteAllText(state, "[]");
                using var authority = new ClusterAuthority("spade cluster on this machine", CertificateLifetime);
                foreach (var silo in Plan(parsed.GetValue(silos)))
                {
                    settings["Spade:TlsFolder"] = Path.Combine(root, "tls", silo.Name);
                    authority.Issue(settings["Spade:TlsFolder"], silo.Name);
                    string log = Path.Combine(root, silo.Name + ".log");
                    running.Add((silo, silo.Start(program, settings, log), log));
                    File.WriteAllText(state, JsonSerializer.Serialize(running.Select(r => r.Process.Id)));
                }
                int ready = 0;
                await ProgressBars.RunAsync(quiet: false, async progress =>
                {
                    progress("silos ready", 0, running.Count);
                    await Task.WhenAll(running.Select(async r =>
                    {
                        await r.Silo.WaitReadyAsync(r.Process, r.Log, cancellation);
                        progress("silos ready", Interlocked.Increment(ref ready), running.Count);
                    }));
                    return ready;
                });
            }
            catch
            {
                // There is no work to wait for.
                await StopAsync(root, TimeSpan.Zero);
                throw;
            }
            foreach (var (silo, process, log) in running)
                Console.WriteLine($"{silo.Name,-12} {silo.Roles,-26} process {process.Id}, log {log}");
            Console.WriteLine($"running; score with: spade score --server 127.0.0.1:{running[0].Silo.GrpcPort} --category NAME IMAGE...");
            Console.WriteLine($"console and HTTP API: {console}");
            Console.WriteLine($"keys: spade key create --database {Path.Combine(parsed.GetRequiredValue(folder), Connection)} --name NAME "
                + "--role engineer");
            return 0;
        });
        return command;
    }

    private static Command Down()
    {
        var folder = Folder();
        var command = new Command("down",
            "Stop the cluster: silos finish their requests; galleries, keys and decisions are kept. Example: spade cluster down")
        {
            folder,
        };
        command.SetAction((parsed, _) => DownAsync(parsed.GetRequiredValue(folder)));
        return command;
    }

    private static async Task<int> DownAsync(string folder)
    {
        string root = Path.GetFullPath(folder);
        if (!File.Exists(Path.Combine(root, "silos.json")))
            throw new SpadeException(SpadeError.NotFound, $"no cluster is running in '{root}'");
        var (stopped, killed) = await StopAsync(root, Drain);
        Console.WriteLine($"stopped {stopped} "
            + $"silo(s){(killed > 0 ? $", {killed} of them killed because they took longer than {Drain.TotalSeconds} s," : "")} and the "
            + $"database");
        return 0;
    }

    /// <summary>The same roles as in deploy/kubernetes: a gateway with an extractor need not send images to other silos.</summary>
    private static IEnumerable<SiloProcess> Plan(int silos)
        => silos == 1 ? [SiloProcess.New("silo-1", "gateway,gallery,extractor")]
            : [SiloProcess.New("gateway", "gateway,extractor"),
                .. Enumerable.Range(1, silos - 1).Select(i => SiloProcess.New($"gallery-{i}", "gallery"))];

    /// <param name="patience">Time for silos to finish their requests.</param>
    private static async Task<(int Stopped, int Killed)> StopAsync(string root, TimeSpan patience)
    {
        string state = Path.Combine(root, "silos.json");
        // A process id may have been reused, so only processes of the program are stopped.
        Process[] silos = [.. (JsonSerializer.Deserialize<int[]>(File.ReadAllText(state)) ?? [])
            .Where(id => File.Exists($"/proc/{id}/cmdline")
                && File.ReadAllText($"/proc/{id}/cmdline").Contains("spade.dll", StringComparison.Ordinal)).Select(Process.GetProcessById)];
        // The gateway is the first; it is stopped before the silos that it needs for its requests.
        int killed = await EndAsync(silos[..Math.Min(1, silos.Length)], patience)
            + await EndAsync(silos[Math.Min(1, silos.Length)..], patience);
        PrivatePostgres.Stop(Path.Combine(root, "postgres"));
        File.Delete(state);
        return (silos.Length, killed);
    }

    /// <returns>The number of silos that had to be killed.</returns>
    private static async Task<int> EndAsync(Process[] silos, TimeSpan patience)
    {
        if (patience > TimeSpan.Zero) foreach (var silo in silos) SiloProcess.Terminate(silo);
        using var limit = new CancellationTokenSource(patience);
        int killed = 0;
        foreach (var silo in silos)
        {
            using (silo)
            {
                try
                {
                    await silo.WaitForExitAsync(limit.Token);
                }
                catch (OperationCanceledException)
                {
                    killed++;
                    silo.Kill();
                    silo.WaitForExit();
                }
            }
        }
        return killed;
    }
}
