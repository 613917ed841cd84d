using System.Numerics;

namespace SpadeCluster.Imaging.ImageSharp;

/// <summary>
/// Where ImageSharp scales samples to 8 bits in another way than by the nearest value (as Imaging's own decoders do): what its
/// values, of which each stands for one sample, are to be. A table of 256 for red, green and blue.
/// </summary>
internal sealed record SampleTables(byte[] R, byte[] G, byte[] B)
{
    /// <summary>Fields of 5 or 6 bits come with their highest bits repeated below.</summary>
    /// <returns>null: the samples are right as they are.</returns>
    public static SampleTables? Bmp(BmpHeader header)
    {
        if (header.Bits != 16) return null;
        return new(Field(header.Masks.R), Field(header.Masks.G), Field(header.Masks.B));

        static byte[] Field(uint mask)
        {
            int bits = BitOperations.PopCount(mask);
            return Table(v => BmpDecoder.Field((uint)v >> (8 - bits), (1u << bits) - 1));
        }
    }

    /// <summary>Samples below a maximum of their own come multiplied by the whole times it fits into 255.</summary>
    /// <returns>null: the samples are right as they are.</returns>
    public static SampleTables? Pnm(PnmHeader header)
    {
        if (header.Bitmap || header.Max == 255) return null;
        byte[] table = Table(v => ((v / (255 / header.Max) * 255) + (header.Max / 2)) / header.Max);
        return new(table, table, table);
    }

    public void Apply(byte[] pixels)
    {
        for (int i = 0; i + 2 < pixels.Length; i += 3)
            (pixels[i], pixels[i + 1], pixels[i + 2]) = (R[pixels[i]], G[pixels[i + 1]], B[pixels[i + 2]]);
    }

    private static byte[] Table(Func<int, int> entry) => [.. Enumerable.Range(0, 256).Select(v => (byte)entry(v))];
}
