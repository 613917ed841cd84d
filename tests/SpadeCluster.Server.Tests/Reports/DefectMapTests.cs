using SpadeCluster.Features;
using SpadeCluster.Imaging;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Reports;

namespace SpadeCluster.Server.Tests.Reports;

public class DefectMapTests
{
    [Fact]
    public void It_counts_the_decisions_above_their_thresholds_at_each_place()
    {
        var map = DefectMap.Sum([(new KeptMap(3, 2, [0, 5, 9, 1, 1, 1]), 4), (new KeptMap(3, 2, [0, 7, 0, 0, 0, 0]), 6),
            // Below its threshold everywhere: its highest pixel counts.
            (new KeptMap(3, 2, [0, 1, 1, 1, 1, 2]), 3)], 7)!;
        Assert.Equal((3, 7, 3, 2, 2), (map.Decisions, map.Of, map.Width, map.Height, map.Most));
        Assert.Equal([0, 2, 1, 0, 0, 1], map.Counts);
        Assert.Null(DefectMap.Sum([], 7));
    }

    [Fact]
    public void Maps_of_other_sizes_are_summed_by_their_share_of_the_photograph()
    {
        // One pixel in the left upper corner, and one in the right lower one, of maps of 256 x 128 and 128 x 128 pixels.
        var (wide, square) = (new float[256 * 128], new float[128 * 128]);
        wide[0] = square[^1] = square[0] = 1;
        var map = DefectMap.Sum([(new KeptMap(256, 128, wide), 0.5), (new KeptMap(128, 128, square), 0.5)], 2)!;
        Assert.Equal((64, 32), (map.Width, map.Height));
        Assert.Equal((2, 1, 3), (map.Counts[0], map.Counts[^1], map.Counts.Sum()));
    }

    [Fact]
    public void Its_picture_is_the_normal_where_nothing_was_found_and_bright_where_most_was()
    {
        var normal = new RgbImage(64, 64);
        Array.Fill<byte>(normal.Pixels, 60);
        var values = new float[64 * 64];
        for (int y = 40; y < 56; y++) values.AsSpan(y * 64 + 40, 16).Fill(1);
        var picture = ImageReader.Default.Decode(DefectMap.Sum([(new KeptMap(64, 64, values), 0.5)], 1)!.Draw(normal), "picture");
        Assert.Equal((448, 448), (picture.Width, picture.Height));
        Assert.InRange(picture.Pixels[3 * (100 * 448 + 100)], 57, 63);
        Assert.True(picture.Pixels[3 * (48 * 7 * 448 + 48 * 7)] > 200);
    }
}
