using System.Text.Json;
using SpadeCluster.Storage.Tests.Support;

namespace SpadeCluster.Cli.Tests.Commands;

/// <summary>The gallery commands with a connection string in the place of a folder.</summary>
public sealed class GalleryDatabaseTests : WorkFolder
{
    [PostgresFact]
    public async Task A_gallery_in_a_database_is_used_like_one_in_a_folder()
    {
        using var postgres = new PostgresCluster();
        string database = postgres.NewSchema(), plates = Plates(3), bad = Plates(1, "bad", seed: 50), file = At("plates.tar"),
            query = Path.Combine(Plates(1, "query", seed: 70), "00.png");
        Assert.Contains("no galleries in 'database postgres on", (await Run("gallery", "list")).Out);
        var added = Parse(await Run("gallery", "add", "plates", plates, "--json"));
        Assert.Equal((3, true, 3),
            (added.GetProperty("added").GetInt32(), added.GetProperty("calibrated").GetBoolean(),
                added.GetProperty("highest_normals").GetArrayLength()));
        double raw = await ScoreAsync(database);

        await Run("gallery", "add", "plates", bad, "--no-calibrate");
        await Run("gallery", "rollback", "plates", "2", "--reason", "lamp was broken");
        Assert.Equal(raw, await ScoreAsync(database));
        await Run("gallery", "retire", "plates", Path.Combine(plates, "01.png"), "--reason", "blurred");
        await Run("gallery", "restore", "plates", Path.Combine(plates, "01.png"), "--reason", "it was not");
        await Run("gallery", "calibrate", "plates");
        Assert.Equal(8, Parse(await Run("gallery", "history", "plates", "--json")).GetArrayLength());
        Assert.Contains("0 images added, 1 removed", (await Run("gallery", "diff", "plates", "4", "5")).Out);
        Assert.Contains("3 images, all intact", (await Run("gallery", "verify", "plates")).Out);

        // Into a folder and back into another database, with every version and the same scores.
        await Run("gallery", "export", "plates", file);
        string folder = At("galleries");
        Assert.Equal(0, (await Spade.RunAsync("gallery", "import", file, "--gallery", folder)).Exit);
        Assert.Equal(raw, await ScoreAsync(folder));
        string elsewhere = postgres.NewSchema();
        Assert.Equal(0, (await Spade.RunAsync("gallery", "import", file, "--gallery", elsewhere)).Exit);
        Assert.Equal(raw, await ScoreAsync(elsewhere));
        Assert.Equal(6, Parse(await Run("gallery", "compact", "plates", "--keep-versions", "2", "--json")).GetProperty("dropped")
            .GetArrayLength());

        async Task<(int Exit, string Out, string Error)> Run(params string[] args)
        {
            var result = await Spade.RunAsync([.. args, "--gallery", database]);
            Assert.True(result.Exit == 0, $"spade {string.Join(' ', args)}: {result.Error}");
            return result;
        }

        async Task<double> ScoreAsync(string gallery) =>
            Parse(await Spade.RunAsync("score", "--category", "plates", query, "--json", "--gallery", gallery)).GetProperty("raw_score")
            .GetDouble();

        static JsonElement Parse((int Exit, string Out, string Error) result) => JsonDocument.Parse(result.Out).RootElement;
    }

    [Theory]
    [InlineData("Host=somewhere;Colour=blue", "colour")]
    [InlineData("Server=somewhere;Port=many", "port")]
    [InlineData("postgresql://spade@somewhere/galleries", "not as a URL")]
    public async Task A_connection_string_that_is_none_is_said(string gallery, string problem)
    {
        var (exit, _, error) = await Spade.RunAsync("gallery", "list", "--gallery", gallery);
        Assert.Equal(3, exit);
        Assert.Contains(problem, error);
        Assert.Single(error.Trim().Split('\n'));
    }
}
