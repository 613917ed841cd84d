using Spade.V1;
using SpadeCluster.Galleries;

namespace SpadeCluster.Server.Grpc.Images;

/// <summary>Joins the chunks of an image, within a limit.</summary>
internal sealed class ChunkedImage(int maxBytes)
{
    private Image? _first;
    private MemoryStream? _data;

    /// <summary>Whether chunks of an image are still missing.</summary>
    public bool IsOpen => _first is not null;

    /// <returns>True when the image is complete.</returns>
    /// <exception cref="SpadeException">ResourceExhausted: larger than the limit; its remaining chunks must be skipped.</exception>
    public bool Add(Image? chunk, bool more)
    {
        _first ??= chunk ?? throw new SpadeException(SpadeError.InvalidArgument, "the request has no image");
        long length = (_data?.Length ?? 0) + (chunk?.Data.Length ?? 0);
        if (length > maxBytes)
            throw new SpadeException(SpadeError.ResourceExhausted,
                $"{(_first.Name.Length > 0 ? _first.Name : "image")}: larger than this server's limit of {maxBytes} bytes; send a "
                + $"smaller one");
        if (!more && _data is null) return true;
        _data ??= new MemoryStream();
        if (chunk is not null) _data.Write(chunk.Data.Span);
        return !more;
    }

    /// <summary>Returns the complete image and starts the next one.</summary>
    public ImageSource Take()
    {
        var (image, data) = (_first!, _data is null ? _first!.Data.Memory : _data.GetBuffer().AsMemory(0, (int)_data.Length));
        Reset();
        return ImageSources.From(image, data);
    }

    public void Reset() => (_first, _data) = (null, null);
}
