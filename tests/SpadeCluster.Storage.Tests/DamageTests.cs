using Npgsql;
using SpadeCluster.Galleries;
using SpadeCluster.Storage.Files;
using SpadeCluster.Storage.Format;
using SpadeCluster.Storage.Tests.Support;
using SpadeCluster.Tests;
using Xunit.Abstractions;

namespace SpadeCluster.Storage.Tests;

/// <summary>Seeded bit flips and truncations: verify names the damaged piece, and nothing damaged is ever read as a value.</summary>
[Collection(StoresCollection.Name)]
public sealed class DamageTests(PostgresCluster postgres, ITestOutputHelper output) : IDisposable
{
    private readonly Stores _stores = new(postgres);

    public void Dispose() => _stores.Dispose();

    [Theory, InlineData(false), InlineData(true)]
    public async Task Every_one_of_2000_flips_and_truncations_of_files_is_found_and_named(bool compressed)
    {
        var store = new FileGalleryStore(_stores.NewLocation(Medium.Files));
        var service = await BuildAsync(store);
        if (compressed) await store.SetCompressionAsync("c", compressed: true);
        string[] files = [.. Directory.EnumerateFiles(store.Root, "*", SearchOption.AllDirectories)
            .Where(f => Path.GetFileName(f) != "LOCK")
            .Order()];
        Assert.Equal(3 + 1 + 4 + 1, files.Length); // manifests, pointer, segments, copies of prefixes
        double[] scores = await Stores.ScoresAsync(store, "c", 7);
        var random = new Random(3);
        var kinds = new Dictionary<string, int>();
        for (int i = 0; i < 2000; i++)
        {
            string file = files[i % files.Length];
            var whole = File.ReadAllBytes(file);
            bool flip = i / files.Length % 4 > 0;
            File.WriteAllBytes(file, flip ? Flipped(whole, random) : whole[..random.Next(whole.Length)]);
            string kind = $"{(flip ? "flips" : "truncations")} of "
                + $"{Path.GetExtension(file) switch { ".json" => "manifests", ".spade" => "segments", _ => Path.GetFileName(file) }}";
            kinds[kind] = kinds.GetValueOrDefault(kind) + 1;

            var problems = await service.VerifyAsync("c");
            Assert.True(problems.Any(p => p.Contains(file)),
                $"damage {i} to {file} was not named by verify: {string.Join("; ", problems)}");
            if (Path.GetFileName(file) == "FRONTS") await AssertReadElsewhereAsync(file, scores);
            else await AssertLoadFailsAsync(store, file, $"damage {i} to {file}");
            File.WriteAllBytes(file, whole);
        }
        Assert.Empty(await service.VerifyAsync("c"));
        output.WriteLine(string.Join(", ", kinds.Select(k => $"{k.Value} {k.Key}")) + ": every one found and named");
    }

    [PostgresFact]
    public Task Every_flip_and_truncation_of_rows_is_found_and_named() => DamageRowsAsync(30);

    [PostgresFact, Trait("Category", "Long")]
    public Task Every_one_of_2000_flips_and_truncations_of_rows_is_found_and_named() => DamageRowsAsync(2000);

    private async Task DamageRowsAsync(int times)
    {
        string location = _stores.NewLocation(Medium.Postgres);
        var store = _stores.Open(Medium.Postgres, location);
        var service = await BuildAsync(store);
        await using var database = NpgsqlDataSource.Create(location);
        var ids = (await store.ReadCurrentAsync("c"))!.Images.Select(i => i.Id).ToArray();
        double[] scores = await Stores.ScoresAsync(store, "c", 7);
        var random = new Random(4);
        for (int i = 0; i < times; i++)
        {
            bool manifest = i % 3 == 0, copy = i % 5 == 1 && !manifest, flip = i % 4 > 0;
            var id = ids[random.Next(ids.Length)];
            int version = random.Next(1, 4);
            string where = manifest ? $"spade_version where category = 'c' and version = {version}"
                : $"{(copy ? "spade_front where" : "spade_chunk where n = 0 and")} category = 'c' and id = {(long)id.Value}";
            string column = manifest ? "manifest" : "data", table = where.Split(' ')[0], rows = where[table.Length..];
            byte[] whole = (byte[])(await ScalarAsync($"select {column} from {where}"))!;
            await SetAsync(flip ? Flipped(whole, random) : whole[..random.Next(whole.Length)]);
            string name = manifest ? $"version {version} of category 'c'" : copy ? $"damaged (image {id})" : $"image {id} of category 'c'";
            var problems = await service.VerifyAsync("c");
            Assert.True(problems.Any(p => p.Contains(name)), $"damage {i} to {name} was not named: {string.Join("; ", problems)}");
            if (copy) Assert.Equal(scores, await Stores.ScoresAsync(store, "c", 7));
            else if (!manifest || version == 3) await AssertLoadFailsAsync(store, name, $"damage {i} to {name}");
            await SetAsync(whole);

            async Task SetAsync(byte[] bytes)
            {
                await using var command = database.CreateCommand($"update {table} set {column} = $1 {rows}");
                command.Parameters.Add(new NpgsqlParameter { Value = bytes });
                Assert.Equal(1, await command.ExecuteNonQueryAsync());
            }
        }
        Assert.Empty(await service.VerifyAsync("c"));

        async Task<object?> ScalarAsync(string text)
        {
            await using var command = database.CreateCommand(text);
            return await command.ExecuteScalarAsync();
        }
    }

    /// <summary>A large version takes a tenth of a second to check and parse. Several parts of a server read it at the same time.</summary>
    [Fact]
    public async Task A_version_is_parsed_once_and_again_when_its_file_is_another()
    {
        var store = new FileGalleryStore(_stores.NewLocation(Medium.Files));
        var service = await BuildAsync(store);
        var read = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => store.ReadVersionAsync("c", 3).AsTask())));
        Assert.Single(read.Append((await store.ReadCurrentAsync("c"))!).Distinct(ReferenceEqualityComparer.Instance));

        // Damage that leaves the file's time is found by reading its bytes.
        string file = Path.Combine(store.Root, "c", "versions", "000003.json");
        byte[] whole = File.ReadAllBytes(file);
        var time = File.GetLastWriteTimeUtc(file);
        File.WriteAllBytes(file, Flipped(whole, new Random(5)));
        File.SetLastWriteTimeUtc(file, time);
        Assert.Same(read[0], await store.ReadVersionAsync("c", 3));
        Assert.Contains(file, Assert.Single(await service.VerifyAsync("c")));
        await Assert.ThrowsAsync<SpadeException>(async () => await store.CheckVersionAsync("c", 3));
        await Assert.ThrowsAsync<SpadeException>(async () => await store.CompactAsync("c", [1]));

        // Another time is another file. A failure is not remembered.
        File.SetLastWriteTimeUtc(file, time.AddSeconds(1));
        await Assert.ThrowsAsync<SpadeException>(async () => await store.ReadVersionAsync("c", 3));
        File.WriteAllBytes(file, whole);
        File.SetLastWriteTimeUtc(file, time.AddSeconds(1));
        var again = await store.ReadVersionAsync("c", 3);
        Assert.NotSame(read[0], again);
        Assert.Equal(read[0].Images, again.Images);
        File.Delete(file);
        Assert.Equal(SpadeError.NotFound,
            (await Assert.ThrowsAsync<SpadeException>(async () => await store.ReadVersionAsync("c", 3))).Error);
    }

    /// <summary>A file that someone made: its checksums are right.</summary>
    [Fact]
    public async Task A_level_that_cannot_be_decompressed_is_damage()
    {
        var store = new FileGalleryStore(_stores.NewLocation(Medium.Files));
        var service = await BuildAsync(store);
        await store.SetCompressionAsync("c", compressed: true);
        var (id, model) = ((await store.ReadCurrentAsync("c"))!.Images[0].Id, SyntheticEngine.Tiny);
        byte[] segment = await store.ReadSegmentAsync("c", id, model, default);
        var header = SegmentHeader.Parse(segment, segment.Length, id, model, "");
        int last = header.Parts - 1;
        segment.AsSpan((int)header.Offset(last) + 4, 6).Clear();
        SegmentHeader.Write(segment, SegmentHeader.Compressed, id, model.Digest,
            [.. Enumerable.Range(0, header.Parts).Select(header.Length)]);
        await store.WriteSegmentAsync("c", id, segment, default);
        Assert.Contains("its level 2 cannot be decompressed", Assert.Single(await service.VerifyAsync("c")));
        Assert.Equal(SpadeError.DataLoss,
            (await Assert.ThrowsAsync<SpadeException>(async () => await store.SetCompressionAsync("c", compressed: false))).Error);
    }

    [Fact]
    public async Task A_segment_in_anothers_place_and_a_missing_one_are_found()
    {
        var store = new FileGalleryStore(_stores.NewLocation(Medium.Files));
        var service = await BuildAsync(store);
        string[] segments = [.. Directory.EnumerateFiles(store.Root, "*.spade", SearchOption.AllDirectories).Order()];
        File.Copy(segments[0], segments[1], overwrite: true);
        Assert.Contains("it holds image", Assert.Single(await service.VerifyAsync("c")));
        File.Delete(segments[1]);
        Assert.Contains("missing", Assert.Single(await service.VerifyAsync("c")));
        File.Delete(Path.Combine(store.Root, "c", "versions", "000003.json"));
        Assert.Contains("000003.json', the current version, is missing", (await service.VerifyAsync("c"))[0]);
    }

    [Theory]
    [InlineData("CURRENT")]
    [InlineData("versions/000003.json")]
    public async Task A_gallery_whose_current_version_is_damaged_is_rolled_back(string damaged)
    {
        var store = new FileGalleryStore(_stores.NewLocation(Medium.Files));
        var service = await BuildAsync(store);
        File.WriteAllText(Path.Combine(store.Root, "c", damaged), "rubbish");
        Assert.Equal(SpadeError.DataLoss,
            (await Assert.ThrowsAsync<SpadeException>(async () => await service.AddAsync("c", Stores.Images(9)))).Error);
        Assert.Equal(3, (await service.HistoryAsync("c")).Count);
        var back = await service.RollBackAsync("c", 2, "damaged");
        Assert.Equal(4, back.Version);
        Assert.Equal(back.Images, (await service.GetAsync("c")).Images);
        // The next compaction deletes the damaged one.
        await service.CompactAsync("c", new Retention(1));
        Assert.Empty(await service.VerifyAsync("c"));
    }

    private static async Task<GalleryService> BuildAsync(GalleryStore store)
    {
        var service = Stores.Service(store);
        await service.AddAsync("c", Stores.Images(1, 2));
        await service.AddAsync("c", Stores.Images(3, 4));
        await service.CalibrateAsync("c", new Scoring.ScoringOptions());
        return service;
    }

    /// <summary>A damaged copy is reported, and the segments are read instead.</summary>
    private static async Task AssertReadElsewhereAsync(string file, double[] scores)
    {
        var warnings = new List<string>();
        var store = new FileGalleryStore(Path.GetDirectoryName(Path.GetDirectoryName(file))!) { Warning = warnings.Add };
        Assert.Equal(scores, await Stores.ScoresAsync(store, "c", 7));
        Assert.Contains(file, Assert.Single(warnings));
    }

    /// <summary>Reads everything of the current version and the history, as scoring and operators would.</summary>
    private static async Task AssertLoadFailsAsync(GalleryStore store, string name, string what)
    {
        var service = Stores.Service(store);
        bool older = name.EndsWith(".json", StringComparison.Ordinal) && !name.EndsWith("3.json", StringComparison.Ordinal);
        SpadeException? error = null;
        try
        {
            if (older) await store.ReadVersionAsync("c", int.Parse(Path.GetFileNameWithoutExtension(name)));
            using var gallery = await OpenGallery.LoadAsync(store, (await store.ReadCurrentAsync("c"))!);
            foreach (var image in gallery.Manifest.Images)
            {
                await store.ReadThumbnailAsync("c", image.Id, gallery.Manifest.Model);
                await store.ReadFeaturesAsync("c", image.Id, gallery.Manifest.Model);
            }
            await Stores.ScoresAsync(store, "c", 7);
        }
        catch (SpadeException e)
        {
            error = e;
        }
        Assert.True(error is { Error: SpadeError.DataLoss or SpadeError.FailedPrecondition } && error.Message.Contains(name),
            $"{what} was not named on load: {error?.Message ?? "no error"}");
    }

    private static byte[] Flipped(byte[] whole, Random random)
    {
        var damaged = (byte[])whole.Clone();
        damaged[random.Next(damaged.Length)] ^= (byte)(1 << random.Next(8));
        return damaged;
    }
}
