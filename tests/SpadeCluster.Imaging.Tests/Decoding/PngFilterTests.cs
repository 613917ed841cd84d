namespace SpadeCluster.Imaging.Tests;

public class PngFilterTests
{
    [Fact]
    public void Vector_and_scalar_Paeth_agree()
    {
        var random = new Random(11);
        foreach (int step in (int[])[3, 4])
            for (int pixels = 1; pixels < 60; pixels++)
            {
                byte[] row = new byte[step * pixels], above = new byte[row.Length];
                random.NextBytes(row);
                random.NextBytes(above);
                byte[] expected = [.. row], actual = [.. row];
                PngFilter.RestorePaeth(expected, above, step, 0);
                int done = PngFilter.RestorePaethVector(actual, above, step);
                Assert.True(done >= row.Length - step, "the vector loop leaves at most one pixel");
                PngFilter.RestorePaeth(actual, above, step, done);
                Assert.Equal(expected, actual);
            }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(6)]
    [InlineData(8)]
    public void Restores_what_was_filtered(int step)
    {
        var random = new Random(step);
        for (int length = step; length < 70; length += step)
            for (byte filter = 0; filter <= 4; filter++)
            {
                byte[] row = new byte[length], above = new byte[length], filtered = new byte[length];
                random.NextBytes(row);
                random.NextBytes(above);
                for (int i = 0; i < length; i++)
                {
                    int left = i < step ? 0 : row[i - step], corner = i < step ? 0 : above[i - step];
                    int predicted = filter switch { 0 => 0, 1 => left, 2 => above[i], 3 => (left + above[i]) / 2, _ => PngFilter.Predict(left, above[i], corner) };
                    filtered[i] = (byte)(row[i] - predicted);
                }
                PngFilter.Restore(filter, filtered, above, step);
                Assert.Equal(row, filtered);
            }
    }
}
