using System.Buffers.Binary;

namespace SpadeCluster.Features;

/// <summary>The bytes of a camera's pixel; 16-bit gray is little-endian.</summary>
public enum RawFormat
{
    Rgb8,
    Bgr8,
    Gray8,
    Gray16,
}

/// <summary>
/// A camera's frame: pixels without a file format. <see cref="Pack"/> makes one array of it, which is passed on like the bytes of an image
/// file: a header of 16 bytes, then the rows without padding. The image id is the hash of that array, so it covers layout, size and pixels;
/// padding and the order of red and blue do not count.
/// </summary>
/// <param name="Name">The name of the image in answers and errors.</param>
/// <param name="Pixels">Rows from top to bottom. Not copied: do not change them before the answer has come.</param>
/// <param name="Stride">Bytes from one row to the next; 0: rows follow each other without padding.</param>
public sealed record RawImage(string Name, RawFormat Format, int Width, int Height, ReadOnlyMemory<byte> Pixels, int Stride = 0)
{
    private const int HeaderBytes = 16, FormatAt = 7, WidthAt = 8, HeightAt = 12;

    /// <summary>Stored with the decision on the frame.</summary>
    public ImageMetadata Metadata { get; init; } = ImageMetadata.None;

    // No image file begins with these bytes. The last one is the version of the layout.
    private static ReadOnlySpan<byte> Magic => "SPADE\0\u0001"u8;

    /// <exception cref="SpadeException">InvalidArgument: the pixels do not fill the size. ResourceExhausted: more than one array
    /// can hold.</exception>
    public byte[] Pack()
    {
        long row = (long)Width * PixelBytes(Format), step = Stride == 0 ? row : Stride;
        if (Width <= 0 || Height <= 0) throw Invalid($"raw pixels need a width and a height above 0, not {Width}x{Height}");
        if (step < row) throw Invalid($"a stride of {step} bytes is less than a row of {Width} pixels, {row} bytes");
        // The last row may come without its padding.
        Int128 needed = (Int128)step * (Height - 1) + row;
        if (Pixels.Length < needed || Pixels.Length > (Int128)step * Height)
            throw Invalid($"{Width}x{Height} pixels of {Format}, stride {step} bytes, take {needed} bytes, but {Pixels.Length} came");
        if (row * Height > Array.MaxLength - HeaderBytes)
            throw new SpadeException(SpadeError.ResourceExhausted,
                $"{Name}: {Width}x{Height} pixels are too many; send a smaller image");

        byte[] packed = GC.AllocateUninitializedArray<byte>((int)(HeaderBytes + row * Height));
        Magic.CopyTo(packed);
        packed[FormatAt] = (byte)(Format == RawFormat.Bgr8 ? RawFormat.Rgb8 : Format);
        BinaryPrimitives.WriteInt32LittleEndian(packed.AsSpan(WidthAt), Width);
        BinaryPrimitives.WriteInt32LittleEndian(packed.AsSpan(HeightAt), Height);
        for (int y = 0; y < Height; y++)
        {
            var target = packed.AsSpan((int)(HeaderBytes + y * row), (int)row);
            Pixels.Span.Slice((int)(y * step), (int)row).CopyTo(target);
            if (Format == RawFormat.Bgr8) SwapRedAndBlue(target);
        }
        return packed;
    }

    public static bool IsPacked(ReadOnlySpan<byte> data) => data.StartsWith(Magic);

    /// <summary>The size in the header of packed bytes; not checked.</summary>
    public static (int Width, int Height) SizeOf(ReadOnlySpan<byte> packed) => packed.Length < HeaderBytes ? (0, 0)
        : (BinaryPrimitives.ReadInt32LittleEndian(packed[WidthAt..]), BinaryPrimitives.ReadInt32LittleEndian(packed[HeightAt..]));

    /// <summary>The pixels of packed bytes, as <see cref="ToRgb"/> gives them.</summary>
    /// <exception cref="SpadeException">InvalidArgument: not what <see cref="Pack"/> made.</exception>
    public static RgbImage Unpack(ReadOnlySpan<byte> packed)
    {
        var (width, height) = SizeOf(packed);
        var format = packed.Length > FormatAt ? (RawFormat)packed[FormatAt] : default;
        if (!IsPacked(packed) || width <= 0 || height <= 0 || format is not (RawFormat.Rgb8 or RawFormat.Gray8 or RawFormat.Gray16)
            || (Int128)width * height * PixelBytes(format) != packed.Length - HeaderBytes)
            throw new SpadeException(SpadeError.InvalidArgument, "cannot decode the image: the packed pixels are damaged or truncated");
        return ToRgb(format, width, height, packed[HeaderBytes..]);
    }

    /// <summary>Pixels without padding as RGB: gray as three equal channels, 16 bits rounded to the nearest of 8.</summary>
    /// <param name="pixels">Exactly as many bytes as the size takes; <see cref="RawFormat.Bgr8"/> is not taken.</param>
    public static RgbImage ToRgb(RawFormat format, int width, int height, ReadOnlySpan<byte> pixels)
    {
        byte[] rgb = GC.AllocateUninitializedArray<byte>(checked(3 * width * height));
        if (format == RawFormat.Rgb8) pixels.CopyTo(rgb);
        else
            for (int i = 0, at = 0; at < rgb.Length; i++, at += 3)
                rgb[at] = rgb[at + 1] = rgb[at + 2] =
                    format == RawFormat.Gray8 ? pixels[i] : Round(BinaryPrimitives.ReadUInt16LittleEndian(pixels[(2 * i)..]));
        return new RgbImage(width, height, rgb);
    }

    /// <summary>v * 255 / 65535, which is v / 257, to the nearest.</summary>
    private static byte Round(int v) => (byte)((v + 128) / 257);

    private static int PixelBytes(RawFormat format) => format switch { RawFormat.Gray8 => 1, RawFormat.Gray16 => 2, _ => 3 };

    private static void SwapRedAndBlue(Span<byte> row)
    {
        for (int i = 0; i < row.Length; i += 3) (row[i], row[i + 2]) = (row[i + 2], row[i]);
    }

    private SpadeException Invalid(string message) => new(SpadeError.InvalidArgument, $"{Name}: {message}");
}
