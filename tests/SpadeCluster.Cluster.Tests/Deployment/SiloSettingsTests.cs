using Microsoft.Extensions.Configuration;
using Npgsql;
using SpadeCluster.Cli.Commands.Cluster;
using SpadeCluster.Cluster.Tests.Processes;
using SpadeCluster.Cli.Silo;

namespace SpadeCluster.Cluster.Tests.Deployment;

/// <summary>The program does not start with wrong settings and prints one sentence for each; it starts with right ones.</summary>
public sealed class SiloSettingsTests
{
    private const string Database = "Host=db;Database=spade;Username=spade";

    [Fact]
    public void A_connection_finds_a_lost_host_unless_the_setting_says_otherwise()
    {
        var completed = new NpgsqlConnectionStringBuilder(new SiloOptions { ConnectionString = Database }.DatabaseConnection);
        Assert.Equal(("db", 5, true), (completed.Host, completed.Timeout, completed.TcpKeepAlive));
        Assert.Contains("tcp_user_timeout", completed.Options);
        var given = new NpgsqlConnectionStringBuilder(
            new SiloOptions { ConnectionString = Database + ";Timeout=15;Options=-c work_mem=8MB" }.DatabaseConnection);
        Assert.Equal((15, "-c work_mem=8MB"), (given.Timeout, given.Options));
    }

    [Theory]
    [InlineData("Spade:SiloPort is 'abc', which is not a whole number", "SiloPort", "abc")]
    [InlineData("Spade:SiloPort is 70000; it takes 1 to 65535", "SiloPort", "70000")]
    [InlineData("Spade:HealthPort is '', which is not a whole number", "HealthPort", "")]
    [InlineData("Spade:Clustering is 'Postgres', which is not Localhost or PostgreSql", "Clustering", "Postgres")]
    [InlineData("Spade:Store is '7', which is not Files or PostgreSql", "Store", "7")]
    [InlineData("Spade:LoopbackOnly is 'yes', which is not true or false", "LoopbackOnly", "yes")]
    [InlineData("Spade:Address is 'myhost.local', which is not an IP address", "Address", "myhost.local")]
    [InlineData("Spade:ConnectionString is missing", "Clustering", "PostgreSql", "Insecure", "true")]
    [InlineData("Spade:TlsFolder is missing", "Clustering", "PostgreSql", "ConnectionString", Database, "Address", "10.0.0.7")]
    [InlineData("Spade:ConnectionString cannot be read from", "Store", "PostgreSql", "ConnectionStringFile", "/nowhere/connection")]
    [InlineData("Spade:ConnectionString is not valid for PostgreSQL's driver", "Clustering", "PostgreSql", "ConnectionString",
        "rubbish", "Insecure", "true")]
    [InlineData("Spade:ConnectionString is not valid for PostgreSQL's driver", "Store", "PostgreSql", "ConnectionString",
        "Host=db;Prot=5432")]
    [InlineData("Spade:ConnectionString names no Host", "Store", "PostgreSql", "ConnectionString", "Database=spade")]
    [InlineData("Spade:OnnxRuntime:Batch is 0; it takes 1 to 1024", "OnnxRuntime:Batch", "0", "Devices", "cpu")]
    [InlineData("Spade:OnnxRuntime:Device must not be set: use Spade:Devices instead", "OnnxRuntime:Device", "cpu")]
    [InlineData("Spade:OnnxRuntime:Threads must not be set: use Spade:Threads instead", "OnnxRuntime:Threads", "2")]
    [InlineData("Spade:OnnxRuntime:CudnnSearch is 'fast', which is not Heuristic or Exhaustive or Default", "OnnxRuntime:CudnnSearch",
        "fast")]
    [InlineData("Spade:ProbeInterval is -00:00:05; it takes 00:00:00.1000000 to 00:10:00", "ProbeInterval", "-00:00:05")]
    [InlineData("Spade:DrainTime is 20, which is 20.00:00:00; it takes 00:00:00 to 01:00:00", "DrainTime", "20")]
    [InlineData("Spade:Admission:RetryAfter is 'soon', which is not a time such as 00:00:05", "Admission:RetryAfter", "soon")]
    [InlineData("Spade:Rolles is not a setting; Spade has Address, ClusterId,", "Rolles", "gallery")]
    [InlineData("Spade:RoleList is not a setting", "RoleList", "gallery")]
    [InlineData("Spade:Extractor:MaxBatches is not a setting; Spade:Extractor has BatchWait, LeaseBytes,", "Extractor:MaxBatches", "4")]
    [InlineData("Spade:Extractor:MaxBatch is 0; it takes 1 to 1024", "Extractor:MaxBatch", "0")]
    [InlineData("Spade:Cluster:KeepDeletedDays is 'week', which is not a number", "Cluster:KeepDeletedDays", "week")]
    [InlineData("Spade:Cluster:ShardMemory is 5; it takes at least 1048576", "Cluster:ShardMemory", "5")]
    [InlineData("Spade:Http:Urls must not be set: use Spade:HttpUrls instead", "Http:Urls:0", "http://127.0.0.1:5")]
    [InlineData("Spade:Http:Hosts is a list: name its first as Spade:Http:Hosts:0", "Http:Hosts", "spade.example")]
    [InlineData("Spade:Admission:Slots is 0; it takes 1 to 1024", "Admission:Slots", "0")]
    [InlineData("Spade:Galleries is empty", "Galleries", "")]
    [InlineData("Spade:Roles takes one value", "Roles:0", "gateway")]
    public void A_wrong_setting_is_one_sentence(string says, params string[] settings)
    {
        string sentence = Assert.Single(Problems(settings));
        Assert.StartsWith(says, sentence, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', sentence);
    }

    [Theory]
    [InlineData]
    [InlineData("siloport", "1", "ROLES", "gallery", "http:hosts:0", "spade.example", "OnnxRuntime:GpuMemoryLimit", "", "OnnxRuntime:Batch",
        "8")]
    [InlineData("Clustering", "postgresql", "ConnectionString", Database, "Address", "::1", "ProbeInterval", "00:00:00.5",
        "Extractor:BatchWait", "00:00:00.005")]
    public void Right_settings_are_taken(params string[] settings) => Assert.Empty(Problems(settings));

    [Fact]
    public void Every_mistake_is_named() =>
        Assert.Equal(3, Problems("Rolles", "gallery", "SiloPort", "abc", "Extractor:MaxBatch", "0").Count);

    [Theory]
    [InlineData("Spade:PrimaryPort", "abc")]
    [InlineData("Spade:Rolles", "gallery")]
    [InlineData("Spade:Extractor:MaxBatch", "0")]
    public async Task A_silo_says_so_and_ends_with_exit_code_2(string setting, string value)
    {
        string log = Path.GetTempFileName();
        using var process = SiloProcess.New("wrong", "gallery")
            .Start(RealSilos.Program, new Dictionary<string, string> { [setting] = value }, log);
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(2));
        string said = File.ReadAllText(log).TrimEnd();
        File.Delete(log);
        Assert.Equal(2, process.ExitCode);
        Assert.StartsWith($"spade: {setting} is ", said, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', said);
    }

    private static IReadOnlyList<string> Problems(params string[] settings)
        => SiloSettings.Problems(new ConfigurationBuilder()
            .AddInMemoryCollection(settings.Chunk(2).Select(s => KeyValuePair.Create("Spade:" + s[0], (string?)s[1]))).Build());
}
