using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using SpadeCluster.Cluster;
using SpadeCluster.Server.Tests.Deliveries;
using SpadeCluster.Tests;

namespace SpadeCluster.Server.Tests.Examples;

/// <summary>Each program of docs/examples against 'spade serve', with a key.</summary>
public sealed class ExampleTests(ExampleServer server) : IClassFixture<ExampleServer>
{
    [Fact]
    public async Task Curl_scores_and_finds_the_decision_again()
    {
        string[] lines = (await RunAsync(0, "sh", server.At("score.sh"), server.Defective, "discs")).Output.TrimEnd().Split('\n');
        var (sent, kept) = (JsonDocument.Parse(lines[0]).RootElement, JsonDocument.Parse(lines[1]).RootElement);
        Assert.Equal(("defect", "4711"), (sent.GetProperty("score").GetProperty("verdict").GetString(),
            sent.GetProperty("serial_number").GetString()));
        Assert.Equal(sent.GetProperty("id").GetInt64(), kept.GetProperty("id").GetInt64());
        // curl's code for a refusal; the answer says why.
        Assert.Contains("no known image format", (await RunAsync(22, "sh", server.At("score.sh"), server.At("score.sh"), "discs")).Output,
            StringComparison.Ordinal);
    }

    [PythonFact("urllib")]
    public Task Python_over_HTTP() => PrintsVerdictsAsync("request", PythonFactAttribute.Python, server.At("score_http.py"));

    [PythonFact("grpc", "google.protobuf")]
    public Task Python_over_gRPC()
    {
        PythonStubs.Write(server.At("stubs"), Spade.V1.Scoring.Descriptor.File);
        return PrintsVerdictsAsync("no known image format", PythonFactAttribute.Python, server.At("score_grpc.py"));
    }

    [Fact]
    public Task CSharp() => PrintsVerdictsAsync("no known image format",
        ["dotnet", "exec", "--runtimeconfig", server.At("..", "SpadeCluster.Server.Tests.runtimeconfig.json"), "--depsfile",
            server.At("..", "SpadeCluster.Server.Tests.deps.json"), server.At("..", "Score.dll")]);

    [MosquittoFact]
    public async Task A_broker_passes_review_and_defect_on()
    {
        using var follow = Start("sh", server.At("follow_mqtt.sh"), "L1");
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        try
        {
            // Scored again until the subscription is there: what was published before it is not kept for it.
            var line = follow.StandardOutput.ReadLineAsync(limit.Token).AsTask();
            while (!line.IsCompleted)
            {
                await RunAsync(0, "sh", server.At("score.sh"), server.Good, "discs");
                await RunAsync(0, "sh", server.At("score.sh"), server.Defective, "discs");
            }
            string[] parts = (await line)!.Split(' ', 2);
            Assert.Equal("spade/decisions/L1/discs", parts[0]);
            var decision = JsonDocument.Parse(parts[1]).RootElement.GetProperty("data");
            Assert.Equal("defect", decision.GetProperty("score").GetProperty("verdict").GetString());
        }
        finally
        {
            follow.Kill();
        }
    }

    /// <summary>A good part, a defect and a file that is no image: a line for each, the last one on the error output.</summary>
    private async Task PrintsVerdictsAsync(string problem, params string[] command)
    {
        var (output, error) = await RunAsync(1, [.. command, "discs", server.Good, server.At("score.sh"), server.Defective]);
        string[] lines = output.TrimEnd().Split('\n');
        Assert.Equal(2, lines.Length);
        Assert.Matches(@"good\.png: good 0\.\d\d \[\]$", lines[0]);
        // The spot is at 60 to 72 and 44 to 56 of the photograph.
        Assert.Matches(@"defective\.png: defect (0\.\d\d|1\.00) \[\([56]\d, [34]\d, \d+, \d+\)", lines[1]);
        Assert.Contains("score.sh: ", error, StringComparison.Ordinal);
        Assert.Contains(problem, error, StringComparison.Ordinal);
    }

    private async Task<(string Output, string Error)> RunAsync(int exit, params string[] command)
    {
        using var process = Start(command);
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == exit, $"exit code {process.ExitCode}: {await output}{await error}");
        return (await output, await error);
    }

    private Process Start(params string[] command)
    {
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in server.Settings) start.Environment[name] = value;
        return Process.Start(start)!;
    }
}

/// <summary>'spade serve' as a process with a key, and a broker if there is one.</summary>
public sealed class ExampleServer : IAsyncLifetime
{
    private readonly OpenServerFixture _galleries = new();
    private Mosquitto? _broker;
    private Process? _process;

    /// <summary>What the examples read from their environment.</summary>
    internal Dictionary<string, string> Settings { get; } = [];

    internal string Good => Path.Combine(_galleries.Folder, "good.png");
    internal string Defective => Path.Combine(_galleries.Folder, "defective.png");

    internal string At(params string[] parts) => Path.Combine([AppContext.BaseDirectory, "Examples", .. parts]);

    public async Task InitializeAsync()
    {
        await _galleries.InitializeAsync();
        await File.WriteAllBytesAsync(Good, Part.Good(1));
        await File.WriteAllBytesAsync(Defective, Part.Defective(1));
        string data = Path.Combine(_galleries.Folder, "examples"), grpc = $"127.0.0.1:{Text(LoopbackPorts.Next())}";
        string[] options = ["--grpc-urls", $"http://{grpc}"];
        if (Mosquitto.Missing is null)
        {
            _broker = await Mosquitto.StartAsync(_galleries.Folder, "allow_anonymous true");
            Settings["MQTT_PORT"] = Text(_broker.Port);
            string deliveries = Path.Combine(_galleries.Folder, "deliveries.json");
            await File.WriteAllTextAsync(deliveries, (await File.ReadAllTextAsync(At("deliveries.json")))
                .Replace("1883", Text(_broker.Port), StringComparison.Ordinal));
            options = [.. options, "--deliveries", deliveries];
        }
        var (exit, key, error) = await ServerProcess.RunAsync(_galleries.Folder,
            ["key", "create", "--name", "line", "--role", "operator", "--data", data, "--new", "--json"]);
        Assert.True(exit == 0, error);
        Settings["SPADE_KEY"] = JsonDocument.Parse(key).RootElement.GetProperty("key").GetString()!;
        (_process, string address) = await ServerProcess.StartAsync(_galleries.Folder, data, options);
        (Settings["SPADE_SERVER"], Settings["SPADE_GRPC"], Settings["PYTHONPATH"]) = (address, grpc, At("stubs"));
    }

    public async Task DisposeAsync()
    {
        _process?.Kill();
        _process?.Dispose();
        _broker?.Dispose();
        await _galleries.DisposeAsync();
    }

    private static string Text(int port) => port.ToString(CultureInfo.InvariantCulture);
}
