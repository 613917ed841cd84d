using System.Buffers.Binary;
using System.Security.Cryptography;
using Google.Protobuf;
using Microsoft.AspNetCore.WebUtilities;

namespace SpadeCluster.Server.Grpc;

/// <summary>Where the next page of a list begins: two numbers, with a digest of the request, so that a token of another list is
/// refused.</summary>
internal static class PageToken
{
    private const int Numbers = 2 * sizeof(long), Length = Numbers + 8;

    /// <param name="request">Without its page size and token.</param>
    public static string Write(IMessage request, long first, long second = 0)
    {
        Span<byte> token = stackalloc byte[Length];
        BinaryPrimitives.WriteInt64LittleEndian(token, first);
        BinaryPrimitives.WriteInt64LittleEndian(token[sizeof(long)..], second);
        Digest(request).CopyTo(token[Numbers..]);
        return WebEncoders.Base64UrlEncode(token);
    }

    /// <returns>Null: the token is empty, which means the first page.</returns>
    /// <exception cref="SpadeException">InvalidArgument: not a token of this list.</exception>
    public static (long First, long Second)? Read(IMessage request, string token)
    {
        if (token.Length == 0) return null;
        byte[] bytes = Decode(token);
        return bytes.Length == Length && Digest(request).SequenceEqual(bytes.AsSpan(Numbers))
            ? (BinaryPrimitives.ReadInt64LittleEndian(bytes), BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(sizeof(long))))
            : throw new SpadeException(SpadeError.InvalidArgument,
                "page_token belongs to another list: send the next_page_token of the page before, with the same filter");
    }

    /// <exception cref="SpadeException">InvalidArgument: below 0 or above the maximum.</exception>
    public static int Size(int asked, int usual, int most) => asked == 0 ? usual
        : asked > 0 && asked <= most ? asked
        : throw new SpadeException(SpadeError.InvalidArgument, $"page_size is 1 to {most}, or 0 for {usual}");

    private static ReadOnlySpan<byte> Digest(IMessage request) => SHA256.HashData(request.ToByteArray()).AsSpan(0, Length - Numbers);

    private static byte[] Decode(string token)
    {
        try
        {
            return WebEncoders.Base64UrlDecode(token);
        }
        catch (FormatException)
        {
            return [];
        }
    }
}
