using System.Text.Json;

namespace SpadeCluster.Cli.Tests.Commands;

public class ModelCommandsTests : WorkFolder
{
    [Fact]
    public async Task A_broken_model_folder_is_named_and_the_others_are_used()
    {
        Directory.CreateDirectory(At("models", "bad"));
        File.WriteAllText(At("models", "bad", "model.json"), "{}");
        Assert.Equal(0, (await Spade.InAsync(Root, "model", "create", "oriented-energy-1", "--out", At("models", "good"))).Exit);
        string manifest = At("models", "good", "model.json");
        // Another input scale is another model, though the network is the same.
        File.WriteAllText(manifest,
            System.Text.RegularExpressions.Regex.Replace(File.ReadAllText(manifest), "(\"scale\": \\[\\s*)[0-9.]+", "${1}17"));

        var (exit, output, error) = await Spade.InAsync(Root, "model", "list", "--json");
        Assert.Equal(3, exit);
        Assert.Equal(["(built in)", "(built in)", "models/good"],
            JsonDocument.Parse(output).RootElement.EnumerateArray().Select(m => m.GetProperty("folder").GetString()));
        Assert.Contains("models/bad: ", Assert.Single(error.Trim().Split('\n')), StringComparison.Ordinal);

        string plates = Plates(3);
        (exit, _, error) = await Spade.InAsync(Root, "gallery", "add", "plates", plates, "--model", At("models", "good"));
        Assert.True(exit == 0, error);
        (exit, _, error) = await Spade.InAsync(Root, "score", "--category", "plates", Path.Combine(plates, "00.png"));
        Assert.True(exit == 0, error);
        Assert.Contains("model 'models/bad' is left out", error, StringComparison.Ordinal);
    }
}
