using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace SpadeCluster.Imaging;

/// <summary>
/// Undoes the filters of PNG rows: each byte is stored as its difference from a prediction by bytes that come before it (PNG
/// specification, chapter 9). All bytes of a pixel are computed at once, in lanes of 16 bits.
/// </summary>
internal static class PngFilter
{
    /// <summary>Bytes that each buffer must have behind its row: a pixel is read and written as eight bytes.</summary>
    public const int Margin = 8;

    private const int PixelMask = 0xFF;

    /// <param name="filter">0: none, 1: left, 2: above, 3: mean of both, 4: Paeth's choice.</param>
    /// <param name="stored">The row as stored, and <see cref="Margin"/> bytes.</param>
    /// <param name="above">The row above, zero for the first row, and <see cref="Margin"/> bytes.</param>
    /// <param name="row">Gets the row, and <see cref="Margin"/> bytes without meaning.</param>
    /// <param name="pixelBytes">1 to 8.</param>
    /// <returns>False: there is no such filter.</returns>
    public static bool Undo(int filter, ReadOnlySpan<byte> stored, ReadOnlySpan<byte> above, Span<byte> row, int pixelBytes)
    {
        switch (filter)
        {
            case 0: stored.CopyTo(row); return true;
            case 1: Undo<Left>(stored, above, row, pixelBytes); return true;
            case 2: AddAbove(stored, above, row); return true;
            case 3: Undo<Mean>(stored, above, row, pixelBytes); return true;
            case 4: Undo<Paeth>(stored, above, row, pixelBytes); return true;
            default: return false;
        }
    }

    private static void AddAbove(ReadOnlySpan<byte> stored, ReadOnlySpan<byte> above, Span<byte> row)
    {
        int i = 0;
        for (; i <= row.Length - Vector<byte>.Count; i += Vector<byte>.Count)
            (new Vector<byte>(stored[i..]) + new Vector<byte>(above[i..])).CopyTo(row[i..]);
        for (; i < row.Length; i++) row[i] = (byte)(stored[i] + above[i]);
    }

    private static void Undo<TPrediction>(ReadOnlySpan<byte> stored, ReadOnlySpan<byte> above, Span<byte> row, int pixelBytes)
        where TPrediction : struct, IPrediction
    {
        Vector128<short> left = default, aboveLeft = default, mask = Vector128.Create((short)PixelMask);
        for (int i = 0; i < row.Length - Margin; i += pixelBytes)
        {
            var up = Pixel(above, i);
            left = (Pixel(stored, i) + TPrediction.Of(left, up, aboveLeft)) & mask;
            aboveLeft = up;
            var bytes = Vector128.Narrow(left.AsUInt16(), left.AsUInt16());
            BinaryPrimitives.WriteUInt64LittleEndian(row[i..], bytes.AsUInt64().ToScalar());
        }
    }

    private static Vector128<short> Pixel(ReadOnlySpan<byte> row, int at)
        => Vector128.WidenLower(Vector128.CreateScalarUnsafe(MemoryMarshal.Read<ulong>(row[at..])).AsByte()).AsInt16();

    /// <summary>The prediction of a pixel. Lanes hold 0 to 255.</summary>
    private interface IPrediction
    {
        static abstract Vector128<short> Of(Vector128<short> left, Vector128<short> above, Vector128<short> aboveLeft);
    }

    private readonly struct Left : IPrediction
    {
        public static Vector128<short> Of(Vector128<short> left, Vector128<short> above, Vector128<short> aboveLeft) => left;
    }

    private readonly struct Mean : IPrediction
    {
        public static Vector128<short> Of(Vector128<short> left, Vector128<short> above, Vector128<short> aboveLeft) => (left + above) >> 1;
    }

    /// <summary>Of the three, the one next to left + above - aboveLeft; the first of equals.</summary>
    private readonly struct Paeth : IPrediction
    {
        public static Vector128<short> Of(Vector128<short> left, Vector128<short> above, Vector128<short> aboveLeft)
        {
            Vector128<short> toLeft = above - aboveLeft, toAbove = left - aboveLeft, toBoth = Vector128.Abs(toLeft + toAbove);
            (toLeft, toAbove) = (Vector128.Abs(toLeft), Vector128.Abs(toAbove));
            var least = Vector128.Min(Vector128.Min(toLeft, toAbove), toBoth);
            return Vector128.ConditionalSelect(Vector128.Equals(least, toLeft), left,
                Vector128.ConditionalSelect(Vector128.Equals(least, toAbove), above, aboveLeft));
        }
    }
}
