using SpadeCluster.Galleries;

namespace SpadeCluster.Core.Tests.Galleries;

public sealed class RetentionTests
{
    private static readonly DateTimeOffset Start = DateTimeOffset.UnixEpoch;

    /// <summary>Versions 1 to 5, made on days 0, 10, 20, 30, 40.</summary>
    private static readonly GalleryVersion[] History =
        [.. Enumerable.Range(0, 5).Select(i => new GalleryVersion(i + 1, Start.AddDays(10 * i), "", "", "", "", 1, false))];

    [Theory]
    [InlineData(1, null, new[] { 1, 2, 3, 4 })]
    [InlineData(3, null, new[] { 1, 2 })]
    [InlineData(9, null, new int[0])]
    // On day 45, version 3 was current until day 30, 15 days ago.
    [InlineData(1, 16, new[] { 1, 2 })]
    [InlineData(1, 14, new[] { 1, 2, 3 })]
    [InlineData(4, 0, new[] { 1 })]
    public void Keeps_the_newest_and_those_that_were_current_lately(int versions, int? days, int[] dropped)
        => Assert.Equal(dropped, new Retention(versions, days is { } d ? TimeSpan.FromDays(d) : null)
            .VersionsToDrop(History, Start.AddDays(45)));

    [Fact]
    public void Keeps_the_newest_version_with_thresholds()
    {
        GalleryVersion[] history = [.. History.Select(v => v with { Calibrated = v.Version is 1 or 2 })];
        Assert.Equal([1, 3, 4], new Retention(1).VersionsToDrop(history, Start.AddDays(45)));
    }

    /// <summary>Otherwise nothing would decide after the compaction.</summary>
    [Fact]
    public void Keeps_the_version_that_decides_beside_newer_ones_on_trial()
    {
        GalleryVersion[] history = [.. History.Select(v => v with { Calibrated = true, Trial = v.Version > 2 })];
        Assert.Equal([1, 3, 4], new Retention(1).VersionsToDrop(history, Start.AddDays(45)));
    }

    [Fact]
    public void The_current_version_cannot_be_dropped()
    {
        Assert.Throws<SpadeException>(() => new Retention(0).VersionsToDrop(History, Start));
        Assert.Throws<SpadeException>(() => new Retention(1, TimeSpan.FromDays(-1)).VersionsToDrop(History, Start));
        Assert.Empty(new Retention(1).VersionsToDrop(History[..1], Start.AddYears(9)));
    }
}
