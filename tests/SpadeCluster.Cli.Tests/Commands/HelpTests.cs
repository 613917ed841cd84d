namespace SpadeCluster.Cli.Tests.Commands;

public class HelpTests
{
    [Theory]
    [InlineData("demo")]
    [InlineData("score")]
    [InlineData("watch")]
    [InlineData("evaluate")]
    [InlineData("reproduce")]
    [InlineData("gallery add")]
    [InlineData("gallery list")]
    [InlineData("gallery show")]
    [InlineData("gallery calibrate")]
    [InlineData("gallery retire")]
    [InlineData("gallery verify")]
    [InlineData("gallery history")]
    [InlineData("gallery diff")]
    [InlineData("gallery rollback")]
    [InlineData("gallery restore")]
    [InlineData("gallery reshard")]
    [InlineData("gallery compact")]
    [InlineData("gallery compress")]
    [InlineData("gallery export")]
    [InlineData("gallery import")]
    [InlineData("model list")]
    [InlineData("model show")]
    [InlineData("model create")]
    [InlineData("model import")]
    [InlineData("model int8")]
    [InlineData("model verify")]
    [InlineData("report shift")]
    [InlineData("key create")]
    [InlineData("key list")]
    [InlineData("key revoke")]
    [InlineData("bench extract")]
    [InlineData("bench pixel-search")]
    [InlineData("bench image-search")]
    [InlineData("bench large")]
    [InlineData("bench calibrate")]
    [InlineData("plan")]
    public async Task Every_command_has_help_with_an_example_and_json(string command)
    {
        var (exit, output, _) = await Spade.RunAsync([.. command.Split(' '), "--help"]);
        Assert.Equal(0, exit);
        Assert.Contains($"Example: spade {command}", output, StringComparison.Ordinal);
        Assert.Contains("--json", output, StringComparison.Ordinal);
    }
}
