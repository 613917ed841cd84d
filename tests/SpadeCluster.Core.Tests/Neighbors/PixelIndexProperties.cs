using FsCheck;
using FsCheck.Fluent;
using SpadeCluster.Features;
using SpadeCluster.Neighbors;
using static SpadeCluster.Tests.Neighbors.Pyramids;

namespace SpadeCluster.Tests.Neighbors;

public sealed class PixelIndexProperties
{
    private static readonly LevelShape[] Small = [new(4, 4, 12), new(2, 2, 70)];
    private static readonly Config Runs = Config.QuickThrowOnFailure.WithMaxTest(40);

    /// <summary>A seed, gallery size, kappa and fusion; the gallery holds all kinds of images, so ties too.</summary>
    private static Arbitrary<(int Seed, int Count, int Kappa, Fusion Fusion)> Cases => Arb.From(
        from seed in Gen.Choose(0, 10_000)
        from count in Gen.Choose(1, 9)
        from kappa in Gen.Choose(1, 5)
        from fusion in Gen.Elements(Enum.GetValues<Fusion>())
        select (seed, count, kappa, fusion));

    private sealed record Setting(PixelIndex Index, (int Position, PackedPyramid Image)[] Gallery, FeaturePyramid Query,
        PixelSearchOptions Options)
    {
        public PixelMatches[] Search(IEnumerable<(int, PackedPyramid)> images) => Index.Search(Query, [.. images], Options);
    }

    private static Setting Make((int Seed, int Count, int Kappa, Fusion Fusion) c)
    {
        var random = new Random(c.Seed);
        Kind Any() => (Kind)random.Next(Enum.GetValues<Kind>().Length);
        var images = Enumerable.Range(0, c.Count).Select(_ => Pyramids.Random(Small, random.Next(6), Any())).ToArray();
        var index = new PixelIndex(new PixelSpace(Small), images);
        return new(index, Pack(index, images), Pyramids.Random(Small, random.Next(6), Any()),
            new(c.Fusion, c.Kappa, Threads: 1 + c.Seed % 3));
    }

    [Fact]
    public void Adding_an_image_never_raises_a_distance() => Check.One(Runs, Prop.ForAll(Cases, c =>
    {
        var s = Make(c);
        var (less, all) = (s.Search(s.Gallery[..^1]), s.Search(s.Gallery));
        return less.Zip(all).All(m => m.First.Distances.Zip(m.Second.Distances).All(d => d.Second <= d.First));
    }));

    [Fact]
    public void Shards_in_any_split_merge_to_the_same_bits() => Check.One(Runs, Prop.ForAll(Cases, c =>
    {
        var s = Make(c);
        var whole = s.Search(s.Gallery);
        var random = new Random(c.Seed + 1);
        var shards = s.Gallery.GroupBy(_ => random.Next(3)).Select(g => s.Search(g)).ToArray();
        for (int m = 0; m < whole.Length; m++)
            foreach (var shard in shards[1..]) shards[0][m].Merge(shard[m]);
        AssertSame(whole, shards[0]);
    }));

    [Fact]
    public void Kappa_lists_are_sorted_by_distance_then_place() => Check.One(Runs, Prop.ForAll(Cases, c =>
    {
        var s = Make(c);
        foreach (var m in s.Search(s.Gallery))
            for (int i = 0; i < m.Distances.Length; i++)
                if (i % m.Kappa != 0)
                    Assert.True((m.Distances[i - 1], m.Images[i - 1], m.Cells[i - 1])
                        .CompareTo((m.Distances[i], m.Images[i], m.Cells[i])) < 0
                        || m.Images[i - 1] == int.MaxValue);
    }));

    [Fact]
    public void Permuting_the_gallery_changes_nothing_but_positions() => Check.One(Runs, Prop.ForAll(Cases, c =>
    {
        var s = Make(c);
        var shuffled = s.Gallery.ToArray();
        new Random(c.Seed + 2).Shuffle(shuffled);
        // In another order of arguments: the same. At other positions: the same distances.
        AssertSame(s.Search(s.Gallery), s.Search(shuffled));
        var renumbered = s.Search(shuffled.Select((g, i) => (i, g.Image)));
        foreach (var (a, b) in s.Search(s.Gallery).Zip(renumbered)) Assert.Equal(a.Distances, b.Distances);
    }));
}
