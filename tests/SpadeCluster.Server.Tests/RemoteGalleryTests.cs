using System.Globalization;
using System.Text.RegularExpressions;
using SpadeCluster.Cluster;
using SpadeCluster.Inference.BuiltIn;

namespace SpadeCluster.Server.Tests;

/// <summary>The gallery commands with --server against 'spade serve': they print what the same commands print locally.</summary>
public sealed partial class RemoteGalleryTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("spade-remote-").FullName;

    [Fact]
    public async Task Each_command_prints_the_same_locally_and_from_a_server()
    {
        for (int i = 0; i < 12; i++) await File.WriteAllBytesAsync(Photo("good", i), Part.Good(i));
        await File.WriteAllBytesAsync(Photo("odd", 0), Part.Defective(20));
        await File.WriteAllTextAsync(Photo("broken", 0), "no image");
        for (int i = 0; i < 5; i++) await File.WriteAllBytesAsync(Photo("large", i), Part.Large(i));
        await File.WriteAllBytesAsync(Photo("spot", 0), Part.Large(9, (300, 200)));
        string grpc = $"127.0.0.1:{LoopbackPorts.Next().ToString(CultureInfo.InvariantCulture)}";
        var (process, _) = await ServerProcess.StartAsync(
            Path.Combine(_folder, "remote"), Path.Combine(_folder, "data"),
            ["--grpc-urls", $"http://{grpc}", "--model", BuiltInModels.OrientedEnergy]);
        try
        {
            await SameAsync(0, "gallery list");
            await SameAsync(4, "gallery show discs");
            await SameAsync(0, "gallery add discs good --alpha 0.2", "--model", BuiltInModels.OrientedEnergy);
            await SameAsync(3, "gallery add discs good odd broken --reason more");
            await SameAsync(0, "gallery show discs");
            await SameAsync(4, "gallery accept discs 5.png --reason good");
            await SameAsync(0, "gallery accept discs odd/0.png --reason good");
            await SameAsync(0, "gallery calibrate discs --alpha 0.3 --threshold conformal");
            await SameAsync(0, "gallery retire discs good/1.png good/2.png --reason blurred");
            await SameAsync(0, "gallery restore discs good/1.png --reason sharp");
            await SameAsync(0, "gallery retire discs good/3.png --reason worn --no-calibrate");
            await SameAsync(0, "gallery diff discs 2 8");
            await SameAsync(0, "gallery rollback discs 2 --reason again");
            await SameAsync(0, "gallery reshard discs 2");
            await SameAsync(0, "gallery region discs 0,0,48,96 --photo good/0.png --reason belt");
            await SameAsync(0, "gallery show discs");
            await SameAsync(0, "score --category discs odd");
            await SameAsync(0, "gallery region discs none --reason whole");
            await SameAsync(0, "gallery calibrate discs --window 3");
            await SameAsync(0, "gallery delete discs --reason closed");
            await SameAsync(0, "gallery list --deleted");
            await SameAsync(0, "gallery list");
            await SameAsync(0, "gallery undelete discs --reason open");
            await SameAsync(3, "gallery undelete discs --reason again");
            await SameAsync(0, "gallery rename discs plates --reason plates");
            await SameAsync(4, "gallery show discs");
            await SameAsync(0, "gallery rename plates discs --reason discs");
            await SameAsync(0, "gallery history discs");
            await SameAsync(0, "gallery list");
            await SameAsync(0, "score --category discs good odd");
            // A new category's photographs are cut into the same tiles, and its settings say the same.
            await SameAsync(0, "gallery add panels large", "--model", BuiltInModels.OrientedEnergy);
            string shown = await SameAsync(0, "gallery show panels");
            Assert.Contains("stretch 224x224 tiles 2x1 overlap 32 and whole", shown, StringComparison.Ordinal);
            await SameAsync(0, "score --category panels spot large");
            await SameAsync(0, "gallery add turned good --copies mirror,half-turn", "--model", BuiltInModels.OrientedEnergy);
            Assert.Contains("copies mirror,half-turn", await SameAsync(0, "gallery show turned"), StringComparison.Ordinal);
            await SameAsync(0, "score --category turned odd");
            await SameAsync(3, "gallery add turned odd --copies flip");
            await SameAsync(3, "gallery add turned odd --copies sideways");
            await SameAsync(0, "gallery calibrate panels --tile-reach 1");
            Assert.Contains("\"tile_reach\":1", await SameAsync(0, "gallery show panels"), StringComparison.Ordinal);
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }

        async Task<string> SameAsync(int exit, string command, params string[] local)
        {
            string[] args = command.Split(' ');
            var here = await ServerProcess.RunAsync(_folder, [.. args, "--json", "--gallery", Path.Combine(_folder, "local"), .. local]);
            var there = await ServerProcess.RunAsync(_folder, [.. args, "--json", "--server", grpc]);
            Assert.Equal((command, exit, here.Error, Timeless(here.Output)), (command, there.Exit, there.Error, Timeless(there.Output)));
            Assert.Equal(exit, here.Exit);
            return there.Output;
        }
    }

    [Fact]
    public async Task A_key_is_sent_and_what_a_server_does_not_do_is_refused()
    {
        var fixture = new ServerFixture();
        await fixture.InitializeAsync();
        try
        {
            string[] list = ["gallery", "list", "--json", "--server", fixture.GrpcAddress];
            string[] retire = ["gallery", "retire", "discs", "good-0.png", "--reason", "blurred", "--server", fixture.GrpcAddress];
            Assert.NotEqual(0, (await ServerProcess.RunAsync(_folder, list)).Exit);
            var listed = await ServerProcess.RunAsync(_folder, [.. list, "--key", fixture.Viewer]);
            Assert.Contains("discs", listed.Output, StringComparison.Ordinal);
            Assert.Equal(listed, await ServerProcess.RunAsync(_folder, list, ("SPADE_KEY", fixture.Viewer)));
            Assert.NotEqual(0, (await ServerProcess.RunAsync(_folder, [.. retire, "--key", fixture.Viewer])).Exit);
            Assert.Equal(0, (await ServerProcess.RunAsync(_folder, [.. retire, "--key", fixture.Engineer])).Exit);
        }
        finally
        {
            await fixture.DisposeAsync();
        }
        foreach (var (exit, words, command) in new[]
        {
            (2, "leave out --server", "gallery verify discs --server here:1"),
            (3, "name the server with --server", "gallery shadow discs 1"),
            (2, "'x' is no version", "gallery shadow discs x --server here:1"),
            (2, "leave out --server", "gallery export discs x.tar --server here:1"),
            (2, "leave out --server", "gallery import x.tar --server here:1"),
            (2, "leave out --server", "gallery compress discs --server here:1"),
            (3, "leave out --gallery, or --server", "gallery list --server here:1 --gallery g"),
            (3, "leave out --defects, or --server", "gallery calibrate discs --server here:1 --defects x.png"),
            (3, "name it with --server", "gallery list --key k"),
        })
        {
            var refused = await ServerProcess.RunAsync(_folder, command.Split(' '));
            Assert.Equal((command, exit), (command, refused.Exit));
            Assert.Contains(words, refused.Error, StringComparison.Ordinal);
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string Photo(string kind, int i)
    {
        Directory.CreateDirectory(Path.Combine(_folder, kind));
        return Path.Combine(_folder, kind, $"{i}.png");
    }

    /// <summary>JSON lines without times, and without a version's author: a server without keys knows "local" only.</summary>
    private static string Timeless(string json)
        => string.Join('\n', json.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => Times().Replace(line, "")));

    [GeneratedRegex("""
        "(created_at|added_at|created_by|added_by|deleted_at|deleted_by|until)": ?"[^"]*",?|"milliseconds": ?\{[^}]*\},?
        """)]
    private static partial Regex Times();
}
