using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using SpadeCluster.Features;
using SpadeCluster.Galleries;

namespace SpadeCluster.Storage.Format;

/// <summary>
/// The header of a segment, which is the stored data of one normal image; little-endian, immutable:
/// <code>
/// 0    8  "SPADEIMG"
/// 8    4  format version: 1, or 2 where the levels are compressed
/// 12   4  number of parts P
/// 16   8  image id
/// 24  64  hex digest of the model
/// 88      length (8) and SHA-256 (32) of each part, P times
/// ..  32  SHA-256 of everything above
/// ..      the parts, one after the other
/// </code>
/// Parts: pooled feature, float32; per level the sum and the sum of squares of each channel, float64; a small picture,
/// possibly of no bytes; the pyramid's levels, float16, finest first, each compressed alone in format 2 (<see cref="CompressedLevel"/>).
/// The pooled feature comes first and the levels last, so that opening
/// a gallery reads only the first few kilobytes of each segment (its prefix: header and pooled feature).
/// </summary>
internal sealed class SegmentHeader
{
    /// <summary>The formats: with levels as they are, and compressed.</summary>
    public const int Plain = 1, Compressed = 2;

    public const int Pooled = 0, Moments = 1, Thumbnail = 2, FirstLevel = 3;

    private const int Hash = SHA256.HashSizeInBytes, Digest = 64, TableAt = 24 + Digest, Row = 8 + Hash;
    private static readonly byte[] Magic = "SPADEIMG"u8.ToArray();

    private readonly byte[] _bytes;
    private readonly string _where;
    private readonly long[] _offsets;

    private SegmentHeader(byte[] bytes, int parts, string where)
    {
        (_bytes, _where, _offsets) = (bytes, where, new long[parts + 1]);
        _offsets[0] = bytes.Length;
        for (int i = 0; i < parts; i++)
            _offsets[i + 1] = _offsets[i] + BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(TableAt + Row * i));
    }

    public int Parts => _offsets.Length - 1;

    public bool IsCompressed => BinaryPrimitives.ReadInt32LittleEndian(_bytes.AsSpan(8)) == Compressed;

    public static int LengthFor(FeatureModel model) => LengthFor(FirstLevel + model.Levels.Count);

    /// <summary>Writes the header into <paramref name="segment"/>, which holds its parts already.</summary>
    /// <param name="format"><see cref="Plain"/> or <see cref="Compressed"/>.</param>
    public static void Write(Span<byte> segment, int format, ImageId id, string modelDigest, ReadOnlySpan<int> lengths)
    {
        Magic.CopyTo(segment);
        BinaryPrimitives.WriteInt32LittleEndian(segment[8..], format);
        BinaryPrimitives.WriteInt32LittleEndian(segment[12..], lengths.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[16..], id.Value);
        Encoding.ASCII.GetBytes(modelDigest.PadRight(Digest), segment[24..]);
        int header = LengthFor(lengths.Length), at = header;
        for (int i = 0; i < lengths.Length; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(segment[(TableAt + Row * i)..], lengths[i]);
            SHA256.HashData(segment.Slice(at, lengths[i]), segment[(TableAt + Row * i + 8)..]);
            at += lengths[i];
        }
        SHA256.HashData(segment[..(header - Hash)], segment[(header - Hash)..]);
    }

    /// <param name="start">The first bytes of the segment: the whole header, or less if the segment is truncated.</param>
    /// <param name="length">Bytes of the whole segment; null if not known.</param>
    /// <param name="where">Names the segment in errors.</param>
    /// <exception cref="SpadeException">DataLoss: damaged, or of another image. FailedPrecondition: other format or model.</exception>
    public static SegmentHeader Parse(ReadOnlySpan<byte> start, long? length, ImageId id, FeatureModel model, string where)
    {
        int parts = FirstLevel + model.Levels.Count, size = LengthFor(parts);
        if (start.Length < size || !start[..8].SequenceEqual(Magic)) throw Damaged(where, "its header is truncated or is not a segment's");
        var header = start[..size];
        int format = BinaryPrimitives.ReadInt32LittleEndian(header[8..]);
        if (format is not (Plain or Compressed))
            throw new SpadeException(SpadeError.FailedPrecondition,
                $"{where} has format {format}, this program reads {Plain} and {Compressed}: use the program that wrote it, or restore it "
                + $"from a backup if it is damaged");
        if (!SHA256.HashData(header[..^Hash]).AsSpan().SequenceEqual(header[^Hash..]))
            throw Damaged(where, "the checksum of its header is wrong");
        if (BinaryPrimitives.ReadUInt64LittleEndian(header[16..]) != id.Value)
            throw Damaged(where, $"it holds image {new ImageId(BinaryPrimitives.ReadUInt64LittleEndian(header[16..]))}");
        string digest = Encoding.ASCII.GetString(header.Slice(24, Digest)).TrimEnd();
        if (digest != model.Digest)
            throw new SpadeException(SpadeError.FailedPrecondition,
                $"{where} holds features of another model (digest {Short(digest)}, expected {Short(model.Digest)}): use the program and "
                + $"model that wrote it");
        var parsed = new SegmentHeader(header.ToArray(), parts, where);
        if (parsed.Length(Pooled) != 4L * model.PooledLength || parsed.Length(Moments) != MomentsLength(model)
            || model.Levels.Where((s, l) => !HasLength(s, parsed.LongLength(FirstLevel + l), format)).Any())
            throw Damaged(where, "its parts do not have the lengths of its model");
        if (length is not null && parsed._offsets[^1] != length)
            throw Damaged(where, $"it has {length} bytes instead of {parsed._offsets[^1]}");
        return parsed;
    }

    public static int MomentsLength(FeatureModel model) => model.Levels.Sum(s => 16 * s.Channels);

    public static SpadeException Damaged(string where, string how)
        => new(SpadeError.DataLoss, $"{where} is damaged: {how}; restore it from a backup, or retire the image and add it again");

    public long Offset(int part) => _offsets[part];

    public int Length(int part) => checked((int)LongLength(part));

    private long LongLength(int part) => _offsets[part + 1] - _offsets[part];

    private static bool HasLength(LevelShape level, long length, int format)
        => format == Plain ? length == 2L * level.Length : length >= 0 && length <= CompressedLevel.MaxLength(level);

    /// <exception cref="SpadeException">DataLoss: these are not the bytes that were written.</exception>
    public void Check(int part, ReadOnlySpan<byte> bytes)
    {
        Span<byte> hash = stackalloc byte[Hash];
        SHA256.HashData(bytes, hash);
        if (!hash.SequenceEqual(_bytes.AsSpan(TableAt + Row * part + 8, Hash)))
            throw Damaged(_where, $"the checksum of its {Name(part)} is wrong");
    }

    /// <summary>The error of a level that has the right checksum and cannot be decompressed.</summary>
    public SpadeException Undecodable(int part) => Damaged(_where, $"its {Name(part)} cannot be decompressed");

    public static int LengthFor(int parts) => TableAt + Row * parts + Hash;

    private static string Name(int part) => part switch
    {
        Pooled => "pooled feature",
        Moments => "channel moments",
        Thumbnail => "thumbnail",
        _ => $"level {part - FirstLevel + 1}",
    };

    private static string Short(string digest) => digest[..Math.Min(12, digest.Length)];
}
