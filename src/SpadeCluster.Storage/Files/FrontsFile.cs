using System.Buffers.Binary;
using System.Security.Cryptography;
using SpadeCluster.Galleries;

namespace SpadeCluster.Storage.Files;

/// <summary>
/// Copies of the fronts of many segments in one file, so that opening a gallery reads one file instead of thousands;
/// little-endian, immutable:
/// <code>
/// 0    8  "SPADEFRT"
/// 8    4  format version, 1
/// 12   4  bytes of a front F
/// 16   8  number of fronts N
/// 24  8N  image ids, ascending
/// ..  32  SHA-256 of everything above
/// ..      the fronts, in that order
/// </code>
/// A front is what a segment begins with, its header and its pooled feature, and so carries its own checksums.
/// </summary>
internal sealed class FrontsFile : IDisposable
{
    private const int FormatVersion = 1, Hash = SHA256.HashSizeInBytes, IdsAt = 24;
    private static readonly byte[] Magic = "SPADEFRT"u8.ToArray();

    private readonly FileSegment _file;
    private readonly int _front;
    private readonly ImageId[] _ids;

    private FrontsFile(FileSegment file, int front, ImageId[] ids) => (_file, _front, _ids) = (file, front, ids);

    /// <summary>The images whose fronts are there, ascending.</summary>
    public IReadOnlyList<ImageId> Ids => _ids;

    /// <param name="file">Belongs to the result, if there is one.</param>
    /// <param name="front">Bytes of a front.</param>
    /// <returns>Null where this is not a whole file of this format with fronts of this length. The fronts are not looked at.</returns>
    public static FrontsFile? TryOpen(FileSegment file, int front)
    {
        Span<byte> start = stackalloc byte[IdsAt];
        if (file.Read(0, start) < IdsAt || !start[..8].SequenceEqual(Magic) || BinaryPrimitives.ReadInt32LittleEndian(start[8..]) != FormatVersion
            || BinaryPrimitives.ReadInt32LittleEndian(start[12..]) != front)
            return null;
        long count = BinaryPrimitives.ReadInt64LittleEndian(start[16..]);
        // Before allocating: a count that is damaged must not take the memory.
        if (count < 0 || count > file.Length / front || file.Length != HeadLength(count) + count * front) return null;
        var head = new byte[HeadLength(count)];
        if (file.Read(0, head) < head.Length || !SHA256.HashData(head.AsSpan(..^Hash)).AsSpan().SequenceEqual(head.AsSpan(^Hash..))) return null;
        var ids = new ImageId[count];
        for (int i = 0; i < ids.Length; i++) ids[i] = new ImageId(BinaryPrimitives.ReadUInt64LittleEndian(head.AsSpan(IdsAt + 8 * i)));
        return new FrontsFile(file, front, ids);
    }

    /// <param name="fronts">The fronts of <paramref name="ids"/>, in their order.</param>
    public static void Write(Stream stream, IReadOnlyList<ImageId> ids, int front, IEnumerable<byte[]> fronts)
    {
        var head = new byte[HeadLength(ids.Count)];
        Magic.CopyTo(head, 0);
        BinaryPrimitives.WriteInt32LittleEndian(head.AsSpan(8), FormatVersion);
        BinaryPrimitives.WriteInt32LittleEndian(head.AsSpan(12), front);
        BinaryPrimitives.WriteInt64LittleEndian(head.AsSpan(16), ids.Count);
        for (int i = 0; i < ids.Count; i++) BinaryPrimitives.WriteUInt64LittleEndian(head.AsSpan(IdsAt + 8 * i), ids[i].Value);
        SHA256.HashData(head.AsSpan(..^Hash), head.AsSpan(^Hash..));
        stream.Write(head);
        foreach (byte[] bytes in fronts) stream.Write(bytes);
    }

    /// <summary>Reads the front of an image; what it holds is for the reader to check.</summary>
    /// <returns>False where there is none.</returns>
    public bool TryRead(ImageId id, Span<byte> front)
    {
        int at = Array.BinarySearch(_ids, id);
        return at >= 0 && _file.Read(HeadLength(_ids.Length) + (long)at * _front, front[.._front]) == _front;
    }

    public void Dispose() => _file.Dispose();

    private static long HeadLength(long count) => IdsAt + 8 * count + Hash;
}
