using System.Text;
using SpadeCluster.Features;
using SpadeCluster.Imaging;

namespace SpadeCluster.Cli.Tests.Commands;

/// <summary>Bad input gets one clear sentence, the right exit code, and leaves the gallery as it was.</summary>
public class BadInputTests : WorkFolder
{
    [Theory]
    [InlineData("nonsense")]
    [InlineData("score", "x.png")]
    [InlineData("gallery", "add", "c", "x.png", "--threads", "-1")]
    [InlineData("evaluate", "x", "--fusion", "sideways")]
    [InlineData("evaluate", "x", "--alpha", "2")]
    [InlineData("evaluate", "x", "--recipe", "padim")]
    [InlineData("evaluate", "x", "--recipe", "spade,spade")]
    [InlineData("evaluate", "x", "--recipe", "patchcore", "--coreset", "0")]
    [InlineData("model", "import", "vgg", "--weights", "w", "--out", "o")]
    public async Task Usage_errors_exit_with_2(params string[] args)
    {
        var (exit, _, error) = await Spade.RunAsync(args);
        Assert.Equal(2, exit);
        Assert.Contains("--help", error, StringComparison.Ordinal);
    }

    /// <summary>The model is opened while the server starts, so the server must be stopped in order.</summary>
    [Fact]
    public async Task A_server_with_an_unusable_model_ends_with_one_sentence()
    {
        var (exit, output, error) = await Spade.InAsync(Root, "serve", "--gallery", At("galleries"), "--data", At("data"), "--urls",
            "http://127.0.0.1:0", "--model", At("nothing"));
        Assert.Equal((4, ""), (exit, output));
        Assert.StartsWith("spade: there is no model folder", Assert.Single(error.TrimEnd().Split('\n')), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(4, "no category 'nothing'", "score", "--category", "nothing", "x.png")]
    [InlineData(4, "no category 'nothing'", "gallery", "show", "nothing")]
    [InlineData(4, "no folder", "evaluate", "/nowhere/at/all")]
    [InlineData(4, "no model folder", "model", "show", "/nowhere/at/all")]
    [InlineData(3, "not a category name", "gallery", "show", "../etc")]
    [InlineData(3, "not a category name", "gallery", "show", "a/b")]
    [InlineData(3, "not a category name", "gallery", "show", ".")]
    [InlineData(3, "leave out --gallery, --device, or --server", "score", "--category", "c", "--server", "127.0.0.1:1", "--device", "cpu",
        "--gallery", "g", "x.png")]
    [InlineData(3, "leave out --out, or --server", "score", "--category", "c", "--server", "127.0.0.1:1", "--out", "o", "x.png")]
    public async Task Missing_and_forbidden_names_and_combinations(int code, string sentence, params string[] args)
    {
        var (exit, _, error) = await Spade.InAsync(Root, args);
        Assert.Equal(code, exit);
        Assert.Contains(sentence, error, StringComparison.Ordinal);
        Assert.Single(error.Trim().Split('\n'));
    }

    [Fact]
    public async Task Bad_files_of_a_batch_are_named_and_the_rest_is_added()
    {
        string plates = Plates(3);
        byte[] png = File.ReadAllBytes(Path.Combine(plates, "00.png"));
        File.WriteAllText(At("plates", "text.png"), "this is no picture");
        File.WriteAllBytes(At("plates", "cut.png"), png[..(png.Length / 2)]);
        byte[] flipped = [.. png];
        flipped[png.Length / 3] ^= 0x40;
        File.WriteAllBytes(At("plates", "flipped.png"), flipped);
        File.WriteAllBytes(At("plates", "empty.png"), []);
        File.WriteAllBytes(At("plates", "huge.png"), HugePng());
        PngEncoder.WriteFile(At("plates", "dot.png"), new RgbImage(1, 1));

        var (exit, output, error) = await Spade.RunAsync("gallery", "add", "plates", plates, "--gallery", At("galleries"));
        Assert.Equal(3, exit);
        Assert.Contains("3 added, 0 already there, 6 failed", output, StringComparison.Ordinal);
        foreach (string name in new[] { "text.png", "cut.png", "flipped.png", "empty.png", "huge.png", "dot.png" })
            Assert.Contains(name, error, StringComparison.Ordinal);

        var (again, _, _) = await Spade.RunAsync("score", "--category", "plates", "--gallery", At("galleries"), At("plates", "text.png"),
            At("plates", "01.png"));
        Assert.Equal(3, again);
        // A broken link counts as one bad file of the batch.
        File.CreateSymbolicLink(At("plates", "00-link.png"), At("nowhere.png"));
        var (linked, scored, _) =
            await Spade.RunAsync("score", "--category", "plates", "--gallery", At("galleries"), At("plates", "00-link.png"),
                At("plates", "01.png"), "--json");
        Assert.Equal((3, 2), (linked, scored.Trim().Split('\n').Length));
        File.Delete(At("plates", "00-link.png"));
        var (fine, lines, _) = await Spade.RunAsync("score", "--category", "plates", "--gallery", At("galleries"), At("plates", "01.png"),
            "--json");
        Assert.Equal(0, fine);
        Assert.Contains("\"pred_label\":false", lines, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_empty_folder_a_missing_file_and_an_unreadable_one()
    {
        Directory.CreateDirectory(At("empty"));
        var (exit, _, error) = await Spade.RunAsync("gallery", "add", "c", At("empty"), "--gallery", At("galleries"));
        Assert.Equal(4, exit);
        Assert.Contains("contains no image files", error, StringComparison.Ordinal);

        (exit, _, error) = await Spade.RunAsync("gallery", "add", "c", At("none.png"), "--gallery", At("galleries"));
        Assert.Equal(3, exit);
        Assert.Contains("no such file", error, StringComparison.Ordinal);

        // A folder instead of a file cannot be read by root either; permissions do not restrict root.
        Directory.CreateDirectory(At("folder", "inner.png"));
        (exit, _, error) = await Spade.RunAsync("score", "--category", "c", "--gallery", At("galleries"), At("folder", "inner.png"));
        Assert.Equal(4, exit);
        Assert.False(Directory.Exists(At("galleries", "c", "versions")), error);
    }

    [Fact]
    public async Task More_neighbours_than_images()
    {
        string plates = Plates(3);
        var (exit, _, error) = await Spade.RunAsync("gallery", "add", "plates", plates, "--gallery", At("galleries"), "--gallery-k", "9");
        Assert.Equal(3, exit);
        Assert.Contains("the gallery holds 3 images: choose 1 to 3", error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(At("galleries", "plates")));
    }

    [Fact]
    public async Task A_model_whose_digest_differs_is_refused_and_the_gallery_unchanged()
    {
        string plates = Plates(2), galleries = At("galleries");
        Assert.Equal(0, (await Spade.RunAsync("gallery", "add", "plates", plates, "--gallery", galleries)).Exit);
        string before = File.ReadAllText(At("galleries", "plates", "CURRENT"));

        Assert.Equal(0, (await Spade.RunAsync("model", "create", "--out", At("model"))).Exit);
        string manifest = File.ReadAllText(At("model", "model.json"));
        Assert.Contains("\"mean\"", manifest, StringComparison.Ordinal);
        // Another input scale is another model, though the network is the same.
        File.WriteAllText(At("model", "model.json"),
            System.Text.RegularExpressions.Regex.Replace(manifest, "(\"scale\": \\[\\s*)[0-9.]+", "${1}17"));
        var (exit, _, error) = await Spade.RunAsync("gallery", "add", "plates", Plates(2, "more", 50), "--gallery", galleries, "--model",
            At("model"));
        Assert.Equal(3, exit);
        Assert.Contains("built with model", error, StringComparison.Ordinal);

        byte[] network = File.ReadAllBytes(At("model", "model.onnx"));
        network[network.Length / 2] ^= 1;
        File.WriteAllBytes(At("model", "model.onnx"), network);
        (exit, _, error) = await Spade.RunAsync("model", "verify", At("model"));
        Assert.Equal(3, exit);
        Assert.Contains("SHA-256", error, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllText(At("galleries", "plates", "CURRENT")));
    }

    [Fact]
    public async Task Weights_with_lying_offsets_and_missing_tensors()
    {
        File.WriteAllBytes(At("lying.safetensors"),
            Safetensors("""{"conv1.weight":{"dtype":"F32","shape":[64,3,7,7],"data_offsets":[0,999999999]}}""", 16));
        var (exit, _, error) = await Spade.RunAsync("model", "import", "resnet18", "--weights", At("lying.safetensors"), "--out", At("m"));
        Assert.Equal(3, exit);
        Assert.Contains("lying.safetensors", error, StringComparison.Ordinal);

        File.WriteAllBytes(At("lacking.safetensors"), Safetensors("{}", 0));
        (exit, _, error) = await Spade.RunAsync("model", "import", "resnet18", "--weights", At("lacking.safetensors"), "--out", At("m"));
        Assert.Equal(3, exit);
        Assert.Contains("conv1.weight", error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(At("m")));
    }

    [SmallDiskFact]
    public async Task A_disk_too_small_for_an_addition_is_noticed_before_it_and_nothing_changes()
    {
        Plates(2);
        Plates(3, "more", 70);
        // Room for three images of 0.4 MB, not for five.
        var (exit, output, error) = await SmallDisk.RunAsync(Root, "1500k", """
            $spade gallery add plates plates --gallery disk >&2 || exit 99
            before=$(cat disk/plates/CURRENT)
            $spade gallery add plates more --gallery disk; echo "exit $?"
            test "$before" = "$(cat disk/plates/CURRENT)" && echo unchanged
            find disk -name '*.tmp'
            $spade gallery verify plates --gallery disk
            """);
        Assert.True(exit == 0, error);
        Assert.Contains("are free where category 'plates' is stored; nothing was added", error, StringComparison.Ordinal);
        Assert.StartsWith("exit 3\nunchanged\nplates version 2: 2 images, all intact", output, StringComparison.Ordinal);
    }

    /// <summary>A file whose header states 60,000 x 60,000 pixels.</summary>
    private static byte[] HugePng()
    {
        byte[] chunk = [.. "IHDR"u8, 0, 0, 0xEA, 0x60, 0, 0, 0xEA, 0x60, 8, 2, 0, 0, 0];
        uint crc = uint.MaxValue;
        foreach (byte b in chunk)
        {
            crc ^= b;
            for (int i = 0; i < 8; i++) crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xEDB88320u : crc >> 1;
        }
        crc = ~crc;
        return [0x89, .. "PNG\r\n\u001a\n"u8, 0, 0, 0, 13, .. chunk, (byte)(crc >> 24), (byte)(crc >> 16), (byte)(crc >> 8), (byte)crc];
    }

    private static byte[] Safetensors(string header, int body) =>
        [.. BitConverter.GetBytes((long)header.Length), .. Encoding.ASCII.GetBytes(header), .. new byte[body]];
}
