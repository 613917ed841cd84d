using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Spade.V1;
using SpadeCluster.Galleries;

namespace SpadeCluster.Server.Grpc.Images;

/// <summary>
/// Images from the wire as files. Raw pixels become a PNM file, so that everything behind this door - decoding, limits, an
/// image's identity - is the same for files and pixels.
/// </summary>
internal static class ImageSources
{
    /// <param name="data">All of the image's data, its chunks put together.</param>
    /// <exception cref="SpadeException">InvalidArgument: no format, or pixels that do not match the given size.</exception>
    public static ImageSource From(Image image, ReadOnlyMemory<byte> data)
    {
        string name = image.Name.Length > 0 ? image.Name : "image";
        return new ImageSource(name, image.Format switch
        {
            PixelFormat.Encoded => ToFile(data),
            PixelFormat.Rgb8 => ToPnm(image, name, data.Span, 3, static (row, target) => row.CopyTo(target)),
            PixelFormat.Bgr8 => ToPnm(image, name, data.Span, 3, SwapRedAndBlue),
            PixelFormat.Gray8 => ToPnm(image, name, data.Span, 1, static (row, target) => row.CopyTo(target)),
            PixelFormat.Gray16 => ToPnm(image, name, data.Span, 2, ToBigEndian),
            _ => throw new SpadeException(SpadeError.InvalidArgument, $"{name}: its pixel format is missing or unknown; say ENCODED, RGB8, BGR8, GRAY8 or GRAY16"),
        });
    }

    public static ImageSource From(Image? image)
        => image is null ? throw new SpadeException(SpadeError.InvalidArgument, "the request has no image") : From(image, image.Data.Memory);

    /// <summary>Messages are not written to, so an array that is all of the data need not be copied.</summary>
    private static byte[] ToFile(ReadOnlyMemory<byte> data)
        => MemoryMarshal.TryGetArray(data, out var array) && array.Count == array.Array!.Length ? array.Array : data.ToArray();

    private delegate void CopyRow(ReadOnlySpan<byte> row, Span<byte> target);

    private static byte[] ToPnm(Image image, string name, ReadOnlySpan<byte> data, int bytesPerPixel, CopyRow copy)
    {
        long row = (long)image.Width * bytesPerPixel, stride = image.Stride == 0 ? row : image.Stride;
        if (image.Width == 0 || image.Height == 0) throw new SpadeException(SpadeError.InvalidArgument, $"{name}: raw pixels need a width and a height");
        if (stride < row) throw new SpadeException(SpadeError.InvalidArgument, $"{name}: a stride of {stride} bytes is less than a row of {image.Width} pixels, {row} bytes");
        // The last row may come without its padding.
        decimal needed = (decimal)stride * (image.Height - 1) + row;
        if (data.Length < needed || data.Length > (decimal)stride * image.Height)
            throw new SpadeException(SpadeError.InvalidArgument, $"{name}: {image.Width}x{image.Height} pixels with a stride of {stride} bytes make {needed} bytes, but {data.Length} came");
        byte[] header = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"P{(bytesPerPixel == 3 ? 6 : 5)}\n{image.Width} {image.Height}\n{(bytesPerPixel == 2 ? 65535 : 255)}\n"));
        var file = new byte[header.Length + row * image.Height];
        header.CopyTo(file, 0);
        for (int y = 0; y < image.Height; y++)
            copy(data.Slice((int)(y * stride), (int)row), file.AsSpan((int)(header.Length + y * row), (int)row));
        return file;
    }

    private static void SwapRedAndBlue(ReadOnlySpan<byte> row, Span<byte> target)
    {
        for (int i = 0; i < row.Length; i += 3) (target[i], target[i + 1], target[i + 2]) = (row[i + 2], row[i + 1], row[i]);
    }

    private static void ToBigEndian(ReadOnlySpan<byte> row, Span<byte> target)
    {
        for (int i = 0; i < row.Length; i += 2) BinaryPrimitives.WriteUInt16BigEndian(target[i..], BinaryPrimitives.ReadUInt16LittleEndian(row[i..]));
    }
}
