using Spade.V1;
using SpadeCluster.Galleries;

namespace SpadeCluster.Server.Grpc.Images;

/// <summary>Puts an image together from the chunks of a stream, within a limit.</summary>
internal sealed class ChunkedImage(int maxBytes)
{
    private Image? _first;
    private MemoryStream? _data;

    /// <summary>Whether chunks of an image are still to come.</summary>
    public bool IsOpen => _first is not null;

    /// <returns>True when the image is complete.</returns>
    /// <exception cref="SpadeException">ResourceExhausted: larger than the limit; what follows of it must be skipped.</exception>
    public bool Add(Image? chunk, bool more)
    {
        _first ??= chunk ?? throw new SpadeException(SpadeError.InvalidArgument, "the request has no image");
        long length = (_data?.Length ?? 0) + (chunk?.Data.Length ?? 0);
        if (length > maxBytes)
            throw new SpadeException(SpadeError.ResourceExhausted,
                $"{(_first.Name.Length > 0 ? _first.Name : "image")}: larger than the {maxBytes} bytes this server takes; send a "
                + $"smaller one");
        if (!more && _data is null) return true;
        _data ??= new MemoryStream();
        if (chunk is not null) _data.Write(chunk.Data.Span);
        return !more;
    }

    /// <summary>The complete image; makes room for the next one.</summary>
    public ImageSource Take()
    {
        var (image, data) = (_first!, _data is null ? _first!.Data.Memory : _data.GetBuffer().AsMemory(0, (int)_data.Length));
        Reset();
        return ImageSources.From(image, data);
    }

    public void Reset() => (_first, _data) = (null, null);
}
