using System.Diagnostics;
using System.Text.RegularExpressions;
using SpadeCluster.Storage.Tests.Support;

namespace SpadeCluster.Cli.Tests.Full;

public class ClusterCommandTests : WorkFolder
{
    /// <summary>The folder it was built in; the silo's folder is found from it.</summary>
    private static readonly string Built =
        Spade.Dll.Replace("tests/SpadeCluster.Cli.Tests", "src/SpadeCluster.Cli", StringComparison.Ordinal);

    [PostgresFact]
    public async Task A_cluster_comes_up_with_a_model_and_goes_down_in_order()
    {
        // If the tests run as root, PostgreSQL runs as another user.
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(Root, (UnixFileMode)0b111_101_101);
        Assert.Equal(0, (await Spade.InAsync(Root, "model", "create", "oriented-energy-1", "--out", At("mine", "good"))).Exit);
        Directory.CreateDirectory(At("mine", "bad"));
        File.WriteAllText(At("mine", "bad", "model.json"), "{}");
        var (exit, output, error) = await Cluster("up", "--silos", "1", "--model", At("mine", "good"));
        Assert.True(exit == 0, error);
        try
        {
            using var http = new HttpClient { BaseAddress = new Uri(Regex.Match(output, "http://[0-9.:]+").Value) };
            Assert.Contains("oriented-energy", await http.GetStringAsync("/v1/models"), StringComparison.Ordinal);
            Assert.Contains("\"device\":\"cpu\"", await http.GetStringAsync("/v1/state"), StringComparison.Ordinal);
        }
        finally
        {
            (exit, output, error) = await Cluster("down");
        }
        Assert.True(exit == 0, error);
        Assert.Equal("stopped 1 silo(s) and the database", output.Trim());
    }

    [Theory]
    [InlineData(3, "keeps galleries in a folder", "--gallery", "Host=db;Database=spade")]
    [InlineData(3, "keeps galleries in a folder", "--gallery", "postgres://db/spade")]
    [InlineData(4, "no model folder", "--model", "nowhere")]
    [InlineData(4, "no cluster is running", "--down")]
    public async Task What_cannot_be_is_said_before_anything_starts(int code, string says, params string[] options)
    {
        var (exit, _, error) = await Spade.InAsync(Root, ["cluster", "up", .. options]);
        Assert.Equal(code, exit);
        Assert.Contains(says, Assert.Single(error.Trim().Split('\n')), StringComparison.Ordinal);
        Assert.False(Directory.Exists(At(".spade-cluster")));
    }

    private Task<(int Exit, string Out, string Error)> Cluster(params string[] args) =>
        Spade.StartAsync(new ProcessStartInfo("dotnet", [Built, "cluster", .. args]) { WorkingDirectory = Root });
}
