using Npgsql;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Storage.Files;
using SpadeCluster.Storage.Tests.Support;
using SpadeCluster.Tests;

namespace SpadeCluster.Storage.Tests;

/// <summary>Copies of segment prefixes are used if they are whole; nothing fails without them.</summary>
[Collection(StoresCollection.Name)]
public sealed class PrefixTests(PostgresCluster postgres) : IDisposable
{
    private readonly Stores _stores = new(postgres);

    public static TheoryData<Medium> Media => Stores.Media();

    public void Dispose() => _stores.Dispose();

    [Theory, MemberData(nameof(Media))]
    public async Task Opening_touches_no_segment(Medium medium)
    {
        string location = _stores.NewLocation(medium);
        var store = _stores.Open(medium, location);
        var m = (await Stores.Service(store).AddAsync("c", Stores.ImageRange(0, 5)))!;
        float[][] expected = await PooledAsync(store, m);
        if (medium == Medium.Files) Directory.Delete(Path.Combine(location, "c", "images"), recursive: true);
        else await ExecuteAsync(location, "delete from spade_chunk");
        using var opened = await OpenGallery.LoadAsync(store, m);
        Assert.Equal(expected, await PooledAsync(store, m));
    }

    [Theory, MemberData(nameof(Media))]
    public async Task Every_version_opens_the_same_with_and_without_copies(Medium medium)
    {
        string location = _stores.NewLocation(medium);
        var store = _stores.Open(medium, location);
        var service = Stores.Service(store);
        GalleryManifest[] versions =
            [(await service.AddAsync("c", Stores.ImageRange(0, 5)))!, await service.RetireAsync("c", ["1.png", "3.png"], "worn"),
                (await service.AddAsync("c", Stores.Images(9)))!];
        float[][][] with = [await PooledAsync(store, versions[0]), await PooledAsync(store, versions[1]),
            await PooledAsync(store, versions[2])];
        await ForgetAsync(medium, location);
        for (int v = 0; v < versions.Length; v++) Assert.Equal(with[v], await PooledAsync(store, versions[v]));
        Assert.Empty(await service.VerifyAsync("c"));
    }

    [Theory, MemberData(nameof(Media))]
    public async Task Compaction_makes_missing_and_damaged_copies_anew(Medium medium)
    {
        string location = _stores.NewLocation(medium);
        var store = _stores.Open(medium, location);
        var service = Stores.Service(store);
        var m = (await service.AddAsync("c", Stores.ImageRange(0, 5)))!;
        float[][] expected = await PooledAsync(store, m);
        string copies = Path.Combine(location, "c", "FRONTS");
        byte[] whole = medium == Medium.Files ? File.ReadAllBytes(copies) : [];

        await ForgetAsync(medium, location);
        await service.CompactAsync("c", new Retention());
        if (medium == Medium.Files) Assert.Equal(whole, File.ReadAllBytes(copies));
        else Assert.Equal(5L, await ExecuteAsync(location, "select count(*) from spade_front"));

        if (medium == Medium.Files) File.WriteAllBytes(copies, [.. whole[..^1], (byte)(whole[^1] ^ 1)]);
        else await ExecuteAsync(location,
            $"update spade_front set data = set_byte(data, 350, 255 - get_byte(data, 350)) where id = {(long)m.Images[2].Id.Value}");
        Assert.Contains($"image {m.Images[medium == Medium.Files ? 4 : 2].Id}", Assert.Single(await service.VerifyAsync("c")));
        Assert.Equal(expected, await PooledAsync(store, m));
        await service.CompactAsync("c", new Retention());
        Assert.Empty(await service.VerifyAsync("c"));
        if (medium == Medium.Files) Assert.Equal(whole, File.ReadAllBytes(copies));
    }

    [PostgresFact]
    public async Task A_database_of_the_schema_before_copies_goes_on()
    {
        string location = _stores.NewLocation(Medium.Postgres);
        await Stores.Service(_stores.Open(Medium.Postgres, location)).AddAsync("c", Stores.ImageRange(0, 5));
        double[] before = await Stores.ScoresAsync(_stores.Open(Medium.Postgres, location), "c", 70);
        await ExecuteAsync(location, "drop table spade_front; delete from spade_migration where version = 2");
        var store = _stores.Open(Medium.Postgres, location);
        Assert.Equal(before, await Stores.ScoresAsync(store, "c", 70));
        await Stores.Service(store).AddAsync("c", Stores.Images(9));
        Assert.Equal(6L, await ExecuteAsync(location, "select count(*) from spade_front"));
        Assert.Empty(await Stores.Service(store).VerifyAsync("c"));
    }

    [Fact]
    public async Task A_later_formats_copies_are_not_read()
    {
        var store = new FileGalleryStore(_stores.NewLocation(Medium.Files));
        var service = Stores.Service(store);
        var m = (await service.AddAsync("c", Stores.ImageRange(0, 3)))!;
        float[][] expected = await PooledAsync(store, m);
        string copies = Path.Combine(store.Root, "c", "FRONTS");
        var later = File.ReadAllBytes(copies);
        later[8]++;
        File.WriteAllBytes(copies, later);
        Assert.Equal(expected, await PooledAsync(store, m));
        // The next version's writer replaces it.
        await service.AddAsync("c", Stores.Images(8));
        Assert.Equal(1, File.ReadAllBytes(copies)[8]);
        Assert.Empty(await service.VerifyAsync("c"));
    }

    [Fact]
    public async Task A_copy_that_a_failed_attempt_left_does_not_outlive_its_segment()
    {
        var store = new FileGalleryStore(_stores.NewLocation(Medium.Files));
        var service = Stores.Service(store);
        await service.AddAsync("c", Stores.Images(1));
        FaultPoint.Reached = step =>
        {
            if (step.StartsWith("created /", StringComparison.Ordinal) && step.EndsWith(".json", StringComparison.Ordinal))
                throw new IOException("no space left", 28);
        };
        try
        {
            await Assert.ThrowsAsync<SpadeException>(async () => await service.AddAsync("c", Stores.Images(2)));
        }
        finally
        {
            FaultPoint.Reached = null;
        }
        // Its segment is lost, and another host, whose network rounds differently, adds the image again.
        var id = ImageId.Of("image 2"u8);
        File.Delete(Directory.EnumerateFiles(store.Root, $"{id}.spade", SearchOption.AllDirectories).Single());
        var m = (await store.ReadCurrentAsync("c"))!;
        var other = (await store.ReadFeaturesAsync("c", m.Images[0].Id, m.Model),
            await store.ReadPyramidAsync("c", m.Images[0].Id, m.Model));
        using (await store.LockAsync("c")) await store.WriteImageAsync("c", id, m.Model.Digest, other.Item1, other.Item2);
        var next = (await service.AddAsync("c", Stores.Images(2)))!;
        Assert.All(await PooledAsync(store, next), pooled => Assert.Equal(other.Item1.Pooled, pooled));
        Assert.Empty(await service.VerifyAsync("c"));
    }

    private static async Task<float[][]> PooledAsync(IGalleryStore store, GalleryManifest m) =>
        await store.ReadPooledAsync("c", [.. m.Images.Select(i => i.Id)], m.Model);

    private static async Task ForgetAsync(Medium medium, string location)
    {
        if (medium == Medium.Files) File.Delete(Path.Combine(location, "c", "FRONTS"));
        else await ExecuteAsync(location, "delete from spade_front");
    }

    private static async Task<object?> ExecuteAsync(string location, string text)
    {
        await using var database = NpgsqlDataSource.Create(location);
        await using var command = database.CreateCommand(text);
        return await command.ExecuteScalarAsync();
    }
}
