using System.Runtime.CompilerServices;
using SpadeCluster.Features;

namespace SpadeCluster.Imaging.Tests;

public class ImagePreparerTests
{
    [Fact]
    public void What_is_prepared_does_not_keep_the_photographs_pixels()
    {
        var decoder = new Grey();
        var prepared = Prepare(decoder);
        GC.Collect();
        Assert.False(decoder.Pixels!.IsAlive);
        Assert.Equal((64, 32, (10.0, 3.0)), (prepared.OriginalWidth, prepared.OriginalHeight, prepared.ToOriginal((5, 3))));
    }

    // By itself, so that no register of the test still holds the image.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static PreparedImage Prepare(Grey decoder) => new ImagePreparer(Preprocessing.Stretch(32, 32), new ImageReader(decoder)).Prepare([1], "a");

    private sealed class Grey : IImageDecoder
    {
        public WeakReference? Pixels { get; private set; }

        public IReadOnlyList<string> Formats => ["grey"];

        public bool CanDecode(ReadOnlySpan<byte> data) => true;

        public RgbImage Decode(ReadOnlySpan<byte> data, ImageLimits limits)
        {
            byte[] pixels = new byte[3 * 64 * 32];
            Pixels = new WeakReference(pixels);
            return new RgbImage(64, 32, pixels);
        }
    }
}
