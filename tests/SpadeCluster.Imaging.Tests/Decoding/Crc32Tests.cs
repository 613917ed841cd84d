namespace SpadeCluster.Imaging.Tests;

public class Crc32Tests
{
    [Fact]
    public void Of_the_standard_check_value() => Assert.Equal(0xCBF43926u, Crc32.Of("123456789"u8));

    [Fact]
    public void Any_division_into_parts_gives_the_same()
    {
        var data = new byte[100];
        new Random(2).NextBytes(data);
        uint byByte = ~0u;
        foreach (byte b in data)
            byByte = Crc32.Append(byByte, [b]);
        for (int cut = 0; cut <= data.Length; cut++)
            Assert.Equal(byByte, Crc32.Append(Crc32.Append(~0u, data.AsSpan(0, cut)), data.AsSpan(cut)));
    }
}
