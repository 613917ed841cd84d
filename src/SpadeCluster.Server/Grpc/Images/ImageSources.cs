using System.Runtime.InteropServices;
using Spade.V1;
using SpadeCluster.Features;
using SpadeCluster.Galleries;

namespace SpadeCluster.Server.Grpc.Images;

/// <summary>Images of messages: files unchanged, a camera's pixels packed by <see cref="RawImage.Pack"/>.</summary>
internal static class ImageSources
{
    /// <param name="data">All data of the image, of all its chunks.</param>
    /// <exception cref="SpadeException">InvalidArgument: no format, or pixels that do not match the given size.</exception>
    public static ImageSource From(Image image, ReadOnlyMemory<byte> data)
    {
        string name = image.Name.Length > 0 ? image.Name : "image";
        return new ImageSource(name, image.Format switch
        {
            PixelFormat.Encoded => ToFile(data),
            PixelFormat.Rgb8 => Pack(RawFormat.Rgb8),
            PixelFormat.Bgr8 => Pack(RawFormat.Bgr8),
            PixelFormat.Gray8 => Pack(RawFormat.Gray8),
            PixelFormat.Gray16 => Pack(RawFormat.Gray16),
            _ => throw Invalid(name, "its pixel format is missing or unknown; use ENCODED, RGB8, BGR8, GRAY8 or GRAY16"),
        })
        {
            Metadata = image.Metadata is { } m ? new(m.Line, m.SerialNumber, m.Batch, m.Shift, m.Operator)
                : SpadeCluster.Features.ImageMetadata.None
        };

        byte[] Pack(RawFormat format)
            => image.Width <= int.MaxValue && image.Height <= int.MaxValue && image.Stride <= int.MaxValue
                ? new RawImage(name, format, (int)image.Width, (int)image.Height, data, (int)image.Stride).Pack()
                : throw Invalid(name, $"no frame has {image.Width}x{image.Height} pixels and a stride of {image.Stride} bytes");
    }

    public static ImageSource From(Image? image)
        => image is null ? throw new SpadeException(SpadeError.InvalidArgument, "the request has no image")
        : From(image, image.Data.Memory);

    /// <summary>Without a copy if possible: messages are not changed.</summary>
    private static byte[] ToFile(ReadOnlyMemory<byte> data)
        => MemoryMarshal.TryGetArray(data, out var array) && array.Count == array.Array!.Length ? array.Array : data.ToArray();

    private static SpadeException Invalid(string name, string message) => new(SpadeError.InvalidArgument, $"{name}: {message}");
}
