namespace SpadeCluster.Imaging.Tests;

public class PngFilterTests
{
    public static TheoryData<int, int> Filters
    {
        get
        {
            var data = new TheoryData<int, int>();
            for (int filter = 0; filter <= 4; filter++)
                foreach (int pixelBytes in (int[])[1, 2, 3, 4, 6, 8]) data.Add(filter, pixelBytes);
            return data;
        }
    }

    /// <summary>Against the specification's formulas, byte by byte.</summary>
    [Theory]
    [MemberData(nameof(Filters))]
    public void Rows_equal_those_of_the_specification(int filter, int pixelBytes)
    {
        var random = new Random((filter * 10) + pixelBytes);
        foreach (int pixels in (int[])[1, 2, 3, 5, 8, 31, 64, 100])
        {
            int bytes = pixels * pixelBytes;
            byte[] stored = Row(), above = Row(), row = Row(), expected = new byte[bytes];
            for (int i = 0; i < bytes; i++)
            {
                int left = i < pixelBytes ? 0 : expected[i - pixelBytes], aboveLeft = i < pixelBytes ? 0 : above[i - pixelBytes];
                expected[i] = (byte)(stored[i] + filter switch
                {
                    0 => 0,
                    1 => left,
                    2 => above[i],
                    3 => (left + above[i]) / 2,
                    _ => Paeth(left, above[i], aboveLeft),
                });
            }
            Assert.True(PngFilter.Undo(filter, stored, above, row, pixelBytes));
            Assert.Equal(expected, row[..bytes]);

            // Many equal bytes: Paeth's choice has ties.
            byte[] Row() => [.. Enumerable.Range(0, bytes + PngFilter.Margin)
                .Select(_ => (byte)random.Next(random.Next(2) == 0 ? 3 : 256))];
        }
    }

    [Theory]
    [InlineData(5)]
    [InlineData(255)]
    public void Other_filters_do_not_exist(int filter) => Assert.False(PngFilter.Undo(filter, new byte[16], new byte[16], new byte[16], 3));

    private static int Paeth(int left, int above, int aboveLeft)
    {
        int p = left + above - aboveLeft, toLeft = Math.Abs(p - left), toAbove = Math.Abs(p - above), toAboveLeft = Math.Abs(p - aboveLeft);
        return toLeft <= toAbove && toLeft <= toAboveLeft ? left : toAbove <= toAboveLeft ? above : aboveLeft;
    }
}
