using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using SpadeCluster.Features;
using SpadeCluster.Galleries;

namespace SpadeCluster.Storage.Files;

/// <summary>
/// The file of one normal image, little-endian, immutable:
/// <code>
/// 0    8  "SPADEIMG"
/// 8    4  format version (1)
/// 12   4  pyramid levels L
/// 16   8  length of the resident part
/// 24   8  length of each level, L times
/// ..  64  hex digest of the model
/// ..  32  SHA-256 of the resident part
/// ..  32  SHA-256 of each level, L times
/// ..  32  SHA-256 of everything above
/// ..      resident part: pooled float32; per level sum and sum of squares per channel, float64
/// ..      levels, float16
/// </code>
/// Levels come last, so that opening a gallery reads only the front of each file.
/// </summary>
internal static class ImageSegment
{
    public const int FormatVersion = 1;
    private const int Hash = SHA256.HashSizeInBytes, DigestText = 64;
    private static readonly byte[] Magic = "SPADEIMG"u8.ToArray();

    public static int HeaderLength(int levels) => 24 + 8 * levels + DigestText + Hash * (levels + 2);

    public static int ResidentLength(FeatureModel model) => 4 * model.PooledLength + model.Levels.Sum(s => 16 * s.Channels);

    public static long FileLength(FeatureModel model) => HeaderLength(model.Levels.Count) + ResidentLength(model) + model.Levels.Sum(s => 2L * s.Length);

    public static byte[] Write(string modelDigest, StoredFeatures features, FeaturePyramid pyramid)
    {
        int levels = pyramid.Shapes.Count, header = HeaderLength(levels);
        int resident = 4 * features.Pooled.Length + features.Moments.Sum(m => 16 * m.Sum.Length);
        var file = new byte[header + resident + pyramid.Shapes.Sum(s => 2 * s.Length)];

        Magic.CopyTo(file, 0);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(8), FormatVersion);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(12), levels);
        BinaryPrimitives.WriteInt64LittleEndian(file.AsSpan(16), resident);
        for (int l = 0; l < levels; l++) BinaryPrimitives.WriteInt64LittleEndian(file.AsSpan(24 + 8 * l), 2L * pyramid.Shapes[l].Length);
        int at = 24 + 8 * levels;
        Encoding.ASCII.GetBytes(modelDigest.PadRight(DigestText)[..DigestText]).CopyTo(file, at);
        at += DigestText;

        int body = header;
        body += Append(file, body, MemoryMarshal.AsBytes(features.Pooled.AsSpan()));
        foreach (var m in features.Moments)
        {
            body += Append(file, body, MemoryMarshal.AsBytes(m.Sum.AsSpan()));
            body += Append(file, body, MemoryMarshal.AsBytes(m.SumOfSquares.AsSpan()));
        }
        SHA256.HashData(file.AsSpan(header, resident), file.AsSpan(at));
        at += Hash;
        for (int l = 0; l < levels; l++, at += Hash)
        {
            int length = Append(file, body, pyramid.LevelBytes(l));
            SHA256.HashData(file.AsSpan(body, length), file.AsSpan(at));
            body += length;
        }
        SHA256.HashData(file.AsSpan(0, at), file.AsSpan(at));
        return file;
    }

    /// <exception cref="SpadeException">DataLoss: damaged. FailedPrecondition: other format or model.</exception>
    public static StoredFeatures ReadFeatures(string path, FeatureModel model)
    {
        using var stream = Open(path, model, out var header);
        var resident = ReadPart(stream, path, header, ResidentLength(model), HeaderLength(model.Levels.Count), 0, "pooled features");
        var pooled = MemoryMarshal.Cast<byte, float>(resident.AsSpan(0, 4 * model.PooledLength)).ToArray();
        var moments = new ChannelMoments[model.Levels.Count];
        int at = 4 * model.PooledLength;
        for (int l = 0; l < moments.Length; l++)
        {
            int bytes = 8 * model.Levels[l].Channels;
            moments[l] = new ChannelMoments(Doubles(resident, at, bytes), Doubles(resident, at + bytes, bytes));
            at += 2 * bytes;
        }
        return new StoredFeatures(pooled, moments);
    }

    /// <exception cref="SpadeException">DataLoss: damaged. FailedPrecondition: other format or model.</exception>
    public static FeaturePyramid ReadPyramid(string path, FeatureModel model)
    {
        using var stream = Open(path, model, out var header);
        var levels = new Half[model.Levels.Count][];
        long at = HeaderLength(levels.Length) + ResidentLength(model);
        for (int l = 0; l < levels.Length; l++)
        {
            var bytes = ReadPart(stream, path, header, 2 * model.Levels[l].Length, at, l + 1, $"level {l + 1}");
            levels[l] = MemoryMarshal.Cast<byte, Half>(bytes).ToArray();
            at += bytes.Length;
        }
        return new FeaturePyramid(model.Levels, levels);
    }

    private static FileStream Open(string path, FeatureModel model, out byte[] header)
    {
        FileStream stream;
        try
        {
            stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new SpadeException(SpadeError.DataLoss, $"'{path}' is missing: restore it from a backup, or retire the image", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SpadeException(SpadeError.Unavailable, $"'{path}' could not be read: {e.Message}", e);
        }
        try
        {
            int levels = model.Levels.Count;
            header = new byte[HeaderLength(levels)];
            if (stream.Length < header.Length || stream.ReadAtLeast(header, header.Length, throwOnEndOfStream: false) < header.Length || !header.AsSpan(0, 8).SequenceEqual(Magic))
                throw Damaged(path, "its header is cut off or is not a gallery image's");
            int format = BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(8));
            if (BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(12)) != levels || !SHA256.HashData(header.AsSpan(0, header.Length - Hash)).AsSpan().SequenceEqual(header.AsSpan(header.Length - Hash)))
                throw Damaged(path, "the header's checksum does not hold");
            if (format != FormatVersion)
                throw new SpadeException(SpadeError.FailedPrecondition, $"'{path}' has format {format}, this program reads {FormatVersion}: use a newer one");
            if (stream.Length != FileLength(model)) throw Damaged(path, $"it has {stream.Length} bytes instead of {FileLength(model)}");
            string digest = Encoding.ASCII.GetString(header, 24 + 8 * levels, DigestText).TrimEnd();
            if (digest != model.Digest)
                throw new SpadeException(SpadeError.FailedPrecondition, $"'{path}' holds features of another model (digest {digest[..Math.Min(12, digest.Length)]}, expected {model.Digest[..12]})");
            return stream;
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    private static byte[] ReadPart(FileStream stream, string path, byte[] header, int length, long offset, int index, string what)
    {
        var part = new byte[length];
        stream.Position = offset;
        if (stream.ReadAtLeast(part, length, throwOnEndOfStream: false) < length) throw Damaged(path, $"{what} are cut off");
        int levels = BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(12));
        var expected = header.AsSpan(24 + 8 * levels + DigestText + Hash * index, Hash);
        return SHA256.HashData(part).AsSpan().SequenceEqual(expected) ? part : throw Damaged(path, $"the checksum of its {what} does not hold");
    }

    private static SpadeException Damaged(string path, string how)
        => new(SpadeError.DataLoss, $"'{path}' is damaged: {how}; restore it from a backup, or retire the image and add it again");

    private static int Append(byte[] file, int at, ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(file.AsSpan(at));
        return bytes.Length;
    }

    private static double[] Doubles(byte[] bytes, int at, int length) => MemoryMarshal.Cast<byte, double>(bytes.AsSpan(at, length)).ToArray();
}
