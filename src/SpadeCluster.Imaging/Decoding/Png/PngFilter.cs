using System.Numerics;

namespace SpadeCluster.Imaging;

/// <summary>The row filters of PNG (specification, clause 9): each byte is stored as its difference to a prediction.</summary>
internal static class PngFilter
{
    public const byte None = 0, Sub = 1, Up = 2, Average = 3, Paeth = 4;

    /// <summary>Restores <paramref name="row"/> in place.</summary>
    /// <param name="above">The restored row above, zeros for the first.</param>
    /// <param name="step">Bytes from a byte to the one it continues in the pixel to its left.</param>
    public static void Restore(byte filter, Span<byte> row, ReadOnlySpan<byte> above, int step)
    {
        above = above[..row.Length];
        switch (filter)
        {
            case None:
                break;
            case Sub:
                for (int i = step; i < row.Length; i++)
                    row[i] += row[i - step];
                break;
            case Up:
                RestoreUp(row, above);
                break;
            case Average:
                for (int i = 0; i < Math.Min(step, row.Length); i++)
                    row[i] += (byte)(above[i] >> 1);
                for (int i = step; i < row.Length; i++)
                    row[i] += (byte)((row[i - step] + above[i]) >> 1);
                break;
            case Paeth:
                for (int i = 0; i < Math.Min(step, row.Length); i++)
                    row[i] += above[i];
                for (int i = step; i < row.Length; i++)
                    row[i] += Predict(row[i - step], above[i], above[i - step]);
                break;
            default:
                throw Undecodable.Because($"the PNG file is damaged: a row has the unknown filter {filter}");
        }
    }

    private static void RestoreUp(Span<byte> row, ReadOnlySpan<byte> above)
    {
        int i = 0;
        for (; i <= row.Length - Vector<byte>.Count; i += Vector<byte>.Count)
            (new Vector<byte>(row[i..]) + new Vector<byte>(above[i..])).CopyTo(row[i..]);
        for (; i < row.Length; i++)
            row[i] += above[i];
    }

    /// <summary>Paeth's predictor: of left, above and above-left the one nearest to left + above - corner.</summary>
    internal static byte Predict(int left, int above, int corner)
    {
        int dl = Math.Abs(above - corner), da = Math.Abs(left - corner), dc = Math.Abs(left + above - 2 * corner);
        return (byte)(dl <= da && dl <= dc ? left : da <= dc ? above : corner);
    }
}
