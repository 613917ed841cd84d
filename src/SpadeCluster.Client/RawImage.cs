using Google.Protobuf;
using Spade.V1;
using SpadeCluster.Galleries;

namespace SpadeCluster.Client;

/// <summary>A pixel's bytes; gray of 16 bits is little-endian.</summary>
public enum RawFormat
{
    Rgb8,
    Bgr8,
    Gray8,
    Gray16,
}

/// <summary>Pixels as a camera gives them; they score as the same image in a file does.</summary>
/// <param name="Name">What answers and errors call the image.</param>
/// <param name="Pixels">Rows from top to bottom. Not copied: to be left as they are until the image is answered.</param>
/// <param name="Stride">Bytes from one row to the next; 0: rows follow each other without padding.</param>
public sealed record RawImage(string Name, RawFormat Format, int Width, int Height, ReadOnlyMemory<byte> Pixels, int Stride = 0);

/// <summary>An image to be sent, whatever it was given as.</summary>
internal sealed record Outgoing(string Name, Func<CancellationToken, ValueTask<Image>> ReadAsync)
{
    public static Outgoing From(ImageSource source) => new(source.Name, async stop
        => new Image { Format = PixelFormat.Encoded, Name = source.Name, Data = UnsafeByteOperations.UnsafeWrap(await source.ReadAsync(stop)) });

    public static Outgoing From(RawImage raw) => new(raw.Name, _ => raw.Width > 0 && raw.Height > 0 && raw.Stride >= 0
        ? ValueTask.FromResult(new Image { Format = FormatOf(raw), Name = raw.Name, Width = (uint)raw.Width, Height = (uint)raw.Height, Stride = (uint)raw.Stride, Data = UnsafeByteOperations.UnsafeWrap(raw.Pixels) })
        : throw new SpadeException(SpadeError.InvalidArgument, $"{raw.Name}: {raw.Width}x{raw.Height} pixels with a stride of {raw.Stride} bytes are no image"));

    /// <summary>The image in messages of at most so many bytes of data, and whether more follow.</summary>
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
            var chunk = at == 0 ? new Image { Format = image.Format, Name = image.Name, Width = image.Width, Height = image.Height, Stride = image.Stride } : new Image();
            chunk.Data = UnsafeByteOperations.UnsafeWrap(data.Slice(at, Math.Min(chunkBytes, data.Length - at)));
            yield return (chunk, at + chunkBytes < data.Length);
        }
    }

    private static PixelFormat FormatOf(RawImage raw) => raw.Format switch
    {
        RawFormat.Rgb8 => PixelFormat.Rgb8,
        RawFormat.Bgr8 => PixelFormat.Bgr8,
        RawFormat.Gray8 => PixelFormat.Gray8,
        RawFormat.Gray16 => PixelFormat.Gray16,
        _ => throw new SpadeException(SpadeError.InvalidArgument, $"{raw.Name}: {raw.Format} is no pixel format"),
    };
}
