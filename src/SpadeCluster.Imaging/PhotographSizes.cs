using SpadeCluster.Galleries;

namespace SpadeCluster.Imaging;

/// <summary>Sizes of photographs, from which a new category's tiles are chosen (<see cref="Features.TileChoice"/>).</summary>
public static class PhotographSizes
{
    /// <summary>Enough for a median.</summary>
    private const int MaxRead = 40;

    /// <summary>Reads the sizes of up to 40 of the photographs, spread over all. Those that cannot be read are left out; adding
    /// them reports the reason.</summary>
    public static async ValueTask<IReadOnlyList<(int Width, int Height)>> ReadAsync(IReadOnlyList<ImageSource> photographs,
        CancellationToken cancellationToken = default)
    {
        var sizes = new List<(int, int)>();
        int count = Math.Min(photographs.Count, MaxRead);
        for (int i = 0; i < count; i++)
        {
            var photograph = photographs[(int)((long)i * photographs.Count / count)];
            try
            {
                var (width, height) = ImageReader.ReadSize(await photograph.ReadAsync(cancellationToken), photograph.Name);
                if (Math.Min(width, height) >= ImagePreparer.SmallestSide) sizes.Add((width, height));
            }
            catch (SpadeException)
            {
                // Left out.
            }
        }
        return sizes;
    }
}
