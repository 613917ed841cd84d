using System.Buffers.Binary;
using System.Security.Cryptography;
using SpadeCluster.Galleries;

namespace SpadeCluster.Storage.Files;

/// <summary>
/// Copies of the prefixes of many segments in one file, FRONTS, so that opening a gallery reads one file instead of
/// thousands; little-endian, immutable:
/// <code>
/// 0    8  "SPADEFRT"
/// 8    4  format version, 1
/// 12   4  bytes of a prefix
/// 16   8  number of prefixes N
/// 24  8N  image ids, ascending
/// ..  32  SHA-256 of everything above
/// ..      the prefixes, in that order
/// </code>
/// The prefix of a segment is its header and its pooled feature, and so carries its own checksums.
/// </summary>
internal sealed class PrefixFile : IDisposable
{
    private const int FormatVersion = 1, Hash = SHA256.HashSizeInBytes, IdsAt = 24;
    private static readonly byte[] Magic = "SPADEFRT"u8.ToArray();

    private readonly FileSegment _file;
    private readonly int _length;
    private readonly ImageId[] _ids;

    private PrefixFile(FileSegment file, int length, ImageId[] ids) => (_file, _length, _ids) = (file, length, ids);

    /// <summary>The images whose prefixes the file holds, ascending.</summary>
    public IReadOnlyList<ImageId> Ids => _ids;

    /// <param name="file">Disposed with the result; stays the caller's when the result is null.</param>
    /// <param name="length">Bytes of a prefix.</param>
    /// <returns>Null unless the file is whole, of this format, and has prefixes of this length. The prefixes are not checked.</returns>
    public static PrefixFile? TryOpen(FileSegment file, int length)
    {
        Span<byte> start = stackalloc byte[IdsAt];
        if (file.Read(0, start) < IdsAt || !start[..8].SequenceEqual(Magic)
            || BinaryPrimitives.ReadInt32LittleEndian(start[8..]) != FormatVersion
            || BinaryPrimitives.ReadInt32LittleEndian(start[12..]) != length)
            return null;
        long count = BinaryPrimitives.ReadInt64LittleEndian(start[16..]);
        // Checked before allocating, so that a damaged count cannot exhaust memory.
        if (count < 0 || count > file.Length / length || file.Length != HeadLength(count) + count * length) return null;
        var head = new byte[HeadLength(count)];
        if (file.Read(0, head) < head.Length || !SHA256.HashData(head.AsSpan(..^Hash)).AsSpan().SequenceEqual(head.AsSpan(^Hash..)))
            return null;
        var ids = new ImageId[count];
        for (int i = 0; i < ids.Length; i++) ids[i] = new ImageId(BinaryPrimitives.ReadUInt64LittleEndian(head.AsSpan(IdsAt + 8 * i)));
        return new PrefixFile(file, length, ids);
    }

    /// <param name="prefixes">The prefixes of <paramref name="ids"/>, in their order.</param>
    public static void Write(Stream stream, IReadOnlyList<ImageId> ids, int length, IEnumerable<byte[]> prefixes)
    {
        var head = new byte[HeadLength(ids.Count)];
        Magic.CopyTo(head, 0);
        BinaryPrimitives.WriteInt32LittleEndian(head.AsSpan(8), FormatVersion);
        BinaryPrimitives.WriteInt32LittleEndian(head.AsSpan(12), length);
        BinaryPrimitives.WriteInt64LittleEndian(head.AsSpan(16), ids.Count);
        for (int i = 0; i < ids.Count; i++) BinaryPrimitives.WriteUInt64LittleEndian(head.AsSpan(IdsAt + 8 * i), ids[i].Value);
        SHA256.HashData(head.AsSpan(..^Hash), head.AsSpan(^Hash..));
        stream.Write(head);
        foreach (byte[] bytes in prefixes) stream.Write(bytes);
    }

    /// <summary>Reads the prefix of an image. The caller checks its content.</summary>
    /// <returns>False if the file does not hold that image.</returns>
    public bool TryRead(ImageId id, Span<byte> prefix)
    {
        int at = Array.BinarySearch(_ids, id);
        return at >= 0 && _file.Read(HeadLength(_ids.Length) + (long)at * _length, prefix[.._length]) == _length;
    }

    public void Dispose() => _file.Dispose();

    private static long HeadLength(long count) => IdsAt + 8 * count + Hash;
}
