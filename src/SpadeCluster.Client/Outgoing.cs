using Google.Protobuf;
using Spade.V1;
using SpadeCluster.Features;
using SpadeCluster.Galleries;

namespace SpadeCluster.Client;

/// <summary>An image to send, made of a file or of pixels.</summary>
internal sealed record Outgoing(string Name, Func<CancellationToken, ValueTask<Image>> ReadAsync)
{
    public static Outgoing From(ImageSource source) => new(source.Name, async stop
        => new Image
        {
            Format = PixelFormat.Encoded,
            Name = source.Name,
            Metadata = ToMessage(source.Metadata),
            Data = UnsafeByteOperations.UnsafeWrap(await source.ReadAsync(stop))
        });

    public static Outgoing From(RawImage raw) => new(raw.Name, _ => raw.Width > 0 && raw.Height > 0 && raw.Stride >= 0
        ? ValueTask.FromResult(new Image
        {
            Format = FormatOf(raw),
            Name = raw.Name,
            Metadata = ToMessage(raw.Metadata),
            Width = (uint)raw.Width,
            Height = (uint)raw.Height,
            Stride = (uint)raw.Stride,
            Data = UnsafeByteOperations.UnsafeWrap(raw.Pixels)
        })
        : throw new SpadeException(SpadeError.InvalidArgument,
            $"{raw.Name}: {raw.Width}x{raw.Height} pixels with a stride of {raw.Stride} bytes are not an image"));

    /// <summary>The image in messages of at most <paramref name="chunkBytes"/> bytes of data, each with whether more follow.</summary>
    public static IEnumerable<(Image Image, bool More)> Chunks(Image image, int chunkBytes)
    {
        var data = image.Data.Memory;
        if (data.Length <= chunkBytes)
        {
            yield return (image, false);
            yield break;
        }
        for (int at = 0; at < data.Length; at += chunkBytes)
        {
            var chunk = at == 0 ? new Image
            {
                Format = image.Format,
                Name = image.Name,
                Width = image.Width,
                Height = image.Height,
                Stride = image.Stride,
                Metadata = image.Metadata
            } : new Image();
            chunk.Data = UnsafeByteOperations.UnsafeWrap(data.Slice(at, Math.Min(chunkBytes, data.Length - at)));
            yield return (chunk, at + chunkBytes < data.Length);
        }
    }

    private static Spade.V1.ImageMetadata? ToMessage(SpadeCluster.Features.ImageMetadata m)
        => m == SpadeCluster.Features.ImageMetadata.None ? null : new()
        {
            Line = m.Line ?? "",
            SerialNumber = m.SerialNumber ?? "",
            Batch = m.Batch ?? "",
            Shift = m.Shift ?? "",
            Operator = m.Operator ?? "",
        };

    private static PixelFormat FormatOf(RawImage raw) => raw.Format switch
    {
        RawFormat.Rgb8 => PixelFormat.Rgb8,
        RawFormat.Bgr8 => PixelFormat.Bgr8,
        RawFormat.Gray8 => PixelFormat.Gray8,
        RawFormat.Gray16 => PixelFormat.Gray16,
        _ => throw new SpadeException(SpadeError.InvalidArgument, $"{raw.Name}: {raw.Format} is not a pixel format"),
    };
}
