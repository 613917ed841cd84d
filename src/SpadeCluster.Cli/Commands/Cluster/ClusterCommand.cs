using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Silo;
using SpadeCluster.Inference;

namespace SpadeCluster.Cli.Commands.Cluster;

/// <summary>spade cluster up|down: a cluster of processes on this machine, for trying it.</summary>
internal static class ClusterCommand
{
    /// <summary>Spade:DrainTime, as silos have it by default, the time their host adds, and some for a busy machine.</summary>
    private static readonly TimeSpan Drain = TimeSpan.FromSeconds(40);

    /// <summary>A new authority comes with every 'up'.</summary>
    private static readonly TimeSpan CertificateLifetime = TimeSpan.FromDays(3650);

    private const string Connection = "database";

    public static Command Create() =>
        new("cluster", "A cluster of processes on this machine, for trying it: silos on loopback, which talk by TLS, their members, "
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
            $"Built-in model or model folder for new categories; those beside the folder serve galleries that were built with them. "
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
        var down = new Option<bool>("--down") { Description = "Stop it instead: the same as 'spade cluster down'." };
        var command = new Command("up",
            "Start it. Example: spade cluster up --silos 4, then spade score --server ADDRESS --category bottle a.png") { silos, shards,
            devices, model, folder, gallery, down };
        command.SetAction(async (parsed, cancellation) =>
        {
            if (parsed.GetValue(down)) return await DownAsync(parsed.GetRequiredValue(folder));
            string root = Path.GetFullPath(parsed.GetRequiredValue(folder)), state = Path.Combine(root, "silos.json");
            if (File.Exists(state))
                throw new SpadeException(SpadeError.FailedPrecondition,
                    $"a cluster is up already in '{root}': 'spade cluster down' stops it");
            if (GalleryLocation.IsDatabase(parsed.GetRequiredValue(gallery)))
                throw new SpadeException(SpadeError.InvalidArgument,
                    "'cluster up' keeps galleries in a folder, and has a database of its own: name a folder with --gallery");
            // Silos would say it too, each in its log.
            var chosen = ModelSource.Of(parsed.GetValue(model));
            chosen.Open();
            string program = typeof(ClusterCommand).Assembly.Location;
            Directory.CreateDirectory(root);
            PrivateFile.Write(Path.Combine(root, Connection), PrivatePostgres.Start(Path.Combine(root, "postgres")));
            string console = $"http://127.0.0.1:{PrivatePostgres.FreePort()}";
            var settings = new Dictionary<string, string>
            {
                ["Spade:Clustering"] = "PostgreSql",
                // Silos of an earlier time are in the same database.
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
                await Task.WhenAll(running.Select(r => r.Silo.WaitReadyAsync(r.Process, r.Log, cancellation)));
            }
            catch
            {
                // Nothing has begun that could be finished.
                await StopAsync(root, TimeSpan.Zero);
                throw;
            }
            foreach (var (silo, process, log) in running)
                Console.WriteLine($"{silo.Name,-12} {silo.Roles,-26} process {process.Id}, log {log}");
            Console.WriteLine($"up; score with: spade score --server 127.0.0.1:{running[0].Silo.GrpcPort} --category NAME IMAGE...");
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
        var command = new Command("down", "Stop it: silos finish what they have; galleries, keys and decisions stay.") { folder };
        command.SetAction((parsed, _) => DownAsync(parsed.GetRequiredValue(folder)));
        return command;
    }

    private static async Task<int> DownAsync(string folder)
    {
        string root = Path.GetFullPath(folder);
        if (!File.Exists(Path.Combine(root, "silos.json"))) throw new SpadeException(SpadeError.NotFound, $"no cluster is up in '{root}'");
        var (stopped, killed) = await StopAsync(root, Drain);
        Console.WriteLine($"stopped {stopped} "
            + $"silo(s){(killed > 0 ? $", {killed} of them killed since they took longer than {Drain.TotalSeconds} s," : "")} and the "
            + $"database");
        return 0;
    }

    /// <summary>As deploy/kubernetes has them: with an extractor of the gateway's own, images stay where they were decoded.</summary>
    private static IEnumerable<SiloProcess> Plan(int silos)
        => silos == 1 ? [SiloProcess.New("silo-1", "gateway,gallery,extractor")]
            : [SiloProcess.New("gateway", "gateway,extractor"),
                .. Enumerable.Range(1, silos - 1).Select(i => SiloProcess.New($"gallery-{i}", "gallery"))];

    /// <param name="patience">How long silos may finish what they have.</param>
    private static async Task<(int Stopped, int Killed)> StopAsync(string root, TimeSpan patience)
    {
        string state = Path.Combine(root, "silos.json");
        // A process id may have a new owner by now: only what runs the silo is stopped.
        Process[] silos = [.. (JsonSerializer.Deserialize<int[]>(File.ReadAllText(state)) ?? [])
            .Where(id => File.Exists($"/proc/{id}/cmdline")
                && File.ReadAllText($"/proc/{id}/cmdline").Contains("spade.dll", StringComparison.Ordinal)).Select(Process.GetProcessById)];
        // The gateway, which is first, before those that it still needs for what it has.
        int killed = await EndAsync(silos[..Math.Min(1, silos.Length)], patience)
            + await EndAsync(silos[Math.Min(1, silos.Length)..], patience);
        PrivatePostgres.Stop(Path.Combine(root, "postgres"));
        File.Delete(state);
        return (silos.Length, killed);
    }

    /// <returns>How many had to be killed.</returns>
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
