using System.Diagnostics;
using System.Globalization;
using System.Threading.Channels;
using SpadeCluster.Cluster;

namespace SpadeCluster.Server.Tests.Deliveries;

/// <summary>A test that needs mosquitto and its clients; skipped, by name, without them.</summary>
public sealed class MosquittoFactAttribute : FactAttribute
{
    public MosquittoFactAttribute() => Skip = Mosquitto.Missing;
}

/// <summary>Debian's MQTT broker as a process.</summary>
internal sealed class Mosquitto : IDisposable
{
    private const string Broker = "/usr/sbin/mosquitto", Subscribe = "/usr/bin/mosquitto_sub";

    private readonly string _folder, _settings;
    private Process _process;

    private Mosquitto(string folder, string settings, int port)
    {
        (_folder, _settings, Port) = (folder, settings, port);
        _process = null!;
    }

    public static string? Missing => File.Exists(Broker) && File.Exists(Subscribe) ? null
        : "needs mosquitto and mosquitto_sub (Debian: apt-get install mosquitto mosquitto-clients), which are not installed";

    public int Port { get; }

    /// <param name="settings">Further lines of its configuration.</param>
    public static async Task<Mosquitto> StartAsync(string folder, params string[] settings)
    {
        int port = LoopbackPorts.Next();
        string path = Path.Combine(folder, $"mosquitto-{port}.conf");
        await File.WriteAllLinesAsync(path, [$"listener {port.ToString(CultureInfo.InvariantCulture)} 127.0.0.1", .. settings,
            "log_type information", "log_type error", "max_queued_messages 0", "max_inflight_messages 0", .. Environment.UserName == "root"
            ? ["user root"] : Array.Empty<string>()]);
        var broker = new Mosquitto(folder, path, port);
        await broker.StartAsync();
        return broker;
    }

    /// <summary>Kills it without warning and starts it again.</summary>
    public async Task KillAndStartAsync()
    {
        Kill();
        await StartAsync();
    }

    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    /// <summary>Writes its sessions and subscriptions to its folder (SIGUSR1).</summary>
    public async Task SaveAsync()
    {
        using var kill = Process.Start("kill", ["-USR1", _process.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
        await SeeAsync("Saving in-memory database");
    }

    public void Dispose() => Kill();

    /// <summary>mosquitto_sub: its lines, each at once (stdbuf), of which 'TOPIC PAYLOAD' are messages.</summary>
    public Subscription SubscribeTo(string topic, params string[] options) => new(Process.Start(new ProcessStartInfo("stdbuf",
        ["-oL", Subscribe, "-h", "127.0.0.1", "-p", Port.ToString(CultureInfo.InvariantCulture), "-q", "1", "-t", topic, "-d", "-F",
            "%t %p", .. options])
    { RedirectStandardOutput = true, RedirectStandardError = true })!);

    private async Task StartAsync()
    {
        _process = Process.Start(new ProcessStartInfo(Broker, ["-c", _settings])
        {
            WorkingDirectory = _folder,
            RedirectStandardError = true,
        })!;
        await SeeAsync("running");
    }

    private async Task SeeAsync(string text)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (await _process.StandardError.ReadLineAsync(limit.Token) is { } line)
            if (line.Contains(text, StringComparison.Ordinal)) return;
        Assert.Fail($"mosquitto ended before it wrote '{text}'");
    }

    /// <summary>A running mosquitto_sub.</summary>
    internal sealed class Subscription : IAsyncDisposable
    {
        private readonly Process _process;
        private readonly Channel<string> _lines = Channel.CreateUnbounded<string>();

        public Subscription(Process process)
        {
            _process = process;
            process.OutputDataReceived += (_, e) =>
            {
                if (e.Data is { } line) _lines.Writer.TryWrite(line);
            };
            process.ErrorDataReceived += (_, _) => { };
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
        }

        public ChannelReader<string> Lines => _lines.Reader;

        /// <summary>The next line that begins with a text.</summary>
        public async Task<string> NextAsync(string start)
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            while (true)
            {
                string line = await _lines.Reader.ReadAsync(limit.Token);
                if (line.StartsWith(start, StringComparison.Ordinal)) return line;
            }
        }

        /// <summary>Ends it, after its last line was read.</summary>
        public async ValueTask DisposeAsync()
        {
            if (!_lines.Writer.TryComplete()) return;
            _process.Kill();
            await _process.WaitForExitAsync();
            _process.Dispose();
        }
    }
}
