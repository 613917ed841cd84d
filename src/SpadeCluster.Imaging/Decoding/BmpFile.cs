using System.Buffers.Binary;

namespace SpadeCluster.Imaging;

/// <summary>Checks of BMP files that ImageSharp does not make: it repeats a row where a truncated file lacks rows.</summary>
internal static class BmpFile
{
    private const int FileHeaderBytes = 14, CoreHeaderBytes = 12, Uncompressed = 0, BitFields = 3;

    public static bool IsBmp(ReadOnlySpan<byte> data) => data.StartsWith("BM"u8);

    /// <exception cref="SpadeException">InvalidArgument: truncated, not supported. ResourceExhausted: over the limits.</exception>
    public static void Check(ReadOnlySpan<byte> data, ImageLimits limits)
    {
        if (data.Length < FileHeaderBytes + 40) throw Truncated();
        bool core = Int(data, 14) == CoreHeaderBytes;
        long offset = (uint)Int(data, 10), width = core ? Short(data, 18) : Int(data, 18);
        long height = Math.Abs((long)(core ? Short(data, 20) : Int(data, 22)));
        int bits = Short(data, core ? 24 : 28), compression = core ? Uncompressed : Int(data, 30);
        limits.CheckSize(width, height);
        bool known = compression == Uncompressed ? bits is 1 or 4 or 8 or 24 or 32
            : compression == BitFields && bits == 32 && IsByte(Int(data, 54)) && IsByte(Int(data, 58)) && IsByte(Int(data, 62));
        // Run lengths are refused too: ImageSharp leaves pixels black that they do not cover.
        if (!known)
            throw DecodeError.Because($"BMP with {bits} bits a pixel and compression {compression} is not supported; save it with 24 bits");
        long rowBytes = ((width * bits) + 31) / 32 * 4;
        if (height > (data.Length - offset) / rowBytes) throw Truncated();
    }

    private static bool IsByte(int mask) => mask is 0xFF or 0xFF00 or 0xFF0000 or unchecked((int)0xFF000000);

    private static SpadeException Truncated() => DecodeError.Because("the BMP file is truncated: it ends before its last pixel");

    private static int Int(ReadOnlySpan<byte> data, int at) => BinaryPrimitives.ReadInt32LittleEndian(data[at..]);

    private static ushort Short(ReadOnlySpan<byte> data, int at) => BinaryPrimitives.ReadUInt16LittleEndian(data[at..]);
}
