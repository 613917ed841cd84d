using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using SpadeCluster.Cli.Commands.Cluster;
using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Inference.BuiltIn;
using SpadeCluster.Scoring;
using SpadeCluster.Tests;
using Xunit.Abstractions;

namespace SpadeCluster.Cluster.Tests.Processes;

/// <summary>What an image costs through a server outside the cluster (spade serve --cluster), beside a gateway: milliseconds and bytes
/// between processes, measured in turns, in one run.</summary>
[Collection(Alone.Name)]
[Trait("Category", "Long")]
public sealed class ServerOverheadTests(ITestOutputHelper output)
{
    private const int Rounds = 100, Warm = 10, Sent = 20;

    [PostgresFact]
    public async Task A_server_outside_gives_the_same_scores_for_more_bytes()
    {
        int inner = PrivatePostgres.FreePort(), outer = PrivatePostgres.FreePort(), orleans = PrivatePostgres.FreePort();
        string folder = Directory.CreateTempSubdirectory("spade-outside-").FullName;
        await using var silos = await RealSilos.StartAsync([("gateway", "gateway,extractor"), ("gallery", "gallery")],
            new() { ["Spade:DefaultModel"] = BuiltInModels.ResNet18 },
            silo => silo != "gateway" ? [] : new()
            {
                ["Spade:HttpUrls"] = $"http://127.0.0.1:{inner}",
                ["Spade:GatewayPort"] = orleans.ToString(CultureInfo.InvariantCulture),
                ["Spade:Http:DataFolder"] = Path.Combine(folder, "gateway"),
            });
        using var process = Process.Start(new ProcessStartInfo("dotnet", [RealSilos.Program, "serve", "--cluster", $"127.0.0.1:{orleans}",
            "--urls", $"http://127.0.0.1:{outer}", "--data", Path.Combine(folder, "server")])
        { RedirectStandardOutput = true })!;
        try
        {
            using var client = silos.Client();
            await client.AddNormalsAsync("plate", Photos.Normals(8), "tester");
            Assert.StartsWith("serving ", await process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromMinutes(2)));
            using var http = new HttpClient();
            byte[] photo = await Photos.Mixed(2)[1].ReadAsync(default);
            foreach (var policy in (GatePolicy[])[GatePolicy.Gate, GatePolicy.Always])
            {
                // By gate with a high threshold no image is localised.
                await client.CalibrateAsync("plate",
                    new ScoringOptions { GatePolicy = policy, Alpha = policy == GatePolicy.Gate ? 0.001 : 0.2 },
                    "tester");
                var (gateway, server, ratio) = (new double[Rounds], new double[Rounds], new double[Rounds]);
                for (int i = -Warm; i < Rounds; i++)
                {
                    // Each goes first as often as the other.
                    bool first = i % 2 == 0;
                    var a = first ? await ScoreAsync(inner) : default;
                    var b = await ScoreAsync(outer);
                    if (!first) a = await ScoreAsync(inner);
                    Assert.Equal(a.Score, b.Score);
                    if (i >= 0) (gateway[i], server[i], ratio[i]) = (a.Milliseconds, b.Milliseconds, b.Milliseconds / a.Milliseconds);
                }
                foreach (double[] values in (double[][])[gateway, server, ratio]) Array.Sort(values);
                double inside = await BytesAsync(inner), outside = await BytesAsync(outer);
                output.WriteLine($"{policy}, {Rounds} pairs: median {gateway[Rounds / 2]:0.0} ms by the gateway, "
                    + $"{server[Rounds / 2]:0.0} ms by the "
                    + $"server; median ratio {ratio[Rounds / 2]:0.000}, quartiles {ratio[Rounds / 4]:0.000} and "
                    + $"{ratio[Rounds * 3 / 4]:0.000}; "
                    + $"{inside / 1000:0.0} and {outside / 1000:0.0} KB between processes");
                Assert.True(outside > inside, $"{outside} bytes by the server, {inside} by the gateway");
            }

            async Task<(string Score, double Milliseconds)> ScoreAsync(int port)
            {
                long start = Stopwatch.GetTimestamp();
                using var form = new MultipartFormDataContent
                    { { new ByteArrayContent(photo) { Headers = { ContentType = new("image/x-portable-pixmap") } }, "image",
                        "photo.ppm" } };
                using var answer = await http.PostAsync($"http://127.0.0.1:{port}/v1/score?category=plate", form);
                string text = await answer.Content.ReadAsStringAsync();
                double time = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
                Assert.True(answer.IsSuccessStatusCode, text);
                var score = JsonDocument.Parse(text).RootElement.GetProperty("score");
                return ($"{score.GetProperty("raw_score")} {score.GetProperty("map_max")} {score.GetProperty("version")}", time);
            }

            // All bytes of the connections between the processes, of an image; those of probes between silos are a few hundred a second.
            async Task<double> BytesAsync(int port)
            {
                double before = Bytes();
                for (int i = 0; i < Sent; i++) await ScoreAsync(port);
                return (Bytes() - before) / Sent;
            }

            double Bytes()
            {
                int[] ports = [orleans, silos.SiloPort("gateway"), silos.SiloPort("gallery")];
                string filter = string.Join(" or ", ports.SelectMany(p => new[] { $"sport = :{p}", $"dport = :{p}" }));
                using var ss = Process.Start(new ProcessStartInfo("ss", ["-tinH", filter]) { RedirectStandardOutput = true })!;
                string text = ss.StandardOutput.ReadToEnd();
                ss.WaitForExit();
                return Regex.Matches(text, @"bytes_sent:(\d+)").Sum(m => double.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture));
            }
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync();
            Directory.Delete(folder, recursive: true);
        }
    }
}
