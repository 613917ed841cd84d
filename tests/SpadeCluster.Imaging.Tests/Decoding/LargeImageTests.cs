using System.Runtime.CompilerServices;

namespace SpadeCluster.Imaging.Tests;

[Collection("memory")]
public class LargeImageTests
{
    [Fact]
    public void The_image_after_a_large_one_sees_to_it_that_the_large_one_is_collected()
    {
        bool collected = false;
        for (int attempt = 0; attempt < 3 && !collected; attempt++)
        {
            var large = DecodeLarge();
            ImageReader.Default.Decode("P5 1 1 255 \u0001"u8, "small");
            collected = SpinWait.SpinUntil(() => !large.IsAlive, TimeSpan.FromSeconds(5));
        }
        Assert.True(collected);
    }

    // Not inlined, so that the caller's frame holds no reference to the image.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference DecodeLarge() =>
        new(ImageReader.Default.Decode([.. "P5 4000 2800 255 "u8, .. new byte[4000 * 2800]], "large").Pixels);
}
