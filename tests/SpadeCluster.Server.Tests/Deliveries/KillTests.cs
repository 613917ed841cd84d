using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json;
using SpadeCluster.Cluster;
using SpadeCluster.Tests;
using Xunit.Abstractions;

namespace SpadeCluster.Server.Tests.Deliveries;

/// <summary>
/// The server, the broker and a webhook as processes, killed at random while photographs come from three lines: every logged decision is
/// delivered to both at least once, in order per line, and nothing else is.
/// </summary>
public sealed class KillTests(OpenServerFixture server, ITestOutputHelper output) : IClassFixture<OpenServerFixture>, IAsyncLifetime
{
    private static readonly string[] Lines = ["L1", "L2", "L3"];

    private readonly Arrivals _webhook = new(), _broker = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("spade-kills-").FullName;
    private Mosquitto _mosquitto = null!;
    private Mosquitto.Subscription _subscription = null!;
    private Process? _receiver, _server;
    private Task _reading = Task.CompletedTask;

    // Completed while the server runs; senders wait for it.
    private TaskCompletionSource<HttpClient> _up = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Action _answered = () => { };
    private int _markers, _receiverPort;

    [KillFact]
    public Task Nothing_is_lost_invented_or_reordered_over_some_kills() => RunAsync(kills: 5, seed: 1);

    [KillFact, Trait("Category", "Long")]
    public Task Nothing_is_lost_invented_or_reordered_over_50_kills() => RunAsync(kills: 50, seed: 2);

    private async Task RunAsync(int kills, int seed)
    {
        var random = new Random(seed);
        var clock = Stopwatch.StartNew();
        _receiverPort = LoopbackPorts.Next();
        _mosquitto = await Mosquitto.StartAsync(_folder, "allow_anonymous true", "persistence true", $"persistence_location {_folder}/");
        _subscription = _mosquitto.SubscribeTo("spade/decisions/#", "-c", "-i", "test");
        await _subscription.NextAsync("Subscribed");
        // The broker's file then has the subscription, so that it queues messages from its first moment after a kill.
        await _mosquitto.SaveAsync();
        var reading = ReadBrokerAsync();
        await StartReceiverAsync();
        await StartServerAsync();
        using var stop = new CancellationTokenSource();
        var senders = Lines.Select((line, i) => Task.Run(() => SendAsync(line, 1000 * (i + 1), stop))).ToArray();

        var victims = new int[3];
        for (int kill = 0; kill < kills; kill++)
        {
            await AnsweredAsync(random.Next(1, 12));
            int victim = random.Next(victims.Length);
            victims[victim]++;
            await (victim switch { 0 => KillServerAsync(), 1 => KillBrokerAsync(), _ => KillReceiverAsync() });
        }
        await AnsweredAsync(10);
        await stop.CancelAsync();
        await Task.WhenAll(senders);

        using var client = await _up.Task;
        var logged = await LoggedAsync(client);
        foreach (var (name, arrivals) in new[] { ("hook", _webhook), ("mqtt", _broker) })
        {
            await arrivals.CompleteAsync(logged.Keys);
            // None invented.
            Assert.All(arrivals.All, a => Assert.Equal(($"{name}-{a.Decision}", logged[a.Decision]), (a.Id, (a.Line, a.Digest))));
            // In order: the first delivery of each decision, by line.
            foreach (string line in Lines)
            {
                long[] order = [.. arrivals.All.Where(a => a.Line == line).Select(a => a.Decision).Distinct()];
                Assert.Equal(order.Order(), order);
            }
        }
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{kills} kills (server {victims[0]}, broker {victims[1]}, webhook "
            + $"{victims[2]}) in {clock.Elapsed.TotalSeconds:0} s: {logged.Count} decisions; webhook {_webhook.All.Count} deliveries, "
            + $"broker "
            + $"{_broker.All.Count}"));
        await _subscription.DisposeAsync();
        await reading;
    }

    private async Task SendAsync(string line, int seed, CancellationTokenSource stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                var client = await _up.Task.WaitAsync(stop.Token);
                var answer = await client.PostAsync($"/v1/score?category=discs&line={line}", ServerFixture.Image(Part.Good(seed++)));
                Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
                Volatile.Read(ref _answered)();
            }
            catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
            {
                // The server was killed; whether it has logged the decision is not known.
                await Task.Yield();
            }
        }
    }

    /// <summary>Returns when that many photographs more were answered.</summary>
    private async Task AnsweredAsync(int count)
    {
        var enough = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Volatile.Write(ref _answered, () =>
        {
            if (Interlocked.Decrement(ref count) == 0) enough.TrySetResult();
        });
        await enough.Task.WaitAsync(TimeSpan.FromMinutes(2));
    }

    private async Task StartServerAsync()
    {
        string secret = Path.Combine(_folder, "secret"), file = Path.Combine(_folder, "deliveries.json");
        await File.WriteAllTextAsync(secret, OutboxFixture.Secret);
        await File.WriteAllTextAsync(file, JsonSerializer.Serialize(new object[]
        {
            new { name = "hook", url = $"http://127.0.0.1:{_receiverPort}/", secret_file = secret },
            new { name = "mqtt", url = $"mqtt://127.0.0.1:{_mosquitto.Port}" },
        }));
        (_server, string address) = await ServerProcess.StartAsync(server.Folder, Path.Combine(_folder, "data"), ["--deliveries", file]);
        _up.SetResult(new HttpClient { BaseAddress = new Uri(address) });
    }

    private async Task KillServerAsync()
    {
        await _up.Task;
        _up = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _server!.Kill();
        await _server.WaitForExitAsync();
        _server.Dispose();
        await StartServerAsync();
    }

    private async Task KillBrokerAsync()
    {
        await _mosquitto.KillAndStartAsync();
        // The next kill waits until what the broker has queued for its subscriber has arrived: the broker itself keeps it in memory only.
        await _broker.SubscribedAsync();
        string marker = $"marker-{++_markers}";
        using var publish = Process.Start("mosquitto_pub", ["-h", "127.0.0.1", "-p", _mosquitto.Port.ToString(CultureInfo.InvariantCulture),
            "-q", "1", "-t", "spade/decisions/marker", "-m", marker]);
        await _broker.MarkedAsync(marker);
        await publish.WaitForExitAsync();
    }

    private async Task KillReceiverAsync()
    {
        _receiver!.Kill();
        await _receiver.WaitForExitAsync();
        await _reading;
        _receiver.Dispose();
        await StartReceiverAsync();
    }

    private async Task StartReceiverAsync()
    {
        var receiver = _receiver = Process.Start(new ProcessStartInfo(PythonFactAttribute.Python,
            [Path.Combine(AppContext.BaseDirectory, "Deliveries", "receiver.py"), _receiverPort.ToString(CultureInfo.InvariantCulture),
                OutboxFixture.Secret])
        { RedirectStandardOutput = true })!;
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        Assert.Equal("listening", await receiver.StandardOutput.ReadLineAsync(limit.Token));
        _reading = Task.Run(async () =>
        {
            while (await receiver.StandardOutput.ReadLineAsync() is { } text)
            {
                string[] parts = text.Split(' ');
                _webhook.Add(new(parts[0], long.Parse(parts[2], CultureInfo.InvariantCulture), parts[1], parts[3]));
            }
        });
    }

    private async Task ReadBrokerAsync()
    {
        const string Start = "spade/decisions/";
        await foreach (string text in _subscription.Lines.ReadAllAsync())
        {
            if (text.StartsWith("Subscribed", StringComparison.Ordinal)) _broker.Subscribed();
            else if (text.StartsWith(Start + "marker ", StringComparison.Ordinal)) _broker.Marked(text.Split(' ')[1]);
            else if (text.StartsWith(Start, StringComparison.Ordinal))
            {
                var sent = JsonSerializer.Deserialize<JsonElement>(text[text.IndexOf(' ', StringComparison.Ordinal)..]);
                var data = sent.GetProperty("data");
                _broker.Add(new(sent.GetProperty("id").GetString()!, data.GetProperty("id").GetInt64(),
                    data.GetProperty("line").GetString()!, data.GetProperty("digest").GetString()!));
            }
        }
    }

    private static async Task<Dictionary<long, (string, string)>> LoggedAsync(HttpClient client)
    {
        var all = new Dictionary<long, (string, string)>();
        for (string before = ""; ;)
        {
            var page = (await ApiTests.Json(await client.GetAsync($"/v1/results?limit=1000{before}"))).EnumerateArray().ToList();
            foreach (var d in page)
                all[d.GetProperty("id").GetInt64()] = (d.GetProperty("line").GetString()!, d.GetProperty("digest").GetString()!);
            if (page.Count < 1000) return all;
            before = $"&before={page[^1].GetProperty("id").GetRawText()}";
        }
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (var process in new[] { _server, _receiver })
        {
            if (process is null) continue;
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }
        if (_subscription is not null) await _subscription.DisposeAsync();
        _mosquitto?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private sealed record Arrival(string Id, long Decision, string Line, string Digest);

    /// <summary>What a destination received, in order.</summary>
    private sealed class Arrivals
    {
        private readonly Lock _gate = new();
        private readonly List<Arrival> _all = [];
        private readonly ConcurrentDictionary<string, TaskCompletionSource> _marks = new();
        private readonly SemaphoreSlim _subscribed = new(0);
        private Action _added = () => { };

        public IReadOnlyList<Arrival> All
        {
            get
            {
                lock (_gate) return [.. _all];
            }
        }

        public void Add(Arrival arrival)
        {
            lock (_gate) _all.Add(arrival);
            Volatile.Read(ref _added)();
        }

        public void Subscribed() => _subscribed.Release();

        public async Task SubscribedAsync() => Assert.True(await _subscribed.WaitAsync(TimeSpan.FromMinutes(1)));

        public void Marked(string marker) => Mark(marker).TrySetResult();

        public Task MarkedAsync(string marker) => Mark(marker).Task.WaitAsync(TimeSpan.FromMinutes(1));

        /// <summary>Returns when each of these has arrived.</summary>
        public async Task CompleteAsync(IEnumerable<long> decisions)
        {
            var complete = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            void Look()
            {
                if (!decisions.Except(All.Select(a => a.Decision)).Any()) complete.TrySetResult();
            }
            Volatile.Write(ref _added, Look);
            Look();
            await Task.WhenAny(complete.Task, Task.Delay(TimeSpan.FromMinutes(3)));
            Assert.Empty(decisions.Except(All.Select(a => a.Decision)));
        }

        private TaskCompletionSource Mark(string marker) =>
            _marks.GetOrAdd(marker, _ => new(TaskCreationOptions.RunContinuationsAsynchronously));
    }

    private sealed class KillFactAttribute : FactAttribute
    {
        public KillFactAttribute() => Skip = Mosquitto.Missing ?? PythonFactAttribute.Missing("hmac");
    }
}
