using System.Diagnostics;
using System.Text.RegularExpressions;
using SpadeCluster.Cli.Commands.Cluster;
using SpadeCluster.Client;
using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;
using SpadeCluster.Inference.BuiltIn;
using SpadeCluster.Inference.OnnxRuntime;
using SpadeCluster.Storage.Files;
using SpadeCluster.Tests;

namespace SpadeCluster.Cluster.Tests.Processes;

/// <summary>Silos as real processes on loopback, their members in a private PostgreSQL, galleries in a shared folder. Their
/// logs are kept in the folder that SPADE_TEST_LOGS names, if it is set.</summary>
internal sealed class RealSilos : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("spade-silos").FullName;
    private readonly Dictionary<string, (SiloProcess Silo, Process Process)> _running = [];
    private readonly Dictionary<string, string> _settings;

    private readonly Func<string, Dictionary<string, string>> _own;

    private RealSilos(Dictionary<string, string>? settings, Func<string, Dictionary<string, string>>? own)
    {
        _own = own ?? (_ => []);
        // Readable for PostgreSQL's user too: if the tests run as root, it is another user.
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(_folder, (UnixFileMode)0b111_101_101);
        _settings = new Dictionary<string, string>(settings ?? [])
        {
            ["Spade:Clustering"] = "PostgreSql",
            ["Spade:DefaultModel"] = BuiltInModels.OrientedEnergy,
            // Test machines are busy; a silo that waits for a processor must not be declared lost.
            ["Spade:ProbeInterval"] = "00:00:03",
            ["Spade:ConnectionString"] = PrivatePostgres.Start(Path.Combine(_folder, "postgres")),
            ["Spade:Galleries"] = Path.Combine(_folder, "galleries"),
        };
        Store = new FileGalleryStore(_settings["Spade:Galleries"]);
    }

    public FileGalleryStore Store { get; }

    /// <summary>spade.dll of this build.</summary>
    public static string Program { get; } = typeof(SiloProcess).Assembly.Location;

    /// <summary>spade.dll of silos that start from now on.</summary>
    public string Installed { get; set; } = Program;

    /// <param name="silos">Name and roles; gateways are those whose roles hold "gateway".</param>
    /// <param name="own">Settings of the silo of a name.</param>
    /// <param name="program">spade.dll of the silos; null: this build's.</param>
    public static async Task<RealSilos> StartAsync((string Name, string Roles)[] silos, Dictionary<string, string>? settings = null,
        Func<string, Dictionary<string, string>>? own = null, string? program = null)
    {
        var all = new RealSilos(settings, own) { Installed = program ?? Program };
        try
        {
            // One after the other: on a small machine, silos that start together miss each other's probes.
            foreach (var (name, roles) in silos) await all.StartAsync(SiloProcess.New(name, roles));
            return all;
        }
        catch
        {
            await all.DisposeAsync();
            throw;
        }
    }

    public SpadeClient Client(TimeSpan? deadline = null)
    {
        var options = new SpadeClientOptions { Deadline = deadline ?? TimeSpan.FromSeconds(60), Concurrency = 4 };
        foreach (var (silo, _) in _running.Values.Where(r => r.Silo.Roles.Contains("gateway")).OrderBy(r => r.Silo.Name))
            options.Addresses.Add(new Uri($"http://127.0.0.1:{silo.GrpcPort}"));
        return new SpadeClient(options);
    }

    public string Gateway => $"127.0.0.1:{_running.Values.First(r => r.Silo.Roles.Contains("gateway")).Silo.GrpcPort}";

    public int SiloPort(string name) => _running[name].Silo.SiloPort;

    /// <summary>Starts a further silo and sees that it ends, or is not ready within the time.</summary>
    public async Task DoesNotJoinAsync(SiloProcess silo, Dictionary<string, string> settings, TimeSpan time)
    {
        string log = Path.Combine(_folder, $"{silo.Name}-{silo.SiloPort}.log");
        var all = new Dictionary<string, string>(_settings);
        foreach (var (key, value) in settings) all[key] = value;
        using var process = silo.Start(Program, all, log);
        using var limit = new CancellationTokenSource(time);
        try
        {
            await Assert.ThrowsAnyAsync<Exception>(() => silo.WaitReadyAsync(process, log, limit.Token));
        }
        finally
        {
            if (!process.HasExited) process.Kill();
            await process.WaitForExitAsync();
        }
    }

    public string Health(string name) => $"http://127.0.0.1:{_running[name].Silo.HealthPort}";

    public Process Process(string name) => _running[name].Process;

    /// <summary>SIGKILL.</summary>
    public async Task KillAsync(string name)
    {
        var process = _running[name].Process;
        process.Kill();
        await process.WaitForExitAsync();
    }

    /// <summary>Starts a further silo; clients that exist do not use it as a gateway.</summary>
    public Task StartAsync(string name, string roles) => StartAsync(SiloProcess.New(name, roles));

    /// <summary>Starts it again, as an orchestrator would: same name, same ports.</summary>
    public Task StartAgainAsync(string name) => StartAsync(_running[name].Silo);

    /// <summary>SIGTERM; waits for the end of its drain.</summary>
    public async Task StopAsync(string name)
    {
        var process = _running[name].Process;
        SiloProcess.Terminate(process);
        await process.WaitForExitAsync(new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token);
    }

    public string Log(string name) => File.ReadAllText(Path.Combine(_folder, name + ".log"));

    public async ValueTask DisposeAsync()
    {
        foreach (var (_, process) in _running.Values)
            if (!process.HasExited) process.Kill();
        foreach (var (_, process) in _running.Values) await process.WaitForExitAsync();
        PrivatePostgres.Stop(Path.Combine(_folder, "postgres"));
        if (Environment.GetEnvironmentVariable("SPADE_TEST_LOGS") is { Length: > 0 } keep)
            foreach (string log in Directory.EnumerateFiles(_folder, "*.log"))
                File.Copy(log, Path.Combine(keep, Path.GetFileName(log)), overwrite: true);
        Directory.Delete(_folder, recursive: true);
    }

    private async Task StartAsync(SiloProcess silo)
    {
        string log = Path.Combine(_folder, silo.Name + ".log");
        var all = new Dictionary<string, string>(_settings);
        foreach (var (key, value) in _own(silo.Name)) all[key] = value;
        var process = silo.Start(Installed, all, log);
        lock (_running) _running[silo.Name] = (silo, process);
        await silo.WaitReadyAsync(process, log, default);
    }
}

/// <summary>The silos' model in this process, and images read, as the silos do it.</summary>
internal sealed class StandaloneEngines : IFeatureEngines, IDisposable
{
    private readonly OnnxRuntimeExtractor _extractor = new(BuiltInModels.Open(BuiltInModels.OrientedEnergy));

    public FeatureEngine Default =>
        For(_extractor.Model, Preprocessing.Stretch(_extractor.Model.InputWidth, _extractor.Model.InputHeight).ToString());

    public FeatureEngine DefaultFor(NewCategory asNew) =>
        For(_extractor.Model, TileChoice.Choose(_extractor.Model, asNew.Sizes ?? []).Description);

    public FeatureEngine For(FeatureModel model, string preprocessing) =>
        new(_extractor, new ImagePreparer(Preprocessing.Parse(preprocessing), ImageReader.Default));

    public void Dispose() => _extractor.Dispose();
}

/// <summary>A test that starts a private PostgreSQL; skipped, by name, without PostgreSQL.</summary>
internal sealed class PostgresFactAttribute : FactAttribute
{
    public PostgresFactAttribute(bool sharedData = false, params string[] pythonModules)
    {
        if (PrivatePostgres.BinFolder is null) Skip = "needs PostgreSQL (initdb, pg_ctl), which is not installed";
        else if (sharedData && SpadeCluster.Tests.SharedData.Root is null) Skip = "needs ../shared/data, which is not here";
        else if (pythonModules.Length > 0) Skip = PythonFactAttribute.Missing(pythonModules);
    }
}
