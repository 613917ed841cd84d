namespace SpadeCluster.Imaging.Tests;

/// <summary>Tests that measure this process' memory, with no other test beside them.</summary>
[CollectionDefinition("memory", DisableParallelization = true)]
public sealed class MemoryCollection;

[Collection("memory")]
public class ImagePreparerTests
{
    [Fact]
    public void What_is_prepared_does_not_keep_the_photographs_pixels()
    {
        byte[] file = [.. "P5 4000 2800 255\n"u8, .. Enumerable.Repeat((byte)100, 4000 * 2800)];
        long before = GC.GetTotalMemory(forceFullCollection: true);
        var prepared = new ImagePreparer(Preprocessing.Stretch(32, 32)).Prepare(file, "a");
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, 16 << 20); // the photograph has 33 MB
        Assert.Equal((4000, 2800, (625.0, 262.5)), (prepared.Geometry.OriginalWidth, prepared.Geometry.OriginalHeight,
            prepared.Geometry.ToOriginal(5, 3)));
    }
}
