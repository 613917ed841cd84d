namespace SpadeCluster.Cli.Tests.Reduced;

/// <summary>What the reduced build lacks it names.</summary>
public class ReducedBuildTests : WorkFolder
{
    [Theory]
    [InlineData("only managed", "--extractor", "onnxruntime")]
    [InlineData("needs the full build", "--device", "cuda")]
    public async Task Extractors_and_devices_of_the_full_build(string says, params string[] options)
    {
        var (exit, _, error) = await Spade.RunAsync(["gallery", "add", "plates", Plates(2), "--gallery", At("galleries"), .. options]);
        Assert.Equal(5, exit);
        Assert.Contains(says, error, StringComparison.Ordinal);
    }
}
