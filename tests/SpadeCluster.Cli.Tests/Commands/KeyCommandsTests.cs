using System.Text.Json;

namespace SpadeCluster.Cli.Tests.Commands;

public sealed class KeyCommandsTests : WorkFolder
{
    [Theory]
    [InlineData("key", "create", "--name", "a", "--role", "viewer"), InlineData("key", "list"), InlineData("key", "revoke", "0123456789ab"),
        InlineData("audit", "export"), InlineData("audit", "verify")]
    public async Task Where_no_server_keeps_its_data_nothing_is_made(params string[] command)
    {
        var (exit, _, error) = await Spade.InAsync(Root, command);
        Assert.Equal(4, exit);
        Assert.Contains(At("server-data"), Assert.Single(error.Trim().Split('\n')), StringComparison.Ordinal);
        Assert.False(Directory.Exists(At("server-data")));
    }

    [Fact]
    public async Task Keys_before_a_first_start_and_a_log_whose_changes_show()
    {
        var (exit, output, error) = await Spade.InAsync(Root, "key", "create", "--name", "ann", "--role", "engineer", "--new", "--json");
        Assert.True(exit == 0, error);
        string id = JsonDocument.Parse(output).RootElement.GetProperty("id").GetString()!;
        Assert.Equal(0, (await Spade.InAsync(Root, "key", "revoke", id)).Exit);
        var export = await Spade.InAsync(Root, "audit", "export");
        Assert.Equal(2, export.Out.Trim().Split('\n').Length);
        File.WriteAllText(At("good.jsonl"), export.Out);
        File.WriteAllText(At("changed.jsonl"), export.Out.Replace("key revoke", "key create", StringComparison.Ordinal));
        File.WriteAllText(At("cut.jsonl"), export.Out.Split('\n')[0]);
        var verified = await Spade.InAsync(Root, "audit", "verify", "good.jsonl");
        Assert.Equal(0, verified.Exit);
        string head = verified.Out.Trim().Split(' ')[^1];
        Assert.Equal(0, (await Spade.InAsync(Root, "audit", "verify", "--head", head)).Exit);
        Assert.Equal(3, (await Spade.InAsync(Root, "audit", "verify", "changed.jsonl")).Exit);
        Assert.Equal(0, (await Spade.InAsync(Root, "audit", "verify", "cut.jsonl")).Exit);
        Assert.Equal(3, (await Spade.InAsync(Root, "audit", "verify", "cut.jsonl", "--head", head)).Exit);
        Assert.Equal(3, (await Spade.InAsync(Root, "audit", "verify", "missing.jsonl")).Exit);
    }
}
