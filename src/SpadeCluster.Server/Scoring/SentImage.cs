using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;
using SpadeCluster.Features;
using SpadeCluster.Galleries;

namespace SpadeCluster.Server.Scoring;

/// <summary>A photograph sent by a client.</summary>
/// <param name="Name">The client's name for it, without dangerous characters.</param>
/// <param name="File">An image file, or a camera's pixels packed by <see cref="Features.RawImage.Pack"/>.</param>
internal sealed record SentImage(string Name, byte[] File)
{
    private const int MaxNameLength = 120, MaxFields = 16, MaxFieldBytes = 4 * ImageMetadata.MaxLength;

    /// <summary>What was sent with this photograph.</summary>
    public ImageMetadata Metadata { get; init; } = ImageMetadata.None;

    /// <summary>The name of its part in a form; null: it was the whole body.</summary>
    public string? Field { get; init; }

    /// <summary>The name as it was sent, which may be a path and is not safe.</summary>
    public string Path { get; init; } = Name;

    public ImageSource Source => new(Name, File);

    /// <summary>The same with metadata of the whole request where the photograph has none of its own.</summary>
    public SentImage With(ImageMetadata request) => this with { Metadata = Metadata.Or(request) };

    /// <summary>
    /// Reads the photographs of a request: the parts of a multipart form, or the whole body, an image file or, with
    /// <c>X-Pixel-Format</c>, raw pixels. In a form, metadata may be fields, which count for all its photographs, or headers of a
    /// photograph's part.
    /// </summary>
    /// <exception cref="SpadeException">InvalidArgument: no photograph, or a body that is none of these.</exception>
    public static async Task<IReadOnlyList<SentImage>> ReadAsync(HttpRequest request, int most, CancellationToken cancellationToken)
    {
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out var type))
            throw new BadHttpRequestException("no content type", StatusCodes.Status415UnsupportedMediaType);
        if (type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase))
            return await ReadFormAsync(request, type, most, cancellationToken);
        bool image = type.Type.Equals("image", StringComparison.OrdinalIgnoreCase),
            bytes = type.MediaType.Equals("application/octet-stream", StringComparison.OrdinalIgnoreCase);
        if (!image && !bytes) throw new BadHttpRequestException("content type", StatusCodes.Status415UnsupportedMediaType);
        byte[] body = await ReadAllAsync(request.Body, request.ContentLength, cancellationToken);
        if (body.Length == 0) throw new SpadeException(SpadeError.InvalidArgument, "the body is empty: send a photograph");
        string name = Harmless(request.Headers["X-Source"].ToString(), "image");
        return [new SentImage(name, request.Headers.ContainsKey(RawPixels.FormatHeader)
            ? RawPixels.Pack(request.Headers, name, body) : body)];
    }

    /// <summary>A name without path and control characters, safe for logs, pages and histories.</summary>
    public static string Harmless(string? name, string otherwise)
    {
        var text = new StringBuilder();
        foreach (var rune in (name ?? "").Split('/', '\\')[^1].EnumerateRunes())
        {
            bool plain = Rune.GetUnicodeCategory(rune)
                is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.LineSeparator
                    or UnicodeCategory.ParagraphSeparator) && rune != Rune.ReplacementChar;
            text.Append(plain ? rune.ToString() : "_");
            if (text.Length >= MaxNameLength) break;
        }
        return string.IsNullOrWhiteSpace(text.ToString()) ? otherwise : text.ToString();
    }

    private static async Task<IReadOnlyList<SentImage>> ReadFormAsync(HttpRequest request, MediaTypeHeaderValue type, int most,
        CancellationToken cancellationToken)
    {
        string? boundary = HeaderUtilities.RemoveQuotes(type.Boundary).Value;
        if (boundary is not { Length: > 0 and <= 70 })
            throw new SpadeException(SpadeError.InvalidArgument, "the multipart body has no valid boundary");
        var form = new MultipartReader(boundary, request.Body) { HeadersCountLimit = MaxFields, HeadersLengthLimit = 8192 };
        var images = new List<SentImage>();
        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        int parts = 0;
        try
        {
            while (await form.ReadNextSectionAsync(cancellationToken) is { } part)
            {
                if (++parts > most + MaxFields) throw TooMany(most);
                if (!ContentDispositionHeaderValue.TryParse(part.ContentDisposition, out var disposition)) continue;
                if (!disposition.IsFileDisposition())
                {
                    fields[HeaderUtilities.RemoveQuotes(disposition.Name).ToString()] = await ReadFieldAsync(part.Body, cancellationToken);
                    continue;
                }
                if (images.Count >= most) throw TooMany(most);
                byte[] file = await ReadAllAsync(part.Body, null, cancellationToken);
                string? path = disposition.FileNameStar.Value ?? disposition.FileName.Value?.Trim('"');
                images.Add(new SentImage(Harmless(path, $"image {images.Count + 1}"), file)
                {
                    Path = path ?? "",
                    Metadata = SentMetadata.Read(name => part.Headers?.GetValueOrDefault(name)),
                    Field = HeaderUtilities.RemoveQuotes(disposition.Name).ToString(),
                });
            }
        }
        catch (Exception e) when (e is InvalidDataException or (IOException { InnerException: null } and not BadHttpRequestException))
        {
            throw new SpadeException(SpadeError.InvalidArgument, $"the multipart body is truncated or damaged: {e.Message}", e);
        }
        var metadata = ImageMetadata.From(fields.GetValueOrDefault);
        return images.Count > 0 ? [.. images.Select(i => i.With(metadata))]
            : throw new SpadeException(SpadeError.InvalidArgument,
                "the form contains no file: send the photograph as a part with a file name, for example curl -F image=@part.png");
    }

    /// <summary>The beginning of a field: enough to see that a longer one is not usable.</summary>
    private static async Task<string> ReadFieldAsync(Stream body, CancellationToken cancellationToken)
    {
        byte[] bytes = new byte[MaxFieldBytes + 1];
        int read = await body.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellationToken);
        return Encoding.UTF8.GetString(bytes, 0, read);
    }

    private static async Task<byte[]> ReadAllAsync(Stream stream, long? length, CancellationToken cancellationToken)
    {
        // Kestrel ends a body at its announced length.
        if (length is { } known)
        {
            byte[] exact = GC.AllocateUninitializedArray<byte>((int)known);
            await stream.ReadExactlyAsync(exact, cancellationToken);
            return exact;
        }
        // In small buffers, which are used again: an array that grows would be copied, and each copy kept until a full collection.
        var reader = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: 64 << 10, leaveOpen: true));
        while (true)
        {
            var read = await reader.ReadAsync(cancellationToken);
            if (read.IsCompleted)
            {
                byte[] whole = read.Buffer.ToArray();
                await reader.CompleteAsync();
                return whole;
            }
            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    private static SpadeException TooMany(int most)
        => new(SpadeError.InvalidArgument, most == 1
            ? "only one photograph per request here; /v1/score/batch accepts many"
            : $"more than {most} photographs in one request: send fewer at once");
}
