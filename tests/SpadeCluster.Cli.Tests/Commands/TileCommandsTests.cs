using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace SpadeCluster.Cli.Tests.Commands;

public partial class TileCommandsTests : WorkFolder
{
    [Fact]
    public async Task A_category_in_tiles_is_built_scored_and_keeps_its_tiles()
    {
        string plates = Plates(4), galleries = At("galleries");
        var (exit, _, error) = await Spade.RunAsync("gallery", "add", "plates", plates, "--gallery", galleries, "--tiles", "2x1");
        Assert.True(exit == 0, error);
        Assert.Contains("4 files, stretch 224x224 tiles 2x1 overlap 32 and whole: ", error, StringComparison.Ordinal);

        (exit, string output, error) = await Spade.RunAsync("score", "--category", "plates", "--gallery", galleries, "--json", "--out",
            At("out"), Path.Combine(plates, "00.png"));
        Assert.True(exit == 0, error);
        var score = JsonDocument.Parse(output).RootElement;
        Assert.Equal("good", score.GetProperty("verdict").GetString());
        Assert.True(File.Exists(score.GetProperty("overlay").GetString()));

        // More photographs are cut as the first ones were; other tiles are refused.
        string more = Plates(1, "more", seed: 9);
        (exit, _, error) = await Spade.RunAsync("gallery", "add", "plates", more, "--gallery", galleries, "--no-calibrate");
        Assert.True(exit == 0, error);
        (exit, _, error) = await Spade.RunAsync("gallery", "add", "plates", more, "--gallery", galleries, "--tiles", "3x3");
        Assert.Equal(3, exit);
        Assert.Contains("was built with 'stretch 224x224 tiles 2x1 overlap 32 and whole'", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_bytes_predicted_are_those_stored()
    {
        var (exit, _, error) = await Spade.RunAsync("gallery", "add", "plates", Plates(4), "--gallery", At("galleries"), "--tiles", "2x1");
        Assert.True(exit == 0, error);
        double predicted = double.Parse(Predicted().Match(error).Groups[1].ValueSpan, CultureInfo.InvariantCulture);
        double stored = Directory.EnumerateFiles(At("galleries"), "*", SearchOption.AllDirectories).Sum(f => new FileInfo(f).Length) / 1e6;
        Assert.InRange(predicted / stored, 0.95, 1.05);
    }

    [GeneratedRegex(@": ([0-9.]+) MB at most in '.*', about [0-9]+ s")]
    private static partial Regex Predicted();

    [Theory]
    [InlineData("2by2")]
    [InlineData("0x2")]
    [InlineData("100x100")]
    public async Task Tiles_that_cannot_be_are_refused(string tiles)
    {
        var (exit, _, error) = await Spade.RunAsync("gallery", "add", "plates", Plates(2), "--gallery", At("galleries"), "--tiles", tiles);
        Assert.NotEqual(0, exit);
        Assert.Contains("--tiles takes auto, or columns and rows such as 3x2", error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(At("galleries", "plates")));
    }
}
